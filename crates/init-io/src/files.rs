//! Reading files that services can write.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// Reads a file of at most so many bytes. Whatever is in its place, PID 1 neither waits nor grows.
///
/// # Errors
/// It cannot be opened, is no regular file, is longer, or its owner holds it by a lease (fcntl(2)).
pub fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // It is looked at before it is opened: with a FIFO or a device, to open it is to do something already. Nor is a file
    // of /proc for reading, where a process can have its readers wait for ever: such a file says that it is empty.
    let found = File::from(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?);
    let metadata = found.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if metadata.len() > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    let mut bytes = Vec::new();
    if metadata.len() > 0 {
        // By its path another file could be there by now.
        let same = format!("/proc/self/fd/{}", found.as_raw_fd());
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(same)?;
        file.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_what_is_a_short_regular_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let read = |name: &str| {
            read_small(&path(name), 8)
                .map(|bytes| String::from_utf8(bytes).unwrap())
                .map_err(|error| error.to_string())
        };
        fs::write(path("short"), "12345678").unwrap();
        symlink(path("short"), path("link")).unwrap();
        fs::write(path("long"), "123456789").unwrap();
        fs::create_dir(path("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        symlink("/proc/self/cmdline", path("made up")).unwrap();
        for name in ["short", "link"] {
            assert_eq!(read(name).as_deref(), Ok("12345678"), "{name}");
        }
        assert_eq!(read("made up").as_deref(), Ok(""));
        assert_eq!(read("long").unwrap_err(), "it is longer than 8 bytes");
        for name in ["folder", "fifo", "zero"] {
            assert_eq!(read(name).unwrap_err(), "it is no regular file", "{name}");
        }
        assert_eq!(read_small(&path("none"), 8).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
