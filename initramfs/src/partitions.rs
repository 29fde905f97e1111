//! Bringing the boot disk's partition table up to date, and the devices of its partitions.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use layout::Guid;
use sys::block::{self, device_path, reread_partitions};
use sys::partition_table;

use crate::plan::Candidate;
use crate::{disks, kernel_log};
use disk_table::{self as gpt, Amendment, Geometry, Origin, Table, Write};

/// The boot disk, its partitions being those that the kernel knows.
#[derive(Debug)]
pub struct BootDisk {
    table: Table,
    devices: Vec<block::DiskPartition>,
    name: String,
    /// That the table stays as it is, since it cannot be written.
    is_fixed: bool,
}

impl BootDisk {
    /// Makes the disk's identifiers its own on first boot, and moves the backup table to its end. Nothing of the disk
    /// may be in use yet: the kernel reads the table anew. Where the disk does not take that the table is used as it is, if
    /// its first copy is whole.
    pub fn settle(candidate: &Candidate) -> Result<Self> {
        let (disk, geometry) = look(&candidate.name)?;
        let fresh = gpt::is_as_shipped(&candidate.loaded.table).then(identifiers).transpose()?;
        let Some(amendment) = gpt::settle(&candidate.loaded, geometry, fresh) else {
            return Self::of(candidate, candidate.loaded.table.clone(), disk, geometry);
        };
        if !write(&candidate.name, candidate.loaded.origin, &amendment)? {
            let unchanged = Self::of(candidate, candidate.loaded.table.clone(), disk, geometry)?;
            return Ok(Self { is_fixed: true, ..unchanged });
        }
        reread_partitions(&device_path(&candidate.name))?;
        Self::of(candidate, amendment.table, look(&candidate.name)?.0, geometry)
    }

    /// Grows ROOT's partition where there is room behind it, and the table can be written. Others may be in use.
    pub fn grow_root(&mut self) -> Result<()> {
        let (loaded, disk, geometry) = self.reread()?;
        if self.is_fixed {
            return Ok(());
        }
        if let Some(amendment) = gpt::amend(&loaded, geometry, None) {
            if !write(&self.name, loaded.origin, &amendment)? {
                self.is_fixed = true;
                return Ok(());
            }
            partition_table::tell_kernel(&disk, &amendment.table)?;
            self.table = amendment.table;
            self.devices = look(&self.name)?.0.partitions;
        }
        Ok(())
    }

    /// Takes the table as it is now: somebody else may have changed it.
    pub fn refresh(&mut self) -> Result<()> {
        self.reread().map(drop)
    }

    fn reread(&mut self) -> Result<(gpt::Loaded, block::Disk, Geometry)> {
        let (disk, geometry) = look(&self.name)?;
        let loaded = disks::load(&disk)
            .map_err(|reason| anyhow::anyhow!("read the partition table of {}: {reason}", self.name))?;
        self.table = loaded.table.clone();
        self.devices = disk.partitions.clone();
        Ok((loaded, disk, geometry))
    }

    /// The disk with its table as it is.
    pub fn untouched(candidate: &Candidate) -> Result<Self> {
        let (disk, geometry) = look(&candidate.name)?;
        Self::of(candidate, candidate.loaded.table.clone(), disk, geometry)
    }

    fn of(candidate: &Candidate, table: Table, mut disk: block::Disk, geometry: Geometry) -> Result<Self> {
        // A disk is seen before the kernel has read its table, and where the first copy is torn the
        // kernel sees no table at all.
        if !agree(&table, &disk, geometry) {
            reread_partitions(&device_path(&candidate.name))?;
            disk = look(&candidate.name)?.0;
        }
        if !agree(&table, &disk, geometry) {
            bail!("the kernel sees other partitions on {} than its table has", candidate.name);
        }
        Ok(Self { table, devices: disk.partitions, name: disk.name, is_fixed: false })
    }

