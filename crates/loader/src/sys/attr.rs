//! One struct per bpf(2) command: the member of `union bpf_attr` that the command reads, up to the
//! last field used here.
//!
//! The kernel takes the size of the struct, fills what is missing with zeros, and refuses bytes it
//! does not know unless they are zero; so a struct may end early, may be newer than the kernel, and
//! must have no implicit padding. Sizes and offsets are asserted here, against `linux/bpf.h`.

use std::mem::offset_of;

use super::ptr::Ptr;
use super::uapi::*;

/// A struct that bpf(2) takes for one command.
///
/// # Safety
/// The layout must be that of the command's member of `union bpf_attr`, from its first field, with
/// no padding bytes.
pub(crate) unsafe trait Attr {
    /// The command's number.
    const CMD: libc::c_int;
}

/// `BPF_MAP_CREATE`.
#[repr(C)]
pub(crate) struct MapCreate {
    pub(crate) map_type: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) map_flags: u32,
    pub(crate) inner_map_fd: u32,
    pub(crate) numa_node: u32,
    pub(crate) map_name: [u8; BPF_OBJ_NAME_LEN],
    pub(crate) map_ifindex: u32,
    pub(crate) btf_fd: u32,
    pub(crate) btf_key_type_id: u32,
    pub(crate) btf_value_type_id: u32,
}
const _: () = assert!(size_of::<MapCreate>() == 60 && offset_of!(MapCreate, map_name) == 28);
const _: () = assert!(offset_of!(MapCreate, btf_fd) == 48);
// SAFETY: field for field the first member of the union, up to `btf_value_type_id`.
unsafe impl Attr for MapCreate {
    const CMD: libc::c_int = BPF_MAP_CREATE;
}

/// The commands on one element; `value` is the next key for `BPF_MAP_GET_NEXT_KEY`.
#[repr(C)]
pub(crate) struct MapElem<'a, const CMD: libc::c_int> {
    pub(crate) map_fd: u32,
    pub(crate) pad: u32,
    pub(crate) key: Ptr<'a>,
    pub(crate) value: Ptr<'a>,
    pub(crate) flags: u64,
}
const _: () = assert!(size_of::<MapElem<'_, 0>>() == 32 && offset_of!(MapElem<'_, 0>, key) == 8);
// SAFETY: field for field the element member; the gap after `map_fd` is the zeroed `pad`. It is the
// same for the four commands that are used with it.
unsafe impl<const N: libc::c_int> Attr for MapElem<'_, N> {
    const CMD: libc::c_int = N;
}

