//! What a build may rely on: nothing is made twice, nothing half-made is kept, and builds do not
//! get into each other's way.

#![allow(clippy::unwrap_used)]

use pipeline::{Cache, Progress, Recipe, Step, hash_tree, run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

struct Bench {
    directory: tempfile::TempDir,
    cache: Cache,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(&directory.path().join("cache")).unwrap();
        Self { directory, cache }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn make(&self, targets: &[Arc<Step>]) -> anyhow::Result<usize> {
        run(targets, &self.cache, &Arc::new(Progress::new()), 2)
    }

    fn read(&self, step: &Step) -> String {
        fs::read_to_string(self.cache.output(step).join("out")).unwrap()
    }
}

/// A step that writes `text` and counts how often it was made.
fn writes(name: &str, text: &str, count: &Arc<AtomicUsize>) -> Arc<Step> {
    let (text, count) = (text.to_owned(), Arc::clone(count));
    Recipe::new(name, "code").parameter("text", &text).action(move |context| {
        count.fetch_add(1, Ordering::SeqCst);
        fs::write(context.output().join("out"), &text)?;
        Ok(())
    })
}

/// A step that appends to what `need` wrote.
fn extends(name: &str, need: &Arc<Step>) -> Arc<Step> {
    let input = need.name().to_owned();
    Recipe::new(name, "code").needs(need).action(move |context| {
        let text = fs::read_to_string(context.input(&input)?.join("out"))?;
        fs::write(context.output().join("out"), format!("{text} and more"))?;
        Ok(())
    })
}

#[test]
fn what_is_made_is_not_made_again_until_an_input_changes() {
    let bench = Bench::new();
    let count = Arc::new(AtomicUsize::new(0));
    let first = extends("second", &writes("first", "a", &count));
    assert_eq!(bench.make(std::slice::from_ref(&first)).unwrap(), 2);
    assert_eq!(bench.read(&first), "a and more");
    assert_eq!(bench.make(&[first]).unwrap(), 0);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let changed = extends("second", &writes("first", "b", &count));
    assert_eq!(bench.make(std::slice::from_ref(&changed)).unwrap(), 2);
    assert_eq!(bench.read(&changed), "b and more");
}

#[test]
fn a_steps_key_knows_every_kind_of_input() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "1").unwrap();
    let key = |code: &str, value: &str| {
        Recipe::new("s", code).parameter("p", value).files(directory.path()).unwrap().action(|_| Ok(())).key()
    };
    let base = key("c", "v");
    assert_eq!(key("c", "v"), base);
    assert_ne!(key("other code", "v"), base);
    assert_ne!(key("c", "other value"), base);
    fs::write(&file, "2").unwrap();
    assert_ne!(key("c", "v"), base);
    fs::write(&file, "1").unwrap();
    assert_eq!(key("c", "v"), base);
    fs::rename(&file, directory.path().join("renamed")).unwrap();
    assert_ne!(key("c", "v"), base);
}

#[test]
fn a_link_counts_as_its_reader_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for folder in ["real", "tree"] {
        fs::create_dir(path(folder)).unwrap();
    }
    fs::write(path("real/file"), "1").unwrap();
    fs::write(path("tree/file"), "1").unwrap();
    assert_eq!(hash_tree(&path("real")).unwrap(), hash_tree(&path("tree")).unwrap());
    for (target, link) in [("real", "link"), ("../real/file", "tree/link"), ("absent", "tree/nowhere")] {
        symlink(target, path(link)).unwrap();
    }
    assert_eq!(hash_tree(&path("link")).unwrap(), hash_tree(&path("real")).unwrap());

    let recipe = || Recipe::new("s", "code");
    let keys = || {
        [
            recipe().files(&path("link")).unwrap(),
            recipe().files(&path("tree")).unwrap(),
            recipe().sources(&path("tree")).unwrap(),
        ]
        .map(|recipe| recipe.action(|_| Ok(())).key())
    };
    let before = keys();
    fs::write(path("real/file"), "2").unwrap();
    let differ = keys().iter().zip(before).map(|(now, before)| *now != before).collect::<Vec<_>>();
    // The input itself, one that is copied as it is, one that is read.
    assert_eq!(differ, [true, false, true]);

    for absent in ["absent", "tree/nowhere"] {
        let error = recipe().files(&path(absent)).err().map(|error| format!("{error:#}")).unwrap();
        assert!(error.contains(&format!("reading {}: No such file", path(absent).display())), "{error}");
    }
}

#[test]
fn what_changes_while_a_step_is_made_is_not_kept_under_the_key_of_what_was() {
    let bench = Bench::new();
    let source = bench.path().join("source");
    fs::write(&source, "before").unwrap();
    let step = |editor: Option<&str>| {
        let (source, editor) = (source.clone(), editor.map(str::to_owned));
        Recipe::new("step", "code").files(&source.clone()).unwrap().action(move |context| {
            if let Some(text) = &editor {
                fs::write(&source, text)?;
            }
            fs::copy(&source, context.output().join("out"))?;
            Ok(())
        })
    };
    let error = bench.make(&[step(Some("after"))]).unwrap_err().to_string();
    assert!(error.contains("source was changed while the step was made: build again"), "{error}");
    fs::write(&source, "before").unwrap();
    let again = step(None);
    assert_eq!(bench.make(std::slice::from_ref(&again)).unwrap(), 1);
    assert_eq!(bench.read(&again), "before");
}

