//! Threads beside the one that starts the machine.

use std::io;
use std::thread::{Builder, JoinHandle};

/// In bytes. What is read is not on it.
const STACK: usize = 128 * 1024;

/// Begins one.
///
/// # Errors
/// The kernel gives none.
pub fn begin(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().stack_size(STACK).spawn(work)
}
