//! What this kernel, and this caller, can do: found out by doing it.
//!
//! Each probe loads a small program, or makes a small map, and looks at the effect; version strings
//! are never consulted. There are three answers: a probe that was not allowed to ask says
//! `Unknown`, never `No`. What a probe makes is gone when it returns.

use std::fmt;

use palisade_asm::{
    AsmError, Assembler, AtomicOp, Cond, EncodeError, FP, Helper, Image, Isa, MapDecl, MapFlags,
    MapKind, R0, R1, R2, R3, R4, R6, R7, Size, Swap,
};

use crate::Errno;
use crate::map::MapHandle;
use crate::program::{Buffers, LiveRun, LoadOptions, Program};

/// `XDP_DROP` and `XDP_PASS`.
const DROP: i32 = 1;
const PASS: i32 = 2;

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is: it was used.
    Yes,
    /// It is not: the kernel refused it and nothing else.
    No,
    /// Nobody knows: the question was refused.
    Unknown(Errno),
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Support::Yes => f.write_str("yes"),
            Support::No => f.write_str("no"),
            Support::Unknown(errno) => write!(f, "unknown: {errno}"),
        }
    }
}

/// What kernel and caller offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// The highest version of the instruction set whose jumps and arithmetic load; `V1` when
    /// nothing could be loaded at all. Of `V3`, the atomic operations are a question of their own.
    pub isa: Isa,
    /// Atomic operations that return a value (Linux 5.12).
    pub atomic_fetch: Support,
    /// Reading packets; before Linux 6.1 it takes CAP_PERFMON.
    pub packet_access: Support,
    /// Taking the difference of two packet pointers, which takes CAP_PERFMON everywhere.
    pub pointer_subtraction: Support,
    /// Programs for packets of several buffers (Linux 5.18).
    pub multi_buffer: Support,
    /// The helper that tells the length of such a packet.
    pub buff_len: Support,
    /// Test runs whose packets really travel (Linux 5.18).
    pub live_frames: Support,
    /// Programs become machine code.
    pub jit: Support,
    /// Hashes written in batches.
    pub batch_hash: Support,
    /// Tries of prefixes written in batches.
    pub batch_lpm: Support,
    /// Per-CPU arrays read in batches.
    pub batch_per_cpu_array: Support,
}

impl Features {
    /// Tries everything; takes a few milliseconds.
    pub fn probe() -> Self {
        let plain = load(pass, Buffers::Single);
        // Without this one loaded, no refusal below would mean anything.
        let unable = match &plain {
            Ok(_) => None,
            Err(errno) => Some(*errno),
        };
        let ask = |probe: fn() -> Support| unable.map_or_else(probe, Support::Unknown);
        Features {
            isa: best_isa(unable.is_none()),
            atomic_fetch: ask(|| loads(fetch_add, Buffers::Single)),
            packet_access: ask(|| loads(compare_packet_pointers, Buffers::Single)),
            pointer_subtraction: ask(|| loads(subtract_packet_pointers, Buffers::Single)),
            multi_buffer: ask(|| loads(pass, Buffers::Multi)),
            buff_len: ask(|| loads(measure, Buffers::Single)),
            live_frames: ask(live_frames),
            jit: plain.map_or_else(Support::Unknown, |program| jitted(&program)),
            batch_hash: batch_writes(MapKind::Hash, MapFlags::NONE),
            batch_lpm: batch_writes(MapKind::LpmTrie, MapFlags::NO_PREALLOC),
            batch_per_cpu_array: batch_reads(),
        }
    }
}

/// The effective capabilities that this crate's work may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Attaching.
    NetAdmin,
    /// Everything, of which opening objects by number is a part.
    SysAdmin,
    /// What the verifier allows to those who may see kernel addresses.
    Perfmon,
    /// Making maps and programs.
    Bpf,
}

impl Capability {
    /// The bit's number in `linux/capability.h`.
    fn bit(self) -> u32 {
        match self {
            Capability::NetAdmin => 12,
            Capability::SysAdmin => 21,
            Capability::Perfmon => 38,
            Capability::Bpf => 39,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Capability::NetAdmin => "CAP_NET_ADMIN",
            Capability::SysAdmin => "CAP_SYS_ADMIN",
            Capability::Perfmon => "CAP_PERFMON",
            Capability::Bpf => "CAP_BPF",
        })
    }
}

