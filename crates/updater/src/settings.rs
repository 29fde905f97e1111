//! What is configured: `berth/update.conf` and its drop-ins.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use unit::text::file::Source;
use update_settings::{FILE, Settings};

/// Reads it. What makes no sense is told, and left out.
pub fn read() -> Settings {
    let (settings, warnings) = read_below(Path::new("/"));
    for warning in warnings {
        eprintln!("{warning}");
    }
    settings
}

/// Reads that of the system below a root, and what makes no sense in it.
pub fn read_below(root: &Path) -> (Settings, Vec<String>) {
    let mut sources = Vec::new();
    let mut warnings = Vec::new();
    for path in unit_files::settings::of_program(root, FILE) {
        match fs::read(&path) {
            Ok(text) => sources.push(Source {
                path: Arc::from(path.display().to_string()),
                text: String::from_utf8_lossy(&text).into_owned(),
            }),
            Err(error) => warnings.push(format!("cannot read {}: {error}", path.display())),
        }
    }
    let (settings, more) = Settings::read(sources);
    warnings.extend(more);
    (settings, warnings)
}
