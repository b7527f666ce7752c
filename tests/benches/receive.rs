//! What `palisade receive` takes over a veth pair, with copies, in packets a second.
//!
//! A generator made with the assembler sends live frames from the far end, on one processor, which
//! also runs the program and copies each packet; the command runs on another, and says at its end
//! what it took. Sent as fast as that goes, the figure is the most that is taken. Sent at a pace, it
//! is what is lost of it. Whatever else the machine does takes processors away from either side: so
//! turns are short, and the best of them is shown beside the median.
//!
//! Run as root: `cargo bench -p palisade-tests --bench receive [ROUNDS]`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_asm::{
    Assembler, Cond, Helper, Isa, MapDecl, MapFlags, MapKind, R0, R1, R2, R3, Size,
};
use palisade_loader::{Buffers, IfIndex, LiveRun, LoadOptions, Map, MapHandle, Program, link};
use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::packet::{eth, ipv4, pad_to, udp};
use palisade_tests::privilege::Kernel;
use serde_json::Value;

/// How many turns each measurement has unless it is said.
const ROUNDS: usize = 11;
/// How long a turn lasts at least.
const TURN: Duration = Duration::from_secs(1);
/// Frames that the kernel handles at a time; fewer than a veth's ring holds.
const BATCH: u32 = 64;
/// Frames of a run.
const FRAMES: u32 = 500_000;
/// How late a frame may be that is still sent at once, in nanoseconds.
const LATE: i32 = 1_000_000;
const XDP_DROP: i32 = 1;
/// What is to be taken at least, in packets a second.
const AIM: f64 = 1e6;

/// How fast frames are sent.
#[derive(Clone, Copy)]
enum Pace {
    /// As fast as it goes.
    Flood,
    /// One in so many nanoseconds.
    Every(i32),
}

fn main() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    println!(
        "palisade receive over veth, 60-byte frames, with copies, {rounds} turns of a second\n"
    );
    println!("{:<36} {:>11} {:>11} {:>11} {:>8}", "", "sent/s", "taken/s", "most", "lost");
    let measure = |what, args, pace| print(what, args, pace, rounds);
    let most = measure("native, as fast as it is sent", &["--mode", "native"], Pace::Flood);
    measure("native, a frame in 2000 ns at most", &["--mode", "native"], Pace::Every(2000));
    measure("native, a frame in 850 ns at most", &["--mode", "native"], Pace::Every(850));
    measure("native, --echo", &["--mode", "native", "--echo"], Pace::Flood);
    measure("generic, as fast as it is sent", &["--mode", "generic"], Pace::Flood);
    println!("\naim: {AIM} a second taken; {}", if most >= AIM { "reached" } else { "MISSED" });
}

/// What came of a turn, a second.
struct Turn {
    sent: f64,
    taken: f64,
    /// The part of what was sent that was not taken, in percent.
    lost: f64,
}

