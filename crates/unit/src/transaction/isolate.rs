//! Isolating a unit: it comes up with all that it pulls in, and what else is up goes down.

use super::{JobKind, Plan, PlanError, Transaction};
use crate::graph::Graph;
use crate::model::Relation;
use crate::name::UnitName;

/// Plans the isolation of `anchor`. `is_up` says of a unit whether it is, or is coming, up.
///
/// Units that set `IgnoreOnIsolate=` stay, unless they cannot be up without one that goes.
///
/// # Errors
/// The unit may not be isolated, or something that it requires cannot be loaded, or conflicts.
pub fn plan_isolate(
    graph: &Graph,
    anchor: &UnitName,
    is_up: &dyn Fn(&UnitName) -> bool,
) -> Result<Transaction, PlanError> {
    let anchor = graph.resolve(anchor);
    let mut plan = Plan::new(graph, is_up, anchor);
    plan.sound(anchor, None)?;
    if !graph.get(anchor).is_some_and(|unit| unit.allow_isolate) {
        return Err(PlanError::Isolate(anchor.clone()));
    }
    plan.start(anchor)?;
    plan.stop_the_rest();
    Ok(plan.finish())
}

impl Plan<'_> {
    /// Adds stop jobs for all that is up and has no part in what is to come up.
    fn stop_the_rest(&mut self) {
        let goes = self.graph.units().filter(|unit| !unit.ignore_on_isolate && (self.is_up)(&unit.name));
        let mut pending: Vec<UnitName> = goes.map(|unit| unit.name.clone()).collect();
        while let Some(name) = pending.pop() {
            if self.out.jobs.contains_key(&name) {
                continue;
            }
            for relation in [Relation::RequiredBy, Relation::BoundBy, Relation::ConsistsOf] {
                let dependents = self.graph.related(&name, relation);
                pending.extend(dependents.filter(|other| (self.is_up)(other)).cloned());
            }
            self.out.jobs.insert(name, JobKind::Stop);
        }
    }
}
