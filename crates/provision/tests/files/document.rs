//! docs/files.md names the cases, and each case that it names is here.

const DOCUMENT: &str = include_str!("../../../../docs/files.md");
const MODULES: [(&str, &str); 5] = [
    ("accounts", include_str!("accounts.rs")),
    ("mounts", include_str!("mounts.rs")),
    ("reference", include_str!("reference.rs")),
    ("remote", include_str!("remote.rs")),
    ("units", include_str!("units.rs")),
];

/// The rows of the table of cases: the name, and the module that has it.
fn rows() -> Vec<(&'static str, &'static str)> {
    let table = DOCUMENT.split("| case |").nth(1).unwrap_or_default();
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let columns = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    columns.map(|columns| (columns[1], columns[3])).collect()
}

#[test]
fn each_case_of_the_document_is_tested_where_it_says() {
    let rows = rows();
    assert!(rows.len() > 60, "{rows:?}");
    for (name, place) in rows {
        let Some((_, text)) = MODULES.iter().find(|(module, _)| *module == place) else {
            assert!(place == "-" || place.starts_with("crates/"), "{name}: {place}");
            continue;
        };
        let is_there = [format!("\"{name}"), format!("`{name}`"), format!("// {name}")];
        assert!(is_there.iter().any(|form| text.contains(form)), "{name} is not in {place}");
    }
}

#[test]
fn each_case_that_is_tested_is_in_the_document() {
    let names: Vec<&str> = rows().into_iter().map(|(name, _)| name).collect();
    let kinds =
        ["files.", "directories.", "links.", "unit.", "systemd.unit.", "users.", "groups.", "instantiated."];
    for (module, text) in MODULES {
        for quoted in text.split('"').skip(1).step_by(2) {
            let name = quoted.split(':').next().unwrap_or_default();
            let is_case = kinds.iter().any(|kind| name.starts_with(kind)) && !name.ends_with("service");
            assert!(!is_case || names.contains(&name), "{module}: {name}");
        }
    }
}
