//! Machines with all kinds of firmware and of new chains, the power cut before each step of the first boots: the kept
//! names stand for what is known to work, and each machine comes to an end.
#![allow(clippy::unwrap_used)]

use boot_chain::{Chain, Facts, Firmware, Part, Plan, Record, Stage, Step, decide, give_up};
use manifest::{Sha256, Version};

const OLD: Sha256 = Sha256([0; 32]);
const NEW: Sha256 = Sha256([1; 32]);
/// How many steps there are before the first boot by a new chain.
const STEPS_OF_PREPARING: usize = 8;
/// More than any machine needs.
const BOOTS: usize = 9;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Good,
    /// It keeps no variables.
    None,
    /// It refuses those that are written.
    ReadOnly,
    /// It does not start what `BootNext` names.
    Deaf,
    /// It loses all when the machine restarts.
    Forgetful,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum New {
    Works,
    /// A boot by it ends, and the next one is by what is kept.
    Dead,
    /// A boot by it comes up, and does not get good.
    Ill,
}

struct World {
    kind: Kind,
    new: New,
    shipped: Chain<Sha256>,
    kept: Chain<Option<Sha256>>,
    trial: Chain<Option<Sha256>>,
    record: Record,
    has_entry: bool,
    is_next: bool,
    boot: usize,
    by_trial: bool,
    /// How many boots were by the new chain.
    trials: usize,
    /// How many steps are done before the power is cut, where it is.
    until_cut: Option<usize>,
    told: Vec<String>,
}

fn version() -> Version {
    "2.0.0".parse().unwrap()
}

fn both<T: Copy>(it: T) -> Chain<T> {
    Chain { guard: it, loader: it }
}

fn set<T>(chain: &mut Chain<T>, part: Part, to: T) {
    match part {
        Part::Guard => chain.guard = to,
        Part::Loader => chain.loader = to,
    }
}

impl World {
    fn new(kind: Kind, new: New, shipped: Chain<Sha256>, cut: Option<usize>) -> Self {
        Self {
            kind,
            new,
            shipped,
            kept: both(Some(OLD)),
            trial: both(None),
            record: Record::default(),
            has_entry: false,
            is_next: false,
            boot: 0,
            by_trial: false,
            trials: 0,
            until_cut: cut,
            told: vec![],
        }
    }

