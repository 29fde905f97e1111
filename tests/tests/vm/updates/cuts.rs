//! The power may go at any moment of an update: the machine boots, the old version or the new one, whole.
//!
//! One update is recorded, with each write and flush. Of that any moment's power cut is made, and what the disk had not
//! flushed by then is kept, lost or torn. Each such disk is judged without a boot: what the loader would take must be a
//! whole UKI whose slot is whole, in every block. Some are booted, and each at which the judge has doubts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use deployment::Deployment;
use layout::disk::{ESP, ROOT, USR_A, USR_A_VERITY, USR_B, USR_B_VERITY};
use sha2::{Digest, Sha256};
use slots::entry_path;
use tests::version::Version;
use tests::{bed, disk};
use vm::{Disk, Milestone, Recording};
use write_log::{Cut, Policy, Record};

use super::{is_intact, journey, lived_in, machine, next, shipped, soak, version_of};

/// Of a run without `--soak`: how many disks are judged, and how many of those booted.
const SAMPLE: (usize, usize) = (20, 3);
/// Of one with it, besides those of the writes that are cut each.
const SOAK: (usize, usize) = (200, 40);
/// Where chance begins; another by this variable.
const SEED: &str = "BERTH_TEST_SEED";
/// For an update that hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// What a machine did while its disk was recorded.
struct Recorded {
    recording: Recording,
    records: Vec<Record>,
    /// Which of them are the update's.
    during: Range<usize>,
    /// Where the partitions are.
    parts: BTreeMap<String, disk::Part>,
}

impl Recorded {
    /// What a write goes to: a partition's label, or the table.
    fn place(&self, record: &Record) -> &str {
        let holds = |part: &&(&String, &disk::Part)| part.1.bytes.contains(&record.bytes.start);
        let parts: Vec<_> = self.parts.iter().collect();
        parts.iter().find(holds).map_or("table", |(label, _)| label.as_str())
    }

    /// The update's writes, by their place.
    fn writes(&self) -> BTreeMap<String, Vec<usize>> {
        let mut places = BTreeMap::<String, Vec<usize>>::new();
        for index in self.during.clone() {
            let record = &self.records[index];
            if !record.bytes.is_empty() {
                places.entry(self.place(record).to_owned()).or_default().push(index);
            }
        }
        places
    }

    /// Which writes are cut each: those to the ESP and to the table, and to the record of updates with what comes after it
    /// until it is safe.
    fn that_matter(&self) -> Vec<usize> {
        let mut state = 0;
        let matters = |index: &usize| {
            let record = &self.records[*index];
            match self.place(record) {
                place if place == ESP.label || place == "table" => !record.bytes.is_empty(),
                place if place == ROOT.label => {
                    if self.is_state(record) {
                        state = 2;
                    }
                    state > 0
                }
                _ => {
                    state -= i32::from(record.flush && state > 0);
                    false
                }
            }
        };
        self.during.clone().filter(matters).collect()
    }

    /// Whether a write to ROOT is one of the record of updates.
    fn is_state(&self, record: &Record) -> bool {
        let data = self.recording.data(record);
        data.is_ok_and(|data| data.windows(10).take(4096).any(|window| window == b"last_check"))
    }
}

/// What the judge says of a disk.
enum Verdict {
    /// The loader takes this version, which is whole.
    Whole(String),
    /// It takes one that is not; the machine has to find its way.
    Doubtful(String),
}

fn judge(disk: &Disk) -> Verdict {
    match whole_version(disk) {
        Ok(version) => Verdict::Whole(version),
        Err(error) => Verdict::Doubtful(format!("{error:#}")),
    }
}

fn whole_version(disk: &Disk) -> anyhow::Result<String> {
    use anyhow::{Context as _, ensure};
    let deployment = Deployment::of_image(disk.file(), None)?;
    let machine = deployment.state()?;
    let entry = machine.next_entry().context("no entry is a whole UKI")?;
    let built = [bed().images().manifest(), &Version::next().manifest];
    let built = built.into_iter().find(|manifest| manifest.version == entry.name.version);
    let built = built.with_context(|| format!("{} is of no version that there is", entry.name))?;
    let uki = built.artifact("uki").context("a build has a UKI")?;
    let hash = hex::encode(Sha256::digest(deployment.uki(&entry.name)?));
    ensure!(hash == uki.sha256.to_string(), "{} is not whole", entry_path(&entry.name));
    let usrhash = tests::version::hash(built)?;
    let slot = machine.slot_with(usrhash).with_context(|| format!("no slot holds {}", entry.name.version))?;
    deployment.slot(slot).verify(usrhash)?;
    Ok(entry.name.version.to_string())
}

/// Boots what a cut left, and has it be sound, and nothing of the machine's own lost.
fn boots(disk: &Disk) -> vm::Result<String> {
    let mut vm = machine(disk).boot()?;
    vm.wait_for_console("reached multi-user.target", LIMIT)?;
    let version = version_of(&vm)?;
    assert!([shipped(), next()].contains(&version), "{version}");
    is_intact(&vm)?;
    vm.run("ctr version")?;
    vm.pull_plug()?;
    Ok(version)
}

