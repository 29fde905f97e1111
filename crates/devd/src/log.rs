//! Lines for the log: standard error, with the priority prefix of sd-daemon(3).

/// Something that an operator may want to know.
pub fn info(message: &str) {
    eprintln!("<6>{message}");
}

/// Something that does not work.
pub fn warning(message: &str) {
    eprintln!("<4>{message}");
}
