//! All loaded units, and how they relate: each relation can be followed both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::load::LoadError;
use crate::model::{Kind, Need, Origin, Relation, Unit};
use crate::mount::{prefixes, unit_name};
use crate::name::{UnitName, UnitType};

/// The relations that bring another unit in, and so need it loaded.
const PULLS: [Relation; 13] = [
    Relation::Requires,
    Relation::Requisite,
    Relation::Wants,
    Relation::BindsTo,
    Relation::PartOf,
    Relation::Conflicts,
    Relation::OnFailure,
    Relation::OnSuccess,
    Relation::PropagatesReloadTo,
    Relation::PropagatesStopTo,
    Relation::Upholds,
    Relation::After,
    Relation::Triggers,
];

/// Units and relations.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    units: BTreeMap<UnitName, Arc<Unit>>,
    failed: BTreeMap<UnitName, LoadError>,
    aliases: BTreeMap<UnitName, UnitName>,
    edges: BTreeMap<UnitName, BTreeMap<(Relation, UnitName), Origin>>,
}

impl Graph {
    /// Adds a unit, or replaces it.
    pub fn insert(&mut self, unit: Unit) {
        self.failed.remove(&unit.name);
        self.units.insert(unit.name.clone(), Arc::new(unit));
    }

    /// Notes that a unit could not be loaded.
    pub fn insert_failed(&mut self, name: UnitName, error: LoadError) {
        self.units.remove(&name);
        self.failed.insert(name, error);
    }

    /// Forgets what could not be loaded, so that it is looked for again.
    pub fn forget_failures(&mut self) {
        self.failed.clear();
    }

    /// Takes a unit out. What relates to it does so no more once [`Graph::link`] is called.
    pub fn remove(&mut self, name: &UnitName) {
        self.units.remove(name);
        self.failed.remove(name);
        self.aliases.retain(|_, of| of != name);
    }

    /// The other names of a unit.
    pub fn aliases_of<'a>(&'a self, name: &'a UnitName) -> impl Iterator<Item = &'a UnitName> {
        self.aliases.iter().filter(move |(_, of)| *of == name).map(|(alias, _)| alias)
    }

    /// Makes `alias` another name of `name`.
    pub fn insert_alias(&mut self, alias: UnitName, name: UnitName) {
        self.aliases.insert(alias, name);
    }

    /// Makes the relations followable: call it once the units of a batch are in.
    pub fn link(&mut self) {
        let mut edges: BTreeMap<UnitName, BTreeMap<(Relation, UnitName), Origin>> = BTreeMap::new();
        let mut add = |from: &UnitName, relation, to: &UnitName, origin: Origin| {
            let relations = edges.entry(from.clone()).or_default();
            let entry = relations.entry((relation, to.clone())).or_insert(origin);
            *entry = origin.max(*entry);
        };
        for unit in self.units.values() {
            for ((relation, other), origin) in &unit.relations {
                let other = self.resolve(other);
                if *other != unit.name && !self.is_declined(unit, *relation, other, *origin) {
                    add(&unit.name, *relation, other, *origin);
                    add(other, relation.inverse(), &unit.name, *origin);
                }
            }
            for (mount, relation) in self.mounts_of(unit) {
                add(&unit.name, relation, &mount, Origin::Default);
                add(&mount, relation.inverse(), &unit.name, Origin::Default);
            }
        }
        self.edges = edges;
    }

    /// What a unit has to do with the mounts that its paths are on: it comes after those that there
    /// are, and needs those that a file describes.
    fn mounts_of(&self, unit: &Unit) -> Vec<(UnitName, Relation)> {
        let mut out = Vec::new();
        for (path, need) in &unit.mounts_for {
            for name in mount_names(path).filter(|name| *name != unit.name) {
                let mount = self.get(&name);
                let is_broken = self.failure(&name).is_some_and(|error| !error.is_absence());
                if mount.is_some_and(|mount| !mount.is_permanent()) {
                    out.push((name.clone(), Relation::After));
                }
                if is_broken || mount.is_some_and(|mount| !mount.sources.is_empty() && !mount.is_permanent())
                {
                    let relation = match need {
                        Need::Requires => Relation::Requires,
                        Need::Wants => Relation::Wants,
                    };
                    out.push((name, relation));
                }
            }
        }
        out
    }

    /// Whether a target's default order after a unit falls away, because that unit wants no
    /// default dependencies.
    fn is_declined(&self, unit: &Unit, relation: Relation, other: &UnitName, origin: Origin) -> bool {
        let by_default = relation == Relation::After && origin == Origin::Default;
        let wants_none = |other: &Arc<Unit>| !other.default_dependencies;
        by_default && matches!(unit.kind, Kind::Target) && self.units.get(other).is_some_and(wants_none)
    }

    /// The unit's own name, where the given one is an alias.
    pub fn resolve<'a>(&'a self, name: &'a UnitName) -> &'a UnitName {
        self.aliases.get(name).unwrap_or(name)
    }

    /// The unit of that name.
    pub fn get(&self, name: &UnitName) -> Option<&Arc<Unit>> {
        self.units.get(self.resolve(name))
    }

    /// Why there is no unit of that name; none where there is one, or nobody looked.
    pub fn failure(&self, name: &UnitName) -> Option<&LoadError> {
        self.failed.get(self.resolve(name))
    }

    /// The loaded units, by name.
    pub fn units(&self) -> impl Iterator<Item = &Arc<Unit>> {
        self.units.values()
    }

    /// The units that could not be loaded. Mounts that are not there are none of them where only
    /// paths lead to them.
    pub fn failures(&self) -> impl Iterator<Item = (&UnitName, &LoadError)> {
        self.failed.iter().filter(|(name, error)| {
            name.kind() != UnitType::Mount || !error.is_absence() || self.edges.contains_key(*name)
        })
    }

    /// The units that stand in a relation to one.
    pub fn related<'a>(
        &'a self,
        name: &UnitName,
        relation: Relation,
    ) -> impl Iterator<Item = &'a UnitName> + use<'a> {
        self.edges
            .get(name)
            .into_iter()
            .flatten()
            .filter(move |((kind, _), _)| *kind == relation)
            .map(|((_, other), _)| other)
    }

    /// Who stated a relation, where there is one.
    pub fn origin(&self, name: &UnitName, relation: Relation, other: &UnitName) -> Option<Origin> {
        let key = (relation, other.clone());
        self.edges.get(name)?.get(&key).copied()
    }

    /// The units that others name and nobody has looked for yet.
    pub fn unknown(&self) -> BTreeSet<UnitName> {
        let relations = self.units.values().flat_map(|unit| unit.relations.keys());
        let related =
            relations.filter(|(relation, _)| PULLS.contains(relation)).map(|(_, name)| name.clone());
        let paths = self.units.values().flat_map(|unit| unit.mounts_for.keys());
        let mounts = paths.flat_map(|path| mount_names(path));
        related.chain(mounts).filter(|name| !self.is_known(name)).collect()
    }

    /// Whether a unit was looked for.
    pub fn is_known(&self, name: &UnitName) -> bool {
        self.units.contains_key(name) || self.failed.contains_key(name) || self.aliases.contains_key(name)
    }
}

/// The names of the mounts that a path may be on.
fn mount_names(path: &str) -> impl Iterator<Item = UnitName> {
    // A path that is too long for a name is on none.
    prefixes(path).into_iter().filter_map(|prefix| unit_name(&prefix).ok())
}
