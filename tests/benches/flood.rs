//! A flood over a veth pair: what the built-in policy drops, beside a program that only drops.
//!
//! A generator made with the assembler sends live frames of one UDP flow to the near end of a pair;
//! the far end, in a namespace of its own, carries one program after the other. All of it runs on
//! one processor: sending ends with the softirq that receives. The programs take turns, so that
//! whatever else the machine does meets them all alike, and the time that the sender waited for the
//! processor is taken off. A turn counts only if every frame came to the program: the interface says
//! how many did, and what the policy counted in the entry must be the same number.
//!
//! The second figure of each line is that of `BPF_PROG_TEST_RUN`, the program alone.
//!
//! Run as root: `cargo bench -p palisade-tests --bench flood [ROUNDS]`.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use palisade_asm::{Assembler, Helper, Isa, R0, R1, R2};
use palisade_filter::BUILTIN;
use palisade_loader::netns::{self, NetNs, VethEnd, VethOptions};
use palisade_loader::xdp::{self, Expect, Mode};
use palisade_loader::{Buffers, IfIndex, LiveRun, LoadOptions, Program, TestRun};
use palisade_tests::engine::Engine;
use palisade_tests::packet::{eth, ipv4, ipv6, pad_to, udp};
use palisade_tests::privilege::Kernel;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How often each program has its turn.
const ROUNDS: usize = 41;
/// Frames of a turn.
const FRAMES: u32 = 100_000;
/// Frames that the kernel handles at a time; fewer than a veth's ring holds.
const BATCH: u32 = 64;
/// Passes of a run of the program alone.
const PASSES: u32 = 10_000;
/// How many such runs; the fastest counts, which nothing else has interrupted.
const RUNS: usize = 300;
/// What a blocked address reaches at least, of what a program reaches that only drops.
const AIM: f64 = 0.80;

const ATTACKER4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
const ATTACKER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x66);
const PORT: u16 = 53;

fn main() -> Outcome<()> {
    let Some(kernel) = Kernel::or_skip() else { return Ok(()) };
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    stay_on_one_cpu()?;
    let place = Place::new()?;
    let mut contenders = contenders(&kernel)?;
    for _ in 0..rounds {
        for contender in &mut contenders {
            let turn = place.turn(contender)?;
            contender.turns.push(turn);
        }
    }
    print(&contenders)
}

/// A program, what is sent to it, and how it fared.
struct Contender {
    what: &'static str,
    frame: Vec<u8>,
    carrier: Carrier,
    turns: Vec<Turn>,
    alone: Duration,
}

/// What the receiving end carries.
enum Carrier {
    /// A program that only drops.
    Drop(Program),
    /// The built-in policy, and the entry that shall count the frames.
    Policy { engine: Box<Engine>, set: &'static str, entry: String },
}

/// A turn of a program.
#[derive(Clone, Copy)]
struct Turn {
    /// Frames a second.
    rate: f64,
    /// Frames that never came to the program.
    lost: u64,
}

impl Carrier {
    fn program(&self) -> &Program {
        match self {
            Self::Drop(program) => program,
            Self::Policy { engine, .. } => engine.program(),
        }
    }

    /// How many packets the policy has counted in the entry.
    fn counted(&self) -> Option<u64> {
        match self {
            Self::Drop(_) => None,
            Self::Policy { engine, set, entry } => Some(engine.hits(set, entry)[0]),
        }
    }
}

fn contenders(kernel: &Kernel) -> Outcome<Vec<Contender>> {
    let v4 = (eth() / ipv4().src(ATTACKER4) / udp(40000, PORT) / pad_to(60)).build();
    let v6 = (eth() / ipv6().src(ATTACKER6) / udp(40000, PORT)).build();
    let drop = Carrier::Drop(only_drops()?);
    let policy = |set: &'static str, entry: String| {
        let mut engine = Engine::load(kernel, BUILTIN, kernel.best());
        engine.add(set, &[&entry]);
        Carrier::Policy { engine: Box::new(engine), set, entry }
    };
    let contenders = [
        ("a program that only drops", &v4, drop),
        ("an IPv4 address", &v4, policy("block", ATTACKER4.to_string())),
        ("an IPv6 address", &v6, policy("block", ATTACKER6.to_string())),
        ("an IPv4 prefix", &v4, policy("block", "192.0.2.0/24".to_owned())),
        ("an IPv6 prefix", &v6, policy("block", "2001:db8::/32".to_owned())),
        ("a service", &v4, policy("ports", format!("udp/{PORT}"))),
    ];
    contenders
        .into_iter()
        .map(|(what, frame, carrier)| {
            let alone = alone(carrier.program(), frame)?;
            Ok(Contender { what, frame: frame.clone(), carrier, turns: Vec::new(), alone })
        })
        .collect()
}

/// A pass of the program alone, in the fastest of its runs.
fn alone(program: &Program, frame: &[u8]) -> Outcome<Duration> {
    let run = TestRun { packet: frame, repeat: PASSES, ingress: None };
    let mut least = program.test_run(&run)?.duration;
    for _ in 1..RUNS {
        least = least.min(program.test_run(&run)?.duration);
    }
    Ok(least)
}

fn only_drops() -> Outcome<Program> {
    const XDP_DROP: i32 = 1;
    let mut a = Assembler::new();
    a.mov(R0, XDP_DROP).exit();
    load(a, "only_drops")
}

/// Sends every frame out of an interface of its namespace.
fn generator(out: IfIndex) -> Outcome<Program> {
    let mut a = Assembler::new();
    a.mov(R1, i32::try_from(out.number())?).mov(R2, 0).call(Helper::REDIRECT).exit();
    load(a, "generator")
}

