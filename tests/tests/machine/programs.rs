//! Programs by chance, on frames of any bytes.

use palisade_asm::{
    Assembler, FP, Helper, Isa, MapDecl, MapFlags, MapKind, R0, R1, R2, R3, R4, R5, Size,
};
use palisade_loader::{Buffers, LoadOptions, MapHandle, Program, TestRun};
use palisade_tests::privilege::{Feature, Found, Kernel, need};
use palisade_tests::random::Chance;

use crate::both::Both;
use crate::generate::{TOO_SHORT, program};
use crate::number;

const PROGRAMS: u64 = 300;
const FRAMES: usize = 6;

/// What a program answers in the kernel.
fn answer(isa: Isa, build: impl FnOnce(&mut Assembler)) -> u32 {
    let mut a = Assembler::new();
    build(&mut a);
    let image = a.finish().expect("a program").encode(isa).expect("it can be encoded");
    let create = |decl| MapHandle::create(decl).unwrap_or_else(|error| panic!("{error}"));
    let maps: Vec<MapHandle> = image.maps.iter().map(create).collect();
    let options = LoadOptions { name: "asked", license: c"GPL", buffers: Buffers::Single };
    let loaded = Program::load(&image, &maps, &options).unwrap_or_else(|error| panic!("{error}"));
    let run = TestRun { packet: &[0; 64], repeat: 1, ingress: None };
    loaded.test_run(&run).expect("it runs").retval
}

/// Whether an error number of a map fills all of r0.
fn answers_wide(isa: Isa) -> bool {
    let upper = answer(isa, |a| {
        let map = a.map(MapDecl {
            name: "array".to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 4,
            max_entries: 1,
            flags: MapFlags::NONE,
        });
        a.store(Size::W, FP - 4, 0).load_map(R1, map).mov(R2, FP).add(R2, -4);
        a.call(Helper::MAP_DELETE_ELEM).rsh(R0, 32).exit();
    });
    upper != 0
}

/// Whether sums are folded to 16 bits.
fn folds(isa: Isa) -> bool {
    let sum = answer(isa, |a| {
        a.store(Size::W, FP - 4, 0).store(Size::W, FP - 8, 0x7fff_ffff).mov(R1, 0).mov(R2, 0);
        a.mov(R3, FP).add(R3, -8).mov(R4, 8).mov(R5, 0).call(Helper::CSUM_DIFF).exit();
    });
    sum <= 0xffff
}

#[test]
fn programs_by_chance_do_here_what_they_do_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let isa = kernel.best().isa;
    if !need(Feature::WIDE_ANSWERS, Found::from(answers_wide(isa))) {
        return;
    }
    let sum = need(Feature::FOLDED_SUMS, Found::from(folds(isa))).then_some(Helper::CSUM_DIFF);
    let first: u64 = number("PALISADE_SEED").unwrap_or(1);
    let (mut refused, mut runs, mut whole) = (0, 0, 0);
    let programs = number("PALISADE_PROGRAMS").unwrap_or(PROGRAMS);
    for seed in first..first + programs {
        let mut chance = Chance::new(seed);
        let pieces = 4 + chance.below(40);
        let program = program(&mut chance, isa, sum, pieces);
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
