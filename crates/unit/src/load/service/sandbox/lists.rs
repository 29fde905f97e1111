//! Lists: capabilities, address families, namespaces, system calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::load::setter::{Outcome, REST_HOLDS, Setter};
use crate::service::sandbox::{CallSet, Denial, Filter, Sandbox, SystemCalls};
use crate::text::value;
use crate::text::{capability, errno, syscall};

/// Address families by name (linux/socket.h).
const FAMILIES: [(&str, u32); 46] = [
    ("AF_UNIX", 1),
    ("AF_LOCAL", 1),
    ("AF_INET", 2),
    ("AF_AX25", 3),
    ("AF_IPX", 4),
    ("AF_APPLETALK", 5),
    ("AF_NETROM", 6),
    ("AF_BRIDGE", 7),
    ("AF_ATMPVC", 8),
    ("AF_X25", 9),
    ("AF_INET6", 10),
    ("AF_ROSE", 11),
    ("AF_DECnet", 12),
    ("AF_NETBEUI", 13),
    ("AF_SECURITY", 14),
    ("AF_KEY", 15),
    ("AF_NETLINK", 16),
    ("AF_ROUTE", 16),
    ("AF_PACKET", 17),
    ("AF_ASH", 18),
    ("AF_ECONET", 19),
    ("AF_ATMSVC", 20),
    ("AF_RDS", 21),
    ("AF_SNA", 22),
    ("AF_IRDA", 23),
    ("AF_PPPOX", 24),
    ("AF_WANPIPE", 25),
    ("AF_LLC", 26),
    ("AF_IB", 27),
    ("AF_MPLS", 28),
    ("AF_CAN", 29),
    ("AF_TIPC", 30),
    ("AF_BLUETOOTH", 31),
    ("AF_IUCV", 32),
    ("AF_RXRPC", 33),
    ("AF_ISDN", 34),
    ("AF_PHONET", 35),
    ("AF_IEEE802154", 36),
    ("AF_CAIF", 37),
    ("AF_ALG", 38),
    ("AF_NFC", 39),
    ("AF_VSOCK", 40),
    ("AF_KCM", 41),
    ("AF_QIPCRTR", 42),
    ("AF_SMC", 43),
    ("AF_XDP", 44),
];

/// Namespaces by name, and their bits of clone(2).
const NAMESPACES: [(&str, u64); 8] = [
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
    ("time", 0x0000_0080),
];

/// `SecureBits=` by name, and their bits (linux/securebits.h).
const SECURE_BITS: [(&str, u32); 6] = [
    ("noroot", 1),
    ("noroot-locked", 1 << 1),
    ("no-setuid-fixup", 1 << 2),
    ("no-setuid-fixup-locked", 1 << 3),
    ("keep-caps", 1 << 4),
    ("keep-caps-locked", 1 << 5),
];

/// The value without the `~` that inverts it, and whether that was there.
fn inverted(value: &str) -> (bool, &str) {
    match value.strip_prefix('~') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, value),
    }
}

/// A line of a list.
struct Line<T> {
    /// `~`.
    invert: bool,
    /// What it names.
    named: Vec<T>,
    /// What is to be said of words that name nothing.
    unknown: Outcome,
}

/// Reads a line. A word that names nothing takes nothing away from what the others say.
fn line<T>(setter: &Setter, what: &str, find: impl Fn(&str) -> Option<T>) -> Outcome<Line<T>> {
    let (invert, value) = inverted(setter.value);
    let words = Setter { name: setter.name, host: setter.host, value }.words()?;
    let mut line = Line { invert, named: Vec::with_capacity(words.len()), unknown: Ok(()) };
    for word in &words {
        match find(word) {
            Some(found) => line.named.push(found),
            None => line.unknown = Err(format!("there is no {what} {word:?}{REST_HOLDS}")),
        }
    }
    Ok(line)
}

fn by_name<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// `CapabilityBoundingSet=`.
pub(super) fn bounding(set: &mut Option<u64>, setter: &Setter) -> Outcome {
    let line = line(setter, "capability", capability::number)?;
    let before = set.unwrap_or(u64::MAX);
    // What every process has is no set to add to.
    let is_unset = before == u64::MAX;
    *set = Some(capabilities(&line, before, is_unset));
    line.unknown
}

/// `AmbientCapabilities=`.
pub(super) fn ambient(set: &mut u64, setter: &Setter) -> Outcome {
    let line = line(setter, "capability", capability::number)?;
    let is_unset = *set == 0;
    *set = capabilities(&line, *set, is_unset) & capability::ALL;
    line.unknown
}

/// A set of capabilities after one more line of it.
fn capabilities(line: &Line<u32>, before: u64, is_unset: bool) -> u64 {
    let named = line.named.iter().fold(0u64, |bits, number| bits | 1 << number);
    let is_empty = line.named.is_empty() && line.unknown.is_ok();
    match (line.invert, is_unset || is_empty) {
        (false, true) => named,
        (true, true) => !named,
        (false, false) => before | named,
        (true, false) => before & !named,
    }
}

