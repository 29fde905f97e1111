//! What is said of a key that is not followed.

use super::table::{NETDEV, NETWORK, OTHER_SECTIONS};

/// More changed letters than this, and a name is another name.
const FAR: usize = 4;

/// What is wrong with a key of a section that is built.
pub fn complaint(section: &str, key: &str) -> String {
    let known = || NETWORK.iter().chain(&NETDEV).filter(move |known| known.name == section);
    if known().any(|known| known.not_built.split_whitespace().any(|other| other == key)) {
        return format!("{key}= is not built");
    }
    let all = known().flat_map(|known| known.built.split_whitespace());
    match nearest(key, all) {
        Some(near) => format!("unknown key {key}= in [{section}]; is {near}= meant?"),
        None => format!("unknown key {key}= in [{section}]"),
    }
}

/// What is wrong with a section.
pub fn section_complaint(name: &str) -> String {
    if OTHER_SECTIONS.split_whitespace().any(|other| other == name) {
        return format!("section [{name}] is not built");
    }
    match nearest(name, NETWORK.iter().chain(&NETDEV).map(|section| section.name)) {
        Some(near) => format!("unknown section [{name}]; is [{near}] meant?"),
        None => format!("unknown section [{name}]"),
    }
}

fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_ascii_lowercase();
    let far = FAR.min(wrong.len() / 2);
    known
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
