//! Runs a case.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What stands for the folder of the case in paths.
const HERE: char = '@';

/// A folder of a case's own. In it: `d MODE OWNER PATH`, `f MODE OWNER PATH [TEXT]`, `p MODE OWNER PATH`,
/// `l OWNER PATH TARGET`; an owner is `.` (who runs the test) or `UID:GID`.
pub struct Bed {
    folder: tempfile::TempDir,
    below_root: bool,
}

/// Whether the test runs as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

impl Bed {
    pub fn new(before: &[&str], below_root: bool) -> Bed {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let bed = Bed { folder, below_root };
        before.iter().for_each(|entry| bed.put(entry));
        bed
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// The folder of the case as lines name it.
    fn here(&self) -> String {
        if self.below_root { String::new() } else { self.folder.path().display().to_string() }
    }

    fn put(&self, entry: &str) {
        let words: Vec<&str> = entry.splitn(5, ' ').collect();
        let (owner, path) = match words[..] {
            ["d", mode, owner, path] => {
                fs::create_dir(self.path(path)).unwrap();
                self.set_mode(path, mode);
                (owner, path)
            }
            ["f", mode, owner, path, ..] => {
                fs::write(self.path(path), words.get(4).unwrap_or(&"")).unwrap();
                self.set_mode(path, mode);
                (owner, path)
            }
            ["p", mode, owner, path] => {
                assert!(Command::new("mkfifo").arg(self.path(path)).status().unwrap().success());
                self.set_mode(path, mode);
                (owner, path)
            }
            ["l", owner, path, target] => {
                symlink(target.replace(HERE, &self.here()), self.path(path)).unwrap();
                (owner, path)
            }
            _ => panic!("{entry}"),
        };
        if let Some((user, group)) = owner.split_once(':') {
            lchown(self.path(path), Some(user.parse().unwrap()), Some(group.parse().unwrap())).unwrap();
        }
    }

    fn set_mode(&self, path: &str, mode: &str) {
        let mode = u32::from_str_radix(mode, 8).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs `systemd-tmpfiles` with lines on its standard input. For a comparison, another program may be
    /// named by the environment.
    pub fn run(&self, options: &[&str], lines: &str) -> Output {
        let mut command = match std::env::var_os("BERTH_OTHER_TMPFILES") {
            Some(other) => Command::new(other),
            None => {
                // Who starts it masks most permissions; lines have the last word.
                let mut own = Command::new("sh");
                own.args(["-c", "umask 077; exec \"$0\" systemd-tmpfiles \"$@\""]);
                own.arg(env!("CARGO_BIN_EXE_berthctl"));
                own
            }
        };
        if self.below_root {
            command.arg(format!("--root={}", self.folder.path().display()));
        }
        let options = options.iter().map(|option| option.replace(HERE, &self.here()));
        command.args(options).arg("-").env("HOME", "/home/x");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.replace(HERE, &self.here()).as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// All that is there, sorted.
    pub fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.look(Path::new(""), &mut found);
        found.sort_by_key(|(path, _)| path.clone());
        found.into_iter().map(|(_, line)| line).collect()
    }

    fn look(&self, inside: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(self.folder.path().join(inside)).unwrap() {
            let entry = entry.unwrap();
            let path = inside.join(entry.file_name());
            let is = entry.metadata().unwrap();
            let own = fs::metadata("/proc/self").unwrap();
            let owner = match (is.uid(), is.gid()) {
                ids if ids == (own.uid(), own.gid()) => ".".to_owned(),
                (user, group) => format!("{user}:{group}"),
            };
            let mode = format!("{:o}", is.mode() & 0o7777);
            let shown = format!("/{}", path.display());
            let kind = is.file_type();
            let line = if kind.is_symlink() {
                let target = fs::read_link(entry.path()).unwrap();
                format!(
                    "l {owner} {shown} {}",
                    self.shown(&String::from_utf8_lossy(target.as_os_str().as_bytes()))
                )
            } else if kind.is_dir() {
                self.look(&path, found);
                format!("d {mode} {owner} {shown}")
            } else if kind.is_fifo() {
                format!("p {mode} {owner} {shown}")
            } else if kind.is_file() {
                let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
                format!("f {mode} {owner} {shown} {}", self.shown(&text)).trim_end_matches(' ').to_owned()
            } else {
                format!("? {mode} {owner} {shown}")
            };
            found.push((shown, line));
        }
    }

    fn shown(&self, text: &str) -> String {
        let here = self.folder.path().display().to_string();
        text.replace(&here, &HERE.to_string())
            .escape_debug()
            .to_string()
            .replace("\\'", "'")
            .replace("\\\"", "\"")
    }
}

/// What is run, and what it comes to.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    pub options: &'a [&'a str],
    pub lines: &'a str,
    /// The exit code: 0, 65 for lines that make no sense, 73 for what cannot be done.
    pub code: i32,
}

pub const fn step<'a>(options: &'a [&'a str], lines: &'a str) -> Step<'a> {
    Step { options, lines, code: 0 }
}

pub const fn fails<'a>(options: &'a [&'a str], lines: &'a str, code: i32) -> Step<'a> {
    Step { options, lines, code }
}

/// A case.
pub struct Case<'a> {
    /// Where it is from, or what it is about.
    pub name: &'a str,
    /// Whether only root can do it.
    pub needs_root: bool,
    pub before: &'a [&'a str],
    pub steps: &'a [Step<'a>],
    pub after: &'a [&'a str],
}

/// Runs cases below a root and in the running system.
pub fn check(cases: &[Case<'_>]) {
    let mut faults = Vec::new();
    for case in cases.iter().filter(|case| is_root() || !case.needs_root) {
        for below_root in [true, false] {
            let bed = Bed::new(case.before, below_root);
            for step in case.steps {
                let output = bed.run(step.options, step.lines);
                if output.status.code() != Some(step.code) {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    faults.push(format!(
                        "{} (below a root: {below_root}): {:?}\n{said}",
                        case.name, output.status
                    ));
                }
            }
            let expected: Vec<String> = case.after.iter().map(|line| (*line).to_owned()).collect();
            if bed.tree() != expected {
                faults.push(format!("{} (below a root: {below_root}): {:#?}", case.name, bed.tree()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
