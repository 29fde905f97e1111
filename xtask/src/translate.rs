//! `cargo xtask ignition translate`: a Butane config becomes an Ignition config.

use anyhow::{Context as _, Result, bail};
use butane::{Files, Leaf, LeafKind, Report, Severity};
use clap::Args;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Translate a Butane config (YAML) to an Ignition config (JSON)
#[derive(Args)]
pub struct Translate {
    /// The Butane config
    file: PathBuf,

    /// Where `local` files and trees are
    #[arg(long, value_name = "DIR")]
    files_dir: Option<PathBuf>,

    /// Where the Ignition config goes; to standard output where nothing is said
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// A warning, too, is a failure
    #[arg(long)]
    strict: bool,
}

impl Translate {
    pub fn run(self) -> Result<ExitCode> {
        let files = self.files_dir.as_deref().map(FilesDir::open).transpose()?;
        let translation = translate(&self.file, files.as_ref())?;
        report(&self.file, &translation.report);
        let warned = translation.report.entries.iter().any(|entry| entry.severity == Severity::Warning);
        let Some(config) = translation.config.filter(|_| !(self.strict && warned)) else {
            return Ok(ExitCode::FAILURE);
        };
        match &self.output {
            Some(output) => write(output, &config)?,
            None => std::io::stdout().write_all(config.as_bytes()).context("writing the config")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The Ignition config that `file` is or becomes: YAML by its ending is a Butane config, whose
/// `local` files are in `files_dir`, or else beside it. What is to be said of it goes to standard
/// error.
///
/// # Errors
/// It cannot be read, or no machine would take it.
pub fn config(file: &Path, files_dir: Option<&Path>) -> Result<String> {
    let yaml =
        file.extension().is_some_and(|ending| ["bu", "yaml", "yml"].iter().any(|yaml| ending == *yaml));
    let (config, found) = if yaml {
        let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let translation = translate(file, Some(&FilesDir::open(files_dir.unwrap_or(beside))?))?;
        (translation.config, translation.report)
    } else {
        let text = read(file)?;
        let found = ignition::parse(text.as_bytes()).report;
        (Some(text).filter(|_| !found.is_fatal()), found)
    };
    report(file, &found);
    config.with_context(|| format!("no machine would take {}: mend what is said of it above", file.display()))
}

fn translate(file: &Path, files: Option<&FilesDir>) -> Result<butane::Translation> {
    Ok(butane::translate(&read(file)?, files.map(|files| files as &dyn Files)))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading the config {}", file.display()))
}

fn report(file: &Path, report: &Report) {
    for entry in &report.entries {
        eprintln!("{}: {entry}", file.display());
    }
}

/// Writes a file whole, or not at all.
fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(text.as_bytes())?;
        new.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        new.persist(file)?;
        Ok(())
    };
    write().with_context(|| format!("writing {}", file.display()))
}

/// The folder of local files. Nothing outside of it is read, not by a link either.
struct FilesDir(PathBuf);

impl FilesDir {
    fn open(folder: &Path) -> Result<Self> {
        let found =
            folder.canonicalize().with_context(|| format!("opening the folder {}", folder.display()))?;
        if !found.is_dir() {
            bail!("{} is not a folder: name the one that `local` files are in", folder.display());
        }
        Ok(Self(found))
    }

    fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let shown = || self.0.join(path).display().to_string();
        let found =
            self.0.join(path).canonicalize().map_err(|error| format!("reading {}: {error}", shown()))?;
        if !found.starts_with(&self.0) {
            return Err(format!("{} is a link that leads out of the folder of local files", shown()));
        }
        Ok(found)
    }
}

impl Files for FilesDir {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let file = self.inside(path)?;
        fs::read(&file).map_err(|error| format!("reading {}: {error}", file.display()))
    }

    fn tree(&self, path: &str) -> Result<Vec<Leaf>, String> {
        let root = self.inside(path)?;
        let mut leaves = Vec::new();
        walk(&root, "", &mut leaves)?;
        Ok(leaves)
    }
}

fn walk(folder: &Path, prefix: &str, leaves: &mut Vec<Leaf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("reading {}: {error}", folder.display());
    let mut names = fs::read_dir(folder)
        .and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()
        })
        .map_err(failed)?;
    names.sort();
    for name in names {
        let found = folder.join(&name);
        let failed = |error: std::io::Error| format!("reading {}: {error}", found.display());
        let Some(name) = name.to_str() else {
            return Err(format!("the name of {} is not UTF-8, and no config can hold it", found.display()));
        };
        let path = format!("{prefix}{name}");
        let metadata = fs::symlink_metadata(&found).map_err(failed)?;
        let kind = if metadata.is_dir() {
            walk(&found, &format!("{path}/"), leaves)?;
            continue;
        } else if metadata.is_file() {
            let contents = fs::read(&found).map_err(failed)?;
            LeafKind::File { contents, executable: metadata.permissions().mode() & 0o111 != 0 }
        } else if metadata.is_symlink() {
            let target = fs::read_link(&found).map_err(failed)?;
            let Some(target) = target.to_str() else {
                return Err(format!(
                    "the target of {} is not UTF-8, and no config can hold it",
                    found.display()
                ));
            };
            LeafKind::Link { target: target.to_owned() }
        } else {
            LeafKind::Other
        };
        leaves.push(Leaf { path, kind });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_tree_is_walked_in_order_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        fs::create_dir_all(root.join("b/empty")).unwrap();
        fs::write(root.join("b/run"), "x").unwrap();
        fs::set_permissions(root.join("b/run"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(root.join("a"), "y").unwrap();
        symlink("/nowhere", root.join("c")).unwrap();
        let files = FilesDir::open(folder.path()).unwrap();
        let file = |contents: &str, executable| LeafKind::File { contents: contents.into(), executable };
        let leaves = files.tree("tree").unwrap();
        let expected = [
            ("a", file("y", false)),
            ("b/run", file("x", true)),
            ("c", LeafKind::Link { target: "/nowhere".to_owned() }),
        ];
        assert_eq!(leaves, expected.map(|(path, kind)| Leaf { path: path.to_owned(), kind }));
        assert!(files.tree("tree/a").unwrap_err().contains("reading"));
    }

    #[test]
    fn no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        symlink("/etc", folder.path().join("out")).unwrap();
        fs::write(folder.path().join("here"), "x").unwrap();
        symlink("here", folder.path().join("in")).unwrap();
        let files = FilesDir::open(folder.path()).unwrap();
        assert_eq!(files.read("in").unwrap(), b"x");
        assert!(files.read("out/passwd").unwrap_err().contains("leads out"));
        assert!(files.tree("out").unwrap_err().contains("leads out"));
    }

    #[test]
    fn a_config_is_told_by_its_ending() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            config(&folder.path().join(name), None)
        };
        put("key.pub", "").unwrap_err();
        let json = put("a.ign", r#"{"ignition": {"version": "3.5.0"}}"#).unwrap();
        assert_eq!(json, r#"{"ignition": {"version": "3.5.0"}}"#);
        let yaml = "variant: berth\nversion: 1.0.0\nstorage:\n  files:\n    - path: /etc/x\n      contents:\n        local: key.pub\n";
        assert!(put("a.bu", yaml).unwrap().contains("\"data:,\""));
        put("b.bu", "variant: berth\nversion: 9.0.0\n").unwrap_err();
        put("b.json", yaml).unwrap_err();
    }
}
