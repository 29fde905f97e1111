//! What `udevadm` says to devd on [`layout::path::DEVD_SOCKET`]: a word and a line's end, answered by [`DONE`].

/// Answer when no event is in work and no module is being loaded.
pub const SETTLE: &str = "settle";
/// Read the `.link` files anew.
pub const RELOAD: &str = "reload";
/// The answer.
pub const DONE: &str = "done";
