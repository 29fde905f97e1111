//! Versions of the format.

/// The newest minor version that is read.
pub const NEWEST: u32 = 6;

/// The newest version, as a config writes it.
pub const NEWEST_TEXT: &str = "3.6.0";

/// The minor version of a config of 3.x, or why it is not taken.
pub fn minor(text: &str) -> Result<u32, String> {
    if text.is_empty() {
        return Err(format!("the config names no version: write one from 3.0.0 to {NEWEST_TEXT}"));
    }
    let parts: Vec<Option<u32>> = text.split('.').map(number).collect();
    match parts[..] {
        [Some(3), Some(minor), Some(0)] if minor <= NEWEST => Ok(minor),
        [Some(3), Some(minor), Some(_)] if minor > NEWEST => Err(format!(
            "version {text} is newer than what is read here: write one from 3.0.0 to {NEWEST_TEXT}, or update Berth"
        )),
        _ if text.starts_with("1.") || text.starts_with("2.") => Err(format!(
            "version {text} is of the old format, which is not read: rewrite the config for 3.0.0 or newer"
        )),
        _ if text.contains("-experimental") => Err(format!(
            "version {text} was an experiment, and is not read: write the stable version, up to {NEWEST_TEXT}"
        )),
        _ => Err(format!("{text:?} is no version that is read: write one from 3.0.0 to {NEWEST_TEXT}")),
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_are_taken() {
        for (text, expected) in [
            ("3.0.0", Some(0)),
            ("3.5.0", Some(5)),
            ("3.6.0", Some(6)),
            ("03.4.0", Some(4)),
            ("", None),
            ("3", None),
            ("3.4", None),
            ("3.7.0", None),
            ("3.0.1", None),
            ("2.3.0", None),
            ("4.0.0", None),
            ("3.0.0-dev", None),
            ("3.6.0-experimental", None),
            ("3.0.0+x", None),
            ("3.0.0.0", None),
            (" 3.0.0", None),
            ("+3.0.0", None),
            ("3..0", None),
            ("99999999999.0.0", None),
        ] {
            assert_eq!(minor(text).ok(), expected, "{text}");
        }
    }
}
