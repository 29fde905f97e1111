//! From what a source gives to what a sink keeps: decompressed, counted, hashed.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use crate::hash::Check;
use crate::{Error, Resource, Sink, shown};

/// Why an attempt failed.
#[derive(Debug)]
pub enum Fault {
    /// Another may do better; the cause.
    Passing(String),
    /// No other does.
    Final(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Gives what `source` reads to the sink; how many bytes that were.
pub(crate) fn deliver(
    source: impl Read,
    resource: &Resource,
    limit: Option<u64>,
    sink: &mut dyn Sink,
) -> Result<u64, Fault> {
    let source_text = || shown(&resource.source);
    let mut check = match &resource.verification {
        Some(text) => Some(Check::new(text).map_err(|why| Error::Source {
            source_text: source_text(),
            why: format!("verification hash {text:?}: {why}"),
        })?),
        None => None,
    };
    let broken = Rc::new(RefCell::new(None));
    let source = Watched { source, broken: Rc::clone(&broken) };
    let format = resource.compression.as_deref().unwrap_or_default();
    let mut reader: Box<dyn Read> = match format {
        "" => Box::new(source),
        "gzip" => Box::new(MultiGzDecoder::new(source)),
        other => {
            let why = format!("compression {other:?} is not known: gzip is");
            return Err(Error::Source { source_text: source_text(), why }.into());
        }
    };
    let mut count = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            Err(fault) => {
                return Err(match broken.take() {
                    Some(cause) => Fault::Passing(cause),
                    None => Error::Compression {
                        source_text: source_text(),
                        format: format.to_owned(),
                        cause: fault.to_string(),
                    }
                    .into(),
                });
            }
        };
        count += read as u64;
        if let Some(limit) = limit.filter(|&limit| count > limit) {
            return Err(Error::TooLarge { source_text: source_text(), limit }.into());
        }
        if let Some(check) = &mut check {
            check.update(&buffer[..read]);
        }
        sink.write_all(&buffer[..read])
            .map_err(|cause| Error::Write { source_text: source_text(), cause })?;
    }
    sink.flush().map_err(|cause| Error::Write { source_text: source_text(), cause })?;
    if let Some(Err(mismatch)) = check.map(Check::finish) {
        let crate::hash::Mismatch { expected, actual } = mismatch;
        return Err(Error::Hash { source_text: source_text(), expected, actual }.into());
    }
    Ok(count)
}

/// Tells faults of the source from those of what it gives.
struct Watched<R> {
    source: R,
    broken: Rc<RefCell<Option<String>>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer).inspect_err(|fault| {
            if fault.kind() != io::ErrorKind::Interrupted {
                *self.broken.borrow_mut() = Some(fault.to_string());
            }
        })
    }
}
