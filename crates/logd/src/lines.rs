//! Cuts a stream of bytes into lines of bounded length.

/// The beginning of a line whose end has not come yet.
#[derive(Debug)]
pub struct Lines {
    pending: Vec<u8>,
    longest: usize,
}

impl Lines {
    /// A line longer than this many bytes comes in pieces.
    pub fn new(longest: usize) -> Self {
        Self { pending: Vec::new(), longest: longest.max(1) }
    }

    /// Takes the next bytes of the stream and gives each line that they complete to `take`,
    /// without its line end. Blank lines are skipped.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let line = &bytes[..at];
            // Most lines come whole.
            if self.pending.is_empty() && line.len() <= self.longest {
                emit(line, &mut take);
            } else {
                self.put(line, &mut take);
                self.finish(&mut take);
            }
            bytes = &bytes[at + 1..];
        }
        self.put(bytes, &mut take);
    }

    /// The stream has ended: gives what is left to `take`.
    pub fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        emit(&self.pending, &mut take);
        self.pending.clear();
        // One long line must not hold its memory as long as the service lives.
        self.pending.shrink_to(256);
    }

    fn put(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        while self.pending.len() + bytes.len() > self.longest {
            let (piece, rest) = bytes.split_at(self.longest - self.pending.len());
            self.pending.extend_from_slice(piece);
            emit(&self.pending, take);
            self.pending.clear();
            bytes = rest;
        }
        self.pending.extend_from_slice(bytes);
    }
}

fn emit(line: &[u8], take: &mut impl FnMut(&[u8])) {
    let line = line.trim_ascii_end();
    if !line.is_empty() {
        take(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(LONGEST);
        let mut out = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |line| out.push(line.to_vec()));
        }
        lines.finish(|line| out.push(line.to_vec()));
        out
    }

    const LONGEST: usize = 16 << 10;

    type Chunks = &'static [&'static [u8]];

    #[test]
    fn lines_end_at_line_feeds_and_at_the_end() {
        let cases: [(Chunks, Chunks); 5] = [
            (&[b"one\ntwo\n"], &[b"one", b"two"]),
            (&[b"on", b"e\r\nt", b"wo"], &[b"one", b"two"]),
            (&[b"\n\n  \nx\n"], &[b"x"]),
            (&[], &[]),
            (&[b"\xff\x00\n"], &[b"\xff\x00"]),
        ];
        for (chunks, expected) in cases {
            assert_eq!(split(chunks), expected, "{chunks:?}");
        }
    }

    #[test]
    fn a_long_line_comes_in_pieces_and_nothing_is_lost() {
        let long = vec![b'x'; 2 * LONGEST + 5];
        let pieces = split(&[&long, b"\nnext\n"]);
        let lengths: Vec<usize> = pieces.iter().map(Vec::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, 5, 4]);
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_does_not_matter(
            text in "[a-c\n]{0,200}",
            cuts in prop::collection::vec(1usize..20, 0..40),
        ) {
            let mut chunks = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (chunk, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = tail;
            }
            chunks.push(rest);
            prop_assert_eq!(split(&chunks), split(&[text.as_bytes()]));
        }
    }
}
