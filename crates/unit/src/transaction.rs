//! What a request comes to: the jobs it pulls in, and an order without cycles.

mod isolate;

pub use isolate::plan_isolate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::graph::Graph;
use crate::load::LoadError;
use crate::model::{Origin, Relation};
use crate::name::UnitName;

/// What a job does to its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKind {
    /// Brings it up.
    Start,
    /// Brings it down.
    Stop,
    /// Brings it down, then up.
    Restart,
    /// Has it read its configuration again.
    Reload,
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobKind::Start => "start",
            JobKind::Stop => "stop",
            JobKind::Restart => "restart",
            JobKind::Reload => "reload",
        })
    }
}

/// Why a request cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The unit, or one that it requires, could not be loaded.
    #[error("{}", match wanted_by { Some(by) => format!("{error} (required by {by})"), None => error.to_string() })]
    Load {
        /// What went wrong.
        error: LoadError,
        /// The unit that requires it; none where it is the one asked for.
        wanted_by: Option<UnitName>,
    },
    /// Two units that cannot be up together would both be started.
    #[error("{0} and {1} conflict, and starting {2} would start both")]
    Conflict(UnitName, UnitName, UnitName),
    /// A unit that is only wanted gives way to another that cannot be up beside it.
    #[error("{0} is not started: it conflicts with {1}, which is")]
    GivesWay(UnitName, UnitName),
    /// The unit has no `ExecReload=`.
    #[error("{0} cannot be reloaded: it has no ExecReload=")]
    NoReload(UnitName),
    /// The unit does not say that it may be isolated.
    #[error("{0} may not be isolated: it does not set AllowIsolate=yes")]
    Isolate(UnitName),
    /// The unit says that only others may start or stop it.
    #[error("{0} may be {1} only by other units that need it (RefuseManualStart=, RefuseManualStop=)")]
    Manual(UnitName, &'static str),
}

/// An ordering without beginning, and how it was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The units: each comes after the next, and the last after the first.
    pub path: Vec<UnitName>,
    /// The ordering that was given up: the first no longer waits for the second.
    pub given_up: (UnitName, UnitName),
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ordering cycle: ")?;
        for unit in &self.path {
            write!(f, "{unit} after ")?;
        }
        let (later, earlier) = &self.given_up;
        let first = self.path.first().map_or("", UnitName::as_str);
        write!(f, "{first}; {later} no longer waits for {earlier}")
    }
}

/// Jobs to do together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    /// The job of each unit.
    pub jobs: BTreeMap<UnitName, JobKind>,
    /// Cycles in the order.
    pub cycles: Vec<Cycle>,
    /// Units that are only wanted, and cannot be had.
    pub skipped: Vec<PlanError>,
}

/// Plans a job for `anchor`. `is_up` says of a unit whether it is, or is coming, up.
///
/// Of two units that conflict and are both pulled in, the one that `anchor` does not need is left out; where
/// it needs neither, the one that does not say `Conflicts=` itself.
///
/// # Errors
/// Something that is required cannot be loaded, or conflicts with something else that is.
pub fn plan(
    graph: &Graph,
    anchor: &UnitName,
    kind: JobKind,
    is_up: &dyn Fn(&UnitName) -> bool,
) -> Result<Transaction, PlanError> {
    let anchor = graph.resolve(anchor);
    let mut plan = Plan::new(graph, is_up, anchor);
    match kind {
        JobKind::Start => plan.start(anchor)?,
        JobKind::Stop => plan.down(anchor, JobKind::Stop),
        JobKind::Restart => {
            plan.start(anchor)?;
            plan.down(anchor, JobKind::Restart);
        }
        JobKind::Reload => {
            plan.sound(anchor, None)?;
            plan.reload(anchor);
        }
    }
    Ok(plan.finish())
}

/// The relations by which a unit cannot be up without another.
const NEEDS: [Relation; 2] = [Relation::Requires, Relation::BindsTo];