/// Prints the medians of so many turns, and the most that one of them took, which is returned.
fn print(what: &str, args: &[&str], pace: Pace, rounds: usize) -> f64 {
    let turns: Vec<Turn> = (0..rounds).map(|_| turn(args, pace)).collect();
    let sorted = |of: fn(&Turn) -> f64| {
        let mut all: Vec<f64> = turns.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let median = |of| sorted(of)[turns.len() / 2];
    let [sent, taken, lost] =
        [|t: &Turn| t.sent, |t: &Turn| t.taken, |t: &Turn| t.lost].map(median);
    let most = sorted(|turn| turn.taken)[turns.len() - 1];
    println!("{what:<36} {sent:>11.0} {taken:>11.0} {most:>11.0} {lost:>7.2}%");
    most
}

/// Sends for a second, and asks the command what it took.
fn turn(args: &[&str], pace: Pace) -> Turn {
    let mut turn = Turn { sent: 0.0, taken: 0.0, lost: 0.0 };
    Lab::run(|lab| {
        let processors = processors();
        let mut child = begin(lab, args);
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        lines.read_line(&mut String::new()).expect("it begins");
        if let [sender, receiver, ..] = processors[..] {
            stay(Pid::from_raw(0), sender);
            stay(Pid::from_raw(child.id().cast_signed()), receiver);
        }
        // A pair takes frames for a program behind its driver only so.
        link::gather_received(NEAR).expect("it can");
        let generator = Generator::new(lab.far_index(), pace);
        let begin = Instant::now();
        let sent = lab.in_far(|| send(&generator)) as f64;
        let took = begin.elapsed().as_secs_f64();
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("alive");
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("UTF-8");
        assert!(child.wait().expect("it ends").success());
        let last = rest.lines().last().expect("totals");
        let totals: Value = serde_json::from_str(last).expect("JSON");
        // What the interfaces themselves send is among it.
        let taken = totals["packets"].as_f64().expect("a number");
        let lost = (1.0 - taken / sent).max(0.0) * 100.0;
        turn = Turn { sent: sent / took, taken: taken / took, lost };
    });
    turn
}

fn begin(lab: &Lab, args: &[&str]) -> Child {
    let args = [&["-j", "receive", NEAR, "--transfer", "copy"], args].concat();
    lab.command(&args).stdout(Stdio::piped()).spawn().expect("the tool can be started")
}

/// Sends frames for a turn; how many.
fn send(generator: &Generator) -> u64 {
    let frame = (eth() / ipv4() / udp(4000, 9) / pad_to(60)).build();
    let start = Instant::now();
    while start.elapsed() < TURN {
        let run = LiveRun { packet: &frame, repeat: FRAMES, batch: BATCH, ingress: None };
        generator.program.run_live(&run).expect("live frames take Linux 5.18");
    }
    generator.sent.get(&0).expect("read").expect("there")
}

/// A program that sends frames out of an interface, and what it has sent.
struct Generator {
    program: Program,
    sent: Map<u32, u64>,
}

impl Generator {
    /// Counts each frame and sends it on. At a pace, frames that are not due are dropped: to begin
    /// and to end a run the kernel waits for so long that many runs keep no pace.
    fn new(out: IfIndex, pace: Pace) -> Self {
        let mut a = Assembler::new();
        let decl = |name: &str| MapDecl {
            name: name.to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        let (sent, due) = (a.map(decl("sent")), a.map(decl("due")));
        let early = a.label("early");
        if let Pace::Every(nanos) = pace {
            a.call(Helper::KTIME_GET_NS).load_map_value(R1, due, 0).load(Size::D, R2, R1 + 0);
            a.jump_if(R0, Cond::Lt, R2, early);
            // What was missed while others had the processor is not made up for.
            let on_time = a.label("on time");
            a.mov(R3, R0).sub(R3, R2).jump_if(R3, Cond::Lt, LATE, on_time).mov(R2, R0);
            a.place(on_time).add(R2, nanos).store(Size::D, R1 + 0, R2);
        }
        a.load_map_value(R1, sent, 0).load(Size::D, R2, R1 + 0).add(R2, 1);
        a.store(Size::D, R1 + 0, R2);
        let out = i32::try_from(out.number()).expect("few interfaces");
        a.mov(R1, out).mov(R2, 0).call(Helper::REDIRECT).exit();
        if let Pace::Every(_) = pace {
            a.place(early).mov(R0, XDP_DROP).exit();
        }
        let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
        let options = LoadOptions { name: "generator", license: c"GPL", buffers: Buffers::Single };
        let maps: Vec<MapHandle> =
            image.maps.iter().map(|decl| MapHandle::create(decl).expect("a map")).collect();
        let program = Program::load(&image, &maps, &options).expect("loaded");
        let map = maps.into_iter().find(|map| map.name() == "sent").expect("declared");
        Self { program, sent: Map::new(map).expect("of that shape") }
    }
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
