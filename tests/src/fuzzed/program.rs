//! Texts and code of any origin as programs: read or refused, kept by every form that they have, and
//! run to an end.

use std::ops::Range;

use palisade_asm::verify::Rules;
use palisade_asm::vm::{Insert, Packet, TrapReason, Vm, World};
use palisade_asm::{
    ByteOrder, Isa, MapDecl, Program, RawInsn, SLOT_BYTES, decode, decode_image, parse,
};

use crate::border;
use crate::engine::hex;
use crate::random::Chance;

/// How long the frames are that a program is given that is accepted: one byte less is what traps.
const FRAMES: Range<usize> = 14..80;
/// Larger code may have jumps that are encoded as longer ones.
const MOST_SLOTS: usize = 1 << 14;
/// Instructions of a program that is drawn, followed and run: more would take all of the time.
const MOST_INSNS: usize = 256;
/// Of these, jumps that may double the paths.
const MOST_TESTS: usize = 14;
/// Bytes that the maps of a program that is run may take.
const MOST_BYTES: u64 = 1 << 20;
/// Instructions that nobody has looked at are run so many times.
const FUEL: u64 = 1 << 12;

/// A text that says a program says it in every form that the program has; one that says none is
/// refused at places inside it.
pub fn assembly(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse(&text) {
        Ok(program) => sound(&program),
        Err(wrong) => {
            assert!(!wrong.is_empty());
            for mistake in wrong {
                let line = text.split('\n').nth(mistake.line - 1).expect("a line of the text");
                assert!(mistake.column <= line.chars().count() + 1, "{mistake}");
                assert!(mistake.report("fuzzed.s").to_string().lines().count() >= 5);
            }
        }
    }
}

/// Code that is a program, in either order of bytes, is encoded to the same code; what is none is
/// refused at a slot of it.
pub fn code(bytes: &[u8]) {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let slots = bytes.as_chunks::<SLOT_BYTES>().0.iter().take(MOST_SLOTS);
        let code: Vec<RawInsn> = slots.map(|slot| RawInsn::from_bytes(order, *slot)).collect();
        match decode(&code) {
            Ok(program) => {
                assert_eq!(program.encode(Isa::V4).map(|image| image.code), Ok(code));
                sound(&program);
            }
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
    }
}

/// The bytes choose a program near the border of what a verifier accepts, entries of its maps and
/// frames. What the offline verifier accepts does not trap.
pub fn border(bytes: &[u8]) {
    judged(&mut Chance::of(bytes));
}

/// Whether the offline verifier accepts the program.
fn judged(chance: &mut Chance) -> bool {
    let program = border::program(chance);
    if !accepted(&program) {
        return false;
    }
    let mut vm = Vm::new(&program).expect("its maps are simulated");
    for (map, decl) in border::maps().iter().enumerate() {
        for key in 0..decl.max_entries {
            let value: Vec<u8> = (0..decl.value_size).map(|_| chance.byte()).collect();
            let put = vm.maps_mut().put(map, &key.to_ne_bytes(), &value, Insert::Any);
            put.expect("there is room");
        }
    }
    let frames = FRAMES.map(|len| (0..len).map(|_| chance.byte()).collect());
    keeps_its_word(&program, vm, frames.collect::<Vec<_>>());
    true
}

/// What a program prints is read as the program, and what it is encoded to is too, unless it names
/// maps by numbers that are declared.
fn sound(program: &Program) {
    for listing in [program.to_string(), program.listing().numbered().to_string()] {
        let again = parse(&listing).unwrap_or_else(|wrong| panic!("{}", wrong[0].report(&listing)));
        assert!(again == *program, "{listing}");
    }
    let image = program.encode(Isa::V4).expect("the last version has every instruction");
    if let Ok(decoded) = decode_image(&image) {
        let again = decoded.encode(Isa::V4).expect("it was encoded");
        assert_eq!(again.code, image.code);
    }
    if program.insns().len() <= MOST_INSNS {
        drawn(program);
        runs(program);
    }
}

/// The blocks of the graph are the program, and there is a picture of them.
fn drawn(program: &Program) {
    let graph = program.graph();
    let insns = graph.blocks().iter().flat_map(|block| block.insns.clone());
    assert!(insns.eq(0..program.insns().len()), "{program}");
    assert_eq!(graph.fates().len(), graph.blocks().len());
    if let Ok(order) = graph.order() {
        assert_eq!(order.len(), graph.blocks().len(), "{program}");
        assert!(graph.longest_path().instructions > 0, "{program}");
    }
    for head in graph.loops() {
        assert!(!graph.body(&head).is_empty(), "{program}");
    }
    assert!(graph.dot("fuzzed").to_string().ends_with("}\n"));
    assert!(graph.svg("fuzzed").to_string().ends_with("</svg>\n"));
}

/// A run of any program ends with a result or with a trap; with a result, where the offline verifier
/// says so of every kernel.
fn runs(program: &Program) {
    let bytes = |map: &MapDecl| u64::from(map.key_size) + u64::from(map.value_size) + 64;
    let all = program.maps().iter().map(|map| bytes(map).saturating_mul(map.max_entries.into()));
    if all.fold(0, u64::saturating_add) > MOST_BYTES {
        return;
    }
    let Ok(mut vm) = Vm::new(program) else { return };
    let tests = program.insns().iter().filter(|insn| insn.label().is_some()).count();
    if tests <= MOST_TESTS && accepted(program) {
        return keeps_its_word(program, vm, [14, 42, 128].map(|len| (0..len).collect()));
    }
    vm.set_fuel(FUEL);
    let _ = vm.run(&mut Packet::new(&[7; 60]), &World::default());
}

/// What the offline verifier accepts does not trap, on its way to a result that is never longer than
/// the longest path.
fn keeps_its_word(program: &Program, mut vm: Vm, frames: impl IntoIterator<Item = Vec<u8>>) {
    let longest = program.longest_path();
    for frame in frames {
        match vm.run(&mut Packet::new(&frame), &World::default()) {
            Ok(outcome) => {
                let steps = usize::try_from(outcome.steps).expect("few");
                assert!(steps <= longest, "{steps} steps in\n{program}");
            }
            Err(trap) if matches!(trap.why, TrapReason::NeedsKernel { .. }) => {}
            Err(trap) => panic!("{trap}, of {} in\n{program}", hex(&frame)),
        }
    }
}

/// Whether every kernel takes the program; the last one does if the first one and all after it do.
fn accepted(program: &Program) -> bool {
    let (every, last) = (program.verify(&Rules::ROOT), program.verify(&Rules::since(7, 2)));
    if let (Ok(_), Err(refusal)) = (&every, &last) {
        panic!("accepted for all kernels and refused for the last: {refusal}\n{program}");
    }
    last.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_programs_near_the_border_are_accepted_and_none_of_them_traps() {
        let accepted = (0..2000).filter(|seed| judged(&mut Chance::new(*seed))).count();
        assert!((500..1900).contains(&accepted), "{accepted} of 2000");
    }
}
