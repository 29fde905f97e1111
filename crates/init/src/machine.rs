//! What a machine, as opposed to a container, needs before its services: file systems, names,
//! settings, time, randomness. Nothing here keeps the machine from booting: what does not work
//! is told, and the rest goes on.

mod extensions;
mod history;
mod identity;
mod mounts;
mod seed;
mod settings;

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;

use init_io::report::Reporter;

/// What is in a core (core(5)): memory of its own, shared memory without a file, headers of programs,
/// huge pages of its own.
const CORE_FILTER: &str = "/proc/self/coredump_filter";
const CORE_PARTS: &str = "0x33";

/// Where file systems are told of elsewhere.
const FSTAB: &str = "/etc/fstab";

pub use history::{end as note_end, unfit as note_unfit};
pub use identity::boot_id;
pub use seed::save as save_seed;

/// Readies the machine. Says whether this is its first boot.
pub fn ready(reporter: &mut Reporter) -> bool {
    let mut note = |result: anyhow::Result<()>| {
        if let Err(error) = result {
            reporter.warn(&format!("{error:#}"));
        }
    };
    note(sys::machine::catch_ctrl_alt_del().map_err(Into::into));
    for result in mounts::mount_all() {
        note(result);
    }
    // Before anything else looks into /usr.
    note(extensions::merge());
    note(raise_file_limit());
    note(allow_cores());
    note(sys::confine::bring_up_loopback().context("cannot bring the loopback interface up"));
    note(not_before_build());
    note(seed::load());
    note(history::begin());
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let first_boot = match identity::machine_id(&command_line) {
        Ok(is_new) => is_new,
        Err(error) => {
            note(Err(error));
            false
        }
    };
    note(identity::check(&command_line));
    note(identity::host_name(&command_line));
    note(no_fstab(&fs::read_to_string(FSTAB).unwrap_or_default()));
    for result in settings::apply() {
        note(result);
    }
    first_boot
}

/// This process holds descriptors for every service, and its limit is the most that services can
/// ask for.
fn raise_file_limit() -> anyhow::Result<()> {
    let most = Some(spawn::FILES_MAX);
    let limit = rustix::process::Rlimit { current: most, maximum: most };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)
        .context("cannot raise the limit of open files")
}

/// What this process starts may leave cores of any size: the kernel starts it with a limit of none,
/// by which the cores' handler goes. A unit says otherwise by `LimitCORE=`. The headers of programs and
/// libraries are in them, which have the build ids.
fn allow_cores() -> anyhow::Result<()> {
    let limit = rustix::process::Rlimit { current: None, maximum: None };
    rustix::process::setrlimit(rustix::process::Resource::Core, limit)
        .context("cannot raise the limit of cores")?;
    fs::write(CORE_FILTER, CORE_PARTS).with_context(|| format!("cannot set {CORE_FILTER}"))
}

/// Whoever writes fstab(5) expects its file systems: that nobody reads it is told.
fn no_fstab(text: &str) -> anyhow::Result<()> {
    let entries =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    anyhow::ensure!(
        entries == 0,
        "{FSTAB} is not read ({entries} {}): write mount and swap units instead (systemd.mount(5))",
        if entries == 1 { "entry" } else { "entries" }
    );
    Ok(())
}

/// The image's version, by os-release.
pub fn version() -> String {
    let text = fs::read_to_string(layout::path::OS_RELEASE).unwrap_or_default();
    unit::text::environment::parse(&text)
        .into_iter()
        .find(|(name, _)| name == "VERSION_ID")
        .map_or_else(String::new, |(_, value)| value)
}

/// A clock that stands before the image was built, or before the machine last ran, is wrong:
/// certificates would not be valid yet.
fn not_before_build() -> anyhow::Result<()> {
    let modified = |path: &str| {
        let time = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
        time.duration_since(UNIX_EPOCH).ok()
    };
    let floor = [layout::path::OS_RELEASE, seed::PATH].into_iter().filter_map(modified).max();
    Ok(sys::machine::set_no_earlier(floor.unwrap_or(Duration::ZERO))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_file_systems_is_not_passed_over_in_silence() {
        for (text, said) in [
            ("", None),
            ("# <file system> <mount point>\n\n", None),
            ("LABEL=data /data ext4 defaults 0 2\n", Some("(1 entry)")),
            ("#\nLABEL=data /data ext4 defaults 0 2\n /dev/vdb none swap sw 0 0", Some("(2 entries)")),
        ] {
            let told = no_fstab(text).err().map(|error| error.to_string());
            assert_eq!(told.is_some(), said.is_some(), "{text}");
            assert!(told.unwrap_or_default().contains(said.unwrap_or_default()), "{text}");
        }
    }
}
