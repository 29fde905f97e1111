//! Modules are loaded beside the loop, by a thread that lives while there is something to load.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use kmod::{Modules, Outcome};
use rustix::event::{EventfdFlags, eventfd};

use sysfs::Kernel;

use crate::{coldplug, log};

/// What is to be loaded, and whether somebody does.
#[derive(Debug, Default)]
struct Queue {
    /// Whether the aliases of all devices that there are have to be gathered first.
    everything: bool,
    /// Devices of one kind have one alias.
    aliases: BTreeSet<String>,
    known: Known,
    running: bool,
}

/// What aliases were found to stand for, so that an alias whose modules are there costs no look into the indexes.
#[derive(Debug, Default)]
struct Known(BTreeMap<u64, Vec<String>>);

impl Known {
    fn note(&mut self, alias: &str, modules: Vec<String>) {
        self.0.insert(hash(alias), modules);
    }

    /// Whether there is nothing to load for an alias. A module may have been removed, or have failed when it was tried.
    fn is_settled(&self, alias: &str, is_loaded: impl Fn(&str) -> bool) -> bool {
        self.0.get(&hash(alias)).is_some_and(|modules| modules.iter().all(|module| is_loaded(module)))
    }
}

/// The loader.
#[derive(Debug)]
pub struct Loading {
    queue: Arc<Mutex<Queue>>,
    /// Becomes readable when all is loaded.
    done: Arc<OwnedFd>,
}

impl Loading {
    /// Nothing to load yet.
    ///
    /// # Errors
    /// The kernel gives no eventfd.
    pub fn new() -> Result<Self> {
        let done =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context("cannot make an eventfd")?;
        Ok(Self { queue: Arc::default(), done: Arc::new(done) })
    }

    /// Has loaded what the devices need that there are now.
    pub fn load_everything(&self) {
        self.with_queue(|queue| queue.everything = true);
    }

    /// Has loaded what a new device needs.
    pub fn load(&self, alias: &str) {
        if !self.lock().known.is_settled(alias, kmod::is_loaded) {
            self.with_queue(|queue| _ = queue.aliases.insert(alias.to_owned()));
        }
    }

    /// What modprobe.d says may be different: aliases may stand for other modules.
    pub fn reload(&self) {
        self.lock().known = Known::default();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_queue(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.lock();
        change(&mut queue);
        if queue.running {
            return;
        }
        let (shared, done) = (Arc::clone(&self.queue), Arc::clone(&self.done));
        let thread =
            std::thread::Builder::new().name("modules".to_owned()).spawn(move || work(&shared, &done));
        match thread {
            Ok(_) => queue.running = true,
            Err(error) => log::warning(&format!("cannot start a thread to load modules: {error}")),
        }
    }

    /// Whether something is being loaded.
    pub fn is_busy(&self) -> bool {
        self.lock().running
    }

    /// Takes note that all is loaded.
    pub fn acknowledge(&self) {
        let _ = rustix::io::read(&*self.done, &mut [0; 8]);
    }
}

impl AsFd for Loading {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }
}

fn work(queue: &Mutex<Queue>, done: &OwnedFd) {
    let mut modules = Modules::open();
    modules.warnings().iter().for_each(|warning| log::warning(warning));
    loop {
        let (everything, mut aliases) = {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.aliases.is_empty() && !queue.everything {
                queue.running = false;
                break;
            }
            (std::mem::take(&mut queue.everything), std::mem::take(&mut queue.aliases))
        };
        if everything {
            aliases.extend(coldplug::aliases(&Kernel));
        }
        for alias in &aliases {
            // It may have been asked for twice at the start: as a device's, and with everything.
            let is_settled =
                queue.lock().unwrap_or_else(PoisonError::into_inner).known.is_settled(alias, kmod::is_loaded);
            if is_settled {
                continue;
            }
            let named = modules.of_alias(alias);
            for outcome in named.iter().flat_map(|module| modules.load(module)) {
                match outcome {
                    Outcome::Loaded(name) => log::info(&format!("loaded {name}")),
                    Outcome::Failed(why) => log::warning(&why),
                }
            }
            queue.lock().unwrap_or_else(PoisonError::into_inner).known.note(alias, named);
        }
    }
    drop(modules);
    sys::machine::give_back_memory();
    let _ = rustix::io::write(done, &1u64.to_ne_bytes());
}

/// FNV-1a: aliases are long, and there are hundreds.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_settled_while_its_modules_are_there() {
        let mut known = Known::default();
        known.note("pci:a", vec!["e1000".to_owned(), "ptp".to_owned()]);
        known.note("pci:none", vec![]);
        for (alias, loaded, expected) in [
            ("pci:a", &["e1000", "ptp"][..], true),
            // Removed since, or not loaded at all because it failed.
            ("pci:a", &["ptp"], false),
            ("pci:a", &[], false),
            ("pci:none", &[], true),
            ("pci:new", &["e1000"], false),
        ] {
            assert_eq!(
                known.is_settled(alias, |name| loaded.contains(&name)),
                expected,
                "{alias} {loaded:?}"
            );
        }
    }

    #[test]
    fn an_alias_is_asked_for_again_once_the_loader_is_done() {
        // No thread is started where one is said to run.
        let loading = Loading::new().unwrap();
        loading.lock().running = true;
        for _ in 0..2 {
            loading.load("berth:none");
            loading.load("berth:none");
            assert_eq!(std::mem::take(&mut loading.lock().aliases).len(), 1);
            loading.lock().known.note("berth:none", vec!["berth_is_not_loaded".to_owned()]);
        }
        loading.lock().known.note("berth:none", vec![]);
        loading.load("berth:none");
        assert!(loading.lock().aliases.is_empty());
        loading.reload();
        loading.load("berth:none");
        assert_eq!(loading.lock().aliases.len(), 1);
    }
}