/// Chance that comes out the same each time, of the same seed.
fn spread(seed: u64, number: u64, below: u64) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (seed, number).hash(&mut hasher);
    hasher.finish() % below.max(1)
}

/// The moments: each write that matters (a sample of them without `--soak`) and, over all records, so many by chance.
fn moments(recorded: &Recorded, seed: u64, count: usize) -> Vec<Cut> {
    let mut matter = recorded.that_matter();
    let mut by_chance = count;
    if !soak() {
        let of_those = (count / 2).min(matter.len());
        matter = (0..of_those).map(|number| matter[number * matter.len() / of_those]).collect();
        by_chance = count - of_those;
    }
    let all = (recorded.during.end - recorded.during.start) as u64;
    let chance =
        (0..by_chance as u64).map(|number| recorded.during.start + spread(seed, number, all) as usize);
    let cut = |(number, index): (usize, usize)| {
        let policy = match number % 4 {
            0 => Policy::Lost,
            1 => Policy::Kept,
            _ => Policy::Torn(seed.wrapping_add(number as u64)),
        };
        Cut { after: index + 1, policy }
    };
    matter.into_iter().chain(chance).enumerate().map(cut).collect()
}

/// Cuts the power at moments of what was recorded.
fn survives_cuts(recorded: &Recorded) -> vm::Result<()> {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let (count, booted) = if soak() { SOAK } else { SAMPLE };
    for (place, writes) in recorded.writes() {
        println!("{} writes to {place}", writes.len());
    }
    let cuts = moments(recorded, seed, count);
    let (mut versions, mut boots_done, mut doubtful) = (BTreeMap::<String, usize>::new(), 0, 0);
    let began = Instant::now();
    for (number, cut) in cuts.iter().enumerate() {
        let disk = recorded.recording.cut(&recorded.records, *cut)?.to_disk()?;
        let told = |what: &str| format!("cut {number} ({cut:?}, {SEED}={seed}): {what}");
        let verdict = judge(&disk);
        if let Verdict::Doubtful(why) = &verdict {
            println!("{}", told(why));
            doubtful += 1;
        }
        let is_sampled = number * booted / cuts.len() != (number + 1) * booted / cuts.len();
        if is_sampled || matches!(verdict, Verdict::Doubtful(_)) {
            let version = boots(&disk).unwrap_or_else(|error| panic!("{}", told(&error.to_string())));
            boots_done += 1;
            println!("{}", told(&format!("boots {version}")));
        }
        if let Verdict::Whole(version) = verdict {
            *versions.entry(version).or_default() += 1;
        }
    }
    println!(
        "{} cuts in {:?}, seed {seed}: the next boot is {versions:?}, {doubtful} doubtful, {boots_done} booted, all sound",
        cuts.len(),
        began.elapsed()
    );
    Ok(())
}

#[test]
fn power_that_goes_while_a_version_is_tried_and_proven() -> vm::Result<()> {
    let disk = lived_in()?;
    Version::next().install(&disk).unwrap();
    let recording = Recording::of(&disk)?;
    let mut vm = machine(&recording.disk()).boot()?;
    vm.wait_for(Milestone::Blessed, LIMIT)?;
    // What it was told after that, too.
    vm.run("sync; sleep 1")?;
    let to = recording.records()?.len();
    vm.pull_plug()?;
    let recorded = recorded(recording, 0..to)?;
    // The slots are not written to by a boot.
    let writes = recorded.writes();
    assert!(!writes.contains_key(USR_A.label) && !writes.contains_key(USR_A_VERITY.label), "{writes:?}");
    assert!(writes.contains_key(ESP.label), "{writes:?}");
    survives_cuts(&recorded)
}

#[test]
fn power_that_goes_while_a_version_is_taken_and_proven() -> vm::Result<()> {
    let mut origin = journey::origin("cuts");
    origin.release(Version::next().directory()).unwrap();
    let recording = Recording::of(&lived_in()?)?;
    let mut vm = journey::connected(&recording.disk()).boot()?;
    vm.wait_until_ready()?;
    journey::subscribe(&vm, &origin)?;
    vm.run("sync")?;
    let from = recording.records()?.len();
    journey::apply(&vm, "")?;
    journey::restart_into(&vm, &next())?;
    // What it was told after that, too.
    vm.run("sync; sleep 1")?;
    let to = recording.records()?.len();
    vm.pull_plug()?;
    let recorded = recorded(recording, from..to)?;
    let writes = recorded.writes();
    assert!(
        !writes.contains_key(USR_A.label) && !writes.contains_key(USR_A_VERITY.label),
        "what runs is not written to"
    );
    for part in [ESP, USR_B, USR_B_VERITY] {
        assert!(writes.contains_key(part.label), "{}: {:?}", part.label, writes.keys());
    }
    survives_cuts(&recorded)
}

fn recorded(recording: Recording, during: Range<usize>) -> vm::Result<Recorded> {
    let records = recording.records()?;
    let end = recording.end();
    let parts = disk::partitions(bed(), end.file().parent().unwrap(), end.file())?;
    Ok(Recorded { recording, records, during, parts })
}
