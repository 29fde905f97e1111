//! `systemd-sysusers`: system users and groups, made.

use anyhow::{Result, bail};
use settings::sysusers::Config;
use settings::{Fault, Severity, Source};
use settings_apply::{Root, host, root::extra, sysusers};

use super::{BAD_LINES, tell};
use crate::arguments::{self, Takes, long};

/// The kind of its files.
pub const KIND: &str = "sysusers.d";
/// What lines on the command line are named as.
const ARGUMENT: &str = "(argument)";

const USAGE: &str = "\
usage: systemd-sysusers [OPTION]... [FILE]...

Makes system users and groups as sysusers.d(5) says: by the files that are named (- is standard input), or by
all of /etc, /run, /usr/local/lib and /usr/lib. What is there already stays as it is.

      --root=PATH     the system below this folder
      --replace=PATH  the named files in the place of this one
      --inline        the arguments are lines, not files
      --dry-run       say what would be done
      --cat-config    show the files
      --tldr          show them without comments

For example:  systemd-sysusers --dry-run --inline 'u worker - \"A worker\" /var/lib/worker'";

/// Runs `systemd-sysusers`.
///
/// # Errors
/// The arguments make no sense; a named file cannot be read or has a line that makes none: then nothing
/// is changed.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let own = [long("root", Takes::Value), long("replace", Takes::Value), long("inline", Takes::Nothing)];
    let Some(parsed) = arguments::read(arguments, &super::known(&own), USAGE)? else {
        return Ok(0);
    };
    let root = super::root(&parsed)?;
    if super::shows(&parsed)? {
        return super::show(&root, &parsed, KIND);
    }
    let read = |words: &[String]| -> Result<Vec<Source>> {
        match parsed.has("inline") {
            true => Ok(vec![Source { path: ARGUMENT.into(), text: words.join("\n") }]),
            false => words.iter().map(|name| root.named_source(name, KIND)).collect(),
        }
    };
    let mut given = super::given(&root, &parsed, KIND, read)?;
    given.sources.extend(extra("sysusers.extra")?);
    let (config, faults) = Config::read(&given.sources, &host::specifiers(&root));
    let has_bad_lines = super::tell_all(&faults) || given.has_unreadable;
    if has_bad_lines && !parsed.words.is_empty() && is_of_arguments(&faults, &root) {
        bail!("nothing was changed");
    }
    let is_well = make(&root, &config, parsed.has("dry-run"))?;
    Ok(match (is_well, has_bad_lines) {
        (false, _) => 1,
        (true, true) => BAD_LINES,
        (true, false) => 0,
    })
}

/// Whether a line that makes no sense is one of those that the command line names, rather than of a file of
/// the system.
fn is_of_arguments(faults: &[Fault], root: &Root) -> bool {
    let of_system: Vec<String> = root.settings(KIND).iter().map(settings::files::Found::path).collect();
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error);
    errors.into_iter().any(|fault| !of_system.iter().any(|path| **path == *fault.at.path))
}

/// Makes what lines ask for, or says what would be made. Says whether all could be.
///
/// # Errors
/// The files of accounts cannot be written.
pub fn make(root: &Root, config: &Config, is_dry: bool) -> Result<bool> {
    let lock = if is_dry { None } else { Some(sysusers::lock(root)?) };
    let plan = sysusers::plan(root, config);
    plan.actions.iter().chain(&plan.errors).for_each(|text| tell(text.clone()));
    if !is_dry {
        sysusers::write(root, &plan.changes)?;
    } else {
        let changes = &plan.changes;
        let files = [
            ("/etc/group", &changes.group),
            ("/etc/gshadow", &changes.gshadow),
            ("/etc/passwd", &changes.passwd),
            ("/etc/shadow", &changes.shadow),
        ];
        files
            .iter()
            .filter(|(_, text)| text.is_some())
            .for_each(|(path, _)| tell(format!("Would write {path}")));
    }
    drop(lock);
    Ok(plan.errors.is_empty())
}
