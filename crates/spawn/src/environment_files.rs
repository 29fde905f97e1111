//! `EnvironmentFile=`: files of variables, which PID 1 reads before it makes the process.

use std::path::Path;

use anyhow::{Context, Result};
use sys::file::read_bounded;
use unit::service::config::EnvironmentFile;
use unit::text::environment;

/// The largest file that is read. With the usual limit of its stack no process takes more than 2 MiB of variables
/// and arguments (execve(2)); the rest is for comments.
const BYTES_MAX: usize = 4 << 20;

/// The variables that the files set, in their order.
///
/// # Errors
/// One that must be there cannot be read, or is no text.
pub fn read(files: &[EnvironmentFile]) -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for file in files {
        match text(Path::new(&file.path)) {
            Ok(text) => variables.extend(environment::parse(&text)),
            Err(_) if file.optional => {}
            Err(error) => return Err(error).context("EnvironmentFile="),
        }
    }
    Ok(variables)
}

fn text(path: &Path) -> Result<String> {
    let bytes = read_bounded(path, BYTES_MAX)?;
    String::from_utf8(bytes).with_context(|| format!("{} is no UTF-8 text", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn what_is_no_file_or_has_no_end_holds_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let named = |path: String, optional| EnvironmentFile { path, optional };
        fs::write(path("a"), "A=1\nB=2\n").unwrap();
        fs::write(path("b"), "B=3\n").unwrap();
        fs::write(path("binary"), [0xff]).unwrap();
        fs::File::create(path("large")).unwrap().set_len(BYTES_MAX as u64 + 1).unwrap();
        mkfifoat(CWD, path("fifo"), Mode::RUSR).unwrap();
        let set = read(&[named(path("a"), false), named(path("b"), false)]).unwrap();
        assert_eq!(set, [("A", "1"), ("B", "2"), ("B", "3")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        for (path, reason) in [
            (path("none"), "No such file"),
            (path("fifo"), "it is no regular file"),
            ("/dev/zero".to_owned(), "it is no regular file"),
            (path("large"), "it is larger than 4194304 bytes"),
            (path("binary"), "is no UTF-8 text"),
        ] {
            let error = format!("{:#}", read(&[named(path.clone(), false)]).unwrap_err());
            assert!(error.starts_with("EnvironmentFile=: "), "{error}");
            assert!(error.contains(&path) && error.contains(reason), "{error}");
            assert_eq!(read(&[named(path, true)]).unwrap(), []);
        }
    }
}
