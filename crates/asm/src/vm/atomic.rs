//! Atomic operations: with one program at a time, each is a load and a store.

use super::alu::cut;
use crate::insn::{AtomicOp, Size};

/// What an atomic operation does to memory and registers.
pub(super) struct Change {
    /// What memory holds then, as many of its lowest bytes as there are.
    pub(super) new: u64,
    /// Who gets what memory held.
    pub(super) old: Old,
}

/// Who gets the old value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    Nobody,
    Source,
    R0,
}

/// The change of memory that holds `old`, by an operand and, for the exchange on comparison, `r0`.
pub(super) fn change(op: AtomicOp, size: Size, old: u64, operand: u64, r0: u64) -> Change {
    let (new, gets) = match op {
        AtomicOp::Add => (old.wrapping_add(operand), Old::Nobody),
        AtomicOp::Or => (old | operand, Old::Nobody),
        AtomicOp::And => (old & operand, Old::Nobody),
        AtomicOp::Xor => (old ^ operand, Old::Nobody),
        AtomicOp::FetchAdd => (old.wrapping_add(operand), Old::Source),
        AtomicOp::FetchOr => (old | operand, Old::Source),
        AtomicOp::FetchAnd => (old & operand, Old::Source),
        AtomicOp::FetchXor => (old ^ operand, Old::Source),
        AtomicOp::Xchg => (operand, Old::Source),
        AtomicOp::CmpXchg if old == cut(size, r0) => (operand, Old::R0),
        AtomicOp::CmpXchg => (old, Old::R0),
    };
    Change { new, old: gets }
}
