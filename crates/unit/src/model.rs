//! What a unit is, after its files are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::condition::Condition;
use crate::name::UnitName;
use crate::service::config::Service;
use crate::text::file::Warning;

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
}

impl Relation {
    /// Every relation, in the order that `systemctl show` gives them.
    pub const ALL: [Relation; 24] = {
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
        ]
    };

    /// The property that `systemctl show` gives it as.
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

impl Default for StartLimit {
    fn default() -> StartLimit {
        StartLimit { interval: Duration::from_secs(10), burst: 5 }
    }
}

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

/// What makes a unit's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Processes.
    Service(Box<Service>),
    /// A point in the order.
    Target,
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
            Kind::Target => None,
        }
    }
}
