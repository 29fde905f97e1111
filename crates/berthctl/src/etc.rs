//! `berthctl etc`: what of `/etc` is the machine's own.

use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use etc_layers::{Difference, Eras, What, compare};
use layout::path::{ETC_ERAS, ETC_LOWER, ETC_UPPER};
use observe::Root;
use serde::Serialize;
use similar::TextDiff;

use crate::arguments::{self, Takes, Usage, both, long};
use crate::table;

const USAGE: &str = "\
usage: berthctl etc diff [--json] [--no-legend] [FILE]...

What of /etc differs from the image's: added, changed, removed, or only copied. A file that the machine has of its own
stays as it is when an update brings another one. Whether the image has changed one since the machine's was written is in
the column IMAGE: \"changed\" wants somebody to look, \"-\" is not known. With files, their text is compared, the image's
first.

  berthctl etc diff
  berthctl etc diff /etc/ssh/sshd_config";

/// The longest text that is compared, in bytes.
const TEXT_MAX: u64 = 256 << 10;

/// Runs `berthctl etc`.
///
/// # Errors
/// The arguments make no sense, or a layer cannot be read.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let options =
        [long("json", Takes::Nothing), long("no-legend", Takes::Nothing), both("help", 'h', Takes::Nothing)];
    let parsed = arguments::parse(arguments, &options)?;
    if parsed.has("help") {
        println!("{USAGE}");
        return Ok(0);
    }
    let files = match parsed.words.split_first() {
        Some((word, files)) if word == "diff" => files,
        Some((other, _)) => bail!(Usage(format!("unknown command {other}\n{USAGE}"))),
        None => bail!(Usage(USAGE.to_owned())),
    };
    let root = Root::of_machine();
    if !files.is_empty() {
        if parsed.has("json") {
            bail!(Usage("--json is for the list, without files".to_owned()));
        }
        for file in files {
            print!("{}", text_diff(&root, &below_etc(file)?)?);
        }
        return Ok(0);
    }
    let found = differences(&root)?;
    if parsed.has("json") {
        println!("{}", json(&found).context("cannot write JSON")?);
    } else {
        print!("{}", list(&found, !parsed.has("no-legend")));
    }
    Ok(0)
}

/// What differs.
///
/// # Errors
/// A layer cannot be read.
pub fn differences(root: &Root) -> Result<Vec<Difference>> {
    let lower = observe::etc::lower(root).with_context(|| format!("cannot read {ETC_LOWER}"))?;
    let upper =
        observe::etc::upper(root).with_context(|| format!("cannot read {ETC_UPPER}; are you root?"))?;
    let eras = Eras::parse(&root.text(ETC_ERAS));
    Ok(compare(&lower, &upper, &eras))
}

fn word(what: What) -> &'static str {
    match what {
        What::Added => "added",
        What::Changed => "changed",
        What::Permissions => "permissions",
        What::Copied => "copied",
        What::Removed => "removed",
    }
}

/// The list, for people.
pub fn list(found: &[Difference], has_legend: bool) -> String {
    let head = ["FILE", "MACHINE", "IMAGE"].map(str::to_owned).to_vec();
    let row = |difference: &Difference| {
        let image = match difference.vendor_changed {
            Some(true) => "changed",
            Some(false) => "same",
            None => "-",
        };
        vec![format!("/etc/{}", difference.path), word(difference.what).to_owned(), image.to_owned()]
    };
    let rows: Vec<Vec<String>> =
        has_legend.then_some(head).into_iter().chain(found.iter().map(row)).collect();
    table::columns(&rows).iter().map(|line| format!("{line}\n")).collect()
}

#[derive(Serialize)]
struct Listed {
    path: String,
    what: What,
    vendor_changed: Option<bool>,
}

fn json(found: &[Difference]) -> serde_json::Result<String> {
    let listed: Vec<Listed> = found
        .iter()
        .map(|difference| Listed {
            path: format!("/etc/{}", difference.path),
            what: difference.what,
            vendor_changed: difference.vendor_changed,
        })
        .collect();
    serde_json::to_string_pretty(&listed)
}

