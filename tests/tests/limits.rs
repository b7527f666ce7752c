//! Limits in the kernel, where time is real: what passes of a burst, of a flood, and of floods on
//! several CPUs at once.
//!
//! A limit of one packet an hour lets its burst by and no more, however long a test takes; so what it
//! does is known, and the oracle, which is told that no time passes, agrees frame by frame.

use std::thread;
use std::time::{Duration, Instant};

use palisade_filter::oracle::{Declared, Limits, Reading};
use palisade_filter::structure::Origin;
use palisade_filter::{Target, Verdict, parse};
use palisade_loader::TestRun;
use palisade_tests::agree::agree;
use palisade_tests::engine::{Engine, Stay};
use palisade_tests::packet::{FROM4, Packet, eth, icmp, ipv4, ipv6, tcp, udp};
use palisade_tests::privilege::Kernel;

/// How far what passes may be from what is said, in parts of a thousand.
const TOLERANCE: u64 = 20;

fn query(from: &str) -> Vec<u8> {
    match from.parse().expect("an address") {
        std::net::IpAddr::V4(addr) => {
            (Packet::new() / eth() / ipv4().src(addr) / udp(1, 53)).build()
        }
        std::net::IpAddr::V6(addr) => {
            (Packet::new() / eth() / ipv6().src(addr) / udp(1, 53)).build()
        }
    }
}

/// Puts frames to a policy in the kernel and to the oracle.
fn same(kernel: &Kernel, text: &str, frames: &[Vec<u8>], target: Target) -> Vec<Verdict> {
    let policy = parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("policy", text)));
    let mut engine = Engine::load(kernel, text, target);
    let (mut limits, sets) = (Limits::default(), Declared::of(&policy));
    for set in policy.sets() {
        set.elements.iter().for_each(|item| engine.add(set.name.as_str(), &[&item.to_string()]));
    }
    let mut verdicts = Vec::new();
    for frame in frames {
        let decision = Reading::of(frame).decide_after(&policy, &sets, &mut limits);
        let outcome = engine.run(frame).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let mode = palisade_filter::Mode::Enforce;
        assert!(agree(&policy, mode, &outcome, &decision), "{text}: {outcome} {decision:?}");
        verdicts.push(decision.verdict);
    }
    verdicts
}

#[test]
fn the_kernel_counts_by_the_same_keys_as_the_oracle() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let hosts = ["192.0.2.9", "192.0.2.10", "192.0.3.9", "2001:db8::1", "2001:db8::2"];
    let mut frames: Vec<Vec<u8>> = hosts.iter().map(|host| query(host)).collect();
    frames.push((Packet::new() / eth() / ipv4() / tcp(1, 53)).build());
    frames.push((Packet::new() / eth() / ipv4() / icmp(8, 0)).build());
    let frames: Vec<Vec<u8>> = (0..4).flat_map(|_| frames.clone()).collect();
    for key in ["", "per src", "per dst", "per src/24/64", "per dst/8/127 size 1024", "per flow"] {
        for target in &kernel.targets {
            let text = format!("limit 1/h burst 2 {key} drop not arp\ndefault pass\n");
            let verdicts = same(&kernel, &text, &frames, *target);
            assert!(
                verdicts.contains(&Verdict::Drop) && verdicts.contains(&Verdict::Pass),
                "{text}"
            );
        }
    }
}

#[test]
fn what_is_under_a_limit_meets_the_next_rule_also_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let text = "set s net { elements { 192.0.2.9 } }\n\
        limit 1/h burst 1 count udp\n\
        limit 1/h burst 2 per src pass not src in s udp\n\
        limit 1/h burst 3 abort udp dport 53\n\
        limit 1/h burst 4 per flow reflect udp\n\
        limit 1kbit/s burst 800bit per dst vlan push 7 udp\n\
        default drop\n";
    let frames: Vec<Vec<u8>> =
        ["192.0.2.9", "192.0.2.10"].into_iter().cycle().take(12).map(query).collect();
    for target in &kernel.targets {
        let verdicts = same(&kernel, text, &frames, *target);
        for verdict in [Verdict::Drop, Verdict::Pass, Verdict::Aborted] {
            assert!(verdicts.contains(&verdict), "{verdicts:?}");
        }
    }
}

/// What passed of a flood.
struct Flood {
    offered: u64,
    passed: u64,
    /// For so long at least, and at most.
    time: [Duration; 2],
}

impl Flood {
    /// How many packets are due at a rate and burst, at least and at most.
    fn due(&self, rate: u64, burst: u64) -> [u64; 2] {
        let due = |time: &Duration| {
            burst + u64::try_from(u128::from(rate) * time.as_nanos() / 1_000_000_000).expect("few")
        };
        self.time.each_ref().map(due)
    }
}

