//! What a unit is, after its files are read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::condition::Condition;
use crate::device::Device;
use crate::mount::Mount;
use crate::name::{UnitName, UnitType};
use crate::path::Path;
use crate::service::config::{CgroupLimits, Service};
use crate::slice;
use crate::socket::config::Socket;
use crate::swap::Swap;
use crate::text::file::Warning;
use crate::timer::Timer;

/// How one unit relates to another. Each has its inverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the directives of systemd.unit(5)")]
pub enum Relation {
    After,
    Before,
    Requires,
    RequiredBy,
    Requisite,
    RequisiteOf,
    Wants,
    WantedBy,
    BindsTo,
    BoundBy,
    PartOf,
    ConsistsOf,
    Conflicts,
    ConflictedBy,
    OnFailure,
    OnFailureOf,
    OnSuccess,
    OnSuccessOf,
    PropagatesReloadTo,
    ReloadPropagatedFrom,
    PropagatesStopTo,
    StopPropagatedFrom,
    Upholds,
    UpheldBy,
    Triggers,
    TriggeredBy,
    JoinsNamespaceOf,
}

impl Relation {
    /// Every relation, in the order that `systemctl show` gives them.
    pub const ALL: [Relation; 27] = {
        use Relation::*;
        [
            Requires,
            Requisite,
            Wants,
            BindsTo,
            PartOf,
            RequiredBy,
            RequisiteOf,
            WantedBy,
            BoundBy,
            ConsistsOf,
            Conflicts,
            ConflictedBy,
            Before,
            After,
            OnFailure,
            OnFailureOf,
            OnSuccess,
            OnSuccessOf,
            PropagatesReloadTo,
            ReloadPropagatedFrom,
            PropagatesStopTo,
            StopPropagatedFrom,
            Upholds,
            UpheldBy,
            Triggers,
            TriggeredBy,
            JoinsNamespaceOf,
        ]
    };

    /// The relation that a directive of `[Unit]` states.
    pub fn of_directive(key: &str) -> Option<Relation> {
        use Relation::*;
        let stated = [
            After,
            Before,
            Requires,
            Requisite,
            Wants,
            BindsTo,
            PartOf,
            Conflicts,
            OnFailure,
            OnSuccess,
            PropagatesReloadTo,
            ReloadPropagatedFrom,
            PropagatesStopTo,
            StopPropagatedFrom,
            Upholds,
            JoinsNamespaceOf,
        ];
        stated.into_iter().find(|relation| relation.name() == key)
    }

    /// The property that `systemctl show` gives it as, and the directive where there is one.
    pub fn name(self) -> &'static str {
        use Relation::*;
        match self {
            After => "After",
            Before => "Before",
            Requires => "Requires",
            RequiredBy => "RequiredBy",
            Requisite => "Requisite",
            RequisiteOf => "RequisiteOf",
            Wants => "Wants",
            WantedBy => "WantedBy",
            BindsTo => "BindsTo",
            BoundBy => "BoundBy",
            PartOf => "PartOf",
            ConsistsOf => "ConsistsOf",
            Conflicts => "Conflicts",
            ConflictedBy => "ConflictedBy",
            OnFailure => "OnFailure",
            OnFailureOf => "OnFailureOf",
            OnSuccess => "OnSuccess",
            OnSuccessOf => "OnSuccessOf",
            PropagatesReloadTo => "PropagatesReloadTo",
            ReloadPropagatedFrom => "ReloadPropagatedFrom",
            PropagatesStopTo => "PropagatesStopTo",
            StopPropagatedFrom => "StopPropagatedFrom",
            Upholds => "Upholds",
            UpheldBy => "UpheldBy",
            Triggers => "Triggers",
            TriggeredBy => "TriggeredBy",
            JoinsNamespaceOf => "JoinsNamespaceOf",
        }
    }

    /// The same relation seen from the other unit.
    pub fn inverse(self) -> Relation {
        use Relation::*;
        match self {
            After => Before,
            Before => After,
            Requires => RequiredBy,
            RequiredBy => Requires,
            Requisite => RequisiteOf,
            RequisiteOf => Requisite,
            Wants => WantedBy,
            WantedBy => Wants,
            BindsTo => BoundBy,
            BoundBy => BindsTo,
            PartOf => ConsistsOf,
            ConsistsOf => PartOf,
            Conflicts => ConflictedBy,
            ConflictedBy => Conflicts,
            OnFailure => OnFailureOf,
            OnFailureOf => OnFailure,
            OnSuccess => OnSuccessOf,
            OnSuccessOf => OnSuccess,
            PropagatesReloadTo => ReloadPropagatedFrom,
            ReloadPropagatedFrom => PropagatesReloadTo,
            PropagatesStopTo => StopPropagatedFrom,
            StopPropagatedFrom => PropagatesStopTo,
            Upholds => UpheldBy,
            UpheldBy => Upholds,
            Triggers => TriggeredBy,
            TriggeredBy => Triggers,
            // Who joins another is joined by it.
            JoinsNamespaceOf => JoinsNamespaceOf,
        }
    }
}

