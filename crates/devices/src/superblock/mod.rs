//! What a disk or partition holds, by its superblock: type, UUID and label, as blkid(8) tells them.
//!
//! Every read is bounded: at most some kilobytes each, at fixed places and at the end. The bytes are
//! an attacker's as often as not: a stick that was plugged in.

mod ext;
mod fat;
mod iso;
mod plain;
mod raid;
mod swap;

pub use ext::size as ext_size;

/// Bytes of a device that can be read anywhere.
pub trait Source {
    /// `length` bytes at `offset`; None where there are not as many.
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>>;
    /// The size in bytes.
    fn size(&self) -> u64;
}

/// What the contents are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// It can be mounted.
    Filesystem,
    /// It is a part of something larger.
    Raid,
    /// It is encrypted.
    Crypto,
    /// Swap, a journal.
    Other,
}

impl Usage {
    /// As blkid writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Raid => "raid",
            Self::Crypto => "crypto",
            Self::Other => "other",
        }
    }

    /// Whether its UUID and label are links: those of a part of something larger would be taken for
    /// the whole's.
    pub fn is_linked(self) -> bool {
        self != Self::Raid
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// `ext4`, `crypto_LUKS` ...
    pub kind: &'static str,
    /// What it is for.
    pub usage: Usage,
    /// Its UUID, as written.
    pub uuid: Option<String>,
    /// The UUID of this member of a file system of several devices.
    pub uuid_sub: Option<String>,
    /// Its label's bytes, without the padding.
    pub label: Option<Vec<u8>>,
    /// The version of the format, where it is told.
    pub version: Option<String>,
}

impl Contents {
    fn new(kind: &'static str, usage: Usage) -> Self {
        Self { kind, usage, uuid: None, uuid_sub: None, label: None, version: None }
    }

    fn uuid(mut self, bytes: &[u8]) -> Self {
        self.uuid = uuid_text(bytes);
        self
    }

    fn label(mut self, bytes: &[u8]) -> Self {
        self.label = trimmed(bytes);
        self
    }

    fn version(mut self, version: impl ToString) -> Self {
        self.version = Some(version.to_string());
        self
    }
}

/// What a probe may find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Nothing that is known.
    Nothing,
    /// One thing.
    One(Contents),
    /// More than one: which of them counts cannot be told, so none does.
    Ambivalent(Vec<&'static str>),
}

/// A format's reader.
type Reader = fn(&dyn Source) -> Option<Contents>;

/// Those whose device is a part of something: what else seems to be there belongs to the whole.
const PARTS: [Reader; 4] = [raid::lvm, raid::md_at_start, raid::md_at_end, plain::luks];
/// Those that say what the device is; two of them are a contradiction.
const WHOLES: [Reader; 9] = [
    ext::read,
    plain::xfs,
    plain::btrfs,
    plain::erofs,
    plain::squashfs,
    fat::fat,
    fat::exfat,
    plain::ntfs,
    swap::read,
];

/// Looks for every format that is known.
pub fn probe(source: &dyn Source) -> Probe {
    if let Some(part) = PARTS.iter().find_map(|read| read(source)) {
        return Probe::One(part);
    }
    let mut found: Vec<Contents> = WHOLES.iter().filter_map(|read| read(source)).collect();
    match found.len() {
        // Images that boot from both kinds of media hold an ISO beside something else.
        0 => iso::read(source).map_or(Probe::Nothing, Probe::One),
        1 => Probe::One(found.remove(0)),
        _ => Probe::Ambivalent(found.iter().map(|contents| contents.kind).collect()),
    }
}

/// 16 bytes as a UUID; None for zeros, which stand for no UUID.
fn uuid_text(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    (bytes != [0; 16]).then(|| layout::Guid::from_bytes(bytes).to_string())
}

/// A label: up to the first NUL, without blanks after it. None where nothing is left.
fn trimmed(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii_end();
    (!bytes.is_empty()).then(|| bytes.to_vec())
}

/// UTF-16 as UTF-8 bytes.
fn from_utf16(units: impl Iterator<Item = u16>) -> Vec<u8> {
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

/// A FAT's volume number: `1234-ABCD`.
fn volume_number(number: u32) -> String {
    format!("{:04X}-{:04X}", number >> 16, number & 0xffff)
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

impl Source for &[u8] {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let start = usize::try_from(offset).ok()?;
        Some(self.get(start..start.checked_add(length)?)?.to_vec())
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}
