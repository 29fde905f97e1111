//! How old what is cleaned up must be (tmpfiles.d(5), "Age").

use std::time::Duration;

use unit::text::value::time_span;

/// Which of a file's times tell its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `a`: last access.
    pub access: bool,
    /// `b`: creation.
    pub birth: bool,
    /// `c`: last change of its status.
    pub change: bool,
    /// `m`: last change of its content.
    pub modify: bool,
}

impl Times {
    const NONE: Times = Times { access: false, birth: false, change: false, modify: false };
    /// What tells the age of a file, unless the line says other.
    pub const FILES: Times = Times { access: true, birth: true, change: true, modify: true };
    /// What tells the age of a folder: cleaning up changes its status.
    pub const FOLDERS: Times = Times { change: false, ..Times::FILES };

    fn add(&mut self, letter: char) -> bool {
        match letter {
            'a' => self.access = true,
            'b' => self.birth = true,
            'c' => self.change = true,
            'm' => self.modify = true,
            _ => return false,
        }
        true
    }

    fn or(self, other: Times) -> Times {
        if self == Times::NONE { other } else { self }
    }
}

/// The column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// What is older goes; nothing where that is never.
    pub span: Option<Duration>,
    /// What tells a file's age.
    pub files: Times,
    /// What tells a folder's age.
    pub folders: Times,
    /// `~`: what stands directly in the folder stays.
    pub keep_first_level: bool,
}

/// Reads the column: `10d`, `~10d`, `am:1h`.
///
/// # Errors
/// It is none; the text says which part.
pub fn parse(text: &str) -> Result<Age, String> {
    let bare = text.strip_prefix('~');
    let rest = bare.unwrap_or(text);
    let (mut files, mut folders) = (Times::NONE, Times::NONE);
    let span = match rest.split_once(':') {
        None => rest,
        Some((letters, span)) => {
            for letter in letters.chars().filter(|c| !c.is_ascii_whitespace()) {
                let known = match letter.is_ascii_uppercase() {
                    true => folders.add(letter.to_ascii_lowercase()),
                    false => files.add(letter),
                };
                if !known {
                    return Err(format!("Invalid age-by {letters:?}: its letters are abcm and ABCM"));
                }
            }
            if (files, folders) == (Times::NONE, Times::NONE) {
                return Err(format!("Invalid age-by {letters:?}: it names none of abcm and ABCM"));
            }
            span
        }
    };
    let span = time_span(span).map_err(|error| format!("Invalid age: {error}"))?.finite();
    Ok(Age {
        span,
        files: files.or(Times::FILES),
        folders: folders.or(Times::FOLDERS),
        keep_first_level: bare.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(times: Times) -> String {
        let all = [(times.access, 'a'), (times.birth, 'b'), (times.change, 'c'), (times.modify, 'm')];
        all.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect()
    }

    #[test]
    fn ages() {
        for (text, seconds, files, folders) in [
            ("10d", 864_000, "abcm", "abm"),
            ("0", 0, "abcm", "abm"),
            ("10d12h", 907_200, "abcm", "abm"),
            ("a:1m", 60, "a", "abm"),
            ("AM:4s", 4, "abcm", "am"),
            ("bmA:1h", 3600, "bm", "a"),
            ("  a:24h", 86_400, "a", "abm"),
            ("cccaab:2h", 7200, "abc", "abm"),
            (" aa : 4h", 14_400, "a", "abm"),
            (" a A B C c:1h", 3600, "ac", "abc"),
        ] {
            let age = parse(text).unwrap();
            assert_eq!(age.span, Some(Duration::from_secs(seconds)), "{text}");
            assert_eq!((show(age.files).as_str(), show(age.folders).as_str()), (files, folders), "{text}");
            assert!(!age.keep_first_level);
        }
        assert!(parse("~a:1h").unwrap().keep_first_level);
        assert_eq!(parse("infinity").unwrap().span, None);
        for text in
            [":", ":1s", "2:1h", "nope:42h", "  :7m", "m:", "::", "+r^w-x:2/h", "b", "ar::64", "~", "1x"]
        {
            assert!(parse(text).unwrap_err().starts_with("Invalid age"), "{text}");
        }
    }
}
