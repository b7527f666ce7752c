//! Programs: loaded from an image, opened from a pin, described, and run on packets.
//!
//! A load is silent first, since writing the log costs more than verifying; only a refused program
//! is loaded a second time with a log. The refusal carries the instruction the verifier stopped at
//! and the note that the generator left on it. Type information is for those who read listings and
//! logs: a kernel that refuses it gets the program without. Dropping a [`Program`] closes its
//! descriptor: what is attached or pinned stays.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use palisade_asm::btf::ProgramBtf;
use palisade_asm::{Image, Note, RawInsn};

use crate::Errno;
use crate::link::IfIndex;
use crate::map::MapHandle;
use crate::memlock;
use crate::pin::{PinDir, PinError};
use crate::sys::{self, Debug, Load, Log, Records};
use crate::verifier::VerifierLog;

/// The buffer for a log: the longest that Linux 5.10 takes. What is not written of it is no memory.
const LOG: usize = 16 * 1024 * 1024 - 1;
/// The buffer for a reason alone.
const REASON: usize = 64 * 1024;
/// How many bytes a packet may grow by in a test run: headroom and tailroom of a page.
const GROWTH: usize = 4096;

/// How a program sees packets that take more than one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffers {
    /// It never gets such a packet; drivers refuse it on interfaces with a large MTU.
    Single,
    /// It gets them, and sees their first part.
    #[doc(alias = "BPF_F_XDP_HAS_FRAGS")]
    Multi,
}

/// What is said about a program when it is loaded.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions<'a> {
    /// Its name in listings; the kernel keeps 15 characters.
    pub name: &'a str,
    /// Its license; some helpers are for programs under the GPL alone.
    pub license: &'a CStr,
    /// Whether it takes packets of several buffers.
    pub buffers: Buffers,
}

/// The instruction at which verification ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blamed {
    /// Its slot in the image.
    pub slot: usize,
    /// Its text in the verifier's words, where the log lists it.
    pub text: Option<String>,
    /// What the generator said about it.
    pub note: Option<Note>,
}

/// Why a program was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// As many maps as the image declares were wanted.
    #[error("the program names {wanted} maps, and {given} were given")]
    Maps {
        /// How many the image declares.
        wanted: usize,
        /// How many came with it.
        given: usize,
    },
    /// The kernel refused.
    #[error("{}", refusal(name, *errno, log, blamed.as_ref()))]
    Refused {
        /// The program's name.
        name: String,
        /// What the kernel said.
        errno: Errno,
        /// What the verifier wrote; empty when it was not reached.
        log: VerifierLog,
        /// Where verification ended.
        blamed: Option<Blamed>,
    },
}

impl LoadError {
    /// What the kernel said, if it was asked.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            LoadError::Refused { errno, .. } => Some(*errno),
            LoadError::Maps { .. } => None,
        }
    }

    /// What the verifier wrote, if it did.
    pub fn log(&self) -> Option<&VerifierLog> {
        match self {
            LoadError::Refused { log, .. } if !log.text().is_empty() => Some(log),
            _ => None,
        }
    }

    /// The instruction at which verification ended, if it began.
    pub fn blamed(&self) -> Option<&Blamed> {
        match self {
            LoadError::Refused { blamed, .. } => blamed.as_ref(),
            LoadError::Maps { .. } => None,
        }
    }

    /// What to do about it, where that can be told from the error number or the log.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            // The number of this refusal differs between kernels, its words do not.
            LoadError::Refused { log, .. } if log.text().contains(JUMPS) => Some(JUMPS_HINT),
            LoadError::Refused { errno, .. } => load_hint(*errno),
            LoadError::Maps { .. } => None,
        }
    }
}

/// How the verifier begins to say that it cannot keep so many branches in mind.
const JUMPS: &str = "The sequence of ";
const JUMPS_HINT: &str = "too many branches are open on one path: the kernel follows 8192";

fn load_hint(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::EPERM => Some(
            "loading takes CAP_BPF and CAP_NET_ADMIN, and CAP_PERFMON as well before Linux 6.1",
        ),
        Errno::E2BIG => Some("the program is too long, or too complex to be verified"),
        Errno::EFAULT => Some(JUMPS_HINT),
        Errno::EMFILE => Some("too many open files; see `ulimit -n`"),
        Errno::ENOMEM => Some("there is not enough memory to verify it"),
        _ => None,
    }
}

