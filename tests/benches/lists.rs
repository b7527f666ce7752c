//! What a long constant list adds to a packet: ten thousand lines of one address over one line.
//!
//! Both programs are in the kernel at once and are asked in turn about the same frames: each frame
//! once, so that the table is met cold, and one frame many times, so that it is met warm. Half of
//! the frames come from listed addresses. The kernel's own clock measures each run.
//!
//! Run as root: `cargo bench -p palisade-tests --bench lists`.

use std::net::Ipv4Addr;

use palisade_loader::TestRun;
use palisade_tests::engine::Engine;
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;

const LINES: u32 = 10_000;
const FRAMES: u32 = 20_000;
const WARM: u32 = 2_000_000;
const ROUNDS: usize = 7;

fn main() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let target = kernel.best();
    let lines = |count: u32| -> String {
        let rules: String = (0..count).map(|n| format!("drop src {}\n", listed(n))).collect();
        rules + "default pass\n"
    };
    let one = Engine::load(&kernel, &lines(1), target);
    let many = Engine::load(&kernel, &lines(LINES), target);
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(frame).collect();

    let cold = |engine: &Engine| -> f64 {
        let total: u64 = frames.iter().map(|frame| run(engine, frame, 1)).sum();
        total as f64 / f64::from(FRAMES)
    };
    let warm = |engine: &Engine| run(engine, &frames[1], WARM) as f64;
    println!("{LINES} lines of one address over one such line, nanoseconds a packet");
    report("each frame once", &one, &many, cold);
    report("one frame, listed nowhere, again and again", &one, &many, warm);
}

/// An address of the list, spread over the whole range.
fn listed(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(n.wrapping_mul(2_654_435_761) | 1)
}

/// A frame from a listed address, or from a neighbour of one that is not listed.
fn frame(n: u32) -> Vec<u8> {
    let bits = listed(n / 2 % LINES).to_bits();
    let from = if n.is_multiple_of(2) { bits } else { bits & !1 };
    (eth() / ipv4().src(Ipv4Addr::from(from)) / udp(4000, 9)).build()
}

/// The time of one run, as the kernel measured it.
fn run(engine: &Engine, frame: &[u8], repeat: u32) -> u64 {
    let run = TestRun { packet: frame, repeat, ingress: None };
    let result = engine.program().test_run(&run).expect("the kernel runs the program");
    result.duration.as_nanos().try_into().expect("a short time")
}

fn report(what: &str, one: &Engine, many: &Engine, measure: impl Fn(&Engine) -> f64) {
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (measure(one), measure(many))).collect();
    rounds.sort_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
    let (base, long) = rounds[ROUNDS / 2];
    println!("{what}: {base:.0} and {long:.0}, {:+.0} (median of {ROUNDS} rounds)", long - base);
}
