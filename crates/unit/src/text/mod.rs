//! The text of unit files: lines, words, escapes, specifiers, variables, values.

pub mod escape;
pub mod expand;
pub mod file;
pub mod signal;
pub mod specifier;
pub mod value;
pub mod words;
