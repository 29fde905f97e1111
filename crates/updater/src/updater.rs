//! The order of an update: look, choose, prove, install, remember.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use deployment::Deployment;
use layout::Slot;
use manifest::channel::{Asking, Channel, Choice, Reason, Release, choose};
use manifest::{Manifest, Version};
use slots::Machine;
use update_settings::Settings;
use update_state::protocol::{Progress, Stage};
use update_state::{Refused, Staged, State};

use crate::clone::Origins;
use crate::extensions::{Lacking, place};
use crate::install::{Content, Tell};
use crate::mirrors::{Mirrors, Patience};
use crate::{Repository, Store, Trust, store};

/// What the machine is.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The product's name.
    pub product: String,
    /// Architecture, as `uname -m` names it.
    pub architecture: String,
    /// The version that runs.
    pub version: Version,
    /// The security epoch of it. One that was found good here may have been higher.
    pub epoch: u64,
}

/// What takes updates.
pub struct Updater {
    /// What the machine is.
    pub facts: Facts,
    /// What it is to do.
    pub settings: Settings,
    /// Where it remembers.
    pub store: Store,
    /// Whom it trusts.
    pub trust: Trust,
    /// How long it puts up with servers.
    pub patience: Patience,
    /// The machine's root folder, below which its extensions are.
    pub root: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is nothing to install: why.
    Nothing(String),
    /// That version was installed before, and boots next.
    Already(Version),
    /// That version is installed, and boots next.
    Installed {
        /// Which.
        version: Version,
        /// Where.
        slot: Slot,
        /// Where the chunks of `/usr` and of the kernel image came from.
        origins: [Origins; 2],
        /// The extensions that came along.
        extensions: Vec<String>,
        /// What came over the network of all, in bytes.
        received: u64,
    },
}

impl Facts {
    /// Of the machine that runs.
    ///
    /// # Errors
    /// The image does not say.
    pub fn system() -> Result<Self> {
        let path = layout::path::OS_RELEASE;
        let text = std::fs::read_to_string(path).with_context(|| format!("read {path}"))?;
        let values = unit::text::environment::parse(&text);
        let value = |name: &str| {
            let found = values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            found.with_context(|| format!("{path} has no {name}"))
        };
        let version = value("VERSION_ID")?.parse().with_context(|| format!("read {path}"))?;
        let epoch = value("SECURITY_EPOCH")?.parse().with_context(|| format!("read {path}"))?;
        Ok(Self { product: value("ID")?, architecture: std::env::consts::ARCH.to_owned(), version, epoch })
    }
}

/// The longest reason that is remembered, in characters.
const REASON_MAX: usize = 500;

/// A version that can be installed, or why there is none.
pub struct Found {
    /// The version.
    pub version: Option<Version>,
    /// In words.
    pub text: String,
    /// What is installed, has not booted yet and was withdrawn since, and why: for [`Updater::unstage`].
    pub withdrawn: Option<(Version, String)>,
}

impl Updater {
    fn mirrors(&self) -> Result<Arc<Mirrors>> {
        let Settings { urls, proxy, rate_limit, .. } = &self.settings;
        Ok(Arc::new(Mirrors::new(urls, proxy.as_deref(), *rate_limit, self.patience)?))
    }

    /// Looks for an update, and remembers what it found.
    ///
    /// # Errors
    /// The repository cannot be read, or is not to be trusted.
    pub fn check(&self) -> Result<Found> {
        let found = self.look();
        let result = match &found {
            Ok(found) => Ok((found.text.clone(), found.version.clone())),
            Err(error) => Err(format!("{error:#}")),
        };
        self.store.change(|state| state.checked(store::now(), result))?;
        found
    }

    fn look(&self) -> Result<Found> {
        let state = self.store.read()?;
        let mirrors = self.mirrors()?;
        let repository = Repository::load(mirrors, &self.trust)?;
        let channel = repository.channel(&self.settings.channel)?;
        let refused = state.refused_versions();
        let extensions = self.extensions()?;
        let choice = choose(&self.asking(&state, state.pinned.as_ref(), &refused, &extensions), &channel)?;
        Ok(Found {
            version: choice.release.map(|release| release.version.clone()),
            text: self.words(&choice),
            withdrawn: self.withdrawn(&state, &channel),
        })
    }

    /// What waits for a restart and was withdrawn, and why.
    fn withdrawn(&self, state: &State, channel: &Channel) -> Option<(Version, String)> {
        let staged = self.waiting(state)?;
        let why = channel.release(&staged)?.withdrawn.as_ref()?;
        Some((staged, format!("it was withdrawn: {why}")))
    }

    /// What is installed and has not booted yet.
    fn waiting(&self, state: &State) -> Option<Version> {
        let staged = state.staged.as_ref().map(|staged| staged.version.clone());
        staged.filter(|staged| *staged != self.facts.version)
    }

