//! One instruction: the kernel's spelling, and LLVM's where that differs.

use crate::helper::Helper;
use crate::insn::{
    AluOp, Call, Cond, Extend, Imm64, Insn, MapNumber, PacketAt, Size, Src, Swap, Test, Width,
};
use crate::opcode::LOAD_IMM64;
use crate::parse::Scope;
use crate::parse::atomic::{atomic, lock};
use crate::parse::cursor::{Cursor, Read, range};
use crate::parse::error::Wrong;
use crate::parse::labels::Use;
use crate::parse::operand::{
    Named, REGISTER, distance, imm32, memory, pointee, register, register_if, register_of, source,
    target, unsigned_pointee, value, value_type, within,
};
use crate::reg::{R0, Reg};

/// Reads the instruction that comes next; `opcode` is what the line says of it besides.
pub(super) fn instruction<'t>(
    cursor: &mut Cursor<'t>,
    scope: &mut Scope<'t>,
    opcode: Option<u8>,
) -> Read<Insn> {
    cursor.blanks();
    let start = *cursor;
    if let Some(dst) = register_if(cursor) {
        return assignment(cursor, scope, dst, opcode);
    }
    if cursor.eat("*") {
        return store(cursor);
    }
    match cursor.word() {
        "if" => conditional(cursor, scope),
        "goto" => Ok(Insn::Jump { when: None, to: target(cursor, scope)? }),
        "gotol" => Ok(Insn::JumpLong { to: target(cursor, scope)? }),
        "call" => Ok(Insn::Call(call(cursor, scope)?)),
        "exit" => Ok(Insn::Exit),
        "lock" => lock(cursor),
        word if is_register(word) => Err(start.expected(REGISTER)),
        _ => Err(start.expected("an instruction, a label, a directive or a comment")),
    }
}

/// Whether a word was meant as a register.
fn is_register(word: &str) -> bool {
    let number = word.strip_prefix(['r', 'w']).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands behind the register at the start of a line.
fn assignment<'t>(
    cursor: &mut Cursor<'t>,
    scope: &mut Scope<'t>,
    dst: Named,
    opcode: Option<u8>,
) -> Read<Insn> {
    cursor.blanks();
    let (op, length) = match cursor.rest().as_bytes() {
        [b'=', ..] => {
            cursor.advance(1);
            return assigned(cursor, scope, dst, opcode);
        }
        [b'+', b'=', ..] => (AluOp::Add, 2),
        [b'-', b'=', ..] => (AluOp::Sub, 2),
        [b'*', b'=', ..] => (AluOp::Mul, 2),
        [b'/', b'=', ..] => (AluOp::Div, 2),
        [b'|', b'=', ..] => (AluOp::Or, 2),
        [b'&', b'=', ..] => (AluOp::And, 2),
        [b'^', b'=', ..] => (AluOp::Xor, 2),
        [b'%', b'=', ..] => (AluOp::Mod, 2),
        [b'<', b'<', b'=', ..] => (AluOp::Lsh, 3),
        [b'>', b'>', b'=', ..] => (AluOp::Rsh, 3),
        [b's', b'/', b'=', ..] => (AluOp::Sdiv, 3),
        [b's', b'%', b'=', ..] => (AluOp::Smod, 3),
        [b's', b'>', b'>', b'=', ..] => (AluOp::Arsh, 4),
        _ => return Err(cursor.expected("`=` or an operation such as `+=`")),
    };
    cursor.advance(length);
    let Named { reg: dst, width } = dst;
    Ok(Insn::Alu { op, width, dst, src: source(cursor, width)? })
}

/// What stands behind `dst =`.
fn assigned<'t>(
    cursor: &mut Cursor<'t>,
    scope: &mut Scope<'t>,
    dst: Named,
    opcode: Option<u8>,
) -> Read<Insn> {
    let Named { reg, width } = dst;
    let moved = |src| Insn::Alu { op: AluOp::Mov, width, dst: reg, src };
    match cursor.next() {
        Some(b'0'..=b'9') => constant(cursor, dst, opcode),
        Some(b'-') => {
            let mut ahead = *cursor;
            ahead.advance(1);
            if register_if(&mut ahead).is_none() {
                return constant(cursor, dst, opcode);
            }
            cursor.advance(1);
            same(cursor, dst).map(|()| Insn::Neg { width, dst: reg })
        }
        Some(b'*') => {
            cursor.advance(1);
            load(cursor, dst)
        }
        Some(b'(') => {
            let start = *cursor;
            cursor.advance(1);
            let (size, extend) = value_type(cursor)?;
            if extend == Extend::Zero {
                return Err(start.expected("`(s8)`, `(s16)` or `(s32)`"));
            }
            cursor.want(")", "`)`")?;
            Ok(Insn::MoveSigned { width, size, dst: reg, src: register_of(cursor, width)? })
        }
        _ => {
            let start = *cursor;
            if register_if(cursor).is_some() {
                *cursor = start;
                return Ok(moved(Src::Reg(register_of(cursor, width)?)));
            }
            let word = cursor.word();
            if let Some(order) = swap(word) {
                same(cursor, dst)?;
                return Ok(Insn::Swap { order, dst: whole(&start, dst)? });
            }
            match word {
                "map" | "var" | "subprog" => {
                    let value = symbol(cursor, scope, word)?;
                    Ok(Insn::LoadImm64 { dst: whole(&start, dst)?, value })
                }
                _ => atomic(cursor, start, word, dst),
            }
        }
    }
}

