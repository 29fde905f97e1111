//! Which release a machine takes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use manifest::channel::{Asking, Channel, Choice, Extension, Reason, Release, SCHEMA, choose, is_plain};
use manifest::{Archive, Sha256, Version};
use proptest::prelude::*;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn release(text: &str, minimum: &str) -> Release {
    Release {
        version: version(text),
        minimum_version: version(minimum),
        security_epoch: 0,
        manifest: format!("berth_{text}.manifest.json"),
        withdrawn: None,
        extensions: vec![],
    }
}

fn extension(name: &str, of: &str) -> Extension {
    Extension {
        name: name.to_owned(),
        version: version(of),
        size: 4096,
        root_hash: Sha256([0xab; 32]),
        image: Archive {
            header: format!("{name}_{of}.cba-header"),
            path: "archives/00.cba".to_owned(),
            size: 3000,
        },
    }
}

fn channel(releases: Vec<Release>) -> Channel {
    Channel {
        schema: SCHEMA,
        product: "berth".to_owned(),
        architecture: "x86_64".to_owned(),
        channel: "stable".to_owned(),
        releases,
    }
}

/// `VERSION`, `VERSION>=MINIMUM`, `VERSION@EPOCH`, with `+NAME` for each extension and `!` at the end where it was
/// withdrawn.
fn releases(words: &str) -> Channel {
    channel(words.split_whitespace().map(one).collect())
}

fn one(word: &str) -> Release {
    let (word, withdrawn) = match word.strip_suffix('!') {
        Some(word) => (word, Some("it loses data".to_owned())),
        None => (word, None),
    };
    let mut words = word.split('+');
    let word = words.next().unwrap();
    let (word, epoch) = word.split_once('@').unwrap_or((word, "0"));
    let (text, minimum) = word.split_once(">=").unwrap_or((word, "0.1.0"));
    let extensions = words.map(|name| extension(name, text)).collect();
    Release { withdrawn, security_epoch: epoch.parse().unwrap(), extensions, ..release(text, minimum) }
}

/// A machine that runs a version: `VERSION`, `VERSION@EPOCH`, then `pin=VERSION`, `refused=VERSION`, `has=EXTENSION`.
struct Machine {
    version: Version,
    epoch: u64,
    pinned: Option<Version>,
    refused: Vec<Version>,
    extensions: BTreeSet<String>,
}

impl Machine {
    fn new(words: &str) -> Self {
        let (runs, rest) = words.split_once(' ').unwrap_or((words, ""));
        let (text, epoch) = runs.split_once('@').unwrap_or((runs, "0"));
        let all =
            |key: &str| rest.split_whitespace().filter_map(|w| w.strip_prefix(key)).map(version).collect();
        let pinned: Vec<Version> = all("pin=");
        Self {
            version: version(text),
            epoch: epoch.parse().unwrap(),
            pinned: pinned.first().cloned(),
            refused: all("refused="),
            extensions: rest
                .split_whitespace()
                .filter_map(|w| w.strip_prefix("has="))
                .map(str::to_owned)
                .collect(),
        }
    }

    fn asking(&self) -> Asking<'_> {
        Asking {
            product: "berth",
            architecture: "x86_64",
            channel: "stable",
            version: &self.version,
            epoch: self.epoch,
            pinned: self.pinned.as_ref(),
            refused: &self.refused,
            extensions: &self.extensions,
        }
    }
}

fn told(choice: &Choice<'_>) -> String {
    let chosen = choice.release.map_or("nothing", |release| release.version.as_str());
    let passed = choice.passed_over.iter().map(|(version, reason)| {
        let word = match reason {
            Reason::Withdrawn(_) => "withdrawn",
            Reason::Refused => "refused",
            Reason::Epoch { .. } => "epoch",
            Reason::Minimum(_) => "minimum",
            Reason::Pinned(_) => "pinned",
            Reason::Lacks(names) => &format!("lacks {}", names.join(" ")),
        };
        format!("; {version} {word}")
    });
    std::iter::once(chosen.to_owned()).chain(passed).collect()
}