fn refusal(name: &str, errno: Errno, log: &VerifierLog, blamed: Option<&Blamed>) -> String {
    let mut text = format!("the kernel refused program `{name}`: {errno}");
    if let Some(Blamed { slot, text: listed, note }) = blamed {
        text += &format!(" at instruction {slot}");
        if let Some(listed) = listed {
            text += &format!(" `{listed}`");
        }
        match note {
            Some(Note { line: Some(line), step }) => text += &format!(" (line {line}: {step})"),
            Some(Note { line: None, step }) => text += &format!(" ({step})"),
            None => {}
        }
    }
    if let Some(summary) = log.summary() {
        text += &format!(", \"{summary}\"");
    }
    text
}

/// The first bytes of the digest of a program's instructions, as the kernel computes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub [u8; 8]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the kernel tells of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Its number, unique while it lives.
    pub id: u32,
    /// The digest of its instructions.
    pub tag: Tag,
    /// The name the kernel keeps.
    pub name: String,
    /// How many instructions it has after the kernel's rewriting; zero for whoever may not know.
    pub instructions: u32,
    /// Bytes of machine code; zero when it is interpreted, or for whoever may not know.
    pub jited_len: u32,
    /// When it was loaded, since the machine started.
    pub loaded_at: Duration,
    /// The maps it uses.
    pub map_ids: Vec<u32>,
    /// Who loaded it.
    pub uid: u32,
}

/// A run of a program on one packet, any number of times.
#[derive(Clone, Copy, Debug)]
pub struct TestRun<'a> {
    /// The packet; from Linux 5.18 on, one of less than 14 bytes is refused.
    pub packet: &'a [u8],
    /// How often; at least once.
    pub repeat: u32,
    /// The interface it is to come from; `None` is the loopback of the kernel's own choice.
    pub ingress: Option<IfIndex>,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRunResult {
    /// The program's result, an `XDP_` action.
    pub retval: u32,
    /// The packet as the program left it.
    pub packet: Vec<u8>,
    /// The mean time of one pass.
    pub duration: Duration,
}

/// A run that sends the packet through the stack, as if it had arrived.
#[derive(Clone, Copy, Debug)]
pub struct LiveRun<'a> {
    /// The packet.
    pub packet: &'a [u8],
    /// How many of it.
    pub repeat: u32,
    /// How many the kernel handles at a time, 1 to 256.
    pub batch: u32,
    /// The interface it is to come from; `None` is the loopback of the kernel's own choice.
    pub ingress: Option<IfIndex>,
}

/// An XDP program in the kernel, by an owned descriptor.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
}

impl Program {
    /// Loads an image. `maps` stand in the order in which the image declares them.
    pub fn load(
        image: &Image,
        maps: &[MapHandle],
        options: &LoadOptions<'_>,
    ) -> Result<Self, LoadError> {
        Self::load_as(image, maps, options, None)
    }

    /// The same, and tells the kernel which functions the program has and where each part of it
    /// comes from, for whoever lists it and for the log of a refusal. A kernel that does not take
    /// that loads the program without.
    pub fn load_described(
        image: &Image,
        maps: &[MapHandle],
        options: &LoadOptions<'_>,
        btf: &ProgramBtf,
    ) -> Result<Self, LoadError> {
        Self::load_as(image, maps, options, Some(btf))
    }

    fn load_as(
        image: &Image,
        maps: &[MapHandle],
        options: &LoadOptions<'_>,
        btf: Option<&ProgramBtf>,
    ) -> Result<Self, LoadError> {
        if image.maps.len() != maps.len() {
            return Err(LoadError::Maps { wanted: image.maps.len(), given: maps.len() });
        }
        let fds: Vec<BorrowedFd<'_>> = maps.iter().map(AsFd::as_fd).collect();
        let insns = sys::link(image, &fds);
        let loaded = match btf.and_then(Described::new) {
            Some(described) => described.load(&insns, options),
            None => load_linked(&insns, options, None),
        };
        loaded.map(|fd| Program { fd }).map_err(|(errno, log)| {
            let blamed = log.blamed().map(|slot| Blamed {
                slot,
                text: log.instruction(slot).map(str::to_owned),
                note: image.note_at(slot).cloned(),
            });
            LoadError::Refused { name: options.name.to_owned(), errno, log, blamed }
        })
    }

    /// Opens the XDP program pinned under a name; anything else under that name is an error.
    pub fn open(dir: &PinDir, name: &str) -> Result<Self, PinError> {
        Ok(Program { fd: dir.open_program(name)? })
    }

    /// Opens any program by its number; takes CAP_SYS_ADMIN. `ENOENT` when it is gone.
    pub fn by_id(id: u32) -> Result<Self, Errno> {
        Ok(Program { fd: sys::prog_by_id(id)? })
    }

