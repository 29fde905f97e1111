//! Checks that a kernel's final configuration holds what the fragments ask for. Pure. Format: the
//! kernel's Documentation/kbuild/kconfig.rst.

use std::collections::BTreeMap;

/// An option asked for by a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The fragment's file name.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The option's name, with `CONFIG_`.
    pub option: String,
    /// The value: `y`, `m`, `n`, a number, or a quoted string.
    pub value: String,
}

/// Reads a fragment.
///
/// # Errors
/// A line that is neither an option, `# CONFIG_X is not set`, a comment nor empty.
pub fn parse_fragment(file: &str, text: &str) -> Result<Vec<Request>, String> {
    let mut requests = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        match option(line) {
            Some((option, value)) => requests.push(Request {
                file: file.to_owned(),
                line: index + 1,
                option: option.to_owned(),
                value: value.to_owned(),
            }),
            None if line.is_empty() || line.starts_with('#') => {}
            None => {
                return Err(format!(
                    "kernel-config/{file}:{}: `{line}` is not an option: expected CONFIG_NAME=value",
                    index + 1
                ));
            }
        }
    }
    Ok(requests)
}

fn option(line: &str) -> Option<(&str, &str)> {
    if let Some(name) = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
        return name.starts_with("CONFIG_").then_some((name, "n"));
    }
    line.split_once('=').filter(|(name, _)| name.starts_with("CONFIG_"))
}

/// The options that are asked for more than once, a sentence each: the kernel would take the last
/// one without a word.
pub fn repeated(requests: &[Request]) -> Vec<String> {
    let mut first = BTreeMap::new();
    let mut problems = Vec::new();
    for request in requests {
        match first.get(request.option.as_str()) {
            None => drop(first.insert(request.option.as_str(), request)),
            Some(before) => problems.push(format!(
                "kernel-config/{}:{}: {} was already asked for in kernel-config/{}:{}",
                request.file, request.line, request.option, before.file, before.line
            )),
        }
    }
    problems
}

/// The requests that `config`, a `.config`, does not honour, a sentence each.
pub fn dropped(requests: &[Request], config: &str) -> Vec<String> {
    let options: BTreeMap<&str, &str> = config.lines().filter_map(|line| option(line.trim())).collect();
    requests
        .iter()
        .filter_map(|request| {
            let actual = options.get(request.option.as_str()).copied().unwrap_or("n");
            (actual != request.value).then(|| {
                format!(
                    "kernel-config/{}:{}: {}={} was asked for, the kernel made it {actual}",
                    request.file, request.line, request.option, request.value
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_drops_is_named_with_its_line() {
        let fragment = "# why\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"x y\"\nCONFIG_E=5\n";
        let requests = parse_fragment("base.config", fragment).unwrap();
        assert_eq!(requests.len(), 5);
        let fine = "CONFIG_A=y\nCONFIG_B=m\nCONFIG_D=\"x y\"\nCONFIG_E=5\n";
        assert_eq!(dropped(&requests, fine), Vec::<String>::new());
        let broken = "CONFIG_A=m\n# CONFIG_B is not set\nCONFIG_C=y\nCONFIG_D=\"x\"\n";
        assert_eq!(
            dropped(&requests, broken),
            [
                "kernel-config/base.config:2: CONFIG_A=y was asked for, the kernel made it m",
                "kernel-config/base.config:3: CONFIG_B=m was asked for, the kernel made it n",
                "kernel-config/base.config:4: CONFIG_C=n was asked for, the kernel made it y",
                "kernel-config/base.config:5: CONFIG_D=\"x y\" was asked for, the kernel made it \"x\"",
                "kernel-config/base.config:6: CONFIG_E=5 was asked for, the kernel made it n",
            ]
        );
    }

    #[test]
    fn an_option_asked_for_twice_is_named_with_both_lines() {
        let mut requests = parse_fragment("a.config", "CONFIG_A=y\nCONFIG_B=y\n").unwrap();
        requests.extend(parse_fragment("b.config", "\n# CONFIG_A is not set\n").unwrap());
        assert_eq!(
            repeated(&requests),
            ["kernel-config/b.config:2: CONFIG_A was already asked for in kernel-config/a.config:1"]
        );
    }

    #[test]
    fn a_line_that_is_no_option_is_an_error() {
        let error = parse_fragment("x.config", "CONFIG_A=y\nCONFG_B=y\n").unwrap_err();
        assert!(error.contains("kernel-config/x.config:2: `CONFG_B=y`"), "{error}");
    }
}
