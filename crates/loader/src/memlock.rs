//! The memory lock limit, which kernels before 5.11 count maps and programs against: one sum for all
//! that the user has in the kernel, so that what is in force already can use up a new process's
//! share. The kernel then answers EPERM.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// Raises the memory lock limit as far as it goes; whether it was raised.
pub(crate) fn raise() -> bool {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_MEMLOCK) else { return false };
    if soft == RLIM_INFINITY {
        return false;
    }
    setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).is_ok()
        || (soft < hard && setrlimit(Resource::RLIMIT_MEMLOCK, hard, hard).is_ok())
}
