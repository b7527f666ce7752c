//! What `/proc` tells of a descriptor: the kind of object behind it, and a few numbers.
//!
//! It is read for two things that no bpf(2) command tells without knowing the kind beforehand:
//! whether an opened pin is a map or a program, and what a map costs. Without `/proc` the answer is
//! "unknown", never a guess.

use std::os::fd::{AsRawFd, BorrowedFd};

/// The lines of `/proc/self/fdinfo` for one descriptor; empty when they could not be read.
#[derive(Debug)]
pub(crate) struct FdInfo(String);

/// What a descriptor of bpf(2) stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Map,
    Program,
    Link,
    Unknown,
}

impl FdInfo {
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Self {
        let path = format!("/proc/thread-self/fdinfo/{}", fd.as_raw_fd());
        let bytes = std::fs::read(path).unwrap_or_default();
        FdInfo(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }

    /// A field that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }

    /// The kind of object. A link also names the program it holds, so links are looked for first.
    pub(crate) fn object(&self) -> Object {
        if self.field("link_type").is_some() {
            Object::Link
        } else if self.field("map_type").is_some() {
            Object::Map
        } else if self.field("prog_type").is_some() {
            Object::Program
        } else {
            Object::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_a_program_and_a_link_are_told_apart() {
        let map = FdInfo("pos:\t0\nmap_type:\t2\nmemlock:\t4096\nfrozen:\t1\n".into());
        assert_eq!(map.object(), Object::Map);
        assert_eq!((map.number("memlock"), map.number("frozen")), (Some(4096), Some(1)));
        assert_eq!(FdInfo("prog_type:\t6\nmemlock:\t4096\n".into()).object(), Object::Program);
        assert_eq!(FdInfo("link_type:\txdp\nprog_id:\t3\n".into()).object(), Object::Link);
        assert_eq!(FdInfo(String::new()).object(), Object::Unknown);
        assert_eq!(FdInfo("memlock:\tmany\n".into()).number("memlock"), None);
    }
}
