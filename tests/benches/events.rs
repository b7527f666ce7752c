//! What an `event` costs: the records a second that are made on one CPU and read on another, none
//! lost; and the nanoseconds of one that is over its rate, beside `count` alone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use palisade_filter::oracle::frame_of_words;
use palisade_filter::plan::Record;
use palisade_loader::{MapHandle, Ring, TestRun};
use palisade_tests::engine::Engine;
use palisade_tests::privilege::Kernel;

/// Packets of one run, and how many runs: the rate of a bucket is not met by then.
const PACKETS: u32 = 100_000;
const RUNS: u32 = 40;

fn frame() -> Vec<u8> {
    frame_of_words(&["udp", "from", "192.0.2.9:1234", "to", "192.0.2.1:53"]).expect("a frame")
}

fn run(engine: &Engine, repeat: u32) -> Duration {
    let run = TestRun { packet: &frame(), repeat, ingress: None };
    engine.program().test_run(&run).expect("it runs").duration
}

/// The fastest of some runs, in nanoseconds a packet.
fn cost(kernel: &Kernel, text: &str) -> f64 {
    let engine = Engine::load(kernel, text, kernel.best());
    // Whatever is reported at once has been.
    run(&engine, 100_000);
    let runs = (0..20).map(|_| run(&engine, 200_000).as_nanos());
    runs.min().map_or(0.0, |least| least as f64)
}

/// Records are made as fast as they can be, and read meanwhile.
fn throughput(kernel: &Kernel, snap: u32) {
    let text = format!("option events rate 10M/s\nevent snap {snap} udp\ndefault pass\n");
    let engine = Engine::load(kernel, &text, kernel.best());
    let ring: MapHandle = engine.ring();
    let (done, read) = (AtomicBool::new(false), AtomicU64::new(0));
    let time = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut ring = Ring::open(&ring).expect("it is mapped");
            loop {
                let last = done.load(Ordering::Acquire);
                let taken = ring.read(4096, |bytes| {
                    assert!(Record::read(bytes).is_some_and(|record| record.length > 0));
                });
                read.fetch_add(taken.records as u64, Ordering::Relaxed);
                if taken.records == 0 && last {
                    break;
                }
                if taken.records == 0 {
                    ring.wait(Duration::from_millis(10)).expect("it waits");
                }
            }
        });
        let start = Instant::now();
        for _ in 0..RUNS {
            run(&engine, PACKETS);
        }
        let time = start.elapsed();
        done.store(true, Ordering::Release);
        time
    });
    let tally = engine.tally();
    let (made, read) = (u64::from(PACKETS) * u64::from(RUNS), read.into_inner());
    let rate = made as f64 / time.as_secs_f64() / 1e6;
    println!(
        "snap {snap}: {rate:.2} million records a second made, {read} of {made} read, {} lost, {} over the rate",
        tally.lost, tally.held
    );
}

fn main() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let count = cost(&kernel, "count udp\ndefault pass\n");
    // The same facts are read by rules that no packet meets.
    let read = "count src 10.9.9.9 dst 10.9.9.9 udp sport 1 dport 1\n";
    let reading = cost(&kernel, &format!("{read}count udp\ndefault pass\n"));
    for rate in [1, 1000] {
        let over = format!("option events rate {rate}/s\n{read}event udp\ndefault pass\n");
        let over = cost(&kernel, &over);
        println!(
            "over a rate of {rate}/s: {over:.1} ns a packet, {reading:.1} with `count` instead, {count:.1} with `count` and no field read"
        );
    }
    let sampled = cost(
        &kernel,
        &format!("option events rate 1/s\n{read}event 1/1000000 udp\ndefault pass\n"),
    );
    println!("1/1000000: {sampled:.1} ns a packet");
    for snap in [0, 64, 256] {
        throughput(&kernel, snap);
    }
}
