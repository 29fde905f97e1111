//! Asking a name server for addresses (RFC 1035): the C library's own way to resolve names does
//! not work in a static program.

use std::net::IpAddr;

/// The types of records that are asked for.
pub const TYPES: [u16; 2] = [1, 28];
const HEADER: usize = 12;

/// A question for records of a type; `None` where the name is none.
pub fn query(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(HEADER + name.len() + 6);
    message.extend_from_slice(&id.to_be_bytes());
    // Recursion is desired; one question.
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 {
        return None;
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    Some(message)
}

/// The addresses in an answer to a question; `None` where it is no answer to it. A name that does
/// not exist has none.
pub fn answers(question: &[u8], message: &[u8]) -> Option<Vec<IpAddr>> {
    let number = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let flags = number(2)?;
    let body = question.get(HEADER..)?;
    let is_answer = message.get(..2)? == question.get(..2)?
        && flags & 0x8000 != 0
        && number(4)? == 1
        && message.get(HEADER..HEADER + body.len())?.eq_ignore_ascii_case(body);
    if !is_answer {
        return None;
    }
    // A server that failed did not say that there is no such name.
    match flags & 0xf {
        0 => {}
        3 => return Some(Vec::new()),
        _ => return None,
    }
    let mut found = Vec::new();
    let mut at = HEADER + body.len();
    for _ in 0..number(6)? {
        at = after_name(message, at)?;
        let (kind, class, length) = (number(at)?, number(at + 2)?, usize::from(number(at + 8)?));
        let data = message.get(at + 10..at + 10 + length)?;
        match (kind, class) {
            // Of aliases the last one's addresses are in the same answer.
            (1, 1) => found.push(IpAddr::from(<[u8; 4]>::try_from(data).ok()?)),
            (28, 1) => found.push(IpAddr::from(<[u8; 16]>::try_from(data).ok()?)),
            _ => {}
        }
        at += 10 + length;
    }
    Some(found)
}

/// Skips a name, which may end with a reference to an earlier one.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(question: &[u8], records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2] |= 0x80;
        message[7] = records.len() as u8;
        for (kind, data) in records {
            message.extend_from_slice(&[0xc0, 12]);
            message.extend_from_slice(&kind.to_be_bytes());
            message.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            message.extend_from_slice(&(data.len() as u16).to_be_bytes());
            message.extend_from_slice(data);
        }
        message
    }

    #[test]
    fn questions_and_answers() {
        let question = query(0x1234, "logs.example.", 1).unwrap();
        assert_eq!(question, b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04logs\x07example\0\0\x01\0\x01");
        let found = |records: &[(u16, &[u8])]| answers(&question, &answer(&question, records));
        assert_eq!(found(&[(5, b"\xc0\x0c"), (1, &[10, 0, 0, 1])]), Some(vec![[10, 0, 0, 1].into()]));
        let six = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(found(&[(28, &six)]), Some(vec!["2001:db8::1".parse().unwrap()]));
        assert_eq!(found(&[]), Some(vec![]));
        assert_eq!(found(&[(1, &[10, 0, 0])]), None);

        let good = answer(&question, &[]);
        let changed = |at: usize, byte: u8| {
            let mut message = good.clone();
            message[at] = byte;
            answers(&question, &message)
        };
        assert_eq!(changed(0, 0), None, "another question's");
        assert_eq!(changed(3, 3), Some(vec![]), "no such name");
        assert_eq!(changed(3, 2), None, "the server failed");
        assert_eq!(changed(13, b'x'), None, "another name");
        assert_eq!(changed(13, b'L'), Some(vec![]), "the case of letters does not count");
        for bad in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(130)] {
            assert_eq!(query(1, bad, 1), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_none(tail in prop::collection::vec(any::<u8>(), 0..80)) {
            let question = query(1, "a.b", 1).unwrap();
            let mut message = answer(&question, &[]);
            message[7] = 3;
            message.extend(tail);
            answers(&question, &message);
        }
    }
}
