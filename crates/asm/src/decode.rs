//! From slots back to meanings: the inverse of `encode`, for code of any origin.
//!
//! Nothing is guessed and nothing panics: a field that RFC 9669 reserves must be zero, a jump must
//! lead to the first slot of an instruction, and the whole must have the shape that every
//! `Program` has. Each refusal says at which slot and why. A map that is given by a number without
//! a declaration stays that number: a descriptor means something in one process alone.

#![warn(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::assembler::Label;
use crate::error::{DecodeError, Field};
use crate::flow::{self, FlowError};
use crate::helper::Helper;
use crate::image::Image;
use crate::insn::{
    AluOp, AtomicOp, Call, Cond, Extend, Imm64, Insn, MapNumber, PacketAt, Size, Src, Swap, Test,
    Width,
};
use crate::map::{MapDecl, MapId};
use crate::note::Notes;
use crate::opcode::{
    LOAD_IMM64, PSEUDO_CALL, PSEUDO_KFUNC_CALL, SIZE_MASK, SOURCE_REG, class, mode, op, pseudo,
};
use crate::program::{Place, Program};
use crate::raw::RawInsn;
use crate::reg::Reg;

/// Reads code without declarations of maps.
///
/// # Errors
///
/// The first slot that is not as RFC 9669 or the shape of a `Program` wants it.
pub fn decode(code: &[RawInsn]) -> Result<Program, DecodeError> {
    Decoder::new(code, &[], &BTreeMap::new()).decode(&Notes::default())
}

/// Reads an image back, with its maps, notes and the names of its labels.
///
/// # Errors
///
/// As `decode`.
pub fn decode_image(image: &Image) -> Result<Program, DecodeError> {
    Decoder::new(&image.code, &image.maps, &image.labels).decode(&image.notes)
}

struct Decoder<'a> {
    code: &'a [RawInsn],
    maps: &'a [MapDecl],
    /// By slot, what the label there is called, where it has a name.
    names: &'a BTreeMap<usize, Cow<'static, str>>,
    /// By slot, the instruction that starts there.
    index: Vec<Option<usize>>,
    places: Vec<Place>,
    /// By instruction, the label that stands before it.
    labels: Vec<Option<Label>>,
}

impl<'a> Decoder<'a> {
    fn new(
        code: &'a [RawInsn],
        maps: &'a [MapDecl],
        names: &'a BTreeMap<usize, Cow<'static, str>>,
    ) -> Self {
        let (index, places, labels) = (Vec::new(), Vec::new(), Vec::new());
        Self { code, maps, names, index, places, labels }
    }

    fn decode(mut self, notes: &Notes) -> Result<Program, DecodeError> {
        if self.code.is_empty() {
            return Err(DecodeError::Empty);
        }
        let starts = self.split();
        let mut insns = Vec::with_capacity(starts.len());
        for &at in &starts {
            let insn = self.insn(at)?;
            if let Some(flaw) = insn.flaw() {
                return Err(DecodeError::Flawed { at, flaw });
            }
            insns.push(insn);
        }
        let notes = by_insn(notes, &starts);
        let program = Program { insns, places: self.places, maps: self.maps.to_vec(), notes };
        match flow::check(&program) {
            Ok(()) => Ok(program),
            Err(error) => Err(shape(&starts, error)),
        }
    }

    /// Finds the first slot of every instruction.
    fn split(&mut self) -> Vec<usize> {
        let mut starts = Vec::with_capacity(self.code.len());
        self.index.reserve_exact(self.code.len());
        let mut second_half = false;
        for (at, raw) in self.code.iter().enumerate() {
            self.index.push((!second_half).then_some(starts.len()));
            if !second_half {
                starts.push(at);
            }
            second_half = !second_half && raw.op == LOAD_IMM64;
        }
        self.labels.resize(starts.len(), None);
        starts
    }

