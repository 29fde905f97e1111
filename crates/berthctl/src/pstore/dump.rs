//! Records of firmware put together to the texts that the kernel cut into them (the kernel's
//! fs/pstore/platform.c): each begins with `Panic#1 Part2`, and part 1 is the end of the text.

use std::collections::BTreeMap;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its file.
    pub file: String,
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// Why the kernel wrote it: `Panic`, `Oops`, ...
    pub kind: String,
    /// When, in seconds since 1970.
    pub time: i64,
    /// It.
    pub text: String,
}

/// What marks a panic's line.
const PANIC: &str = "Kernel panic - not syncing: ";

/// A text whose parts are being found.
struct Found {
    /// Kind and count: `Panic#1`.
    name: String,
    time: i64,
    /// By number.
    parts: BTreeMap<u32, String>,
}

/// Puts records together, oldest text first. Other records (of consoles, of programs) are left out.
pub fn group(mut parts: Vec<Part>) -> Vec<Dump> {
    parts.sort_by(|a, b| (a.time, &a.file).cmp(&(b.time, &b.file)));
    let mut found: Vec<Found> = Vec::new();
    for part in &parts {
        let text = String::from_utf8_lossy(&part.bytes);
        let Some((head, body)) = text.split_once('\n') else {
            continue;
        };
        let Some((name, number)) = header(head) else {
            continue;
        };
        // The count begins anew with each boot: a part that is there already is of another text.
        let belongs = |found: &&mut Found| found.name == name && !found.parts.contains_key(&number);
        match found.iter_mut().rev().find(belongs) {
            Some(found) => _ = found.parts.insert(number, body.to_owned()),
            None => {
                let parts = BTreeMap::from([(number, body.to_owned())]);
                found.push(Found { name: name.to_owned(), time: part.time, parts });
            }
        }
    }
    found
        .into_iter()
        .map(|Found { name, time, parts }| {
            let text = parts.into_values().rev().collect();
            let kind = name.split('#').next().unwrap_or_default();
            let is_word = kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
            Dump { kind: if is_word { kind.to_owned() } else { "dump".to_owned() }, time, text }
        })
        .collect()
}

/// `Panic#1 Part2`.
fn header(line: &str) -> Option<(&str, u32)> {
    let (name, part) = line.trim_end().split_once(" Part")?;
    name.contains('#').then_some(())?;
    Some((name, part.parse().ok()?))
}

/// The last panic; without one the last text of another kind.
pub fn last(dumps: &[Dump]) -> Option<&Dump> {
    let panic = |dump: &&Dump| dump.text.contains(PANIC);
    dumps.iter().rev().find(panic).or(dumps.last())
}

impl Dump {
    /// Why it came to it, in a line: what the panic says, or the last line.
    pub fn reason(&self) -> String {
        let panic = self.text.lines().rev().find_map(|line| line.split_once(PANIC));
        let line = match panic {
            Some((_, reason)) => reason,
            None => self.text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no text"),
        };
        let line = line.trim_end().trim_end_matches(" ]---");
        crate::processes::one_line(line).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(file: &str, time: i64, text: &str) -> Part {
        Part { file: file.into(), time, bytes: text.into() }
    }

    #[test]
    fn parts_are_put_together_from_the_last_to_the_first() {
        let dumps = group(vec![
            part(
                "dmesg-efi-3",
                101,
                "Panic#2 Part1\n<4>[   3.0] Call Trace:\n<0>[   3.1] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---\n",
            ),
            part(
                "dmesg-efi-2",
                100,
                "Panic#2 Part2\n<0>[   2.9] Kernel panic - not syncing: sysrq triggered crash\n",
            ),
            part("dmesg-efi-1", 99, "Oops#1 Part1\n<1>[   2.0] BUG: x\n\n"),
            part("console-ramoops-0", 99, "words\n"),
            part("dmesg-short", 99, "Panic"),
        ]);
        assert_eq!(dumps.len(), 2);
        assert_eq!((dumps[0].kind.as_str(), dumps[0].reason().as_str()), ("Oops", "<1>[   2.0] BUG: x"));
        assert_eq!(dumps[1].time, 100);
        let lines: Vec<&str> = dumps[1].text.lines().collect();
        assert!(
            lines[0].ends_with("sysrq triggered crash") && lines[1].ends_with("Call Trace:"),
            "{lines:?}"
        );
        assert_eq!(last(&dumps), Some(&dumps[1]));
        assert_eq!(dumps[1].reason(), "sysrq triggered crash");
    }

    #[test]
    fn panics_of_two_boots_are_two() {
        let dumps = group(vec![
            part("dmesg-erst-1", 100, "Panic#1 Part1\nKernel panic - not syncing: one\n"),
            part("dmesg-erst-2", 500, "Panic#1 Part1\nKernel panic - not syncing: two\n"),
        ]);
        let reasons: Vec<String> = dumps.iter().map(Dump::reason).collect();
        assert_eq!(reasons, ["one", "two"]);
        assert_eq!(last(&dumps).map(Dump::reason), Some("two".into()));
        assert_eq!(
            (last(&[]), group(vec![part("x", 1, "../..#1 Part1\ny\n")])[0].kind.as_str()),
            (None, "dump")
        );
    }
}