/// `SecureBits=`.
pub(super) fn secure_bits(bits: &mut u32, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        *bits = 0;
        return Ok(());
    }
    let line = line(setter, "secure bit", |word| by_name(&SECURE_BITS, word))?;
    *bits |= line.named.iter().fold(0, |bits, bit| bits | bit);
    line.unknown
}

/// `RestrictAddressFamilies=`.
pub(super) fn families(filter: &mut Option<Filter<u32>>, setter: &Setter) -> Outcome {
    match setter.value {
        "" => *filter = None,
        "none" => *filter = Some(Filter::Allow(BTreeSet::new())),
        _ => {
            let line = line(setter, "address family", |word| by_name(&FAMILIES, word))?;
            let named = line.named.into_iter().collect();
            // Nothing of which nothing is left is as if nothing had been said.
            let before = filter.take().filter(|filter| *filter != Filter::Allow(BTreeSet::new()));
            *filter = Some(merged(before, named, line.invert));
            return line.unknown;
        }
    }
    Ok(())
}

/// Adds a line to a filter: one of its own kind names more, one of the other kind takes away.
fn merged<T: Ord + Clone>(before: Option<Filter<T>>, named: BTreeSet<T>, invert: bool) -> Filter<T> {
    match (before, invert) {
        (None, false) => Filter::Allow(named),
        (None, true) => Filter::Deny(named),
        (Some(Filter::Allow(set)), false) => Filter::Allow(&set | &named),
        (Some(Filter::Allow(set)), true) => Filter::Allow(&set - &named),
        (Some(Filter::Deny(set)), true) => Filter::Deny(&set | &named),
        (Some(Filter::Deny(set)), false) => Filter::Deny(&set - &named),
    }
}

/// `RestrictNamespaces=`.
pub(super) fn namespaces(sandbox: &mut Sandbox, setter: &Setter) -> Outcome {
    let all = NAMESPACES.iter().fold(0, |bits, (_, bit)| bits | bit);
    let denied = &mut sandbox.denied_namespaces;
    if setter.value.is_empty() {
        *denied = 0;
        return Ok(());
    }
    if let Ok(deny) = value::boolean(setter.value) {
        *denied = if deny { all } else { 0 };
        return Ok(());
    }
    let line = line(setter, "namespace", |word| by_name(&NAMESPACES, word))?;
    let named = line.named.iter().fold(0, |bits, bit| bits | bit);
    *denied = match (line.invert, *denied) {
        (true, denied) => denied | named,
        (false, 0) => all & !named,
        (false, denied) => denied & !named,
    };
    line.unknown
}

/// What happens at a system call: `kill`, or an error by name or number.
pub(super) fn denial(word: &str) -> Outcome<Denial> {
    if word == "kill" {
        return Ok(Denial::Kill);
    }
    let number = errno::number(word).ok_or_else(|| format!("{word:?} is neither an error nor `kill`"))?;
    Ok(Denial::Errno(number))
}

/// The numbers of what a word names. A call of another architecture or another kernel is none that
/// could be made here.
fn calls_of(name: &str) -> Option<Vec<u32>> {
    match name.starts_with('@') {
        true => syscall::group(name),
        false => Some(syscall::number(name).into_iter().collect()),
    }
}

/// `SystemCallFilter=`.
pub(super) fn system_calls(filter: &mut Option<SystemCalls>, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        *filter = None;
        return Ok(());
    }
    let mut line = line(setter, "group of system calls", |word| {
        let (name, denial) = match word.split_once(':') {
            Some((name, word)) => (name, Some(denial(word).ok()?)),
            None => (word, None),
        };
        Some((calls_of(name)?, denial))
    })?;
    let mut named: BTreeMap<u32, Option<Denial>> = BTreeMap::new();
    for (numbers, denial) in &line.named {
        named.extend(numbers.iter().map(|number| (*number, *denial)));
    }
    if named.is_empty() && line.unknown.is_ok() {
        line.unknown = Err(format!("none of these is a system call of this architecture{REST_HOLDS}"));
    }
    let filter = filter.get_or_insert_with(|| {
        let mut named = CallSet::default();
        if !line.invert {
            // What every program needs to begin and to end.
            calls_of("@default").into_iter().flatten().for_each(|number| named.set(number, true));
        }
        SystemCalls { is_allow_list: !line.invert, named, denials: BTreeMap::new() }
    });
    for (number, denial) in named {
        // A line of the other kind takes away, unless it says how a call is denied.
        let takes_away = filter.is_allow_list == line.invert && (denial.is_none() || !filter.is_allow_list);
        filter.named.set(number, !takes_away);
        match denial.filter(|_| !takes_away) {
            Some(denial) => drop(filter.denials.insert(number, denial)),
            None => drop(filter.denials.remove(&number)),
        }
    }
    line.unknown
}

/// `SystemCallLog=`.
pub(super) fn logged_calls(filter: &mut Option<Filter<u32>>, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        *filter = None;
        return Ok(());
    }
    let line = line(setter, "group of system calls", calls_of)?;
    *filter = Some(merged(filter.take(), line.named.into_iter().flatten().collect(), line.invert));
    line.unknown
}
