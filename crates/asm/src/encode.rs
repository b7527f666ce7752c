//! From meanings to slots.
//!
//! `relax` has said where every instruction goes and which jumps need help; this file writes them
//! down in that order and goes back to none. A distance becomes an offset through `try_from` only.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::assembler::Label;
use crate::error::EncodeError;
use crate::image::{Image, Reloc, RelocKind};
use crate::insn::{AluOp, Call, Extend, Imm64, Insn, MapNumber, PacketAt, Src, Test, Width};
use crate::isa::Isa;
use crate::note::{Note, Notes};
use crate::opcode::{
    LOAD_IMM64, PSEUDO_CALL, PSEUDO_KFUNC_CALL, SOURCE_REG, class, mode, op, pseudo,
};
use crate::program::Program;
use crate::raw::RawInsn;
use crate::relax::{self, Form, Layout};

/// What the trampolines of far jumps have for a note.
const ISLAND: Note = Note { line: None, step: Cow::Borrowed("far jumps") };

impl Program {
    /// Encodes the program in an instruction set.
    ///
    /// # Errors
    ///
    /// `NeedsIsa` for an instruction that the set lacks, `TooLong`, and `JumpTooFar` for more
    /// than some ten thousand far jumps, each to a target of its own, across one place.
    pub fn encode(&self, isa: Isa) -> Result<Image, EncodeError> {
        for (at, insn) in self.insns().iter().enumerate() {
            let needs = insn.needs();
            if needs > isa {
                return Err(EncodeError::NeedsIsa { at, insn: self.text_at(at), needs, isa });
            }
        }
        Writer::new(self, Layout::of(self, isa)?).write()
    }
}

struct Writer<'a> {
    program: &'a Program,
    layout: Layout<'a>,
    image: Image,
}

impl<'a> Writer<'a> {
    fn new(program: &'a Program, layout: Layout<'a>) -> Self {
        let maps = program.maps().to_vec();
        let image = Image {
            code: Vec::with_capacity(program.insns().len()),
            relocs: Vec::new(),
            maps,
            notes: Notes::default(),
            labels: labels(program, &layout),
            takes: takes(program, &layout),
        };
        Self { program, layout, image }
    }

    fn write(mut self) -> Result<Image, EncodeError> {
        let built: Vec<_> = self.layout.islands().collect();
        let mut islands = built.into_iter().peekable();
        let (mut notes, mut note) = (self.program.notes().iter().peekable(), None);
        for (at, insn) in self.program.insns().iter().enumerate() {
            note =
                notes.next_if(|(start, _)| *start == at).map_or(note, |(_, begins)| Some(begins));
            self.note(note);
            self.insn(at, insn)?;
            if let Some((_, over, targets)) = islands.next_if(|(after, ..)| *after == at) {
                self.island(note.and(Some(&ISLAND)), at, over, &targets)?;
            }
        }
        Ok(self.image)
    }

    /// Lets the note hold from the next slot on.
    fn note(&mut self, note: Option<&Note>) {
        if let Some(note) = note
            && self.image.notes.last() != Some(note)
        {
            self.image.notes.push(self.image.code.len(), note.clone());
        }
    }

    fn island(
        &mut self,
        note: Option<&Note>,
        at: usize,
        over: Option<usize>,
        targets: &[usize],
    ) -> Result<(), EncodeError> {
        self.note(note);
        if let Some(slots) = over {
            let past = self.image.code.len() + 1 + slots;
            self.goto(at, past)?;
        }
        for &target in targets {
            self.goto(at, target)?;
        }
        Ok(())
    }

    fn goto(&mut self, at: usize, target: usize) -> Result<(), EncodeError> {
        let off = self.near(at, target)?;
        self.branch(None, off);
        Ok(())
    }

    fn emit(&mut self, op: u8, dst: u8, src: u8, off: i16, imm: i32) {
        self.image.code.push(RawInsn::new(op, dst, src, off, imm));
    }

