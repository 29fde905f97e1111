//! Objects of System V's interprocess communication (sysvipc(7)).

use std::io;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum Kind {
    Memory,
    Semaphores,
    Queue,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 3] = [Kind::Memory, Kind::Semaphores, Kind::Queue];

    /// The kernel's table of them (proc(5)).
    pub fn table(self) -> &'static str {
        match self {
            Kind::Memory => "/proc/sysvipc/shm",
            Kind::Semaphores => "/proc/sysvipc/sem",
            Kind::Queue => "/proc/sysvipc/msg",
        }
    }
}

/// Removes an object.
///
/// # Errors
/// It is not there, or not for this process to remove.
pub fn remove(kind: Kind, id: i32) -> io::Result<()> {
    // SAFETY: to remove an object takes numbers; the last argument is not read.
    let result = unsafe {
        match kind {
            Kind::Memory => libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()),
            Kind::Semaphores => libc::semctl(id, 0, libc::IPC_RMID),
            Kind::Queue => libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()),
        }
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
