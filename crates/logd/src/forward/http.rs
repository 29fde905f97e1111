//! As much of HTTP as a POST takes.

use super::{Failure, Target};

/// The head of a request with a body of so many bytes.
pub(crate) fn head(target: &Target, length: usize) -> String {
    format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\
         User-Agent: berth-logd\r\nConnection: close\r\n\r\n",
        target.path,
        target.authority()
    )
}

/// The status of an answer: `HTTP/1.1 204 No Content`.
pub fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|b| *b == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.trim_end().split(' ');
    words.next()?.strip_prefix("HTTP/1.")?;
    let status = words.next()?;
    status.parse().ok().filter(|number| status.len() == 3 && (100..600).contains(number))
}

/// What an answer comes to. Of errors of ours (4xx) those are worth a second try that are about
/// time and number.
pub(crate) fn verdict(answer: &[u8]) -> Result<(), Failure> {
    match status(answer) {
        Some(200..=299) => Ok(()),
        Some(status @ (408 | 425 | 429)) => Err(Failure::Later(format!("it answers {status}"))),
        Some(status @ 400..=499) => Err(Failure::Never(format!("it answers {status}"))),
        Some(status) => Err(Failure::Later(format!("it answers {status}"))),
        None => Err(Failure::Later("it does not answer in HTTP".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        for (answer, expected) in [
            (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], Some(204)),
            (b"HTTP/1.0 200\r\n", Some(200)),
            (b"HTTP/1.1 200", Some(200)),
            (b"HTTP/2 200\r\n", None),
            (b"HTTP/1.1 20 x\r\n", None),
            (b"HTTP/1.1 999 x\r\n", None),
            (b"SSH-2.0-OpenSSH\r\n", None),
            (b"", None),
        ] {
            assert_eq!(status(answer), expected, "{}", String::from_utf8_lossy(answer));
        }
        assert!(matches!(verdict(b"HTTP/1.1 400 Bad\r\n"), Err(Failure::Never(_))));
        for later in [&b"HTTP/1.1 503 x\r\n"[..], b"HTTP/1.1 429 x\r\n", b"HTTP/1.1 301 x\r\n", b"junk"] {
            assert!(matches!(verdict(later), Err(Failure::Later(_))));
        }
    }
}
