//! Raw tracepoints: programs that the kernel runs where one of its own events happens.
//!
//! Such a program sees the arguments of the event, each as 64 bits, and filters nothing. It runs as
//! long as its [`Tracing`] is held: with that, or with the process, it is gone, as nothing of it is
//! pinned.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use palisade_asm::Image;

use crate::Errno;
use crate::map::MapHandle;
use crate::program::{LoadError, linked, load_or_explain, refused};
use crate::sys::{self, Load};

/// Why a program does not run at a tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The kernel has no such tracepoint.
    #[error("this kernel has no tracepoint `{}`", tracepoint.escape_debug())]
    Missing {
        /// Its name.
        tracepoint: String,
    },
    /// The kernel refused; `EINVAL` where the program reads more arguments than the event has.
    #[error("cannot trace `{}`: {errno}", tracepoint.escape_debug())]
    Refused {
        /// The tracepoint.
        tracepoint: String,
        /// What the kernel said.
        errno: Errno,
    },
}

/// A program for raw tracepoints, in the kernel and not yet run by it.
#[derive(Debug)]
pub struct TraceProgram {
    fd: OwnedFd,
}

/// A program that runs at a tracepoint, until this is dropped.
#[derive(Debug)]
pub struct Tracing {
    link: OwnedFd,
}

impl TraceProgram {
    /// Loads an image. `maps` stand in the order in which the image declares them. It takes CAP_BPF
    /// and CAP_PERFMON; a kernel without raw tracepoints says `EINVAL` and writes no log.
    #[doc(alias = "BPF_PROG_TYPE_RAW_TRACEPOINT")]
    pub fn load(
        image: &Image,
        maps: &[MapHandle],
        name: &str,
        license: &CStr,
    ) -> Result<Self, LoadError> {
        let (insns, kind) = (linked(image, maps)?, sys::BPF_PROG_TYPE_RAW_TRACEPOINT);
        let load =
            Load { kind, attach_type: 0, name, license, flags: 0, insns: &insns, debug: None };
        let fd = load_or_explain(&load).map_err(|refusal| refused(image, name, refusal))?;
        Ok(Self { fd })
    }

    /// Has the kernel run it at a tracepoint. The program may be dropped then.
    #[doc(alias = "BPF_RAW_TRACEPOINT_OPEN")]
    pub fn attach(&self, tracepoint: &str) -> Result<Tracing, TraceError> {
        let missing = || TraceError::Missing { tracepoint: tracepoint.to_owned() };
        let name = CString::new(tracepoint).map_err(|_| missing())?;
        match sys::raw_tracepoint_open(&name, self.fd.as_fd()) {
            Ok(link) => Ok(Tracing { link }),
            Err(Errno::ENOENT) => Err(missing()),
            Err(errno) => Err(TraceError::Refused { tracepoint: tracepoint.to_owned(), errno }),
        }
    }
}

impl AsFd for TraceProgram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsFd for Tracing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}
