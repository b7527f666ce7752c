//! One instruction as text, in the kernel's own syntax (`kernel/bpf/disasm.c`).
//!
//! Where the verifier prints a distance, the text has the label's name; where it prints an
//! address, the map's. Constants are printed as the verifier does: decimal in arithmetic and
//! stores, hexadecimal in comparisons and 64-bit loads. The one thing added is the `ll` after a
//! 64-bit constant, which sets its two slots apart from a move. Labels of one name are told apart
//! by a number, so that a text always says which is meant.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::assembler::Label;
use crate::insn::{AtomicOp, Call, Extend, Imm64, Insn, MapNumber, PacketAt, Size, Src, Width};
use crate::map::MapId;
use crate::program::Program;
use crate::reg::Reg;

/// The names of the labels in use, each a different one.
pub(crate) struct Names<'a> {
    /// By label; none for one that is not in use.
    names: Vec<Option<Cow<'a, str>>>,
    /// The labels in use with their places, in the order of these.
    order: Vec<(usize, usize)>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(program: &'a Program) -> Self {
        let mut used: Vec<usize> =
            program.insns.iter().filter_map(Insn::label).map(|Label(index)| index).collect();
        used.sort_unstable();
        used.dedup();
        let mut order: Vec<(usize, usize)> =
            used.into_iter().map(|index| (program.places[index].at, index)).collect();
        order.sort_unstable();
        let mut names = vec![None; program.places.len()];
        let mut taken = HashMap::new();
        for &(_, index) in &order {
            names[index] = Some(untaken(&program.places[index].name, &mut taken));
        }
        Self { names, order }
    }

    /// The labels that stand before an instruction.
    pub(crate) fn at(&self, at: usize) -> impl Iterator<Item = &str> {
        let first = self.order.partition_point(|(place, _)| *place < at);
        let here = self.order[first..].iter().take_while(move |(place, _)| *place == at);
        here.map(|(_, index)| self.get(Label(*index)))
    }

    fn get(&self, label: Label) -> &str {
        self.names[label.0].as_deref().unwrap_or_default()
    }
}

/// The name, or the first of `name.2`, `name.3`, … that nothing else has; `taken` has the last
/// number tried for each name, so that thousands of labels of one name cost no more than others.
fn untaken<'a>(name: &'a str, taken: &mut HashMap<Cow<'a, str>, u64>) -> Cow<'a, str> {
    let mut number = taken.get(name).copied().unwrap_or(0) + 1;
    let mut unique = Cow::Borrowed(name);
    if number > 1 {
        unique = Cow::Owned(format!("{name}.{number}"));
        while taken.contains_key(&unique) {
            number += 1;
            unique = Cow::Owned(format!("{name}.{number}"));
        }
        taken.insert(unique.clone(), 1);
    }
    taken.insert(Cow::Borrowed(name), number);
    unique
}

