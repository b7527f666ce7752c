//! Pointers that are moved and compared.
//!
//! A constant moves a pointer and leaves what was shown of it; anything else makes it one of which
//! nothing is shown.

use super::interval::Interval;
use super::memory::FAR;
use super::refusal::Reason;
use super::scalar::Scalar;
use super::state::State;
use super::value::{Kind, Pointer, Value};
use crate::insn::{AluOp, Cond};
use crate::reg::Reg;

/// By what a pointer is moved.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) op: AluOp,
    pub(super) number: &'a Scalar,
    /// Whether it stands in a register.
    pub(super) in_register: bool,
}

/// The pointer in `reg`, moved. `id` is a number that no other pointer has.
pub(super) fn moved(reg: Reg, pointer: &Pointer, by: By<'_>, id: u32) -> Result<Pointer, Reason> {
    let By { op, number, in_register } = by;
    let refused = || Err(Reason::Arithmetic { reg, holds: pointer.kind.to_string(), op: Some(op) });
    let allowed = match (pointer.kind, op) {
        (Kind::Packet | Kind::Meta | Kind::Value(_), AluOp::Add | AluOp::Sub)
        | (Kind::Stack, AluOp::Add) => true,
        (Kind::Ctx, AluOp::Add) => number.offset().is_some() && !in_register,
        _ => false,
    };
    if !allowed {
        return refused();
    }
    if number.link.is_some_and(|link| link.far) {
        return Err(Reason::Unbounded { reg });
    }
    let moved = match number.offset() {
        Some(by) if op == AluOp::Sub => by_constant(reg, pointer, -i128::from(by))?,
        Some(by) => by_constant(reg, pointer, by.into())?,
        None => by_number(reg, pointer, op, number, id)?,
    };
    if !sane(&moved.var) || moved.off.abs() >= FAR {
        return Err(Reason::Unbounded { reg });
    }
    Ok(moved)
}

/// Whether no kernel finds the number too far: one that knows more of it than is known here may find
/// its least to be so.
fn sane(number: &Scalar) -> bool {
    number.signed.min > -FAR && number.signed.max < FAR
}

fn by_constant(reg: Reg, pointer: &Pointer, by: i128) -> Result<Pointer, Reason> {
    match i64::try_from(by) {
        Ok(by) if by.abs() < FAR => Ok(Pointer { off: pointer.off + by, ..*pointer }),
        _ => Err(Reason::Unbounded { reg }),
    }
}

fn by_number(
    reg: Reg,
    pointer: &Pointer,
    op: AluOp,
    by: &Scalar,
    id: u32,
) -> Result<Pointer, Reason> {
    if !sane(by) || by.number().is_some() {
        return Err(Reason::Unbounded { reg });
    }
    let before = &pointer.var;
    let (bits, unsigned, signed) = if op == AluOp::Sub {
        let (unsigned, signed) = (before.unsigned.sub(by.unsigned), before.signed.sub(by.signed));
        (before.bits.sub(by.bits), unsigned, signed)
    } else {
        let (unsigned, signed) = (before.unsigned.add(by.unsigned), before.signed.add(by.signed));
        (before.bits.add(by.bits), unsigned, signed)
    };
    let var = Scalar {
        bits,
        unsigned,
        signed,
        unsigned32: Interval::FULL,
        signed32: Interval::FULL,
        link: None,
    };
    let id = if pointer.is_packet() { id } else { pointer.id };
    Ok(Pointer { var: var.settled(), id, range: 0, ..*pointer })
}

/// What a comparison of a place in the packet with an end of it shows.
pub(super) struct Shown {
    pub(super) reg: Reg,
    pub(super) pointer: Pointer,
    /// Whether the place is shown to be there where the comparison holds, or where it fails.
    pub(super) where_holds: bool,
    /// How far the packet was shown to go on from where the constant part of the pointer is zero.
    range: i64,
}

/// What the largest packet is, for kernels.
const MOST_PACKET: u64 = 0xffff;

impl Shown {
    /// What the comparison shows, if it is one of the two.
    pub(super) fn by(state: &State, cond: Cond, left: Reg, right: Reg) -> Option<Self> {
        let (Value::Pointer(a), Value::Pointer(b)) = (state.get(left), state.get(right)) else {
            return None;
        };
        let is_end = |place: &Pointer, end: &Pointer| match place.kind {
            Kind::Packet => end.kind == Kind::End,
            Kind::Meta => end.is_start(),
            Kind::Ctx
            | Kind::End
            | Kind::Stack
            | Kind::Map(_)
            | Kind::Value(_)
            | Kind::ValueOrNull(_) => false,
        };
        if is_end(a, b) {
            Self::of(cond, left, a)
        } else if is_end(b, a) {
            Self::of(super::compare::exchanged(cond), right, b)
        } else {
            None
        }
    }

    /// `pointer cond end`.
    fn of(cond: Cond, reg: Reg, pointer: &Pointer) -> Option<Self> {
        // The end itself excluded, kernels before 5.16 take one byte too few for shown.
        let (where_holds, less) = match cond {
            Cond::Gt => (false, 0),
            Cond::Ge => (false, 1),
            Cond::Lt => (true, 1),
            Cond::Le => (true, 0),
            Cond::Eq | Cond::Ne | Cond::Set | Cond::Sgt | Cond::Sge | Cond::Slt | Cond::Sle => {
                return None;
            }
        };
        let off = u64::try_from(pointer.off).unwrap_or(u64::MAX);
        let far = pointer.var.unsigned.max.saturating_add(off) > MOST_PACKET;
        let range = if far { 0 } else { (pointer.off - less).max(0) };
        Some(Self { reg, pointer: *pointer, where_holds, range })
    }

    /// The state where the place is shown to be there.
    pub(super) fn good(&self, state: &mut State) {
        let Pointer { kind, id, .. } = self.pointer;
        state.change_pointers(
            |other| other.kind == kind && other.id == id && other.range < self.range,
            |other| Value::Pointer(Pointer { range: self.range, ..other }),
        );
    }

    /// The state where it is shown to be beyond the end: kernels from 5.11 on note that in place of
    /// what was shown of it before.
    pub(super) fn bad(&self, state: &mut State) {
        state.set(self.reg, Value::Pointer(Pointer { range: 0, ..self.pointer }));
    }
}

/// Decides whether pointers with this number are null.
pub(super) fn settle_null(state: &mut State, id: u32, is_null: IsNull) {
    state.change_pointers(
        |pointer| matches!(pointer.kind, Kind::ValueOrNull(_)) && pointer.id == id,
        |pointer| match (is_null, pointer.kind) {
            (IsNull::No, Kind::ValueOrNull(map)) => {
                Value::Pointer(Pointer::to(Kind::Value(map), 0))
            }
            _ => Value::Number(Scalar::constant(0)),
        },
    );
}

/// Whether a pointer is null.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IsNull {
    Yes,
    No,
}
