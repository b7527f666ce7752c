//! Which frames reach which instruction, as few as show it with all operands that occur there.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use palisade_asm::vm::{Packet, ProgramId, Registers, Watch};
use palisade_asm::{Insn, Program, Reg, Src};
use palisade_tests::interpreted::Interpreted;

/// Frames that are kept of those with the same operands.
const ALIKE: usize = 3;

/// Of an instruction that so few frames reach, all are tried.
const FEW: usize = 800;
/// As many instructions on, the result of one may be compared.
const NEXT: usize = 4;

/// The frames that reach each instruction.
pub struct Reach {
    frames: Vec<Vec<usize>>,
    /// Those that were kept for their operands.
    operands: Vec<Vec<usize>>,
    /// All of them, up to one more than are all tried.
    all: Vec<Vec<usize>>,
}

/// How often something was seen at an instruction.
#[derive(Clone, Default)]
struct Tally {
    operands: HashMap<[Option<u64>; 2], usize>,
    ways: HashSet<u64>,
}

impl Reach {
    /// Runs all frames, and keeps those that differ.
    pub fn of(program: &Program, mut intact: Interpreted, frames: &[Vec<u8>]) -> Self {
        let operands: Vec<Operands> = program.insns().iter().map(Operands::of).collect();
        let none = vec![Vec::new(); operands.len()];
        let mut kept = Self { frames: none.clone(), operands: none.clone(), all: none };
        let mut tallies = vec![Tally::default(); operands.len()];
        for (number, frame) in frames.iter().enumerate() {
            let mut trace = Trace { operands: &operands, seen: Vec::new() };
            let (vm, world) = intact.machine();
            vm.run_watched(&mut Packet::new(frame), world, &mut trace).expect("it runs to its end");
            let mut way = DefaultHasher::new();
            ends(frame).hash(&mut way);
            trace.seen.iter().for_each(|(at, _)| at.hash(&mut way));
            let way = way.finish();
            for (at, operands) in trace.seen {
                if kept.all[at].len() <= FEW {
                    kept.all[at].push(number);
                }
                let count = tallies[at].operands.entry(operands).or_default();
                *count += 1;
                if *count <= ALIKE {
                    kept.operands[at].push(number);
                } else if tallies[at].ways.insert(way) {
                    kept.frames[at].push(number);
                }
            }
        }
        kept
    }

    /// The frames that show an instruction, and what is made of it by the next ones.
    pub fn frames_of(&self, at: usize) -> impl Iterator<Item = usize> {
        let few = Some(&self.all[at]).filter(|all| all.len() <= FEW);
        let next = self.operands.iter().skip(at).take(NEXT).flatten();
        let chosen = next.chain(&self.frames[at]).filter(move |_| few.is_none());
        few.into_iter().flatten().chain(chosen).copied()
    }
}

/// Whether a packet ends with its frame, before or behind it.
fn ends(frame: &[u8]) -> Option<Ordering> {
    let number = |at: usize| {
        let bytes = frame.get(at..at + 2)?;
        Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let end = match number(12)? {
        0x0800 => 14 + number(16)?,
        0x86dd => 54 + number(18)?,
        _ => return None,
    };
    Some(end.cmp(&frame.len()))
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
