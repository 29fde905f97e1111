//! Kernel arguments that a config wants and does not want. They are in an addon beside the UKI, which the loader
//! reads at the next start: the machine is started once more where the kernel did not get them.

use std::path::Path;

use anyhow::Context;
use ignition::config::Config;
use layout::args::{USRHASH, words};
use layout::esp::ADDON;

use crate::failure::Failure;

/// The longest command line that the kernel takes (Linux, arch/x86: COMMAND_LINE_SIZE, with the byte that ends it).
const LONGEST: usize = 2047;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The kernel has what it is to have.
    Nothing,
    /// The addon is to have these arguments, none of them where this is empty; then the machine is to start anew.
    Restart(String),
}

/// An argument: a name, and perhaps a value.
type Argument = (String, Option<String>);

/// Decides by the command line that the kernel was given, and the arguments of the addon that there is.
///
/// # Errors
/// One cannot be added or taken away.
pub fn decide(config: &Config, kernel: &str, addon: &str) -> Result<Decision, Failure> {
    let Some(wanted) = &config.kernel_arguments else { return Ok(Decision::Nothing) };
    let given: Vec<Argument> = words(kernel).collect();
    let of_addon: Vec<Argument> = words(addon).collect();
    let mut new = of_addon.clone();
    let mut is_settled = true;
    for (index, text) in wanted.should_not_exist.iter().flatten().enumerate() {
        for unwanted in words(text).filter(|argument| given.contains(argument)) {
            if !of_addon.contains(&unwanted) {
                return Err(Failure::new(
                    format!("$.kernelArguments.shouldNotExist.{index}"),
                    format!(
                        "the kernel argument {} comes with the image, and only what was added to it can be taken away",
                        written(&unwanted)
                    ),
                    "leave it, or build an image whose spec does not have it",
                ));
            }
            new.retain(|argument| *argument != unwanted);
            is_settled = false;
        }
    }
    for (index, text) in wanted.should_exist.iter().flatten().enumerate() {
        let at = || format!("$.kernelArguments.shouldExist.{index}");
        for missing in words(text).filter(|argument| !given.contains(argument)) {
            if missing.0 == USRHASH {
                let cause = format!("{USRHASH} says which /usr the kernel is of, and comes with it");
                return Err(Failure::new(at(), cause, "leave it away"));
            }
            if of_addon.contains(&missing) {
                let cause = format!(
                    "the kernel was not given {}, although {ADDON} of the EFI partition has it",
                    written(&missing)
                );
                let next = "start the machine by UEFI and the image's own loader, or give the argument to what starts the kernel";
                return Err(Failure::new(at(), cause, next));
            }
            // Another text may have it, too.
            if !new.contains(&missing) {
                new.push(missing);
            }
            is_settled = false;
        }
    }
    if is_settled {
        return Ok(Decision::Nothing);
    }
    let text = new.iter().map(written).collect::<Vec<_>>().join(" ");
    let length = kernel.trim_end().len() + text.len() - addon.len().min(kernel.len()) + 1;
    if length > LONGEST {
        let cause = format!("the kernel's command line would have {length} bytes, and can have {LONGEST}");
        return Err(Failure::new("$.kernelArguments.shouldExist", cause, "leave some away"));
    }
    Ok(Decision::Restart(text))
}

/// An argument as it stands in a command line.
fn written((name, value): &Argument) -> String {
    match value {
        Some(value) if value.contains(char::is_whitespace) => format!("{name}=\"{value}\""),
        Some(value) => format!("{name}={value}"),
        None if name.contains(char::is_whitespace) => format!("\"{name}\""),
        None => name.clone(),
    }
}

/// The arguments of the addon on the EFI partition that is mounted at a path; none where there is no addon.
///
/// # Errors
/// It cannot be read.
pub fn of_addon(esp: &Path) -> anyhow::Result<String> {
    let path = esp.join(ADDON);
    let doing = || format!("read {}", path.display());
    match std::fs::read(&path) {
        Ok(bytes) => uki::addon::command_line(&bytes).with_context(doing),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(doing),
    }
}

