//! `systemd-escape`: strings as parts of unit names, and back.

use anyhow::{Context, Result, bail};
use unit::UnitName;
use unit::text::escape::{escape, escape_path, unescape, unescape_path};

use crate::arguments::{self, Parsed, Takes, both, long};
use crate::names::unit_name;

const USAGE: &str = "\
usage: systemd-escape [OPTION]... STRING...

Escapes strings for unit names, and unescapes them.

      --suffix=SUFFIX      add the unit type
      --template=TEMPLATE  put the string into a template; with -u, take it out of an instance
      --instance           with -u: take the instance out of a unit's name
  -u, --unescape           undo it
  -m, --mangle             make a unit's name of what a person typed
  -p, --path               the string is a path

For example:  systemd-escape --path --suffix=mount /var/lib/etcd";

/// Runs `systemd-escape`.
///
/// # Errors
/// The arguments make no sense, or a string cannot be escaped so.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        long("suffix", Takes::Value),
        long("template", Takes::Value),
        long("instance", Takes::Nothing),
        both("unescape", 'u', Takes::Nothing),
        both("mangle", 'm', Takes::Nothing),
        both("path", 'p', Takes::Nothing),
    ];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    if parsed.words.is_empty() {
        bail!("name a string\n{USAGE}");
    }
    let out: Vec<String> = parsed.words.iter().map(|word| convert(&parsed, word)).collect::<Result<_>>()?;
    println!("{}", out.join(" "));
    Ok(0)
}

fn convert(parsed: &Parsed, word: &str) -> Result<String> {
    let template = parsed.value("template").map(UnitName::parse).transpose()?;
    if let Some(template) = template.as_ref().filter(|template| !template.is_template()) {
        bail!("{template} is no template: it must end in @ before its type");
    }
    if parsed.has("mangle") {
        if parsed.has("unescape") || parsed.has("path") || template.is_some() {
            bail!("--mangle goes with --suffix only");
        }
        return match parsed.value("suffix") {
            Some(suffix) => Ok(crate::names::with_suffix(&mangled(word), suffix)?.to_string()),
            None => Ok(unit_name(&mangled(word))?.to_string()),
        };
    }
    if parsed.has("unescape") {
        let part = match (&template, parsed.has("instance")) {
            (None, false) => word.to_owned(),
            (template, _) => {
                let name = UnitName::parse(word)?;
                if template.is_some() && name.template() != *template {
                    bail!("{word} is no instance of {}", parsed.value("template").unwrap_or_default());
                }
                name.instance().with_context(|| format!("{word} has no instance"))?.to_owned()
            }
        };
        return Ok(if parsed.has("path") { unescape_path(&part) } else { unescape(&part) });
    }
    let escaped = match parsed.has("path") {
        true => escape_path(word).with_context(|| format!("{word} has .. in it"))?,
        false => escape(word),
    };
    match (template, parsed.value("suffix")) {
        (Some(_), Some(_)) => bail!("--template and --suffix do not go together"),
        (Some(template), None) => Ok(template.with_instance(&escaped)?.to_string()),
        (None, Some(suffix)) => Ok(UnitName::parse(&format!("{escaped}.{suffix}"))?.to_string()),
        (None, None) => Ok(escaped),
    }
}

/// What names cannot hold, escaped; a path stays for what makes a name of it.
fn mangled(word: &str) -> String {
    if word.starts_with('/') {
        return word.to_owned();
    }
    let is_valid = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    word.chars().map(|c| if is_valid(c) { c.to_string() } else { escape(&c.to_string()) }).collect()
}
