//! Programs that are compiled here: both verifiers accept each of them.

use palisade_asm::Isa;
use palisade_asm::verify::Rules;
use palisade_filter::{Access, Buffers, ByteOrder, Neighbours, Target, compile_as, parse};
use palisade_tests::random::{Chance, policy};

/// Every target that a machine may offer.
pub fn targets() -> Vec<Target> {
    let mut targets = Vec::new();
    for isa in [Isa::V3, Isa::V4] {
        for buffers in [Buffers::Single, Buffers::Multi] {
            for access in [Access::Pointers, Access::Helpers] {
                targets.push(Target { isa, order: ByteOrder::Little, buffers, access });
            }
        }
    }
    targets
}

/// What programs of a target are judged by.
pub fn rules(target: Target) -> Rules {
    let newer = target.access == Access::Helpers || target.buffers == Buffers::Multi;
    if target.isa >= Isa::V4 {
        Rules::since(6, 6)
    } else if newer {
        Rules::since(5, 18)
    } else {
        Rules::ROOT
    }
}

#[track_caller]
fn accepted(text: &str, name: &str) {
    let policy = parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    for target in targets() {
        for beside in Neighbours::ALL {
            let Ok(artifact) = compile_as(&policy, target, beside) else { continue };
            if let Err(refusal) = artifact.program.verify(&rules(target)) {
                panic!("{name}, {target:?} {beside:?}:\n{refusal}");
            }
        }
    }
}

#[test]
fn every_example_is_accepted_for_every_target() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    for file in std::fs::read_dir(dir).expect("the examples are there") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|end| end == "pal") {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            accepted(&text, &path.display().to_string());
        }
    }
}

#[test]
fn random_policies_are_accepted_for_every_target() {
    for seed in 0..40 {
        let made = policy(&mut Chance::new(seed));
        accepted(&made.text, &format!("seed {seed}"));
    }
}
