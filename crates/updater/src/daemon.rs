//! `updater daemon`: what `updater.socket` and `updater.timer` start. It does what is due, answers who asks, and ends once
//! neither is left, so that it costs no memory.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use deployment::Deployment;
use event::{Event, ShutdownKind};
use manifest::Version;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use unit::control;
use update_settings::Settings;
use update_state::protocol::{Answer, Progress, REQUEST_MAX, Request, Stage, Status};
use zoneinfo::Zoneinfo;

use crate::mirrors::Patience;
use crate::restart::{Restart, is_due, restart};
use crate::updater::is_staged;
use crate::{Facts, Found, Outcome, Store, Trust, Updater, banner, note, settings, store};

/// How long it waits for somebody before it ends.
const IDLE: Timespec = Timespec { tv_sec: 3, tv_nsec: 0 };
/// How long a client has for its request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a client is told how far it is.
const TOLD_EACH: Duration = Duration::from_millis(200);

/// What the threads share.
struct Shared {
    facts: Facts,
    store: Store,
    /// What is being done; one thing at a time.
    activity: Mutex<Option<Progress>>,
    busy: Mutex<()>,
    /// How many threads there are.
    threads: AtomicUsize,
}

/// Runs `updater daemon`.
///
/// # Errors
/// The image does not say what it is, or the socket fails.
pub fn run() -> Result<()> {
    let shared = Arc::new(Shared {
        facts: Facts::system()?,
        store: Store::system(),
        activity: Mutex::default(),
        busy: Mutex::default(),
        threads: AtomicUsize::new(0),
    });
    shared.run(|shared| {
        note(shared.scheduled());
    })?;
    let listener = sys::listen::take_listen_fds().into_iter().next().map(UnixListener::from);
    loop {
        let connection = match &listener {
            Some(listener) => next(listener)?,
            None => {
                thread::sleep(Duration::from_millis(200));
                None
            }
        };
        match connection {
            Some(stream) => shared.run(|shared| shared.serve(stream))?,
            None if shared.threads.load(SeqCst) == 0 => return Ok(()),
            None => {}
        }
    }
}

/// The next connection, if one comes soon.
fn next(listener: &UnixListener) -> Result<Option<UnixStream>> {
    let doing = "wait for requests";
    let mut waited = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
    match poll(&mut waited, Some(&IDLE)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(None),
        Ok(_) => Ok(Some(listener.accept().context(doing)?.0)),
        Err(error) => Err(error).context(doing),
    }
}

