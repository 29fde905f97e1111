//! What is mounted (proc(5), mounts).

use unit::mount::unescape_octal;

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The device, or what stands for it.
    pub device: String,
    /// Where.
    pub place: String,
    /// The file system's type.
    pub kind: String,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// File systems with data of the machine's own: asking one never waits for another machine.
const LOCAL: [&str; 9] = ["btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "squashfs", "vfat", "xfs"];

/// Reads `/proc/self/mounts`.
pub fn parse(text: &str) -> Vec<Mount> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let mut next = || words.next().map(unescape_octal);
        let (device, place, kind, options) = (next()?, next()?, next()?, next()?);
        Some(Mount { device, place, kind, read_only: options.split(',').any(|option| option == "ro") })
    };
    text.lines().filter_map(line).collect()
}

impl Mount {
    /// Whether its space can be asked for without waiting for another machine, and means something.
    pub fn is_local(&self) -> bool {
        LOCAL.contains(&self.kind.as_str()) || (self.kind == "tmpfs" && is_main_tmpfs(&self.place))
    }
}

/// The machine's own tmpfs; those of containers and services are many, and their own.
fn is_main_tmpfs(place: &str) -> bool {
    matches!(place, "/" | "/run" | "/tmp" | "/dev/shm")
}

/// The local file systems, each once: of a device that is mounted in several places (bind mounts of
/// containers and sandboxes) the first, of a place that is mounted over the last.
pub fn local(mounts: &[Mount]) -> Vec<&Mount> {
    let mut seen = std::collections::BTreeSet::new();
    let is_visible =
        |index: usize| mounts[index + 1..].iter().all(|later| later.place != mounts[index].place);
    mounts
        .iter()
        .enumerate()
        .filter(|(index, mount)| mount.is_local() && is_visible(*index))
        .map(|(_, mount)| mount)
        .filter(|mount| mount.kind == "tmpfs" || seen.insert(mount.device.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_local_file_system_once() {
        let text = "/dev/vda7 / ext4 rw,relatime 0 0\n/dev/dm-0 /usr erofs ro 0 0\ntmpfs /run tmpfs rw 0 0\ntmpfs /run tmpfs rw 0 0\n\
                    /dev/vda7 /var/lib/x\\040y ext4 rw 0 0\nserver:/x /mnt nfs4 rw 0 0\n\
                    tmpfs /run/user/1 tmpfs rw 0 0\noverlay /etc overlay rw 0 0\nproc /proc proc rw 0 0\nodd\n";
        let mounts = parse(text);
        assert_eq!((mounts.len(), mounts[4].place.as_str(), mounts[1].read_only), (9, "/var/lib/x y", true));
        let places: Vec<&str> = local(&mounts).iter().map(|mount| mount.place.as_str()).collect();
        assert_eq!(places, ["/", "/usr", "/run"]);
    }
}
