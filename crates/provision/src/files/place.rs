//! Where a config may write, and where not.

use std::path::Path;

use layout::path::{ESP, STATE};

/// What is made anew at every boot: what is written there now, nobody would see.
const VOLATILE: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/tmp"];
/// The image's.
const IMAGE: &str = "/usr";

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is in the way.
    pub cause: String,
    /// What to do.
    pub next_step: &'static str,
}

/// Why nothing may be written at a path to which no links lead any more; nothing where it may.
pub fn refusal(path: &Path) -> Option<Refusal> {
    let (cause, next_step) = if let Some(folder) = VOLATILE.iter().find(|folder| path.starts_with(folder)) {
        let cause = format!("{folder} is made anew at every boot, so that {} would not stay", path.display());
        (cause, "write it below /etc, /var or /opt, or have a unit or tmpfiles.d(5) make it")
    } else if is_image(path) {
        let cause =
            format!("{} is below {IMAGE}, which is the image's and is never written to", path.display());
        (cause, "write it below /etc (configuration), /opt or /var")
    } else if path.starts_with(ESP) {
        let cause =
            format!("{ESP} is where the EFI partition is mounted, which would hide {}", path.display());
        (cause, "write it below /etc, /var or /opt; kernel arguments go into kernelArguments")
    } else if path.starts_with(STATE) {
        let cause = format!("{STATE} is Berth's own state");
        (cause, "write it to another folder of /var/lib")
    } else {
        return None;
    };
    Some(Refusal { cause, next_step })
}

/// Whether a path is the image's.
pub fn is_image(path: &Path) -> bool {
    path.starts_with(IMAGE)
}

/// Why what is at a path may not be removed; nothing where it may.
pub fn removal_refusal(path: &Path) -> Option<Refusal> {
    let holds_state = Path::new(STATE).starts_with(path) || path == Path::new("/etc");
    holds_state.then(|| Refusal {
        cause: format!("{} holds what the system runs by, and cannot be replaced whole", path.display()),
        next_step: "leave overwrite away, and name what is in it",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_is_written_to() {
        for path in
            ["/run", "/run/a", "/tmp/a", "/proc/1", "/usr/bin/a", "/usr", "/boot/a", "/var/lib/berth/a"]
        {
            assert!(refusal(Path::new(path)).is_some(), "{path}");
        }
        for path in
            ["/", "/etc/a", "/runner", "/tmp0/a", "/usrlocal", "/var/lib", "/var/lib/berthold", "/home/a"]
        {
            assert!(refusal(Path::new(path)).is_none(), "{path}");
        }
    }

    #[test]
    fn what_holds_the_state_stays() {
        for path in ["/", "/var", "/var/lib", "/var/lib/berth", "/etc"] {
            assert!(removal_refusal(Path::new(path)).is_some(), "{path}");
        }
        for path in ["/var/lib/etcd", "/home", "/etc/a"] {
            assert!(removal_refusal(Path::new(path)).is_none(), "{path}");
        }
    }
}
