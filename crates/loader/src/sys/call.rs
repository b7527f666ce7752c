//! One safe function per command on whole objects: create, load, run, pin, open, describe.
//!
//! Slices go in with their lengths, values come out. Every descriptor returned is owned,
//! close-on-exec (the kernel makes those of bpf(2) so) and above 2: bpf(2) reads a descriptor 0 as
//! "none given", and 1 and 2 are where a library would print.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::fcntl::{FcntlArg, fcntl};
use palisade_asm::RawInsn;

use super::attr::{
    BtfLoad, ById, LinkCreate, MapCreate, MapInfoRaw, ObjInfo, ObjPath, ProgInfoRaw, ProgLoad,
    ProgTestRun,
};
use super::ptr::{Ptr, length};
use super::uapi::*;
use super::{Errno, bpf};

/// The lowest number a descriptor of ours may have.
const LOWEST: i32 = 3;

/// A descriptor as the `u32` of an attribute.
pub(super) fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// Moves a descriptor above 2 when a closed standard stream had left room below.
pub(crate) fn lift(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    if fd.as_raw_fd() >= LOWEST {
        return Ok(fd);
    }
    let raw = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(LOWEST))?;
    // SAFETY: `raw` is the descriptor that fcntl just made for us, known to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Takes the descriptor that a bpf(2) command returned.
pub(super) fn owned(returned: libc::c_long) -> Result<OwnedFd, Errno> {
    let raw = i32::try_from(returned).map_err(|_| Errno::EBADF)?;
    // SAFETY: every caller passes the result of a command that returns a fresh descriptor.
    lift(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// A name cut to what the kernel stores, with the closing zero.
fn object_name(name: &str) -> [u8; BPF_OBJ_NAME_LEN] {
    let mut out = [0; BPF_OBJ_NAME_LEN];
    let letters = name.bytes().map(|b| if b.is_ascii_alphanumeric() { b } else { b'_' });
    for (to, from) in out.iter_mut().take(BPF_OBJ_NAME_LEN - 1).zip(letters) {
        *to = from;
    }
    out
}

/// A stored name, up to its closing zero; what is not UTF-8 is replaced.
fn stored_name(name: &[u8]) -> String {
    let letters = name.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(letters).into_owned()
}

/// Hands type information to the kernel, which keeps it as long as the descriptor or an object that
/// refers to it.
pub(crate) fn btf_load(btf: &[u8]) -> Result<OwnedFd, Errno> {
    let mut attr = BtfLoad {
        btf: Ptr::read(btf),
        btf_log_buf: Ptr::NULL,
        btf_size: length(btf.len())?,
        btf_log_size: 0,
        btf_log_level: 0,
        pad: 0,
    };
    // SAFETY: the bytes are a borrowed slice given with its length, and there is no log.
    owned(unsafe { bpf(&mut attr) }?)
}

/// Which types the keys and values of a map have.
#[derive(Clone, Copy)]
pub(crate) struct MapTypes<'a> {
    pub(crate) btf: BorrowedFd<'a>,
    pub(crate) key: u32,
    pub(crate) value: u32,
}

/// What the kernel keeps of the name of a map or a program: 15 characters, with `_` for each that is
/// not an ASCII letter or digit.
pub fn kept_name(name: &str) -> String {
    stored_name(&object_name(name))
}

/// Creates a map; characters that the kernel does not take in a name become `_`.
pub(crate) fn map_create(
    decl: &palisade_asm::MapDecl,
    types: Option<MapTypes<'_>>,
) -> Result<OwnedFd, Errno> {
    let mut attr = MapCreate {
        map_type: decl.kind.number(),
        key_size: decl.key_size,
        value_size: decl.value_size,
        max_entries: decl.max_entries,
        map_flags: decl.flags.bits(),
        inner_map_fd: 0,
        numa_node: 0,
        map_name: object_name(&decl.name),
        map_ifindex: 0,
        btf_fd: types.map_or(0, |types| number(types.btf)),
        btf_key_type_id: types.map_or(0, |types| types.key),
        btf_value_type_id: types.map_or(0, |types| types.value),
    };
    // SAFETY: the attribute holds no pointer.
    owned(unsafe { bpf(&mut attr) }?)
}

/// What the kernel tells of a map: numbers, and the stored name.
pub(crate) struct MapFacts {
    pub(crate) kind: u32,
    pub(crate) id: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) flags: u32,
    pub(crate) name: String,
}

