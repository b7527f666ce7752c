//! What actions do a second, beside `reflect`, which sends every frame back as it is.
//!
//! A generator made with the assembler sends live frames from the far end of a lab; policies stand at
//! the near end, one after the other. What they send back or elsewhere comes to a program that only
//! drops. All of it runs on one processor: sending ends with the softirqs that receive, here and
//! there. The time is that of the wall, for what the kernel puts off until later is work of the policy
//! too: nothing else should run on the machine. The policies take turns, so that whatever does meets
//! them all alike. A turn counts only if every frame came, and if what is to be sent on came where it
//! was sent.
//!
//! The generator writes each frame anew, for an action has changed the memory that it is sent from.
//!
//! Run as root: `cargo bench -p palisade-tests --bench actions [ROUNDS]`.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use palisade_asm::{Assembler, ByteOrder, Cond, Helper, Isa, R0, R1, R2, R3, Size};
use palisade_loader::link;
use palisade_loader::xdp::{self, Expect, Mode};
use palisade_loader::{Buffers, IfIndex, LiveRun, LoadOptions, Program};
use palisade_tests::lab::{FAR, Lab, NEAR};
use palisade_tests::packet::{Packet, eth, icmp, ipv4, pad_to, udp};
use palisade_tests::privilege::Kernel;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How often each policy has its turn.
const ROUNDS: usize = 5;
/// Frames of a turn.
const FRAMES: u32 = 4_000_000;
/// Frames that the kernel handles at a time; fewer than a veth's ring holds.
const BATCH: u32 = 64;
/// The length of every frame.
const LEN: i16 = 60;
/// The other wire, where `redirect` and `route` send.
const OUT: [&str; 2] = ["out0", "out1"];

/// Where the frames of a policy end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// At the policy.
    Here,
    /// At the interface that they came from.
    Back,
    /// At the other wire's far end.
    Out,
}

/// A policy, what is sent to it, and how it fared.
struct Contender {
    name: &'static str,
    policy: &'static str,
    frame: fn() -> Packet,
    end: End,
    rates: Vec<f64>,
}

/// A contender before its turns.
type Line = (&'static str, &'static str, fn() -> Packet, End);

fn query() -> Packet {
    eth() / ipv4() / udp(4000, 53) / pad_to(60)
}

fn ping() -> Packet {
    eth() / ipv4() / icmp(8, 0) / pad_to(60)
}

#[rustfmt::skip] // A table.
const CONTENDERS: [Line; 12] = [
    ("reflect", "reflect udp dport 53\ndefault pass", query, End::Back),
    ("reply", "reply icmp\ndefault pass", ping, End::Back),
    ("balance, by flow", "balance 203.0.113.7, 203.0.113.9 udp dport 53\ndefault pass", query, End::Back),
    ("balance, by turns", "balance 203.0.113.7, 203.0.113.9 round-robin udp dport 53\ndefault pass", query, End::Back),
    ("tunnel", "tunnel 192.0.2.1 to 203.0.113.9 mac 02:00:5e:10:00:09 udp dport 53\ndefault pass", query, End::Back),
    ("redirect", "redirect out0 udp dport 53\ndefault pass", query, End::Out),
    ("redirect mac", "redirect out0 mac 02:00:5e:10:00:09 udp dport 53\ndefault pass", query, End::Out),
    ("route", "route udp dport 53\ndefault pass", || eth() / ipv4().dst("198.18.9.9") / udp(4000, 53) / pad_to(60), End::Out),
    ("drop", "drop udp dport 53\ndefault pass", query, End::Here),
    ("limit, the rule", "limit 1000/s drop udp dport 53\ndefault drop", query, End::Here),
    ("limit, per source", "limit 1000/s per src drop udp dport 53\ndefault drop", query, End::Here),
    ("limit, per flow", "limit 1000/s per flow drop udp dport 53\ndefault drop", query, End::Here),
];

fn main() -> Outcome<()> {
    let Some(_) = Kernel::or_skip() else { return Ok(()) };
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    let mut contenders = CONTENDERS.map(|(name, policy, frame, end)| Contender {
        name,
        policy,
        frame,
        end,
        rates: Vec::new(),
    });
    Lab::run(|lab| {
        stay_on_one_cpu().expect("this thread may say where it runs");
        let place = Place::new(lab).expect("a lab can be furnished");
        for _ in 0..rounds {
            for contender in &mut contenders {
                let rate = place.turn(contender);
                contender.rates.push(rate.unwrap_or_else(|e| panic!("{}: {e}", contender.name)));
            }
        }
    });
    print(&mut contenders);
    Ok(())
}

/// A lab with a second wire, and takers at both far ends.
struct Place<'a> {
    lab: &'a Lab,
}

impl<'a> Place<'a> {
    fn new(lab: &'a Lab) -> Outcome<Self> {
        let out = lab.wire(OUT[0], OUT[1]);
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        lab.here().add_address(out, "198.18.9.1".parse()?, 24)?;
        lab.here().add_neighbour(out, "198.18.9.9".parse()?, [2, 0, 0x5e, 0x10, 0, 9])?;
        lab.in_far(|| -> Result<(), String> {
            let taker = only_drops().map_err(|e| e.to_string())?;
            for name in [FAR, OUT[1]] {
                let index = link::by_name(name).map_err(|e| e.to_string())?.index;
                xdp::attach(index, &taker, Mode::Native, Expect::Anything)
                    .map_err(|e| e.to_string())?;
            }
            Ok(())
        })?;
        Ok(Self { lab })
    }