    fn insn(&mut self, at: usize) -> Result<Insn, DecodeError> {
        let slot = self.slot(at)?;
        match slot.raw.op & class::MASK {
            class::ALU => slot.alu(Width::W32),
            class::ALU64 => slot.alu(Width::W64),
            class::LDX | class::ST | class::STX => slot.memory(),
            class::JMP => self.jump(slot, Width::W64),
            class::JMP32 => self.jump(slot, Width::W32),
            _ if slot.raw.op & mode::MASK == mode::IMM => self.imm64(slot),
            _ => slot.packet(),
        }
    }

    fn slot(&self, at: usize) -> Result<Slot, DecodeError> {
        match self.code.get(at) {
            Some(raw) => Ok(Slot { at, raw: *raw }),
            None => Err(DecodeError::HalfMissing { at: at.saturating_sub(1) }),
        }
    }

    fn jump(&mut self, slot: Slot, width: Width) -> Result<Insn, DecodeError> {
        let raw = slot.raw;
        let register = raw.op & SOURCE_REG != 0;
        match (raw.op & op::MASK, width) {
            (op::JA, Width::W64) if !register => {
                slot.zero(&[Field::Dst, Field::Src, Field::Imm])?;
                Ok(Insn::Jump { when: None, to: self.label(slot.at, i32::from(raw.off))? })
            }
            (op::JA, Width::W32) if !register => {
                slot.zero(&[Field::Dst, Field::Src, Field::Off])?;
                Ok(Insn::JumpLong { to: self.label(slot.at, raw.imm)? })
            }
            (op::CALL, Width::W64) if !register => self.call(slot),
            (op::EXIT, Width::W64) if !register => {
                slot.zero(&[Field::Dst, Field::Src, Field::Off, Field::Imm])?;
                Ok(Insn::Exit)
            }
            (code, width) => {
                let cond = Cond::from_code(code).ok_or(slot.unknown())?;
                let (left, right) = (slot.dst()?, slot.operand()?);
                let to = self.label(slot.at, i32::from(raw.off))?;
                Ok(Insn::Jump { when: Some(Test { cond, width, left, right }), to })
            }
        }
    }

    fn call(&mut self, slot: Slot) -> Result<Insn, DecodeError> {
        slot.zero(&[Field::Dst])?;
        if slot.raw.src() == PSEUDO_KFUNC_CALL {
            let RawInsn { imm: btf_id, off: module, .. } = slot.raw;
            return Ok(Insn::Call(Call::Kfunc { btf_id, module }));
        }
        slot.zero(&[Field::Off])?;
        match slot.raw.src() {
            0 => Ok(Insn::Call(Call::Helper(Helper::from_id(slot.raw.imm.cast_unsigned())))),
            PSEUDO_CALL => Ok(Insn::Call(Call::Sub(self.label(slot.at, slot.raw.imm)?))),
            kind => Err(DecodeError::Kind { at: slot.at, kind }),
        }
    }

    fn imm64(&mut self, slot: Slot) -> Result<Insn, DecodeError> {
        let (at, low) = (slot.at, slot.raw.imm);
        if slot.raw.op != LOAD_IMM64 {
            return Err(slot.unknown());
        }
        slot.zero(&[Field::Off])?;
        let dst = slot.dst()?;
        let second = self.slot(at + 1)?;
        second.zero(&[Field::Op, Field::Dst, Field::Src, Field::Off])?;
        let value = match slot.raw.src() {
            pseudo::CONST => Imm64::Const(joined(low, second.raw.imm)),
            pseudo::MAP_FD => {
                second.zero(&[Field::Imm])?;
                Imm64::MapNumber(MapNumber::Fd(low))
            }
            pseudo::MAP_VALUE => Imm64::MapNumberValue {
                map: MapNumber::Fd(low),
                off: second.raw.imm.cast_unsigned(),
            },
            pseudo::MAP_IDX => {
                second.zero(&[Field::Imm])?;
                match self.map(at, low)? {
                    Some(map) => Imm64::Map(map),
                    None => Imm64::MapNumber(MapNumber::Index(low)),
                }
            }
            pseudo::MAP_IDX_VALUE => {
                let off = second.raw.imm.cast_unsigned();
                match self.map(at, low)? {
                    Some(map) => Imm64::MapValue { map, off },
                    None => Imm64::MapNumberValue { map: MapNumber::Index(low), off },
                }
            }
            pseudo::BTF_ID => Imm64::Variable { btf_id: low, module: second.raw.imm },
            pseudo::FUNC => {
                second.zero(&[Field::Imm])?;
                Imm64::Sub(self.label(at, low)?)
            }
            kind => return Err(DecodeError::Kind { at, kind }),
        };
        Ok(Insn::LoadImm64 { dst, value })
    }