#[test]
fn a_step_that_is_there_is_not_looked_behind() {
    let bench = Bench::new();
    let count = Arc::new(AtomicUsize::new(0));
    let first = writes("first", "a", &count);
    let second = extends("second", &first);
    bench.make(std::slice::from_ref(&second)).unwrap();
    fs::remove_dir_all(bench.cache.output(&first)).unwrap();
    assert_eq!(bench.make(&[second]).unwrap(), 0);
}

#[test]
fn a_failed_step_keeps_nothing_and_shows_the_end_of_its_log() {
    let bench = Bench::new();
    let step = Recipe::new("breaks", "code").action(|context| {
        fs::write(context.output().join("half"), "half")?;
        anyhow::bail!("the tool said no")
    });
    let error = format!("{:#}", bench.make(std::slice::from_ref(&step)).unwrap_err());
    for part in ["step `breaks` failed", "the whole log: ", "the tool said no"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!bench.cache.holds(&step));
    let left = fs::read_dir(bench.cache.root().join("steps/breaks")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn a_step_that_panics_fails_the_build_and_not_the_builder() {
    let bench = Bench::new();
    let step = Recipe::new("panics", "code").action(|_| panic!("a bug"));
    let error = format!("{:#}", bench.make(&[step]).unwrap_err());
    assert!(error.contains("step `panics` panicked"), "{error}");
}

#[test]
fn a_step_may_read_only_what_it_declares() {
    let bench = Bench::new();
    let count = Arc::new(AtomicUsize::new(0));
    let other = writes("other", "a", &count);
    let step = Recipe::new("sly", "code").action(|context| context.input("other").map(drop));
    let error = format!("{:#}", bench.make(&[other, step]).unwrap_err());
    assert!(error.contains("does not declare that it needs `other`"), "{error}");
}

#[test]
fn what_a_killed_build_left_is_cleared_away() {
    let bench = Bench::new();
    let count = Arc::new(AtomicUsize::new(0));
    let step = writes("first", "whole", &count);
    let output = bench.cache.output(&step);
    let partial = output.with_extension("partial");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("out"), "ha").unwrap();
    fs::write(partial.join("rubbish"), "").unwrap();
    assert!(!bench.cache.holds(&step));
    bench.make(std::slice::from_ref(&step)).unwrap();
    assert_eq!(bench.read(&step), "whole");
    assert!(!output.join("rubbish").exists() && !partial.exists());
}

#[test]
fn outputs_that_are_used_stay_however_old_they_are() {
    let bench = Bench::new();
    let count = Arc::new(AtomicUsize::new(0));
    let day = Duration::from_secs(24 * 3600);
    let age = |step: &Step, age: Duration| {
        let folder = fs::File::open(bench.cache.output(step)).unwrap();
        folder.set_modified(SystemTime::now() - age).unwrap();
    };
    let time = |step: &Step| fs::metadata(bench.cache.output(step)).unwrap().modified().unwrap();
    let all: Vec<_> = (0..6).map(|number| writes("first", &number.to_string(), &count)).collect();
    for step in &all {
        bench.make(std::slice::from_ref(step)).unwrap();
    }
    // Another checkout's, whose user asks for what is made of it alone.
    let second = extends("second", &all[0]);
    bench.make(std::slice::from_ref(&second)).unwrap();
    for (step, days) in all.iter().zip([30, 5, 4, 9, 8, 7]) {
        age(step, day * days);
    }
    assert_eq!(bench.make(&[second]).unwrap(), 0);
    bench.make(&[writes("first", "new", &count)]).unwrap();
    let there: Vec<_> = all.iter().map(|step| bench.cache.holds(step)).collect();
    assert_eq!(there, [true, true, true, false, false, false]);

    // Nor does it count what time a tool gave it.
    let ancient = Recipe::new("ancient", "code")
        .action(|context| Ok(fs::File::open(context.output())?.set_modified(SystemTime::UNIX_EPOCH)?));
    bench.make(std::slice::from_ref(&ancient)).unwrap();
    assert!(time(&ancient).elapsed().unwrap() < day);

    // What was noted a while ago is not noted again.
    age(&all[0], day / 48);
    let before = time(&all[0]);
    bench.make(&all[..1]).unwrap();
    assert_eq!(time(&all[0]), before);
}

#[test]
fn two_builds_at_once_make_a_step_once() {
    let bench = Bench::new();
    let count = Arc::new(AtomicUsize::new(0));
    let slow = || {
        let count = Arc::clone(&count);
        Recipe::new("slow", "code").action(move |context| {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(300));
            fs::write(context.output().join("out"), "once")?;
            Ok(())
        })
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| bench.make(&[slow()]).unwrap());
        }
    });
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(bench.read(&slow()), "once");
}

#[test]
fn a_lock_says_who_holds_it() {
    let bench = Bench::new();
    let held = bench.cache.lock("thing", &|_| unreachable!()).unwrap();
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let cache = &bench.cache;
        scope.spawn(move || {
            cache.lock("thing", &move |holder| sender.send(holder.to_owned()).unwrap()).unwrap()
        });
        let holder = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
        drop(held);
    });
    assert!(bench.path().join("cache/locks/thing").exists());
}
