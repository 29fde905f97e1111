//! Whatever the text, there is an answer: never a panic, and a config exactly where nothing is fatal.

use butane::translate;
use proptest::prelude::*;

/// Pieces that configs are made of.
const PIECES: [&str; 32] = [
    "variant: fcos\n",
    "variant: berth\n",
    "version: 1.0.0\n",
    "version: 1.6.0\n",
    "storage:\n",
    "  files:\n",
    "    - path: /a\n",
    "      mode: 0644\n",
    "      contents:\n",
    "        inline: x\n",
    "  trees: [{local: x}]\n",
    "  filesystems:\n",
    "    - {device: /dev/a, format: swap, with_mount_unit: yes}\n",
    "systemd: {units: [{name: a}]}\n",
    "&a ",
    "*a",
    "<<: *a\n",
    "- ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "|\n",
    "\"",
    "'",
    "!!binary ",
    "---\n",
    "  ",
    "\t",
    "\u{feff}",
];

fn whole(text: &str) {
    let translation = translate(text, None);
    assert_eq!(translation.config.is_none(), translation.report.is_fatal(), "{text}");
    for entry in &translation.report.entries {
        assert!(entry.line >= 1 && entry.column >= 1 && entry.path.starts_with('$'), "{text}\n{entry}");
    }
}

proptest! {
    #[test]
    fn any_text(text in ".{0,200}") {
        whole(&text);
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        whole(&pieces.concat());
    }
}

#[test]
fn depth_and_aliases_are_bounded() {
    whole(&"[".repeat(100_000));
    whole(&"- ".repeat(100_000));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let last = level - 1;
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{last}"); 10].join(", "));
    }
    whole(&bomb);
}
