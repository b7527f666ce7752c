//! Programs by chance that the verifier takes: numbers in r0 to r5 that are worked on, stored,
//! loaded and compared, in packet, stack and maps, with helpers between.
//!
//! Invariant between any two pieces: r0 to r5 hold numbers, r6 the context, r7 the packet of which
//! [`SEEN`] bytes are proved to be there, r8 the value of the `out` map, r9 a number; the upper
//! [`SLOTS`] slots of the stack are written. So every piece may stand after every other, and be
//! jumped over.

use palisade_asm::{
    AluOp, Assembler, AtomicOp, Cond, Extend, FP, Helper, Insn, Isa, Label, MapDecl, MapFlags,
    MapId, MapKind, Mem, Program, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Reg, Size, Src, Swap,
    Test, Width,
};
use palisade_tests::random::Chance;

/// Bytes of the packet that programs reach.
pub const SEEN: i16 = 40;
/// What programs return where the packet is shorter.
pub const TOO_SHORT: u32 = 77;
/// Slots of eight bytes on the stack.
const SLOTS: usize = 8;
/// Bytes of the value of `out`.
const OUT: i16 = 128;
/// Bytes of `out` at its end that the numbers are stored into when the program ends.
const RESULTS: i16 = 56;

const NUMBERS: [Reg; 7] = [R0, R1, R2, R3, R4, R5, R9];
const SIZES: [Size; 4] = [Size::B, Size::H, Size::W, Size::D];
const WIDTHS: [Width; 2] = [Width::W32, Width::W64];

/// The maps of each program.
struct Maps {
    out: MapId,
    array: MapId,
    hash: MapId,
    trie: MapId,
    counters: MapId,
}

/// A program in the making.
struct Maker<'a> {
    a: Assembler,
    chance: &'a mut Chance,
    isa: Isa,
    sum: Option<Helper>,
    maps: Maps,
    /// Where a packet that is too short leads.
    short: Label,
}