    fn insn(&mut self, at: usize, insn: &Insn) -> Result<(), EncodeError> {
        match *insn {
            Insn::Alu { op, width, dst, src } => {
                let ((code, off), (bit, src, imm)) = (op.code(), operand(src));
                self.emit(code | bit | alu_class(width), dst.number(), src, off, imm);
            }
            Insn::MoveSigned { width, size, dst, src } => {
                let (code, _) = AluOp::Mov.code();
                let op = code | SOURCE_REG | alu_class(width);
                self.emit(op, dst.number(), src.number(), i16::from(size.bits()), 0);
            }
            Insn::Neg { width, dst } => {
                self.emit(op::NEG | alu_class(width), dst.number(), 0, 0, 0);
            }
            Insn::Swap { order, dst } => {
                let (class, bit, bits) = order.code();
                self.emit(op::END | bit | class, dst.number(), 0, 0, bits);
            }
            Insn::LoadImm64 { dst, value } => self.imm64(at, dst.number(), value)?,
            Insn::Load { size, extend, dst, mem } => {
                let mode = match extend {
                    Extend::Zero => mode::MEM,
                    Extend::Sign => mode::MEMSX,
                };
                let op = mode | size.code() | class::LDX;
                self.emit(op, dst.number(), mem.base.number(), mem.off, 0);
            }
            Insn::LoadPacket { size, at } => {
                let (mode, src, imm) = match at {
                    PacketAt::Abs(imm) => (mode::ABS, 0, imm),
                    PacketAt::Ind(reg, imm) => (mode::IND, reg.number(), imm),
                };
                self.emit(mode | size.code() | class::LD, 0, src, 0, imm);
            }
            Insn::Store { size, mem, src } => {
                let (op, src, imm) = match src {
                    Src::Reg(reg) => (class::STX, reg.number(), 0),
                    Src::Imm(imm) => (class::ST, 0, imm),
                };
                self.emit(mode::MEM | size.code() | op, mem.base.number(), src, mem.off, imm);
            }
            Insn::Atomic { op, size, mem, src } => {
                let opcode = mode::ATOMIC | size.code() | class::STX;
                self.emit(opcode, mem.base.number(), src.number(), mem.off, op.code());
            }
            Insn::Jump { when, to } => {
                let target = self.layout.slot(self.program.target(to));
                self.jump(at, when, target)?;
            }
            Insn::JumpLong { to } => {
                let imm = self.far(at, self.layout.slot(self.program.target(to)))?;
                self.emit(op::JA | class::JMP32, 0, 0, 0, imm);
            }
            Insn::Call(Call::Kfunc { btf_id, module }) => {
                self.emit(op::CALL | class::JMP, 0, PSEUDO_KFUNC_CALL, module, btf_id);
            }
            Insn::Call(Call::Helper(helper)) => {
                self.emit(op::CALL | class::JMP, 0, 0, 0, helper.id().cast_signed());
            }
            Insn::Call(Call::Sub(to)) => {
                let imm = self.far(at, self.layout.slot(self.program.target(to)))?;
                self.emit(op::CALL | class::JMP, 0, PSEUDO_CALL, 0, imm);
            }
            Insn::Exit => self.emit(op::EXIT | class::JMP, 0, 0, 0, 0),
        }
        Ok(())
    }

    fn jump(&mut self, at: usize, when: Option<Test>, target: usize) -> Result<(), EncodeError> {
        let to = match self.layout.form(at) {
            Form::Near => target,
            Form::Via(hop) => self.layout.hop_slot(hop),
            Form::Long => return self.long_jump(at, when, target),
        };
        let off = self.near(at, to)?;
        self.branch(when, off);
        Ok(())
    }

    /// `gotol`, behind the inverse of the test, or behind the test and a `goto` where it has none.
    fn long_jump(
        &mut self,
        at: usize,
        when: Option<Test>,
        target: usize,
    ) -> Result<(), EncodeError> {
        if let Some(test) = when {
            if let Some(cond) = test.cond.inverse() {
                self.branch(Some(Test { cond, ..test }), 1);
            } else {
                self.branch(Some(test), 1);
                self.branch(None, 1);
            }
        }
        let imm = self.far(at, target)?;
        self.emit(op::JA | class::JMP32, 0, 0, 0, imm);
        Ok(())
    }

