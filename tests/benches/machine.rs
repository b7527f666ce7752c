//! How many instructions a second the interpreter executes, on one core: a compiled policy over
//! frames by chance, with entries in its sets and without anybody looking on, then with coverage.
//!
//! Run as anybody: `cargo bench -p palisade-tests --bench machine`.

use nix::time::{ClockId, clock_gettime};
use palisade_asm::ByteOrder;
use palisade_asm::vm::{Coverage, Insert, Packet, Vm, World};
use palisade_filter::{Target, compile, parse};
use palisade_tests::random::{Chance, frame};

const POLICY: &str = include_str!("../../examples/web-server.pal");
const FRAMES: usize = 4096;
const ROUNDS: usize = 7;
const PASSES: usize = 40;

fn main() {
    let policy = parse(POLICY).expect("an example");
    let artifact = compile(&policy, Target::FLOOR).expect("an example");
    let mut vm = Vm::new(&artifact.program).expect("maps that are simulated");
    for (map, value) in artifact.values(&policy, ByteOrder::HOST) {
        vm.maps_mut().put(map, &[0; 4], &value, Insert::Any).expect("one value");
    }
    let mut chance = Chance::new(7);
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| frame(&mut chance)).collect();
    let mut packet = Packet::new(&[]);
    let world = World::default();
    let mut alone = || {
        let mut steps = 0;
        for frame in &frames {
            packet.set(frame);
            steps += vm.run(&mut packet, &world).expect("our own programs do not trap").steps;
        }
        steps
    };
    report("nobody looks on", &mut alone);
    let mut packet = Packet::new(&[]);
    let mut coverage = Coverage::new();
    let mut covered = || {
        let mut steps = 0;
        for frame in &frames {
            packet.set(frame);
            let outcome = vm.run_covered(&mut packet, &world, &mut coverage);
            steps += outcome.expect("our own programs do not trap").steps;
        }
        steps
    };
    report("with coverage", &mut covered);
}

/// Prints the median of some rounds.
fn report(what: &str, pass: &mut impl FnMut() -> u64) {
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| round(pass)).collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (instructions, packets) = rounds[ROUNDS / 2];
    println!(
        "{what}: {:.0} million instructions and {:.2} million packets a second",
        instructions / 1e6,
        packets / 1e6
    );
}

/// Instructions and packets a second.
fn round(pass: &mut impl FnMut() -> u64) -> (f64, f64) {
    let start = spent();
    let steps: u64 = (0..PASSES).map(|_| pass()).sum();
    let seconds = spent() - start;
    (steps as f64 / seconds, (PASSES * FRAMES) as f64 / seconds)
}

/// Seconds of a core that this thread has had: other load on the machine does not count.
fn spent() -> f64 {
    let spent = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock");
    spent.tv_sec() as f64 + spent.tv_nsec() as f64 / 1e9
}
