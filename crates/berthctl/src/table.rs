//! Columns, and what a terminal adds to them.

use std::io::IsTerminal;

/// Rows of cells, set in columns as wide as their widest cell; no white space at the ends.
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join(" ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Facts, a line each, with the names that they have set right before a colon; those that are not known are left out.
pub fn facts(rows: &[(&str, Option<String>)]) -> String {
    let known = || rows.iter().filter_map(|(name, fact)| Some((name, fact.as_ref()?)));
    let width = known().map(|(name, _)| name.len()).max().unwrap_or(0);
    known().map(|(name, fact)| format!("{name:>width$}: {fact}\n")).collect()
}

/// What a text is painted with on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// All is well.
    Good,
    /// Something failed.
    Bad,
    /// Under way.
    Busy,
    /// Of less interest.
    Dim,
}

/// Paints a text, where standard output is a terminal that takes it (no-color.org).
pub fn paint(text: &str, paint: Paint) -> String {
    let wants = std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none()
        && std::env::var("TERM").is_ok_and(|terminal| terminal != "dumb");
    if !wants {
        return text.to_owned();
    }
    let code = match paint {
        Paint::Good => "1;32",
        Paint::Bad => "1;31",
        Paint::Busy => "1;33",
        Paint::Dim => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A unit's mark and the paint of its active state.
pub fn mark(active: &str) -> (&'static str, Paint) {
    match active {
        "active" => ("\u{25cf}", Paint::Good),
        "reloading" => ("\u{21bb}", Paint::Good),
        "failed" => ("\u{d7}", Paint::Bad),
        "activating" | "deactivating" => ("\u{25cf}", Paint::Busy),
        _ => ("\u{25cb}", Paint::Dim),
    }
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = [row(&["UNIT", "STATE", "X"]), row(&["a.service", "on", ""]), row(&["b", "\u{e9}", "y"])];
        assert_eq!(columns(&rows), ["UNIT      STATE X", "a.service on", "b         \u{e9}     y"]);
        assert!(columns(&[]).is_empty());
    }
}