struct Plan<'a> {
    graph: &'a Graph,
    is_up: &'a dyn Fn(&UnitName) -> bool,
    anchor: &'a UnitName,
    out: Transaction,
    /// Whether a unit and all that it requires is loaded.
    sound: BTreeMap<UnitName, Result<(), PlanError>>,
    /// Units that are left out for others with which they conflict.
    gives_way: BTreeMap<UnitName, PlanError>,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph, is_up: &'a dyn Fn(&UnitName) -> bool, anchor: &'a UnitName) -> Self {
        let (out, sound, gives_way) = Default::default();
        Plan { graph, is_up, anchor, out, sound, gives_way }
    }

    /// The plan, with an order without cycles.
    fn finish(mut self) -> Transaction {
        let jobs: BTreeSet<&UnitName> = self.out.jobs.keys().collect();
        let cycles = break_cycles(self.graph, &jobs, &BTreeSet::new());
        self.out.cycles = cycles;
        self.out
    }

    /// Adds start jobs for a unit and all that it pulls in, and stop jobs for what cannot be up beside them.
    fn start(&mut self, anchor: &UnitName) -> Result<(), PlanError> {
        self.pull_in(anchor)?;
        // Every round leaves one more unit out, and with it what only it pulls in.
        while let Some((one, other)) = self.conflict() {
            let (stays, goes) = self.choose(one, other)?;
            self.gives_way.insert(goes.clone(), PlanError::GivesWay(goes, stays));
            self.out = Transaction::default();
            self.sound.clear();
            self.pull_in(anchor)?;
        }
        self.stop_conflicting();
        Ok(())
    }

    fn pull_in(&mut self, anchor: &UnitName) -> Result<(), PlanError> {
        self.sound(anchor, None)?;
        let mut pending = vec![anchor.clone()];
        while let Some(name) = pending.pop() {
            if self.out.jobs.insert(name.clone(), JobKind::Start).is_some() {
                continue;
            }
            for relation in NEEDS {
                for other in self.graph.related(&name, relation) {
                    self.sound(other, Some(&name))?;
                    pending.push(other.clone());
                }
            }
            let wishes = [Relation::Wants, Relation::Upholds];
            for other in wishes.into_iter().flat_map(|relation| self.graph.related(&name, relation)) {
                match self.sound(other, Some(&name)) {
                    Ok(()) => pending.push(other.clone()),
                    Err(error) if !self.out.skipped.contains(&error) => {
                        self.out.skipped.push(error);
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Two units that are to start, the first of which says that it conflicts with the second.
    fn conflict(&self) -> Option<(UnitName, UnitName)> {
        self.out.jobs.keys().find_map(|one| {
            let mut others = self.graph.related(one, Relation::Conflicts);
            let other = others.find(|other| self.out.jobs.contains_key(*other))?;
            Some((one.clone(), other.clone()))
        })
    }

    /// Which of two units that conflict stays, and which goes. `one` is the one that says so.
    fn choose(&self, one: UnitName, other: UnitName) -> Result<(UnitName, UnitName), PlanError> {
        let mut needed = BTreeSet::new();
        let mut pending = vec![self.anchor];
        while let Some(name) = pending.pop() {
            if needed.insert(name) {
                pending.extend(NEEDS.into_iter().flat_map(|relation| self.graph.related(name, relation)));
            }
        }
        match (needed.contains(&one), needed.contains(&other)) {
            (true, true) => Err(PlanError::Conflict(one, other, self.anchor.clone())),
            (false, true) => Ok((other, one)),
            (_, false) => Ok((one, other)),
        }
    }

    /// Adds stop jobs for what conflicts with what is to start.
    fn stop_conflicting(&mut self) {
        let starting: Vec<UnitName> = self.out.jobs.keys().cloned().collect();
        for name in &starting {
            for relation in [Relation::Conflicts, Relation::ConflictedBy] {
                for other in self.graph.related(name, relation) {
                    if (self.is_up)(other) {
                        self.down(other, JobKind::Stop);
                    }
                }
            }
        }
    }

    /// Adds reload jobs for a unit, and for those that are up and to follow it.
    fn reload(&mut self, anchor: &UnitName) {
        let mut pending = vec![anchor.clone()];
        while let Some(name) = pending.pop() {
            if self.out.jobs.insert(name.clone(), JobKind::Reload).is_none() {
                let followers = self.graph.related(&name, Relation::PropagatesReloadTo);
                pending.extend(followers.filter(|other| (self.is_up)(other)).cloned());
            }
        }
    }

    /// Adds jobs that bring a unit down, and with it those that cannot be up without it.
    fn down(&mut self, name: &UnitName, kind: JobKind) {
        let mut pending = vec![name.clone()];
        let mut seen = BTreeSet::new();
        while let Some(name) = pending.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let downward =
                [Relation::RequiredBy, Relation::BoundBy, Relation::ConsistsOf, Relation::PropagatesStopTo];
            for relation in downward {
                let dependents = self.graph.related(&name, relation);
                pending.extend(dependents.filter(|other| (self.is_up)(other)).cloned());
            }
            self.out.jobs.insert(name, kind);
        }
    }

    /// Whether a unit, and all that it requires, is loaded.
    fn sound(&mut self, name: &UnitName, wanted_by: Option<&UnitName>) -> Result<(), PlanError> {
        if let Some(known) = self.sound.get(name) {
            return known.clone();
        }
        // Of units that require each other, each is as sound as the rest.
        self.sound.insert(name.clone(), Ok(()));
        let mut verdict = match self.graph.get(name) {
            Some(_) => self.gives_way.get(name).map_or(Ok(()), |reason| Err(reason.clone())),
            None => Err(PlanError::Load {
                error: self.graph.failure(name).cloned().unwrap_or_else(|| LoadError::NotFound(name.clone())),
                wanted_by: wanted_by.cloned(),
            }),
        };
        for relation in NEEDS {
            for other in self.graph.related(name, relation) {
                verdict = verdict.and_then(|()| self.sound(other, Some(name)));
            }
        }
        self.sound.insert(name.clone(), verdict.clone());
        verdict
    }
}

/// Finds the cycles in the order of some units, and gives up the weakest ordering of each. Those in
/// `given_up` are given up already.
pub(crate) fn break_cycles(
    graph: &Graph,
    jobs: &BTreeSet<&UnitName>,
    given_up: &BTreeSet<(UnitName, UnitName)>,
) -> Vec<Cycle> {
    let mut given_up = given_up.clone();
    let mut cycles = Vec::new();
    // Every round gives up one of finitely many orderings.
    while let Some(path) = find_cycle(graph, jobs, &given_up) {
        let pairs = path.iter().zip(path.iter().cycle().skip(1));
        let weakest = pairs.min_by_key(|(later, earlier)| strength(graph, later, earlier));
        let Some((later, earlier)) = weakest else {
            break;
        };
        let pair = (later.clone(), earlier.clone());
        given_up.insert(pair.clone());
        cycles.push(Cycle { path, given_up: pair });
    }
    cycles
}

/// How much an ordering matters: one by default least, then one between units that have nothing
/// else to do with each other, then one beside a wish, then one beside a need.
fn strength(graph: &Graph, later: &UnitName, earlier: &UnitName) -> (Option<Origin>, u8) {
    let has = |relation| graph.origin(later, relation, earlier).is_some();
    let need = match () {
        () if has(Relation::Requires) || has(Relation::BindsTo) => 2,
        () if has(Relation::Wants) => 1,
        () => 0,
    };
    (graph.origin(later, Relation::After, earlier), need)
}

/// One cycle, each unit being after the next.
fn find_cycle(
    graph: &Graph,
    jobs: &BTreeSet<&UnitName>,
    given_up: &BTreeSet<(UnitName, UnitName)>,
) -> Option<Vec<UnitName>> {
    let earlier_of = |name: &UnitName| -> Vec<UnitName> {
        graph
            .related(name, Relation::After)
            .filter(|other| jobs.contains(other))
            .filter(|other| !given_up.contains(&(name.clone(), (*other).clone())))
            .cloned()
            .collect()
    };
    // Take away, again and again, what waits for nothing that is left: cycles remain.
    let mut waits: BTreeMap<&UnitName, usize> = BTreeMap::new();
    let mut later_of: BTreeMap<UnitName, Vec<&UnitName>> = BTreeMap::new();
    for name in jobs {
        let earlier = earlier_of(name);
        waits.insert(name, earlier.len());
        for other in earlier {
            later_of.entry(other).or_default().push(name);
        }
    }
    let mut free: Vec<&UnitName> =
        waits.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(name) = free.pop() {
        waits.remove(name);
        for later in later_of.get(name).into_iter().flatten() {
            if let Some(count) = waits.get_mut(later) {
                *count -= 1;
                if *count == 0 {
                    free.push(later);
                }
            }
        }
    }
    // From any that is left, going to what it waits for must come round.
    let mut at = (*waits.keys().next()?).clone();
    let mut path: Vec<UnitName> = Vec::new();
    loop {
        if let Some(start) = path.iter().position(|name| *name == at) {
            return Some(path.split_off(start));
        }
        let next = earlier_of(&at).into_iter().find(|name| waits.contains_key(name))?;
        path.push(std::mem::replace(&mut at, next));
    }
}