/// The commands on many elements at once.
#[repr(C)]
pub(crate) struct MapBatch<'a, const CMD: libc::c_int> {
    pub(crate) in_batch: Ptr<'a>,
    pub(crate) out_batch: Ptr<'a>,
    pub(crate) keys: Ptr<'a>,
    pub(crate) values: Ptr<'a>,
    pub(crate) count: u32,
    pub(crate) map_fd: u32,
    pub(crate) elem_flags: u64,
    pub(crate) flags: u64,
}
const _: () = assert!(size_of::<MapBatch<'_, 0>>() == 56);
const _: () = assert!(offset_of!(MapBatch<'_, 0>, count) == 32);
// SAFETY: field for field the `batch` member, which its three commands share.
unsafe impl<const N: libc::c_int> Attr for MapBatch<'_, N> {
    const CMD: libc::c_int = N;
}

/// `BPF_MAP_FREEZE`, which reads a map's descriptor alone.
#[repr(C)]
pub(crate) struct MapFreeze {
    pub(crate) map_fd: u32,
}
// SAFETY: the first field of the element member, which is all the command looks at.
unsafe impl Attr for MapFreeze {
    const CMD: libc::c_int = BPF_MAP_FREEZE;
}

/// `BPF_PROG_LOAD`.
#[repr(C)]
pub(crate) struct ProgLoad<'a> {
    pub(crate) prog_type: u32,
    pub(crate) insn_cnt: u32,
    pub(crate) insns: Ptr<'a>,
    pub(crate) license: Ptr<'a>,
    pub(crate) log_level: u32,
    pub(crate) log_size: u32,
    pub(crate) log_buf: Ptr<'a>,
    pub(crate) kern_version: u32,
    pub(crate) prog_flags: u32,
    pub(crate) prog_name: [u8; BPF_OBJ_NAME_LEN],
    pub(crate) prog_ifindex: u32,
    pub(crate) expected_attach_type: u32,
    pub(crate) prog_btf_fd: u32,
    pub(crate) func_info_rec_size: u32,
    pub(crate) func_info: Ptr<'a>,
    pub(crate) func_info_cnt: u32,
    pub(crate) line_info_rec_size: u32,
    pub(crate) line_info: Ptr<'a>,
    pub(crate) line_info_cnt: u32,
    pub(crate) attach_btf_id: u32,
    pub(crate) attach_prog_fd: u32,
    pub(crate) core_relo_cnt: u32,
    pub(crate) fd_array: Ptr<'a>,
    pub(crate) core_relos: Ptr<'a>,
    pub(crate) core_relo_rec_size: u32,
    pub(crate) log_true_size: u32,
}
const _: () = assert!(size_of::<ProgLoad<'_>>() == 144);
const _: () = assert!(offset_of!(ProgLoad<'_>, log_buf) == 32);
const _: () = assert!(offset_of!(ProgLoad<'_>, prog_ifindex) == 64);
const _: () = assert!(offset_of!(ProgLoad<'_>, func_info) == 80);
const _: () = assert!(offset_of!(ProgLoad<'_>, fd_array) == 120);
const _: () = assert!(offset_of!(ProgLoad<'_>, log_true_size) == 140);
// SAFETY: field for field the program member, up to `log_true_size`.
unsafe impl Attr for ProgLoad<'_> {
    const CMD: libc::c_int = BPF_PROG_LOAD;
}

/// `BPF_RAW_TRACEPOINT_OPEN`.
#[repr(C)]
pub(crate) struct RawTracepointOpen<'a> {
    pub(crate) name: Ptr<'a>,
    pub(crate) prog_fd: u32,
    pub(crate) pad: u32,
}
const _: () = assert!(size_of::<RawTracepointOpen<'_>>() == 16);
const _: () = assert!(offset_of!(RawTracepointOpen<'_>, prog_fd) == 8);
// SAFETY: field for field the `raw_tracepoint` member, up to `prog_fd`; the gap behind that is the
// zeroed `pad`.
unsafe impl Attr for RawTracepointOpen<'_> {
    const CMD: libc::c_int = BPF_RAW_TRACEPOINT_OPEN;
}

/// `BPF_BTF_LOAD`.
#[repr(C)]
pub(crate) struct BtfLoad<'a> {
    pub(crate) btf: Ptr<'a>,
    pub(crate) btf_log_buf: Ptr<'a>,
    pub(crate) btf_size: u32,
    pub(crate) btf_log_size: u32,
    pub(crate) btf_log_level: u32,
    pub(crate) pad: u32,
}
const _: () = assert!(size_of::<BtfLoad<'_>>() == 32 && offset_of!(BtfLoad<'_>, btf_size) == 16);
// SAFETY: field for field the member of the command; the gap after `btf_log_level`, which newer
// kernels fill with the true size of the log, is the zeroed `pad`.
unsafe impl Attr for BtfLoad<'_> {
    const CMD: libc::c_int = BPF_BTF_LOAD;
}

/// `BPF_OBJ_PIN` and `BPF_OBJ_GET`.
#[repr(C)]
pub(crate) struct ObjPath<'a, const CMD: libc::c_int> {
    pub(crate) pathname: Ptr<'a>,
    pub(crate) bpf_fd: u32,
    pub(crate) file_flags: u32,
}
const _: () = assert!(size_of::<ObjPath<'_, 0>>() == 16);
// SAFETY: field for field the member of the two object commands, up to `file_flags`.
unsafe impl<const N: libc::c_int> Attr for ObjPath<'_, N> {
    const CMD: libc::c_int = N;
}

/// `BPF_PROG_TEST_RUN`.
#[repr(C)]
pub(crate) struct ProgTestRun<'a> {
    pub(crate) prog_fd: u32,
    pub(crate) retval: u32,
    pub(crate) data_size_in: u32,
    pub(crate) data_size_out: u32,
    pub(crate) data_in: Ptr<'a>,
    pub(crate) data_out: Ptr<'a>,
    pub(crate) repeat: u32,
    pub(crate) duration: u32,
    pub(crate) ctx_size_in: u32,
    pub(crate) ctx_size_out: u32,
    pub(crate) ctx_in: Ptr<'a>,
    pub(crate) ctx_out: Ptr<'a>,
    pub(crate) flags: u32,
    pub(crate) cpu: u32,
    pub(crate) batch_size: u32,
    pub(crate) pad: u32,
}
const _: () = assert!(size_of::<ProgTestRun<'_>>() == 80);
const _: () = assert!(offset_of!(ProgTestRun<'_>, data_in) == 16);
const _: () = assert!(offset_of!(ProgTestRun<'_>, ctx_in) == 48);
// SAFETY: field for field the `test` member; the gap at its end is the zeroed `pad`.
unsafe impl Attr for ProgTestRun<'_> {
    const CMD: libc::c_int = BPF_PROG_TEST_RUN;
}

/// The commands that take an id: a descriptor of what bears it, or the next id above it.
#[repr(C)]
pub(crate) struct ById<const CMD: libc::c_int> {
    pub(crate) id: u32,
    pub(crate) next_id: u32,
    pub(crate) open_flags: u32,
}
const _: () = assert!(size_of::<ById<0>>() == 12);
// SAFETY: field for field the member of the commands that take an id.
unsafe impl<const N: libc::c_int> Attr for ById<N> {
    const CMD: libc::c_int = N;
}

/// `BPF_LINK_CREATE`, for an interface.
#[repr(C)]
pub(crate) struct LinkCreate {
    pub(crate) prog_fd: u32,
    pub(crate) target_ifindex: u32,
    pub(crate) attach_type: u32,
    pub(crate) flags: u32,
}
const _: () = assert!(size_of::<LinkCreate>() == 16);
// SAFETY: field for field the `link_create` member, up to `flags`.
unsafe impl Attr for LinkCreate {
    const CMD: libc::c_int = BPF_LINK_CREATE;
}

/// `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
pub(crate) struct ObjInfo<'a> {
    pub(crate) bpf_fd: u32,
    pub(crate) info_len: u32,
    pub(crate) info: Ptr<'a>,
}
const _: () = assert!(size_of::<ObjInfo<'_>>() == 16);
// SAFETY: field for field the `info` member.
unsafe impl Attr for ObjInfo<'_> {
    const CMD: libc::c_int = BPF_OBJ_GET_INFO_BY_FD;
}

/// `struct bpf_map_info`, up to the name.
#[repr(C)]
#[derive(Default)]
pub(crate) struct MapInfoRaw {
    pub(crate) map_type: u32,
    pub(crate) id: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) map_flags: u32,
    pub(crate) name: [u8; BPF_OBJ_NAME_LEN],
}
const _: () = assert!(size_of::<MapInfoRaw>() == 40);

/// `struct bpf_prog_info`, up to the name.
#[repr(C)]
pub(crate) struct ProgInfoRaw<'a> {
    pub(crate) prog_type: u32,
    pub(crate) id: u32,
    pub(crate) tag: [u8; BPF_TAG_SIZE],
    pub(crate) jited_prog_len: u32,
    pub(crate) xlated_prog_len: u32,
    pub(crate) jited_prog_insns: Ptr<'a>,
    pub(crate) xlated_prog_insns: Ptr<'a>,
    pub(crate) load_time: u64,
    pub(crate) created_by_uid: u32,
    pub(crate) nr_map_ids: u32,
    pub(crate) map_ids: Ptr<'a>,
    pub(crate) name: [u8; BPF_OBJ_NAME_LEN],
}
const _: () = assert!(size_of::<ProgInfoRaw<'_>>() == 80);
const _: () = assert!(offset_of!(ProgInfoRaw<'_>, load_time) == 40);
const _: () = assert!(offset_of!(ProgInfoRaw<'_>, map_ids) == 56);
