//! The instructions of a program as the kernel has rewritten them (`BPF_OBJ_GET_INFO_BY_FD`).
//!
//! The kernel tells a length of zero to whoever lacks CAP_BPF, and takes the pointer out of the
//! struct where it has blinded the constants and the caller may not see addresses.

use std::mem::offset_of;
use std::os::fd::BorrowedFd;

use palisade_asm::RawInsn;

use super::attr::ObjInfo;
use super::call::number;
use super::ptr::{Ptr, length};
use super::uapi::BPF_TAG_SIZE;
use super::{Errno, bpf};

/// `struct bpf_prog_info`, up to the instructions.
#[repr(C)]
struct ProgCodeRaw<'a> {
    prog_type: u32,
    id: u32,
    tag: [u8; BPF_TAG_SIZE],
    jited_prog_len: u32,
    xlated_prog_len: u32,
    jited_prog_insns: Ptr<'a>,
    xlated_prog_insns: Ptr<'a>,
}
const _: () = assert!(size_of::<ProgCodeRaw<'_>>() == 40);
const _: () = assert!(offset_of!(ProgCodeRaw<'_>, xlated_prog_insns) == 32);

/// What the kernel shows of a program's instructions.
pub(crate) enum Xlated {
    /// All of them.
    Shown(Vec<RawInsn>),
    /// No length, for want of CAP_BPF.
    NoLength,
    /// A length, and no instructions.
    NoCode,
}

/// The instructions after all rewriting.
pub(crate) fn prog_xlated(prog: BorrowedFd<'_>) -> Result<Xlated, Errno> {
    let (bytes, _) = ask(prog, &mut [])?;
    let count = usize::try_from(bytes).map_err(|_| Errno::E2BIG)? / size_of::<RawInsn>();
    if count == 0 {
        return Ok(Xlated::NoLength);
    }
    let mut code = vec![RawInsn::default(); count];
    let (_, shown) = ask(prog, &mut code)?;
    Ok(if shown { Xlated::Shown(code) } else { Xlated::NoCode })
}

/// How many bytes of instructions there are, and whether they went to `code`, as far as it holds
/// them.
fn ask(prog: BorrowedFd<'_>, code: &mut [RawInsn]) -> Result<(u32, bool), Errno> {
    let mut raw = ProgCodeRaw {
        prog_type: 0,
        id: 0,
        tag: [0; BPF_TAG_SIZE],
        jited_prog_len: 0,
        xlated_prog_len: length(size_of_val(code))?,
        jited_prog_insns: Ptr::NULL,
        xlated_prog_insns: if code.is_empty() { Ptr::NULL } else { Ptr::insns_out(code) },
    };
    let info_len = length(size_of::<ProgCodeRaw<'_>>())?;
    let mut attr = ObjInfo { bpf_fd: number(prog), info_len, info: Ptr::fill(&mut raw) };
    // SAFETY: the kernel writes at most `info_len` bytes to `raw`, and at most `xlated_prog_len` bytes
    // to `code`; any eight bytes are a `RawInsn`.
    unsafe { bpf(&mut attr) }?;
    Ok((raw.xlated_prog_len, !raw.xlated_prog_insns.is_null()))
}
