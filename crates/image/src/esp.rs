//! The EFI system partition: FAT32 by crate fatfs, the same bytes each time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use fatfs::{
    Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider, format_volume,
};
use layout::disk::{ESP_VOLUME_ID, SECTOR};
use layout::esp::{GUARD, LOADER_CONF, SYSTEMD_BOOT, UKI_DIR, uki_name};
use manifest::Version;
use time::OffsetDateTime;

use crate::size::TooLarge;
use crate::sparse::Region;
use crate::{Error, Result, fat};

/// systemd-boot's settings (loader.conf(5)): no menu, and nobody changes the command line there.
const LOADER_SETTINGS: &str = "timeout 0\neditor no\n";
/// A FAT with fewer clusters is not FAT32 (FAT Specification, section 3.5); some are kept in hand.
const MIN_CLUSTERS: u64 = 65_525 + 64;

/// What the partition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Esp {
    /// The files, by path from the partition's root. Folders are made as needed.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Esp {
    /// That of a new image: guard, systemd-boot with its settings, and one UKI.
    pub fn standard(guard: Vec<u8>, systemd_boot: Vec<u8>, uki: Vec<u8>, version: &Version) -> Self {
        Self {
            files: BTreeMap::from([
                (GUARD.to_owned(), guard),
                (SYSTEMD_BOOT.to_owned(), systemd_boot),
                (LOADER_CONF.to_owned(), LOADER_SETTINGS.into()),
                (format!("{UKI_DIR}/{}", uki_name(version.as_str())), uki),
            ]),
        }
    }

    /// Writes the file system into the `size` bytes of `file` from `start` on, which must be zeros.
    /// `path` names the file in errors; every time is `epoch` (seconds).
    ///
    /// # Errors
    /// [`TooLarge`] where the files do not fit or no FAT32 does, or a failing write.
    pub fn write(&self, file: &File, path: &Path, start: u64, size: u64, epoch: u64) -> Result<()> {
        let cluster = cluster_size(size).filter(|&cluster| self.room_needed(cluster) <= size);
        let cluster = cluster.ok_or_else(|| self.too_large(size))?;
        let mut region = Region::new(file, start, size);
        self.write_files(&mut region, size, cluster, epoch).map_err(Error::io("writing the ESP of", path))
    }

    fn write_files(&self, region: &mut Region, size: u64, cluster: u32, epoch: u64) -> io::Result<()> {
        let sectors = u32::try_from(size / SECTOR)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "FAT32 ends at 2 TiB"))?;
        let options = FormatVolumeOptions::new()
            .fat_type(FatType::Fat32)
            .bytes_per_cluster(cluster)
            .total_sectors(sectors)
            .volume_id(ESP_VOLUME_ID)
            .volume_label(*b"ESP        ");
        format_volume(&mut *region, options)?;
        // fatfs wants the clock for as long as the process lives; it is some bytes.
        let clock: &'static FixedTime = Box::leak(Box::new(FixedTime::at(epoch)));
        let volume = FileSystem::new(&mut *region, FsOptions::new().time_provider(clock))?;
        for (path, content) in &self.files {
            for (end, _) in path.match_indices('/') {
                volume.root_dir().create_dir(&path[..end])?;
            }
            let mut file = volume.root_dir().create_file(path)?;
            file.write_all(content)?;
            file.flush()?;
        }
        volume.unmount()?;
        fat::mend(region)
    }

    /// Bytes that the files take, with the two tables and some room for folders.
    fn room_needed(&self, cluster: u32) -> u64 {
        let clusters: u64 = self.files.values().map(|f| (f.len() as u64).div_ceil(cluster.into())).sum();
        let folders = 16 + self.files.len() as u64;
        (clusters + folders) * (u64::from(cluster) + 2 * 4) + 64 * SECTOR
    }

    fn too_large(&self, size: u64) -> Error {
        let mut largest: Vec<_> = self.files.iter().map(|(p, f)| (p.clone(), f.len() as u64)).collect();
        largest.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let smallest = MIN_CLUSTERS * (SECTOR + 2 * 4) + 64 * SECTOR;
        TooLarge {
            what: "the content of the EFI system partition, as FAT32,".to_owned(),
            size: self.room_needed(SECTOR as u32).max(smallest),
            place: layout::disk::ESP.label.to_owned(),
            room: size,
            largest,
        }
        .into()
    }
}

/// The largest cluster, up to 4 KiB, with which a volume of `size` bytes is FAT32.
fn cluster_size(size: u64) -> Option<u32> {
    [4096, 2048, 1024, 512].into_iter().find(|&cluster| {
        let per_cluster = u64::from(cluster) + 2 * 4;
        size.saturating_sub(64 * SECTOR) / per_cluster >= MIN_CLUSTERS
    })
}

/// A clock that stands.
#[derive(Debug)]
struct FixedTime(DateTime);

impl FixedTime {
    /// Standing at `epoch` seconds, or at the nearest time that FAT can hold (1980 to 2107).
    fn at(epoch: u64) -> Self {
        let time = i64::try_from(epoch)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let date = match time.year() {
            ..1980 => Date { year: 1980, month: 1, day: 1 },
            2108.. => Date { year: 2107, month: 12, day: 31 },
            year => Date { year: year as u16, month: u8::from(time.month()).into(), day: time.day().into() },
        };
        let time = Time {
            hour: time.hour().into(),
            min: time.minute().into(),
            sec: time.second().into(),
            millis: 0,
        };
        Self(DateTime { date, time })
    }
}

impl TimeProvider for FixedTime {
    fn get_current_date(&self) -> Date {
        self.0.date
    }

    fn get_current_date_time(&self) -> DateTime {
        self.0
    }
}
