//! docs/directives.md is made of the table in the code: this test holds it to that. To write it again:
//! `BERTH_BLESS=1 cargo test -p unit --test reference`.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use unit::directive::{Class, all};

const HEAD: &str = "\
# Unit file directives

Made of the table in `crates/unit/src/directive.rs`, which PID 1 reads units by; a test holds this page
to it. What each directive means is systemd's documentation: systemd.unit(5), systemd.service(5),
systemd.exec(5), systemd.kill(5), systemd.resource-control(5) and those of the unit types.

- **Done**: it does what that says.
- **Not done**: known; a warning names file and line, and the rest of the unit holds.
- **Refused**: not done, and without it a service would be less confined than its author asked for: the
  unit does not start. Take the line out to run it so.

Any other directive is unknown: a warning with file and line. `cargo xtask units verify --root DIR`
shows all of these without a machine.
";

fn page() -> String {
    let mut sections: BTreeMap<&str, [Vec<&str>; 3]> = BTreeMap::new();
    for (section, name, class) in all() {
        let lists = sections.entry(section).or_default();
        lists[match class {
            Class::Done => 0,
            Class::NotDone => 1,
            Class::Confines => 2,
        }]
        .push(name);
    }
    let mut page = HEAD.to_owned();
    for (section, mut lists) in sections {
        write!(page, "\n## [{section}]\n").unwrap();
        for (title, list) in ["Done", "Not done", "Refused"].iter().zip(&mut lists) {
            if !list.is_empty() {
                list.sort_unstable();
                write!(page, "\n{title} ({}):", list.len()).unwrap();
                let mut width = 100;
                for name in list.iter() {
                    let word = format!("`{name}`");
                    if width + word.len() + 1 > 100 {
                        page.push('\n');
                        width = 0;
                    } else {
                        page.push(' ');
                    }
                    width += word.len() + 1;
                    page.push_str(&word);
                }
                page.push('\n');
            }
        }
    }
    page
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/directives.md");
    if std::env::var_os("BERTH_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let holds = std::fs::read_to_string(path).unwrap_or_default() == page();
    assert!(holds, "docs/directives.md is not what the table says: BERTH_BLESS=1 writes it again");
}
