//! What is configured: `berth/update.conf` and its drop-ins.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use unit::text::file::Source;
use update_settings::{FILE, Settings};

/// Reads it. What makes no sense is told, and left out.
pub fn read() -> Settings {
    let mut sources = Vec::new();
    for path in unit_files::settings::of_program(Path::new("/"), FILE) {
        match fs::read(&path) {
            Ok(text) => sources.push(Source {
                path: Arc::from(path.display().to_string()),
                text: String::from_utf8_lossy(&text).into_owned(),
            }),
            Err(error) => eprintln!("cannot read {}: {error}", path.display()),
        }
    }
    let (settings, warnings) = Settings::read(sources);
    for warning in warnings {
        eprintln!("{warning}");
    }
    settings
}