impl Shared {
    /// Does something in a thread of its own.
    fn run(self: &Arc<Self>, work: impl FnOnce(&Self) + Send + 'static) -> Result<()> {
        struct Counted(Arc<Shared>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.threads.fetch_sub(1, SeqCst);
            }
        }
        self.threads.fetch_add(1, SeqCst);
        let counted = Counted(self.clone());
        thread::Builder::new().spawn(move || work(&counted.0)).context("begin a thread")?;
        Ok(())
    }

    fn updater(&self, settings: Settings) -> Result<Updater> {
        Ok(Updater {
            facts: self.facts.clone(),
            settings,
            trust: Trust::system(self.store.folder()?),
            store: self.store.clone(),
            patience: Patience::default(),
            root: "/".into(),
        })
    }

    /// Keeps others from changing the disk at the same time.
    fn begin(&self) -> Result<MutexGuard<'_, ()>> {
        self.busy.try_lock().map_err(|_| {
            let activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let what = activity.map_or("at work", |activity| activity.stage.text());
            anyhow!("the updater is busy ({what}); berthctl update status tells more")
        })
    }

    fn note(&self, progress: Option<Progress>) {
        *self.activity.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Does what is due: looks, installs, restarts.
    fn scheduled(&self) -> Result<()> {
        let (settings, warnings) = settings::read_below("/".as_ref());
        for warning in &warnings {
            eprintln!("{warning}");
        }
        if !settings.enabled || settings.urls.is_empty() {
            return Ok(());
        }
        let Ok(_busy) = self.begin() else { return Ok(()) };
        let state = self.store.read().unwrap_or_default();
        let last = state.last_check.as_ref().map(|check| Duration::from_secs(check.at));
        let (now, up) = (sys::machine::wall_clock(), sys::machine::monotonic());
        if is_due(last, now, up, settings.check_interval, spread()) {
            // No server that fails keeps the machine from restarting for what is installed.
            note(self.look(&settings));
        }
        self.restart_if_due(&settings)
    }

    /// Looks, and installs.
    fn look(&self, settings: &Settings) -> Result<()> {
        let updater = self.updater(settings.clone())?;
        self.note(Some(Progress { stage: Stage::Checking, version: None, done: 0, total: 0 }));
        let found = self.check(&updater);
        self.note(None);
        let found = found.context("look for an update")?;
        println!("{}", found.text);
        let available = found.version.as_ref().map(ToString::to_string);
        note(init_client::tell(Event::UpdateChecked { available }));
        if found.version.is_some() {
            let deployment = Deployment::of_running()?;
            let outcome = updater.apply(&deployment, None, Box::new(|_| ()));
            self.forget_restart();
            self.installed(&outcome?)?;
        }
        Ok(())
    }

    /// Looks for an update, and gives up what waits for a restart and was withdrawn.
    fn check(&self, updater: &Updater) -> Result<Found> {
        let found = updater.check()?;
        if let Some((version, why)) = &found.withdrawn {
            updater.unstage(&Deployment::of_running()?, version, why)?;
            self.forget_restart();
        }
        Ok(found)
    }

    /// Takes back the wish to restart, where nothing waits for that any more.
    fn forget_restart(&self) {
        let nothing_waits = self.store.read().is_ok_and(|state| state.staged.is_none());
        if nothing_waits && fs::remove_file(layout::path::RESTART_WANTED).is_ok() {
            note(banner::renew());
        }
    }

    /// Tells of what was installed.
    fn installed(&self, outcome: &Outcome) -> Result<()> {
        if let Outcome::Installed { version, slot, .. } = outcome {
            let path = layout::path::RESTART_WANTED;
            fs::write(path, format!("{version}\n")).with_context(|| format!("write {path}"))?;
            println!("{}", words(outcome));
            let (version, slot) = (version.to_string(), slot.to_string());
            note(init_client::tell(Event::UpdateInstalled { version, slot }));
            note(banner::renew());
        }
        Ok(())
    }

    /// Restarts the machine where an update waits for that, and its strategy has it do so now.
    fn restart_if_due(&self, settings: &Settings) -> Result<()> {
        let state = self.store.read().unwrap_or_default();
        let Some(staged) = state.staged.as_ref().filter(|staged| staged.version != self.facts.version) else {
            return Ok(());
        };
        if restart(settings, sys::machine::wall_clock(), &Zoneinfo::of_machine()) != Restart::Now {
            return Ok(());
        }
        if state.refused_versions().contains(&staged.version) {
            return Ok(());
        }
        let machine = Deployment::of_running()?.state()?;
        if is_staged(&machine, &state, &staged.version) {
            println!("restarting for version {}", staged.version);
            reboot()?;
        }
        Ok(())
    }

    /// Answers a client.
    fn serve(&self, stream: UnixStream) {
        let answer = match read(&stream) {
            Ok(request) => self.answer(request, &stream),
            Err(error) => Err(error),
        };
        let answer = answer.unwrap_or_else(|error| Answer::Error { message: format!("{error:#}") });
        // A client that has gone wants no answer.
        _ = send(&stream, &answer);
    }

    fn answer(&self, request: Request, stream: &UnixStream) -> Result<Answer> {
        let (settings, warnings) = settings::read_below("/".as_ref());
        match request {
            Request::Status => Ok(Answer::Status(Box::new(self.status(&settings, warnings)))),
            Request::History => Ok(Answer::History { records: self.store.read()?.history }),
            Request::Check => {
                let _busy = self.begin()?;
                let found = self.check(&self.updater(settings)?)?;
                Ok(Answer::Checked { available: found.version, message: found.text })
            }
            Request::Apply { version, restart } => {
                let _busy = self.begin()?;
                let outcome = self.apply(settings, version.as_ref(), stream);
                self.note(None);
                self.forget_restart();
                let outcome = outcome?;
                self.installed(&outcome)?;
                let message = words(&outcome);
                let (version, already) = match outcome {
                    Outcome::Nothing(_) => (None, false),
                    Outcome::Already(version) => (Some(version), true),
                    Outcome::Installed { version, .. } => (Some(version), false),
                };
                if restart && version.is_some() {
                    reboot()?;
                }
                Ok(Answer::Applied { version, already, message })
            }
            Request::Rollback { restart } => {
                let _busy = self.begin()?;
                let message = self.rollback()?;
                if restart {
                    reboot()?;
                }
                Ok(Answer::Done { message })
            }
            Request::Pin { version } => {
                let version = version.unwrap_or_else(|| self.facts.version.clone());
                // What is being installed may be past it.
                let _busy = self.begin()?;
                let past = self.updater(settings)?.pin(Deployment::of_running, &version)?;
                self.forget_restart();
                let given_up =
                    past.map(|past| format!("; version {past}, which waited for a restart, is given up"));
                let given_up = given_up.unwrap_or_default();
                Ok(Answer::Done {
                    message: format!("updates go to version {version} and no further{given_up}"),
                })
            }
            Request::Unpin => {
                self.store.change(|state| state.unpin(store::now()))?;
                Ok(Answer::Done { message: "updates go as far as the channel does".to_owned() })
            }
        }
    }

    fn apply(&self, settings: Settings, version: Option<&Version>, stream: &UnixStream) -> Result<Outcome> {
        let updater = self.updater(settings)?;
        let deployment = Deployment::of_running()?;
        let stream = stream.try_clone().context("answer the client")?;
        let last: Mutex<Option<(Stage, Instant)>> = Mutex::default();
        // The thread of the client ends after this, so that what it tells can go by a channel of its own.
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Progress>(64);
        thread::scope(|scope| {
            scope.spawn(|| {
                for progress in receiver {
                    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                    let is_new =
                        last.is_none_or(|(stage, at)| stage != progress.stage || at.elapsed() > TOLD_EACH);
                    if is_new || progress.done == progress.total {
                        *last = Some((progress.stage, Instant::now()));
                        _ = send(&stream, &Answer::Progress(progress.clone()));
                    }
                    self.note(Some(progress));
                }
            });
            let tell = move |progress: Progress| _ = sender.send(progress);
            updater.apply(&deployment, version, Box::new(tell))
        })
    }

    /// Goes back to the other version; or, where an update waits for a restart, stays with the running one.
    fn rollback(&self) -> Result<String> {
        let deployment = Deployment::of_running()?;
        let running = &self.facts.version;
        let next = |deployment: &Deployment| -> Result<Version> {
            let machine = deployment.state()?;
            Ok(machine.next_entry().context("the ESP has no boot entry")?.name.version.clone())
        };
        let before = next(&deployment)?;
        let from = if before == *running {
            deployment.rollback()?;
            running.clone()
        } else {
            deployment.condemn(&before)?;
            before
        };
        let to = next(&deployment)?;
        self.store.change(|state| state.rolled_back(store::now(), &from, &to))?;
        if to == *running {
            _ = fs::remove_file(layout::path::RESTART_WANTED);
            note(banner::renew());
            return Ok(format!("version {to} stays, and {from} is not taken again by itself"));
        }
        Ok(format!("version {to} boots next, and {from} is not taken again by itself; restart to go back"))
    }

    fn status(&self, settings: &Settings, mut warnings: Vec<String>) -> Status {
        let state = self.store.read().unwrap_or_else(|error| {
            warnings.push(format!("{error:#}"));
            update_state::State::default()
        });
        let machine =
            Deployment::of_running().and_then(|deployment| Ok((deployment.running(), deployment.state()?)));
        let (slot, next) = match machine {
            Ok((running, machine)) => (
                running.map(|running| running.slot.to_string()),
                machine.next_entry().map(|entry| entry.name.version.clone()),
            ),
            Err(error) => {
                warnings.push(format!("{error:#}"));
                (None, None)
            }
        };
        let version = self.facts.version.clone();
        let restart_wanted = next.as_ref().is_some_and(|next| *next != version);
        let restart_at = match restart(settings, sys::machine::wall_clock(), &Zoneinfo::of_machine()) {
            Restart::At(at) if restart_wanted => Some(at.as_secs()),
            _ => None,
        };
        Status {
            product: self.facts.product.clone(),
            version,
            slot,
            next,
            restart_wanted,
            restart_at,
            enabled: settings.enabled,
            channel: settings.channel.clone(),
            strategy: settings.strategy.name().to_owned(),
            urls: settings.urls.iter().map(|url| fetch::shown(url)).collect(),
            pinned: state.pinned,
            last_check: state.last_check,
            staged: state.staged,
            refused: state.refused,
            activity: self.activity.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            warnings,
        }
    }
}

