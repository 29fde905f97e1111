//! What bytes are that are no Ignition config: the formats that people and platforms give by mistake.

/// What stands at the beginning of a format, whether space and comments may stand before, and what to say.
const FORMATS: &[(&str, &str)] = &[
    (
        "#cloud-config",
        "this is a cloud-config, which only cloud-init reads: write it as an Ignition config, or as a Butane config and translate that",
    ),
    (
        "#!",
        "this is a script, which only cloud-init runs: put it into a file and a unit of an Ignition config",
    ),
    (
        "#include",
        "this is a list of cloud-init's includes: give an Ignition config, which can name others in ignition.config.merge",
    ),
    (
        "#cloud-boothook",
        "this is a boot hook of cloud-init: put it into a file and a unit of an Ignition config",
    ),
    (
        "#part-handler",
        "this is a part handler of cloud-init, which has no counterpart: give an Ignition config",
    ),
    ("## template:", "this is a template of cloud-init: give an Ignition config"),
    (
        "Content-Type: multipart",
        "this is a multipart message, which only cloud-init reads: give an Ignition config, which can name others in ignition.config.merge",
    ),
    (
        "MIME-Version:",
        "this is a multipart message, which only cloud-init reads: give an Ignition config, which can name others in ignition.config.merge",
    ),
    ("-----BEGIN", "this is a key or a certificate, not a config"),
    ("<", "this is a page of HTML or XML, perhaps a server's error: look at what the address answers"),
];

/// What to say of bytes that cannot be a config.
pub fn name(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("the config is empty; the smallest is {\"ignition\": {\"version\": \"3.5.0\"}}");
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Some(
            "the config is compressed by gzip: give it as it is, or say \"compression\": \"gzip\" where it is named",
        );
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        return Some("the config begins with a byte order mark: store it as UTF-8 without one");
    }
    let text = bytes.trim_ascii_start();
    let begins =
        |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()));
    FORMATS.iter().find(|(start, _)| begins(start)).map(|(_, message)| *message).or_else(|| {
        butane(text)
            .then_some("this is a Butane config: translate it first, by cargo xtask ignition translate FILE")
    })
}

/// Whether a line at the left edge says which variant of Butane's this is.
fn butane(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').take(100).any(|line| line.starts_with(b"variant:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_beginning() {
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08\x00", "gzip"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"#cloud-config\nusers: []\n", "cloud-config"),
            (b"\n  #Cloud-Config\n", "cloud-config"),
            (b"#!/bin/sh\n", "script"),
            (b"#include\nhttps://example.com/\n", "include"),
            (b"Content-Type: multipart/mixed; boundary=x\n", "multipart"),
            (b"MIME-Version: 1.0\n", "multipart"),
            (b"## template: jinja\n#cloud-config\n", "template"),
            (b"<!DOCTYPE html>", "HTML"),
            (b"# comment\nvariant: fcos\nversion: 1.5.0\n", "Butane"),
        ] {
            assert!(name(bytes).unwrap().contains(word), "{:?}", String::from_utf8_lossy(bytes));
        }
        for bytes in [&b"{}"[..], b"null", b"x", b" \n", b"{\"a\":\n\"variant:\"}"] {
            assert_eq!(name(bytes), None, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
