//! Steps on numbers.

use palisade_asm::{AluOp, Cond, Extend, Insn, R6, Reg, Size, Src, Swap, Width};

use super::Maker;
use super::known::Holds;

impl Maker<'_> {
    /// Arithmetic, with a constant mostly.
    pub fn arithmetic(&mut self) {
        use AluOp::{Add, And, Arsh, Div, Lsh, Mod, Mul, Or, Rsh, Sub, Xor};
        let Some(dst) = self.number() else {
            return self.fresh();
        };
        let op = self.pick(&[Add, Add, And, And, And, Sub, Lsh, Rsh, Or, Xor, Mul, Arsh, Div, Mod]);
        let width = if self.one_in(3) { Width::W32 } else { Width::W64 };
        let other = if self.one_in(5) { self.number() } else { None };
        let (src, imm) = match other {
            Some(reg) => (Src::Reg(reg), None),
            None => {
                let imm = match op {
                    Lsh | Rsh | Arsh => {
                        self.pick(&[0, 1, 1, 2, 2, 3, 4, 8, 16, 24, 31])
                            + if width == Width::W64 && self.one_in(6) { 32 } else { 0 }
                    }
                    Div | Mod => self.constant().max(1),
                    Mul => self.pick(&[0, 1, 2, 3, 4, 6, 20, 0x1_0000]),
                    _ => self.constant(),
                };
                (Src::Imm(imm), Some(i64::from(imm)))
            }
        };
        self.a.push(Insn::Alu { op, width, dst, src });
        let most = match self.known.get(dst) {
            Holds::Number { most } => most,
            _ => None,
        };
        let most = match (op, most, imm) {
            (And, _, Some(mask)) if mask >= 0 => Some(most.map_or(mask, |most| most.min(mask))),
            (Add, Some(most), Some(by)) if by >= 0 => most.checked_add(by),
            (Rsh, Some(most), Some(by)) => Some(most >> by),
            (Lsh, Some(most), Some(by)) if most < 1 << 30 && by < 24 => Some(most << by),
            (Mul, Some(most), Some(by)) if most < 1 << 30 => Some(most * by),
            _ => None,
        };
        self.known.set(dst, Holds::Number { most });
    }

    /// A number that is not known, or a constant.
    fn fresh(&mut self) {
        let dst = self.free();
        let most = if self.one_in(3) {
            let imm = self.constant();
            self.a.mov(dst, imm);
            Some(i64::from(imm)).filter(|imm| *imm >= 0)
        } else if matches!(self.known.get(R6), Holds::Ctx) {
            self.a.load(Size::W, dst, R6 + 12);
            None
        } else {
            self.a.load_imm64(dst, 0x1_0000_0000);
            None
        };
        self.known.set(dst, Holds::Number { most });
    }

    /// A copy of something, and perhaps a number beside it.
    pub fn copy(&mut self) {
        let Some(src) = self.holding(|holds| *holds != Holds::Nothing) else { return };
        let dst = self.free();
        match self.known.get(src) {
            Holds::Number { most } if self.one_in(3) => {
                self.a.mov32(dst, src);
                self.known.set(dst, Holds::Number { most });
            }
            Holds::Number { most } => {
                self.a.mov(dst, src);
                self.known.set(dst, Holds::Number { most });
                if self.one_in(2) {
                    let by = self.constant();
                    self.a.add(dst, by);
                    let most = most.and_then(|most| most.checked_add(by.into()));
                    self.known.set(dst, Holds::Number { most: most.filter(|_| by >= 0) });
                }
            }
            held => {
                self.a.mov(dst, src);
                self.known.set(dst, held);
            }
        }
    }

    /// A number that is compared, so that it is small behind that.
    pub fn bounded(&mut self) {
        let Some(reg) = self.number() else { return self.fresh() };
        let most = self.pick(&[1, 3, 4, 7, 15, 16, 40, 63, 64, 255, 284, 1500]);
        let signed = self.one_in(6);
        let cond = match (signed, self.one_in(2)) {
            (false, false) => Cond::Gt,
            (false, true) => Cond::Ge,
            (true, false) => Cond::Sgt,
            (true, true) => Cond::Sge,
        };
        let end = self.end;
        if self.one_in(4) {
            self.a.jump32_if(reg, cond, most, end);
            if self.one_in(2) {
                self.a.mov32(reg, reg);
            }
        } else {
            self.a.jump_if(reg, cond, most, end);
        }
        self.known.set(reg, Holds::Number { most: Some(most.into()).filter(|_| !signed) });
    }

    /// What is rarely done.
    pub fn odd(&mut self) {
        let Some(dst) = self.number() else { return self.fresh() };
        match self.chance.below(8) {
            0 => self.a.neg(dst),
            1 | 2 => {
                let order =
                    self.pick(&[Swap::Be16, Swap::Be32, Swap::Be64, Swap::Le16, Swap::Bswap32]);
                self.a.swap(order, dst)
            }
            3 => {
                let (size, width) =
                    (self.pick(&[Size::B, Size::H]), self.pick(&[Width::W32, Width::W64]));
                self.a.push(Insn::MoveSigned { width, size, dst, src: dst })
            }
            4 => self.a.mov(R6, R6),
            5 => self.difference(dst),
            6 => self.signed_load(dst),
            _ => self.a.mov32(dst, dst),
        };
        self.known.set(dst, Holds::Number { most: None });
    }

    fn difference(&mut self, dst: Reg) -> &mut palisade_asm::Assembler {
        let end = self.known.all(|holds| *holds == Holds::End);
        let packet = self.known.all(|holds| matches!(holds, Holds::Packet { .. }));
        match (end.first(), packet.first()) {
            (Some(end), Some(packet)) => self.a.mov(dst, *end).sub(dst, *packet),
            _ => self.a.neg(dst),
        }
    }

    fn signed_load(&mut self, dst: Reg) -> &mut palisade_asm::Assembler {
        let packets = self.known.all(|holds| matches!(holds, Holds::Packet { upto: 4.., .. }));
        match packets.first() {
            Some(packet) => {
                let mem = *packet + 2;
                self.a.push(Insn::Load { size: Size::H, extend: Extend::Sign, dst, mem })
            }
            None => self.a.neg(dst),
        }
    }
}
