//! Errors by name (errno(3)), with the numbers of Linux on x86-64.

/// Name and number.
const NAMES: [(&str, u16); 40] = [
    ("EPERM", 1),
    ("ENOENT", 2),
    ("ESRCH", 3),
    ("EINTR", 4),
    ("EIO", 5),
    ("ENXIO", 6),
    ("E2BIG", 7),
    ("ENOEXEC", 8),
    ("EBADF", 9),
    ("ECHILD", 10),
    ("EAGAIN", 11),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("EFAULT", 14),
    ("EBUSY", 16),
    ("EEXIST", 17),
    ("EXDEV", 18),
    ("ENODEV", 19),
    ("ENOTDIR", 20),
    ("EISDIR", 21),
    ("EINVAL", 22),
    ("ENFILE", 23),
    ("EMFILE", 24),
    ("ENOTTY", 25),
    ("EFBIG", 27),
    ("ENOSPC", 28),
    ("ESPIPE", 29),
    ("EROFS", 30),
    ("EPIPE", 32),
    ("ERANGE", 34),
    ("ENOSYS", 38),
    ("ELOOP", 40),
    ("EPROTO", 71),
    ("EUCLEAN", 117),
    ("EOPNOTSUPP", 95),
    ("EAFNOSUPPORT", 97),
    ("EADDRNOTAVAIL", 99),
    ("ECONNREFUSED", 111),
    ("EUNATCH", 49),
    ("ENOANO", 55),
];

/// The number of an error, given by name or as a number from 1 to 4095.
pub fn number(word: &str) -> Option<u16> {
    match word.parse::<u16>() {
        Ok(number) => (1..4096).contains(&number).then_some(number),
        Err(_) => NAMES.iter().find(|(name, _)| *name == word).map(|(_, number)| *number),
    }
}