#[test]
fn the_newest_release_that_can_be_reached_in_one_step_is_taken() {
    for (machine, has, takes) in [
        // What there is, and nothing that is not newer.
        ("1.0.0", "", "nothing"),
        ("1.0.0", "1.0.0", "nothing"),
        ("1.2.0", "1.0.0 1.1.0", "nothing"),
        ("1.0.0", "1.0.0 1.1.0 1.2.0", "1.2.0"),
        ("1.0.0", "1.10.0 1.9.0 1.2.0", "1.10.0"),
        ("1.0.0", "1.0.0.dev1", "1.0.0.dev1"),
        ("1.0.0.dev1", "1.0.0", "nothing"),
        // Mandatory intermediates: one after the other.
        ("1.0.0", "1.5.0 2.0.0>=1.5.0 3.0.0>=2.0.0", "1.5.0; 3.0.0 minimum; 2.0.0 minimum"),
        ("1.5.0", "1.5.0 2.0.0>=1.5.0 3.0.0>=2.0.0", "2.0.0; 3.0.0 minimum"),
        ("1.6.0", "1.5.0 2.0.0>=1.5.0 3.0.0>=2.0.0", "2.0.0; 3.0.0 minimum"),
        ("2.0.0", "1.5.0 2.0.0>=1.5.0 3.0.0>=2.0.0", "3.0.0"),
        ("1.0.0", "2.0.0>=1.5.0", "nothing; 2.0.0 minimum"),
        ("1.0.0", "1.5.0! 2.0.0>=1.5.0", "nothing; 2.0.0 minimum; 1.5.0 withdrawn"),
        // Withdrawal.
        ("1.0.0", "1.1.0 1.2.0!", "1.1.0; 1.2.0 withdrawn"),
        ("1.0.0", "1.1.0! 1.2.0", "1.2.0"),
        ("1.1.0", "1.1.0!", "nothing"),
        // What failed here is not taken again, and what comes after it is.
        ("1.0.0 refused=1.2.0", "1.1.0 1.2.0", "1.1.0; 1.2.0 refused"),
        ("1.0.0 refused=1.2.0", "1.1.0 1.2.0 1.3.0", "1.3.0"),
        ("1.0.0 refused=1.1.0 refused=1.2.0", "1.1.0 1.2.0", "nothing; 1.2.0 refused; 1.1.0 refused"),
        // Epochs.
        ("1.0.0@2", "1.1.0@1", "nothing; 1.1.0 epoch"),
        ("1.0.0@2", "1.1.0@2 1.2.0@1", "1.1.0; 1.2.0 epoch"),
        ("1.0.0@2", "1.1.0@3", "1.1.0"),
        // A pin is the version that the machine goes to, and no further.
        ("1.0.0 pin=1.0.0", "1.1.0", "nothing; 1.1.0 pinned"),
        ("1.0.0 pin=1.1.0", "1.1.0 1.2.0", "1.1.0; 1.2.0 pinned"),
        ("1.0.0 pin=1.2.0", "1.1.0 1.2.0>=1.1.0 1.3.0", "1.1.0; 1.3.0 pinned; 1.2.0 minimum"),
        ("1.2.0 pin=1.1.0", "1.1.0 1.3.0", "nothing; 1.3.0 pinned"),
        ("1.0.0 pin=1.1.0", "1.1.0! 1.2.0", "nothing; 1.2.0 pinned; 1.1.0 withdrawn"),
        // Extensions come along, all of them, or the base stays: what has them is taken before what is newer.
        ("1.0.0 has=a has=b", "1.1.0+b+c+a", "1.1.0"),
        ("1.0.0", "1.1.0+a", "1.1.0"),
        ("1.0.0 has=a", "1.1.0+b", "nothing; 1.1.0 lacks a"),
        ("1.0.0 has=a has=b has=c", "1.1.0+b", "nothing; 1.1.0 lacks a c"),
        ("1.0.0 has=a", "1.1.0+a 1.2.0", "1.1.0; 1.2.0 lacks a"),
        ("1.0.0 has=a", "1.1.0+a 1.2.0>=1.1.0", "1.1.0; 1.2.0 minimum"),
        // Of several reasons, the one that lasts.
        ("1.0.0@1 refused=1.1.0 pin=1.0.0", "1.1.0>=1.0.5!", "nothing; 1.1.0 withdrawn"),
        ("1.0.0 refused=1.1.0 pin=1.0.0", "1.1.0>=1.0.5", "nothing; 1.1.0 refused"),
    ] {
        let (machine, channel) = (Machine::new(machine), releases(has));
        let choice = choose(&machine.asking(), &channel).unwrap();
        assert_eq!(told(&choice), takes, "{:?} of {has}", machine.asking());
    }
}

