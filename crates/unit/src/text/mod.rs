//! The text of unit files: lines, words, escapes, specifiers, variables, values.

pub mod capability;
pub mod environment;
pub mod errno;
pub mod escape;
pub mod expand;
pub mod file;
pub mod glob;
pub mod link;
pub mod signal;
pub mod specifier;
pub mod syscall;
pub mod value;
pub mod words;
