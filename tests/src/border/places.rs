//! Steps on memory: packet, maps, stack.

use palisade_asm::{AtomicOp, Cond, FP, Helper, R0, R1, R2, R3, R4, R5, R6, Reg, Size};

use super::known::Holds;
use super::{Maker, bytes};

impl Maker<'_> {
    /// A field of the context.
    pub fn context(&mut self) {
        let Some(ctx) = self.holding(|holds| *holds == Holds::Ctx) else { return };
        let (off, holds) = match self.chance.below(10) {
            0..=2 => (0, Holds::Packet { upto: 0, moved: false }),
            3 | 4 => (4, Holds::End),
            5 => (8, Holds::Nothing),
            _ => (12, Holds::Number { most: None }),
        };
        let off = if self.slips() { self.pick(&[1, 2, 16, 20, 24, 13]) } else { off };
        let size = if self.slips() { self.size() } else { Size::W };
        let dst = self.free();
        self.a.load(size, dst, ctx + off);
        self.known.set(dst, holds);
    }

    /// Shows that bytes of the packet are there.
    pub fn check(&mut self) {
        let Some(packet) = self.holding(|holds| matches!(holds, Holds::Packet { .. })) else {
            return;
        };
        let Some(end) = self.holding(|holds| *holds == Holds::End) else { return };
        let n = self.pick(&[1, 2, 4, 8, 14, 14, 18, 34, 54]);
        let moved = matches!(self.known.get(packet), Holds::Packet { moved: true, .. });
        let probe = if self.one_in(6) && moved { packet } else { self.free() };
        if probe != packet {
            self.a.mov(probe, packet);
        }
        self.a.add(probe, i32::from(n));
        let label = self.end;
        let shown = match self.chance.below(if self.mistakes > 0 { 9 } else { 7 }) {
            0..=3 => {
                self.a.jump_if(probe, Cond::Gt, end, label);
                n
            }
            4 => {
                self.a.jump_if(end, Cond::Lt, probe, label);
                n
            }
            5 => {
                self.a.jump_if(probe, Cond::Ge, end, label);
                n
            }
            6 => {
                self.a.jump_if(end, Cond::Le, probe, label);
                n
            }
            7 => {
                self.a.jump_if(probe, Cond::Lt, end, label);
                0
            }
            _ => {
                let over = self.a.label("inside");
                self.a.jump_if(probe, Cond::Le, end, over);
                self.a.jump(label).place(over);
                n
            }
        };
        if moved {
            self.known.set(packet, Holds::Packet { upto: shown, moved: true });
        } else {
            self.known.show(shown);
        }
        if probe == packet {
            self.known.set(packet, Holds::Nothing);
        } else if !self.one_in(6) {
            self.known.set(probe, Holds::Nothing);
        } else {
            self.known.set(probe, Holds::Packet { upto: 0, moved });
        }
    }

    /// Reads or writes the packet.
    pub fn packet(&mut self) {
        let slack = self.slips();
        let held =
            |holds: &Holds| matches!(holds, Holds::Packet { upto, .. } if *upto > 0 || slack);
        let Some(packet) = self.holding(held) else { return self.check() };
        let upto = match self.known.get(packet) {
            Holds::Packet { upto, .. } => upto,
            _ => 14,
        };
        let size = self.size();
        let last = upto - bytes(size);
        if last < 0 && !slack {
            return;
        }
        let off = match self.chance.below(4) {
            0 => 0,
            1 => last / 2,
            _ => last,
        };
        let off = if self.slips() { off + self.pick(&[1, -1, 4]) } else { off };
        self.access(packet, off, size);
    }

    /// A load or a store.
    fn access(&mut self, base: Reg, off: i16, size: Size) {
        let fixed = matches!(self.known.get(base), Holds::Value { fixed: true, .. });
        if self.one_in(4) && (!fixed || self.slips()) {
            let imm = self.constant();
            self.a.store(size, base + off, imm);
            return;
        }
        if self.one_in(5)
            && (!fixed || self.slips())
            && let Some(src) = self.number()
        {
            self.a.store(size, base + off, src);
            return;
        }
        let dst = self.free();
        self.a.load(size, dst, base + off);
        let most = match size {
            Size::B => Some(0xff),
            Size::H => Some(0xffff),
            Size::W => Some(0xffff_ffff),
            Size::D => None,
        };
        self.known.set(dst, Holds::Number { most });
    }

    /// A pointer to the packet that is moved by a number.
    pub fn packet_moved(&mut self) {
        let Some(packet) = self.holding(|holds| matches!(holds, Holds::Packet { .. })) else {
            return;
        };
        let small = |holds: &Holds| matches!(holds, Holds::Number { most: Some(..=0x7fff) });
        let Some(by) = self.holding(small) else { return self.bounded() };
        let dst = self.free();
        if dst == by {
            self.a.add(dst, packet);
        } else {
            self.a.mov(dst, packet).add(dst, by);
        }
        self.known.set(dst, Holds::Packet { upto: 0, moved: true });
        if self.one_in(8) {
            let back = self.pick(&[-1, -2, 1]);
            self.a.add(dst, back);
        }
        if self.one_in(8) {
            let other = self.free();
            self.a.mov(other, dst);
            self.known.set(other, Holds::Packet { upto: 0, moved: true });
        }
    }

    /// A look-up in a map.
    pub fn look_up(&mut self) {
        let which = self.chance.below(4);
        let size = [24, 64, 16, 300][which];
        let fixed = which == 3;
        let (map, key) = (self.maps[which], self.pick(&[-4, -8, -16, -20]));
        if !self.known.is_written(key, 4) && !self.slips() {
            self.a.store(Size::W, FP + key, 1);
            self.known.store(key, 4, Holds::Nothing);
        }
        self.a.load_map(R1, map).mov(R2, FP).add(R2, i32::from(key));
        let helper = match self.chance.below(12) {
            0 if !fixed => Helper::MAP_DELETE_ELEM,
            1 if self.known.is_written(-64, 64) && which < 3 => {
                self.a.mov(R3, FP).add(R3, -64).mov(R4, 0);
                Helper::MAP_UPDATE_ELEM
            }
            _ => Helper::MAP_LOOKUP_ELEM,
        };
        self.a.call(helper);
        self.known.clobber();
        if helper != Helper::MAP_LOOKUP_ELEM {
            self.known.set(R0, Holds::Number { most: None });
            return;
        }
        self.known.set(R0, Holds::ValueOrNull { size, fixed });
        let value = if self.one_in(3) {
            let copy = self.free();
            self.a.mov(copy, R0);
            self.known.set(copy, Holds::ValueOrNull { size, fixed });
            copy
        } else {
            R0
        };
        if self.slips() {
            self.known.set(value, Holds::Value { left: size, fixed });
            return;
        }
        let end = self.end;
        self.a.jump_if(value, Cond::Eq, 0, end);
        self.known.set(value, Holds::Value { left: size, fixed });
        self.known.set(R0, Holds::Value { left: size, fixed });
    }

    /// Reads, writes or changes a value.
    pub fn value(&mut self) {
        let Some(value) = self.holding(|holds| matches!(holds, Holds::Value { .. })) else {
            return self.value_address();
        };
        let (left, fixed) = match self.known.get(value) {
            Holds::Value { left, fixed } => (left, fixed),
            _ => (8, false),
        };
        let size = self.size();
        let last = i16::try_from(left).unwrap_or(0) - bytes(size);
        if last < 0 && !self.slips() {
            return;
        }
        let off = if self.one_in(2) { last } else { last / 2 };
        let off = if self.slips() { off + self.pick(&[1, -1, 8]) } else { off };
        if matches!(size, Size::W | Size::D) && !fixed && self.one_in(4) {
            let Some(src) = self.number() else { return };
            let off = if self.slips() { off } else { off / bytes(size) * bytes(size) };
            let op = self.pick(&[
                AtomicOp::Add,
                AtomicOp::Add,
                AtomicOp::Or,
                AtomicOp::FetchAdd,
                AtomicOp::Xchg,
            ]);
            self.a.atomic(op, size, value + off, src);
            self.known.set(src, Holds::Number { most: None });
            return;
        }
        self.access(value, off, size);
    }

    fn value_address(&mut self) {
        let (which, size) = self.pick(&[(1, 64), (3, 300)]);
        let off = self.pick(&[0, 0, 8, 60]);
        let dst = self.free();
        self.a.load_map_value(dst, self.maps[which], off);
        self.known.set(dst, Holds::Value { left: size - i64::from(off), fixed: which == 3 });
    }

    /// A pointer into a value that is moved by a number.
    pub fn value_moved(&mut self) {
        let Some(value) = self.holding(|holds| matches!(holds, Holds::Value { .. })) else {
            return self.value_address();
        };
        let (left, fixed) = match self.known.get(value) {
            Holds::Value { left, fixed } => (left, fixed),
            _ => (64, false),
        };
        let slack = self.slips();
        let small = |holds: &Holds| matches!(holds, Holds::Number { most: Some(most) } if *most < left || slack);
        let Some(by) = self.holding(small) else { return self.bounded() };
        let most = match self.known.get(by) {
            Holds::Number { most: Some(most) } => most,
            _ => 0,
        };
        let dst = self.free();
        if dst == by {
            self.a.add(dst, value);
        } else {
            self.a.mov(dst, value).add(dst, by);
        }
        self.known.set(dst, Holds::Value { left: left - most, fixed });
    }

    /// Stores something on the stack.
    pub fn spill(&mut self) {
        let slot = 1 + i16::try_from(self.chance.below(8)).unwrap_or(0);
        if self.one_in(4) {
            let size = self.size();
            let off = -slot * 8 + if size == Size::D { 0 } else { self.pick(&[0, 4]) };
            let src = self
                .number()
                .filter(|_| !self.known.all(|h| matches!(h, Holds::Number { .. })).is_empty());
            match src {
                Some(src) => self.a.store(size, FP + off, src),
                None => self.a.store(size, FP + off, 0),
            };
            self.known.store(off, bytes(size), Holds::Number { most: None });
            return;
        }
        let Some(src) = self.holding(|holds| *holds != Holds::Nothing) else { return };
        self.a.store(Size::D, FP + -slot * 8, src);
        self.known.store(-slot * 8, 8, self.known.get(src));
    }

    /// Loads something from the stack.
    pub fn fill(&mut self) {
        let slot = self.chance.below(8);
        let off = -8 * (1 + i16::try_from(slot).unwrap_or(0));
        let dst = self.free();
        let size = if self.one_in(4) { self.size() } else { Size::D };
        if !self.known.is_written(off, bytes(size)) && !self.slips() {
            return self.spill();
        }
        let held = self.known.slot(slot);
        if size != Size::D
            && !matches!(held, Holds::Nothing | Holds::Number { .. })
            && !self.slips()
        {
            return;
        }
        self.a.load(size, dst, FP + off);
        let found = match (size, held) {
            (Size::D, Holds::Nothing) => Holds::Number { most: None },
            (Size::D, held) => held,
            _ => Holds::Number { most: None },
        };
        self.known.set(dst, found);
    }

    /// A call of something other than a map's helper.
    pub fn helper(&mut self) {
        let helper = self.pick(&[
            Helper::GET_PRANDOM_U32,
            Helper::JIFFIES64,
            Helper::KTIME_GET_NS,
            Helper::XDP_GET_BUFF_LEN,
            Helper::XDP_LOAD_BYTES,
            Helper::XDP_ADJUST_HEAD,
            Helper::CSUM_DIFF,
            Helper::XDP_ADJUST_TAIL,
        ]);
        let has_ctx = self.known.get(R6) == Holds::Ctx;
        let n = self.pick(&[4, 8, 16, 64]);
        match helper {
            Helper::XDP_GET_BUFF_LEN if has_ctx => self.a.mov(R1, R6),
            Helper::XDP_LOAD_BYTES if has_ctx => {
                let n = if self.slips() { 65 } else { n };
                self.known.store(-64, 64, Holds::Nothing);
                if n == 64 {
                    for slot in 0..8 {
                        self.known.store(-64 + slot * 8, 8, Holds::Nothing);
                    }
                }
                self.a.mov(R1, R6).mov(R2, 0).mov(R3, FP).add(R3, -64).mov(R4, n)
            }
            Helper::XDP_ADJUST_HEAD | Helper::XDP_ADJUST_TAIL if has_ctx && self.one_in(2) => {
                self.a.mov(R1, R6).mov(R2, n)
            }
            Helper::CSUM_DIFF if self.known.is_written(-16, 16) => {
                self.a.mov(R1, 0).mov(R2, 0).mov(R3, FP).add(R3, -16).mov(R4, 16).mov(R5, 0)
            }
            Helper::GET_PRANDOM_U32 | Helper::JIFFIES64 | Helper::KTIME_GET_NS => &mut self.a,
            _ => return,
        };
        self.a.call(helper);
        self.known.clobber();
        self.known.set(R0, Holds::Number { most: None });
        if matches!(helper, Helper::XDP_ADJUST_HEAD | Helper::XDP_ADJUST_TAIL) && !self.slips() {
            for reg in self.known.all(|holds| matches!(holds, Holds::Packet { .. } | Holds::End)) {
                self.known.set(reg, Holds::Nothing);
            }
            if self.one_in(2) {
                self.a.load(Size::W, R2, R6 + 0).load(Size::W, R3, R6 + 4);
                self.known.set(R2, Holds::Packet { upto: 0, moved: false });
                self.known.set(R3, Holds::End);
            }
        }
    }
}