    /// Another descriptor of the same program.
    pub fn try_clone(&self) -> Result<Self, Errno> {
        self.fd.try_clone().map(|fd| Program { fd }).map_err(|error| Errno::from_io(&error))
    }

    /// Pins it under a name that must be free.
    pub fn pin(&self, dir: &PinDir, name: &str) -> Result<(), PinError> {
        dir.pin(self.as_fd(), name)
    }

    /// What the kernel tells of it.
    pub fn info(&self) -> Result<ProgramInfo, Errno> {
        let count = usize::try_from(sys::prog_info(self.as_fd(), 0)?.maps);
        let facts = sys::prog_info(self.as_fd(), count.map_err(|_| Errno::E2BIG)?)?;
        Ok(ProgramInfo {
            id: facts.id,
            tag: Tag(facts.tag),
            name: facts.name,
            instructions: facts.xlated_len / 8,
            jited_len: facts.jited_len,
            loaded_at: Duration::from_nanos(facts.load_time),
            map_ids: facts.map_ids,
            uid: facts.uid,
        })
    }

    /// Runs it on a packet that goes nowhere.
    pub fn test_run(&self, run: &TestRun<'_>) -> Result<TestRunResult, Errno> {
        let mut packet = vec![0; run.packet.len() + GROWTH];
        let context = context(run.packet, run.ingress);
        let request = sys::TestRun {
            packet: run.packet,
            context: &context,
            repeat: run.repeat.max(1),
            flags: 0,
            batch_size: 0,
        };
        let output = sys::prog_test_run(self.as_fd(), &request, &mut packet)?;
        packet.truncate(usize::try_from(output.length).unwrap_or(usize::MAX));
        let duration = Duration::from_nanos(output.duration.into());
        Ok(TestRunResult { retval: output.retval, packet, duration })
    }

