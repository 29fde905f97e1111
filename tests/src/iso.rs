//! Optical discs as clouds make them: ISO 9660 (ECMA-119) with names of Rock Ridge, for a few small files.

use std::collections::BTreeMap;

const SECTOR: usize = 2048;
/// The volume's description, the end of descriptions, and the two tables of paths, which few readers use (ECMA-119,
/// 6.7.1).
const DESCRIPTION: usize = 16;
const PATHS: [usize; 2] = [18, 19];
const FIRST: usize = 20;

/// A disc with a label and files, by their paths below the top.
///
/// # Panics
/// A folder has more entries than a sector holds.
pub fn disc(label: &str, files: &[(&str, &str)]) -> Vec<u8> {
    // Folders first, that at the top above all; a sector each.
    let mut extents: BTreeMap<&str, (usize, usize)> = BTreeMap::from([("", (0, SECTOR))]);
    for (path, _) in files {
        extents.extend(path.match_indices('/').map(|(at, _)| (&path[..at], (0, SECTOR))));
    }
    let folders: Vec<&str> = extents.keys().copied().collect();
    let mut next = FIRST;
    for extent in extents.values_mut() {
        extent.0 = next;
        next += 1;
    }
    for (path, text) in files {
        extents.insert(path, (next, text.len()));
        next += text.len().div_ceil(SECTOR);
    }

    let mut image = vec![0; next * SECTOR];
    let mut put = |sector: usize, bytes: &[u8]| {
        image[sector * SECTOR..sector * SECTOR + bytes.len()].copy_from_slice(bytes);
    };
    for (path, text) in files {
        put(extents[path].0, text.as_bytes());
    }
    for folder in &folders {
        let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
        let mut listed = record(b"\0", "", extents[folder], true);
        listed.extend(record(b"\x01", "", extents[above], true));
        for (path, extent) in extents.iter().filter(|(path, _)| !path.is_empty()) {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            if parent == *folder {
                let is_folder = folders.contains(path);
                listed.extend(record(&plain(name, is_folder), name, *extent, is_folder));
            }
        }
        assert!(listed.len() <= SECTOR, "{folder} is too long");
        put(extents[folder].0, &listed);
    }
    let top = record(b"\0", "", extents[""], true);
    let path = |place: [u8; 4]| [&[1, 0][..], &place, &[0, 1, 0, 0]].concat();
    let place = u32::try_from(extents[""].0).unwrap_or_default();
    put(PATHS[0], &path(place.to_le_bytes()));
    put(PATHS[1], &path(place.to_be_bytes()));
    put(DESCRIPTION, &description(label, next, &top));
    put(DESCRIPTION + 1, b"\xffCD001\x01");
    image
}

/// The name that readers without Rock Ridge see.
fn plain(name: &str, is_folder: bool) -> Vec<u8> {
    let name = name.to_uppercase().replace('-', "_");
    if is_folder { name.into_bytes() } else { format!("{name};1").into_bytes() }
}

/// A number in both orders of bytes (ECMA-119, 7.2.3 and 7.3.3).
fn both16(number: u16) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

fn both32(number: usize) -> Vec<u8> {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

/// A folder's record of a file or folder (ECMA-119, 9.1), with its name of Rock Ridge (RRIP 1.12, 4.1.4).
fn record(plain: &[u8], name: &str, (sector, size): (usize, usize), is_folder: bool) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend(both32(sector));
    record.extend(both32(size));
    record.extend([126, 1, 1, 0, 0, 0, 0]);
    record.extend([if is_folder { 2 } else { 0 }, 0, 0]);
    record.extend(both16(1));
    record.push(plain.len() as u8);
    record.extend(plain);
    record.resize(record.len().next_multiple_of(2), 0);
    if !name.is_empty() {
        record.extend([b'N', b'M', 5 + name.len() as u8, 1, 0]);
        record.extend(name.as_bytes());
        record.resize(record.len().next_multiple_of(2), 0);
    }
    record[0] = record.len() as u8;
    record
}

/// The primary volume descriptor (ECMA-119, 8.4).
fn description(label: &str, sectors: usize, top: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x01CD001\x01\0".to_vec();
    bytes.extend(format!("{:32}{label:32}", "").bytes());
    bytes.extend([0; 8]);
    bytes.extend(both32(sectors));
    bytes.extend([0; 32]);
    bytes.extend([both16(1), both16(1), both16(SECTOR as u16)].concat());
    // The size of a table of paths, and where the two are.
    bytes.extend(both32(10));
    bytes.extend((PATHS[0] as u32).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend((PATHS[1] as u32).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(top);
    // Who made it, and of what: nobody says.
    bytes.resize(813, b' ');
    for _ in 0..4 {
        bytes.extend([b'0'; 16]);
        bytes.push(0);
    }
    bytes.push(1);
    bytes
}
