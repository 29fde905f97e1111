//! Makes what the cache lacks.

use crate::cache::{partial_name, remove_tree};
use crate::{Cache, Context, Outcome, Progress, Step};
use anyhow::{Context as _, Result, anyhow};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

/// How many lines of a failed step's log are shown.
const LOG_LINES: usize = 40;

/// Makes `targets` and what they need, where the cache lacks it. A step whose output is there is
/// not looked behind: its needs are not made. Returns how many steps were run.
///
/// # Errors
/// A step failed: the end of its log and the log's path are in the error. Steps under way are
/// finished first, so that their outputs are kept.
pub fn run(targets: &[Arc<Step>], cache: &Cache, progress: &Arc<Progress>, jobs: usize) -> Result<usize> {
    let mut wanted = BTreeMap::new();
    let mut used = BTreeSet::new();
    for target in targets {
        tracing::debug!(step = target.name, key = %target.key, "wanted");
        collect(target, cache, &mut wanted);
        note_use(target, cache, &mut used);
    }
    let count = wanted.len();
    if count == 0 {
        return Ok(0);
    }
    let board =
        Board { state: Mutex::new(State { waiting: wanted, ..State::default() }), changed: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, count) {
            scope.spawn(|| work(&board, cache, progress, jobs));
        }
    });
    let state = board.state.into_inner().map_err(|_| anyhow!("a build thread panicked"))?;
    match state.failure {
        Some(error) => Err(error),
        None => Ok(count),
    }
}

/// The steps whose output is missing, by name.
fn collect(step: &Arc<Step>, cache: &Cache, wanted: &mut BTreeMap<String, Arc<Step>>) {
    if wanted.contains_key(&step.name) || cache.holds(step) {
        return;
    }
    wanted.insert(step.name.clone(), Arc::clone(step));
    for need in &step.needs {
        collect(need, cache, wanted);
    }
}

/// Notes that the outputs of a step, and of all that it is made of, are in use: what is behind one that is there is
/// asked for by the next change.
fn note_use(step: &Arc<Step>, cache: &Cache, used: &mut BTreeSet<String>) {
    if used.insert(step.name.clone()) {
        cache.note_use(step);
        for need in &step.needs {
            note_use(need, cache, used);
        }
    }
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<String, Arc<Step>>,
    running: BTreeSet<String>,
    failure: Option<anyhow::Error>,
}

impl State {
    /// A step all of whose needs are done.
    fn take_ready(&mut self) -> Option<Arc<Step>> {
        let pending = |name: &str| self.waiting.contains_key(name) || self.running.contains(name);
        let ready = self
            .waiting
            .values()
            .filter(|step| step.needs.iter().all(|need| !pending(&need.name)))
            // Long steps first would be best; what most others wait for is a good guess.
            .max_by_key(|step| self.waiting.values().filter(|other| depends(other, &step.name)).count())?;
        let step = Arc::clone(ready);
        self.waiting.remove(&step.name);
        self.running.insert(step.name.clone());
        Some(step)
    }
}

fn depends(step: &Step, name: &str) -> bool {
    step.needs.iter().any(|need| need.name == name || depends(need, name))
}

struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

fn work(board: &Board, cache: &Cache, progress: &Arc<Progress>, jobs: usize) {
    loop {
        let Ok(mut state) = board.state.lock() else { return };
        let step = loop {
            if state.failure.is_some() || state.waiting.is_empty() {
                return;
            }
            if let Some(step) = state.take_ready() {
                break step;
            }
            state = match board.changed.wait(state) {
                Ok(state) => state,
                Err(_) => return,
            };
        };
        drop(state);
        progress.start(&step.name);
        let result =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(&step, cache, progress, jobs)))
                .unwrap_or_else(|_| Err(anyhow!("the code of step `{}` panicked", step.name)));
        progress.finish(&step.name, *result.as_ref().unwrap_or(&Outcome::Failed));
        let Ok(mut state) = board.state.lock() else { return };
        state.running.remove(&step.name);
        if let Err(error) = result {
            state.failure.get_or_insert(error);
        }
        board.changed.notify_all();
    }
}

fn make(step: &Arc<Step>, cache: &Cache, progress: &Arc<Progress>, jobs: usize) -> Result<Outcome> {
    let name = step.name.as_str();
    let _lock = cache.lock(&format!("{name}-{}", step.key.short()), &|holder| {
        progress.line(&format!("  step {name} is being made by {holder}: waiting for it"));
    })?;
    let output = cache.output(step);
    if output.is_dir() {
        return Ok(Outcome::Shared);
    }
    tracing::debug!(step = name, key = %step.key, "making");
    cache.sweep(step);
    let partial = output.with_file_name(partial_name(step.key));
    fs::create_dir_all(&partial).with_context(|| format!("making {}", partial.display()))?;
    let log_path = cache.log(name, step.key)?;
    let log = File::create(&log_path).with_context(|| format!("making the log {}", log_path.display()))?;
    let speaker = Arc::clone(progress);
    let speaking = name.to_owned();
    let context = Context {
        step: name.to_owned(),
        output: partial.clone(),
        inputs: step.needs.iter().map(|need| (need.name.clone(), cache.output(need))).collect(),
        log_path,
        log,
        say: Box::new(move |what| speaker.say(&speaking, what)),
        jobs,
    };
    // On the disk before its name says that it is whole: the host's power may go, too.
    let made = (step.action)(&context).and_then(|()| step.require_unchanged()).and_then(|()| sync(&partial));
    if let Err(error) = made {
        let _ = writeln!(&context.log, "{error:#}");
        let _ = remove_tree(&partial);
        return Err(failed(name, &error, &context.log_path));
    }
    fs::rename(&partial, &output).with_context(|| format!("keeping {}", output.display()))?;
    // What was unpacked has the time of who packed it.
    cache.note_use(step);
    Ok(Outcome::Made)
}

fn sync(path: &Path) -> Result<()> {
    let syncing = || format!("writing {} to the disk", path.display());
    let folder = File::open(path).with_context(syncing)?;
    rustix::fs::syncfs(folder).with_context(syncing)
}

fn failed(step: &str, error: &anyhow::Error, log: &Path) -> anyhow::Error {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let error = format!("{error:#}");
    // The log's last lines are the error itself.
    let lines: Vec<&str> = text.lines().collect();
    let end = &lines[..lines.len().saturating_sub(error.lines().count())];
    let mut message = format!("step `{step}` failed: {error}");
    for line in &end[end.len().saturating_sub(LOG_LINES)..] {
        message.push_str("\n    | ");
        message.push_str(line);
    }
    anyhow!("{message}\n  the whole log: {}", log.display())
}
