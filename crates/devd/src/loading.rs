//! Modules are loaded beside the loop, by a thread that lives while there is something to load.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

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
    aliases: Vec<String>,
    running: bool,
}

/// The loader.
#[derive(Debug)]
pub struct Loading {
    queue: Arc<Mutex<Queue>>,
    /// Aliases that were asked for before: devices of one kind have one alias.
    asked: BTreeSet<u64>,
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
        Ok(Self { queue: Arc::default(), asked: BTreeSet::new(), done: Arc::new(done) })
    }

    /// Has loaded what the devices need that there are now.
    pub fn load_everything(&mut self) {
        self.with_queue(|queue| queue.everything = true);
    }

    /// Has loaded what a new device needs.
    pub fn load(&mut self, alias: &str) {
        if self.asked.insert(hash(alias)) {
            self.with_queue(|queue| queue.aliases.push(alias.to_owned()));
        }
    }

    /// What modprobe.d says may be different: devices that come again are asked for again.
    pub fn reload(&mut self) {
        self.asked.clear();
    }

    fn with_queue(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).running
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
        for outcome in aliases.iter().flat_map(|alias| modules.load_alias(alias)) {
            match outcome {
                Outcome::Loaded(name) => log::info(&format!("loaded {name}")),
                Outcome::Failed(why) => log::warning(&why),
            }
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
