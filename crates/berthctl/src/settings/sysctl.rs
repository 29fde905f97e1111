//! `systemd-sysctl`: kernel settings, written.

use anyhow::Result;
use settings::sysctl::Settings;
use settings_apply::Root;
use settings_apply::sysctl::{self, Outcome};

use super::tell;
use crate::arguments::{self, Takes, long};

/// The kind of its files.
pub const KIND: &str = "sysctl.d";

const USAGE: &str = "\
usage: systemd-sysctl [OPTION]... [FILE]...

Writes kernel settings as sysctl.d(5) says: by the files that are named (- is standard input), or by all of
/etc, /run, /usr/local/lib and /usr/lib.

      --prefix=NAME  only settings below it, such as net.ipv4.conf.eth0; may be given again
      --strict       fail where the kernel has no such setting, or refuses
      --dry-run      say what would be written
      --cat-config   show the files
      --tldr         show them without comments

For example:  systemd-sysctl --dry-run --prefix=net";

/// Runs `systemd-sysctl`.
///
/// # Errors
/// The arguments make no sense.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let own = [long("prefix", Takes::Value), long("strict", Takes::Nothing)];
    let Some(parsed) = arguments::read(arguments, &super::known(&own), USAGE)? else {
        return Ok(0);
    };
    let root = Root::system()?;
    if super::shows(&parsed)? {
        return super::show(&root, &parsed, KIND);
    }
    let prefixes: Vec<String> = parsed.values("prefix").map(str::to_owned).collect();
    let mut is_well = true;
    let mut note = |text: String| {
        is_well = false;
        tell(text);
    };
    let settings = match parsed.words.as_slice() {
        [] => sysctl::read(&root, &prefixes, &mut note),
        names => {
            let mut settings = Settings::new(&prefixes);
            for name in names {
                sysctl::add(&mut settings, root.named_source(name, KIND), &mut note);
            }
            settings
        }
    };
    for setting in sysctl::writes(&root, &settings) {
        if parsed.has("dry-run") {
            let value = setting.value.as_deref().unwrap_or_default();
            tell(format!("Would set {} to {value:?}", setting.path));
            continue;
        }
        match sysctl::write(&setting, parsed.has("strict")) {
            Outcome::Set => {}
            Outcome::Passed(_) if setting.optional => {}
            Outcome::Passed(error) => tell(format!("passed over: {error:#}")),
            Outcome::Failed(error) => {
                is_well = false;
                tell(format!("{error:#}"));
            }
        }
    }
    Ok(u8::from(!is_well))
}
