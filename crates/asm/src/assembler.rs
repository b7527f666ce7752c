//! The assembler: instructions in reading order, labels for where jumps go, notes for why.
//!
//! Mnemonics cannot fail; whatever is wrong surfaces in `finish`, which refuses labels that are
//! used and not placed or placed twice, instructions the machine does not have, unreachable code,
//! and a run off the end. A `Program` therefore has none of these, and `encode` can only be too
//! long or ask for a newer instruction set.

use std::borrow::Cow;

use crate::error::{AsmError, MAX_MAPS};
use crate::flow::{self, FlowError};
use crate::helper::Helper;
use crate::insn::{AluOp, AtomicOp, Call, Cond, Extend, Imm64, Insn, Size, Src, Swap, Test, Width};
use crate::map::{MapDecl, MapId};
use crate::note::{Note, Notes};
use crate::program::{Place, Program};
use crate::reg::{Mem, Reg};

/// A place in the program to jump to; belongs to the assembler that made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(pub(crate) usize);

/// What is known of a label so far; each number is that of an instruction.
#[derive(Debug)]
struct Known {
    name: Cow<'static, str>,
    at: Option<usize>,
    again: Option<usize>,
    wanted: Option<usize>,
    takes: Option<u8>,
}

/// A program in the making.
#[derive(Debug, Default)]
pub struct Assembler {
    insns: Vec<Insn>,
    labels: Vec<Known>,
    maps: Vec<MapDecl>,
    notes: Notes,
    /// The first instruction that names what another assembler made.
    foreign: Option<usize>,
}

impl Assembler {
    /// An assembler with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new label; the name is for listings and errors and need not be unique.
    pub fn label(&mut self, name: impl Into<Cow<'static, str>>) -> Label {
        self.known(name.into(), None)
    }

    /// A new label for a function that takes so many numbers in R1 and on, and no pointer. Kernels that
    /// are told the program's types judge it once, for any numbers, and not anew at every call; such
    /// a function is called global (Documentation/bpf/verifier.rst).
    pub fn function(&mut self, name: impl Into<Cow<'static, str>>, numbers: u8) -> Label {
        self.known(name.into(), Some(numbers))
    }

    fn known(&mut self, name: Cow<'static, str>, takes: Option<u8>) -> Label {
        self.labels.push(Known { name, at: None, again: None, wanted: None, takes });
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub fn place(&mut self, label: Label) -> &mut Self {
        let here = self.insns.len();
        match self.labels.get_mut(label.0) {
            Some(known) if known.at.is_none() => known.at = Some(here),
            Some(known) => known.again = Some(here),
            None => self.foreign = Some(here),
        }
        self
    }

    /// Whether some jump, call or callback already names the label; a block that nobody wants and
    /// nothing falls into is better left out than refused as unreachable.
    pub fn wanted(&self, label: Label) -> bool {
        self.labels.get(label.0).is_some_and(|known| known.wanted.is_some())
    }

    /// Declares a map.
    pub fn map(&mut self, decl: MapDecl) -> MapId {
        let id = u16::try_from(self.maps.len()).unwrap_or(u16::MAX);
        self.maps.push(decl);
        MapId(id)
    }

    /// Says where the instructions from here on come from.
    pub fn note(&mut self, note: Note) -> &mut Self {
        self.notes.push(self.insns.len(), note);
        self
    }

    /// Adds an instruction.
    pub fn push(&mut self, insn: Insn) -> &mut Self {
        let here = self.insns.len();
        if let Some(Label(index)) = insn.label() {
            match self.labels.get_mut(index) {
                Some(known) => known.wanted = known.wanted.or(Some(here)),
                None => self.foreign = self.foreign.or(Some(here)),
            }
        }
        if insn.map().is_some_and(|map| map.index() >= self.maps.len()) {
            self.foreign = self.foreign.or(Some(here));
        }
        self.insns.push(insn);
        self
    }

    /// `dst = src`, 64 bits.
    pub fn mov(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Mov, dst, src.into())
    }

    /// `dst = src`, 32 bits; the upper half becomes zero.
    pub fn mov32(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu32(AluOp::Mov, dst, src)
    }

