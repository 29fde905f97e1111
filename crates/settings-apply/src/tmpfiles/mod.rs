//! Files and folders, made, removed and cleaned up.

mod adjust;
mod clean;
mod copy;
mod make;
mod remove;
mod walk;

use std::cell::OnceCell;
use std::path::Path;

use anyhow::Result;
use settings::tmpfiles::{Item, Kind, Operation, Plan};

use crate::Root;
use walk::{Node, WalkError};

pub use remove::tree as remove_tree;

pub(crate) use walk::glob;

/// As deep as folders may be nested that are walked whole.
const DEPTH_MAX: usize = 256;

/// Does what a plan says.
pub struct Runner<'a> {
    root: &'a Root,
    plan: &'a Plan,
    /// Whether what would be done is told instead.
    is_dry: bool,
    tell: &'a mut dyn FnMut(String),
    /// The lines that are followed.
    is_wanted: &'a dyn Fn(&Item) -> bool,
    /// Whether none can make a link to another's file, by which its owner could be changed; once it was asked.
    links_are_safe: OnceCell<bool>,
    live_sockets: Option<std::collections::BTreeSet<std::path::PathBuf>>,
}

impl<'a> Runner<'a> {
    /// Readies it. What goes wrong, and what is or would be done, is told.
    pub fn new(root: &'a Root, plan: &'a Plan, is_dry: bool, tell: &'a mut dyn FnMut(String)) -> Runner<'a> {
        let links_are_safe = OnceCell::new();
        Runner { root, plan, is_dry, tell, is_wanted: &|_| true, links_are_safe, live_sockets: None }
    }

    /// Follows only some lines.
    pub fn only(self, is_wanted: &'a dyn Fn(&Item) -> bool) -> Runner<'a> {
        Runner { is_wanted, ..self }
    }

    /// Does operations, those that remove first. Says whether all went well.
    ///
    /// What no line says the permissions of gets the usual ones (tmpfiles.d(5)), less the process's umask. That belongs
    /// to all threads of the process, so it is the program's to set.
    pub fn run(&mut self, operations: &[Operation]) -> bool {
        let mut is_well = true;
        for operation in [Operation::Purge, Operation::Remove, Operation::Clean, Operation::Create] {
            if operations.contains(&operation) {
                is_well &= self.run_one(operation);
            }
        }
        is_well
    }

    fn run_one(&mut self, operation: Operation) -> bool {
        let mut is_well = true;
        for item in self.plan.order(operation).into_iter().filter(|item| (self.is_wanted)(item)) {
            let done = match operation {
                Operation::Purge => self.purge(item),
                Operation::Remove => self.remove(item),
                Operation::Clean => self.clean(item),
                Operation::Create => self.create(item),
            };
            if let Err(error) = done {
                let may_fail = operation == Operation::Create && item.may_fail;
                self.say(format!("{}: {} {}: {error:#}", item.at, item.kind.letter(), item.path));
                is_well &= may_fail;
            }
        }
        is_well
    }

    fn say(&mut self, text: String) {
        (self.tell)(text);
    }

    /// Tells something that is no failure.
    fn told(&mut self, text: String) -> Result<()> {
        self.say(text);
        Ok(())
    }

    /// Does something, or says that it would be done.
    fn act(&mut self, what: impl FnOnce() -> String, action: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.is_dry {
            self.say(format!("Would {}", what()));
            return Ok(());
        }
        action()
    }

    fn create(&mut self, item: &Item) -> Result<()> {
        match item.kind {
            Kind::Keep | Kind::KeepFolder | Kind::Remove | Kind::RemoveAll => Ok(()),
            Kind::Write | Kind::CleanedFolder => self.for_each(item, Runner::create_at),
            Kind::Adjust | Kind::Xattrs | Kind::Attributes | Kind::Acl => {
                self.for_each(item, Runner::adjust_at)
            }
            Kind::AdjustAll | Kind::XattrsAll | Kind::AttributesAll | Kind::AclAll => {
                self.for_each(item, Runner::adjust_below)
            }
            _ => self.make(item),
        }
    }

    /// Does something for each path of a pattern. The first error is that of all.
    fn for_each(&mut self, item: &Item, action: fn(&mut Self, &Item, &Path) -> Result<()>) -> Result<()> {
        let mut outcome = Ok(());
        for path in glob(self.root, &item.path) {
            let done = action(self, item, &path);
            outcome = outcome.and(done);
        }
        outcome
    }

    fn create_at(&mut self, item: &Item, path: &Path) -> Result<()> {
        match item.kind {
            Kind::Write => self.write(item, path),
            _ => self.folder_at(item, path),
        }
    }

    /// What is at a path, links at its end not followed; nothing where nothing is.
    fn look(&self, path: &Path) -> Result<Option<Node>, WalkError> {
        match walk::node(self.root, path, false) {
            Err(error) if error.is_missing() => Ok(None),
            other => other.map(Some),
        }
    }
}