    /// Whether the power stays on for one more step.
    fn is_powered(&mut self) -> bool {
        match &mut self.until_cut {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn plan(&self) -> Plan {
        let (version, boot) = (version(), format!("boot {}", self.boot));
        let firmware = Firmware { has_entry: self.has_entry, is_next: self.is_next };
        decide(
            &self.record,
            &Facts {
                version: &version,
                boot: &boot,
                shipped: self.shipped,
                kept: self.kept,
                trial: self.trial,
                by_trial: self.by_trial,
                firmware: (self.kind != Kind::None).then_some(firmware),
            },
        )
    }

    /// Does a step; false where firmware refuses it.
    fn act(&mut self, step: Step) -> bool {
        match step {
            Step::MakeEntry | Step::StartNext if self.kind == Kind::ReadOnly => return false,
            Step::Remember(record) => self.record = Record::from_json(&record.to_json()).unwrap(),
            Step::RemoveFiles => self.trial = both(None),
            Step::Write(part) => set(&mut self.trial, part, Some(*self.shipped.get(part))),
            Step::MakeEntry => self.has_entry = true,
            Step::StartNext => {
                assert!(self.has_entry && self.trial.guard.is_some() && self.trial.loader.is_some());
                self.is_next = true;
            }
            Step::ForgetEntry => (self.has_entry, self.is_next) = (false, false),
            Step::Keep(part) => {
                assert!(self.new == New::Works && self.trials > 0, "only what has worked is kept");
                set(&mut self.kept, part, *self.trial.get(part));
            }
        }
        assert!(self.kept.guard.is_some() && self.kept.loader.is_some());
        true
    }

    /// A boot. The power may go while the boot chain is seen to.
    fn start(&mut self) {
        self.boot += 1;
        if self.kind == Kind::Forgetful {
            (self.has_entry, self.is_next) = (false, false);
        }
        self.by_trial = self.has_entry && self.is_next && self.kind != Kind::Deaf;
        if self.by_trial {
            self.is_next = false;
            self.trials += 1;
            match self.new {
                New::Works => {}
                New::Dead => self.by_trial = false,
                New::Ill => return,
            }
        }
        for _ in 0..4 {
            let mut plan = self.plan();
            if plan.steps.is_empty() {
                return;
            }
            self.told.extend(plan.say);
            let mut steps: Vec<Step> = std::mem::take(&mut plan.steps);
            while !steps.is_empty() {
                if !self.is_powered() {
                    self.until_cut = None;
                    return;
                }
                if !self.act(steps.remove(0)) {
                    let plan = give_up(&self.record, "firmware refuses");
                    self.told.extend(plan.say);
                    steps = plan.steps;
                }
            }
        }
        panic!("it does not come to an end: {:?}", self.record);
    }
}

const KINDS: [Kind; 5] = [Kind::Good, Kind::None, Kind::ReadOnly, Kind::Deaf, Kind::Forgetful];

#[test]
fn every_machine_comes_to_an_end_whenever_the_power_is_cut() {
    let chains = [both(OLD), both(NEW), Chain { guard: OLD, loader: NEW }, Chain { guard: NEW, loader: OLD }];
    let mut machines = 0;
    for kind in KINDS {
        for new in [New::Works, New::Dead, New::Ill] {
            for shipped in chains {
                for cut in (0..30).map(Some).chain([None]) {
                    let mut world = World::new(kind, new, shipped, cut);
                    (0..BOOTS).for_each(|_| world.start());
                    let what = format!("{kind:?} {new:?} {shipped:?} cut {cut:?}: {:?}", world.told);
                    assert_eq!(world.plan(), Plan::default(), "{what}");
                    assert_eq!(
                        (&world.record.seen, &world.record.trial),
                        (&Some(version()), &None),
                        "{what}"
                    );
                    // Of a boot that ends before it is remembered that it was good nobody knows that it was.
                    let is_unknown = cut == Some(STEPS_OF_PREPARING) && shipped != both(OLD);
                    let is_taken = kind == Kind::Good && new == New::Works && !is_unknown;
                    let kept = if is_taken { shipped } else { both(OLD) };
                    assert_eq!(
                        world.kept,
                        Chain { guard: Some(kept.guard), loader: Some(kept.loader) },
                        "{what}"
                    );
                    assert!(!world.is_next || kind == Kind::Deaf, "{what}");
                    if shipped == both(OLD) {
                        assert_eq!((world.trials, world.told.len()), (0, 0), "{what}");
                        continue;
                    }
                    assert_eq!(world.record.note.is_none(), is_taken, "{what}");
                    // A cut just after firmware was told makes it be told again.
                    assert!(world.trials <= 1 + usize::from(cut.is_some()), "{what}");
                    if cut.is_none() {
                        let refused = kind == Kind::Good && !is_taken;
                        assert_eq!(world.record.refused.len(), usize::from(refused), "{what}");
                        assert_eq!((world.trial, world.has_entry), (both(None), false), "{what}");
                    }
                    machines += 1;
                }
            }
        }
    }
    assert_eq!(machines, 5 * 3 * 3 * 31);
}

/// Something, be it firmware itself, ends each boot in which the trial is prepared.
#[test]
fn a_trial_that_cannot_be_prepared_is_given_up() {
    let mut world = World::new(Kind::Good, New::Works, both(NEW), None);
    for _ in 0..BOOTS {
        world.until_cut = Some(6);
        world.start();
    }
    world.until_cut = None;
    world.start();
    assert_eq!((world.trials, world.kept), (0, both(Some(OLD))));
    assert!(world.record.note.unwrap().contains("interrupted"));
}

#[test]
fn what_is_said_of_it() {
    for (kind, new, note) in [
        (Kind::None, New::Works, "firmware takes no variables, so that"),
        (Kind::ReadOnly, New::Works, "(firmware refuses)"),
        (Kind::Deaf, New::Works, "(firmware does not start what it is told to)"),
        (Kind::Forgetful, New::Works, "(firmware has forgotten that it was to try it)"),
        (Kind::Good, New::Dead, "(the boot with it did not get good)"),
    ] {
        let mut world = World::new(kind, new, both(NEW), None);
        (0..3).for_each(|_| world.start());
        let summary = world.record.summary().unwrap();
        assert!(
            summary.contains(note) && world.told.contains(&summary),
            "{kind:?}: {summary} {:?}",
            world.told
        );
    }
    let mut world = World::new(Kind::Good, New::Works, both(NEW), None);
    world.start();
    assert_eq!(
        world.record.summary().as_deref(),
        Some("the boot loader of 2.0.0 is tried at the next start")
    );
    world.start();
    assert_eq!(world.record.summary(), None);
    assert_eq!(world.told.len(), 2);
}

#[test]
fn a_chain_that_failed_is_not_tried_again_by_a_later_version() {
    let mut world = World::new(Kind::Good, New::Dead, both(NEW), None);
    (0..3).for_each(|_| world.start());
    world.record.seen = Some("1.9.0".parse().unwrap());
    (0..3).for_each(|_| world.start());
    assert_eq!(world.trials, 1);
    assert!(world.record.note.unwrap().contains("failed here before"));
}

#[test]
fn an_older_version_brings_no_older_chain() {
    let mut world = World::new(Kind::Good, New::Works, both(NEW), None);
    world.record.seen = Some("3.0.0".parse().unwrap());
    (0..3).for_each(|_| world.start());
    assert_eq!((world.trials, world.kept), (0, both(Some(OLD))));
    assert!(!world.record.is_due(&version()));
}

#[test]
fn files_on_trial_that_somebody_changed_are_not_kept() {
    let mut world = World::new(Kind::Good, New::Works, both(NEW), None);
    world.start();
    world.trial.loader = Some(Sha256([9; 32]));
    (0..3).for_each(|_| world.start());
    assert_eq!(world.kept, both(Some(OLD)));
    assert!(world.record.note.unwrap().contains("not those that were written"));
}

#[test]
fn an_esp_that_is_another_is_left_alone() {
    let mut world = World::new(Kind::Good, New::Works, both(NEW), None);
    world.kept.guard = None;
    let plan = world.plan();
    assert!(plan.say.unwrap().contains("the ESP does not have"));
    assert!(matches!(plan.steps.as_slice(), [Step::Remember(record)] if record.seen == Some(version())));
}

#[test]
fn a_boot_by_one_trial_does_not_prove_the_next() {
    let mut world = World::new(Kind::Good, New::Works, both(NEW), None);
    (0..2).for_each(|_| world.start());
    assert!(world.by_trial);
    // A version after the one whose chain has just been proven.
    world.record.seen = Some("1.9.0".parse().unwrap());
    world.shipped = both(Sha256([2; 32]));
    world.trials = 0;
    for step in world.plan().steps {
        assert!(world.act(step));
    }
    assert_eq!(world.record.trial.as_ref().unwrap().stage, Stage::Armed);
    assert_eq!(world.plan(), Plan::default());
}