/// A path below `/etc`, as somebody names it.
fn below_etc(file: &str) -> Result<String> {
    let path = Path::new(file);
    let path = path.strip_prefix("/etc").unwrap_or(path);
    let is_plain = path.components().all(|component| matches!(component, Component::Normal(_)));
    if !is_plain || path.as_os_str().is_empty() {
        bail!(Usage(format!("{file} is not a file of /etc; name one like /etc/issue")));
    }
    Ok(path.display().to_string())
}

/// The image's text of a file against the machine's.
fn text_diff(root: &Root, path: &str) -> Result<String> {
    let own = format!("/etc/{path}");
    let vendor = format!("{ETC_LOWER}/{path}");
    let (before, after) = (text(root, &vendor)?, text(root, &own)?);
    if before.is_none() && after.is_none() {
        bail!("{own} is neither the image's nor the machine's");
    }
    let name = |side: &Option<String>, name: &str| side.as_ref().map_or("/dev/null", |_| name).to_owned();
    let names = (name(&before, &vendor), name(&after, &own));
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let diff = TextDiff::from_lines(&before, &after);
    Ok(diff.unified_diff().header(&names.0, &names.1).to_string())
}

/// A file's text; none where it is not there.
fn text(root: &Root, path: &str) -> Result<Option<String>> {
    let place = root.path(path);
    let Ok(metadata) = fs::metadata(&place) else { return Ok(None) };
    if !metadata.is_file() || metadata.len() > TEXT_MAX {
        bail!("{path} is no file of at most {} KiB, and is not compared", TEXT_MAX >> 10);
    }
    let bytes = fs::read(&place).with_context(|| format!("cannot read {path}"))?;
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(Some(text)),
        _ => bail!("{path} is no text, and is not compared"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_differs_and_what_wants_a_look() {
        let difference =
            |path: &str, what, vendor_changed| Difference { path: path.into(), what, vendor_changed };
        let found = [
            difference("issue", What::Changed, Some(true)),
            difference("ssh/ssh_host_ed25519_key", What::Added, Some(false)),
            difference("motd", What::Removed, None),
        ];
        assert_eq!(
            list(&found, true),
            "FILE                          MACHINE IMAGE\n\
             /etc/issue                    changed changed\n\
             /etc/ssh/ssh_host_ed25519_key added   same\n\
             /etc/motd                     removed -\n"
        );
        assert_eq!(list(&[], false), "");
        let json = json(&found[..1]).unwrap();
        let expected = "[\n  {\n    \"path\": \"/etc/issue\",\n    \"what\": \"changed\",\n    \"vendor_changed\": true\n  }\n]";
        assert_eq!(json, expected);
    }

    #[test]
    fn texts_are_compared_the_images_first() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let write = |path: &str, text: &[u8]| {
            let path = root.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("/usr/share/berth/etc/issue", b"one\ntwo\n");
        write("/etc/issue", b"one\n2\n");
        write("/etc/own", b"mine\n");
        write("/etc/binary", b"\0\0");
        assert_eq!(
            text_diff(&root, "issue").unwrap(),
            "--- /usr/share/berth/etc/issue\n+++ /etc/issue\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
        );
        assert_eq!(text_diff(&root, "own").unwrap(), "--- /dev/null\n+++ /etc/own\n@@ -0,0 +1 @@\n+mine\n");
        assert!(text_diff(&root, "binary").is_err());
        assert!(text_diff(&root, "nothing").is_err());
    }

    #[test]
    fn only_files_of_etc_are_compared() {
        for (file, expected) in [
            ("/etc/issue", Some("issue")),
            ("ssh/sshd_config", Some("ssh/sshd_config")),
            ("/etc", None),
            ("/var/lib/x", None),
            ("/etc/../root/x", None),
        ] {
            assert_eq!(below_etc(file).ok().as_deref(), expected, "{file}");
        }
    }
}