#[test]
fn a_machine_is_told_that_what_it_runs_was_withdrawn() {
    let machine = Machine::new("1.1.0");
    let channel = releases("1.0.0 1.1.0! 1.2.0>=1.1.5");
    let choice = choose(&machine.asking(), &channel).unwrap();
    assert_eq!(choice.running_withdrawn, Some("it loses data"));
}

#[test]
fn an_index_of_something_else_is_refused_by_name() {
    let machine = Machine::new("1.0.0");
    let good = releases("1.1.0");
    for (what, other) in [
        ("product", Channel { product: "other".to_owned(), ..good.clone() }),
        ("architecture", Channel { architecture: "aarch64".to_owned(), ..good.clone() }),
        ("channel", Channel { channel: "beta".to_owned(), ..good.clone() }),
    ] {
        let error = choose(&machine.asking(), &other).unwrap_err();
        assert_eq!(error.what, what);
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn the_json_is_what_older_machines_read() {
    let mut channel = releases("1.1.0>=1.0.0! 1.0.0@3");
    channel.releases[0].minimum_version = version("1.0.0");
    let wanted = r#"{
  "schema": 1,
  "product": "berth",
  "architecture": "x86_64",
  "channel": "stable",
  "releases": [
    {
      "version": "1.0.0",
      "minimum_version": "0.1.0",
      "security_epoch": 3,
      "manifest": "berth_1.0.0.manifest.json"
    },
    {
      "version": "1.1.0",
      "minimum_version": "1.0.0",
      "security_epoch": 0,
      "manifest": "berth_1.1.0.manifest.json",
      "withdrawn": "it loses data"
    }
  ]
}
"#;
    assert_eq!(channel.to_json(), wanted);
    let more = wanted.replacen('{', "{\n  \"news\": [],", 1);
    assert_eq!(Channel::from_json(&more).unwrap().to_json(), wanted);
}

#[test]
fn a_release_names_the_extensions_that_were_made_for_it() {
    let mut channel = releases("1.0.0");
    channel.releases[0].extensions = vec![extension("tools", "1.0.0")];
    let text = channel.to_json();
    let root_hash = "ab".repeat(32);
    let wanted = format!(
        r#"      "manifest": "berth_1.0.0.manifest.json",
      "extensions": [
        {{
          "name": "tools",
          "version": "1.0.0",
          "size": 4096,
          "root_hash": "{root_hash}",
          "image": {{
            "header": "tools_1.0.0.cba-header",
            "path": "archives/00.cba",
            "size": 3000
          }}
        }}
      ]
"#
    );
    assert!(text.contains(&wanted), "{text}");
    assert_eq!(Channel::from_json(&text).unwrap(), channel);
}

#[test]
fn an_index_that_contradicts_itself_is_refused() {
    let mut good = releases("1.0.0 1.1.0>=1.0.0");
    good.releases[1].extensions = vec![extension("tools", "1.1.0"), extension("more", "1.1.0")];
    let good = good.to_json();
    assert!(Channel::from_json(&good).is_ok());
    for (from, to, says) in [
        ("\"version\": \"1.0.0\"", "\"version\": \"1.1.0\"", "1.1.0 twice"),
        ("\"minimum_version\": \"1.0.0\"", "\"minimum_version\": \"1.2.0\"", "1.2.0 or newer only"),
        ("berth_1.1.0", "../berth_1.1.0", "plain name"),
        ("\"tools_1.1.0", "\"a/tools_1.1.0", "plain name"),
        ("\"more\"", "\"../more\"", "plain name"),
        ("\"more\"", "\"tools\"", "the extension \"tools\" of 1.1.0 twice"),
        ("\"schema\": 1", "\"schema\": 2", "the format of the index of a channel is 2"),
        ("\"releases\"", "\"relases\"", "missing field `releases`"),
        ("\"1.0.0\"", "\"1.0.0-rc1\"", "is not a version"),
    ] {
        let wrong = good.replace(from, to);
        assert_ne!(wrong, good, "{from}");
        let error = Channel::from_json(&wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn names_of_targets_are_plain() {
    for name in ["stable.channel.json", "berth_1.2.3.usr.cba-header", "A-b_c.1"] {
        assert!(is_plain(name), "{name}");
    }
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "a%2fb", "-x", "ü", &"x".repeat(201)] {
        assert!(!is_plain(name), "{name}");
    }
}

fn versions() -> impl Strategy<Value = Version> {
    (0..3u32, 0..4u32).prop_map(|(major, minor)| version(&format!("{major}.{minor}.0")))
}

fn any_releases() -> impl Strategy<Value = Vec<Release>> {
    let one =
        (versions(), versions(), 0..3u64, any::<bool>()).prop_map(|(version, minimum, epoch, withdrawn)| {
            Release {
                security_epoch: epoch,
                withdrawn: withdrawn.then(String::new),
                ..release(version.as_str(), minimum.as_str())
            }
        });
    prop::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn what_is_chosen_is_never_one_that_must_not_be(
        has in any_releases(),
        runs in versions(),
        epoch in 0..3u64,
        pinned in prop::option::of(versions()),
        refused in prop::collection::vec(versions(), 0..4),
    ) {
        let machine = Machine { version: runs, epoch, pinned, refused, extensions: BTreeSet::new() };
        let channel = channel(has);
        let choice = choose(&machine.asking(), &channel).unwrap();
        let allowed = |r: &Release| {
            r.version > machine.version
                && r.minimum_version <= machine.version
                && r.withdrawn.is_none()
                && r.security_epoch >= machine.epoch
                && !machine.refused.contains(&r.version)
                && machine.pinned.as_ref().is_none_or(|pinned| r.version <= *pinned)
        };
        let best = channel.releases.iter().filter(|r| allowed(r)).map(|r| &r.version).max();
        prop_assert_eq!(choice.release.map(|r| &r.version), best);
        prop_assert!(choice.release.is_none_or(allowed));
        // Each newer release that is not taken has its reason.
        let above = best.unwrap_or(&machine.version);
        let newer = channel.releases.iter().filter(|r| r.version > *above).count();
        prop_assert!(choice.passed_over.len() >= newer);
    }

    #[test]
    fn a_machine_comes_to_rest(has in any_releases(), runs in versions()) {
        let mut machine =
            Machine { version: runs, epoch: 0, pinned: None, refused: vec![], extensions: BTreeSet::new() };
        let channel = channel(has);
        for _ in 0..=channel.releases.len() {
            let Some(next) = choose(&machine.asking(), &channel).unwrap().release else { return Ok(()) };
            machine.version = next.version.clone();
        }
        prop_assert!(false, "{} still has somewhere to go", machine.version);
    }
}
