//! The units that the image ships: each loads without a warning, and what they name is there.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::fs;
use std::path::{Path, PathBuf};

use unit::load::{self, UnitFiles};
use unit::preset::{Preset, Presets};
use unit::text::file::Source;
use unit::text::specifier::Host;
use unit::{Unit, UnitName};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/rootfs").join(path)
}

fn host() -> Host {
    Host {
        machine_id: "0".repeat(32),
        boot_id: "1".repeat(32),
        hostname: "berth".to_owned(),
        kernel_release: "6.12.0".to_owned(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    entries.collect()
}

fn shipped() -> Vec<(String, Unit)> {
    let units = folder("usr/lib/systemd/system");
    let mut shipped = Vec::new();
    for name in names(&units) {
        let path = units.join(&name);
        if path.is_symlink() || path.is_dir() {
            continue;
        }
        let source = Source { path: name.as_str().into(), text: fs::read_to_string(&path).unwrap() };
        let files = UnitFiles { sources: vec![source], ..UnitFiles::default() };
        // A template as the unit that it makes of a name.
        let unit = UnitName::parse(&name.replace("@.", "@instance.")).unwrap();
        let unit = load::load(&unit, &files, &host()).unwrap();
        shipped.push((name, unit));
    }
    assert!(shipped.len() > 20, "{} units", shipped.len());
    shipped
}

#[test]
fn no_shipped_unit_has_a_warning() {
    for (name, unit) in shipped() {
        let faults: Vec<String> = unit.warnings.iter().chain(&unit.refusals).map(|w| w.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}

#[test]
fn links_lead_to_units_that_are_there() {
    let units = folder("usr/lib/systemd/system");
    let there = names(&units);
    let mut links = 0;
    for parent in [units, folder("etc/systemd/system")] {
        for entry in names(&parent) {
            let path = parent.join(&entry);
            let linked = match path.is_symlink() {
                true => vec![path],
                false if path.is_dir() => names(&path).into_iter().map(|n| path.join(n)).collect(),
                false => continue,
            };
            for link in linked {
                let target = fs::read_link(&link).unwrap();
                let target = target.file_name().unwrap().to_str().unwrap().to_owned();
                assert!(there.contains(&target), "{} leads to {target}", link.display());
                links += 1;
            }
        }
    }
    assert!(links >= 7, "{links} links");
}

#[test]
fn the_presets_enable_what_the_image_enables() {
    let mut presets = Presets::default();
    let presets_folder = folder("usr/lib/systemd/system-preset");
    let mut files = names(&presets_folder);
    files.sort();
    for file in files {
        let text = fs::read_to_string(presets_folder.join(&file)).unwrap();
        assert!(presets.add(&text).is_empty(), "{file}");
    }
    let linked: Vec<String> = names(&folder("etc/systemd/system"))
        .iter()
        .flat_map(|entry| names(&folder("etc/systemd/system").join(entry)))
        .collect();
    for (name, unit) in shipped() {
        let can_be = !unit.install.wanted_by.is_empty() || !unit.install.required_by.is_empty();
        let is_on = matches!(presets.of(&unit.name), Preset::Enable(_));
        assert_eq!(is_on && can_be, linked.contains(&name), "{name}");
    }
}

#[test]
fn the_targets_that_people_isolate_can_be() {
    let shipped = shipped();
    for target in ["multi-user.target", "rescue.target", "emergency.target"] {
        let unit = shipped.iter().find(|(name, _)| name == target).map(|(_, unit)| unit);
        assert!(unit.is_some_and(|unit| unit.allow_isolate), "{target}");
    }
    let logd = shipped.iter().find(|(name, _)| name == "berth-logd.service").unwrap();
    assert!(logd.1.ignore_on_isolate);
}
