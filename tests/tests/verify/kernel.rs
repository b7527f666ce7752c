//! Random programs near the border, given to both.
//!
//! `PALISADE_PROGRAMS` says how many are tried, `PALISADE_SEED` which is the first, and
//! `PALISADE_SHOW` of which reason some programs are printed that are refused here alone.

use std::collections::BTreeMap;

use palisade_asm::verify::Rules;
use palisade_asm::{Isa, Program as Code};
use palisade_loader::{Buffers, Features, LoadError, LoadOptions, MapHandle, Program, Support};
use palisade_tests::border;
use palisade_tests::privilege::{self, Kernel, Reason};
use palisade_tests::random::Chance;

/// How many programs are tried where nothing says how many.
const PROGRAMS: u64 = 5000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// What this kernel is expected to take, told by what it offers.
fn rules(features: &Features) -> Rules {
    if features.isa >= Isa::V4 {
        Rules::since(6, 6)
    } else if features.buff_len == Support::Yes {
        Rules::since(5, 18)
    } else {
        Rules::ROOT
    }
}

/// The end of what the kernel says, where it refuses.
fn refused(code: &Code, isa: Isa, maps: &[MapHandle]) -> Option<String> {
    let image = code.encode(isa).ok()?;
    let options = LoadOptions { name: "near", license: c"Dual MIT/GPL", buffers: Buffers::Single };
    match Program::load(&image, maps, &options) {
        Ok(_) => None,
        Err(error) => Some(words(&error)),
    }
}

fn words(error: &LoadError) -> String {
    let lines: Vec<&str> = error.log().map(|log| log.lines().collect()).unwrap_or_default();
    let last = lines.len().saturating_sub(14);
    format!("{error}\n{}", lines[last..].join("\n"))
}

#[test]
fn what_is_accepted_here_the_kernel_accepts() {
    let Some(_) = Kernel::or_skip() else { return };
    let features = Features::probe();
    if features.pointer_subtraction != Support::Yes {
        // Said of what a loader with CAP_PERFMON may do, and this one is none.
        privilege::skip(&Reason::Right {
            name: "CAP_PERFMON".to_owned(),
            said: format!("pointers are not subtracted: {}", features.pointer_subtraction),
        });
        return;
    }
    let rules = rules(&features);
    let create = |decl| MapHandle::create(decl).unwrap_or_else(|error| panic!("{error}"));
    let maps: Vec<MapHandle> = border::maps().iter().map(create).collect();
    let (first, count) =
        (number("PALISADE_SEED").unwrap_or(1), number("PALISADE_PROGRAMS").unwrap_or(PROGRAMS));
    let (mut both, mut neither) = (0, 0);
    let mut stricter: BTreeMap<&str, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    let show = std::env::var("PALISADE_SHOW").unwrap_or_default();
    for seed in first..first + count {
        let code = border::program(&mut Chance::new(seed));
        let here = code.verify(&rules);
        let there = refused(&code, features.isa, &maps);
        match (here, there) {
            (Ok(_), None) => both += 1,
            (Err(_), Some(_)) => neither += 1,
            (Err(refusal), None) => {
                let count = stricter.entry(refusal.why.name()).or_default();
                *count += 1;
                if refusal.why.name() == show && *count < 4 {
                    eprintln!("seed {seed}: {refusal}\n{}", code.listing().numbered());
                }
            }
            (Ok(_), Some(said)) => {
                if wrong.len() < 5 {
                    eprintln!(
                        "seed {seed}: accepted here, and the kernel says {said}\n{}",
                        code.listing().numbered()
                    );
                }
                wrong.push(seed);
            }
        }
    }
    let strict: u64 = stricter.values().sum();
    eprintln!(
        "{count} programs from {first} on, {rules:?}: accepted by both {both}, refused by both {neither}, refused here alone {strict}, accepted here alone {}",
        wrong.len()
    );
    for (reason, count) in &stricter {
        eprintln!("  refused here alone: {count:6} {reason}");
    }
    assert_eq!(wrong, [0; 0], "accepted here alone");
    assert!(both * 5 > count && neither * 10 > count, "both answers must be frequent");
    assert!(strict * 4 < count, "too strict");
}