    /// `dst += src`, 64 bits.
    pub fn add(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Add, dst, src.into())
    }

    /// `dst -= src`, 64 bits.
    pub fn sub(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Sub, dst, src.into())
    }

    /// `dst *= src`, 64 bits.
    pub fn mul(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Mul, dst, src.into())
    }

    /// `dst /= src`, 64 bits, unsigned.
    pub fn div(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Div, dst, src.into())
    }

    /// `dst %= src`, 64 bits, unsigned.
    pub fn modulo(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Mod, dst, src.into())
    }

    /// `dst s/= src`, 64 bits, signed (v4).
    pub fn sdiv(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Sdiv, dst, src.into())
    }

    /// `dst s%= src`, 64 bits, signed (v4).
    pub fn smodulo(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Smod, dst, src.into())
    }

    /// Moves the low bytes of a register and fills the rest with their sign (v4).
    pub fn mov_signed(&mut self, size: Size, dst: Reg, src: Reg) -> &mut Self {
        self.push(Insn::MoveSigned { width: Width::W64, size, dst, src })
    }

    /// `dst |= src`, 64 bits.
    pub fn or(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Or, dst, src.into())
    }

    /// `dst &= src`, 64 bits.
    pub fn and(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::And, dst, src.into())
    }

    /// `dst ^= src`, 64 bits.
    pub fn xor(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Xor, dst, src.into())
    }

    /// `dst <<= src`, 64 bits.
    pub fn lsh(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Lsh, dst, src.into())
    }

    /// `dst >>= src`, 64 bits, filled with zeros.
    pub fn rsh(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Rsh, dst, src.into())
    }

    /// `dst s>>= src`, 64 bits, filled with the sign.
    pub fn arsh(&mut self, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.alu64(AluOp::Arsh, dst, src.into())
    }

    /// Arithmetic on the lower halves; the upper half of `dst` becomes zero.
    pub fn alu32(&mut self, op: AluOp, dst: Reg, src: impl Into<Src>) -> &mut Self {
        self.push(Insn::Alu { op, width: Width::W32, dst, src: src.into() })
    }

    /// `dst = -dst`, 64 bits.
    pub fn neg(&mut self, dst: Reg) -> &mut Self {
        self.push(Insn::Neg { width: Width::W64, dst })
    }

    /// Brings a register into a byte order.
    pub fn swap(&mut self, order: Swap, dst: Reg) -> &mut Self {
        self.push(Insn::Swap { order, dst })
    }

    /// Reads memory into a register, zero-extended.
    pub fn load(&mut self, size: Size, dst: Reg, mem: Mem) -> &mut Self {
        self.push(Insn::Load { size, extend: Extend::Zero, dst, mem })
    }

    /// Reads memory into a register, sign-extended (v4).
    pub fn load_signed(&mut self, size: Size, dst: Reg, mem: Mem) -> &mut Self {
        self.push(Insn::Load { size, extend: Extend::Sign, dst, mem })
    }

    /// Writes a register or a constant to memory.
    pub fn store(&mut self, size: Size, mem: Mem, src: impl Into<Src>) -> &mut Self {
        self.push(Insn::Store { size, mem, src: src.into() })
    }

    /// Changes memory atomically.
    pub fn atomic(&mut self, op: AtomicOp, size: Size, mem: Mem, src: Reg) -> &mut Self {
        self.push(Insn::Atomic { op, size, mem, src })
    }

    /// Loads a constant of 64 bits.
    pub fn load_imm64(&mut self, dst: Reg, value: u64) -> &mut Self {
        self.push(Insn::LoadImm64 { dst, value: Imm64::Const(value) })
    }

    /// Loads the address of a map, as helpers take it.
    pub fn load_map(&mut self, dst: Reg, map: MapId) -> &mut Self {
        self.push(Insn::LoadImm64 { dst, value: Imm64::Map(map) })
    }

    /// Loads the address of a byte in the value of an array map that has one entry.
    pub fn load_map_value(&mut self, dst: Reg, map: MapId, off: u32) -> &mut Self {
        self.push(Insn::LoadImm64 { dst, value: Imm64::MapValue { map, off } })
    }

    /// Jumps.
    pub fn jump(&mut self, to: Label) -> &mut Self {
        self.push(Insn::Jump { when: None, to })
    }

    /// Jumps over any distance (v4); `jump` does too where it has to, if that may be encoded so.
    pub fn jump_long(&mut self, to: Label) -> &mut Self {
        self.push(Insn::JumpLong { to })
    }

    /// Jumps if the comparison of 64 bits holds.
    pub fn jump_if(
        &mut self,
        left: Reg,
        cond: Cond,
        right: impl Into<Src>,
        to: Label,
    ) -> &mut Self {
        self.jump_when(Test { cond, width: Width::W64, left, right: right.into() }, to)
    }

    /// Jumps if the comparison of the lower halves holds.
    pub fn jump32_if(
        &mut self,
        left: Reg,
        cond: Cond,
        right: impl Into<Src>,
        to: Label,
    ) -> &mut Self {
        self.jump_when(Test { cond, width: Width::W32, left, right: right.into() }, to)
    }

    /// Calls a function of the kernel.
    pub fn call(&mut self, helper: Helper) -> &mut Self {
        self.push(Insn::Call(Call::Helper(helper)))
    }

    /// Calls the function of this program that starts at the label.
    pub fn call_sub(&mut self, to: Label) -> &mut Self {
        self.push(Insn::Call(Call::Sub(to)))
    }

    /// Returns `r0`.
    pub fn exit(&mut self) -> &mut Self {
        self.push(Insn::Exit)
    }

    /// Checks the whole and closes it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, as `AsmError` lists them.
    pub fn finish(self) -> Result<Program, AsmError> {
        if self.insns.is_empty() {
            return Err(AsmError::Empty);
        }
        if let Some(at) = self.foreign {
            return Err(AsmError::Foreign { at });
        }
        self.check_maps()?;
        let places = places(self.labels, self.insns.len())?;
        let program = Program { insns: self.insns, places, maps: self.maps, notes: self.notes };
        check_insns(&program)?;
        flow::check(&program).map_err(|error| flow_error(&program, error))?;
        Ok(program)
    }

    fn alu64(&mut self, op: AluOp, dst: Reg, src: Src) -> &mut Self {
        self.push(Insn::Alu { op, width: Width::W64, dst, src })
    }

    fn jump_when(&mut self, test: Test, to: Label) -> &mut Self {
        self.push(Insn::Jump { when: Some(test), to })
    }

    fn check_maps(&self) -> Result<(), AsmError> {
        let mut used: Vec<MapId> = self.insns.iter().filter_map(Insn::map).collect();
        used.sort_unstable();
        used.dedup();
        // Past the last number a `MapId` can be, two maps would share one.
        let used = used.len().max(self.maps.len().saturating_sub(usize::from(u16::MAX)));
        if used > MAX_MAPS { Err(AsmError::TooManyMaps { used }) } else { Ok(()) }
    }
}

