//! `berthctl extension`: system extensions, what became of them at boot, and their merging, which PID 1 runs.

use std::collections::BTreeSet;
use std::path::Path;

use ::extension::machine;
use ::extension::{Boot, Outcome, State};
use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::json;

use crate::arguments::{self, Json, Takes, long};
use crate::table::{Paint, columns, paint};

const USAGE: &str = "\
usage: berthctl extension [OPTION]... [COMMAND]

  status    what this boot made of the extensions, and why (without a command, too)
  list      every image that is there, and those that are to come
  activate  merges them; only PID 1 runs this, once a boot

      --json=short|pretty|off
      --no-pager, --no-legend

Images are taken from /etc/extensions, from what updates brought, and from /var/lib/extensions, when
the machine starts. The names in /etc/berth/extensions are those that updates bring along.
For example:  berthctl extension status";

const ROOT: &str = "/";

/// Runs `extension`.
///
/// # Errors
/// The arguments make no sense, or what is there cannot be read.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known =
        [long("json", Takes::Value), long("no-pager", Takes::Nothing), long("no-legend", Takes::Nothing)];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    let json = Json::of(&parsed)?;
    let words: Vec<&str> = parsed.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["status"] => status(json)?,
        ["list"] => list(json, !parsed.has("no-legend"))?,
        ["activate"] => activate()?,
        [other, ..] => bail!("command {other} is unknown or not supported yet\n{USAGE}"),
    }
    Ok(0)
}

/// Runs `systemd-sysext`, whose other commands change what is merged: here that is done when the machine starts.
///
/// # Errors
/// As [`run`], or for such a command.
pub fn run_as_sysext(arguments: Vec<String>) -> Result<u8> {
    let changing = ["merge", "unmerge", "refresh"];
    if let Some(word) = arguments.iter().find(|word| changing.contains(&word.as_str()) || *word == "activate")
    {
        bail!("{word} is not possible here: extensions are merged when the machine starts; restart it");
    }
    run(arguments)
}

/// Merges, for PID 1. What is left out is in the log; the machine goes on in any case.
fn activate() -> Result<()> {
    if Path::new(layout::extension::STATE).exists() {
        bail!("the extensions of this boot are merged already; restart the machine to merge others");
    }
    if let Err(error) = machine::activate() {
        sys::kernel_log::alarm("extensions", &format!("{error:#}"));
        return Err(error);
    }
    Ok(())
}

fn status(json: Json) -> Result<()> {
    let boot = machine::this_boot(Path::new(ROOT))?;
    json.print(|| json!(boot), || told(&boot).iter().map(|line| format!("{line}\n")).collect());
    Ok(())
}

/// A boot's outcome for people: each extension, and under it why it is left out.
fn told(boot: &Boot) -> Vec<String> {
    if boot.extensions.is_empty() {
        return vec![format!("no extensions (base {})", boot.base)];
    }
    let mut lines = vec![format!("base {}", boot.base)];
    for Outcome { name, version, state, reason, path } in &boot.extensions {
        let (mark, color) = match state {
            State::Active => ("\u{25cf}", Paint::Good),
            State::LeftOut => ("\u{d7}", Paint::Bad),
        };
        let version = version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        lines.push(format!("{} {name}{version}: {}, {path}", paint(mark, color), state.word()));
        lines.extend(reason.iter().map(|reason| format!("    {reason}")));
    }
    lines
}

/// An extension in the list.
#[derive(Serialize)]
struct Row {
    name: String,
    base: String,
    state: &'static str,
    path: String,
}

fn list(json: Json, legend: bool) -> Result<()> {
    let rows = rows(Path::new(ROOT))?;
    json.print(
        || json!(rows),
        || {
            let head = ["NAME", "BASE", "STATE", "IMAGE"].map(str::to_owned).to_vec();
            let body = rows
                .iter()
                .map(|row| vec![row.name.clone(), row.base.clone(), row.state.to_owned(), row.path.clone()]);
            let rows: Vec<Vec<String>> = legend.then_some(head).into_iter().chain(body).collect();
            columns(&rows).iter().map(|line| format!("{line}\n")).collect()
        },
    );
    Ok(())
}

fn rows(root: &Path) -> Result<Vec<Row>> {
    let boot = machine::this_boot(root)?;
    let (wanted, _) = machine::has(root, &boot.base)?;
    let mut rows: Vec<Row> = boot
        .extensions
        .iter()
        .map(|one| Row {
            name: one.name.clone(),
            base: boot.base.clone(),
            state: one.state.word(),
            path: one.path.clone(),
        })
        .collect();
    let now: BTreeSet<&str> = boot.extensions.iter().map(|one| one.name.as_str()).collect();
    let mut rest = Vec::new();
    for base in std::iter::once(boot.base.clone())
        .chain(machine::staged(root).into_iter().filter(|b| *b != boot.base))
    {
        for (name, candidate) in machine::staged_for(root, &base)? {
            if base != boot.base || !now.contains(name.as_str()) {
                let state = if base == boot.base { "at next boot" } else { "for that base" };
                rest.push(Row { name, base: base.clone(), state, path: candidate.display().to_string() });
            }
        }
    }
    let known: BTreeSet<&str> = now.iter().copied().chain(rest.iter().map(|row| row.name.as_str())).collect();
    let missing = wanted.iter().filter(|name| !known.contains(name.as_str()));
    let missing: Vec<Row> = missing
        .map(|name| Row {
            name: name.clone(),
            base: boot.base.clone(),
            state: "not there yet",
            path: String::new(),
        })
        .collect();
    rows.extend(rest);
    rows.extend(missing);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_with_its_reason() {
        let outcome = |name: &str, reason: Option<&str>| Outcome {
            name: name.to_owned(),
            path: format!("/var/lib/extensions/{name}.raw"),
            version: reason.is_none().then(|| "1.0.0".to_owned()),
            state: if reason.is_none() { State::Active } else { State::LeftOut },
            reason: reason.map(str::to_owned),
        };
        let boot = Boot {
            base: "1.0.0".to_owned(),
            extensions: vec![outcome("good", None), outcome("bad", Some("it is not signed"))],
        };
        let wanted = [
            "base 1.0.0",
            "\u{25cf} good 1.0.0: active, /var/lib/extensions/good.raw",
            "\u{d7} bad: left out, /var/lib/extensions/bad.raw",
            "    it is not signed",
        ];
        assert_eq!(told(&boot), wanted);
        assert_eq!(told(&Boot { extensions: vec![], ..boot }), ["no extensions (base 1.0.0)"]);
    }

    #[test]
    fn commands_that_change_what_is_merged_are_refused_by_name() {
        for word in ["merge", "unmerge", "refresh"] {
            let error = run_as_sysext(vec![word.to_owned()]).unwrap_err().to_string();
            assert!(error.starts_with(word) && error.contains("restart"), "{error}");
        }
    }
}
