//! Users that are there as long as their service (systemd.exec(5), `DynamicUser=`): their names and
//! numbers. Nobody writes them down.

use crate::name::UnitName;

/// Their numbers, the last not among them: as systemd has them, beyond those of people.
const NUMBERS: std::ops::Range<u32> = 61_184..65_520;
/// Names of users have so many bytes at most (useradd(8)).
const NAME_MAX: usize = 31;

/// The name of the user of a unit that states none: its own, where a user can have it.
pub fn user_name(unit: &UnitName) -> String {
    let stem = unit.stem();
    let begins = stem.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let goes_on =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    match stem.len() <= NAME_MAX && begins && stem.bytes().all(goes_on) {
        true => stem.to_owned(),
        false => format!("_du{:016x}", hash(stem)),
    }
}

/// The numbers that a user may have, the best first: always the same, so that what it keeps stays its own.
pub fn numbers(name: &str) -> impl Iterator<Item = u32> {
    let count = NUMBERS.end - NUMBERS.start;
    let first = (hash(name) % u64::from(count)) as u32;
    (0..count).map(move |step| NUMBERS.start + (first + step) % count)
}

/// FNV-1a: the same on every machine.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_units_where_users_can_have_them() {
        let name = |unit: &str| user_name(&UnitName::parse(unit).unwrap());
        assert_eq!(name("node-exporter.service"), "node-exporter");
        for unit in [
            "Upper.service",
            "a@b.service",
            "1a.service",
            "a-name-that-is-longer-than-a-users-may-be.service",
        ] {
            let name = name(unit);
            assert!(name.starts_with("_du") && name.len() == 19, "{unit}: {name}");
        }
    }

    #[test]
    fn every_number_has_its_turn() {
        let all: Vec<u32> = numbers("a").collect();
        assert_eq!(all.len(), 4336);
        assert_eq!(numbers("a").next(), Some(all[0]));
        assert!(all.iter().all(|number| NUMBERS.contains(number)));
        assert_ne!(numbers("b").next(), Some(all[0]));
    }
}
