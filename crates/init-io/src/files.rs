//! Reading files that services can write.

use std::io::{self, Read};
use std::path::Path;

use sys::file::open_regular;

/// Reads a file of at most so many bytes. Whatever is in its place, PID 1 neither waits nor grows.
///
/// # Errors
/// It cannot be opened, is no regular file, is longer, or its owner holds it by a lease (fcntl(2)).
pub fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let length = file.metadata()?.len();
    if length > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    let mut bytes = Vec::new();
    // A file of /proc, where a process can have its readers wait for ever, says that it is empty.
    if length > 0 {
        file.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;
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
