//! What a child may do: capabilities, keys, system calls.

use std::ffi::c_int;
use std::io;

use super::{
    CAPABILITIES, Child, Failure, Instruction, KEYRING, Keyring, NO_NEW_PRIVILEGES, SECCOMP, SECURE_BITS,
    check, check_long,
};

impl Child<'_> {
    /// Takes capabilities out of the bounding set, and keeps those it has beyond a change of user.
    pub(super) fn bound_capabilities(&self) -> std::result::Result<(), Failure> {
        for capability in 0..u64::BITS {
            let Some(bounding) = self.capabilities.bounding else {
                break;
            };
            if bounding & 1 << capability != 0 {
                continue;
            }
            // SAFETY: this prctl takes numbers.
            let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
            // One that this kernel does not know need not be taken out.
            let unknown = result < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL);
            if unknown {
                break;
            }
            check(CAPABILITIES, result)?;
        }
        let bits = self.capabilities.secure_bits;
        if bits != 0 {
            // SAFETY: this prctl takes numbers.
            check(SECURE_BITS, unsafe { libc::prctl(libc::PR_SET_SECUREBITS, bits, 0, 0, 0) })?;
        }
        if self.capabilities.ambient != 0 || self.needs_power_for_filters() {
            // SAFETY: this prctl takes numbers.
            check(CAPABILITIES, unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) })?;
        }
        Ok(())
    }

    /// Whether an ordinary user's filters are to be installed, and programs may still give it
    /// privileges: then it takes a capability to install them, which it has until its program runs.
    fn needs_power_for_filters(&self) -> bool {
        !self.filters.is_empty() && !self.no_new_privileges && self.uid.is_some_and(|uid| uid != 0)
    }

    /// Gives the process its ambient capabilities, and of others none.
    pub(super) fn raise_capabilities(&self) -> std::result::Result<(), Failure> {
        let kept = if self.needs_power_for_filters() { SYS_ADMIN } else { 0 };
        if self.capabilities.ambient | kept == 0 {
            return Ok(());
        }
        let mut data = get_capabilities()?;
        let known = data.iter().rev().fold(0, |all, half| all << 32 | u64::from(half.permitted));
        // One that this kernel does not know, or that this process has not, cannot be had.
        let ambient = self.capabilities.ambient & known & self.capabilities.bounding.unwrap_or(u64::MAX);
        for (index, half) in data.iter_mut().enumerate() {
            half.inheritable |= (ambient >> (32 * index)) as u32;
            half.effective |= ((ambient | kept & known) >> (32 * index)) as u32;
        }
        set_capabilities(&data)?;
        for capability in (0..u64::BITS).filter(|capability| ambient & 1 << capability != 0) {
            let raise = libc::PR_CAP_AMBIENT_RAISE;
            // SAFETY: this prctl takes numbers.
            check(CAPABILITIES, unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, 0, 0) })?;
        }
        Ok(())
    }

    /// Makes its session keyring. Where there are no keys, or no more for its user, it goes without.
    pub(super) fn take_keyring(&self) -> std::result::Result<(), Failure> {
        if self.keyring == Keyring::Inherit {
            return Ok(());
        }
        let none = std::ptr::null::<libc::c_char>();
        // SAFETY: this keyctl takes no name.
        let joined = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, none) };
        if let Err(failure) = check_long(KEYRING, joined) {
            let unavailable = [libc::ENOSYS, libc::EPERM, libc::EACCES, libc::EDQUOT];
            return if unavailable.contains(&failure.errno) { Ok(()) } else { Err(failure) };
        }
        if self.keyring == Keyring::Linked {
            let (key, into) = (KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
            // SAFETY: this keyctl takes numbers.
            check_long(KEYRING, unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_LINK, key, into) })?;
        }
        Ok(())
    }
}

/// One half of a process's capability sets (capset(2), version 3).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `CAP_SYS_ADMIN` (capabilities(7)).
const SYS_ADMIN: u64 = 1 << 21;

/// Operations and keyrings of keyctl(2).
const KEYCTL_JOIN_SESSION_KEYRING: c_int = 1;
const KEYCTL_LINK: c_int = 8;
const KEY_SPEC_SESSION_KEYRING: c_int = -3;
const KEY_SPEC_USER_KEYRING: c_int = -4;

/// `_LINUX_CAPABILITY_VERSION_3`, and this process.
const CAPABILITY_HEADER: [u32; 2] = [0x2008_0522, 0];

fn get_capabilities() -> std::result::Result<[CapabilityData; 2], Failure> {
    let (mut header, mut data) = (CAPABILITY_HEADER, [CapabilityData::default(); 2]);
    // SAFETY: the header says that two halves are filled in, which `data` has room for.
    let result = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) };
    check_long(CAPABILITIES, result)?;
    Ok(data)
}

fn set_capabilities(data: &[CapabilityData; 2]) -> std::result::Result<(), Failure> {
    let mut header = CAPABILITY_HEADER;
    // SAFETY: as above.
    check_long(CAPABILITIES, unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), data.as_ptr()) })
}

/// Installs a filter of system calls (seccomp(2)). Who has no power to do so must give up new
/// privileges first.
pub(super) fn install(filter: &[Instruction]) -> std::result::Result<(), Failure> {
    match install_as_is(filter) {
        Err(failure) if failure.errno == libc::EACCES => {
            give_up_new_privileges()?;
            install_as_is(filter)
        }
        other => other,
    }
}

pub(super) fn give_up_new_privileges() -> std::result::Result<(), Failure> {
    // SAFETY: this prctl takes numbers.
    check(NO_NEW_PRIVILEGES, unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    Ok(())
}

fn install_as_is(filter: &[Instruction]) -> std::result::Result<(), Failure> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Failure { code: SECCOMP, errno: libc::E2BIG })?,
        // The kernel only reads it; the two structures have the same layout.
        filter: filter.as_ptr().cast_mut().cast(),
    };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the program lives on this stack, its instructions in the caller's slice.
    check_long(SECCOMP, unsafe { libc::syscall(libc::SYS_seccomp, mode, 0, &raw const program) })
}
