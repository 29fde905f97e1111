//! The addresses that a service may exchange packets with.

use sys::address_filter::Rule;
use unit::service::sandbox::{Prefix, Sandbox};

/// The rules, those that allow before those that deny; none where all are allowed.
pub fn addresses(sandbox: &Sandbox) -> Option<Vec<Rule>> {
    if sandbox.denied_addresses.is_empty() {
        return None;
    }
    let rule = |prefix: &Prefix, allowed| Rule { address: prefix.address, length: prefix.length, allowed };
    let allowed = sandbox.allowed_addresses.iter().map(|prefix| rule(prefix, true));
    let denied = sandbox.denied_addresses.iter().map(|prefix| rule(prefix, false));
    Some(allowed.chain(denied).collect())
}
