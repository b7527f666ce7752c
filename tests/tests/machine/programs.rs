//! Programs by chance, on frames of any bytes.

use palisade_asm::{Assembler, FP, Helper, Isa, R1, R2, R3, R4, R5, Size};
use palisade_loader::{Buffers, Features, LoadOptions, Program, Support, TestRun};
use palisade_tests::privilege::{Feature, Kernel, need};
use palisade_tests::random::Chance;

use crate::both::Both;
use crate::generate::{ADDING, ATOMICS, TOO_SHORT, Takes, program};
use crate::number;

const PROGRAMS: u64 = 300;
const FRAMES: usize = 6;

/// Whether the kernel folds sums to 16 bits.
fn folds(isa: Isa) -> bool {
    let mut a = Assembler::new();
    a.store(Size::W, FP - 4, 0).store(Size::W, FP - 8, 0x7fff_ffff).mov(R1, 0).mov(R2, 0);
    a.mov(R3, FP).add(R3, -8).mov(R4, 8).mov(R5, 0).call(Helper::CSUM_DIFF).exit();
    let image = a.finish().expect("a program").encode(isa).expect("it can be encoded");
    let options = LoadOptions { name: "folds", license: c"GPL", buffers: Buffers::Single };
    let loaded = Program::load(&image, &[], &options).unwrap_or_else(|error| panic!("{error}"));
    let run = TestRun { packet: &[0; 64], repeat: 1, ingress: None };
    loaded.test_run(&run).expect("it runs").retval <= 0xffff
}

#[test]
fn programs_by_chance_do_here_what_they_do_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let isa = kernel.best().isa;
    let features = Features::probe();
    let all = need(Feature::ATOMICS, features.atomic_fetch == Support::Yes);
    // They came together with the helper that measures.
    let copies = need(Feature::BUFF_LEN, features.buff_len == Support::Yes);
    let takes = Takes {
        isa,
        atomics: if all { ATOMICS } else { ADDING },
        summing: need(Feature::FOLDED_SUMS, folds(isa)).then_some(Helper::CSUM_DIFF),
        copying: copies.then_some([Helper::XDP_LOAD_BYTES, Helper::XDP_STORE_BYTES]),
    };
    let first: u64 = number("PALISADE_SEED").unwrap_or(1);
    let (mut refused, mut runs, mut whole) = (0, 0, 0);
    let programs = number("PALISADE_PROGRAMS").unwrap_or(PROGRAMS);
    for seed in first..first + programs {
        let mut chance = Chance::new(seed);
        let pieces = 4 + chance.below(40);
        let program = program(&mut chance, takes, pieces);
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
