//! Directories of pins: what keeps programs and maps alive, and the security boundary around them.
//!
//! A [`PinDir`] is an open directory of a bpffs, never a path that is looked up again. Every name
//! is checked before the kernel sees it; every step goes by descriptor and follows no link; what
//! belongs to a stranger, or may be written by one, is refused. A pin is examined and opened
//! through one descriptor, so that nothing can be put in its place between the two. What it yields
//! is compared with what was asked for, map or program, before anything is read from it.

mod access;
mod error;

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::dir::Dir;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, mkdirat};
use nix::sys::statfs::{BPF_FS_MAGIC, fstatfs};
use nix::unistd::{UnlinkatFlags, fchownat, geteuid, unlinkat};

pub use access::{Access, Gid};
use error::refused;
pub use error::{PinError, PinOp, Pinned};

use crate::Errno;
use crate::fdinfo::{FdInfo, Object};
use crate::sys;

/// The longest name of a pin.
const NAME_MAX: usize = 64;
/// How long a lock is waited for, and how often it is tried.
const LOCK_WAIT: Duration = Duration::from_secs(3);
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// How deep the trees are that are removed as a whole.
const TREE_DEPTH: u32 = 4;

/// An open directory of a bpffs.
#[derive(Debug)]
pub struct PinDir {
    fd: OwnedFd,
    path: PathBuf,
}

/// The lock on a directory; dropping it, or dying, lets the next one in.
#[derive(Debug)]
pub struct Locked {
    _lock: Flock<OwnedFd>,
}

/// A directory to go on from; it takes no permission to read it, which members of a group may lack.
const PASSED: OFlag = OFlag::O_PATH.union(DIRECTORY);
/// A directory to list, lock or change.
const DIRECTORY: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_CLOEXEC);
/// Whatever has the name, itself and not what it leads to.
const EXAMINED: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// The type of what a name stands for.
fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// A checked name.
fn checked(name: &str) -> Result<&str, PinError> {
    let fits = (1..=NAME_MAX).contains(&name.len());
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"_:+-".contains(&b);
    if fits && name.bytes().all(letter) {
        return Ok(name);
    }
    Err(PinError::Name { name: name.to_owned() })
}

