//! System extensions: where their images are, and what they are made of (UAPI group, UAPI.4 "Extension Images" and
//! UAPI.2 "Discoverable Partitions").

use crate::disk::ROOT;
use crate::guid::{Guid, guid};

/// Folders of images, `<name>.raw`; of two of one name that in the first folder counts.
pub const DIRS: [&str; 2] = ["/etc/extensions", "/var/lib/extensions"];
/// Below it a folder a version of the base: the images that an update brought for it. Between the two of [`DIRS`]. Part
/// of Berth's own state, which is on ROOT also where `/var` is not: it is looked into before anything is mounted.
pub const STAGED: &str = "/var/lib/berth/extension-images";
/// End of an image's file name.
pub const SUFFIX: &str = ".raw";
/// Which root hash of an extension is trusted, a file a name: the updater writes it once the signatures have held.
pub const RECORDS: &str = "/var/lib/berth/extensions";
/// The names of the extensions that the machine is to have, a line each.
pub const WANTED: &str = "/etc/berth/extensions";
/// What this boot made of the extensions.
pub const STATE: &str = "/run/berth/extensions.json";
/// Where extensions are mounted while they are put together, a folder a name.
pub const MOUNTS: &str = "/run/berth/extensions";
/// Where the base's `/usr` is mounted meanwhile.
pub const BASE: &str = "/run/berth/base";
/// The work folder of the overlay over `/opt`.
pub const OPT_WORK: &str = "/var/lib/berth/opt-work";

/// In an image: where a file `extension-release.<name>` says what it is made for.
pub const RELEASES: &str = "usr/lib/extension-release.d";
/// Folders below `/usr` that stay the base's where extensions are merged. The kernel takes modules and firmware from
/// one file system alone (LoadPin).
pub const BASE_ONLY: [&str; 2] = ["lib/modules", "lib/firmware"];
/// What no extension may hold: the base's own, and what would not be used.
pub const FORBIDDEN: [&str; 5] =
    ["usr/lib/berth", "usr/lib/os-release", "usr/lib/modules", "usr/lib/firmware", "etc"];

/// Type of the partition with the file system, an erofs with `/usr` and `/opt` in it.
pub const DATA_TYPE: Guid = ROOT.type_guid;
/// Label of that partition.
pub const DATA_LABEL: &str = "root-x86-64";
/// Type of the partition with the hash tree.
pub const VERITY_TYPE: Guid = guid("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5");
/// Label of that partition.
pub const VERITY_LABEL: &str = "root-x86-64-verity";
