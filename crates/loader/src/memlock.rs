//! The memory lock limit, which kernels before 5.11 count maps and programs against: one sum for all
//! that the user has in the kernel, so that what is in force already can use up a new process's
//! share. The kernel then answers EPERM.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// Raises the memory lock limit as far as it goes; whether what was refused is worth another try.
///
/// It is also where the limit has been raised before: of two threads that are refused at once, the
/// second finds no limit any more, and was refused under it.
pub(crate) fn raise() -> bool {
    static RAISED: AtomicBool = AtomicBool::new(false);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_MEMLOCK) else { return false };
    let raised = soft != RLIM_INFINITY
        && (setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).is_ok()
            || (soft < hard && setrlimit(Resource::RLIMIT_MEMLOCK, hard, hard).is_ok()));
    RAISED.fetch_or(raised, Ordering::SeqCst) || raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_that_are_refused_at_once_both_try_again() {
        let (_, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).expect("there is a limit");
        let low = 4096.min(hard);
        setrlimit(Resource::RLIMIT_MEMLOCK, low, hard).expect("anybody may lower the limit");
        if low < hard {
            assert!(raise(), "the first raises it");
            assert!(raise(), "the second was refused under it");
        }
    }
}
