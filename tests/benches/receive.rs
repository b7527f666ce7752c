//! What `palisade receive` takes over a veth pair, with copies, in packets a second.
//!
//! A generator made with the assembler sends live frames from the far end, on one processor, which
//! also runs the program and copies each packet; the command runs on another. It is asked for what
//! it says itself, a line a second. Sent as fast as that goes, the figure is the most that is taken,
//! and the rest is dropped by the kernel and counted: the numbers must add up. Sent at a steady rate,
//! the figure is what is lost of it.
//!
//! Run as root: `cargo bench -p palisade-tests --bench receive [SECONDS]`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_asm::{Assembler, Helper, Isa, R1, R2};
use palisade_loader::{Buffers, IfIndex, LiveRun, LoadOptions, Program};
use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::packet::{eth, ipv4, pad_to, udp};
use palisade_tests::privilege::Kernel;
use serde_json::Value;

/// How long each measurement lasts unless it is said.
const SECONDS: u64 = 6;
/// Frames that the kernel handles at a time; fewer than a veth's ring holds.
const BATCH: u32 = 64;
/// Frames of a burst that is sent at a rate.
const BURST: u32 = 256;
/// What is to be taken at least, in packets a second.
const AIM: f64 = 1e6;

/// How fast frames are sent.
#[derive(Clone, Copy)]
enum Pace {
    /// As fast as it goes.
    Flood,
    /// So many a second.
    Rate(f64),
}

fn main() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let seconds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(SECONDS);
    let time = Duration::from_secs(seconds);
    println!("palisade receive over veth, 60-byte frames, with copies, {seconds} s each\n");
    println!("{:<34} {:>12} {:>12} {:>9}", "", "sent/s", "taken/s", "lost");
    let flood = measure("native, as fast as it is sent", &["--mode", "native"], Pace::Flood, time);
    let at = |what, rate| measure(what, &["--mode", "native"], Pace::Rate(rate), time);
    at("native, 500,000 a second", 5e5);
    at("native, 1,000,000 a second", 1e6);
    measure("native, --echo", &["--mode", "native", "--echo"], Pace::Flood, time);
    measure("generic, as fast as it is sent", &["--mode", "generic"], Pace::Flood, time);
    println!("\naim: {AIM} a second taken; {}", if flood >= AIM { "reached" } else { "MISSED" });
}

/// Sends for so long, and prints what the command took; packets a second.
fn measure(what: &str, args: &[&str], pace: Pace, time: Duration) -> f64 {
    let mut rate = 0.0;
    Lab::run(|lab| {
        let processors = processors();
        let mut child = begin(lab, args);
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("it begins");
        if let [sender, receiver, ..] = processors[..] {
            stay(Pid::from_raw(0), sender);
            stay(Pid::from_raw(child.id().cast_signed()), receiver);
        }
        let generator = generator(lab.far_index());
        let begin = Instant::now();
        let sent = lab.in_far(|| send(&generator, pace, time));
        let took = begin.elapsed().as_secs_f64();
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("alive");
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("UTF-8");
        assert!(child.wait().expect("it ends").success());
        let totals: Value =
            serde_json::from_str(rest.lines().last().expect("totals")).expect("JSON");
        let queue = &totals["queues"][0];
        let number = |value: &Value| value.as_f64().expect("a number");
        let (taken, kernel) = (number(&queue["packets"]), &queue["kernel"]);
        let dropped = number(&kernel["rx_dropped"]) + number(&kernel["rx_ring_full"]);
        rate = taken / took;
        let [sent_rate, lost] = [sent as f64 / took, (1.0 - taken / sent as f64).max(0.0) * 100.0];
        println!("{what:<34} {sent_rate:>12.0} {rate:>12.0} {lost:>8.2}%");
        // What the interfaces themselves send comes besides.
        let told = taken + dropped;
        if (told - sent as f64).abs() > 64.0 {
            println!("  of {sent} frames {taken} were taken and {dropped} dropped by the socket");
        }
    });
    rate
}

fn begin(lab: &Lab, args: &[&str]) -> Child {
    let args = [&["-j", "receive", NEAR, "--transfer", "copy"], args].concat();
    lab.command(&args).stdout(Stdio::piped()).spawn().expect("the tool can be started")
}

/// Sends frames for so long; how many.
fn send(generator: &Program, pace: Pace, time: Duration) -> u64 {
    let frame = (eth() / ipv4() / udp(4000, 9) / pad_to(60)).build();
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < time {
        let repeat = match pace {
            Pace::Flood => 100_000,
            Pace::Rate(rate) => {
                let due = (start.elapsed().as_secs_f64() * rate) as u64;
                if due < sent + u64::from(BURST) {
                    std::hint::spin_loop();
                    continue;
                }
                BURST
            }
        };
        let run = LiveRun { packet: &frame, repeat, batch: BATCH, ingress: None };
        generator.run_live(&run).expect("live frames take Linux 5.18");
        sent += u64::from(repeat);
    }
    sent
}

/// A program that sends every frame out of an interface.
fn generator(out: IfIndex) -> Program {
    let mut a = Assembler::new();
    let out = i32::try_from(out.number()).expect("few interfaces");
    a.mov(R1, out).mov(R2, 0).call(Helper::REDIRECT).exit();
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    let options = LoadOptions { name: "generator", license: c"GPL", buffers: Buffers::Single };
    Program::load(&image, &[], &options).expect("loaded")
}

/// The processors that may be used.
fn processors() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("asked");
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu) == Ok(true)).collect()
}

/// Keeps a process, or this thread and those that it makes, on one processor.
fn stay(who: Pid, processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor).expect("there is one");
    sched_setaffinity(who, &set).expect("it may be used");
}