    /// Runs it on packets that go where its result says: up the stack, back, or on to another
    /// interface; the mean time of one, in which its way through the stack is as far as it goes on
    /// this processor. Kernels before 5.18 answer `EINVAL`.
    pub fn run_live(&self, run: &LiveRun<'_>) -> Result<Duration, Errno> {
        let context = context(run.packet, run.ingress);
        let request = sys::TestRun {
            packet: run.packet,
            context: &context,
            repeat: run.repeat.max(1),
            flags: sys::BPF_F_TEST_XDP_LIVE_FRAMES,
            // Never zero: old kernels ignore the flag without a word, and refuse this field.
            batch_size: run.batch.max(1),
        };
        let output = sys::prog_test_run(self.as_fd(), &request, &mut [])?;
        Ok(Duration::from_nanos(output.duration.into()))
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The `struct xdp_md` of a run: the packet's end and the interface; empty when none is asked for,
/// as kernels before 5.15 want it.
fn context(packet: &[u8], ingress: Option<IfIndex>) -> Vec<u8> {
    let Some(ingress) = ingress else { return Vec::new() };
    let end = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
    [0, end, 0, ingress.number(), 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect()
}

/// Type information that the kernel has taken, and its records for one program.
struct Described {
    btf: OwnedFd,
    functions: Vec<u8>,
    lines: Vec<u8>,
}

impl Described {
    /// Hands the type information over; none where the kernel does not take it.
    fn new(of: &ProgramBtf) -> Option<Self> {
        let btf = sys::btf_load(of.bytes()).ok()?;
        Some(Self { btf, functions: of.func_info(), lines: of.line_info() })
    }

    fn debug(&self) -> Debug<'_> {
        let records = |bytes, size| Records { bytes, size };
        Debug {
            btf: self.btf.as_fd(),
            functions: records(&self.functions, ProgramBtf::FUNC_RECORD),
            lines: records(&self.lines, ProgramBtf::LINE_RECORD),
        }
    }

    /// Loads with it. Where that is refused for another reason than the verifier's own, it may be
    /// the reason, and the program is loaded without; a log that blames an instruction is worth more
    /// with the lines in it.
    fn load(
        &self,
        insns: &[RawInsn],
        options: &LoadOptions<'_>,
    ) -> Result<OwnedFd, (Errno, VerifierLog)> {
        match load_linked(insns, options, Some(self.debug())) {
            Err((_, log)) if log.blamed().is_none() => load_linked(insns, options, None),
            other => other,
        }
    }
}

/// Loads silently, and once more with a log when that is refused by the verifier.
fn load_linked(
    insns: &[RawInsn],
    options: &LoadOptions<'_>,
    debug: Option<Debug<'_>>,
) -> Result<OwnedFd, (Errno, VerifierLog)> {
    let flags = match options.buffers {
        Buffers::Single => 0,
        Buffers::Multi => sys::BPF_F_XDP_HAS_FRAGS,
    };
    let load = Load { name: options.name, license: options.license, flags, insns, debug };
    let loaded = match sys::prog_load(&load, Log::Silent) {
        Err((Errno::EPERM, _)) if memlock::raise() => sys::prog_load(&load, Log::Silent),
        other => other,
    };
    match loaded {
        Ok(fd) => Ok(fd),
        // Permission is decided before anything is verified.
        Err((errno @ Errno::EPERM, _)) => Err((errno, VerifierLog::default())),
        Err((errno, _)) => explain(&load, errno),
    }
}

/// Loads with a log; that load may succeed where the silent one ran out of memory.
fn explain(load: &Load<'_>, errno: Errno) -> Result<OwnedFd, (Errno, VerifierLog)> {
    let mut log = vec![0; LOG];
    match sys::prog_load(load, Log::Path(&mut log)) {
        Ok(fd) => return Ok(fd),
        // Of a log that is too long, kernels that do not tell its size keep the head; others keep
        // the end, where the reason stands.
        Err((Errno::ENOSPC, 0)) => {}
        Err(_) => return Err((errno, VerifierLog::from_bytes(&log))),
    }
    let mut reason = vec![0; REASON];
    let loaded = sys::prog_load(load, Log::Reason(&mut reason));
    loaded.map_err(|_| (errno, VerifierLog::from_bytes(&reason)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use palisade_asm::{Assembler, ByteOrder, Isa, R0};

    use super::*;

    #[test]
    fn a_refusal_names_the_program_the_instruction_the_line_and_the_kernels_words() {
        let log = VerifierLog::from_bytes(
            b"57: (69) r2 = *(u16 *)(r8 +2)\ninvalid access to packet, off=36 size=2\nprocessed 58 insns\n\0",
        );
        let blamed = Blamed {
            slot: 57,
            text: log.instruction(57).map(str::to_owned),
            note: Some(Note::line(14, "drop tcp dport in blocked")),
        };
        let error = LoadError::Refused {
            name: "edge".into(),
            errno: Errno::EACCES,
            log,
            blamed: Some(blamed),
        };
        assert_eq!(
            error.to_string(),
            "the kernel refused program `edge`: EACCES (permission denied) at instruction 57 \
             `r2 = *(u16 *)(r8 +2)` (line 14: drop tcp dport in blocked), \
             \"invalid access to packet, off=36 size=2\""
        );
    }

    #[test]
    fn a_tag_prints_as_sixteen_hexadecimal_digits() {
        assert_eq!(Tag([0, 1, 0xab, 0, 0, 0, 0, 0xff]).to_string(), "0001ab00000000ff");
    }

    /// A program of two functions whose lines are told, and one whose lines are those of another.
    fn told() -> [(Image, ProgramBtf); 2] {
        let mut a = Assembler::new();
        let two = a.label("two");
        a.note(Note::line(7, "drop src in block")).call_sub(two).exit();
        a.note(Note::line(9, "default pass")).place(two).mov(R0, 2).exit();
        let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
        let mut a = Assembler::new();
        a.mov(R0, 2).exit();
        let short = a.finish().expect("a program").encode(Isa::V3).expect("an image");
        let btf = ProgramBtf::new(&image, "main.pal", ByteOrder::HOST).expect("small");
        [(image, btf.clone()), (short, btf)]
    }

    #[test]
    fn the_kernel_takes_what_is_told_of_functions_and_lines_and_refuses_what_is_wrong() {
        let options = LoadOptions { name: "told", license: c"GPL", buffers: Buffers::Single };
        let [(image, btf), (short, of_another)] = told();
        if let Err(error) = Program::load(&short, &[], &options) {
            let required = std::env::var_os("PALISADE_KERNEL").is_some_and(|v| v == "require");
            assert!(!required, "{error}");
            writeln!(std::io::stderr(), "skipped: {error}").expect("stderr");
            return;
        }
        let load = |image: &Image, btf: &ProgramBtf| {
            let described = Described::new(btf).expect("the kernel takes the types");
            load_linked(&sys::link(image, &[]), &options, Some(described.debug())).map(drop)
        };
        load(&image, &btf).unwrap_or_else(|(errno, log)| panic!("{errno}: {}", log.text()));
        assert!(load(&short, &of_another).is_err());
        Program::load_described(&short, &[], &options, &of_another).expect("loaded without");
    }
}
