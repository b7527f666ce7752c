//! Programs near the border of what a verifier accepts.
//!
//! A program is made of steps that a compiler would emit, in an order that mostly makes sense: what
//! registers and stack hold is followed roughly, so that most steps use what is there. Now and then
//! a step is one off: a comparison too few, another register, a byte too far.

mod known;
mod numbers;
mod places;

use crate::random::Chance;
use palisade_asm::{
    Assembler, Cond, Label, MapDecl, MapFlags, MapId, MapKind, Program, R0, R1, R2, R3, R4, R5, R6,
    R7, R8, R9, Reg, Size,
};

use known::{Holds, Known};

/// Registers that a step may use.
const REGS: [Reg; 10] = [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9];

/// The maps of every program.
pub fn maps() -> Vec<MapDecl> {
    let decl = |name: &str, kind, value_size, max_entries, flags| MapDecl {
        name: name.into(),
        kind,
        key_size: 4,
        value_size,
        max_entries,
        flags,
    };
    vec![
        decl("hash", MapKind::Hash, 24, 16, MapFlags::NONE),
        decl("only", MapKind::Array, 64, 1, MapFlags::NONE),
        decl("cpus", MapKind::PerCpuArray, 16, 4, MapFlags::NONE),
        decl("table", MapKind::Array, 300, 1, MapFlags::RDONLY_PROG),
    ]
}

/// A program in the making.
struct Maker<'a> {
    a: Assembler,
    chance: &'a mut Chance,
    known: Known,
    maps: Vec<MapId>,
    /// The end, which every check may go to.
    end: Label,
    /// How many of a hundred steps are one off.
    mistakes: usize,
}

/// A program by chance.
pub fn program(chance: &mut Chance) -> Program {
    let mut a = Assembler::new();
    let maps = maps().into_iter().map(|decl| a.map(decl)).collect();
    let end = a.label("end");
    let mistakes = [0, 0, 0, 2, 5][chance.below(5)];
    let mut maker = Maker { a, chance, known: Known::start(), maps, end, mistakes };
    maker.start();
    let steps = 4 + maker.chance.below(30);
    maker.steps(steps, 0);
    let Maker { mut a, end, .. } = maker;
    a.place(end);
    a.mov(R0, 2).exit();
    a.finish().expect("every label is placed and every step falls through")
}

impl Maker<'_> {
    /// Whether this step is to be wrong.
    fn slips(&mut self) -> bool {
        self.chance.below(100) < self.mistakes
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.chance.below(many) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.chance.below(of.len())]
    }

    /// Packet and end into registers that calls keep, mostly.
    fn start(&mut self) {
        self.a.mov(R6, R1);
        self.known.set(R6, Holds::Ctx);
        if !self.one_in(8) {
            self.a.load(Size::W, R7, R6 + 0).load(Size::W, R8, R6 + 4);
            self.known.set(R7, Holds::Packet { upto: 0, moved: false });
            self.known.set(R8, Holds::End);
        }
    }

    fn steps(&mut self, count: usize, depth: usize) {
        for _ in 0..count {
            match self.chance.below(20) {
                0 => self.context(),
                1 | 2 => self.check(),
                3 | 4 => self.packet(),
                5 => self.packet_moved(),
                6 => self.look_up(),
                7 | 8 => self.value(),
                9 => self.value_moved(),
                10 => self.spill(),
                11 => self.fill(),
                12..=14 => self.arithmetic(),
                15 => self.copy(),
                16 => self.bounded(),
                17 => self.helper(),
                18 => self.odd(),
                _ if depth < 3 => self.fork(depth),
                _ => self.arithmetic(),
            }
        }
    }

    /// Steps that are done on one way alone.
    fn fork(&mut self, depth: usize) {
        let (over, other) = (self.a.label("over"), self.a.label("join"));
        let before = self.known.clone();
        self.compare(over);
        let count = 1 + self.chance.below(4);
        self.steps(count, depth + 1);
        if self.one_in(2) {
            self.a.place(over);
            if !self.slips() {
                self.known.meet(&before);
            }
            return;
        }
        self.a.jump(other);
        self.a.place(over);
        let first = std::mem::replace(&mut self.known, before);
        let count = 1 + self.chance.below(4);
        self.steps(count, depth + 1);
        self.a.place(other);
        if !self.slips() {
            self.known.meet(&first);
        }
    }

    /// A jump that depends on a number.
    fn compare(&mut self, to: Label) {
        let cond = self.cond();
        let Some(left) = self.number() else {
            self.a.jump_if(self.known.any(), Cond::Eq, 0, to);
            return;
        };
        let right = if self.one_in(4) { self.number() } else { None };
        // Few compare a number with itself, and that is refused here.
        let right = if right == Some(left) && !self.one_in(20) { None } else { right };
        match (right, self.one_in(3)) {
            (Some(right), false) => self.a.jump_if(left, cond, right, to),
            (Some(right), true) => self.a.jump32_if(left, cond, right, to),
            (None, wide) => {
                let imm = self.constant();
                if wide {
                    self.a.jump32_if(left, cond, imm, to)
                } else {
                    self.a.jump_if(left, cond, imm, to)
                }
            }
        };
    }

    fn cond(&mut self) -> Cond {
        use Cond::{Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
        self.pick(&[Eq, Ne, Gt, Ge, Lt, Le, Set, Sgt, Sge, Slt, Sle])
    }

    /// A constant that is near something.
    fn constant(&mut self) -> i32 {
        let near = self.pick(&[0, 0, 1, 2, 4, 8, 14, 16, 24, 64, 255, 256, 300, 0x7fff, 0xffff]);
        let sign = if self.one_in(8) { -1 } else { 1 };
        match self.chance.below(24) {
            0 => self.pick(&[i32::MIN, i32::MAX, -1, 0x1_0000, 0x2000_0000, 0x1fff_ffff]),
            1 => near + 1,
            2 => near - 1,
            _ => near * sign,
        }
    }

    /// A register that holds what is wanted, or now and then any.
    fn holding(&mut self, wanted: impl Fn(&Holds) -> bool) -> Option<Reg> {
        if self.slips() {
            return Some(self.pick(&REGS));
        }
        let found = self.known.all(wanted);
        if found.is_empty() { None } else { Some(self.pick(&found)) }
    }

    fn number(&mut self) -> Option<Reg> {
        self.holding(|holds| matches!(holds, Holds::Number { .. }))
    }

    /// A register to write, one that holds little mostly.
    fn free(&mut self) -> Reg {
        let free = self.known.all(|holds| matches!(holds, Holds::Nothing | Holds::Number { .. }));
        if free.is_empty() || self.one_in(30) {
            return self.pick(&REGS);
        }
        self.pick(&free)
    }

    fn size(&mut self) -> Size {
        self.pick(&[Size::B, Size::H, Size::W, Size::D])
    }
}

/// Bytes of a size.
fn bytes(size: Size) -> i16 {
    match size {
        Size::B => 1,
        Size::H => 2,
        Size::W => 4,
        Size::D => 8,
    }
}
