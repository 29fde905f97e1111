//! QEMU and libvirt: a file of the firmware's configuration device (`-fw_cfg name=opt/com.coreos/config,file=...`).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::{Error, Guest, Result};

/// Where the config is, by Ignition's name and by Flatcar's.
const NAMES: [&str; 2] = ["opt/com.coreos/config", "opt/org.flatcar-linux/config"];
/// The most that is taken.
const MOST: usize = 64 << 20;

/// The folder of the config, where there is one.
pub(crate) fn place(root: &Path) -> Option<PathBuf> {
    let folder = root.join("sys/firmware/qemu_fw_cfg/by_name");
    NAMES.iter().map(|name| folder.join(name)).find(|place| place.join("raw").exists())
}

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    let Some(place) = place(&guest.root) else { return Ok(None) };
    let bad = |cause: &dyn std::fmt::Display| Error::read(place.display().to_string(), cause);
    let size = fs::read_to_string(place.join("size")).map_err(|fault| bad(&fault))?;
    let size: usize = size.trim().parse().map_err(|fault| bad(&fault))?;
    if size > MOST {
        return Err(bad(&format!("it is larger than {MOST} bytes")));
    }
    // Each read costs the kernel the time of reading up to there: as few as can be.
    let mut bytes = vec![0; size + 1];
    let mut file = File::open(place.join("raw")).map_err(|fault| bad(&fault))?;
    let mut length = 0;
    while length < size {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(bad(&fault)),
        }
    }
    if length != size {
        return Err(bad(&format!("it has {length} bytes and should have {size}")));
    }
    bytes.truncate(size);
    Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
}