/// A flood of one packet from so many threads, for a second. It ends with as many packets as a pause
/// of the machine can have let a limit owe.
fn flood(kernel: &Kernel, text: &str, threads: usize) -> Flood {
    let target = *kernel.targets.last().expect("some target");
    let mut engine = Engine::load(kernel, text, target);
    let frame = (Packet::new() / eth() / ipv4().src(FROM4) / udp(1, 53)).build();
    let start = Instant::now();
    let send = |repeat| {
        let begun = start.elapsed();
        let run = TestRun { packet: &frame, repeat, ingress: None };
        engine.program().test_run(&run).expect("it runs");
        begun
    };
    // Between two calls the kernel waits for others, some ten milliseconds: a call is to be longer.
    let one = || {
        while start.elapsed() < Duration::from_secs(1) {
            send(400_000);
        }
        send(400_000)
    };
    let least = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).max()
    });
    let time = [least.expect("a thread"), start.elapsed()];
    let grown = engine.grown();
    let passes = |(row, _): &&(usize, [u64; 2])| engine_row(text, *row) == Some(Verdict::Pass);
    let passed = grown.iter().filter(passes).map(|(_, counts)| counts[0]).sum();
    Flood { offered: grown.iter().map(|(_, counts)| counts[0]).sum(), passed, time }
}

fn engine_row(text: &str, row: usize) -> Option<Verdict> {
    let policy = parse(text).expect("a policy");
    palisade_filter::plan::rows(&policy).get(row).and_then(|row| row.verdict)
}

/// A limit under a flood from so many threads lets by no more than `most` times what is due, and what
/// is due but for two percent. A machine that stands still for longer than a burst takes to come back,
/// or that is too slow for the rate, gets another turn; one that is slow throughout is told.
fn held(kernel: &Kernel, rate: u64, key: &str, threads: usize, most: u64) {
    const TURNS: usize = 5;
    let burst = rate / 5;
    let text = format!("limit {rate}/s burst {burst} {key} drop udp\ndefault pass\n");
    let mut told = Vec::new();
    for _ in 0..TURNS {
        let flood = flood(kernel, &text, threads);
        let ([least_due, most_due], passed) = (flood.due(rate, burst), flood.passed);
        assert!(passed <= most_due * most, "{rate}/s {key}: {passed} of {most_due}");
        if passed * 1000 >= least_due * (1000 - TOLERANCE) {
            return;
        }
        told.push((passed, least_due, flood.offered));
    }
    let slow = told.iter().all(|(_, due, offered)| offered < &(2 * due));
    assert!(slow, "{rate}/s {key} on {threads} CPUs: passed, due, offered: {told:?}");
    println!("{rate}/s {key}: no flood to hold back: {told:?}");
}

#[test]
fn a_rate_is_held_within_two_percent_and_on_several_cpus_within_their_number() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for (rate, key) in
        [(1_000, "per src"), (100_000, "per src"), (1_000_000, "per src"), (1_000_000, "")]
    {
        held(&kernel, rate, key, 1, 1);
    }
    let cpus = thread::available_parallelism().map_or(1, usize::from).min(4);
    for (rate, key) in [(200_000, "per src"), (1_000_000, "")] {
        held(&kernel, rate, key, cpus, cpus as u64);
    }
}

#[test]
fn the_kernel_bans_whoever_is_over_a_limit_and_counts_the_bans_that_find_no_room() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let text = "set banned host { max 2 }\ndrop src in banned\n\
        limit 1/h burst 2 per src ban 1h set banned udp\ndefault pass\n";
    let rows = |outcome: &palisade_tests::outcome::Outcome| outcome.row.line;
    for target in &kernel.targets {
        let mut engine = Engine::load(&kernel, text, *target);
        engine.add_for("banned", "2001:db8::7", Stay::For(Duration::from_secs(3600)));
        let mut lines = |from: &str| {
            let frame = query(from);
            [(); 4].map(|()| rows(&engine.run(&frame).unwrap_or_else(|fault| panic!("{fault}"))))
        };
        assert_eq!(lines("2001:db8::7"), [Some(2); 4], "{target:?}");
        assert_eq!(lines("192.0.2.9"), [Some(4), Some(4), Some(3), Some(2)], "{target:?}");
        assert_eq!(
            lines("192.0.2.10"),
            [Some(4), Some(4), Some(3), Some(3)],
            "no room: {target:?}"
        );
        assert_eq!(engine.hits("banned", "192.0.2.9")[0], 1, "the packet behind the ban");
        assert_eq!(engine.refused("banned"), 2);
    }
}

#[test]
fn a_ban_makes_an_entry_its_own_only_where_that_was_past_its_time() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let text = "set banned host\nban 1h set banned udp\ndefault pass\n";
    for target in &kernel.targets {
        let mut engine = Engine::load(&kernel, text, *target);
        engine.add_for("banned", "192.0.2.9", Stay::Ended(Duration::from_nanos(1)));
        engine.add_for("banned", "192.0.2.10", Stay::For(Duration::from_secs(60)));
        let origins = ["192.0.2.9", "192.0.2.10", "192.0.2.11"].map(|from| {
            engine.run(&query(from)).unwrap_or_else(|fault| panic!("{fault}"));
            engine.stamp("banned", from.parse().expect("an address")).origin
        });
        assert_eq!(origins, [Origin::Banned, Origin::Added, Origin::Banned], "{target:?}");
        assert_eq!(engine.refused("banned"), 0);
    }
}
