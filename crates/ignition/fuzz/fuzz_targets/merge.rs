//! Two configs, of which a zero byte is between, make one where both are taken, without a fault. Merging an empty one
//! into it afterwards changes nothing.
#![no_main]

use ignition::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut texts = data.splitn(2, |byte| *byte == 0);
    let mut next = || texts.next().and_then(|text| ignition::parse(text).config);
    let (Some(parent), Some(child)) = (next(), next()) else { return };
    let merged = ignition::merge(&parent, &child);
    let _ = ignition::validate(&merged);
    let once = ignition::merge(&merged, &Config::default());
    assert_eq!(ignition::to_json(&ignition::merge(&once, &Config::default())), ignition::to_json(&once));
});
