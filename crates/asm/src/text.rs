//! One instruction as text, in the kernel's own syntax (`kernel/bpf/disasm.c`).
//!
//! Where the verifier prints a distance, the text has the label's name; where it prints an
//! address, the map's. Constants are printed as the verifier does: decimal in arithmetic and
//! stores, hexadecimal in comparisons and 64-bit loads. The one thing added is the `ll` after a
//! 64-bit constant, which sets its two slots apart from a move. Labels of one name are told apart
//! by a number, maps of one name by their place, so that a text always says which is meant and
//! `parse` reads it back.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::assembler::Label;
use crate::digits::{decimal, hexadecimal, signed};
use crate::insn::{
    AtomicOp, Call, Extend, Imm64, Insn, MapNumber, PacketAt, Size, Src, Test, Width,
};
use crate::map::{MapDecl, MapId};
use crate::name;
use crate::program::Program;
use crate::reg::{Mem, Reg};

/// The names of the labels in use and of the maps as text has them, each a different one.
pub(crate) struct Names<'a> {
    /// By label; none for one that is not in use.
    labels: Vec<Option<Cow<'a, str>>>,
    /// The labels in use with their places, in the order of these.
    order: Vec<(usize, usize)>,
    maps: Vec<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(program: &'a Program) -> Self {
        let mut in_use = vec![false; program.places.len()];
        for Label(index) in program.insns.iter().filter_map(Insn::label) {
            in_use[index] = true;
        }
        let used = in_use.iter().enumerate().filter(|(_, used)| **used);
        let mut order: Vec<(usize, usize)> =
            used.map(|(index, _)| (program.places[index].at, index)).collect();
        order.sort_unstable();
        let mut labels = vec![None; program.places.len()];
        let mut taken = HashMap::with_capacity(order.len());
        for &(_, index) in &order {
            let unique = untaken(&program.places[index].name, &mut taken);
            labels[index] = Some(name::label(unique));
        }
        Self { labels, order, maps: maps(&program.maps) }
    }

    /// The labels that stand before an instruction; `first` is the number of the first label that
    /// does not stand earlier.
    pub(crate) fn standing(&self, first: usize, at: usize) -> Standing {
        let from = self.order.get(first..).unwrap_or_default();
        first..first + from.iter().take_while(|(place, _)| *place == at).count()
    }

    /// The name of a label by its number in the order of all.
    pub(crate) fn nth(&self, number: usize) -> &str {
        self.label(Label(self.order[number].1))
    }

    fn label(&self, label: Label) -> &str {
        self.labels[label.0].as_deref().unwrap_or_default()
    }

    fn map(&self, map: MapId) -> &str {
        &self.maps[map.index()]
    }
}

/// Labels that stand at one place, by their number in the order of all.
pub(crate) type Standing = std::ops::Range<usize>;

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

/// What instructions call the maps: by name, and by name and place all but the first of a name.
fn maps(decls: &[MapDecl]) -> Vec<Cow<'_, str>> {
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(decls.len());
    let named = decls.iter().enumerate().map(|(place, decl)| {
        let text = name::map(&decl.name);
        if *first.entry(&decl.name).or_insert(place) == place {
            text
        } else {
            Cow::Owned(format!("{text}#{place}"))
        }
    });
    named.collect()
}

/// One instruction as text.
pub(crate) struct Text<'a> {
    pub(crate) insn: &'a Insn,
    pub(crate) names: &'a Names<'a>,
}

