//! What a step is.

use crate::key::{Key, Links, add, hash_with};
use anyhow::{Context as _, Result, bail};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;

type Action = Box<dyn Fn(&Context) -> Result<()> + Send + Sync>;

/// A file or a directory, and its hash when it was declared.
struct Hashed {
    path: PathBuf,
    links: Links,
    hash: String,
}

/// A step of the build, its key known.
pub struct Step {
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) needs: Vec<Arc<Step>>,
    /// The files that it was declared to depend on, and their hashes then.
    files: Vec<Hashed>,
    pub(crate) action: Action,
}

impl Step {
    /// The step's name, unique in a build.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hash of all that the step's output depends on.
    pub fn key(&self) -> Key {
        self.key
    }

    /// That the files are still what the key says: an action reads them long after they were hashed, and what is
    /// kept under a key is taken for what it says by every later build.
    pub(crate) fn require_unchanged(&self) -> Result<()> {
        for Hashed { path, links, hash } in &self.files {
            if hash_with(path, *links)? != *hash {
                bail!("{} was changed while the step was made: build again", path.display());
            }
        }
        Ok(())
    }
}

/// A step in the making: declares what the output depends on.
pub struct Recipe {
    name: String,
    hash: Sha256,
    needs: Vec<Arc<Step>>,
    files: Vec<Hashed>,
}

impl Recipe {
    /// A step called `name` that `code` makes: the text of the module that holds its action
    /// (`include_str!`), so that a changed action never meets an output of the old one.
    pub fn new(name: &str, code: &str) -> Self {
        let mut hash = Sha256::new();
        add(&mut hash, name.as_bytes());
        add(&mut hash, code.as_bytes());
        Self { name: name.to_owned(), hash, needs: Vec::new(), files: Vec::new() }
    }

    /// Declares a value that the output depends on.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        add(&mut self.hash, name.as_bytes());
        add(&mut self.hash, value.as_ref());
        self
    }

    /// Declares a file or a directory that the output depends on; links below it are copied as links.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn files(self, path: &Path) -> Result<Self> {
        self.hashed(path, Links::Kept)
    }

    /// Declares a file or a directory whose files are read, also those that links below it lead to.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn sources(self, path: &Path) -> Result<Self> {
        self.hashed(path, Links::Followed)
    }

    fn hashed(mut self, path: &Path, links: Links) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hash = hash_with(path, links).with_context(|| format!("an input of step `{}`", self.name))?;
        self.files.push(Hashed { path: path.to_owned(), links, hash: hash.clone() });
        Ok(self.parameter(&name, hash))
    }

    /// Declares a step whose output this one reads.
    #[must_use]
    pub fn needs(mut self, step: &Arc<Step>) -> Self {
        add(&mut self.hash, step.name.as_bytes());
        add(&mut self.hash, &step.key.to_string().into_bytes());
        self.needs.push(Arc::clone(step));
        self
    }

    /// The step, made by `action`.
    pub fn action(self, action: impl Fn(&Context) -> Result<()> + Send + Sync + 'static) -> Arc<Step> {
        Arc::new(Step {
            name: self.name,
            key: Key::new(self.hash),
            needs: self.needs,
            files: self.files,
            action: Box::new(action),
        })
    }
}

/// What an action works with.
pub struct Context {
    pub(crate) step: String,
    pub(crate) output: PathBuf,
    pub(crate) inputs: Vec<(String, PathBuf)>,
    pub(crate) log_path: PathBuf,
    pub(crate) log: File,
    pub(crate) say: Box<dyn Fn(&str) + Send + Sync>,
    pub(crate) jobs: usize,
}

impl Context {
    /// The directory to put the output in: empty at first, kept only if the action succeeds.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// The output of the needed step of that name.
    ///
    /// # Errors
    /// The recipe does not declare it.
    pub fn input(&self, step: &str) -> Result<&Path> {
        let found = self.inputs.iter().find(|(name, _)| name == step);
        found
            .map(|(_, path)| path.as_path())
            .with_context(|| format!("step `{}` does not declare that it needs `{step}`", self.step))
    }

    /// How many processes a tool that runs several should use.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// Says what the step is at, for the progress display.
    pub fn say(&self, what: &str) {
        (self.say)(what);
    }

    /// The step's log, as the output of a program.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn log(&self) -> Result<Stdio> {
        Ok(self.log.try_clone().context("sharing the step's log")?.into())
    }

    /// Runs a program to its end, its output in the step's log.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn run(&self, doing: &str, command: sandbox::Command) -> Result<()> {
        let child =
            command.stdout(self.log()?).stderr(self.log()?).spawn().with_context(|| doing.to_owned())?;
        finish(doing, child)
    }

    /// Runs a program to its end, its output in the step's log; what it prints on standard output
    /// is also given to `watch`, line by line, to tell how far it is.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn run_watched(
        &self,
        doing: &str,
        command: sandbox::Command,
        mut watch: impl FnMut(&str),
    ) -> Result<()> {
        let mut child =
            command.stdout(Stdio::piped()).stderr(self.log()?).spawn().with_context(|| doing.to_owned())?;
        let mut log = &self.log;
        let copied = child.stdout.take().map_or(Ok(()), |output| {
            BufReader::new(output).split(b'\n').try_for_each(|line| {
                let line = String::from_utf8_lossy(&line?).into_owned();
                watch(&line);
                writeln!(log, "{line}")
            })
        });
        // Its output closed, a program that still runs ends too: it is waited for before the step's
        // directory goes.
        let finished = finish(doing, child);
        copied.with_context(|| format!("{doing}: writing the log"))?;
        finished
    }

    /// Runs a program to its end; what it printed on standard output.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn capture(&self, doing: &str, command: sandbox::Command) -> Result<Vec<u8>> {
        let output = command.output().with_context(|| doing.to_owned())?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("{doing} failed ({}): {}", output.status, stderr.trim());
        }
        Ok(output.stdout)
    }
}

/// Waits for a program's end.
fn finish(doing: &str, mut child: Child) -> Result<()> {
    let status = child.wait().with_context(|| doing.to_owned())?;
    if !status.success() {
        bail!("{doing} failed ({status})");
    }
    Ok(())
}