/// Asks for the facts of a map; the caller knows that it is one.
pub(crate) fn map_info(map: BorrowedFd<'_>) -> Result<MapFacts, Errno> {
    let mut raw = MapInfoRaw::default();
    let info_len = length(size_of::<MapInfoRaw>())?;
    let mut attr = ObjInfo { bpf_fd: number(map), info_len, info: Ptr::fill(&mut raw) };
    // SAFETY: the kernel writes at most `info_len` bytes, the size of `raw`.
    unsafe { bpf(&mut attr) }?;
    Ok(MapFacts {
        kind: raw.map_type,
        id: raw.id,
        key_size: raw.key_size,
        value_size: raw.value_size,
        max_entries: raw.max_entries,
        flags: raw.map_flags,
        name: stored_name(&raw.name),
    })
}

/// The image's code with the descriptors of its maps, which stand in the order of their ids.
pub(crate) fn link(image: &palisade_asm::Image, maps: &[BorrowedFd<'_>]) -> Vec<RawInsn> {
    image.link(|id| maps.get(id.index()).map_or(-1, AsRawFd::as_raw_fd))
}

/// What to load: the instructions and what is said about them.
pub(crate) struct Load<'a> {
    pub(crate) kind: u32,
    /// What is said of where it is to be attached: `enum bpf_attach_type`.
    pub(crate) attach_type: u32,
    pub(crate) name: &'a str,
    pub(crate) license: &'a CStr,
    pub(crate) flags: u32,
    pub(crate) insns: &'a [RawInsn],
    pub(crate) debug: Option<Debug<'a>>,
}

/// What type information says about a program: records as the kernel takes them, and the bytes of
/// each.
#[derive(Clone, Copy)]
pub(crate) struct Debug<'a> {
    pub(crate) btf: BorrowedFd<'a>,
    pub(crate) functions: Records<'a>,
    pub(crate) lines: Records<'a>,
}

/// A row of records of one size.
#[derive(Clone, Copy)]
pub(crate) struct Records<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) size: u32,
}

