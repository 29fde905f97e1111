//! Parts of something larger: MD RAID (Linux, include/uapi/linux/raid/md_p.h) and LVM2.

use super::{Contents, Source, Usage, le32, le64};

const MD_MAGIC: u32 = 0xa92b_4efc;
const SECTOR: u64 = 512;

/// Versions 1.1 and 1.2, at the start.
pub fn md_at_start(source: &dyn Source) -> Option<Contents> {
    md_version_1(source, 0, "1.1").or_else(|| md_version_1(source, 4096, "1.2"))
}

/// Versions 1.0 and 0.90, at the end.
pub fn md_at_end(source: &dyn Source) -> Option<Contents> {
    let sectors = source.size() / SECTOR;
    let version_1 = (sectors.checked_sub(16)? & !7) * SECTOR;
    md_version_1(source, version_1, "1.0").or_else(|| md_version_0(source))
}

fn md_version_1(source: &dyn Source, at: u64, version: &str) -> Option<Contents> {
    let block = source.read(at, 256)?;
    let is_md = le32(&block, 0)? == MD_MAGIC && le32(&block, 4)? == 1 && le64(&block, 144)? == at / SECTOR;
    is_md.then(|| {
        let member = Contents::new("linux_raid_member", Usage::Raid).uuid(&block[16..32]);
        let mut member = member.label(&block[32..64]).version(version);
        member.uuid_sub = super::uuid_text(&block[168..184]);
        member
    })
}

fn md_version_0(source: &dyn Source) -> Option<Contents> {
    const RESERVED: u64 = 64 << 10;
    let at = (source.size() & !(RESERVED - 1)).checked_sub(RESERVED)?;
    let block = source.read(at, 128)?;
    if le32(&block, 0)? != MD_MAGIC || le32(&block, 4)? != 0 {
        return None;
    }
    // The UUID's words are as the machine has them, the first apart from the others.
    let words = [20, 52, 56, 60].map(|word| le32(&block, word).unwrap_or_default().to_be_bytes());
    let minor = le32(&block, 8)?;
    Some(
        Contents::new("linux_raid_member", Usage::Raid).uuid(&words.concat()).version(format!("0.{minor}.0")),
    )
}

/// A physical volume of LVM2: its label is in one of the first four sectors.
pub fn lvm(source: &dyn Source) -> Option<Contents> {
    let blocks = source.read(0, 4 * SECTOR as usize)?;
    let label = blocks
        .chunks_exact(SECTOR as usize)
        .find(|block| block.starts_with(b"LABELONE") && block[24..32] == *b"LVM2 001")?;
    let at = le32(label, 20)? as usize;
    let uuid = label.get(at..at.checked_add(32)?)?;
    let text =
        std::str::from_utf8(uuid).ok().filter(|text| text.chars().all(|c| c.is_ascii_alphanumeric()))?;
    let parts = [0..6, 6..10, 10..14, 14..18, 18..22, 22..26, 26..32].map(|part| &text[part]);
    let mut contents = Contents::new("LVM2_member", Usage::Raid).version("LVM2 001");
    contents.uuid = Some(parts.join("-"));
    Some(contents)
}
