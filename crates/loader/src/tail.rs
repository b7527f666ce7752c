//! Programs that another one goes on with: the slots of an array of programs.
//!
//! The kernel takes a program only if it was loaded in the same way as those that use the array: all
//! of them may lie in several buffers, or none; all of them said the same of where they are to be
//! attached; all are machine code, or none. It says no more than `EINVAL`; [`Unlike`] tells which it
//! was. It empties an array when the last descriptor or pin of it goes, whatever programs still use
//! it: who relies on one has it pinned.

use std::fmt;
use std::os::fd::AsFd;

use palisade_asm::{Assembler, Helper, Image, Isa, MapDecl, MapFlags, MapKind, R0, R2, R3};

use crate::Errno;
use crate::map::{MapError, MapHandle};
use crate::program::{AttachType, Buffers, Program};

impl MapHandle {
    /// Puts a program into a slot of this array of programs, where `bpf_tail_call` finds it.
    #[doc(alias = "BPF_MAP_TYPE_PROG_ARRAY")]
    pub fn set_program(&self, slot: u32, program: &Program) -> Result<(), MapError> {
        self.set_descriptor(slot, program.as_fd())
    }

    /// Whether a program that is loaded for `buffers` as [`Program::load`] does may use this array of
    /// programs, found out by loading one. Of an array that no program has used yet it decides that.
    pub fn takes_callers(&self, buffers: Buffers) -> Result<bool, Errno> {
        let image = caller().ok_or(Errno::EINVAL)?;
        let slots = self.try_clone().map_err(|error| error.errno().unwrap_or(Errno::EINVAL))?;
        match Program::try_load(&image, &[slots], buffers, AttachType::Xdp) {
            Ok(_) => Ok(true),
            Err(Errno::EINVAL) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// The number of the program in a slot, if there is one.
    pub fn program_in(&self, slot: u32) -> Result<Option<u32>, MapError> {
        let read = self.read(&slot.to_ne_bytes())?;
        Ok(read.and_then(|bytes| bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))))
    }

    /// Takes the program out of a slot; whether there was one.
    pub fn clear_program(&self, slot: u32) -> Result<bool, MapError> {
        self.clear_descriptor(slot)
    }
}

/// In what a program differs from those that would call it as their tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlike {
    /// In nothing that could be found.
    Nothing,
    /// In whether its frames may lie in several buffers; this is how it takes them.
    Buffers(Buffers),
    /// In what its loader said of where it is to be attached.
    AttachType(AttachType),
    /// In both.
    Both(Buffers, AttachType),
    /// In whether it is machine code, or it is bound to a device: no program of this machine may
    /// call it.
    Everything,
    /// Nobody knows: the question was refused.
    Unknown(Errno),
}

impl Unlike {
    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::Nothing => "try again: it may have been exchanged meanwhile",
            Self::Buffers(Buffers::Single) => {
                "load it for frames in several buffers, as libbpf does for SEC(\"xdp.frags\")"
            }
            Self::Buffers(Buffers::Multi) | Self::Both(Buffers::Multi, _) => {
                "load it for frames in one buffer, as libbpf does for SEC(\"xdp\")"
            }
            Self::AttachType(_) => {
                "load it with the attach type BPF_XDP, as libbpf does for SEC(\"xdp\") and SEC(\"xdp.frags\")"
            }
            Self::Both(Buffers::Single, _) => {
                "load it for frames in several buffers and with the attach type BPF_XDP, as libbpf does for SEC(\"xdp.frags\")"
            }
            Self::Everything => "load it under the same net.core.bpf_jit_enable, and for no device",
            Self::Unknown(_) => "`palisade doctor` tells which rights are missing",
        }
    }
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("the two are loaded alike"),
            Self::Buffers(buffers) => f.write_str(buffers_text(*buffers)),
            Self::AttachType(kind) => f.write_str(attach_text(*kind)),
            Self::Both(buffers, kind) => {
                write!(f, "{}, and {}", buffers_text(*buffers), attach_text(*kind))
            }
            Self::Everything => f.write_str(
                "no program here could call it: it is bound to a device, or it is interpreted where others are machine code",
            ),
            Self::Unknown(errno) => write!(f, "in what it differs could not be asked: {errno}"),
        }
    }
}

fn buffers_text(buffers: Buffers) -> &'static str {
    match buffers {
        Buffers::Single => {
            "it was loaded for frames in one buffer, without BPF_F_XDP_HAS_FRAGS, the policy's program with it"
        }
        Buffers::Multi => {
            "it was loaded for frames in several buffers, with BPF_F_XDP_HAS_FRAGS, the policy's program without it"
        }
    }
}

fn attach_text(kind: AttachType) -> &'static str {
    match kind {
        AttachType::Unsaid => {
            "it was loaded without an attach type, the policy's program with BPF_XDP"
        }
        AttachType::Xdp => {
            "it was loaded with the attach type BPF_XDP, the policy's program without"
        }
    }
}