fn decl(name: &str, kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDecl {
    let flags = if kind == MapKind::LpmTrie { MapFlags::NO_PREALLOC } else { MapFlags::NONE };
    MapDecl { name: name.to_owned(), kind, key_size, value_size, max_entries, flags }
}

/// A program of so many pieces, of instructions that a version has; with the helper that sums, if
/// one is given.
pub fn program(chance: &mut Chance, isa: Isa, sum: Option<Helper>, pieces: usize) -> Program {
    let mut a = Assembler::new();
    let maps = Maps {
        out: a.map(decl("out", MapKind::Array, 4, 128, 1)),
        array: a.map(decl("array", MapKind::Array, 4, 12, 5)),
        hash: a.map(decl("hash", MapKind::Hash, 4, 16, 4)),
        trie: a.map(decl("trie", MapKind::LpmTrie, 8, 8, 4)),
        counters: a.map(decl("counters", MapKind::PerCpuArray, 4, 16, 3)),
    };
    let short = a.label("short");
    let mut maker = Maker { a, chance, isa, sum, maps, short };
    maker.begin();
    for _ in 0..pieces {
        maker.piece(2);
    }
    maker.end();
    maker.a.finish().unwrap_or_else(|error| panic!("{error}"))
}

impl Maker<'_> {
    fn begin(&mut self) {
        self.a.mov(R6, R1);
        self.packet();
        self.a.load_map_value(R8, self.maps.out, 0);
        for slot in 1..=SLOTS {
            let number = self.number();
            self.a.load_imm64(R0, number).store(Size::D, slot_at(slot, 0), R0);
        }
        for reg in NUMBERS {
            self.fill(reg);
        }
    }

    fn end(&mut self) {
        for (at, reg) in NUMBERS.into_iter().enumerate() {
            let off = OUT - RESULTS + 8 * i16::try_from(at).expect("small");
            self.a.store(Size::D, R8 + off, reg);
        }
        self.a.exit();
        self.a.place(self.short);
        self.a.mov(R0, TOO_SHORT.cast_signed()).exit();
    }

    /// Proves that the packet has the bytes that are reached; takes r2 and r7.
    fn packet(&mut self) {
        self.a.load(Size::W, R7, R6 + 0).load(Size::W, R2, R6 + 4).mov(R1, R7);
        self.a.add(R1, i32::from(SEEN)).jump_if(R1, Cond::Gt, R2, self.short);
    }

    /// What a call leaves unwritten becomes numbers again.
    fn after_call(&mut self) {
        for reg in [R1, R2, R3, R4, R5] {
            self.fill(reg);
        }
    }

    /// A number, often one at a border.
    fn number(&mut self) -> u64 {
        const BORDERS: [u64; 12] = [
            0,
            1,
            2,
            31,
            63,
            64,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x7fff_ffff_ffff_ffff,
            1 << 63,
            u64::MAX,
        ];
        match self.chance.below(3) {
            0 => self.chance.one(&BORDERS),
            1 => self.chance.number() >> self.chance.below(64),
            _ => self.chance.number(),
        }
    }

    fn imm(&mut self) -> i32 {
        let [a, b, c, d, ..] = self.number().to_ne_bytes();
        i32::from_ne_bytes([a, b, c, d])
    }

    fn reg(&mut self) -> Reg {
        self.chance.one(&NUMBERS)
    }

    fn fill(&mut self, reg: Reg) {
        if self.chance.once_in(2) {
            let number = self.number();
            self.a.load_imm64(reg, number);
        } else {
            let size = self.chance.one(&SIZES);
            let off = self.in_packet(size);
            self.a.load(size, reg, R7 + off);
        }
    }

    fn in_packet(&mut self, size: Size) -> i16 {
        let last = SEEN - len_of(size);
        i16::try_from(self.chance.below(usize::try_from(last + 1).expect("positive")))
            .expect("small")
    }

    fn in_out(&mut self, size: Size) -> i16 {
        let last = OUT - RESULTS - len_of(size);
        i16::try_from(self.chance.below(usize::try_from(last + 1).expect("positive")))
            .expect("small")
    }

    fn on_stack(&mut self, size: Size) -> Mem {
        let steps = usize::try_from(8 / len_of(size)).expect("positive");
        let within = len_of(size) * i16::try_from(self.chance.below(steps)).expect("small");
        slot_at(1 + self.chance.below(SLOTS), within)
    }

    /// One piece; those that hold others hold so many at most.
    fn piece(&mut self, nested: usize) {
        match self.chance.below(24) {
            0..=7 => self.arithmetic(),
            8..=9 => self.one_operand(),
            10..=11 => self.load(),
            12..=13 => self.store(),
            14..=15 => self.atomic(),
            16..=18 if nested > 0 => self.jump(nested),
            19 => self.checksum(),
            20 => self.copy(),
            21 => self.edit_map(),
            22 => self.look_up(),
            23 => self.move_packet(),
            _ => self.arithmetic(),
        }
    }

    fn push(&mut self, insn: Insn) {
        if insn.needs() <= self.isa {
            self.a.push(insn);
        }
    }

    fn arithmetic(&mut self) {
        use AluOp::{Add, And, Arsh, Div, Lsh, Mod, Mov, Mul, Or, Rsh, Sdiv, Smod, Sub, Xor};
        let op = self
            .chance
            .one(&[Add, Sub, Mul, Div, Or, And, Lsh, Rsh, Mod, Xor, Mov, Arsh, Sdiv, Smod]);
        let (width, dst) = (self.chance.one(&WIDTHS), self.reg());
        let src = if self.chance.once_in(2) {
            self.reg().into()
        } else {
            let imm = self.imm();
            match op {
                Lsh | Rsh | Arsh => Src::Imm(imm & if width == Width::W32 { 31 } else { 63 }),
                Div | Mod | Sdiv | Smod if imm == 0 => Src::Imm(7),
                _ => Src::Imm(imm),
            }
        };
        self.push(Insn::Alu { op, width, dst, src });
    }

    fn one_operand(&mut self) {
        const ORDERS: [Swap; 9] = [
            Swap::Le16,
            Swap::Le32,
            Swap::Le64,
            Swap::Be16,
            Swap::Be32,
            Swap::Be64,
            Swap::Bswap16,
            Swap::Bswap32,
            Swap::Bswap64,
        ];
        let (dst, src, width) = (self.reg(), self.reg(), self.chance.one(&WIDTHS));
        let insn = match self.chance.below(3) {
            0 => Insn::Neg { width, dst },
            1 => Insn::Swap { order: self.chance.one(&ORDERS), dst },
            _ => {
                let sizes: &[Size] = if width == Width::W64 {
                    &[Size::B, Size::H, Size::W]
                } else {
                    &[Size::B, Size::H]
                };
                Insn::MoveSigned { width, size: self.chance.one(sizes), dst, src }
            }
        };
        self.push(insn);
    }

    fn place(&mut self, size: Size) -> Mem {
        match self.chance.below(3) {
            0 => R7 + self.in_packet(size),
            1 => R8 + self.in_out(size),
            _ => self.on_stack(size),
        }
    }

    fn load(&mut self) {
        if self.chance.once_in(8) {
            // The interface and the queue.
            let (dst, off) = (self.reg(), self.chance.one(&[12, 16]));
            self.a.load(Size::W, dst, R6 + off);
            return;
        }
        let size = self.chance.one(&SIZES);
        let sign = size != Size::D && self.chance.once_in(3);
        let extend = if sign { Extend::Sign } else { Extend::Zero };
        let (dst, mem) = (self.reg(), self.place(size));
        self.push(Insn::Load { size, extend, dst, mem });
    }

    fn store(&mut self) {
        let size = self.chance.one(&SIZES);
        let mem = self.place(size);
        let src = if self.chance.once_in(2) { self.reg().into() } else { Src::Imm(self.imm()) };
        self.push(Insn::Store { size, mem, src });
    }

    fn atomic(&mut self) {
        use AtomicOp::{Add, And, CmpXchg, FetchAdd, FetchAnd, FetchOr, FetchXor, Or, Xchg, Xor};
        let op = self
            .chance
            .one(&[Add, Or, And, Xor, FetchAdd, FetchOr, FetchAnd, FetchXor, Xchg, CmpXchg]);
        let size = self.chance.one(&[Size::W, Size::D]);
        let mem = if self.chance.once_in(2) {
            self.on_stack(size)
        } else {
            let off = self.in_out(size);
            R8 + (off - off % len_of(size))
        };
        let src = self.reg();
        self.push(Insn::Atomic { op, size, mem, src });
    }

    /// Some pieces, jumped over on a condition.
    fn jump(&mut self, nested: usize) {
        use Cond::{Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
        let cond = self.chance.one(&[Eq, Ne, Gt, Ge, Lt, Le, Set, Sgt, Sge, Slt, Sle]);
        let (width, left) = (self.chance.one(&WIDTHS), self.reg());
        let right = if self.chance.once_in(2) { self.reg().into() } else { Src::Imm(self.imm()) };
        let over = self.a.label("over");
        self.a.push(Insn::Jump { when: Some(Test { cond, width, left, right }), to: over });
        for _ in 0..=self.chance.below(3) {
            self.piece(nested - 1);
        }
        self.a.place(over);
    }

    /// Checksums of bytes on the stack, replaced by others.
    fn checksum(&mut self) {
        let Some(sum) = self.sum else { return self.store() };
        let (old, new) = (self.chance.one(&[0, 4, 8, 16]), self.chance.one(&[0, 4, 8, 16]));
        let seed = self.imm();
        self.a.mov(R1, FP).add(R1, -32).mov(R2, old).mov(R3, FP).add(R3, -64).mov(R4, new);
        self.a.load_imm64(R5, seed.cast_unsigned().into()).call(sum);
        self.after_call();
    }

    /// Bytes of the packet to the stack or back, here and there beyond its end.
    fn copy(&mut self) {
        let at = if self.chance.once_in(4) { 60 } else { 0 } + self.chance.below(30);
        let len = 1 + self.chance.below(16);
        let load = self.chance.once_in(2);
        let small = |number: usize| i32::try_from(number).expect("small");
        self.a.mov(R1, R6).mov(R2, small(at)).mov(R3, FP).add(R3, -32).mov(R4, small(len));
        self.a.call(if load { Helper::XDP_LOAD_BYTES } else { Helper::XDP_STORE_BYTES });
        if load {
            self.after_call();
        } else {
            self.reread();
        }
    }

    /// Puts a small number, made of one in a register, where keys are read.
    fn key(&mut self, mask: i32) {
        let reg = self.reg();
        self.a.mov(R1, reg).and(R1, mask).store(Size::W, FP - 64, R1);
    }

    fn edit_map(&mut self) {
        if self.chance.once_in(4) {
            return self.edit_trie();
        }
        self.key(7);
        let map = if self.chance.once_in(3) { self.maps.array } else { self.maps.hash };
        self.a.load_map(R1, map).mov(R2, FP).add(R2, -64);
        if self.chance.once_in(3) {
            self.a.call(Helper::MAP_DELETE_ELEM);
        } else {
            let flags = self.chance.one(&[0, 0, 0, 1, 2, 3]);
            self.a.mov(R3, FP).add(R3, -32).mov(R4, flags).call(Helper::MAP_UPDATE_ELEM);
        }
        self.after_call();
    }

    /// A prefix of few bits, so that prefixes meet.
    fn prefix(&mut self) {
        let (reg, most) = (self.reg(), self.chance.one(&[3, 7, 31, 63]));
        self.a.mov(R1, reg).and(R1, most).store(Size::W, FP - 64, R1);
        let bits = self.reg();
        self.a.mov(R1, bits).and(R1, 0x0303).store(Size::W, FP - 60, R1);
    }

    fn edit_trie(&mut self) {
        self.prefix();
        self.a.load_map(R1, self.maps.trie).mov(R2, FP).add(R2, -64);
        if self.chance.once_in(3) {
            self.a.call(Helper::MAP_DELETE_ELEM);
        } else {
            let flags = self.chance.one(&[0, 0, 1, 2]);
            self.a.mov(R3, FP).add(R3, -32).mov(R4, flags).call(Helper::MAP_UPDATE_ELEM);
        }
        self.after_call();
    }

    /// Looks a key up and, where it is found, works on the value.
    fn look_up(&mut self) {
        let (map, len) = match self.chance.below(4) {
            0 => (self.maps.array, 12),
            1 => (self.maps.hash, 16),
            2 => (self.maps.trie, 8),
            _ => (self.maps.counters, 16),
        };
        if map == self.maps.trie {
            self.prefix()
        } else {
            self.key(7)
        }
        let (missing, end) = (self.a.label("missing"), self.a.label("end"));
        self.a.load_map(R1, map).mov(R2, FP).add(R2, -64).call(Helper::MAP_LOOKUP_ELEM);
        self.a.jump_if(R0, Cond::Eq, 0, missing);
        if map == self.maps.counters {
            // Counters are only added to, so that it does not matter which CPU they belong to.
            self.a.load(Size::D, R1, R0 + 8).add(R1, R9).store(Size::D, R0 + 8, R1).mov(R0, 1);
        } else {
            let size = self.chance.one(&SIZES);
            let last = len - len_of(size);
            let off = self.chance.below(usize::try_from(last + 1).expect("positive"));
            let mem = R0 + i16::try_from(off).expect("small");
            self.a.store(size, mem, R9).load(Size::W, R0, R0 + 0);
        }
        self.a.jump(end);
        self.a.place(missing);
        self.a.mov(R0, 5);
        self.a.place(end);
        self.after_call();
    }

    /// Moves an end of the packet, and proves anew what of it is there.
    fn move_packet(&mut self) {
        let (helper, by) = match self.chance.below(3) {
            0 => (Helper::XDP_ADJUST_HEAD, self.chance.one(&[-300, -217, -14, -1, 0, 1, 20, 400])),
            1 => (Helper::XDP_ADJUST_TAIL, self.chance.one(&[-400, -9, -1, 0, 1, 30, 5000])),
            _ => (Helper::XDP_ADJUST_META, self.chance.one(&[-260, -32, -8, -4, -2, 0, 4, 8])),
        };
        self.a.mov(R1, R6).mov(R2, by).call(helper);
        self.reread();
    }

    fn reread(&mut self) {
        self.packet();
        self.after_call();
    }
}

fn len_of(size: Size) -> i16 {
    match size {
        Size::B => 1,
        Size::H => 2,
        Size::W => 4,
        Size::D => 8,
    }
}

/// A place in a slot of the stack, of which the first is the uppermost.
fn slot_at(slot: usize, within: i16) -> Mem {
    let slot = i16::try_from(slot).expect("few slots");
    FP + (within - 8 * slot)
}