/// One instruction as text.
pub(crate) struct Text<'a> {
    pub(crate) insn: &'a Insn,
    pub(crate) names: &'a Names<'a>,
    pub(crate) program: &'a Program,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.insn {
            Insn::Alu { op, width, dst, src } => {
                write!(f, "{} {} ", half(dst, width), op.symbol())?;
                match src {
                    Src::Reg(reg) => write!(f, "{}", half(reg, width)),
                    Src::Imm(imm) => write!(f, "{imm}"),
                }
            }
            Insn::Neg { width, dst } => write!(f, "{0} = -{0}", half(dst, width)),
            Insn::MoveSigned { width, size, dst, src } => {
                write!(f, "{} = ({}){}", half(dst, width), size.signed_symbol(), half(src, width))
            }
            Insn::Swap { order, dst } => write!(f, "{dst} = {} {dst}", order.symbol()),
            Insn::LoadImm64 { dst, value } => {
                write!(f, "{dst} = ")?;
                self.imm64(f, value)
            }
            Insn::Load { size, extend, dst, mem } => {
                let value = match extend {
                    Extend::Zero => size.symbol(),
                    Extend::Sign => size.signed_symbol(),
                };
                write!(f, "{dst} = *({value} *){mem}")
            }
            Insn::LoadPacket { size, at } => {
                write!(f, "r0 = *({} *)skb[", size.symbol())?;
                match at {
                    PacketAt::Abs(imm) => write!(f, "{imm}]"),
                    PacketAt::Ind(reg, imm) => write!(f, "{reg} + {imm}]"),
                }
            }
            Insn::Store { size, mem, src: Src::Reg(reg) } => {
                write!(f, "*({} *){mem} = {reg}", size.symbol())
            }
            Insn::Store { size, mem, src: Src::Imm(imm) } => {
                write!(f, "*({} *){mem} = {imm}", size.symbol())
            }
            Insn::Atomic { .. } => self.atomic(f),
            Insn::Jump { when, to } => {
                if let Some(test) = when {
                    write!(f, "if {} {} ", half(test.left, test.width), test.cond.symbol())?;
                    match test.right {
                        Src::Reg(reg) => write!(f, "{} ", half(reg, test.width))?,
                        Src::Imm(imm) => write!(f, "{imm:#x} ")?,
                    }
                }
                write!(f, "goto {}", self.names.get(to))
            }
            Insn::JumpLong { to } => write!(f, "gotol {}", self.names.get(to)),
            Insn::Call(Call::Kfunc { btf_id, module }) => {
                write!(f, "call kernel-function#{btf_id}")?;
                if module == 0 { Ok(()) } else { write!(f, "@{module}") }
            }
            Insn::Call(Call::Helper(helper)) => {
                write!(f, "call {}#{}", helper.name(), helper.id().cast_signed())
            }
            Insn::Call(Call::Sub(to)) => write!(f, "call {}", self.names.get(to)),
            Insn::Exit => f.write_str("exit"),
        }
    }
}

impl Text<'_> {
    fn imm64(&self, f: &mut fmt::Formatter<'_>, value: Imm64) -> fmt::Result {
        match value {
            Imm64::Const(value) => write!(f, "{value:#x} ll"),
            Imm64::Map(map) => write!(f, "map[{}]", self.map(map)),
            Imm64::MapValue { map, off } => write!(f, "map[{}]+{off}", self.map(map)),
            Imm64::MapNumber(map) => write!(f, "map[{}]", number(map)),
            Imm64::MapNumberValue { map, off } => write!(f, "map[{}]+{off}", number(map)),
            Imm64::Variable { btf_id, module } => {
                write!(f, "var[{btf_id}]")?;
                if module == 0 { Ok(()) } else { write!(f, "@{module}") }
            }
            Imm64::Sub(to) => write!(f, "subprog[{}]", self.names.get(to)),
        }
    }

    fn map(&self, map: MapId) -> &str {
        &self.program.maps[map.index()].name
    }

    fn atomic(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn::Atomic { op, size, mem, src } = *self.insn else { return Ok(()) };
        let (memory, symbol) = (format_args!("({} *){mem}", size.symbol()), op.symbol());
        let atomic = if size == Size::D { "atomic64" } else { "atomic" };
        match op {
            AtomicOp::Add | AtomicOp::Or | AtomicOp::And | AtomicOp::Xor => {
                write!(f, "lock *{memory} {symbol} {src}")
            }
            AtomicOp::CmpXchg => write!(f, "r0 = {atomic}_{symbol}({memory}, r0, {src})"),
            AtomicOp::FetchAdd
            | AtomicOp::FetchOr
            | AtomicOp::FetchAnd
            | AtomicOp::FetchXor
            | AtomicOp::Xchg => write!(f, "{src} = {atomic}_{symbol}({memory}, {src})"),
        }
    }
}

fn number(map: MapNumber) -> impl fmt::Display {
    fmt::from_fn(move |f| match map {
        MapNumber::Fd(fd) => write!(f, "fd:{fd}"),
        MapNumber::Index(index) => write!(f, "idx:{index}"),
    })
}

/// A register by the name that says how much of it is meant.
fn half(reg: Reg, width: Width) -> impl fmt::Display {
    fmt::from_fn(move |f| match width {
        Width::W32 => write!(f, "w{}", reg.number()),
        Width::W64 => write!(f, "{reg}"),
    })
}
