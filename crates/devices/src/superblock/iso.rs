//! ISO 9660 (ECMA-119) with Joliet's labels.

use super::{Contents, Source, Usage, from_utf16, trimmed};

const SECTOR: u64 = 2048;
/// The first of the volume descriptors.
const FIRST: u64 = 16;
/// So many are looked at.
const MOST: u64 = 16;

pub fn read(source: &dyn Source) -> Option<Contents> {
    let primary = descriptor(source, 0).filter(|block| block[0] == 1)?;
    let mut contents = Contents::new("iso9660", Usage::Filesystem);
    // When it was changed, or made.
    contents.uuid = date(&primary[830..847]).or_else(|| date(&primary[813..830]));
    contents.label = trimmed(&primary[40..72]);
    let joliet = (1..MOST).map_while(|number| descriptor(source, number)).find(|block| is_joliet(block));
    if let Some(block) = joliet {
        contents.version = Some("Joliet Extension".to_owned());
        let units = block[40..72].chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
        let label = trimmed(&from_utf16(units));
        // Joliet's has half as many characters: the other is better where it goes on.
        let goes_on = contents.label.as_ref().zip(label.as_ref()).is_some_and(|(long, short)| {
            long.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(short))
                && long.len() > short.len()
        });
        if !goes_on && label.is_some() {
            contents.label = label;
        }
    }
    Some(contents)
}

/// A volume descriptor; None for the one that ends them.
fn descriptor(source: &dyn Source, number: u64) -> Option<Vec<u8>> {
    let block = source.read((FIRST + number) * SECTOR, SECTOR as usize)?;
    (block[1..6] == *b"CD001" && block[0] != 255).then_some(block)
}

fn is_joliet(block: &[u8]) -> bool {
    block[0] == 2 && matches!(&block[88..91], b"%/@" | b"%/C" | b"%/E")
}

/// `2026-11-27-17-28-03-00`; None for no date, which is zeros.
fn date(bytes: &[u8]) -> Option<String> {
    let digits = bytes.get(..16)?;
    if !digits.iter().all(u8::is_ascii_digit) || digits.iter().all(|digit| *digit == b'0') {
        return None;
    }
    let text = std::str::from_utf8(digits).ok()?;
    let parts = [0..4, 4..6, 6..8, 8..10, 10..12, 12..14, 14..16].map(|part| &text[part]);
    Some(parts.join("-"))
}
