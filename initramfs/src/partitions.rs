//! Bringing the boot disk's partition table up to date, and the devices of its partitions.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use layout::Guid;
use sys::block::{self, device_path, reread_partitions};
use sys::partition_table;

use crate::plan::Candidate;
use crate::{disks, kernel_log};
use disk_table::{self as gpt, Amendment, Geometry, Table};

/// The boot disk, its partitions being those that the kernel knows.
#[derive(Debug)]
pub struct BootDisk {
    table: Table,
    devices: Vec<block::DiskPartition>,
    name: String,
}

impl BootDisk {
    /// Makes the disk's identifiers its own on first boot, and moves the backup table to its end. Nothing of the disk
    /// may be in use yet: the kernel reads the table anew.
    pub fn settle(candidate: &Candidate) -> Result<Self> {
        let (disk, geometry) = look(&candidate.name)?;
        let fresh = gpt::is_as_shipped(&candidate.loaded.table).then(identifiers).transpose()?;
        let Some(amendment) = gpt::settle(&candidate.loaded, geometry, fresh) else {
            return Self::of(candidate, candidate.loaded.table.clone(), disk, geometry);
        };
        write(&candidate.name, &amendment)?;
        reread_partitions(&device_path(&candidate.name))?;
        Self::of(candidate, amendment.table, look(&candidate.name)?.0, geometry)
    }

    /// Grows ROOT's partition where there is room behind it. Others may be in use.
    pub fn grow_root(&mut self) -> Result<()> {
        let (loaded, disk, geometry) = self.reread()?;
        if let Some(amendment) = gpt::amend(&loaded, geometry, None) {
            write(&self.name, &amendment)?;
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
        Ok(Self { table, devices: disk.partitions, name: disk.name })
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

fn write(name: &str, amendment: &Amendment) -> Result<()> {
    for change in &amendment.changes {
        kernel_log::note(&format!("{name}: {change}"));
    }
    Ok(partition_table::write(&device_path(name), &amendment.writes)?)
}