    /// One jump instruction.
    fn branch(&mut self, when: Option<Test>, off: i16) {
        let Some(test) = when else { return self.emit(op::JA | class::JMP, 0, 0, off, 0) };
        let (bit, src, imm) = operand(test.right);
        let class = match test.width {
            Width::W32 => class::JMP32,
            Width::W64 => class::JMP,
        };
        self.emit(test.cond.code() | bit | class, test.left.number(), src, off, imm);
    }

    fn imm64(&mut self, at: usize, dst: u8, value: Imm64) -> Result<(), EncodeError> {
        let slot = self.image.code.len();
        let (source, low, high) = match value {
            Imm64::Const(value) => {
                let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
                let (low, high) = ([a, b, c, d], [e, f, g, h]);
                (pseudo::CONST, i32::from_le_bytes(low), i32::from_le_bytes(high))
            }
            Imm64::Map(map) => {
                self.image.relocs.push(Reloc { slot, kind: RelocKind::Map(map) });
                (pseudo::MAP_IDX, i32::from(map.0), 0)
            }
            Imm64::MapValue { map, off } => {
                self.image.relocs.push(Reloc { slot, kind: RelocKind::MapValue(map) });
                (pseudo::MAP_IDX_VALUE, i32::from(map.0), off.cast_signed())
            }
            Imm64::MapNumber(MapNumber::Fd(fd)) => (pseudo::MAP_FD, fd, 0),
            Imm64::MapNumber(MapNumber::Index(index)) => (pseudo::MAP_IDX, index, 0),
            Imm64::MapNumberValue { map: MapNumber::Fd(fd), off } => {
                (pseudo::MAP_VALUE, fd, off.cast_signed())
            }
            Imm64::MapNumberValue { map: MapNumber::Index(index), off } => {
                (pseudo::MAP_IDX_VALUE, index, off.cast_signed())
            }
            Imm64::Variable { btf_id, module } => (pseudo::BTF_ID, btf_id, module),
            Imm64::Sub(to) => {
                let target = self.layout.slot(self.program.target(to));
                (pseudo::FUNC, self.far(at, target)?, 0)
            }
        };
        self.emit(LOAD_IMM64, dst, source, 0, low);
        self.emit(0, 0, 0, 0, high);
        Ok(())
    }

    fn near(&self, at: usize, target: usize) -> Result<i16, EncodeError> {
        let distance = self.distance(target);
        i16::try_from(distance).map_err(|_| self.too_far(at, distance))
    }

    fn far(&self, at: usize, target: usize) -> Result<i32, EncodeError> {
        let distance = self.distance(target);
        i32::try_from(distance).map_err(|_| self.too_far(at, distance))
    }

    /// From after the next slot to be written to the target.
    fn distance(&self, target: usize) -> i64 {
        relax::distance(self.image.code.len(), target)
    }

    fn too_far(&self, at: usize, distance: i64) -> EncodeError {
        EncodeError::JumpTooFar { at, insn: self.program.text_at(at), distance }
    }
}

/// The names of the labels in use by their slots; where several stand at one, the first one's.
fn labels(program: &Program, layout: &Layout<'_>) -> BTreeMap<usize, Cow<'static, str>> {
    let mut used: Vec<Label> = program.insns().iter().filter_map(Insn::label).collect();
    used.sort_unstable();
    let mut labels = BTreeMap::new();
    for label in used {
        let slot = layout.slot(program.target(label));
        labels.entry(slot).or_insert_with(|| program.places[label.0].name.clone());
    }
    labels
}

/// What is said of functions, by their slots.
fn takes(program: &Program, layout: &Layout<'_>) -> BTreeMap<usize, u8> {
    let said = |insn: &Insn| {
        let Insn::Call(Call::Sub(label)) = insn else { return None };
        let takes = program.places[label.0].takes?;
        Some((layout.slot(program.target(*label)), takes))
    };
    program.insns().iter().filter_map(said).collect()
}

fn alu_class(width: Width) -> u8 {
    match width {
        Width::W32 => class::ALU,
        Width::W64 => class::ALU64,
    }
}

/// The source bit, the source register and the constant of a second operand.
fn operand(src: Src) -> (u8, u8, i32) {
    match src {
        Src::Reg(reg) => (SOURCE_REG, reg.number(), 0),
        Src::Imm(imm) => (0, 0, imm),
    }
}