    /// Gives up what is installed and has not booted yet: what runs boots on.
    ///
    /// # Errors
    /// The ESP cannot be changed. It is refused all the same, so that the machine does not restart for it by itself.
    pub fn unstage(&self, deployment: &Deployment, version: &Version, why: &str) -> Result<()> {
        let reason: String = why.chars().take(REASON_MAX).collect();
        let refused = Refused { version: version.clone(), reason: reason.clone(), at: store::now() };
        self.store.change(|state| {
            state.allow(version);
            state.refused.push(refused.clone());
        })?;
        if deployment.state()?.entry(version).is_some() {
            let doing = || format!("give up version {version}, which is not to boot: {reason}");
            deployment.condemn(version).with_context(doing)?;
        }
        self.store.change(|state| {
            state.rolled_back(store::now(), version, &self.facts.version);
            state.allow(version);
            state.refused.push(refused);
            if let Some(record) = state.history.last_mut() {
                record.detail.clone_from(&reason);
            }
        })?;
        eprintln!("version {version} does not boot any more: {reason}");
        Ok(())
    }

    /// Has the machine go to a version and not past it. What is past it and waits for a restart is given up, and told.
    ///
    /// # Errors
    /// It cannot be given up, or nothing can be remembered: then the machine is not pinned.
    pub fn pin(
        &self,
        deployment: impl FnOnce() -> Result<Deployment>,
        version: &Version,
    ) -> Result<Option<Version>> {
        let past = self.waiting(&self.store.read().unwrap_or_default()).filter(|staged| staged > version);
        if let Some(past) = &past {
            self.unstage(&deployment()?, past, &format!("the machine was pinned to {version}"))?;
        }
        self.store.change(|state| {
            state.pin(store::now(), version);
            // The pin keeps it away, and nothing but the pin.
            if let Some(past) = &past {
                state.allow(past);
            }
        })?;
        Ok(past)
    }

