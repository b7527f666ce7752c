//! Programs by chance, on frames of any bytes.

use palisade_loader::Buffers;
use palisade_tests::privilege::Kernel;
use palisade_tests::random::Chance;

use crate::both::Both;
use crate::generate::{TOO_SHORT, program};
use crate::number;

const PROGRAMS: u64 = 300;
const FRAMES: usize = 6;

#[test]
fn programs_by_chance_do_here_what_they_do_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let isa = kernel.best().isa;
    let first: u64 = number("PALISADE_SEED").unwrap_or(1);
    let (mut refused, mut runs, mut whole) = (0, 0, 0);
    let programs = number("PALISADE_PROGRAMS").unwrap_or(PROGRAMS);
    for seed in first..first + programs {
        let mut chance = Chance::new(seed);
        let pieces = 4 + chance.below(40);
        let program = program(&mut chance, isa, pieces);
        let mut both = match Both::load(&program, isa, Buffers::Single) {
            Ok(both) => both,
            Err(log) => {
                refused += 1;
                eprintln!("seed {seed} is refused: {log}");
                continue;
            }
        };
        let shown = |how: String| format!("seed {seed}: {how}\n{}", program.listing().numbered());
        for _ in 0..FRAMES {
            let len = 14 + chance.below(120);
            let frame: Vec<u8> = (0..len).map(|_| chance.byte()).collect();
            let value = both.run(&frame).unwrap_or_else(|how| panic!("{}", shown(how)));
            whole += usize::from(value != TOO_SHORT);
            both.compare_maps().unwrap_or_else(|how| panic!("{}", shown(how)));
            runs += 1;
        }
    }
    assert!(whole * 2 > runs, "{whole} of {runs} runs came to the end of their program");
    eprintln!("{runs} runs of {programs} programs, {refused} refused by the verifier");
    assert!(refused * 20 < programs, "{refused} of {programs} programs were refused");
}
