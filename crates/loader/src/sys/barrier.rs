//! membarrier(2), of which only the command is used that waits for every CPU.

use crate::Errno;

/// `synchronize_rcu()` in the kernel (kernel/sched/membarrier.c): every program that ran on any CPU
/// when this was called has ended when it returns. `EINVAL` on a kernel with `nohz_full`, `ENOSYS`
/// on one without the call. With a single CPU online the kernel waits for nothing, and succeeds.
pub(crate) fn membarrier() -> Result<(), Errno> {
    let (flags, cpu): (libc::c_uint, libc::c_int) = (0, 0);
    // SAFETY: the call takes three numbers and touches no memory of this process.
    let result =
        unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, flags, cpu) };
    if result < 0 {
        return Err(Errno::from_io(&std::io::Error::last_os_error()));
    }
    Ok(())
}
