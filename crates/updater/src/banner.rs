//! What consoles and logins show of the machine.

use anyhow::Result;
use unit::control::{JobAction, Request};

/// Writes it anew.
const UNIT: &str = "berth-banner.service";

/// Has it say what has changed.
///
/// # Errors
/// PID 1 does not take the order.
pub fn renew() -> Result<()> {
    let units = vec![UNIT.to_owned()];
    init_client::order(&Request::Job { action: JobAction::Start, units, wait: false })
}