    /// Lets a policy have its turn; its frames a second.
    fn turn(&self, contender: &Contender) -> Outcome<f64> {
        let Contender { policy, frame, end, .. } = contender;
        self.lab.attach(policy);
        let frame = frame().build();
        let generator = generator(self.lab.far_index(), &frame)?;
        self.send(&generator, &frame, FRAMES / 20)?;
        let (before, sent_before) = (self.settled(NEAR)?, self.at_end(*end)?);
        let took = self.send(&generator, &frame, FRAMES)?;
        let came = self.settled(NEAR)? - before;
        let sent = self.at_end(*end)? - sent_before;
        self.lab.palisade(&["detach", NEAR]).ok();
        // The other wire's ends talk of themselves now and then.
        if came < u64::from(FRAMES) || (*end != End::Here && sent < u64::from(FRAMES)) {
            return Err(
                format!("of {FRAMES} frames {came} came, {sent} where they were sent").into()
            );
        }
        Ok(f64::from(FRAMES) / took.as_secs_f64())
    }

    /// Sends frames; how long it took.
    fn send(&self, generator: &Program, packet: &[u8], repeat: u32) -> Outcome<Duration> {
        let run = LiveRun { packet, repeat, batch: BATCH, ingress: None };
        let took = self.lab.in_far(|| -> Result<Duration, String> {
            stay_on_one_cpu().map_err(|e| e.to_string())?;
            let begin = Instant::now();
            generator.run_live(&run).map_err(|e| e.to_string())?;
            Ok(begin.elapsed())
        })?;
        Ok(took)
    }

    fn at_end(&self, end: End) -> Outcome<u64> {
        match end {
            End::Here => Ok(0),
            End::Back => self.settled(FAR),
            End::Out => self.settled(OUT[1]),
        }
    }

    /// How many frames have come to an interface, once no more are under way.
    fn settled(&self, name: &str) -> Outcome<u64> {
        let mut seen = self.received(name)?;
        loop {
            std::thread::sleep(Duration::from_millis(1));
            let now = self.received(name)?;
            if now == seen {
                return Ok(now);
            }
            seen = now;
        }
    }

    fn received(&self, name: &str) -> Outcome<u64> {
        let read = || fs::read_to_string("/proc/thread-self/net/dev");
        let table = if name == NEAR { read()? } else { self.lab.in_far(read)? };
        let line =
            table.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'));
        let fields = line.ok_or("the interface is gone")?;
        // Bytes, then packets.
        Ok(fields.split_whitespace().nth(1).ok_or("no count of packets")?.parse()?)
    }
}

fn only_drops() -> Outcome<Program> {
    const XDP_DROP: i32 = 1;
    let mut a = Assembler::new();
    a.mov(R0, XDP_DROP).exit();
    load(a, "only_drops")
}

/// Writes a frame and sends it out of an interface of its namespace.
fn generator(out: IfIndex, frame: &[u8]) -> Outcome<Program> {
    let mut a = Assembler::new();
    let broken = a.label("broken");
    a.load(Size::W, R2, R1 + 0).load(Size::W, R3, R1 + 4);
    a.mov(R0, R2).add(R0, i32::from(LEN)).jump_if(R0, Cond::Gt, R3, broken);
    let (words, []) = frame.as_chunks::<4>() else { return Err("not a whole word".into()) };
    for (word, at) in words.iter().zip((0..LEN).step_by(4)) {
        a.store(Size::W, R2 + at, ByteOrder::HOST.imm32(*word));
    }
    a.mov(R1, i32::try_from(out.number())?).mov(R2, 0).call(Helper::REDIRECT).exit();
    a.place(broken).mov(R0, 0).exit();
    load(a, "generator")
}

fn load(a: Assembler, name: &str) -> Outcome<Program> {
    let image = a.finish()?.encode(Isa::V1)?;
    let options = LoadOptions { name, license: c"Dual MIT/GPL", buffers: Buffers::Single };
    Ok(Program::load(&image, &[], &options)?)
}

/// Keeps this thread where it is, so that sender and receivers share one processor.
fn stay_on_one_cpu() -> Outcome<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let last = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.ok_or("no processor may be used")?)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
}

fn print(contenders: &mut [Contender]) {
    let median = |contender: &mut Contender| {
        contender.rates.sort_by(f64::total_cmp);
        contender.rates[contender.rates.len() / 2]
    };
    let [reflect, ..] = contenders else { return };
    let base = median(reflect);
    println!("{:<20} {:>7} {:>7} {:>7}", "", "million", "of", "ns more");
    println!("{:<20} {:>7} {:>7} {:>7}", "", "a s", "reflect", "a frame");
    for contender in contenders {
        let rate = median(contender);
        let more = (1.0 / rate - 1.0 / base) * 1e9;
        println!("{:<20} {:>7.2} {:>7.2} {:>+7.0}", contender.name, rate / 1e6, rate / base, more);
    }
    println!("medians; what is sent on crosses a second wire, what is dropped does not");
}