/// What came of it, in words.
fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Nothing(why) => why.clone(),
        Outcome::Already(version) => format!("version {version} is installed; restart to use it"),
        Outcome::Installed { version, slot, origins, extensions, received } => {
            let with = if extensions.is_empty() {
                String::new()
            } else {
                format!(", with {}", extensions.join(", "))
            };
            let reused: u64 = origins.iter().map(|origins| origins.kept + origins.copied).sum();
            format!(
                "version {version} is installed to slot {slot}{with}; restart to use it ({} KiB came over the network, {} KiB were there already)",
                received >> 10,
                reused >> 10
            )
        }
    }
}

/// This machine's own part of an interval.
fn spread() -> f64 {
    let id = fs::read("/etc/machine-id").unwrap_or_default();
    let sum = id.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    f64::from(sum % 1000) / 1000.0
}

fn reboot() -> Result<()> {
    init_client::order(&control::Request::Shutdown { kind: ShutdownKind::Reboot, force: false })
}

fn read(stream: &UnixStream) -> Result<Request> {
    let doing = "read the request";
    stream.set_read_timeout(Some(PATIENCE)).context(doing)?;
    stream.set_write_timeout(Some(PATIENCE)).context(doing)?;
    let mut line = String::new();
    BufReader::new(stream.take(REQUEST_MAX as u64)).read_line(&mut line).context(doing)?;
    if !line.ends_with('\n') {
        bail!("the request is cut short, or longer than {REQUEST_MAX} bytes");
    }
    serde_json::from_str(&line).context(doing)
}

fn send(mut stream: &UnixStream, answer: &Answer) -> Result<()> {
    let mut line = serde_json::to_vec(answer).context("write the answer")?;
    line.push(b'\n');
    stream.write_all(&line).context("write the answer")
}
