//! The config's own file systems, mounted in the new root while it is written to.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ignition::config::{Config, Filesystem};
use layout::path::{ROOT_DIRS, ROOT_LINKS, STATE};
use rustix::fs::{FileType, major, minor};
use sys::mount::{Mount, MountFlags};

use super::place;
use super::tree::{Owner, Tree};
use crate::device::Names;
use crate::failure::Failure;

/// What is no file system to mount.
const NOT_MOUNTED: [&str; 3] = ["", "none", "swap"];
/// What only stage 1 mounts, at every boot, before a unit could.
const OF_STAGE_1: [&str; 2] = ["/", "/etc"];

/// What is mounted. It is unmounted when this goes.
#[derive(Debug, Default)]
pub struct Mounts {
    mounted: Vec<PathBuf>,
    /// Folders that were made to mount something on, as paths of the new root.
    pub made: Vec<PathBuf>,
}

impl Mounts {
    /// Mounts the file systems that have a path, those above others first. Devices are waited for.
    ///
    /// # Errors
    /// One cannot be mounted; then none is.
    pub fn mount(
        tree: &Tree,
        config: &Config,
        names: &Names,
        tell: &mut dyn FnMut(String),
    ) -> Result<Mounts, Failure> {
        let mut mounts = Mounts::default();
        let all = config.storage.iter().flat_map(|storage| storage.filesystems.iter().flatten()).enumerate();
        let mut wanted: Vec<(usize, &Filesystem, &Path)> = all
            .filter(|(_, fs)| !NOT_MOUNTED.contains(&fs.format.as_deref().unwrap_or_default()))
            .filter_map(|(index, fs)| Some((index, fs, Path::new(fs.path.as_deref()?))))
            .filter(|(_, _, path)| !path.as_os_str().is_empty())
            .collect();
        wanted.sort_by_key(|(_, _, path)| path.components().count());
        let devices: Vec<(String, &str)> = wanted
            .iter()
            .map(|(index, fs, _)| (format!("$.storage.filesystems.{index}.device"), fs.device.as_str()))
            .collect();
        let devices = names.wait(&devices, &mut |text| tell(text.to_owned()))?;
        for ((index, filesystem, path), device) in wanted.into_iter().zip(devices) {
            mounts.one(tree, &format!("$.storage.filesystems.{index}"), filesystem, &device.node, path)?;
        }
        Ok(mounts)
    }

    fn one(
        &mut self,
        tree: &Tree,
        at: &str,
        filesystem: &Filesystem,
        device: &Path,
        path: &Path,
    ) -> Result<(), Failure> {
        let at_path = format!("{at}.path");
        if path == Path::new("/") && is_root(tree, device) {
            return Ok(());
        }
        if OF_STAGE_1.iter().any(|of| Path::new(of) == path) {
            let cause = format!("{} is mounted before any unit could mount it", path.display());
            return Err(Failure::new(at_path, cause, "another path, such as /var, or one below it"));
        }
        if let Some(refusal) = place::refusal(path) {
            return Err(Failure::new(at_path, refusal.cause, refusal.next_step));
        }
        for above in path.ancestors() {
            let found = tree.look(above).map_err(|error| {
                Failure::new(&at_path, format!("cannot look at {}: {error}", above.display()), "another path")
            })?;
            if found.is_some_and(|found| found.kind != FileType::Directory) {
                let cause = format!(
                    "{} is no folder, and must be one to mount {} on",
                    above.display(),
                    path.display()
                );
                return Err(Failure::new(at_path, cause, "another path, without links"));
            }
        }
        let made = &mut self.made;
        tree.folder(path, &mut |folder| made.push(folder.to_owned())).map_err(|error| {
            Failure::new(
                &at_path,
                format!("cannot make the folder {}: {error}", path.display()),
                "another path",
            )
        })?;
        let options = filesystem.mount_options.as_deref().unwrap_or_default();
        let (flags, options) = sys::mount::options(options.iter().map(String::as_str), MountFlags::empty());
        let target = tree.root().outside(path);
        let kind = filesystem.format.as_deref().unwrap_or_default();
        let mount = Mount { source: device, kind, flags, options: &options };
        mount.on(&target).map_err(|error| {
            let next = "check device, format and mountOptions; the kernel's log may say more";
            Failure::new(at, error.to_string(), next)
        })?;
        self.mounted.push(target);
        fill(tree, path).map_err(|error| {
            let cause = format!("cannot make the folders of every machine below {}: {error}", path.display());
            Failure::new(at, cause, "check that nothing else has their names on the file system")
        })
    }

    /// Unmounts them, with all that was written to them on their disks.
    ///
    /// # Errors
    /// One cannot be unmounted.
    pub fn unmount(mut self) -> Result<(), Failure> {
        while let Some(path) = self.mounted.pop() {
            sys::mount::unmount(&path).map_err(|error| {
                Failure::new("$.storage.filesystems", error.to_string(), "check that the disk is not damaged")
            })?;
        }
        Ok(())
    }
}

/// Makes what every ROOT has below a path, such as `/var/tmp`, where a file system of its own is mounted there.
fn fill(tree: &Tree, path: &Path) -> io::Result<()> {
    let is_below = |of: &str| Path::new(of).starts_with(path) && Path::new(of) != path;
    // What is in the folder of Berth's state is ROOT's: the folder is what that is mounted on.
    let is_state = |of: &str| Path::new(of).starts_with(STATE) && of != STATE;
    for dir in ROOT_DIRS.iter().filter(|dir| is_below(dir.path) && !is_state(dir.path)) {
        let place = Path::new(dir.path);
        if tree.look(place)?.is_none() {
            tree.make_folder(place, dir.mode)?;
            tree.own(place, Owner { user: dir.owner, group: dir.owner })?;
        }
    }
    for link in ROOT_LINKS.iter().filter(|link| is_below(link.path)) {
        let place = Path::new(link.path);
        if tree.look(place)?.is_none() {
            tree.symlink(place, link.target)?;
        }
    }
    Ok(())
}

/// Whether a device holds the root itself, which is mounted.
fn is_root(tree: &Tree, device: &Path) -> bool {
    let (Ok(device), Ok(Some(root))) = (std::fs::metadata(device), tree.look(Path::new("/"))) else {
        return false;
    };
    let number = device.rdev();
    (major(number), minor(number)) == (root.identity.0, root.identity.1)
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for path in self.mounted.iter().rev() {
            _ = sys::mount::unmount(path);
        }
    }
}