/// An error when a stranger owns what is at `path`, or one of the permissions in `forbidden` is set.
fn trusted(path: &Path, stat: &FileStat, forbidden: u32) -> Result<(), PinError> {
    let (owner, user) = (stat.st_uid, geteuid().as_raw());
    if owner != 0 && owner != user {
        return Err(PinError::Owner { path: path.to_owned(), owner, user });
    }
    let mode = stat.st_mode & 0o7777;
    if mode & forbidden != 0 {
        return Err(PinError::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

impl PinDir {
    /// Opens the root of a mounted bpffs, or any directory of one that the caller vouches for.
    pub fn open_root(path: &Path) -> Result<Self, PinError> {
        let path = path.to_owned();
        let fd = match nix::fcntl::open(&path, PASSED, Mode::empty()).map_err(Errno::from) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Err(PinError::NoDirectory { path }),
            Err(Errno::ENOTDIR) => return Err(PinError::NotDirectory { path }),
            Err(errno) => return Err(PinError::Refused { op: PinOp::Open, path, errno }),
        };
        let dir = PinDir { fd, path };
        let stat = fstatfs(&dir.fd).map_err(|errno| dir.failed(PinOp::Open, errno))?;
        if stat.filesystem_type() != BPF_FS_MAGIC {
            return Err(PinError::NotBpffs { path: dir.path });
        }
        Ok(dir)
    }

    /// Where it was opened, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is the same directory as another: one that was removed is none that is there now.
    pub fn is(&self, other: &PinDir) -> Result<bool, PinError> {
        let place = |dir: &PinDir| {
            let stat = fstat(&dir.fd).map_err(|errno| dir.failed(PinOp::Open, errno))?;
            Ok((stat.st_dev, stat.st_ino))
        };
        Ok(place(self)? == place(other)?)
    }

    /// The number of what has this name, which stays its own when it is moved; `None` when there is
    /// nothing of that name. It takes no right to what is there.
    pub fn number(&self, name: &str) -> Result<Option<u64>, PinError> {
        let path = self.at(checked(name)?);
        match openat(&self.fd, name, EXAMINED, Mode::empty()).and_then(fstat).map_err(Errno::from) {
            Ok(stat) => Ok(Some(stat.st_ino)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(refused(PinOp::Open, path, errno)),
        }
    }

    /// Who may use this directory, by its permissions.
    pub fn access(&self) -> Result<Access, PinError> {
        let stat = fstat(&self.fd).map_err(|errno| self.failed(PinOp::Open, errno))?;
        let shared = Mode::from_bits_truncate(stat.st_mode).contains(Mode::S_IRGRP);
        Ok(if shared { Access::Group(Gid(stat.st_gid)) } else { Access::Owner })
    }

    /// Opens a directory in this one; `None` when there is none of that name.
    pub fn subdir(&self, name: &str) -> Result<Option<PinDir>, PinError> {
        let path = self.at(checked(name)?);
        let flags = PASSED | OFlag::O_NOFOLLOW;
        let fd = match openat(&self.fd, name, flags, Mode::empty()).map_err(Errno::from) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(self.not_a_directory(name)),
            Err(errno) => return Err(PinError::Refused { op: PinOp::Open, path, errno }),
        };
        let dir = PinDir { fd, path };
        let stat = fstat(&dir.fd).map_err(|errno| dir.failed(PinOp::Open, errno))?;
        trusted(&dir.path, &stat, 0o022)?;
        Ok(Some(dir))
    }

    fn not_a_directory(&self, name: &str) -> PinError {
        let path = self.at(name);
        match openat(&self.fd, name, EXAMINED, Mode::empty()).and_then(fstat) {
            Ok(stat) if kind(&stat) == SFlag::S_IFLNK => PinError::Link { path },
            _ => PinError::NotDirectory { path },
        }
    }

    /// Makes a directory in this one; the name must be free.
    pub fn create_subdir(&self, name: &str, access: Access) -> Result<PinDir, PinError> {
        let path = self.at(checked(name)?);
        // Made for the owner alone and widened afterwards: there is no moment of too much access.
        match mkdirat(&self.fd, name, Mode::S_IRWXU).map_err(Errno::from) {
            Ok(()) => {}
            Err(Errno::EEXIST) => return Err(PinError::Exists { path }),
            Err(errno) => return Err(PinError::Refused { op: PinOp::Create, path, errno }),
        }
        self.set_access(name, access)?;
        self.subdir(name)?.ok_or(PinError::Missing { path })
    }

    /// Opens a directory in this one, and makes it first when there is none of that name. The
    /// access of one that is there stays as it is.
    pub fn ensure_subdir(&self, name: &str, access: Access) -> Result<PinDir, PinError> {
        match self.create_subdir(name, access) {
            Err(PinError::Exists { path }) => self.subdir(name)?.ok_or(PinError::Missing { path }),
            other => other,
        }
    }

    /// Waits some seconds until no other process holds the lock of this directory, and takes it.
    /// A directory that was removed meanwhile is `Missing`.
    pub fn lock(&self) -> Result<Locked, PinError> {
        let failed = |errno| self.failed(PinOp::Lock, errno);
        // A second opening, since a lock belongs to an opening and this one is shared with readers.
        let mut fd = openat(&self.fd, ".", DIRECTORY, Mode::empty()).map_err(failed)?;
        let deadline = Instant::now() + LOCK_WAIT;
        let lock = loop {
            match Flock::lock(fd, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => break lock,
                Err((back, nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR)) => fd = back,
                Err((_, errno)) => return Err(failed(errno)),
            }
            if Instant::now() >= deadline {
                return Err(PinError::Busy { path: self.path.clone() });
            }
            std::thread::sleep(LOCK_PAUSE);
        };
        if fstat(&*lock).map_err(failed)?.st_nlink == 0 {
            return Err(PinError::Missing { path: self.path.clone() });
        }
        Ok(Locked { _lock: lock })
    }

    /// Locks this directory, if nobody has it locked.
    pub fn try_lock(&self) -> Result<Option<Locked>, PinError> {
        let failed = |errno| self.failed(PinOp::Lock, errno);
        let fd = openat(&self.fd, ".", DIRECTORY, Mode::empty()).map_err(failed)?;
        match Flock::lock(fd, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Locked { _lock: lock })),
            Err((_, nix::errno::Errno::EAGAIN)) => Ok(None),
            Err((_, errno)) => Err(failed(errno)),
        }
    }

    /// The names in this directory that a pin or a directory of ours can have, in order.
    pub fn names(&self) -> Result<Vec<String>, PinError> {
        let entries = self.entries()?.into_iter();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.into_string().ok())
            .filter(|name| checked(name).is_ok())
            .collect();
        names.sort();
        Ok(names)
    }

    fn entries(&self) -> Result<Vec<CString>, PinError> {
        let failed = |errno| self.failed(PinOp::List, errno);
        let fd = openat(&self.fd, ".", DIRECTORY, Mode::empty()).map_err(failed)?;
        let mut dir = Dir::from_fd(fd).map_err(failed)?;
        let mut entries = Vec::new();
        for entry in dir.iter() {
            let name = entry.map_err(failed)?.file_name().to_owned();
            if !matches!(name.as_bytes(), b"." | b"..") {
                entries.push(name);
            }
        }
        Ok(entries)
    }

    /// Moves a pin or a directory to a name in the same bpffs, in one step, over what is there.
    pub fn rename(&self, from: &str, to_dir: &PinDir, to: &str) -> Result<(), PinError> {
        let path = self.at(checked(from)?);
        renameat(&self.fd, checked(from)?, &to_dir.fd, checked(to)?)
            .map_err(|errno| refused(PinOp::Rename, path, errno.into()))
    }

    /// Removes a pin; the object lives on while anything else holds it.
    pub fn unlink(&self, name: &str) -> Result<(), PinError> {
        let path = self.at(checked(name)?);
        unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir)
            .map_err(|errno| refused(PinOp::Remove, path, errno.into()))
    }

    /// Removes an empty directory.
    pub fn remove_subdir(&self, name: &str) -> Result<(), PinError> {
        let path = self.at(checked(name)?);
        unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir)
            .map_err(|errno| refused(PinOp::Remove, path, errno.into()))
    }

    /// Removes a directory of ours and what is in it, a few levels deep; `Missing` when there is
    /// none.
    pub fn remove_tree(&self, name: &str) -> Result<(), PinError> {
        let dir = self.subdir(name)?.ok_or_else(|| PinError::Missing { path: self.at(name) })?;
        dir.empty(TREE_DEPTH)?;
        self.remove_subdir(name)
    }

    fn empty(&self, depth: u32) -> Result<(), PinError> {
        for entry in self.entries()? {
            let path = self.path.join(OsStr::from_bytes(entry.as_bytes()));
            let removed = unlinkat(&self.fd, entry.as_c_str(), UnlinkatFlags::NoRemoveDir);
            match removed.map_err(Errno::from) {
                Ok(()) | Err(Errno::ENOENT) => {}
                // Unlinking a directory is EPERM in a bpffs, EISDIR elsewhere.
                Err(errno) if depth == 0 => return Err(refused(PinOp::Remove, path, errno)),
                Err(errno) => match entry.to_str() {
                    Ok(name) if checked(name).is_ok() => {
                        if let Some(dir) = self.subdir(name)? {
                            dir.empty(depth - 1)?;
                            self.remove_subdir(name)?;
                        }
                    }
                    _ => return Err(refused(PinOp::Remove, path, errno)),
                },
            }
        }
        Ok(())
    }

    /// Gives a pin or a directory the permissions of `access`.
    pub fn set_access(&self, name: &str, access: Access) -> Result<(), PinError> {
        let path = self.at(checked(name)?);
        let failed =
            |errno: nix::errno::Errno| refused(PinOp::SetAccess, self.at(name), errno.into());
        let fd = openat(&self.fd, name, EXAMINED, Mode::empty()).map_err(failed)?;
        let stat = fstat(&fd).map_err(failed)?;
        if kind(&stat) == SFlag::S_IFLNK {
            return Err(PinError::Link { path });
        }
        if access.group().is_some() {
            fchownat(&fd, "", None, access.group(), AtFlags::AT_EMPTY_PATH).map_err(failed)?;
        }
        self.chmod(&fd, &stat, access).map_err(failed)
    }

    /// Sets the mode of what `fd` refers to. A pin cannot be opened but by bpf(2), so its mode is
    /// set through the link that `/proc` has for the descriptor.
    fn chmod(&self, fd: &OwnedFd, stat: &FileStat, access: Access) -> nix::Result<()> {
        let mode = access.mode(kind(stat));
        if kind(stat) == SFlag::S_IFDIR {
            let dir = openat(fd, ".", DIRECTORY, Mode::empty())?;
            return fchmod(&dir, mode);
        }
        let flag = nix::sys::stat::FchmodatFlags::FollowSymlink;
        nix::sys::stat::fchmodat(&self.fd, proc_path(fd.as_fd()).as_str(), mode, flag)
    }

    /// Pins an object under a name that must be free.
    pub(crate) fn pin(&self, object: BorrowedFd<'_>, name: &str) -> Result<(), PinError> {
        let path = self.at(checked(name)?);
        let at = c_string(format!("{}/{name}", proc_path(self.fd.as_fd())));
        match sys::obj_pin(object, &at) {
            Ok(()) => Ok(()),
            Err(Errno::EEXIST) => Err(PinError::Exists { path }),
            Err(errno) => Err(refused(PinOp::Pin, path, errno)),
        }
    }

    /// Opens the map pinned under a name.
    pub(crate) fn open_map(&self, name: &str) -> Result<OwnedFd, PinError> {
        self.open_pin(name, Pinned::Map)
    }

    /// Opens the XDP program pinned under a name.
    pub(crate) fn open_program(&self, name: &str) -> Result<OwnedFd, PinError> {
        self.open_pin(name, Pinned::XdpProgram)
    }

    fn open_pin(&self, name: &str, wanted: Pinned) -> Result<OwnedFd, PinError> {
        let path = self.at(checked(name)?);
        let failed = |errno| refused(PinOp::Open, self.at(name), errno);
        // What is examined here is what is opened below: both go by this descriptor.
        let examined = openat(&self.fd, name, EXAMINED, Mode::empty());
        let examined = examined.map_err(|errno| failed(errno.into()))?;
        let stat = fstat(&examined).map_err(|errno| failed(errno.into()))?;
        match kind(&stat) {
            SFlag::S_IFREG => {}
            SFlag::S_IFLNK => return Err(PinError::Link { path }),
            _ => return Err(PinError::NotPin { path }),
        }
        trusted(&path, &stat, 0o002)?;
        let fd = sys::obj_get(&c_string(proc_path(examined.as_fd()))).map_err(failed)?;
        let found = pinned(fd.as_fd()).map_err(failed)?;
        if found == wanted { Ok(fd) } else { Err(PinError::Kind { path, wanted, found }) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn failed(&self, op: PinOp, errno: nix::errno::Errno) -> PinError {
        refused(op, self.path.clone(), errno.into())
    }
}

/// What an opened pin is.
fn pinned(fd: BorrowedFd<'_>) -> Result<Pinned, Errno> {
    Ok(match FdInfo::of(fd).object() {
        Object::Map => Pinned::Map,
        Object::Program if sys::prog_info(fd, 0)?.kind == sys::BPF_PROG_TYPE_XDP => {
            Pinned::XdpProgram
        }
        Object::Program => Pinned::OtherProgram,
        Object::Link => Pinned::Link,
        Object::Unknown => Pinned::Unknown,
    })
}

/// The path by which `/proc` leads to what a descriptor refers to.
fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/thread-self/fd/{}", fd.as_raw_fd())
}