/// Who stated a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Default dependencies: the first to yield where an ordering has a cycle.
    Default,
    /// A file, or a link in a `.wants` or `.requires` folder.
    Stated,
}

/// What becomes of the system when something happens to a unit (`FailureAction=` and kin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SystemAction {
    /// Nothing.
    #[default]
    None,
    /// It restarts, services being stopped first.
    Reboot,
    /// It restarts at once.
    RebootForce,
    /// It is switched off, services being stopped first.
    Poweroff,
    /// It is switched off at once.
    PoweroffForce,
    /// It stops, services being stopped first.
    Halt,
    /// It stops at once.
    HaltForce,
}

/// When the system is to do what of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SystemActions {
    /// `FailureAction=`.
    pub failure: SystemAction,
    /// `SuccessAction=`.
    pub success: SystemAction,
    /// `StartLimitAction=`.
    pub start_limit: SystemAction,
    /// `JobTimeoutAction=`.
    pub job_timeout: SystemAction,
}

/// How the units of `OnFailure=` and `OnSuccess=` are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobMode {
    /// Jobs that conflict are replaced.
    #[default]
    Replace,
    /// All else is stopped.
    Isolate,
}

/// How often a unit may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartLimit {
    /// The window; zero for no limit.
    pub interval: Duration,
    /// Starts in the window; zero for no limit.
    pub burst: u32,
}

impl StartLimit {
    /// Whether there is a limit at all.
    pub fn is_set(&self) -> bool {
        !self.interval.is_zero() && self.burst > 0
    }

    /// Counts a start, and says whether it is one too many. `starts` are those of the window.
    pub fn is_hit(&self, starts: &mut VecDeque<Duration>, now: Duration) -> bool {
        if !self.is_set() {
            return false;
        }
        let window = now.saturating_sub(self.interval);
        while starts.front().is_some_and(|start| *start < window) {
            starts.pop_front();
        }
        if starts.len() >= self.burst as usize {
            return true;
        }
        starts.push_back(now);
        false
    }
}

/// How much a unit depends on the mounts that a path of its own is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// `WantsMountsFor=`.
    Wants,
    /// `RequiresMountsFor=`.
    Requires,
}

impl Default for StartLimit {
    fn default() -> StartLimit {
        StartLimit { interval: Duration::from_secs(10), burst: 5 }
    }
}

/// The folders of links that pull units in, `NAME.wants` and kin, by what follows the name; and the
/// relation that a link in one is (systemd.unit(5)).
pub const LINK_FOLDERS: [(&str, Relation); 3] =
    [("wants", Relation::Wants), ("requires", Relation::Requires), ("upholds", Relation::Upholds)];

/// What `[Install]` says: where enabling the unit links it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Install {
    /// Units whose `.wants` folder gets a link.
    pub wanted_by: Vec<UnitName>,
    /// Units whose `.requires` folder gets a link.
    pub required_by: Vec<UnitName>,
    /// Units whose `.upholds` folder gets a link.
    pub upheld_by: Vec<UnitName>,
    /// Other names.
    pub alias: Vec<UnitName>,
    /// Units enabled with it.
    pub also: Vec<UnitName>,
    /// The instance that a template is enabled with.
    pub default_instance: Option<String>,
}

impl Install {
    /// The units whose folders of links get one, each with the folder's kind in [`LINK_FOLDERS`].
    pub fn pulled_in_by(&self) -> impl Iterator<Item = (&'static str, &UnitName)> {
        let lists = [&self.wanted_by, &self.required_by, &self.upheld_by];
        LINK_FOLDERS
            .into_iter()
            .zip(lists)
            .flat_map(|((kind, _), list)| list.iter().map(move |name| (kind, name)))
    }

    /// Whether enabling the unit links it anywhere.
    pub fn has_place(&self) -> bool {
        self.pulled_in_by().next().is_some() || !self.alias.is_empty()
    }
}