/// A constant: of 64 bits where it says so, or where the opcode before it does.
fn constant(cursor: &mut Cursor<'_>, dst: Named, opcode: Option<u8>) -> Read<Insn> {
    let start = *cursor;
    let number = cursor.number()?;
    let Named { reg, width } = dst;
    if cursor.eat("ll") || opcode == Some(LOAD_IMM64) {
        let number = number.bits64();
        let value = number.ok_or_else(|| cursor.since(&start, range(i64::MIN, u64::MAX)))?;
        return Ok(Insn::LoadImm64 { dst: whole(&start, dst)?, value: Imm64::Const(value) });
    }
    let imm = number.bits32().ok_or_else(|| cursor.since(&start, Wrong::Wide))?;
    Ok(Insn::Alu { op: AluOp::Mov, width, dst: reg, src: Src::Imm(imm) })
}

/// The register that comes next must be the one that is written.
fn same(cursor: &mut Cursor<'_>, dst: Named) -> Read<()> {
    cursor.blanks();
    let start = *cursor;
    if register(cursor)? == dst {
        return Ok(());
    }
    Err(cursor.since(&start, Wrong::Differ { rule: "operand and result are one register" }))
}

/// The register that is written, which must be meant in full.
fn whole(at: &Cursor<'_>, dst: Named) -> Read<Reg> {
    match dst.width {
        Width::W64 => Ok(dst.reg),
        Width::W32 => {
            Err(at.since(at, Wrong::Differ { rule: "this is written to a whole register, `r`" }))
        }
    }
}

fn swap(word: &str) -> Option<Swap> {
    Some(match word {
        "le16" => Swap::Le16,
        "le32" => Swap::Le32,
        "le64" => Swap::Le64,
        "be16" => Swap::Be16,
        "be32" => Swap::Be32,
        "be64" => Swap::Be64,
        "bswap16" => Swap::Bswap16,
        "bswap32" => Swap::Bswap32,
        "bswap64" => Swap::Bswap64,
        _ => return None,
    })
}

/// What stands behind `dst = *`.
fn load(cursor: &mut Cursor<'_>, dst: Named) -> Read<Insn> {
    let start = *cursor;
    let (size, extend) = pointee(cursor)?;
    if cursor.eat("skb") {
        if dst.reg != R0 || extend == Extend::Sign {
            let rule = "packets are read into r0, without a sign";
            return Err(cursor.since(&start, Wrong::Differ { rule }));
        }
        return Ok(Insn::LoadPacket { size, at: packet(cursor)? });
    }
    if dst.width == Width::W32 && (size == Size::D || extend == Extend::Sign) {
        let rule = "a load of 8 bytes or with a sign fills a whole register, `r`";
        return Err(cursor.since(&start, Wrong::Differ { rule }));
    }
    Ok(Insn::Load { size, extend, dst: dst.reg, mem: memory(cursor)? })
}

/// The brackets behind `skb`.
fn packet(cursor: &mut Cursor<'_>) -> Read<PacketAt> {
    cursor.want("[", "`[`")?;
    let at = match cursor.next() {
        Some(b'r' | b'w') => {
            let reg = register_of(cursor, Width::W64)?;
            let more = cursor.eat("+") || cursor.next() == Some(b'-');
            let imm = if more { imm32(cursor)? } else { 0 };
            PacketAt::Ind(reg, imm)
        }
        _ => PacketAt::Abs(imm32(cursor)?),
    };
    cursor.want("]", "`]`")?;
    Ok(at)
}

/// What a 64-bit load names instead of a constant.
fn symbol<'t>(cursor: &mut Cursor<'t>, scope: &mut Scope<'t>, kind: &str) -> Read<Imm64> {
    cursor.want("[", "`[`")?;
    let value = match kind {
        "map" => return map(cursor, scope),
        "var" => {
            let btf_id = number32(cursor)?;
            cursor.want("]", "`]`")?;
            let module = if cursor.eat("@") { number32(cursor)? } else { 0 };
            return Ok(Imm64::Variable { btf_id, module });
        }
        _ => Imm64::Sub(target(cursor, scope)?),
    };
    cursor.want("]", "`]`")?;
    Ok(value)
}

