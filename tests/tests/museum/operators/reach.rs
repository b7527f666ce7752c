//! Which frames reach which instruction, as few as show it with all operands that occur there.

use std::collections::HashMap;

use palisade_asm::vm::{Packet, ProgramId, Registers, Watch};
use palisade_asm::{Insn, Program, Reg, Src};
use palisade_tests::interpreted::Interpreted;

/// Frames that are kept of those with the same operands and way.
const ALIKE: usize = 2;
/// The most frames that are kept for an instruction.
const MOST: usize = 3000;

/// Ways through the program are told apart no further.
const WAYS: usize = 61;

/// What a frame had in the operands of an instruction, and which way it went.
type Seen = (Option<u64>, Option<u64>, usize);

/// The frames that reach each instruction.
pub struct Reach {
    frames: Vec<Vec<usize>>,
}

impl Reach {
    /// Runs all frames, and keeps those that differ.
    pub fn of(program: &Program, mut intact: Interpreted, frames: &[Vec<u8>]) -> Self {
        let operands: Vec<Operands> = program.insns().iter().map(Operands::of).collect();
        let mut kept = vec![Vec::new(); operands.len()];
        let mut alike: Vec<HashMap<Seen, usize>> = vec![HashMap::new(); operands.len()];
        for (number, frame) in frames.iter().enumerate() {
            let mut trace = Trace { operands: &operands, seen: Vec::new() };
            let (vm, world) = intact.machine();
            vm.run_watched(&mut Packet::new(frame), world, &mut trace).expect("it runs to its end");
            let ats = trace.seen.iter().map(|(at, _)| *at);
            let way = ats.fold(0usize, |way, at| way.wrapping_mul(31) ^ at) % WAYS;
            for (at, [left, right]) in trace.seen {
                let count = alike[at].entry((left, right, way)).or_default();
                *count += 1;
                if *count <= ALIKE && kept[at].len() < MOST {
                    kept[at].push(number);
                }
            }
        }
        Self { frames: kept }
    }

    /// The frames that show an instruction, those of different operands spread.
    pub fn frames_of(&self, at: usize) -> impl Iterator<Item = usize> {
        self.frames[at].iter().copied()
    }
}

/// The registers that an instruction reads, as far as they are compared or calculated with.
struct Operands([Option<Reg>; 2]);

impl Operands {
    fn of(insn: &Insn) -> Self {
        let reg = |src: &Src| match src {
            Src::Reg(reg) => Some(*reg),
            Src::Imm(_) => None,
        };
        Self(match insn {
            Insn::Jump { when: Some(test), .. } => [Some(test.left), reg(&test.right)],
            Insn::Alu { dst, src, .. } => [Some(*dst), reg(src)],
            _ => [None, None],
        })
    }
}

/// What one frame shows.
struct Trace<'a> {
    operands: &'a [Operands],
    seen: Vec<(usize, [Option<u64>; 2])>,
}

impl Watch for Trace<'_> {
    fn before(&mut self, _: ProgramId, at: usize, registers: &Registers) {
        let Operands(operands) = &self.operands[at];
        let values = operands.map(|reg| reg.and_then(|reg| registers.get(reg)));
        self.seen.push((at, values));
    }
}