impl Program {
    /// In what this program differs from one that is loaded for `buffers` as [`Program::load`] does,
    /// found out by loading programs that would call it.
    pub fn unlike(&self, buffers: Buffers) -> Unlike {
        let other = match buffers {
            Buffers::Single => Buffers::Multi,
            Buffers::Multi => Buffers::Single,
        };
        let (own, rest) = (AttachType::Xdp, AttachType::Unsaid);
        let ways = [
            (buffers, own, Unlike::Nothing),
            (other, own, Unlike::Buffers(other)),
            (buffers, rest, Unlike::AttachType(rest)),
            (other, rest, Unlike::Both(other, rest)),
        ];
        for (buffers, kind, unlike) in ways {
            match self.may_follow(buffers, kind) {
                Ok(true) => return unlike,
                Ok(false) => {}
                Err(errno) => return Unlike::Unknown(errno),
            }
        }
        Unlike::Everything
    }

    /// Whether a program that is loaded like this may call this one. The first program that an array
    /// meets decides of which sort the others have to be, so each try takes one of its own.
    fn may_follow(&self, buffers: Buffers, kind: AttachType) -> Result<bool, Errno> {
        let errno_of = |error: MapError| error.errno().unwrap_or(Errno::EINVAL);
        let slots = MapHandle::create(&slots()).map_err(errno_of)?;
        match slots.set_program(0, self).map_err(errno_of) {
            Ok(()) => {}
            Err(Errno::EINVAL) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        let image = caller().ok_or(Errno::EINVAL)?;
        match Program::try_load(&image, &[slots], buffers, kind) {
            Ok(_) => Ok(true),
            Err(Errno::EINVAL) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

fn slots() -> MapDecl {
    MapDecl {
        name: "probe".to_owned(),
        kind: MapKind::ProgArray,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: MapFlags::NONE,
    }
}

/// A program that does nothing but call.
fn caller() -> Option<Image> {
    let mut a = Assembler::new();
    let slots = a.map(slots());
    a.load_map(R2, slots).mov(R3, 0).call(Helper::TAIL_CALL).mov(R0, 2).exit();
    a.finish().ok()?.encode(Isa::V3).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::program::LoadOptions;

    fn loaded(buffers: Buffers, kind: AttachType) -> Result<Program, Errno> {
        let mut a = Assembler::new();
        a.mov(R0, 2).exit();
        let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
        Program::try_load(&image, &[], buffers, kind)
    }

    /// Whether the kernel lets a program that is loaded for `buffers` call another one.
    fn calls(buffers: Buffers, other: &Program) -> bool {
        let slots = MapHandle::create(&slots()).expect("an array of programs");
        let map = slots.try_clone().expect("a descriptor");
        let image = caller().expect("a program");
        Program::try_load(&image, &[map], buffers, AttachType::Xdp).expect("the kernel takes it");
        slots.set_program(0, other).is_ok()
    }

    #[test]
    fn what_is_loaded_otherwise_is_told_by_what_differs_wherever_the_kernel_refuses_it() {
        if let Err(errno) = loaded(Buffers::Single, AttachType::Xdp) {
            let required = std::env::var_os("PALISADE_KERNEL").is_some_and(|v| v == "require");
            assert!(!required, "{errno}");
            writeln!(std::io::stderr(), "skipped: {errno}").expect("stderr");
            return;
        }
        let all = [Buffers::Single, Buffers::Multi];
        for caller in all {
            for (buffers, kind) in all.into_iter().flat_map(|buffers| {
                [AttachType::Xdp, AttachType::Unsaid].map(|kind| (buffers, kind))
            }) {
                // Before Linux 5.18 there are no programs for several buffers.
                let Ok(other) = loaded(buffers, kind) else { continue };
                if caller == Buffers::Multi && loaded(Buffers::Multi, kind).is_err() {
                    continue;
                }
                let unlike = other.unlike(caller);
                let told = format!("{buffers:?} {kind:?} behind {caller:?}: {unlike}");
                assert_eq!(unlike == Unlike::Nothing, calls(caller, &other), "{told}");
                let of_buffers = matches!(unlike, Unlike::Buffers(_) | Unlike::Both(..));
                assert_eq!(of_buffers, buffers != caller, "{told}");
                let of_kind = matches!(unlike, Unlike::AttachType(_) | Unlike::Both(..));
                assert!(!of_kind || kind == AttachType::Unsaid, "{told}");
            }
        }
    }

    #[test]
    fn whatever_this_crate_loads_can_be_called_by_what_it_loads() {
        for buffers in [Buffers::Single, Buffers::Multi] {
            if loaded(buffers, AttachType::Xdp).is_err() {
                continue;
            }
            let mut a = Assembler::new();
            a.mov(R0, 2).exit();
            let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
            let options = LoadOptions { name: "alike", license: c"GPL", buffers };
            let program = Program::load(&image, &[], &options).expect("the kernel takes it");
            assert_eq!(program.unlike(buffers), Unlike::Nothing);
        }
    }

    #[test]
    fn a_slot_is_set_read_and_cleared() {
        let Ok(program) = loaded(Buffers::Single, AttachType::Xdp) else { return };
        let slots = MapHandle::create(&slots()).expect("an array of programs");
        assert_eq!(slots.program_in(0).expect("read"), None);
        assert!(!slots.clear_program(0).expect("nothing is there"));
        slots.set_program(0, &program).expect("it takes any program first");
        let id = program.info().expect("described").id;
        assert_eq!(slots.program_in(0).expect("read"), Some(id));
        assert!(slots.clear_program(0).expect("cleared"));
        assert_eq!(slots.program_in(0).expect("read"), None);
    }
}
