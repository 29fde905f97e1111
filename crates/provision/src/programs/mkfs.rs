//! Making file systems: mkfs.ext4(8), mkfs.xfs(8), mkfs.vfat(8), mkswap(8).

use std::path::Path;

use layout::path::{MKFS_EXT4, MKFS_VFAT, MKFS_XFS, MKSWAP};

/// The kinds of file systems that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
    /// FAT with long names.
    Vfat,
    /// Swap space.
    Swap,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ext4, Self::Xfs, Self::Vfat, Self::Swap];

    /// As a config, and blkid(8), call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Vfat => "vfat",
            Self::Swap => "swap",
        }
    }

    /// A UUID as the program takes it, and as two that are the same compare equal: FAT has a number of 32 bits, which
    /// is shown with a dash and taken without.
    pub fn plain_uuid(self, uuid: &str) -> String {
        let uuid = uuid.to_ascii_lowercase();
        match (self, uuid.split_once('-')) {
            (Self::Vfat, Some((high, low))) if high.len() == 4 => format!("{high}{low}"),
            _ => uuid,
        }
    }
}

/// What is made.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Of which kind.
    pub format: Format,
    /// Its label.
    pub label: Option<&'a str>,
    /// Its UUID.
    pub uuid: Option<&'a str>,
    /// Options of the program that the operator adds.
    pub options: &'a [String],
}

impl New<'_> {
    /// Makes it on a device, whatever is there.
    ///
    /// # Errors
    /// The program says why.
    pub fn make(&self, device: &Path) -> Result<(), String> {
        let device = device.to_str().ok_or("the device has an impossible name")?;
        let (program, arguments) = self.command(device);
        super::run(program, &arguments).map(drop)
    }

    fn command(&self, device: &str) -> (&'static str, Vec<String>) {
        let (program, force, label, uuid) = match self.format {
            Format::Ext4 => (MKFS_EXT4, Some("-F"), "-L", "-U"),
            Format::Xfs => (MKFS_XFS, Some("-f"), "-L", "-m"),
            // It asks nothing.
            Format::Vfat => (MKFS_VFAT, None, "-n", "-i"),
            Format::Swap => (MKSWAP, Some("-f"), "-L", "-U"),
        };
        let mut arguments = self.options.to_vec();
        let mut add = |option: &str, value: &str| arguments.extend([option, value].map(str::to_owned));
        if let Some(given) = self.uuid {
            let given = self.format.plain_uuid(given);
            match self.format {
                Format::Xfs => add(uuid, &format!("uuid={given}")),
                _ => add(uuid, &given),
            }
        }
        if let Some(given) = self.label {
            add(label, given);
        }
        arguments.extend(force.map(str::to_owned));
        arguments.push(device.to_owned());
        (program, arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_its_own_options() {
        let options = ["-x".to_owned()];
        for (format, uuid, expected) in [
            (Format::Ext4, "ABCD-1", "/usr/sbin/mkfs.ext4 -x -U abcd-1 -L data -F /dev/vdb1"),
            (Format::Xfs, "ABCD-1", "/usr/sbin/mkfs.xfs -x -m uuid=abcd-1 -L data -f /dev/vdb1"),
            (Format::Vfat, "ABCD-1234", "/usr/sbin/mkfs.vfat -x -i abcd1234 -n data /dev/vdb1"),
            (Format::Vfat, "abcd1234", "/usr/sbin/mkfs.vfat -x -i abcd1234 -n data /dev/vdb1"),
            (Format::Swap, "ABCD-1", "/usr/sbin/mkswap -x -U abcd-1 -L data -f /dev/vdb1"),
        ] {
            let new = New { format, label: Some("data"), uuid: Some(uuid), options: &options };
            let (program, arguments) = new.command("/dev/vdb1");
            assert_eq!(format!("{program} {}", arguments.join(" ")), expected);
        }
        let bare = New { format: Format::Vfat, label: None, uuid: None, options: &[] };
        assert_eq!(bare.command("/dev/vdb1").1, ["/dev/vdb1"]);
    }
}
