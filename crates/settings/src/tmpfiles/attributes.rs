//! Attributes of files (chattr(1)): the argument of `h` and `H`.

/// Each letter with its bit (linux/fs.h, `FS_..._FL`).
const LETTERS: [(char, u32); 15] = [
    ('A', 0x80),
    ('S', 0x8),
    ('D', 0x1_0000),
    ('a', 0x20),
    ('c', 0x4),
    ('d', 0x40),
    ('e', 0x8_0000),
    ('i', 0x10),
    ('j', 0x4000),
    ('s', 0x1),
    ('u', 0x2),
    ('t', 0x8000),
    ('T', 0x2_0000),
    ('C', 0x80_0000),
    ('P', 0x2000_0000),
];

/// The bit that only folders can have.
pub const FOLDERS_ONLY: u32 = 0x1_0000;

/// Bits to set and to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// The bits that change.
    pub mask: u32,
    /// What they are afterwards.
    pub value: u32,
}

/// Reads `[+-=]LETTERS`.
///
/// # Errors
/// A letter is none, or there is none.
pub fn parse(text: &str) -> Result<Attributes, String> {
    let (sign, letters) = match text.chars().next() {
        Some(sign @ ('+' | '-' | '=')) => (sign, &text[1..]),
        _ => ('+', text),
    };
    if letters.is_empty() && sign != '=' {
        return Err("it names no attribute".to_owned());
    }
    let mut mask = 0;
    for letter in letters.chars() {
        let Some((_, bit)) = LETTERS.iter().find(|(known, _)| *known == letter) else {
            return Err(format!("there is no attribute {letter}"));
        };
        mask |= bit;
    }
    Ok(match sign {
        '-' => Attributes { mask, value: 0 },
        '=' => Attributes { mask: LETTERS.iter().fold(0, |all, (_, bit)| all | bit), value: mask },
        _ => Attributes { mask, value: mask },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        for (text, mask, value) in [("+iA", 0x90, 0x90), ("iA", 0x90, 0x90), ("-i", 0x10, 0)] {
            assert_eq!(parse(text), Ok(Attributes { mask, value }), "{text}");
        }
        let all = LETTERS.iter().map(|(_, bit)| bit).sum();
        assert_eq!(parse("=d"), Ok(Attributes { mask: all, value: 0x40 }));
        assert_eq!(parse("="), Ok(Attributes { mask: all, value: 0 }));
        for text in ["", "+", "-", "+z", "i i"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
