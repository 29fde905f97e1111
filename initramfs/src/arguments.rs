//! The kernel arguments that stage 1 obeys.

use layout::args::{self, words};
use verity::RootHash;

/// Where `/usr` comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsrSource {
    /// The slot of the boot disk with this root hash.
    Slot(RootHash),
}

/// Where ROOT is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootSource {
    /// The boot disk's partition of that label.
    Disk,
    /// A tmpfs: nothing outlives the next reboot.
    Memory,
}

/// What the kernel arguments ask of stage 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// Where `/usr` comes from.
    pub usr: UsrSource,
    /// Where ROOT is.
    pub root: RootSource,
    /// Kernel name of the boot disk, where it is given.
    pub disk: Option<String>,
    /// Whether the machine is to be provisioned on a first boot, where that is said.
    pub first_boot: Option<bool>,
}

/// An argument that cannot be obeyed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArgument {
    /// None says which `/usr` to boot.
    #[error("the kernel argument usrhash=<root hash of /usr> is missing")]
    NoUsrHash,
    /// Its value cannot be right.
    #[error("kernel argument {name}={value}: {problem}")]
    Value {
        /// Name of the argument.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Given twice, with different values.
    #[error("the kernel argument {name} is given twice, as {first} and as {second}")]
    Twice {
        /// Name of the argument.
        name: &'static str,
        /// Value given first.
        first: String,
        /// Another one.
        second: String,
    },
}

impl Arguments {
    /// Reads a kernel command line.
    ///
    /// # Errors
    /// Where an argument that stage 1 must obey is missing, or is one that it cannot obey.
    pub fn parse(command_line: &str) -> Result<Self, InvalidArgument> {
        let usr = match value(command_line, args::USR)?.as_deref() {
            None | Some("slot") => UsrSource::Slot(usr_hash(command_line)?),
            Some(other) => {
                let problem = "the only source of /usr built so far is 'slot'";
                return Err(invalid(args::USR, other, problem));
            }
        };
        let root = match value(command_line, args::ROOT)?.as_deref() {
            None => RootSource::Disk,
            Some("tmpfs") => RootSource::Memory,
            Some(other) => {
                let problem = "ROOT is the boot disk's partition of that label, or in memory with root=tmpfs; \
                     the disk can be named by berth.disk=";
                return Err(invalid(args::ROOT, other, problem));
            }
        };
        let disk = value(command_line, args::DISK)?;
        let disk = disk.map(|name| name.trim_start_matches("/dev/").to_owned());
        let first_boot = match value(command_line, args::FIRST_BOOT)?.as_deref() {
            None => None,
            Some("" | "1") => Some(true),
            Some("0") => Some(false),
            Some(other) => {
                let problem = "0 is for no provisioning, 1 for one also where ROOT is in memory";
                return Err(invalid(args::FIRST_BOOT, other, problem));
            }
        };
        Ok(Self { usr, root, disk, first_boot })
    }
}

/// The arguments of our own kind that nothing in the image knows.
pub fn unknown(command_line: &str) -> Vec<String> {
    words(command_line)
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(args::PREFIX) && !args::KNOWN.contains(&name.as_str()))
        .collect()
}

fn usr_hash(command_line: &str) -> Result<RootHash, InvalidArgument> {
    let text = value(command_line, args::USRHASH)?.ok_or(InvalidArgument::NoUsrHash)?;
    text.parse().map_err(|_| invalid(args::USRHASH, &text, "a root hash is 64 hexadecimal digits"))
}

fn invalid(name: &'static str, value: &str, problem: &str) -> InvalidArgument {
    InvalidArgument::Value { name, value: value.to_owned(), problem: problem.to_owned() }
}

/// The one value of an argument. That the last one should win, as with the kernel's own, would
/// let an argument from outside replace the one that the image was built with.
fn value(command_line: &str, name: &'static str) -> Result<Option<String>, InvalidArgument> {
    let mut values =
        words(command_line).filter(|(n, _)| n == name).map(|(_, value)| value.unwrap_or_default());
    let Some(first) = values.next() else { return Ok(None) };
    match values.find(|other| *other != first) {
        None => Ok(Some(first)),
        Some(second) => Err(InvalidArgument::Twice { name, first, second }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn line(rest: &str) -> String {
        format!("usrhash={HASH} {rest}")
    }

    fn slot() -> UsrSource {
        UsrSource::Slot(HASH.parse().unwrap())
    }

    #[test]
    fn arguments_are_read() {
        let plain = Arguments { usr: slot(), root: RootSource::Disk, disk: None, first_boot: None };
        for (rest, expected) in [
            ("", plain.clone()),
            ("console=ttyS0 quiet\n", plain.clone()),
            ("berth.usr=slot", plain.clone()),
            ("root=tmpfs", Arguments { root: RootSource::Memory, ..plain.clone() }),
            ("berth.disk=vdb", Arguments { disk: Some("vdb".into()), ..plain.clone() }),
            ("berth.disk=\"/dev/vdb\"", Arguments { disk: Some("vdb".into()), ..plain.clone() }),
            ("ignition.firstboot", Arguments { first_boot: Some(true), ..plain.clone() }),
            ("ignition.firstboot=1", Arguments { first_boot: Some(true), ..plain.clone() }),
            ("ignition.firstboot=0", Arguments { first_boot: Some(false), ..plain.clone() }),
            ("-- root=tmpfs", plain.clone()),
            ("x=\"a root=tmpfs b\"", plain.clone()),
            (&format!("usrhash={HASH}"), plain.clone()),
        ] {
            assert_eq!(Arguments::parse(&line(rest)), Ok(expected), "{rest}");
        }
    }

    #[test]
    fn what_cannot_be_obeyed_is_refused_by_name() {
        for (command_line, expected) in [
            ("quiet".to_owned(), "usrhash=<root hash of /usr> is missing"),
            (format!("-- usrhash={HASH}"), "usrhash=<root hash of /usr> is missing"),
            ("usrhash=12".to_owned(), "usrhash=12: a root hash is 64"),
            ("usrhash".to_owned(), "usrhash=: a root hash is 64"),
            (line("usrhash=00"), "usrhash is given twice"),
            (line("root=/dev/sda1"), "root=/dev/sda1: ROOT is"),
            (line("berth.usr=memory"), "berth.usr=memory: the only source"),
            (line("berth.usr=medium"), "berth.usr=medium: the only source"),
            (line("ignition.firstboot=no"), "ignition.firstboot=no: 0 is for"),
            (line("berth.disk=sda berth.disk=sdb"), "berth.disk is given twice, as sda and as sdb"),
        ] {
            let error = Arguments::parse(&command_line).unwrap_err().to_string();
            assert!(error.contains(expected), "{command_line}: {error}");
        }
    }

    #[test]
    fn arguments_of_ours_that_nobody_knows_are_named() {
        let command_line = "berth.shel=ttyS0 quiet berth.shell=ttyS0 berth.x berthe=1";
        assert_eq!(unknown(command_line), ["berth.shel", "berth.x"]);
    }
}