    /// The map that is declared under a number; none where no map is declared at all.
    fn map(&self, at: usize, index: i32) -> Result<Option<MapId>, DecodeError> {
        let declared = self.maps.len();
        match u16::try_from(index) {
            _ if declared == 0 => Ok(None),
            Ok(id) if usize::from(id) < declared => Ok(Some(MapId(id))),
            _ => Err(DecodeError::UnknownMap { at, index, declared }),
        }
    }

    /// The label at a distance from the slot after `at`.
    fn label(&mut self, at: usize, distance: i32) -> Result<Label, DecodeError> {
        let to = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1 + i64::from(distance));
        let slot = usize::try_from(to).ok();
        let target = slot.and_then(|slot| self.index.get(slot).copied().flatten());
        let label = target.and_then(|target| self.labels.get_mut(target));
        let (Some(slot), Some(target), Some(label)) = (slot, target, label) else {
            return Err(DecodeError::Target { at, to });
        };
        let (places, names) = (&mut self.places, self.names);
        Ok(*label.get_or_insert_with(|| {
            let name = names.get(&slot).cloned().unwrap_or_else(|| format!("L{slot}").into());
            places.push(Place { name, at: target, takes: None });
            Label(places.len() - 1)
        }))
    }
}

/// One slot and where it is.
#[derive(Clone, Copy)]
struct Slot {
    at: usize,
    raw: RawInsn,
}

impl Slot {
    fn unknown(self) -> DecodeError {
        DecodeError::Opcode { at: self.at, op: self.raw.op }
    }

    fn register(self, number: u8) -> Result<Reg, DecodeError> {
        Reg::from_number(number).ok_or(DecodeError::Register { at: self.at, number })
    }

    fn dst(self) -> Result<Reg, DecodeError> {
        self.register(self.raw.dst())
    }

    fn src(self) -> Result<Reg, DecodeError> {
        self.register(self.raw.src())
    }

    /// Refuses the first of the fields that is not zero.
    fn zero(self, fields: &[Field]) -> Result<(), DecodeError> {
        let is_zero = |field: &&Field| match field {
            Field::Dst => self.raw.dst() == 0,
            Field::Src => self.raw.src() == 0,
            Field::Off => self.raw.off == 0,
            Field::Imm => self.raw.imm == 0,
            Field::Op => self.raw.op == 0,
        };
        match fields.iter().find(|field| !is_zero(field)) {
            Some(&field) => Err(DecodeError::Reserved { at: self.at, field }),
            None => Ok(()),
        }
    }

    /// The second operand, as the source bit says; the field that it leaves unused must be zero.
    fn operand(self) -> Result<Src, DecodeError> {
        if self.raw.op & SOURCE_REG == 0 {
            self.zero(&[Field::Src])?;
            return Ok(Src::Imm(self.raw.imm));
        }
        self.zero(&[Field::Imm])?;
        Ok(Src::Reg(self.src()?))
    }

    fn alu(self, width: Width) -> Result<Insn, DecodeError> {
        let dst = self.dst()?;
        let RawInsn { op: opcode, off, imm, .. } = self.raw;
        let source = opcode & SOURCE_REG;
        match opcode & op::MASK {
            op::NEG if source == 0 => {
                self.zero(&[Field::Src, Field::Off, Field::Imm])?;
                Ok(Insn::Neg { width, dst })
            }
            op::END if source == 0 || width == Width::W32 => {
                self.zero(&[Field::Src, Field::Off])?;
                let selected = Swap::from_code((opcode & class::MASK, source, imm));
                Ok(Insn::Swap { order: selected.ok_or(self.selector())?, dst })
            }
            op::MOV if source != 0 && off != 0 => self.move_signed(width, dst),
            code => {
                AluOp::from_code((code, 0)).ok_or(self.unknown())?;
                let op = AluOp::from_code((code, off));
                let reserved = DecodeError::Reserved { at: self.at, field: Field::Off };
                Ok(Insn::Alu { op: op.ok_or(reserved)?, width, dst, src: self.operand()? })
            }
        }
    }

