//! A tar archive, packed with zstd while it is written, or not.

use std::io::Write;

use anyhow::{Context, Result};

/// How hard it is packed: zstd's default.
const LEVEL: i32 = 3;

/// An archive with all its files in one folder.
pub struct Archive<W: Write> {
    tar: tar::Builder<Packing<W>>,
    folder: String,
    time: u64,
}

impl<W: Write> Archive<W> {
    /// Begins one, packed or not. All files carry `time`, in seconds since 1970.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn new(out: W, folder: &str, time: u64, packs: bool) -> Result<Archive<W>> {
        let out = Counted { out, bytes: 0 };
        let packing = match packs {
            true => Packing::Zstd(
                zstd::stream::write::Encoder::new(out, LEVEL).context("cannot begin an archive")?,
            ),
            false => Packing::None(out),
        };
        Ok(Archive { tar: tar::Builder::new(packing), folder: folder.to_owned(), time })
    }

    /// Adds a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.time);
        let path = format!("{}/{name}", self.folder);
        self.tar.append_data(&mut header, path, bytes).with_context(|| format!("cannot add {name}"))
    }

    /// Ends it; gives its length in bytes.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<u64> {
        let doing = "cannot end the archive";
        let mut counted = match self.tar.into_inner().context(doing)? {
            Packing::Zstd(encoder) => encoder.finish().context(doing)?,
            Packing::None(counted) => counted,
        };
        counted.flush().context(doing)?;
        Ok(counted.bytes)
    }
}

enum Packing<W: Write> {
    Zstd(zstd::stream::write::Encoder<'static, Counted<W>>),
    None(Counted<W>),
}

impl<W: Write> Write for Packing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Packing::Zstd(encoder) => encoder.write(bytes),
            Packing::None(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Packing::Zstd(encoder) => encoder.flush(),
            Packing::None(out) => out.flush(),
        }
    }
}

struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
