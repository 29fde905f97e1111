//! What a person sees of a build: on a terminal a live list of the steps under way, elsewhere a
//! line a step.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its output was made.
    Made,
    /// Another build made it meanwhile.
    Shared,
    /// It failed.
    Failed,
}

/// The display. Everything goes to standard error: standard output is for results.
pub struct Progress {
    bars: MultiProgress,
    running: Mutex<BTreeMap<String, (ProgressBar, Instant)>>,
    live: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// A display fit for what standard error is.
    pub fn new() -> Self {
        let live = std::io::stderr().is_terminal();
        Self { bars: MultiProgress::new(), running: Mutex::default(), live }
    }

    /// Prints a line above the live list.
    pub fn line(&self, text: &str) {
        if self.live {
            let _ = self.bars.println(text);
        } else {
            eprintln!("{text}");
        }
    }

    /// A step begins.
    pub fn start(&self, step: &str) {
        let bar = if self.live { self.bars.add(ProgressBar::new_spinner()) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix:<22} {elapsed:>5}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(step.to_owned());
        if self.live {
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            eprintln!("  start {step}");
        }
        if let Ok(mut running) = self.running.lock() {
            running.insert(step.to_owned(), (bar, Instant::now()));
        }
    }

    /// What a step is at.
    pub fn say(&self, step: &str, what: &str) {
        if let Ok(running) = self.running.lock()
            && let Some((bar, _)) = running.get(step)
        {
            bar.set_message(what.to_owned());
        }
    }

    /// A step ends.
    pub fn finish(&self, step: &str, outcome: Outcome) {
        let Some((bar, since)) = self.running.lock().ok().and_then(|mut running| running.remove(step)) else {
            return;
        };
        bar.finish_and_clear();
        self.bars.remove(&bar);
        let seconds = since.elapsed().as_secs_f64();
        let word = match outcome {
            Outcome::Made => "done ",
            Outcome::Shared => "found",
            Outcome::Failed => "FAIL ",
        };
        self.line(&format!("  {word} {step:<22} {seconds:>7.1} s"));
    }
}
