//! Several Go programs in one file: their main packages made importable, and the few lines that
//! choose between them by the name the file was called by. Pure.

use thiserror::Error;

/// Why a main package could not be made importable.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The file does not begin its package as a Go program does.
    #[error("{0} has no line `package main`: is it a Go program?")]
    NotMain(String),
    /// None of a package's files has `func main()`.
    #[error("no file of {0} has a line `func main() {{`: the program has no beginning to call")]
    NoMain(String),
}

/// Go's name for the package that a program becomes: its letters and digits.
#[must_use]
pub fn package_name(program: &str) -> String {
    program.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// The sources (name, text) of a main package, as a package whose `Main` is that program.
///
/// # Errors
/// A file is not of a main package, or none has its `main`.
pub fn importable(program: &str, sources: &[(String, String)]) -> Result<Vec<(String, String)>, Error> {
    let package = format!("package {}", package_name(program));
    let mut found = false;
    let mut renamed = Vec::with_capacity(sources.len());
    for (file, text) in sources {
        let mut named = false;
        let lines = text.lines().map(|line| match line.split("//").next().map(str::trim_end) {
            Some("package main") if !named => {
                named = true;
                package.as_str()
            }
            Some("func main() {") => {
                found = true;
                "func Main() {"
            }
            _ => line,
        });
        let mut text = lines.collect::<Vec<_>>().join("\n");
        text.push('\n');
        if !named {
            return Err(Error::NotMain(file.clone()));
        }
        renamed.push((file.clone(), text));
    }
    if found { Ok(renamed) } else { Err(Error::NoMain(program.to_owned())) }
}

/// The main package of the file: calls the program of its name, else the first.
#[must_use]
pub fn dispatcher(module: &str, programs: &[&str]) -> String {
    let mut imports = String::new();
    let mut cases = String::new();
    for program in programs {
        let package = package_name(program);
        imports.push_str(&format!("\tprogram_{package} \"{module}/{package}\"\n"));
        cases.push_str(&format!("\tcase \"{program}\":\n\t\tprogram_{package}.Main()\n"));
    }
    let first = programs.first().map(|program| package_name(program)).unwrap_or_default();
    format!(
        "package main\n\nimport (\n\t\"os\"\n\t\"path/filepath\"\n\n{imports})\n\nfunc main() {{\n\tswitch \
         filepath.Base(os.Args[0]) {{\n{cases}\tdefault:\n\t\tprogram_{first}.Main()\n\t}}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Vec<(String, String)> {
        vec![("main.go".to_owned(), text.to_owned())]
    }

    #[test]
    fn a_main_package_becomes_importable() {
        let cases = [
            (
                "host-local",
                "// Copyright\n\npackage main\n\nfunc main() {\n\tskel()\n}\n",
                "// Copyright\n\npackage hostlocal\n\nfunc Main() {\n\tskel()\n}\n",
            ),
            ("x", "package main // x\nfunc main() {\n}\n", "package x\nfunc Main() {\n}\n"),
            (
                "x",
                "package main\nfunc mainly() {\n}\nfunc main() {\n}\n",
                "package x\nfunc mainly() {\n}\nfunc Main() {\n}\n",
            ),
        ];
        for (program, before, after) in cases {
            assert_eq!(importable(program, &source(before)).unwrap(), source(after), "{program}: {before}");
        }
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert_eq!(importable("x", &source("package x\n")), Err(Error::NotMain("main.go".to_owned())));
        assert_eq!(importable("x", &source("package main\n")), Err(Error::NoMain("x".to_owned())));
    }

    #[test]
    fn the_first_program_answers_to_any_other_name() {
        assert_eq!(
            dispatcher("berth/components/cni", &["bridge", "host-local"]),
            "package main\n\nimport (\n\t\"os\"\n\t\"path/filepath\"\n\n\tprogram_bridge \"berth/components/cni/bridge\"\n\
             \tprogram_hostlocal \"berth/components/cni/hostlocal\"\n)\n\nfunc main() {\n\tswitch filepath.Base(os.Args[0]) {\n\
             \tcase \"bridge\":\n\t\tprogram_bridge.Main()\n\tcase \"host-local\":\n\t\tprogram_hostlocal.Main()\n\
             \tdefault:\n\t\tprogram_bridge.Main()\n\t}\n}\n"
        );
    }
}
