//! `systemd-tmpfiles`: files and folders, made, removed and cleaned up.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use settings::tmpfiles::{Context, Operation, Plan};
use settings::{Fault, Source};
use settings_apply::{Root, host, root::credential, root::extra, tmpfiles::Runner};

use super::{BAD_LINES, CANNOT_CREATE, tell};
use crate::arguments::{self, Parsed, Takes, both, long};

/// The kind of its files.
pub const KIND: &str = "tmpfiles.d";
/// What `-E` leaves out: what is not kept.
const VOLATILE: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

const USAGE: &str = "\
usage: systemd-tmpfiles COMMAND... [OPTION]... [FILE]...

Makes, removes and cleans up files and folders as tmpfiles.d(5) says: by the files that are named (- is
standard input), or by all of /etc, /run, /usr/local/lib and /usr/lib.

      --create               make what is to be there
      --clean                remove what is too old
      --remove               remove what is to go
      --purge                remove what the named files make by lines with $

      --boot                 follow lines with !, too, which are safe only while the system starts
      --graceful             pass over users and groups that are not there
      --prefix=PATH          only what is below it; may be given again
      --exclude-prefix=PATH  not what is below it; may be given again
  -E                         as --exclude-prefix for /dev, /proc, /run and /sys
      --root=PATH            the system below this folder
      --replace=PATH         the named files in the place of this one
      --dry-run              say what would be done
      --cat-config           show the files
      --tldr                 show them without comments

For example:  systemd-tmpfiles --create --dry-run /etc/tmpfiles.d/mine.conf";

/// Runs `systemd-tmpfiles`.
///
/// # Errors
/// The arguments make no sense, or a named file cannot be read.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let own = [
        long("create", Takes::Nothing),
        long("clean", Takes::Nothing),
        long("remove", Takes::Nothing),
        long("purge", Takes::Nothing),
        long("boot", Takes::Nothing),
        long("graceful", Takes::Nothing),
        long("prefix", Takes::Value),
        long("exclude-prefix", Takes::Value),
        both("exclude-volatile", 'E', Takes::Nothing),
        long("root", Takes::Value),
        long("replace", Takes::Value),
    ];
    if arguments.iter().any(|argument| argument == "--user") {
        bail!("--user is not supported: there are no users' managers here");
    }
    let Some(parsed) = arguments::read(arguments, &super::known(&own), USAGE)? else {
        return Ok(0);
    };
    let root = super::root(&parsed)?;
    if super::shows(&parsed)? {
        return super::show(&root, &parsed, KIND);
    }
    let all = [
        ("create", Operation::Create),
        ("clean", Operation::Clean),
        ("remove", Operation::Remove),
        ("purge", Operation::Purge),
    ];
    let operations: Vec<Operation> =
        all.into_iter().filter(|(name, _)| parsed.has(name)).map(|(_, operation)| operation).collect();
    if operations.is_empty() {
        bail!("give at least one of --create, --clean, --remove and --purge");
    }
    if parsed.has("purge") && parsed.words.is_empty() {
        bail!("--purge needs files that say what is to go");
    }
    let read = |names: &[String]| names.iter().map(|name| root.named_source(name, KIND)).collect();
    let mut given = super::given(&root, &parsed, KIND, read)?;
    given.sources.extend(extra("tmpfiles.extra")?);
    let (plan, faults) = plan(&root, &parsed, &given.sources)?;
    let has_bad_lines = super::tell_all(&faults) || given.has_unreadable;
    super::mask_nothing();
    let is_well = Runner::new(&root, &plan, parsed.has("dry-run"), &mut tell).run(&operations);
    Ok(match (has_bad_lines, is_well) {
        (true, _) => BAD_LINES,
        (false, false) => CANNOT_CREATE,
        (false, true) => 0,
    })
}

fn plan(root: &Root, parsed: &Parsed, sources: &[Source]) -> Result<(Plan, Vec<Fault>)> {
    let include: Vec<String> = parsed.values("prefix").map(str::to_owned).collect();
    let mut exclude: BTreeSet<String> = parsed.values("exclude-prefix").map(str::to_owned).collect();
    if parsed.has("exclude-volatile") {
        exclude.extend(VOLATILE.map(str::to_owned));
    }
    let exclude: Vec<String> = exclude.into_iter().collect();
    let context = Context {
        boot: parsed.has("boot"),
        graceful: parsed.has("graceful"),
        include: &include,
        exclude: &exclude,
        specifiers: &host::specifiers(root),
        accounts: &host::accounts(root)?,
        credential: &credential,
    };
    Ok(Plan::read(sources, &context))
}