    fn asking<'a>(
        &'a self,
        state: &State,
        pinned: Option<&'a Version>,
        refused: &'a [Version],
        extensions: &'a BTreeSet<String>,
    ) -> Asking<'a> {
        Asking {
            product: &self.facts.product,
            architecture: &self.facts.architecture,
            channel: &self.settings.channel,
            version: &self.facts.version,
            epoch: self.epoch(state),
            pinned,
            refused,
            extensions,
        }
    }

    /// The security epoch that nothing below is taken of.
    fn epoch(&self, state: &State) -> u64 {
        self.facts.epoch.max(state.epoch)
    }

    /// The extensions that the machine has.
    fn extensions(&self) -> Result<BTreeSet<String>> {
        let has = extension::machine::has(&self.root, self.facts.version.as_str());
        let (names, wrong) = has.context("look for the machine's extensions")?;
        for line in wrong {
            eprintln!("{line:?} in {} names no extension", layout::extension::WANTED);
        }
        Ok(names)
    }

    /// A choice in words.
    fn words(&self, choice: &Choice<'_>) -> String {
        let mut text = match choice.release {
            Some(release) => format!("version {} can be installed", release.version),
            None => format!("version {} is the newest that this machine takes", self.facts.version),
        };
        for (version, reason) in &choice.passed_over {
            text.push_str(&format!("; not {version}: {reason}"));
            if matches!(reason, Reason::Lacks(_)) {
                text.push_str(&format!(
                    " (wait for a release with it, or do without: take the name out of {}, and link {}/NAME{} to /dev/null)",
                    layout::extension::WANTED,
                    layout::extension::DIRS[0],
                    layout::extension::SUFFIX
                ));
            }
        }
        if let Some(why) = choice.running_withdrawn {
            text.push_str(&format!("; the running version was withdrawn: {why}"));
        }
        text
    }

    /// Installs an update: the newest that the machine takes, or that version, also if it failed here before.
    /// `progress` is told how far it is.
    ///
    /// # Errors
    /// It is not installed. What runs is untouched, and boots.
    pub fn apply(
        &self,
        deployment: &Deployment,
        wanted: Option<&Version>,
        progress: Box<dyn Fn(Progress)>,
    ) -> Result<Outcome> {
        let _lock = self.store.begin()?.context("another program installs an update at the moment")?;
        let tell = |stage, version: Option<&Version>| {
            progress(Progress { stage, version: version.cloned(), done: 0, total: 0 });
        };
        tell(Stage::Checking, None);
        let done = deployment.repair().context("tidy up the disk")?;
        for action in &done {
            eprintln!("tidied up what was left: {action}");
        }
        let mirrors = self.mirrors()?;
        let repository = Repository::load(mirrors.clone(), &self.trust)?;
        let state = self.store.read()?;
        let channel = repository.channel(&self.settings.channel)?;
        let refused: Vec<Version> =
            state.refused_versions().into_iter().filter(|version| Some(version) != wanted).collect();
        let extensions = self.extensions()?;
        let asking = self.asking(&state, wanted.or(state.pinned.as_ref()), &refused, &extensions);
        let choice = choose(&asking, &channel)?;
        if let Some((staged, why)) = self.withdrawn(&state, &channel) {
            self.unstage(deployment, &staged, &why)?;
        }
        let words = self.words(&choice);
        let Some(release) =
            choice.release.filter(|release| wanted.is_none_or(|wanted| release.version == *wanted))
        else {
            return match wanted {
                Some(wanted) => bail!("version {wanted} cannot be installed: {words}"),
                None => Ok(Outcome::Nothing(words)),
            };
        };
        let state = self.store.read()?;
        let machine = deployment.state().context("look at the disk")?;
        let version = release.version.clone();
        let lacking = || Lacking::prepare(&self.root, &self.facts.version, &extensions, release, &repository);
        if is_staged(&machine, &state, &version) {
            // Those that the machine is to have since then.
            let bring = || place(lacking()?.begin()?.fetch(&repository, &mut |_, _| ())?);
            bring().with_context(|| format!("version {version} is installed, and lacks an extension"))?;
            return Ok(Outcome::Already(version));
        }
        let attempt = || {
            let manifest = repository.manifest(&release.manifest)?;
            self.hold(release, &manifest, &state)?;
            self.install(deployment, &machine, &repository, manifest, lacking()?, progress)
        };
        match attempt() {
            Ok((slot, origins)) => {
                let from = &self.facts.version;
                self.store.change(|state| {
                    state.installed(store::now(), &version, slot, release.security_epoch, from);
                })?;
                let (extensions, received) = (extensions.into_iter().collect(), mirrors.received());
                Ok(Outcome::Installed { version, slot, origins, extensions, received })
            }
            Err(error) => {
                let why = format!("{error:#}");
                // What was installed before is still there where the disk was not touched yet.
                let machine = deployment.state();
                let is_there = |staged: &Staged| {
                    machine.as_ref().is_ok_and(|machine| is_staged(machine, &state, &staged.version))
                };
                let staged = state.staged.clone().filter(is_there);
                self.store.change(|state| {
                    state.install_failed(store::now(), &version, &self.facts.version, &why);
                    state.staged = staged;
                })?;
                Err(error
                    .context(format!("version {version} is not installed, and {} stays", self.facts.version)))
            }
        }
    }

    fn install(
        &self,
        deployment: &Deployment,
        machine: &Machine,
        repository: &Repository,
        manifest: Manifest,
        extensions: Lacking<'_>,
        progress: Box<dyn Fn(Progress)>,
    ) -> Result<(Slot, [Origins; 2])> {
        let version = manifest.version.clone();
        let of = version.clone();
        let progress = std::rc::Rc::new(progress);
        let told = progress.clone();
        let tell: Tell = Box::new(move |stage, done, total| {
            told(Progress { stage, version: Some(of.clone()), done, total });
        });
        let folder = self.store.folder()?;
        let mut content = Content::prepare(repository, manifest, deployment, machine, folder, tell)?;
        let slot = slots::target_slot(machine)?;
        // What it says is told before anything of the disk is given up for it.
        let plan = slots::plan_install(machine, &version, content.root_hash())?;
        deployment.must_hold(&plan, content.uki_size())?;
        let extensions = extensions.begin()?;
        content.fetch_uki().context("fetch the kernel image")?;
        let images = extensions.fetch(repository, &mut |done, total| {
            progress(Progress { stage: Stage::Downloading, version: Some(version.clone()), done, total });
        })?;
        place(images)?;
        deployment.install(&plan, &mut content, &mut |action| {
            let stage = match action {
                slots::Action::VerifySlot(..) => Stage::Verifying,
                slots::Action::WriteUki(_) | slots::Action::Publish { .. } => Stage::Publishing,
                _ => return,
            };
            progress(Progress { stage, version: Some(version.clone()), done: 0, total: 0 });
        })?;
        content.clean();
        Ok((slot, content.origins))
    }

    /// Holds a manifest to the release that names it, and to the machine.
    fn hold(&self, release: &Release, manifest: &Manifest, state: &State) -> Result<()> {
        let Facts { product, architecture, version, .. } = &self.facts;
        let epoch = self.epoch(state);
        let same = |what: &str, theirs: &dyn std::fmt::Display, ours: &dyn std::fmt::Display| {
            let (theirs, ours) = (theirs.to_string(), ours.to_string());
            ensure!(theirs == ours, "the manifest is of the {what} {theirs}, and should be of {ours}");
            Ok(())
        };
        same("product", &manifest.product, product)?;
        same("architecture", &manifest.architecture, architecture)?;
        same("version", &manifest.version, &release.version)?;
        ensure!(
            manifest.security_epoch >= epoch,
            "the manifest's security epoch is {}, and this machine has seen {epoch}",
            manifest.security_epoch
        );
        ensure!(
            manifest.minimum_version <= *version,
            "it can be installed over {} or newer only, and {version} runs",
            manifest.minimum_version
        );
        Ok(())
    }
}

/// Whether a version is installed and boots next.
pub fn is_staged(machine: &Machine, state: &State, version: &Version) -> bool {
    let staged = state.staged.as_ref().is_some_and(|staged| staged.version == *version);
    let next = machine.next_entry().filter(|entry| entry.name.version == *version);
    staged && next.is_some_and(|entry| machine.is_bootable(entry))
}
