//! The signals that end a live command cleanly: they are waited for, instead of killing it in the
//! middle of what it prints.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use palisade_loader::Errno;

use crate::failure::{Failure, Outcome};

/// SIGINT and SIGTERM as something to wait for.
pub struct Stop {
    set: SigSet,
    signals: SignalFd,
}

impl Drop for Stop {
    fn drop(&mut self) {
        // The signals do again what they did before; there is nobody to tell if not.
        let _ = self.set.thread_unblock();
    }
}

impl Stop {
    /// Holds the two signals back from here on, as long as this lives.
    pub fn new() -> Outcome<Self> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGINT);
        set.add(Signal::SIGTERM);
        let made = set.thread_block().and_then(|()| {
            SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        });
        let signals = made.map_err(|errno| refused("wait for signals", errno))?;
        Ok(Self { set, signals })
    }

    /// True if one of the signals has come.
    pub fn came(&self) -> Outcome<bool> {
        // Taken, so that it does not come again when signals do what they did before.
        let taken = self.signals.read_signal();
        taken.map(|taken| taken.is_some()).map_err(|errno| refused("take a signal", errno))
    }

    /// Waits; true if one of the signals came.
    pub fn within(&self, time: Duration) -> Outcome<bool> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(0) if Instant::now() < end => {}
                Ok(0) => return Ok(false),
                Ok(_) => return self.came().map(|_| true),
                Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(refused("wait for the next measurement", errno)),
            }
        }
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

fn refused(what: &str, errno: nix::errno::Errno) -> Failure {
    Failure::refused(format!("cannot {what}: {}", Errno::from(errno)))
}
