//! ROOT: mounted, grown and filled with the folders that every boot needs.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use layout::Guid;
use layout::disk::{ROOT, ROOT_FS_UUID};
use layout::path::{ETC_LOWER, ETC_UPPER, ETC_WORK, OVERLAY_OPTIONS, ROOT_DIRS, ROOT_LINKS, SYSROOT};
use sys::mount::{Mount, MountFlags};

use crate::partitions::BootDisk;
use crate::plan::Failure;
use crate::superblock::{self, Ext4};
use crate::{fsck, kernel_log};

/// The size, in bytes, up to which the boot waits until ROOT has grown. A terabyte takes seconds.
const AT_ONCE: u64 = 32 << 30;

/// Mounts the boot disk's ROOT at `/sysroot`. On first boot its file system gets a UUID of its own. One that was not
/// left clean is mended first.
pub fn mount_disk(disk: &BootDisk) -> Result<()> {
    let (device, _) = disk.device(&ROOT)?;
    let mut ext4 = read_superblock(&device)?;
    if !ext4.clean {
        fsck::mend(&device)?;
        ext4 = read_superblock(&device)?;
    }
    mount_ext4(&device, &ext4)
}

/// Whether an error is noted in it, so that it is to be mended before it is mounted. What cannot be read has none noted.
pub fn has_errors(disk: &BootDisk) -> bool {
    let ext4 = disk.device(&ROOT).and_then(|(device, _)| read_superblock(&device));
    ext4.is_ok_and(|ext4| ext4.errors)
}

/// Mounts it before `/usr` is there. Says whether it may stay so: one that was not left clean is to be unmounted and
/// mended, as soon as what mends it is there (see [`Ext4::clean`]).
pub fn mount_early(disk: &BootDisk) -> Result<bool> {
    let (device, _) = disk.device(&ROOT)?;
    let ext4 = read_superblock(&device)?;
    mount_ext4(&device, &ext4)?;
    Ok(ext4.clean)
}

fn mount_ext4(device: &Path, ext4: &Ext4) -> Result<()> {
    let sysroot = Path::new(SYSROOT);
    Mount { source: device, kind: "ext4", flags: MountFlags::empty(), options: "" }.on(sysroot)?;
    // A ROOT that keeps a shipped name can be used, and the next boot tries again.
    if ext4.uuid == ROOT_FS_UUID {
        let uuid = Guid::from_random(sys::random::name_16()?);
        told_if_failed(sys::ext4::set_uuid(sysroot, uuid.to_bytes()));
    }
    Ok(())
}

/// Lets the file system that is mounted grow where its partition has become bigger. One that stays small can be used,
/// and the next boot tries again.
pub fn grow(disk: &BootDisk) -> Result<()> {
    let (device, size) = disk.device(&ROOT)?;
    let growth = read_superblock(&device)?.growth(size, AT_ONCE);
    let sysroot = Path::new(SYSROOT);
    if let Some(blocks) = growth.now {
        told_if_failed(sys::ext4::grow(sysroot, blocks));
    }
    if let Some(blocks) = growth.later {
        told_if_failed(sys::ext4::grow_in_background(sysroot, blocks));
    }
    Ok(())
}

/// Unmounts ROOT, for who is to change it.
pub fn unmount() -> Result<()> {
    Ok(sys::mount::unmount(Path::new(SYSROOT))?)
}

/// Mounts a ROOT at `/sysroot` that is in memory.
pub fn mount_memory() -> Result<()> {
    let tmpfs = Path::new("tmpfs");
    let mount = Mount { source: tmpfs, kind: "tmpfs", flags: MountFlags::empty(), options: "mode=0755" };
    Ok(mount.on(Path::new(SYSROOT))?)
}

fn told_if_failed(result: sys::Result<()>) {
    if let Err(error) = result {
        kernel_log::alarm(&error.to_string());
    }
}

fn read_superblock(device: &Path) -> Result<Ext4> {
    let mut bytes = [0; superblock::SIZE];
    File::open(device)
        .and_then(|file| file.read_exact_at(&mut bytes, superblock::OFFSET))
        .with_context(|| format!("read {} ({})", device.display(), ROOT.label))?;
    let missing = || Failure {
        cause: format!("{} ({}) holds no ext4", device.display(), ROOT.label),
        next_step: "boot with root=tmpfs to look at it, or write the image to the disk anew".into(),
    };
    Ok(Ext4::parse(&bytes).ok_or_else(missing)?)
}

/// Makes the folders and links of ROOT that are missing. What is there is left as it is.
pub fn fill() -> Result<()> {
    for dir in ROOT_DIRS {
        let path = in_sysroot(dir.path);
        let made = fs::create_dir(&path).and_then(|()| {
            // Not by mkdir's mode: that one is subject to the umask.
            fs::set_permissions(&path, Permissions::from_mode(dir.mode))?;
            chown(&path, Some(dir.owner), Some(dir.owner))
        });
        unless_there(made).with_context(|| format!("make the folder {}", path.display()))?;
    }
    for link in ROOT_LINKS {
        make_link(link.target, &in_sysroot(link.path))?;
    }
    Ok(())
}

/// Makes the programs of a `/usr` that is mounted in the initramfs run there: they look for their
/// loader and their libraries by the old names.
pub fn link_programs() -> Result<()> {
    let is_at_top = |link: &&layout::path::Link| Path::new(link.path).parent() == Some(Path::new("/"));
    for link in ROOT_LINKS.iter().filter(is_at_top) {
        make_link(link.target, Path::new(link.path))?;
    }
    Ok(())
}

fn make_link(target: &str, path: &Path) -> Result<()> {
    unless_there(symlink(target, path)).with_context(|| format!("make the link {}", path.display()))
}

/// The folder of ROOT that something is to be mounted on. A link in its place, which a running
/// system could have left, would put the mount elsewhere.
pub fn mount_point(path: &str) -> Result<PathBuf> {
    let path = in_sysroot(path);
    let metadata = fs::symlink_metadata(&path).with_context(|| format!("look at {}", path.display()))?;
    if !metadata.is_dir() {
        let name = path.strip_prefix(SYSROOT).unwrap_or(&path).display();
        return Err(Failure {
            cause: format!("/{name} on {} is not a folder, and must be one to mount on", ROOT.label),
            next_step: format!("boot with root=tmpfs and remove /{name} from the file system {}", ROOT.label),
        }
        .into());
    }
    Ok(path)
}

/// Mounts `/sysroot/etc`: the machine's changes over the image's files.
pub fn mount_etc() -> Result<()> {
    let [lower, upper, work] = [ETC_LOWER, ETC_UPPER, ETC_WORK].map(in_sysroot);
    let options = format!(
        "lowerdir={},upperdir={},workdir={},{OVERLAY_OPTIONS}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let overlay = Path::new("overlay");
    let mount = Mount { source: overlay, kind: "overlay", flags: MountFlags::empty(), options: &options };
    Ok(mount.on(&mount_point("/etc")?)?)
}

/// Where a path of the running system is in stage 1.
pub fn in_sysroot(path: &str) -> PathBuf {
    Path::new(SYSROOT).join(path.trim_start_matches('/'))
}

fn unless_there(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
