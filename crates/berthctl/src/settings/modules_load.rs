//! `systemd-modules-load`: modules of the kernel, loaded.

use anyhow::Result;
use kmod::{Modules, Outcome};
use settings::modules_load::names;
use settings_apply::{Root, boot, modules};

use super::tell;
use crate::arguments;

/// The kind of its files.
const KIND: &str = "modules-load.d";

const USAGE: &str = "\
usage: systemd-modules-load [OPTION]... [FILE]...

Loads kernel modules as modules-load.d(5) says: by the files that are named (- is standard input), or by all of
/etc, /run, /usr/local/lib and /usr/lib and by modules_load= of the kernel's command line.

      --dry-run     say what would be loaded
      --cat-config  show the files
      --tldr        show them without comments

For example:  systemd-modules-load --dry-run";

/// Runs `systemd-modules-load`.
///
/// # Errors
/// The arguments make no sense, or a named file cannot be read.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let Some(parsed) = arguments::read(arguments, &super::SHARED, USAGE)? else {
        return Ok(0);
    };
    let root = Root::system()?;
    if super::shows(&parsed)? {
        return super::show(&root, &parsed, KIND);
    }
    let mut is_well = true;
    let wanted = match parsed.words.as_slice() {
        [] => boot::modules(&root, &mut |text| {
            is_well = false;
            tell(text);
        }),
        files => {
            let sources =
                files.iter().map(|name| root.named_source(name, KIND)).collect::<Result<Vec<_>>>()?;
            names("", &sources)
        }
    };
    let mut loader = Modules::open();
    loader.warnings().iter().for_each(|warning| tell(warning.clone()));
    for name in modules::missing(&wanted) {
        if loader.is_blacklisted(name) {
            tell(format!("Module '{name}' is deny-listed"));
            continue;
        }
        let is_known = loader.knows(name);
        if parsed.has("dry-run") {
            tell(if is_known {
                format!("Would load {name}")
            } else {
                format!("Failed to find module '{name}'")
            });
            continue;
        }
        let outcomes = if is_known { loader.load(name) } else { loader.load_alias(name) };
        if outcomes.is_empty() {
            // A kernel that does not have it will not have it: that is no failure, as with systemd.
            tell(format!("Failed to find module '{name}'"));
        }
        for outcome in outcomes {
            match outcome {
                Outcome::Loaded(name) => tell(format!("Inserted module '{name}'")),
                Outcome::Failed(why) => {
                    is_well = false;
                    tell(why);
                }
            }
        }
    }
    Ok(u8::from(!is_well))
}