/// A map behind its bracket: by name, or by a number where it says so.
fn map<'t>(cursor: &mut Cursor<'t>, scope: &mut Scope<'t>) -> Read<Imm64> {
    let number = if cursor.eat("fd:") {
        MapNumber::Fd(number32(cursor)?)
    } else if cursor.eat("idx:") {
        MapNumber::Index(number32(cursor)?)
    } else {
        let map = scope.maps.wanted(cursor, scope.at)?;
        return Ok(match offset(cursor)? {
            Some(off) => Imm64::MapValue { map, off },
            None => Imm64::Map(map),
        });
    };
    Ok(match offset(cursor)? {
        Some(off) => Imm64::MapNumberValue { map: number, off },
        None => Imm64::MapNumber(number),
    })
}

/// The bracket behind a map, and the offset into its value where there is one.
fn offset(cursor: &mut Cursor<'_>) -> Read<Option<u32>> {
    cursor.want("]", "`]`")?;
    if cursor.eat("+") { within(cursor, 0, u32::MAX.into()).map(Some) } else { Ok(None) }
}

fn number32(cursor: &mut Cursor<'_>) -> Read<i32> {
    within(cursor, i32::MIN.into(), i32::MAX.unsigned_abs().into())
}

/// What stands behind `*` at the start of a line.
fn store(cursor: &mut Cursor<'_>) -> Read<Insn> {
    let size = unsigned_pointee(cursor)?;
    let mem = memory(cursor)?;
    cursor.want("=", "`=`")?;
    let src = match cursor.next() {
        Some(b'r' | b'w') => Src::Reg(value(cursor, size)?),
        _ => Src::Imm(imm32(cursor)?),
    };
    Ok(Insn::Store { size, mem, src })
}

/// What stands behind `if`.
fn conditional<'t>(cursor: &mut Cursor<'t>, scope: &mut Scope<'t>) -> Read<Insn> {
    let Named { reg: left, width } = register(cursor)?;
    cursor.blanks();
    let (cond, length) = match cursor.rest().as_bytes() {
        [b'=', b'=', ..] => (Cond::Eq, 2),
        [b'!', b'=', ..] => (Cond::Ne, 2),
        [b'>', b'=', ..] => (Cond::Ge, 2),
        [b'<', b'=', ..] => (Cond::Le, 2),
        [b'>', ..] => (Cond::Gt, 1),
        [b'<', ..] => (Cond::Lt, 1),
        [b'&', ..] => (Cond::Set, 1),
        [b's', b'>', b'=', ..] => (Cond::Sge, 3),
        [b's', b'<', b'=', ..] => (Cond::Sle, 3),
        [b's', b'>', ..] => (Cond::Sgt, 2),
        [b's', b'<', ..] => (Cond::Slt, 2),
        _ => return Err(cursor.expected("a comparison such as `==` or `s>`")),
    };
    cursor.advance(length);
    let right = source(cursor, width)?;
    cursor.blanks();
    let start = *cursor;
    if cursor.word() != "goto" {
        return Err(start.expected("`goto`"));
    }
    let to = target(cursor, scope)?;
    Ok(Insn::Jump { when: Some(Test { cond, width, left, right }), to })
}

/// What stands behind `call`.
fn call<'t>(cursor: &mut Cursor<'t>, scope: &mut Scope<'t>) -> Read<Call> {
    cursor.blanks();
    let start = *cursor;
    if matches!(cursor.peek(), Some(b'0'..=b'9' | b'-')) {
        return Ok(Call::Helper(Helper::from_id(imm32(cursor)?.cast_unsigned())));
    }
    if let Some(label) = distance(cursor, scope)? {
        return Ok(Call::Sub(label));
    }
    let bare = cursor.peek() != Some(b'"');
    let name = cursor.label().ok_or_else(|| start.expected("a function or a label"))?;
    if !bare || !cursor.eat("#") {
        let span = start.place()..cursor.place();
        return Ok(Call::Sub(scope.labels.named(name, Use::Call, span)));
    }
    if name == "kernel-function" {
        let btf_id = number32(cursor)?;
        let (least, most) = (i16::MIN.into(), i16::MAX.unsigned_abs().into());
        let module = if cursor.eat("@") { within(cursor, least, most)? } else { 0 };
        return Ok(Call::Kfunc { btf_id, module });
    }
    let helper = Helper::from_id(imm32(cursor)?.cast_unsigned());
    if helper.name() != name && helper.name() != "unknown" {
        let wrong = Wrong::Helper { id: helper.id(), name: helper.name() };
        return Err(cursor.since(&start, wrong));
    }
    Ok(Call::Helper(helper))
}