/// Writes the addon to the EFI partition that is mounted at a path, or removes it where it has no arguments.
///
/// # Errors
/// It cannot be written.
pub fn write_addon(esp: &Path, arguments: &str) -> anyhow::Result<()> {
    let path = esp.join(ADDON);
    let doing = || format!("write {}", path.display());
    if arguments.is_empty() {
        return std::fs::remove_file(&path).with_context(doing);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(doing)?;
    }
    // FAT has no permissions of its own.
    Ok(sys::file::replace_synced(&path, &uki::addon::build(arguments)?, 0o700)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decided(
        should_exist: &[&str],
        should_not_exist: &[&str],
        kernel: &str,
        addon: &str,
    ) -> Result<String, String> {
        let config = json!({
            "ignition": {"version": "3.6.0"},
            "kernelArguments": {"shouldExist": should_exist, "shouldNotExist": should_not_exist},
        });
        let config: Config = serde_json::from_value(config).unwrap();
        match decide(&config, kernel, addon) {
            Ok(Decision::Nothing) => Ok("nothing".to_owned()),
            Ok(Decision::Restart(text)) => Ok(format!("[{text}]")),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn what_is_missing_is_added_once() {
        for (should, should_not, kernel, addon, expected) in [
            (&[][..], &[][..], "quiet", "", "nothing"),
            (&["quiet"], &["debug"], "quiet usrhash=1", "", "nothing"),
            (&["a=1", "quiet"], &[], "quiet", "", "[a=1]"),
            (&["a=1"], &[], "quiet a=1", "a=1", "nothing"),
            // Another value of the same name, two arguments in one text, and blanks in a value.
            (&["console=tty1"], &[], "console=ttyS0", "", "[console=tty1]"),
            (&["a=1 b", "c=\"d e\""], &[], "", "", "[a=1 b c=\"d e\"]"),
            (&["c=\"d e\""], &[], "c=\"d e\"", "c=\"d e\"", "nothing"),
            (&["b"], &["a=1"], "quiet a=1", "a=1", "[b]"),
            (&[], &["a=1"], "quiet a=1", "a=1", "[]"),
            (&[], &["quiet=1"], "quiet", "", "nothing"),
            (&["b"], &[], "quiet a", "a", "[a b]"),
            // An argument that two texts have.
            (&["a=1 b", "a=1 c"], &[], "quiet", "", "[a=1 b c]"),
            (&["a=1 b", "a=1 c"], &[], "quiet a=1 b c", "a=1 b c", "nothing"),
        ] {
            let seen = decided(should, should_not, kernel, addon);
            assert_eq!(seen.as_deref(), Ok(expected), "{should:?} {should_not:?} {kernel:?} {addon:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let long = "x".repeat(2042);
        for (should, should_not, kernel, addon, expected) in [
            (
                &["a"][..],
                &[][..],
                "quiet",
                "a",
                "$.kernelArguments.shouldExist.0: the kernel was not given a, although",
            ),
            (&["b", "usrhash=2"], &[], "usrhash=1", "", "$.kernelArguments.shouldExist.1: usrhash says"),
            (
                &[],
                &["x", "quiet"],
                "quiet",
                "",
                "$.kernelArguments.shouldNotExist.1: the kernel argument quiet comes",
            ),
            (
                &[long.as_str()],
                &[],
                "quiet",
                "",
                "$.kernelArguments.shouldExist: the kernel's command line would have 2048",
            ),
        ] {
            let seen = decided(should, should_not, kernel, addon).unwrap_err();
            assert!(seen.starts_with(expected), "{seen}");
        }
    }

    #[test]
    fn the_addon_is_written_read_and_removed() {
        let esp = tempfile::tempdir().unwrap();
        assert_eq!(of_addon(esp.path()).unwrap(), "");
        write_addon(esp.path(), "a b=\"c d\"").unwrap();
        assert_eq!(of_addon(esp.path()).unwrap(), "a b=\"c d\"");
        write_addon(esp.path(), "").unwrap();
        assert_eq!(of_addon(esp.path()).unwrap(), "");
        std::fs::write(esp.path().join(ADDON), "no addon").unwrap();
        assert!(of_addon(esp.path()).unwrap_err().to_string().starts_with("read "));
    }
}
