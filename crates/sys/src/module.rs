//! Kernel modules (finit_module(2)).

use std::ffi::CString;
use std::fs::File;
use std::path::Path;

use rustix::io::Errno;

use crate::error::{Doing, Error, Result};

/// Loads a module from its file, with parameters as on a command line. One that is there already is
/// fine. LoadPin has the kernel accept files of one file system only, the first that one came from: for modules
/// that is the base's.
pub fn load(file: &Path, parameters: &str) -> Result<()> {
    let doing = || format!("load the module {}", file.display());
    let parameters = CString::new(parameters).map_err(|error| Error::new(doing(), error))?;
    let opened = File::open(file).doing_to("open", file)?;
    match rustix::system::finit_module(&opened, &parameters, 0) {
        Err(Errno::EXIST) => Ok(()),
        other => other.doing(doing),
    }
}
