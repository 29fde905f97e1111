//! The kernel's log, the only one there is before the system is.

const WHO: &str = "provisioning";

/// Logs what was done.
pub fn note(text: &str) {
    sys::kernel_log::note(WHO, text);
}

/// Logs what a person should see: the console shows it.
pub fn alarm(text: &str) {
    sys::kernel_log::alarm(WHO, text);
}
