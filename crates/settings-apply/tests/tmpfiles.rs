//! Files and folders, made and cleaned up in a folder of the test's own, where something goes wrong on the way.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use settings::Source;
use settings::accounts::Accounts;
use settings::specifier::Specifiers;
use settings::tmpfiles::{Context, Operation, Plan};
use settings_apply::Root;
use settings_apply::tmpfiles::Runner;
use sys::mount::{Mount, MountFlags};

/// Does what a line says, in the running system. What was told.
fn run(line: &str, operation: Operation) -> Vec<String> {
    let context = Context {
        boot: false,
        graceful: false,
        include: &[],
        exclude: &[],
        specifiers: &Specifiers::new([]),
        accounts: &Accounts::default(),
        credential: &|_| None,
    };
    let source = Source { path: "/x.conf".into(), text: line.to_owned() };
    let (plan, faults) = Plan::read(&[source], &context);
    assert!(faults.is_empty(), "{faults:?}");
    let mut told = Vec::new();
    let is_well =
        Runner::new(&Root::system().unwrap(), &plan, false, &mut |text| told.push(text)).run(&[operation]);
    assert_eq!(is_well, told.is_empty(), "{told:?}");
    told
}

/// What is in a folder, and the texts of its files.
fn held(folder: &Path) -> Vec<(String, Option<String>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut held: Vec<_> = entries.map(|path| (name(&path), fs::read_to_string(path).ok())).collect();
    held.sort();
    held
}

fn text(name: &str, text: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(text.to_owned()))
}

#[test]
fn a_copy_that_failed_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (source, into) = (folder.path().join("source"), folder.path().join("into"));
    fs::create_dir(&into).unwrap();
    let line =
        |kind: &str, source: &Path| format!("{kind} {}/copy - - - - {}", into.display(), source.display());
    // A file that can be opened, and not be read.
    let told = run(&line("C", Path::new("/proc/self/mem")), Operation::Create);
    assert!(told[0].contains("cannot copy /proc/self/mem"), "{told:?}");
    assert_eq!(held(&into), []);
    // A folder with something in it that cannot be copied: one that is new, one that was there and empty.
    for (kind, is_there) in [("C", false), ("C", true), ("C+", true)] {
        fs::create_dir_all(source.join("d")).unwrap();
        (0..9).for_each(|i| fs::write(source.join(format!("d/{i}")), "x").unwrap());
        let socket = UnixListener::bind(source.join("d/socket")).unwrap();
        if is_there {
            fs::create_dir(into.join("copy")).unwrap();
        }
        let told = run(&line(kind, &source), Operation::Create);
        assert!(told[0].contains("socket is a socket, which cannot be copied"), "{told:?}");
        assert_eq!(into.join("copy").exists(), is_there, "{kind}");
        if is_there {
            assert_eq!(held(&into.join("copy")), [], "{kind}");
        }
        drop(socket);
        fs::remove_file(source.join("d/socket")).unwrap();
        assert_eq!(run(&line(kind, &source), Operation::Create), [""; 0]);
        assert_eq!(held(&into.join("copy/d")), (0..9).map(|i| text(&i.to_string(), "x")).collect::<Vec<_>>());
        assert_eq!(held(&into), [("copy".to_owned(), None)]);
        fs::remove_dir_all(into.join("copy")).unwrap();
        fs::remove_dir_all(&source).unwrap();
    }
}

/// What a file system is mounted on whose server is gone.
struct Dead(PathBuf);

impl Dead {
    /// None where this user cannot mount one.
    fn mount(on: PathBuf) -> Option<Dead> {
        let server = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_raw_fd());
        let source = Path::new("none");
        Mount { source, kind: "fuse", flags: MountFlags::empty(), options: &options }.on(&on).ok()?;
        Some(Dead(on))
    }
}

impl Drop for Dead {
    fn drop(&mut self) {
        sys::mount::unmount(&self.0).unwrap();
    }
}

#[test]
fn what_cannot_be_looked_at_does_not_end_a_clean_up() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..9).map(|i| i.to_string()).collect();
    names.iter().for_each(|name| fs::create_dir(folder.path().join(name)).unwrap());
    let Some(dead) = Dead::mount(folder.path().join("4")) else { return };
    let (line, dead_path) = (format!("D {} - - - 0", folder.path().display()), dead.0.display().to_string());
    for operation in [Operation::Clean, Operation::Remove] {
        names.iter().filter(|name| *name != "4").for_each(|name| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        });
        let told = run(&line, operation);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with(&format!("cannot look at {dead_path}: ")), "{told:?}");
        assert!(told[1].contains("1 in "), "{told:?}");
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["4"]);
    }
    // Nor is what another line keeps looked at.
    assert_eq!(run(&format!("{line}\nx {dead_path}"), Operation::Clean), [""; 0]);
}

#[test]
fn what_a_power_cut_left_of_a_copy_goes() {
    const LEFT: &str = ".tmpfiles-unfinished";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["source", "into/copy", &format!("into/{LEFT}/x"), &format!("into/copy/{LEFT}")] {
        fs::create_dir_all(path(name)).unwrap();
    }
    for name in ["source/a", "source/b", &format!("into/copy/{LEFT}/b")] {
        fs::write(path(name), "whole").unwrap();
    }
    fs::write(path("into/copy/a"), "changed since").unwrap();
    let line = format!("C {} - - - - {}", path("into/copy").display(), path("source").display());
    for _ in 0..2 {
        assert_eq!(run(&line, Operation::Create), [""; 0]);
        assert_eq!(held(&path("into/copy")), [text("a", "changed since"), text("b", "whole")]);
        assert_eq!(held(&path("into")), [("copy".to_owned(), None)]);
        // What is there and was not left is as somebody wants it.
        fs::write(path("source/c"), "new").unwrap();
    }
}
