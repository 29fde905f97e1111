//! The file of a zone (tzfile(5), RFC 8536).

use super::rule::Rule;
use super::{Changes, Kind};

/// How far from UTC a time may be, in seconds (RFC 8536, 3.2).
const AHEAD_MAX: i32 = 26 * 3600;

type Outcome<T> = Result<T, &'static str>;

/// What is yet to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Outcome<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it is cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number<const SIZE: usize>(&mut self) -> Outcome<[u8; SIZE]> {
        self.take(SIZE)?.try_into().map_err(|_| "it is cut off")
    }
}

/// What a header says of the data behind it.
struct Header {
    version: u8,
    /// Flags of the kinds, of which nothing is needed, and leap seconds: how many.
    flags: [usize; 2],
    leaps: usize,
    times: usize,
    kinds: usize,
    letters: usize,
}

fn header(bytes: &mut Bytes) -> Outcome<Header> {
    if bytes.take(4)? != b"TZif" {
        return Err("it is no file of a time zone");
    }
    let version = bytes.take(16)?[0];
    let mut count = || Ok::<_, &str>(u32::from_be_bytes(bytes.number()?) as usize);
    let flags = [count()?, count()?];
    Ok(Header { version, flags, leaps: count()?, times: count()?, kinds: count()?, letters: count()? })
}

impl Header {
    /// How long the data is, its times having so many bytes.
    fn length(&self, size: usize) -> usize {
        self.times * (size + 1)
            + self.kinds * 6
            + self.letters
            + self.leaps * (size + 4)
            + self.flags.iter().sum::<usize>()
    }
}

pub(super) fn read(bytes: &[u8]) -> Outcome<Changes> {
    let mut bytes = Bytes(bytes);
    let first = header(&mut bytes)?;
    if first.version == 0 {
        return data(&mut bytes, &first, 4);
    }
    // The same follows with longer times, and then the rule.
    bytes.take(first.length(4))?;
    let second = header(&mut bytes)?;
    let mut changes = data(&mut bytes, &second, 8)?;
    let footer = std::str::from_utf8(bytes.0).ok().and_then(|text| text.strip_prefix('\n')?.split_once('\n'));
    let (rule, _) = footer.ok_or("its rule is cut off")?;
    if !rule.is_empty() {
        changes.rule = Some(Rule::parse(rule).ok_or("its rule is none")?);
    }
    Ok(changes)
}

fn data(bytes: &mut Bytes, header: &Header, size: usize) -> Outcome<Changes> {
    let mut data = Bytes(bytes.take(header.length(size))?);
    let times = data.take(header.times * size)?.chunks_exact(size).map(|time| match time.try_into() {
        Ok(time) => i64::from_be_bytes(time),
        Err(_) => time.try_into().map_or(0, |time| i64::from(i32::from_be_bytes(time))),
    });
    let times: Vec<(i64, u8)> = times.zip(data.take(header.times)?.iter().copied()).collect();
    let descriptions = data.take(header.kinds * 6)?;
    let letters = data.take(header.letters)?;
    let kinds = descriptions.chunks_exact(6).map(|description| {
        let ahead = description[..4].try_into().map_or(0, i32::from_be_bytes);
        let name =
            letters.get(usize::from(description[5])..).and_then(|rest| rest.split(|byte| *byte == 0).next());
        let name = name.and_then(|name| std::str::from_utf8(name).ok()).ok_or("a time has no name")?;
        match ahead.abs() <= AHEAD_MAX {
            true => Ok(Kind { ahead, name: name.into() }),
            false => Err("a time is too far from UTC"),
        }
    });
    let kinds = kinds.collect::<Outcome<Vec<Kind>>>()?;
    let is_known = |(_, kind): &(i64, u8)| usize::from(*kind) < kinds.len();
    if kinds.is_empty() || !times.iter().all(is_known) || !times.is_sorted_by(|one, next| one.0 < next.0) {
        return Err("its changes make no sense");
    }
    Ok(Changes { kinds, times, rule: None })
}