/// Where the labels stand; one that nobody uses may stand nowhere, which is put as the end.
fn places(labels: Vec<Known>, end: usize) -> Result<Vec<Place>, AsmError> {
    let place = |known: Known| match known {
        Known { name, at: Some(first), again: Some(second), .. } => {
            Err(AsmError::PlacedTwice { label: name, first, second })
        }
        Known { name, at: None, wanted: Some(at), .. } => {
            Err(AsmError::Unplaced { label: name, at })
        }
        Known { name, at, takes, .. } => Ok(Place { name, at: at.unwrap_or(end), takes }),
    };
    labels.into_iter().map(place).collect()
}

fn check_insns(program: &Program) -> Result<(), AsmError> {
    for (at, insn) in program.insns().iter().enumerate() {
        if let Some(flaw) = insn.flaw() {
            let note = program.note_at(at).cloned();
            return Err(AsmError::Flawed { at, insn: program.text_at(at), note, flaw });
        }
    }
    Ok(())
}

fn flow_error(program: &Program, error: FlowError) -> AsmError {
    let at = error.at();
    let (insn, note) = (program.text_at(at), program.note_at(at).cloned());
    match error {
        FlowError::Unreachable { .. } => AsmError::Unreachable { at, insn, note },
        FlowError::FallsOffEnd { .. } => AsmError::FallsOffEnd { at, insn, note },
        FlowError::LeavesFunction { .. } => AsmError::LeavesFunction { at, insn, note },
    }
}