/// A path without a zero in it: digits, slashes and checked names.
fn c_string(path: String) -> CString {
    CString::new(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_slashes_or_control_characters_never_reach_the_kernel() {
        for good in ["a", "prog", "block_v4", "eth0:1", "a+b-c", &"x".repeat(64)] {
            assert!(checked(good).is_ok(), "{good:?}");
        }
        for bad in ["", ".", "..", "a.b", "a/b", "a\n", "\u{1b}[31m", "ä", "a\0", &"x".repeat(65)]
        {
            assert!(matches!(checked(bad), Err(PinError::Name { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_name_with_control_characters_is_escaped_in_the_message() {
        let error = checked("a\u{1b}[31m").expect_err("refused");
        assert!(error.to_string().starts_with("`a\\u{1b}[31m` cannot be"), "{error}");
    }

    #[test]
    fn a_directory_that_is_no_bpffs_and_one_that_is_not_there_are_told_apart() {
        let error = PinDir::open_root(Path::new("/proc")).expect_err("no bpffs");
        assert!(matches!(error, PinError::NotBpffs { .. }), "{error}");
        assert!(error.to_string().contains("mount -t bpf"), "{error}");
        let error = PinDir::open_root(Path::new("/proc/none")).expect_err("no directory");
        assert!(matches!(error, PinError::NoDirectory { .. }), "{error}");
        let error = PinDir::open_root(Path::new("/proc/version")).expect_err("a file");
        assert!(matches!(error, PinError::NotDirectory { .. }), "{error}");
    }
}
