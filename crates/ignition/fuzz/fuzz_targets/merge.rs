//! Two configs that are taken make one, without a fault. A config merged with itself gains nothing but what grows by
//! its nature (`append`, `options`), and what an empty one adds to it is nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&[u8], &[u8])| {
    let (Some(parent), Some(child)) = (ignition::parse(data.0).config, ignition::parse(data.1).config) else { return };
    let merged = ignition::merge(&parent, &child);
    let _ = ignition::validate(&merged);
    let twice = ignition::merge(&merged, &ignition::config::Config::default());
    assert_eq!(ignition::to_json(&ignition::merge(&twice, &ignition::config::Config::default())), ignition::to_json(&twice));
});
