//! Loads of programs.
//!
//! A load is silent first, since writing the log costs more than verifying; only a refused program
//! is loaded a second time with a log. Type information is for those who read listings and logs: a
//! kernel that refuses it gets the program without.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use palisade_asm::btf::ProgramBtf;
use palisade_asm::{Image, RawInsn};

use super::{Blamed, LoadError, Program};
use crate::Errno;
use crate::map::MapHandle;
use crate::memlock;
use crate::sys::{self, Debug, Load, Log, Records};
use crate::verifier::VerifierLog;

/// The buffer for a log: the longest that Linux 5.10 takes. What is not written of it is no memory.
const LOG: usize = 16 * 1024 * 1024 - 1;
/// The buffer for a reason alone.
const REASON: usize = 64 * 1024;

/// How a program sees packets that take more than one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffers {
    /// It never gets such a packet; drivers refuse it on interfaces with a large MTU.
    Single,
    /// It gets them, and sees their first part.
    #[doc(alias = "BPF_F_XDP_HAS_FRAGS")]
    Multi,
}

/// What is said of where a program is to be attached. Any XDP program may be attached to an interface,
/// but newer kernels let programs call each other as tails only where the same was said of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "expected_attach_type")]
pub enum AttachType {
    /// Nothing: what old loaders say.
    Unsaid,
    /// To an interface: what libbpf says, and this crate of every program.
    #[doc(alias = "BPF_XDP")]
    Xdp,
}

impl AttachType {
    fn number(self) -> u32 {
        match self {
            AttachType::Unsaid => 0,
            AttachType::Xdp => sys::BPF_XDP,
        }
    }
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
        let insns = linked(image, maps)?;
        let loaded = match btf.and_then(Described::new) {
            Some(described) => described.load(&insns, options),
            None => load_linked(&insns, options, None),
        };
        let fd = loaded.map_err(|refusal| refused(image, options.name, refusal))?;
        Ok(Program { fd })
    }

    /// Loads an image for what the kernel says to it, which is no more than a number.
    pub(crate) fn try_load(
        image: &Image,
        maps: &[MapHandle],
        buffers: Buffers,
        attach_type: AttachType,
    ) -> Result<Self, Errno> {
        let insns = linked(image, maps).map_err(|_| Errno::EINVAL)?;
        let options = LoadOptions { name: "probe", license: c"GPL", buffers };
        let load = Load { attach_type: attach_type.number(), ..xdp(&insns, &options, None) };
        let loaded = match sys::prog_load(&load, Log::Silent) {
            Err((Errno::EPERM, _)) if memlock::raise() => sys::prog_load(&load, Log::Silent),
            other => other,
        };
        loaded.map(|fd| Program { fd }).map_err(|(errno, _)| errno)
    }
}

/// The image's code with its maps, which stand in the order in which it declares them.
pub(crate) fn linked(image: &Image, maps: &[MapHandle]) -> Result<Vec<RawInsn>, LoadError> {
    if image.maps.len() != maps.len() {
        return Err(LoadError::Maps { wanted: image.maps.len(), given: maps.len() });
    }
    let fds: Vec<BorrowedFd<'_>> = maps.iter().map(AsFd::as_fd).collect();
    Ok(sys::link(image, &fds))
}

/// What the kernel said of the program of an image.
pub(crate) fn refused(image: &Image, name: &str, (errno, log): (Errno, VerifierLog)) -> LoadError {
    let blamed = log.blamed().map(|slot| Blamed {
        slot,
        text: log.instruction(slot).map(str::to_owned),
        note: image.note_at(slot).cloned(),
    });
    LoadError::Refused { name: name.to_owned(), errno, log, blamed }
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

/// Loads an XDP program.
fn load_linked(
    insns: &[RawInsn],
    options: &LoadOptions<'_>,
    debug: Option<Debug<'_>>,
) -> Result<OwnedFd, (Errno, VerifierLog)> {
    load_or_explain(&xdp(insns, options, debug))
}

/// How an XDP program is loaded.
fn xdp<'a>(insns: &'a [RawInsn], options: &LoadOptions<'a>, debug: Option<Debug<'a>>) -> Load<'a> {
    let flags = match options.buffers {
        Buffers::Single => 0,
        Buffers::Multi => sys::BPF_F_XDP_HAS_FRAGS,
    };
    let (kind, attach_type) = (sys::BPF_PROG_TYPE_XDP, AttachType::Xdp.number());
    let LoadOptions { name, license, .. } = *options;
    Load { kind, attach_type, name, license, flags, insns, debug }
}

/// Loads silently, and once more with a log when that is refused by the verifier.
pub(crate) fn load_or_explain(load: &Load<'_>) -> Result<OwnedFd, (Errno, VerifierLog)> {
    let loaded = match sys::prog_load(load, Log::Silent) {
        Err((Errno::EPERM, _)) if memlock::raise() => sys::prog_load(load, Log::Silent),
        other => other,
    };
    match loaded {
        Ok(fd) => Ok(fd),
        // Permission is decided before anything is verified.
        Err((errno @ Errno::EPERM, _)) => Err((errno, VerifierLog::default())),
        Err((errno, _)) => explain(load, errno),
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

    use palisade_asm::{Assembler, ByteOrder, Isa, Note, R0};

    use super::*;

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
