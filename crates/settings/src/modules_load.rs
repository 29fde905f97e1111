//! Modules to load at boot (modules-load.d(5)): a name a line.

use crate::{Source, lines};

/// The names of the modules, each once, in order: those of the kernel's command line first.
pub fn names(command_line: &str, sources: &[Source]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let arguments = command_line.split_ascii_whitespace();
    let wanted = arguments.filter_map(|word| word.strip_prefix("modules_load="));
    let of_kernel = wanted.flat_map(|list| list.split(',')).filter(|name| !name.is_empty());
    let of_files = sources.iter().flat_map(|source| lines(source, &['#', ';'])).map(|(_, line)| line);
    for name in of_kernel.chain(of_files).map(plain) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A module's name as the kernel has it.
pub fn plain(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_the_kernel_and_from_files() {
        let text = "\n# no\n; no\n  br_netfilter \nnf-conntrack\nnf_conntrack\nfoo-bar\n";
        let source = Source { path: "/a".into(), text: text.to_owned() };
        let line = "ro root= modules_load= modules_load=, / = modules_load=foo-bar,dummy modules_load=dummy";
        assert_eq!(names(line, &[source]), ["foo_bar", "dummy", "br_netfilter", "nf_conntrack"]);
    }
}
