//! Conditional jumps: which ways are open, and what is known on each.

use super::compare::{decided, exchanged, may_fail, may_hold, where_fails, where_holds};
use super::pointer::{IsNull, Shown, settle_null};
use super::refusal::Reason;
use super::scalar::Scalar;
use super::state::State;
use super::value::{Kind, Pointer, Value};
use crate::insn::{Cond, Src, Test, Width};

/// The ways of a jump that are open.
pub(super) enum Ways {
    /// It is taken.
    Taken,
    /// It is not taken.
    Next,
    /// Either: this is known where it is taken.
    Both(Box<State>),
}

/// The ways of a jump; `state` becomes what is known where it is not taken, and stays as it is
/// where that way is not open or the jump is refused.
pub(super) fn branch(state: &mut State, test: Test) -> Result<Ways, Reason> {
    let Test { cond, width, left, right } = test;
    let left_value = *state.get(left);
    if left_value == Value::Unwritten {
        return Err(Reason::Unwritten { reg: left });
    }
    let right_value = match right {
        Src::Reg(reg) => *state.get(reg),
        Src::Imm(imm) => Value::Number(Scalar::constant(i64::from(imm).cast_unsigned())),
    };
    if let (Value::Unwritten, Src::Reg(reg)) = (right_value, right) {
        return Err(Reason::Unwritten { reg });
    }
    match (left_value, right_value) {
        // One of the ways is never taken, and kernels from 6.8 on may conclude anything there.
        (Value::Number(a), _) if right == Src::Reg(left) && constant(&a, width).is_none() => {
            Err(Reason::Comparison { reg: left })
        }
        (Value::Number(a), Value::Number(b)) => Ok(numbers(state, test, &a, &b)),
        (Value::Pointer(_), _) | (_, Value::Pointer(_)) if width == Width::W32 => {
            Err(Reason::Comparison { reg: left })
        }
        (Value::Pointer(a), Value::Number(_))
            if right == Src::Imm(0) && matches!(cond, Cond::Eq | Cond::Ne) =>
        {
            with_null(state, test, &a)
        }
        (Value::Pointer(a), Value::Pointer(b)) => pointers(state, test, (&a, &b)),
        _ => Err(Reason::Comparison { reg: left }),
    }
}

fn numbers(next: &mut State, test: Test, a: &Scalar, b: &Scalar) -> Ways {
    let Test { cond, width, left, right } = test;
    if let Some(number) = constant(b, width)
        && let Some(holds) = decided(cond, width, a, number)
    {
        return if holds { Ways::Taken } else { Ways::Next };
    }
    let mut taken = next.clone();
    if let Some(number) = constant(b, width) {
        taken.set(left, Value::Number(where_holds(cond, width, a, number)));
        next.set(left, Value::Number(where_fails(cond, width, a, number)));
    } else if let (Some(number), Src::Reg(reg)) = (constant(a, width), right) {
        let cond = exchanged(cond);
        taken.set(reg, Value::Number(where_holds(cond, width, b, number)));
        next.set(reg, Value::Number(where_fails(cond, width, b, number)));
    }
    if !may_hold(cond, width, a, b) {
        forget(&mut taken, test);
    }
    if !may_fail(cond, width, a, b) {
        forget(next, test);
    }
    for link in [a.link, b.link].into_iter().flatten() {
        taken.forget_family(link);
        next.forget_family(link);
    }
    Ways::Both(Box::new(taken))
}

/// Forgets the numbers that were compared: on a way that is never taken, kernels from 6.8 on find
/// contradictions, and then know nothing of them.
fn forget(state: &mut State, test: Test) {
    let regs = match test.right {
        Src::Reg(right) => [Some(test.left), Some(right)],
        Src::Imm(_) => [Some(test.left), None],
    };
    for reg in regs.into_iter().flatten() {
        let link = state.get(reg).scalar().and_then(|scalar| scalar.link);
        state.set(reg, Value::Number(Scalar { link, ..Scalar::UNKNOWN }));
    }
}

fn constant(number: &Scalar, width: Width) -> Option<u64> {
    match width {
        Width::W64 => number.number(),
        Width::W32 => number.number32().map(u64::from),
    }
}

/// A pointer compared with null.
fn with_null(next: &mut State, test: Test, pointer: &Pointer) -> Result<Ways, Reason> {
    let mut taken = next.clone();
    match pointer.kind {
        Kind::ValueOrNull(_) => {
            let (equal, differs) =
                if test.cond == Cond::Eq { (&mut taken, next) } else { (next, &mut taken) };
            settle_null(equal, pointer.id, IsNull::Yes);
            settle_null(differs, pointer.id, IsNull::No);
        }
        Kind::Value(_) if test.cond == Cond::Ne => return Ok(Ways::Taken),
        Kind::Value(_) => return Ok(Ways::Next),
        Kind::Ctx | Kind::Packet | Kind::Meta | Kind::End | Kind::Stack | Kind::Map(_) => {}
    }
    Ok(Ways::Both(Box::new(taken)))
}

fn pointers(next: &mut State, test: Test, (a, b): (&Pointer, &Pointer)) -> Result<Ways, Reason> {
    let refused = Err(Reason::Comparison { reg: test.left });
    let Src::Reg(right) = test.right else { return refused };
    let mut taken = next.clone();
    match Shown::by(next, test.cond, test.left, right) {
        Some(shown) => {
            let (good, bad) =
                if shown.where_holds { (&mut taken, next) } else { (next, &mut taken) };
            shown.good(good);
            shown.bad(bad);
        }
        None if !comparable(a, b) => return refused,
        None => {}
    }
    Ok(Ways::Both(Box::new(taken)))
}

/// Whether a comparison of the two says nothing and is allowed to root.
fn comparable(a: &Pointer, b: &Pointer) -> bool {
    let place = |pointer: &Pointer| pointer.is_of_packet();
    (place(a) && place(b)) || (a.kind == Kind::Stack && b.kind == Kind::Stack)
}
