//! The number by which the kernel says no, with its name.
//!
//! An [`Errno`] is never zero and never interpreted here: what `EEXIST` means depends on what was
//! asked, so every error of this crate carries the errno beside the request. Numbers without a name
//! are printed as numbers; 524, which bpf(2) leaks out of the kernel, has the kernel's own name.

use std::fmt;
use std::num::NonZeroI32;

/// The `ENOTSUPP` of the kernel's inner interfaces, which no libc knows and bpf(2) returns.
const ENOTSUPP: i32 = 524;

/// An error number as the kernel returned it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(NonZeroI32);

macro_rules! named {
    ($($name:ident),* $(,)?) => {
        impl Errno {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                pub const $name: Errno = Errno::known(nix::errno::Errno::$name as i32);
            )*
        }
    };
}

#[rustfmt::skip] // The errors that callers tell apart, on few lines.
named!(
    E2BIG, EACCES, EAFNOSUPPORT, EAGAIN, EBADF, EBUSY, EEXIST, EFAULT, EINTR, EINVAL, EIO, EMFILE, EMSGSIZE,
    ENAMETOOLONG, ENETDOWN, ENOBUFS, ENODEV, ENOENT, ENOLINK, ENOMEM, ENOSPC, ENOTDIR, ENOTEMPTY, ELOOP, EOPNOTSUPP,
    EPERM, ERANGE, EROFS, ETIMEDOUT, ETXTBSY,
);

impl Errno {
    /// `ENOTSUPP` (524), by which bpf(2) says that a kind of map lacks an operation.
    pub const ENOTSUPP: Errno = Errno::known(ENOTSUPP);

    const fn known(number: i32) -> Errno {
        match NonZeroI32::new(number) {
            Some(number) => Errno(number),
            None => Errno(NonZeroI32::MAX),
        }
    }

    /// The error of that number; a sign, as netlink has it, is dropped, and zero is `EIO`.
    pub fn from_raw(number: i32) -> Errno {
        NonZeroI32::new(number.saturating_abs()).map_or(Errno::EIO, Errno)
    }

    /// The error behind an I/O error; `EIO` where the system had no part in it.
    pub fn from_io(error: &std::io::Error) -> Errno {
        error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
    }

    /// The number itself.
    pub fn number(self) -> i32 {
        self.0.get()
    }

    /// The symbolic name, such as `EPERM`; `None` for a number that has none.
    pub fn name(self) -> Option<String> {
        match nix::errno::Errno::from_raw(self.number()) {
            _ if self.number() == ENOTSUPP => Some("ENOTSUPP".to_owned()),
            nix::errno::Errno::UnknownErrno => None,
            known => Some(format!("{known:?}")),
        }
    }

    /// What the number means, in the words of the C library, without a capital.
    pub fn meaning(self) -> String {
        if self.number() == ENOTSUPP {
            return "operation is not supported by this kind of object".to_owned();
        }
        let text = nix::errno::Errno::from_raw(self.number()).desc();
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(first), Some(second)) if second.is_lowercase() => {
                first.to_lowercase().chain(text.chars().skip(1)).collect()
            }
            _ => text.to_owned(),
        }
    }
}

impl From<nix::errno::Errno> for Errno {
    fn from(errno: nix::errno::Errno) -> Self {
        Errno::from_raw(errno as i32)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.meaning()),
            None => write!(f, "errno {}", self.number()),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_prints_its_name_and_meaning() {
        assert_eq!(Errno::EPERM.to_string(), "EPERM (operation not permitted)");
        assert_eq!(Errno::EIO.to_string(), "EIO (I/O error)");
        assert_eq!(
            Errno::from_raw(524).to_string(),
            "ENOTSUPP (operation is not supported by this kind of object)"
        );
        assert_eq!(Errno::from_raw(4000).to_string(), "errno 4000");
    }

    #[test]
    fn the_sign_of_netlink_is_dropped_and_zero_is_no_success() {
        assert_eq!(Errno::from_raw(-17), Errno::EEXIST);
        assert_eq!(Errno::from_raw(0), Errno::EIO);
        assert_eq!(Errno::from_raw(i32::MIN).number(), i32::MAX);
    }
}
