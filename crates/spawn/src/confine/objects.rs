//! `RemoveIPC=`: what a user's processes leave in memory that outlives them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use litemap::LiteMap;
use sys::ipc::{self, Kind};

use crate::removal;

/// Where POSIX shared memory and message queues are files.
const FOLDERS: [&str; 2] = ["/dev/shm", "/dev/mqueue"];

/// Removes a user's objects, unless processes of that user are left. Root's stay.
pub fn remove_objects(uid: u32) {
    if uid == 0 || has_processes(uid) {
        return;
    }
    for kind in Kind::ALL {
        let table = fs::read_to_string(kind.table()).unwrap_or_default();
        for (id, _) in rows(&table).into_iter().filter(|(_, user)| *user == uid) {
            // Another may have removed it meanwhile.
            _ = ipc::remove(kind, id);
        }
    }
    for folder in FOLDERS {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.metadata().is_ok_and(|metadata| metadata.uid() == uid) {
                let path = entry.path();
                _ = fs::remove_file(&path).or_else(|_| removal::remove_path(&path));
            }
        }
    }
}

/// Whether a process of a user is there.
fn has_processes(uid: u32) -> bool {
    fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
        let is_process = entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        is_process && entry.metadata().is_ok_and(|metadata| metadata.uid() == uid)
    })
}

/// The rows of one of the kernel's tables: an object's id, and whose it is.
fn rows(table: &str) -> Vec<(i32, u32)> {
    let mut lines = table.lines();
    let header: LiteMap<&str, usize> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .enumerate()
        .map(|(at, name)| (name, at))
        .collect();
    let id = ["shmid", "semid", "msqid"].iter().find_map(|name| header.get(name));
    let (Some(id), Some(user)) = (id, header.get("uid")) else {
        return Vec::new();
    };
    lines
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let field = |at: usize| fields.get(at).copied();
            Some((field(*id)?.parse().ok()?, field(*user)?.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn objects_are_found_by_the_names_of_columns() {
        let table = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n \
                     1  7   600 1   33    34     0     0          0 1764264000\n";
        assert_eq!(rows(table), [(7, 33)]);
        assert_eq!(rows("nothing\n1 2 3\n"), []);
    }
}