fn load(a: Assembler, name: &str) -> Outcome<Program> {
    let image = a.finish()?.encode(Isa::V1)?;
    let options = LoadOptions { name, license: c"Dual MIT/GPL", buffers: Buffers::Single };
    Ok(Program::load(&image, &[], &options)?)
}

/// Two namespaces and a pair of interfaces between them; this thread is in that of the sender.
struct Place {
    generator: Program,
    receiver: NetNs,
    far: IfIndex,
}

const NEAR: &str = "near0";
const FAR: &str = "far0";

impl Place {
    fn new() -> Outcome<Self> {
        let sender = NetNs::private()?;
        let receiver = NetNs::new()?;
        let ends = (VethEnd { ns: &sender, name: NEAR }, VethEnd { ns: &receiver, name: FAR });
        let (near, far) = netns::veth_pair(ends.0, ends.1, VethOptions::default())?;
        // Nothing is to be sent but the flood: no solicitation, no report.
        fs::write(format!("/proc/sys/net/ipv6/conf/{NEAR}/disable_ipv6"), "1")?;
        sender.set_up(near)?;
        receiver.set_up(far)?;
        Ok(Self { generator: generator(near)?, receiver, far })
    }

    /// Lets a program have its turn.
    fn turn(&self, contender: &Contender) -> Outcome<Turn> {
        let program = contender.carrier.program();
        self.receiver.run(|| xdp::attach(self.far, program, Mode::Native, Expect::Anything))??;
        self.send(&contender.frame, FRAMES / 20)?;
        let before = self.settled()?;
        let counted_before = contender.carrier.counted();
        let took = self.send(&contender.frame, FRAMES)?;
        let received = self.settled()? - before;
        if let (Some(now), Some(before)) = (contender.carrier.counted(), counted_before)
            && now - before != received
        {
            let counted = now - before;
            let what = contender.what;
            return Err(format!("{what}: {received} frames came, {counted} were counted").into());
        }
        let lost = u64::from(FRAMES).saturating_sub(received);
        Ok(Turn { rate: f64::from(u32::try_from(received)?) / took.as_secs_f64(), lost })
    }

    /// Sends frames; for how long the processor was ours meanwhile.
    fn send(&self, packet: &[u8], repeat: u32) -> Outcome<Duration> {
        let run = LiveRun { packet, repeat, batch: BATCH, ingress: None };
        let (begin, waited) = (Instant::now(), waited()?);
        self.generator.run_live(&run)?;
        let took = begin.elapsed();
        Ok(took.saturating_sub(self::waited()?.saturating_sub(waited)))
    }

    /// How many frames have come to the far end's program, once no more are under way.
    fn settled(&self) -> Outcome<u64> {
        let mut seen = self.received()?;
        loop {
            std::thread::sleep(Duration::from_millis(1));
            let now = self.received()?;
            if now == seen {
                return Ok(now);
            }
            seen = now;
        }
    }

    fn received(&self) -> Outcome<u64> {
        let table = self.receiver.run(|| fs::read_to_string("/proc/thread-self/net/dev"))??;
        let line =
            table.lines().find_map(|line| line.trim_start().strip_prefix(FAR)?.strip_prefix(':'));
        let fields = line.ok_or("the far end is gone")?;
        // Bytes, then packets.
        Ok(fields.split_whitespace().nth(1).ok_or("no count of packets")?.parse()?)
    }
}

/// How long this thread has waited for a processor; zero where the kernel does not tell.
fn waited() -> Outcome<Duration> {
    let Ok(text) = fs::read_to_string("/proc/thread-self/schedstat") else {
        return Ok(Duration::ZERO);
    };
    let nanos = text.split_whitespace().nth(1).ok_or("schedstat has no second field")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// Keeps this thread where it is, so that sender and receiver share one processor.
fn stay_on_one_cpu() -> Outcome<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let last = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.ok_or("no processor may be used")?)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
}

fn print(contenders: &[Contender]) -> Outcome<()> {
    let [limit, ..] = contenders else { return Ok(()) };
    let fastest = upper(&rates(limit));
    println!(
        "in millions of packets a second, {} turns of {FRAMES} frames each:",
        limit.turns.len()
    );
    println!(
        "{:<26} {:>6} {:>5}..{:<5} {:>6} {:>6} {:>6} {:>6}",
        "dropped by", "median", "min", "max", "ratio", "upper", "lost", "alone"
    );
    for contender in contenders {
        let rates = rates(contender);
        // Each turn beside the limit's in the same round.
        let pairs = contender.turns.iter().zip(&limit.turns);
        let ratios = sorted(pairs.map(|(turn, limit)| turn.rate / limit.rate));
        let lost: u64 = contender.turns.iter().map(|turn| turn.lost).sum();
        println!(
            "{:<26} {:>6.2} {:>5.2}..{:<5.2} {:>6.3} {:>6.3} {:>6} {:>3} ns",
            contender.what,
            quantile(&rates, 50) / 1e6,
            quantile(&rates, 0) / 1e6,
            quantile(&rates, 100) / 1e6,
            quantile(&ratios, 50),
            upper(&rates) / fastest,
            lost,
            contender.alone.as_nanos(),
        );
    }
    println!(
        "ratio: to the first line, median of the rounds; upper: of the ninth deciles, which other \
         load on the machine touches least"
    );
    println!("the aim for a blocked address: {AIM:.2} or more");
    Ok(())
}

fn rates(contender: &Contender) -> Vec<f64> {
    sorted(contender.turns.iter().map(|turn| turn.rate))
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// The number below which so many of a hundred lie.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0)
}

fn upper(sorted: &[f64]) -> f64 {
    quantile(sorted, 90)
}