    /// The device of one of our partitions, and its size in bytes.
    pub fn device(&self, wanted: &layout::Partition) -> Result<(PathBuf, u64)> {
        let number = self.table.find(wanted).map(|p| p.number);
        let device = self.devices.iter().find(|device| Some(device.number) == number);
        let device = device.with_context(|| format!("{} has no partition {}", self.name, wanted.label))?;
        Ok((device_path(&device.name), device.size))
    }
}

fn look(name: &str) -> Result<(block::Disk, Geometry)> {
    let disk = block::disk(name).with_context(|| format!("the disk {name} went away"))?;
    let geometry = partition_table::geometry(&disk);
    Ok((disk, geometry))
}

fn agree(table: &Table, disk: &block::Disk, geometry: Geometry) -> bool {
    table.partitions().iter().all(|partition| {
        let (start, size) = (partition.first, partition.last + 1 - partition.first);
        disk.partitions.iter().any(|device| {
            device.number == partition.number
                && device.start == start * geometry.block_size
                && device.size == size * geometry.block_size
        })
    })
}

fn identifiers() -> Result<gpt::Identifiers> {
    let mut identifiers = [Guid::NIL; _];
    for identifier in &mut identifiers {
        *identifier = Guid::from_random(sys::random::name_16()?);
    }
    Ok(identifiers)
}

/// Writes an amended table, of which `origin` is the copy that was read. Says whether the disk took it; where it did not,
/// the table is as it was.
fn write(name: &str, origin: Origin, amendment: &Amendment) -> Result<bool> {
    for change in &amendment.changes {
        kernel_log::note(&format!("{name}: {change}"));
    }
    let node = device_path(name);
    let written =
        in_turn(origin, amendment, |copy| Ok(partition_table::write(&node, std::slice::from_ref(copy))?))?;
    if let Err(error) = &written {
        kernel_log::alarm(&format!("{name}: the partition table stays as it is: {error:#}; check the disk"));
    }
    Ok(written.is_ok())
}

/// Writes the copies in their order. The inner error is the backup's, where that is no reason to fail: the first copy,
/// which the kernel and the firmware go by, is whole then, and not touched.
fn in_turn(
    origin: Origin,
    amendment: &Amendment,
    mut write: impl FnMut(&Vec<Write>) -> Result<()>,
) -> Result<Result<()>> {
    let [backup, first] = &amendment.writes;
    match (write(backup), origin) {
        (Err(error), Origin::Primary) => return Ok(Err(error)),
        (written, _) => written?,
    }
    write(first).map(Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_that_cannot_be_written_is_fatal_only_where_it_was_needed() {
        let copy = |offset| vec![Write { offset, bytes: vec![] }];
        let geometry = Geometry::new(1 << 20, 512);
        let table = gpt::Loaded::empty(geometry, Guid::NIL).unwrap().table;
        let amendment = Amendment { table, changes: vec![], writes: [copy(2), copy(1)] };
        // Which copies the disk takes, and whether the boot goes on, by the amended table and by the old one.
        for (origin, takes_backup, takes_first, goes_on, is_amended, asked) in [
            (Origin::Primary, true, true, true, true, &[2, 1][..]),
            (Origin::Primary, false, true, true, false, &[2]),
            (Origin::Primary, true, false, false, false, &[2, 1]),
            (Origin::Backup, true, true, true, true, &[2, 1]),
            (Origin::Backup, false, true, false, false, &[2]),
            (Origin::Backup, true, false, false, false, &[2, 1]),
        ] {
            let mut told = Vec::new();
            let written = in_turn(origin, &amendment, |copy| {
                told.push(copy[0].offset);
                let takes = if copy[0].offset == 2 { takes_backup } else { takes_first };
                if takes { Ok(()) } else { bail!("a bad block") }
            });
            let what = format!("{origin:?} {takes_backup} {takes_first}");
            assert_eq!(written.is_ok(), goes_on, "{what}");
            assert_eq!(written.is_ok_and(|written| written.is_ok()), is_amended, "{what}");
            assert_eq!(told, asked, "{what}");
        }
    }
}