impl Text<'_> {
    /// Appends the text.
    pub(crate) fn write(&self, out: &mut String) {
        match *self.insn {
            Insn::Alu { op, width, dst, src } => {
                out.push_str(half(dst, width));
                spaced(out, op.symbol());
                match src {
                    Src::Reg(reg) => out.push_str(half(reg, width)),
                    Src::Imm(imm) => signed(out, imm.into()),
                }
            }
            Insn::Neg { width, dst } => each(out, [half(dst, width), " = -", half(dst, width)]),
            Insn::MoveSigned { width, size, dst, src } => {
                each(out, [half(dst, width), " = (", size.signed_symbol(), ")", half(src, width)]);
            }
            Insn::Swap { order, dst } => {
                each(out, [whole(dst), " = ", order.symbol(), " ", whole(dst)]);
            }
            Insn::LoadImm64 { dst, value } => {
                each(out, [whole(dst), " = "]);
                self.imm64(out, value);
            }
            Insn::Load { size, extend, dst, mem } => {
                let value = match extend {
                    Extend::Zero => size.symbol(),
                    Extend::Sign => size.signed_symbol(),
                };
                each(out, [whole(dst), " = *"]);
                memory(out, value, mem);
            }
            Insn::LoadPacket { size, at } => {
                each(out, ["r0 = *(", size.symbol(), " *)skb["]);
                let (PacketAt::Abs(imm) | PacketAt::Ind(_, imm)) = at;
                if let PacketAt::Ind(reg, _) = at {
                    each(out, [whole(reg), " + "]);
                }
                signed(out, imm.into());
                out.push(']');
            }
            Insn::Store { size, mem, src } => {
                out.push('*');
                memory(out, size.symbol(), mem);
                out.push_str(" = ");
                match src {
                    Src::Reg(reg) => out.push_str(whole(reg)),
                    Src::Imm(imm) => signed(out, imm.into()),
                }
            }
            Insn::Atomic { op, size, mem, src } => atomic(out, op, size, mem, src),
            Insn::Jump { when, to } => {
                if let Some(test) = when {
                    condition(out, test);
                }
                each(out, ["goto ", self.names.label(to)]);
            }
            Insn::JumpLong { to } => each(out, ["gotol ", self.names.label(to)]),
            Insn::Call(call) => self.call(out, call),
            Insn::Exit => out.push_str("exit"),
        }
    }

    fn call(&self, out: &mut String, call: Call) {
        out.push_str("call ");
        match call {
            Call::Kfunc { btf_id, module } => {
                out.push_str("kernel-function#");
                signed(out, btf_id.into());
                of_module(out, module.into());
            }
            Call::Helper(helper) => {
                each(out, [helper.name(), "#"]);
                signed(out, helper.id().cast_signed().into());
            }
            Call::Sub(to) => out.push_str(self.names.label(to)),
        }
    }

    fn imm64(&self, out: &mut String, value: Imm64) {
        match value {
            Imm64::Const(value) => {
                hexadecimal(out, value);
                out.push_str(" ll");
            }
            Imm64::Map(map) => each(out, ["map[", self.names.map(map), "]"]),
            Imm64::MapValue { map, off } => {
                each(out, ["map[", self.names.map(map), "]+"]);
                decimal(out, off.into());
            }
            Imm64::MapNumber(map) => number(out, map),
            Imm64::MapNumberValue { map, off } => {
                number(out, map);
                out.push('+');
                decimal(out, off.into());
            }
            Imm64::Variable { btf_id, module } => {
                out.push_str("var[");
                signed(out, btf_id.into());
                out.push(']');
                of_module(out, module.into());
            }
            Imm64::Sub(to) => each(out, ["subprog[", self.names.label(to), "]"]),
        }
    }
}

fn each<const N: usize>(out: &mut String, parts: [&str; N]) {
    parts.into_iter().for_each(|part| out.push_str(part));
}

fn spaced(out: &mut String, symbol: &str) {
    each(out, [" ", symbol, " "]);
}

fn condition(out: &mut String, test: Test) {
    each(out, ["if ", half(test.left, test.width)]);
    spaced(out, test.cond.symbol());
    match test.right {
        Src::Reg(reg) => out.push_str(half(reg, test.width)),
        Src::Imm(imm) => hexadecimal(out, imm.cast_unsigned().into()),
    }
    out.push(' ');
}

/// What a pointer of that type points at.
fn memory(out: &mut String, value: &str, mem: Mem) {
    each(out, ["(", value, " *)(", whole(mem.base), if mem.off < 0 { " " } else { " +" }]);
    signed(out, mem.off.into());
    out.push(')');
}

fn atomic(out: &mut String, op: AtomicOp, size: Size, mem: Mem, src: Reg) {
    let atomic = if size == Size::D { "atomic64_" } else { "atomic_" };
    match op {
        AtomicOp::Add | AtomicOp::Or | AtomicOp::And | AtomicOp::Xor => {
            out.push_str("lock *");
            memory(out, size.symbol(), mem);
            spaced(out, op.symbol());
            out.push_str(whole(src));
        }
        AtomicOp::CmpXchg => {
            each(out, ["r0 = ", atomic, op.symbol(), "("]);
            memory(out, size.symbol(), mem);
            each(out, [", r0, ", whole(src), ")"]);
        }
        AtomicOp::FetchAdd
        | AtomicOp::FetchOr
        | AtomicOp::FetchAnd
        | AtomicOp::FetchXor
        | AtomicOp::Xchg => {
            each(out, [whole(src), " = ", atomic, op.symbol(), "("]);
            memory(out, size.symbol(), mem);
            each(out, [", ", whole(src), ")"]);
        }
    }
}

fn number(out: &mut String, map: MapNumber) {
    let (kind, number) = match map {
        MapNumber::Fd(fd) => ("map[fd:", fd),
        MapNumber::Index(index) => ("map[idx:", index),
    };
    out.push_str(kind);
    signed(out, number.into());
    out.push(']');
}

fn of_module(out: &mut String, module: i64) {
    if module != 0 {
        out.push('@');
        signed(out, module);
    }
}

/// A register by the name that says how much of it is meant.
fn half(reg: Reg, width: Width) -> &'static str {
    match width {
        Width::W32 => HALVES[usize::from(reg.number())],
        Width::W64 => whole(reg),
    }
}

fn whole(reg: Reg) -> &'static str {
    WHOLE[usize::from(reg.number())]
}

const WHOLE: [&str; 11] = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10"];
const HALVES: [&str; 11] = ["w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10"];