/// The effective capabilities of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// Those of the calling thread.
    pub fn current() -> Result<Self, Errno> {
        let status = std::fs::read_to_string("/proc/thread-self/status")
            .map_err(|error| Errno::from_io(&error))?;
        Self::parse(&status).ok_or(Errno::EINVAL)
    }

    fn parse(status: &str) -> Option<Self> {
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(line.trim(), 16).ok().map(Capabilities)
    }

    /// Whether a capability is held. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON too, as it
    /// does in the kernel.
    pub fn has(self, capability: Capability) -> bool {
        let held = |capability: Capability| self.0 & (1 << capability.bit()) != 0;
        match capability {
            Capability::Bpf | Capability::Perfmon => held(capability) || held(Capability::SysAdmin),
            Capability::NetAdmin | Capability::SysAdmin => held(capability),
        }
    }

    /// Those of `wanted` that are not held.
    pub fn missing(self, wanted: &[Capability]) -> Vec<Capability> {
        wanted.iter().copied().filter(|capability| !self.has(*capability)).collect()
    }
}

/// Why a probe has no program to load; the probes of this file always have one.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error(transparent)]
    Assemble(#[from] AsmError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// What writes a probe's program.
type Build = fn(&mut Assembler);

fn image(build: impl FnOnce(&mut Assembler)) -> Result<Image, ProbeError> {
    let mut assembler = Assembler::new();
    build(&mut assembler);
    Ok(assembler.finish()?.encode(Isa::V4)?)
}

fn load(build: impl FnOnce(&mut Assembler), buffers: Buffers) -> Result<Program, Errno> {
    let image = image(build).map_err(|_| Errno::EINVAL)?;
    let options = LoadOptions { name: "probe", license: c"GPL", buffers };
    Program::load(&image, &[], &options).map_err(|error| error.errno().unwrap_or(Errno::EINVAL))
}

fn loads(build: Build, buffers: Buffers) -> Support {
    answer(load(build, buffers).map(drop))
}

/// What a refusal says, given that a program that does nothing was accepted.
fn answer(result: Result<(), Errno>) -> Support {
    match result {
        Ok(()) => Support::Yes,
        Err(Errno::EINVAL | Errno::EACCES | Errno::ENOTSUPP | Errno::EOPNOTSUPP) => Support::No,
        Err(errno) => Support::Unknown(errno),
    }
}

fn best_isa(able: bool) -> Isa {
    let versions: [(Isa, Build); 3] =
        [(Isa::V4, all_of_version_4), (Isa::V3, jump_on_a_half), (Isa::V2, jump_on_less)];
    let mut loaded =
        versions.iter().filter(|(_, build)| loads(*build, Buffers::Single) == Support::Yes);
    if able { loaded.next().map_or(Isa::V1, |(isa, _)| *isa) } else { Isa::V1 }
}

fn pass(a: &mut Assembler) {
    a.mov(R0, PASS).exit();
}

fn jump_on_less(a: &mut Assembler) {
    let out = a.label("out");
    a.mov(R0, PASS).jump_if(R0, Cond::Lt, 1, out).mov(R0, DROP);
    a.place(out);
    a.exit();
}

fn jump_on_a_half(a: &mut Assembler) {
    let out = a.label("out");
    // A number: without CAP_PERFMON no pointer is compared so.
    a.mov(R0, PASS).load(Size::W, R2, R1 + 12).jump32_if(R2, Cond::Eq, 0, out).mov(R0, DROP);
    a.place(out);
    a.exit();
}

/// Every kind of instruction that version 4 brought. The long jump does not stand for the others:
/// updates of Linux 6.1 have it alone.
fn all_of_version_4(a: &mut Assembler) {
    let [on, out] = ["on", "out"].map(|name| a.label(name));
    a.mov(R0, PASS).store(Size::D, FP - 8, R0).load_signed(Size::B, R3, FP - 8);
    a.mov_signed(Size::H, R4, R3).sdiv(R4, 3).swap(Swap::Bswap32, R4);
    a.load(Size::W, R2, R1 + 12).jump_if(R2, Cond::Eq, 0, on).jump_long(out);
    a.place(on).mov(R0, DROP);
    a.place(out);
    a.exit();
}

fn fetch_add(a: &mut Assembler) {
    a.mov(R0, 0).store(Size::D, FP - 8, R0).mov(R2, 1);
    a.atomic(AtomicOp::FetchAdd, Size::D, FP - 8, R2).mov(R0, PASS).exit();
}

fn packet_pointers(a: &mut Assembler) {
    a.load(Size::W, R6, R1 + 0).load(Size::W, R7, R1 + 4).mov(R0, PASS);
}

fn compare_packet_pointers(a: &mut Assembler) {
    let short = a.label("short");
    packet_pointers(a);
    a.mov(R2, R6).add(R2, 1).jump_if(R2, Cond::Gt, R7, short).load(Size::B, R2, R6 + 0);
    a.place(short);
    a.exit();
}

fn subtract_packet_pointers(a: &mut Assembler) {
    packet_pointers(a);
    a.sub(R7, R6).exit();
}

fn measure(a: &mut Assembler) {
    a.call(Helper::XDP_GET_BUFF_LEN).mov(R0, PASS).exit();
}

fn live_frames() -> Support {
    let drops = |a: &mut Assembler| {
        a.mov(R0, DROP).exit();
    };
    let run = LiveRun { packet: &[0; 64], repeat: 1, batch: 1, ingress: None };
    answer(load(drops, Buffers::Single).and_then(|program| program.run_live(&run).map(drop)))
}

fn jitted(program: &Program) -> Support {
    match program.info() {
        Ok(info) if info.jited_len > 0 => Support::Yes,
        Ok(_) => Support::No,
        Err(errno) => Support::Unknown(errno),
    }
}

fn declared(kind: MapKind, key_size: u32, flags: MapFlags) -> MapDecl {
    MapDecl { name: "probe".to_owned(), kind, key_size, value_size: 8, max_entries: 1, flags }
}

fn batch_writes(kind: MapKind, flags: MapFlags) -> Support {
    match MapHandle::create(&declared(kind, 8, flags)) {
        Ok(map) => answer(map.map().update_batch(&[0; 8], &[0; 8]).map_err(|(errno, _)| errno)),
        Err(error) => Support::Unknown(error.errno().unwrap_or(Errno::EINVAL)),
    }
}

fn batch_reads() -> Support {
    let map = match MapHandle::create(&declared(MapKind::PerCpuArray, 4, MapFlags::NONE)) {
        Ok(map) => map,
        Err(error) => return Support::Unknown(error.errno().unwrap_or(Errno::EINVAL)),
    };
    let map = map.map();
    let (mut keys, mut values) = (vec![0; map.key_len()], vec![0; map.value_len()]);
    let mut mark = vec![0; map.mark_len()];
    let start = crate::sys::Start::Beginning;
    answer(map.lookup_batch(&mut mark, start, &mut keys, &mut values).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_question_is_unknown_and_never_no() {
        assert_eq!(answer(Err(Errno::EPERM)), Support::Unknown(Errno::EPERM));
        assert_eq!(answer(Err(Errno::ENOMEM)), Support::Unknown(Errno::ENOMEM));
        assert_eq!(answer(Err(Errno::EINVAL)), Support::No);
        assert_eq!(answer(Ok(())), Support::Yes);
    }

    #[test]
    fn every_probe_is_a_program_that_assembles() {
        let probes: [Build; 8] = [
            pass,
            jump_on_less,
            jump_on_a_half,
            all_of_version_4,
            fetch_add,
            compare_packet_pointers,
            subtract_packet_pointers,
            measure,
        ];
        for probe in probes {
            image(probe).expect("a program");
        }
    }

    #[test]
    fn capabilities_are_read_from_the_effective_set() {
        let all = Capabilities::parse("Name:\tx\nCapEff:\t000001ffffffffff\n").expect("a set");
        assert_eq!(all.missing(&[Capability::Bpf, Capability::NetAdmin]), []);
        let net = Capabilities::parse("CapInh:\t00\nCapEff:\t0000000000001000\n").expect("a set");
        assert_eq!(net.missing(&[Capability::NetAdmin, Capability::Bpf]), [Capability::Bpf]);
        let admin = Capabilities::parse("CapEff:\t0000000000200000\n").expect("a set");
        assert!(admin.has(Capability::Bpf) && !admin.has(Capability::NetAdmin));
        assert_eq!(Capabilities::parse("CapEff:\tnone\n"), None);
    }
}
