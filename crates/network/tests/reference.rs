//! docs/network.md says what the tables of keys say.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

use std::fs;
use std::path::Path;

use network::config::table::{NETDEV, NETWORK, OTHER_SECTIONS, Section};

const MARK: &str = "<!-- From here on";

fn keys(keys: &str) -> String {
    keys.split_whitespace().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" ")
}

fn table(title: &str, sections: &[Section]) -> String {
    let rows = sections.iter().map(|section| {
        format!("| `[{}]` | {} | {} |\n", section.name, keys(section.built), keys(section.not_built))
    });
    format!("\n## {title}\n\n| section | built | warned of |\n|---|---|---|\n{}", rows.collect::<String>())
}

#[test]
fn the_page_has_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/network.md");
    let page = fs::read_to_string(&path).unwrap();
    let at = page.find(MARK).unwrap();
    let end = at + page[at..].find('\n').unwrap() + 1;
    let tables =
        [table("Keys of `.network` files", &NETWORK), table("Keys of `.netdev` files", &NETDEV)].concat();
    let others = format!("\nSections that are warned of as a whole: {}.\n", keys(OTHER_SECTIONS));
    let expected = format!("{}{tables}{others}", &page[..end]);
    if std::env::var_os("BERTH_BLESS").is_some() {
        fs::write(&path, expected).unwrap();
    } else {
        assert!(page == expected, "docs/network.md: BERTH_BLESS=1 cargo test -p network --test reference");
    }
}
