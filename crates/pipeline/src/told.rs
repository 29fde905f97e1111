//! An error as people are told it.

/// An error and its causes, in a line where they have no lines of their own. A cause that what is above it has told of
/// already, as libraries' errors do, is not told again.
pub fn told(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn nothing_is_told_twice() {
        let full = || anyhow!("disk full (os error 28)");
        for (error, text) in [
            (full(), "disk full (os error 28)"),
            (full().context("writing /a"), "writing /a: disk full (os error 28)"),
            (full().context("writing /a: disk full (os error 28)"), "writing /a: disk full (os error 28)"),
            (
                full()
                    .context("writing /a: disk full (os error 28)\n  make room there")
                    .context("step `usr`"),
                "step `usr`: writing /a: disk full (os error 28)\n  make room there",
            ),
        ] {
            assert_eq!(told(&error), text);
        }
    }
}
