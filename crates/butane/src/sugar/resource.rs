//! `inline` and `local` contents, which become `data:` URLs (RFC 2397).

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use ignition::Severity;

use super::{Object, local};
use crate::read::{Path, Reader};

/// Resources below it are Ignition configs.
const CONFIGS: &str = "$.ignition.config";

/// The first version in which a resource may be compressed by the translator.
const COMPRESSES: u8 = 1;

pub(super) fn take_out(reader: &mut Reader<'_>, resource: &mut Object, path: &Path) {
    let sources: Vec<_> =
        ["local", "inline", "source"].into_iter().filter(|key| resource.contains_key(*key)).collect();
    let [first, .., last] = sources.as_slice() else {
        if let [only] = sources.as_slice()
            && *only != "source"
        {
            embed(reader, resource, path, only);
        }
        return;
    };
    reader.error(&path.key(last), format!("`{first}` is here too: one of `inline`, `local` and `source`"));
}

fn embed(reader: &mut Reader<'_>, resource: &mut Object, path: &Path, key: &str) {
    let at = path.key(key);
    let Some(value) = resource.remove(key) else { return };
    let text = value.as_str().unwrap_or_default();
    let contents = match key {
        "local" => match local::read(reader, text, &at) {
            Some(contents) => contents,
            None => return,
        },
        _ => text.as_bytes().to_vec(),
    };
    let compressed = super::text(&serde_json::Value::Object(resource.clone()), "compression").is_some();
    if path.json.starts_with(CONFIGS) && !compressed {
        check_config(reader, &contents, &at);
    }
    let (url, compression) = data_url(reader.format.version, &contents, compressed);
    resource.insert("source".to_owned(), url.into());
    reader.derive(&path.key("source").json, &at);
    if let Some(compression) = compression {
        resource.insert("compression".to_owned(), compression.into());
        reader.derive(&path.key("compression").json, &at);
    }
}

/// The shortest `data:` URL of `contents`, and what the key `compression` says of it; none where
/// that is as the config has it, since the contents came compressed.
pub(super) fn data_url(version: u8, contents: &[u8], compressed: bool) -> (String, Option<&'static str>) {
    let mut url = format!("data:,{}", escaped(contents));
    if version < COMPRESSES {
        return (url, None);
    }
    let base64 = format!("data:;base64,{}", STANDARD.encode(contents));
    if base64.len() < url.len() {
        url = base64;
    }
    if compressed {
        return (url, None);
    }
    if let Some(small) = gzip(contents) {
        let base64 = format!("data:;base64,{}", STANDARD.encode(small));
        // The word `gzip` takes room too.
        if base64.len() + "gzip".len() < url.len() {
            return (base64, Some("gzip"));
        }
    }
    // Said where there is none, or a config that this one is merged over might have its say.
    (url, Some(""))
}

/// Bytes as they stand in a URL: all but RFC 2396's unreserved characters as `%XX`.
fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(*byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => out.push(char::from(*byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn gzip(contents: &[u8]) -> Option<Vec<u8>> {
    // Writing to memory cannot fail; were it to, the contents go uncompressed.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(contents).ok()?;
    encoder.finish().ok()
}

/// A config that this one takes in is looked at now: on the machine it would be too late. What is
/// wrong in it stands at the value that holds it.
fn check_config(reader: &mut Reader<'_>, contents: &[u8], at: &Path) {
    let newer = is_newer(contents);
    for entry in ignition::parse(contents).report.entries {
        // The machine that takes it may know more.
        let severity = if newer { Severity::Warning } else { entry.severity };
        reader.say(severity, at, format!("in the config that this is: {entry}"));
    }
}

/// Whether the config is of a version that came after all those that are known here.
fn is_newer(contents: &[u8]) -> bool {
    let json: Option<serde_json::Value> = serde_json::from_slice(contents).ok();
    let version = json.as_ref().and_then(|json| json.pointer("/ignition/version")?.as_str());
    version.and_then(numbers) > numbers(ignition::NEWEST_TEXT)
}

/// A version's numbers, which compare as versions do.
fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|number| number.parse().ok()).collect()
}