/// What makes a unit's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Processes.
    Service(Box<Service>),
    /// A point in the order.
    Target,
    /// Where programs connect to, before the service behind it runs.
    Socket(Box<Socket>),
    /// Files whose change starts a unit.
    Path(Box<Path>),
    /// Times at which a unit is started.
    Timer(Box<Timer>),
    /// A file system.
    Mount(Box<Mount>),
    /// Memory on a disk.
    Swap(Box<Swap>),
    /// Something that the kernel has found.
    Device(Box<Device>),
    /// A control group that others are in, with its limits.
    Slice(Box<CgroupLimits>),
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// `Description=`, or the name.
    pub description: String,
    /// `Documentation=`.
    pub documentation: Vec<String>,
    /// Relations to other units, default dependencies included.
    pub relations: BTreeMap<(Relation, UnitName), Origin>,
    /// Paths of its own: the mounts that they are on must be there first. What `graph` makes of
    /// it depends on which mounts there are.
    pub mounts_for: BTreeMap<String, Need>,
    /// Tests before a start: one that fails skips it.
    pub conditions: Vec<Condition>,
    /// Tests before a start: one that fails makes it fail.
    pub asserts: Vec<Condition>,
    /// How often it may start.
    pub start_limit: StartLimit,
    /// What the system does of itself.
    pub system_actions: SystemActions,
    /// `OnFailureJobMode=`.
    pub on_failure_mode: JobMode,
    /// `OnSuccessJobMode=`.
    pub on_success_mode: JobMode,
    /// `JobTimeoutSec=`: how long a job may wait and run.
    pub job_timeout: Option<Duration>,
    /// `StopWhenUnneeded=`: it goes down with the last unit that needs it.
    pub stop_when_unneeded: bool,
    /// Whether only another unit may start it.
    pub refuse_manual_start: bool,
    /// Whether only another unit may stop it.
    pub refuse_manual_stop: bool,
    /// Whether it has the default dependencies.
    pub default_dependencies: bool,
    /// Whether it may be isolated: started, and all else stopped.
    pub allow_isolate: bool,
    /// Whether it stays when another unit is isolated.
    pub ignore_on_isolate: bool,
    /// Whether a transient unit goes also when it has failed (`CollectMode=`).
    pub collect_failed: bool,
    /// Type and what belongs to it.
    pub kind: Kind,
    /// `[Install]`.
    pub install: Install,
    /// The files it was read from, the main one first. None for a built-in target.
    pub sources: Vec<Arc<str>>,
    /// What the author should know.
    pub warnings: Vec<Warning>,
    /// Why it must not be started; none where it may.
    pub refusals: Vec<Warning>,
}

impl Unit {
    /// A unit without settings.
    pub fn empty(name: UnitName, kind: Kind) -> Unit {
        Unit {
            description: name.to_string(),
            ignore_on_isolate: name.kind().outlives_isolation(),
            collect_failed: false,
            allow_isolate: false,
            name,
            documentation: Vec::new(),
            relations: BTreeMap::new(),
            mounts_for: BTreeMap::new(),
            conditions: Vec::new(),
            asserts: Vec::new(),
            start_limit: StartLimit::default(),
            system_actions: SystemActions::default(),
            on_failure_mode: JobMode::default(),
            on_success_mode: JobMode::default(),
            job_timeout: None,
            stop_when_unneeded: false,
            refuse_manual_start: false,
            refuse_manual_stop: false,
            default_dependencies: true,
            kind,
            install: Install::default(),
            sources: Vec::new(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// The units that stand in a relation to this one.
    pub fn related(&self, relation: Relation) -> impl Iterator<Item = &UnitName> {
        self.relations.keys().filter(move |(kind, _)| *kind == relation).map(|(_, name)| name)
    }

    /// Adds a relation; what a file states wins over what is there by default.
    pub fn relate(&mut self, relation: Relation, other: UnitName, origin: Origin) {
        let entry = self.relations.entry((relation, other)).or_insert(origin);
        *entry = origin.max(*entry);
    }

    /// The service's settings, where it is one.
    pub fn service(&self) -> Option<&Service> {
        match &self.kind {
            Kind::Service(service) => Some(service),
            _ => None,
        }
    }

    /// The settings of the processes that run for the unit: of a service itself, of others those
    /// of their helpers.
    pub fn processes(&self) -> Option<&Service> {
        match &self.kind {
            Kind::Service(service) => Some(service),
            Kind::Socket(socket) => Some(&socket.helper),
            Kind::Mount(mount) => Some(&mount.helper),
            Kind::Swap(swap) => Some(&swap.helper),
            Kind::Target | Kind::Path(_) | Kind::Timer(_) | Kind::Device(_) | Kind::Slice(_) => None,
        }
    }

    /// As [`Unit::processes`], to be changed.
    pub(crate) fn processes_mut(&mut self) -> Option<&mut Service> {
        match &mut self.kind {
            Kind::Service(service) => Some(service),
            Kind::Socket(socket) => Some(&mut socket.helper),
            Kind::Mount(mount) => Some(&mut mount.helper),
            Kind::Swap(swap) => Some(&mut swap.helper),
            Kind::Target | Kind::Path(_) | Kind::Timer(_) | Kind::Device(_) | Kind::Slice(_) => None,
        }
    }

    /// Whether the unit is always up: the root file system, and the slices that all others are in.
    pub fn is_permanent(&self) -> bool {
        match self.name.kind() {
            UnitType::Mount => self.name.stem() == "-",
            UnitType::Slice => slice::is_permanent(&self.name),
            _ => false,
        }
    }

    /// Notes that the unit needs the mounts that a path is on.
    pub fn needs_mounts_for(&mut self, path: &str, need: Need) {
        if path.starts_with('/') {
            let entry = self.mounts_for.entry(path.to_owned()).or_insert(need);
            *entry = need.max(*entry);
        }
    }
}