impl Records<'_> {
    const NONE: Self = Records { bytes: &[], size: 0 };

    /// How many there are; a row that ends within a record is refused.
    fn count(&self) -> Result<u32, Errno> {
        let all = length(self.bytes.len())?;
        match (all.checked_div(self.size), all.checked_rem(self.size)) {
            (Some(count), Some(0)) => Ok(count),
            (None, None) if all == 0 => Ok(0),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// What the verifier is to write, and where.
pub(crate) enum Log<'a> {
    Silent,
    /// The path on which verification ended, and the reason for that.
    Path(&'a mut [u8]),
    /// The reason alone.
    Reason(&'a mut [u8]),
}

/// Loads a program. The second part of the error is the size that the whole log needs, where
/// the kernel tells it (6.4 and later).
pub(crate) fn prog_load(load: &Load<'_>, log: Log<'_>) -> Result<OwnedFd, (Errno, u32)> {
    let plain = |errno| (errno, 0);
    let (log_level, log): (u32, &mut [u8]) = match log {
        Log::Silent => (0, &mut []),
        Log::Path(log) => (BPF_LOG_LEVEL1, log),
        Log::Reason(log) => (BPF_LOG_STATS, log),
    };
    let log_size = length(log.len()).map_err(plain)?;
    let functions = load.debug.map_or(Records::NONE, |debug| debug.functions);
    let lines = load.debug.map_or(Records::NONE, |debug| debug.lines);
    let mut attr = ProgLoad {
        prog_type: load.kind,
        insn_cnt: length(load.insns.len()).map_err(plain)?,
        insns: Ptr::insns(load.insns),
        license: Ptr::text(load.license),
        log_level,
        log_size,
        log_buf: if log_size > 0 { Ptr::write(log) } else { Ptr::NULL },
        kern_version: 0,
        prog_flags: load.flags,
        prog_name: object_name(load.name),
        prog_ifindex: 0,
        expected_attach_type: load.attach_type,
        prog_btf_fd: load.debug.map_or(0, |debug| number(debug.btf)),
        func_info_rec_size: functions.size,
        func_info: Ptr::read(functions.bytes),
        func_info_cnt: functions.count().map_err(plain)?,
        line_info_rec_size: lines.size,
        line_info: Ptr::read(lines.bytes),
        line_info_cnt: lines.count().map_err(plain)?,
        attach_btf_id: 0,
        attach_prog_fd: 0,
        core_relo_cnt: 0,
        fd_array: Ptr::NULL,
        core_relos: Ptr::NULL,
        core_relo_rec_size: 0,
        log_true_size: 0,
    };
    // SAFETY: instructions, license, records and log are borrowed slices given with their lengths,
    // the license is ended by a zero, and every other pointer is null.
    match unsafe { bpf(&mut attr) } {
        Ok(returned) => owned(returned).map_err(plain),
        Err(errno) => Err((errno, attr.log_true_size)),
    }
}

/// A run of a program on one packet.
pub(crate) struct TestRun<'a> {
    pub(crate) packet: &'a [u8],
    pub(crate) context: &'a [u8],
    pub(crate) repeat: u32,
    pub(crate) flags: u32,
    pub(crate) batch_size: u32,
}

/// What a run gave: the program's result, the mean time of one pass, and the packet's length.
pub(crate) struct TestOutput {
    pub(crate) retval: u32,
    pub(crate) duration: u32,
    pub(crate) length: u32,
}

/// Runs a program; the packet it leaves behind goes to `out`, unless that is empty.
pub(crate) fn prog_test_run(
    prog: BorrowedFd<'_>,
    run: &TestRun<'_>,
    out: &mut [u8],
) -> Result<TestOutput, Errno> {
    let data_size_out = length(out.len())?;
    let mut attr = ProgTestRun {
        prog_fd: number(prog),
        retval: 0,
        data_size_in: length(run.packet.len())?,
        data_size_out,
        data_in: Ptr::read(run.packet),
        data_out: if data_size_out > 0 { Ptr::write(out) } else { Ptr::NULL },
        repeat: run.repeat,
        duration: 0,
        ctx_size_in: length(run.context.len())?,
        ctx_size_out: 0,
        ctx_in: if run.context.is_empty() { Ptr::NULL } else { Ptr::read(run.context) },
        ctx_out: Ptr::NULL,
        flags: run.flags,
        cpu: 0,
        batch_size: run.batch_size,
        pad: 0,
    };
    // SAFETY: packet, context and output are borrowed slices given with their lengths.
    unsafe { bpf(&mut attr) }?;
    Ok(TestOutput { retval: attr.retval, duration: attr.duration, length: attr.data_size_out })
}

/// Attaches an XDP program to an interface for as long as the descriptor, or a copy of it, is open.
pub(crate) fn xdp_link_create(
    prog: BorrowedFd<'_>,
    ifindex: u32,
    flags: u32,
) -> Result<OwnedFd, Errno> {
    let (prog_fd, target_ifindex) = (number(prog), ifindex);
    let mut attr = LinkCreate { prog_fd, target_ifindex, attach_type: BPF_XDP, flags };
    // SAFETY: the attribute holds no pointer.
    owned(unsafe { bpf(&mut attr) }?)
}

/// Pins an object at a path in a bpffs.
pub(crate) fn obj_pin(object: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let mut attr =
        ObjPath::<BPF_OBJ_PIN> { pathname: Ptr::text(path), bpf_fd: number(object), file_flags: 0 };
    // SAFETY: the path is ended by a zero and borrowed through the call.
    unsafe { bpf(&mut attr) }.map(drop)
}

/// Opens the object pinned at a path; of which kind it is, is not known yet.
pub(crate) fn obj_get(path: &CStr) -> Result<OwnedFd, Errno> {
    let mut attr = ObjPath::<BPF_OBJ_GET> { pathname: Ptr::text(path), bpf_fd: 0, file_flags: 0 };
    // SAFETY: the path is ended by a zero and borrowed through the call.
    owned(unsafe { bpf(&mut attr) }?)
}

/// Opens a program by its id, which takes CAP_SYS_ADMIN.
pub(crate) fn prog_by_id(id: u32) -> Result<OwnedFd, Errno> {
    let mut attr = ById::<BPF_PROG_GET_FD_BY_ID> { id, next_id: 0, open_flags: 0 };
    // SAFETY: the attribute holds no pointer.
    owned(unsafe { bpf(&mut attr) }?)
}

/// Opens a map by its id, which takes CAP_SYS_ADMIN.
pub(crate) fn map_by_id(id: u32) -> Result<OwnedFd, Errno> {
    let mut attr = ById::<BPF_MAP_GET_FD_BY_ID> { id, next_id: 0, open_flags: 0 };
    // SAFETY: the attribute holds no pointer.
    owned(unsafe { bpf(&mut attr) }?)
}

/// The lowest id of a program above one; `ENOENT` behind the last. Takes CAP_SYS_ADMIN, as the
/// next two do.
pub(crate) fn prog_next_id(id: u32) -> Result<u32, Errno> {
    let mut attr = ById::<BPF_PROG_GET_NEXT_ID> { id, next_id: 0, open_flags: 0 };
    // SAFETY: the attribute holds no pointer.
    unsafe { bpf(&mut attr) }.map(|_| attr.next_id)
}

/// The lowest id of a map above one.
pub(crate) fn map_next_id(id: u32) -> Result<u32, Errno> {
    let mut attr = ById::<BPF_MAP_GET_NEXT_ID> { id, next_id: 0, open_flags: 0 };
    // SAFETY: the attribute holds no pointer.
    unsafe { bpf(&mut attr) }.map(|_| attr.next_id)
}

/// The lowest id of a link above one.
pub(crate) fn link_next_id(id: u32) -> Result<u32, Errno> {
    let mut attr = ById::<BPF_LINK_GET_NEXT_ID> { id, next_id: 0, open_flags: 0 };
    // SAFETY: the attribute holds no pointer.
    unsafe { bpf(&mut attr) }.map(|_| attr.next_id)
}

/// What the kernel tells of a program.
pub(crate) struct ProgFacts {
    pub(crate) kind: u32,
    pub(crate) id: u32,
    pub(crate) tag: [u8; BPF_TAG_SIZE],
    pub(crate) jited_len: u32,
    pub(crate) xlated_len: u32,
    pub(crate) load_time: u64,
    pub(crate) uid: u32,
    pub(crate) name: String,
    pub(crate) map_ids: Vec<u32>,
    pub(crate) maps: u32,
}

/// Asks for the facts of a program, with as many map ids as `room` says; `maps` is how many there
/// are.
pub(crate) fn prog_info(prog: BorrowedFd<'_>, room: usize) -> Result<ProgFacts, Errno> {
    let mut ids = vec![0; room];
    let mut raw = ProgInfoRaw {
        prog_type: 0,
        id: 0,
        tag: [0; BPF_TAG_SIZE],
        jited_prog_len: 0,
        xlated_prog_len: 0,
        jited_prog_insns: Ptr::NULL,
        xlated_prog_insns: Ptr::NULL,
        load_time: 0,
        created_by_uid: 0,
        nr_map_ids: length(room)?,
        map_ids: Ptr::numbers(&mut ids),
        name: [0; BPF_OBJ_NAME_LEN],
    };
    let info_len = length(size_of::<ProgInfoRaw<'_>>())?;
    let mut attr = ObjInfo { bpf_fd: number(prog), info_len, info: Ptr::fill(&mut raw) };
    // SAFETY: the kernel writes at most `info_len` bytes to `raw`, and at most `nr_map_ids` ids to
    // `ids`; the other pointers in `raw` are null and their lengths zero.
    unsafe { bpf(&mut attr) }?;
    let maps = raw.nr_map_ids;
    let facts = ProgFacts {
        kind: raw.prog_type,
        id: raw.id,
        tag: raw.tag,
        jited_len: raw.jited_prog_len,
        xlated_len: raw.xlated_prog_len,
        load_time: raw.load_time,
        uid: raw.created_by_uid,
        name: stored_name(&raw.name),
        map_ids: Vec::new(),
        maps,
    };
    ids.truncate(usize::try_from(maps).unwrap_or(room));
    Ok(ProgFacts { map_ids: ids, ..facts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_to_fifteen_characters_that_the_kernel_takes() {
        assert_eq!(&object_name("block-v4.long_name_here"), b"block_v4_long_n\0");
        assert_eq!(stored_name(&object_name("ports")), "ports");
        assert_eq!(stored_name(b"no closing zero!"), "no closing zero!");
        assert_eq!(stored_name(b"\xff\0rest"), "\u{fffd}");
    }

    #[test]
    fn a_descriptor_below_three_is_lifted_and_stays_open() {
        let file = std::fs::File::open("/dev/null").expect("a descriptor");
        let fd = lift(file.into()).expect("lifted");
        assert!(fd.as_raw_fd() >= LOWEST);
        assert!(fcntl(&fd, FcntlArg::F_GETFD).is_ok());
    }
}