    /// The move whose offset says from how many bits the sign is taken.
    fn move_signed(self, width: Width, dst: Reg) -> Result<Insn, DecodeError> {
        self.zero(&[Field::Imm])?;
        let size = match self.raw.off {
            8 => Size::B,
            16 => Size::H,
            32 => Size::W,
            _ => return Err(DecodeError::Reserved { at: self.at, field: Field::Off }),
        };
        Ok(Insn::MoveSigned { width, size, dst, src: self.src()? })
    }

    /// The classic access to packets.
    fn packet(self) -> Result<Insn, DecodeError> {
        let RawInsn { op, imm, .. } = self.raw;
        let size = Size::from_code(op & SIZE_MASK).ok_or(self.unknown())?;
        let at = match op & mode::MASK {
            mode::ABS => {
                self.zero(&[Field::Src])?;
                PacketAt::Abs(imm)
            }
            mode::IND => PacketAt::Ind(self.src()?, imm),
            _ => return Err(self.unknown()),
        };
        self.zero(&[Field::Dst, Field::Off])?;
        Ok(Insn::LoadPacket { size, at })
    }

    fn memory(self) -> Result<Insn, DecodeError> {
        let RawInsn { op, off, imm, .. } = self.raw;
        let size = Size::from_code(op & SIZE_MASK).ok_or(self.unknown())?;
        match (op & mode::MASK, op & class::MASK) {
            (mode::MEM, class::LDX) => self.load(size, Extend::Zero),
            (mode::MEMSX, class::LDX) => self.load(size, Extend::Sign),
            (mode::MEM, class::ST) => {
                self.zero(&[Field::Src])?;
                Ok(Insn::Store { size, mem: self.dst()? + off, src: Src::Imm(imm) })
            }
            (mode::MEM, class::STX) => {
                self.zero(&[Field::Imm])?;
                Ok(Insn::Store { size, mem: self.dst()? + off, src: Src::Reg(self.src()?) })
            }
            (mode::ATOMIC, class::STX) => {
                let op = AtomicOp::from_code(imm).ok_or(self.selector())?;
                Ok(Insn::Atomic { op, size, mem: self.dst()? + off, src: self.src()? })
            }
            _ => Err(self.unknown()),
        }
    }

    fn load(self, size: Size, extend: Extend) -> Result<Insn, DecodeError> {
        self.zero(&[Field::Imm])?;
        Ok(Insn::Load { size, extend, dst: self.dst()?, mem: self.src()? + self.raw.off })
    }

    fn selector(self) -> DecodeError {
        DecodeError::Selector { at: self.at, op: self.raw.op, imm: self.raw.imm }
    }
}

/// The notes of slots as notes of instructions.
fn by_insn(notes: &Notes, starts: &[usize]) -> Notes {
    let mut by_insn = Notes::default();
    for (slot, note) in notes.iter() {
        by_insn.push(starts.partition_point(|start| *start < slot), note.clone());
    }
    by_insn
}

/// The constant of a 64-bit load from its two halves.
fn joined(low: i32, high: i32) -> u64 {
    u64::from(high.cast_unsigned()) << 32 | u64::from(low.cast_unsigned())
}

/// An error of shape with the slot in place of the instruction.
fn shape(starts: &[usize], error: FlowError) -> DecodeError {
    let at = starts.get(error.at()).copied().unwrap_or_default();
    match error {
        FlowError::Unreachable { .. } => DecodeError::Unreachable { at },
        FlowError::FallsOffEnd { .. } => DecodeError::FallsOffEnd { at },
        FlowError::LeavesFunction { .. } => DecodeError::LeavesFunction { at },
    }
}
