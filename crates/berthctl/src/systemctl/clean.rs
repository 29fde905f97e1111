//! `systemctl clean`: what a unit keeps on the disk, removed while it is down.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use layout::path::TIMERS;
use unit::service::config::{DirectoryKind, ExecContext};
use unit::{Kind, Unit, UnitName, timer};

use super::{listed, units};
use crate::arguments::Parsed;
use crate::client;
use crate::files::Files;

/// What may be removed, by systemd's words.
const KINDS: [(&str, DirectoryKind); 5] = [
    ("configuration", DirectoryKind::Configuration),
    ("state", DirectoryKind::State),
    ("cache", DirectoryKind::Cache),
    ("logs", DirectoryKind::Logs),
    ("runtime", DirectoryKind::Runtime),
];
/// What is removed where nothing else is said: the next start makes it again.
const USUAL: [DirectoryKind; 2] = [DirectoryKind::Cache, DirectoryKind::Runtime];

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    let what = what(&listed(parsed, "what"))?;
    let files = Files::open(None)?;
    let mut code = 0;
    for name in units(parsed)? {
        if let Err(error) = clean(&files, &name, &what) {
            eprintln!("Failed to clean unit {name}: {error:#}");
            code = 1;
        }
    }
    Ok(code)
}

/// The kinds that words name.
fn what(words: &[&str]) -> Result<Vec<DirectoryKind>> {
    if words.is_empty() {
        return Ok(USUAL.to_vec());
    }
    let mut what = Vec::new();
    for word in words {
        match KINDS.iter().find(|(name, _)| name == word) {
            Some((_, kind)) => what.push(*kind),
            None if *word == "all" => what.extend(KINDS.map(|(_, kind)| kind)),
            None if *word == "fdstore" => bail!("--what=fdstore is not supported yet"),
            None => {
                let names = KINDS.map(|(name, _)| name).join(", ");
                bail!("--what takes {names} or all, not {word}");
            }
        }
    }
    Ok(what)
}

fn clean(files: &Files, name: &UnitName, what: &[DirectoryKind]) -> Result<()> {
    let unit = files.unit(name)?;
    let paths = paths(&unit, what);
    ensure!(!paths.is_empty(), "no such folders are its own: name others by --what=");
    let status = client::status(name)?;
    ensure!(
        status.active == "inactive" && status.job.is_none(),
        "it is {}: stop it first, and reset what has failed",
        status.active
    );
    paths.iter().try_for_each(|path| remove(path))
}

/// What a unit has of some kinds, its folders and the links that lead to them.
fn paths(unit: &Unit, what: &[DirectoryKind]) -> Vec<PathBuf> {
    if let Kind::Timer(timer) = &unit.kind {
        let has_stamp = timer.persistent && what.contains(&DirectoryKind::State);
        return has_stamp.then(|| Path::new(TIMERS).join(timer::stamp(&unit.name))).into_iter().collect();
    }
    unit.processes().map_or_else(Vec::new, |processes| folders(&processes.exec, what))
}

fn folders(exec: &ExecContext, what: &[DirectoryKind]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (kind, directories) in exec.directories.iter().filter(|(kind, _)| what.contains(kind)) {
        for path in &directories.paths {
            paths.push(Path::new(kind.base()).join(path));
            // It may have had a user that comes and goes once, and has none now.
            paths.extend(kind.private_base().map(|base| Path::new(&base).join(path)));
        }
    }
    paths
}

/// Removes a file, a link, or a folder with all in it. None is fine, too.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unit::load::{UnitFiles, load};
    use unit::text::file::Source;
    use unit::text::specifier::Host;

    fn paths_of(name: &str, text: &str, words: &[&str]) -> String {
        let source = Source { path: name.into(), text: text.to_owned() };
        let files = UnitFiles { sources: vec![source], links: Vec::new() };
        let unit = load(&UnitName::parse(name).unwrap(), &files, &Host::default()).unwrap();
        let paths: Vec<String> =
            paths(&unit, &what(words).unwrap()).iter().map(|path| path.display().to_string()).collect();
        paths.join(" ")
    }

    #[test]
    fn a_units_own_by_kind() {
        let service = "[Service]\nExecStart=/bin/true\nRuntimeDirectory=a/b c\nStateDirectory=a\nCacheDirectory=a\n\
                       LogsDirectory=a\nConfigurationDirectory=a\n";
        let timer = "[Timer]\nOnCalendar=daily\nPersistent=yes\n";
        for (name, text, words, expected) in [
            ("a.service", service, &[][..], "/run/a/b /run/c /var/cache/a /var/cache/private/a"),
            (
                "a.service",
                service,
                &["state", "logs"],
                "/var/lib/a /var/lib/private/a /var/log/a /var/log/private/a",
            ),
            ("a.service", service, &["configuration"], "/etc/a"),
            ("a.service", "[Service]\nExecStart=/bin/true\n", &["all"], ""),
            ("a.socket", "[Socket]\nListenStream=/a\nRuntimeDirectory=x\n", &["all"], "/run/x"),
            ("a.timer", timer, &["all"], "/var/lib/systemd/timers/stamp-a.timer"),
            ("a.timer", timer, &["cache"], ""),
            ("a.target", "[Unit]\n", &["all"], ""),
        ] {
            assert_eq!(paths_of(name, text, words), expected, "{name} {words:?}");
        }
        assert!(what(&["fdstore"]).is_err() && what(&["everything"]).is_err());
    }
}
