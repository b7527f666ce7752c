//! Limits in the interpreter, where time is what the test says: held against arithmetic, and against
//! the oracle's own buckets.

use palisade_filter::oracle::{Contents as _, Declared, Limits, Reading, banned, frame_of_words};
use palisade_filter::plan::{LIMITS, Mode};
use palisade_filter::rehearsal::{Half, Rehearsal};
use palisade_filter::{Access, Buffers, PlanError, Policy, Target, Verdict, compile, parse};

const SECOND: u64 = 1_000_000_000;

fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)))
}

fn frame(words: &str) -> Vec<u8> {
    frame_of_words(&words.split(' ').collect::<Vec<_>>()).expect("a frame")
}

/// A policy before program and oracle, which must agree on every frame.
struct Both {
    policy: Policy,
    rehearsal: Rehearsal,
    limits: Limits,
}

impl Both {
    fn of(text: &str) -> Self {
        Self::on(text, Rehearsal::TARGET)
    }

    fn on(text: &str, target: Target) -> Self {
        let policy = policy(text);
        let artifact = compile(&policy, target).expect("a program");
        let rehearsal = Rehearsal::new(&policy, &artifact).expect("its maps are simulated");
        Self { policy, rehearsal, limits: Limits::default() }
    }

    /// The verdict on a frame that comes at a time.
    fn at(&mut self, now: u64, frame: &[u8]) -> Verdict {
        self.rehearsal.set_now(now);
        self.limits.set_now(now);
        let sets = Declared::of(&self.policy);
        let decision = Reading::of(frame).decide_after(&self.policy, &sets, &mut self.limits);
        let run = self.rehearsal.run(frame).unwrap_or_else(|fault| panic!("{fault}"));
        assert!(self.rehearsal.agrees(&run, &decision), "at {now}: {run:?}, {decision:?}");
        assert!(self.rehearsal.tells(&run, &decision, frame), "at {now}: {run:?}, {decision:?}");
        run.verdict
    }

    /// How many of so many frames at once are passed.
    fn passed(&mut self, now: u64, frame: &[u8], times: usize) -> usize {
        (0..times).filter(|_| self.at(now, frame) == Verdict::Pass).count()
    }
}

/// Numbers by chance, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

#[test]
fn a_policy_without_limits_has_no_map_and_no_instruction_for_them() {
    let plain = compile(&policy("drop udp dport 9\ndefault pass\n"), Target::FLOOR).expect("one");
    assert!(plain.maps.iter().all(|map| !map.name.starts_with(LIMITS)));
    assert!(!plain.program.to_string().contains("ktime"));
}

#[test]
fn a_burst_passes_at_once_and_then_one_packet_each_interval() {
    for (rate, interval) in [("10/s", SECOND / 10), ("6/m", 10 * SECOND), ("1/h", 3600 * SECOND)] {
        for key in ["", "per src", "per dst/24/64", "per flow"] {
            let mut both =
                Both::of(&format!("limit {rate} burst 3 {key} drop udp\ndefault pass\n"));
            let packet = frame("udp from 192.0.2.9");
            let start = 7 * SECOND;
            assert_eq!(both.passed(start, &packet, 5), 3, "{rate} {key}");
            assert_eq!(both.passed(start + interval - 1, &packet, 2), 0, "{rate} {key}");
            assert_eq!(both.passed(start + interval, &packet, 2), 1, "{rate} {key}");
            assert_eq!(both.passed(start + 3 * interval, &packet, 9), 2, "{rate} {key}");
            assert_eq!(both.passed(start + 1000 * interval, &packet, 9), 3, "{rate} {key}");
        }
    }
}

#[test]
fn over_any_time_a_limit_lets_by_what_it_says_and_never_more() {
    for (rate, number, every, burst) in [
        ("1000/s", 1000, 1, 100),
        ("7/s", 7, 1, 40),
        ("9999999/s", 9_999_999, 1, 60),
        ("77/m", 77, 60, 50),
        ("1M/h", 1_000_000, 3600, 70),
    ] {
        let text = format!("limit {rate} burst {burst} drop udp\ndefault pass\n");
        let (mut both, packet) = (Both::of(&text), frame("udp from 192.0.2.9"));
        let (mut chance, mut now) = (Chance(number), 3 * SECOND);
        let (start, mut passed) = (now, 0_u128);
        // Packets come about three times as fast as they may.
        let gap = every * SECOND * 2 / number / 3;
        for _ in 0..20_000 {
            now += chance.below(gap + 1);
            passed += u128::from(both.at(now, &packet) == Verdict::Pass);
            let most = u128::from(now - start) * u128::from(number) / u128::from(every * SECOND);
            assert!(passed <= most + burst, "{rate}: {passed} of {most}");
        }
        let due = u128::from(now - start) * u128::from(number) / u128::from(every * SECOND);
        assert!(passed * 5000 >= due * 4998, "{rate}: {passed} of {due}");
    }
}

#[test]
fn bits_are_those_of_whole_frames_whatever_their_lengths() {
    for (rate, bits) in [("1mbit/s", 1e6 as u64), ("10gbit/s", 1e10 as u64), ("1kbit/s", 1000)] {
        let text = format!("limit {rate} burst 20kbit per src drop udp\ndefault pass\n");
        let (mut both, mut chance) = (Both::of(&text), Chance(bits));
        let (mut now, start, mut passed) = (SECOND, SECOND, 0_u128);
        for _ in 0..10_000 {
            let mut packet = frame("udp from 192.0.2.9");
            packet.resize(60 + chance.below(1440) as usize, 0);
            now += chance.below(760 * 8 * SECOND / bits);
            if both.at(now, &packet) == Verdict::Pass {
                passed += 8 * packet.len() as u128;
            }
            let most = u128::from(now - start) * u128::from(bits) / u128::from(SECOND);
            assert!(passed <= most + 20_000, "{rate}: {passed} of {most}");
        }
        let due = u128::from(now - start) * u128::from(bits) / u128::from(SECOND);
        assert!(passed * 100 >= due * 95, "{rate}: {passed} of {due}");
    }
    let mut both = Both::of("limit 1mbit/s burst 8kbit per src drop udp\ndefault pass\n");
    let mut packet = frame("udp from 192.0.2.9");
    packet.resize(1001, 0);
    assert_eq!(both.passed(SECOND, &packet, 1), 0, "no frame that is longer than the burst");
    packet.pop();
    assert_eq!(both.passed(SECOND, &packet, 2), 1, "one that is as long");
}

#[test]
fn each_key_has_a_limit_of_its_own() {
    let [near, far] = ["192.0.2.9", "192.0.3.9"];
    let cases = [
        ("per src", [near, "192.0.2.10"], 2),
        ("per src/24/64", [near, "192.0.2.10"], 1),
        ("per src/24/64", [near, far], 2),
        ("per src/23/64", [near, far], 1),
        ("per src/32/64", [near, "192.0.2.8"], 2),
        ("per src/31/64", [near, "192.0.2.8"], 1),
        ("per src/1/1", [near, "127.0.0.1"], 2),
        ("per src", ["2001:db8::1", "2001:db8::2"], 2),
        ("per src/24/64", ["2001:db8::1", "2001:db8::2"], 1),
        ("per src/24/64", ["2001:db8::1", "2001:db8:0:1::1"], 2),
        ("per src/24/63", ["2001:db8::1", "2001:db8:0:1::1"], 1),
        ("per src/24/65", ["2001:db8::1", "2001:db8::8000:0:0:1"], 2),
        ("per src/24/127", ["2001:db8::2", "2001:db8::3"], 1),
        ("per src/24/127", ["2001:db8::1", "2001:db8::2"], 2),
        ("per dst", [near, far], 1),
        ("", [near, far], 1),
        ("per flow", [near, far], 2),
        ("per flow", ["192.0.2.9:7", "192.0.2.9:8"], 2),
        ("per flow", ["2001:db8::1", "2001:db8::2"], 2),
        // The version of IP is part of the key, also where the bytes are alike.
        ("per src", ["192.0.2.9", "c000:209::"], 2),
    ];
    for (key, from, passed) in cases {
        for target in targets() {
            let text = format!("limit 1/h burst 1 {key} drop udp\ndefault pass\n");
            let mut both = Both::on(&text, target);
            let frames = from.map(|from| match from.matches(':').count() {
                1 => frame(&format!("udp from {from} to 192.0.2.1:53")),
                _ => frame(&format!("udp from {from}")),
            });
            let all: usize = frames.iter().map(|frame| both.passed(SECOND, frame, 2)).sum();
            assert_eq!(all, passed, "{key} {from:?} {target:?}");
        }
    }
}

fn targets() -> Vec<Target> {
    let shapes = [Buffers::Single, Buffers::Multi];
    let of = |buffers| {
        [Access::Pointers, Access::Helpers].map(|access| Target {
            buffers,
            access,
            ..Target::FLOOR
        })
    };
    shapes.into_iter().flat_map(of).collect()
}

#[test]
fn flows_are_told_apart_by_protocol_and_ports_and_pieces_have_none() {
    let text = "limit 1/h burst 1 per flow drop not arp\ndefault pass\n";
    let mut both = Both::of(text);
    let flows = [
        "udp from 192.0.2.9:1 to 192.0.2.1:53",
        "udp from 192.0.2.9:1 to 192.0.2.1:54",
        "udp from 192.0.2.1:53 to 192.0.2.9:1",
        "tcp from 192.0.2.9:1 to 192.0.2.1:53",
        "sctp from 192.0.2.9:1 to 192.0.2.1:53",
        "icmp from 192.0.2.9",
        "proto 47 from 192.0.2.9",
        "proto 50 from 192.0.2.9",
        "udp from 192.0.2.9 fragment later",
        "udp from 2001:db8::9 fragment later",
        "udp from [2001:db8::9]:1 to [2001:db8::1]:53",
        "icmp6 from 2001:db8::9",
        "proto 47 from 2001:db8::9",
    ];
    for flow in flows {
        let packet = frame(flow);
        assert_eq!(both.passed(SECOND, &packet, 2), 1, "{flow}");
    }
    for (own, same) in [
        ("icmp from 192.0.2.9", "icmp from 192.0.2.9 type 13"),
        ("udp from 2001:db8::9 fragment later", "tcp from 2001:db8::9 fragment later"),
    ] {
        let mut both = Both::of(text);
        assert_eq!(both.passed(SECOND, &frame(own), 1), 1);
        assert_eq!(both.passed(SECOND, &frame(same), 1), 0, "{same} is of the flow of {own}");
    }
}

#[test]
fn a_key_of_which_nothing_was_seen_for_long_owes_nothing_however_old_the_machine_is() {
    const YEAR: u64 = 365 * 86400 * SECOND;
    for key in ["", "per src"] {
        for start in [0, 1, YEAR, 4 * YEAR + YEAR / 2, 9 * YEAR, 20 * YEAR] {
            let text = format!("limit 10/s burst 2 {key} drop udp\ndefault pass\n");
            let mut both = Both::of(&text);
            let packet = frame("udp from 192.0.2.9");
            assert_eq!(both.passed(start, &packet, 3), 2, "{start}");
            assert_eq!(both.passed(start + YEAR, &packet, 3), 2, "{start} and a year");
            assert_eq!(both.passed(start + 6 * YEAR, &packet, 3), 2, "{start} and six");
        }
    }
    // The longest burst comes back as slowly as it says.
    let mut both = Both::of("limit 1/h burst 8760 drop udp\ndefault pass\n");
    let packet = frame("udp from 192.0.2.9");
    assert_eq!(both.passed(0, &packet, 8762), 8760);
    assert_eq!(both.passed(YEAR, &packet, 8762), 8760);
}

#[test]
fn a_limit_that_is_not_enforced_moves_on_all_the_same() {
    let mut rehearsal = Both::of("limit 1/h burst 2 drop udp\ndefault pass\n").rehearsal;
    rehearsal.set_mode(Mode::Shadow).expect("a mode");
    let packet = frame("udp from 192.0.2.9");
    let halves = [(); 4].map(|()| rehearsal.run(&packet).expect("no fault").half);
    assert_eq!(halves, [Half::Enforced, Half::Enforced, Half::Shadow, Half::Shadow]);
    rehearsal.set_mode(Mode::Enforce).expect("a mode");
    assert_eq!(rehearsal.run(&packet).expect("no fault").verdict, Verdict::Drop);
    rehearsal.set_mode(Mode::Off).expect("a mode");
    assert_eq!(rehearsal.run(&packet).expect("no fault").verdict, Verdict::Pass);
}

#[test]
fn what_is_under_a_limit_meets_the_next_rule_and_is_counted_in_no_entry() {
    let text = "set s net { elements { 192.0.2.9 } }\n\
        limit 1/h burst 1 count udp\n\
        limit 1/h burst 2 per src pass src in s\n\
        limit 1/h burst 3 abort udp dport 9\n\
        limit 1/h burst 4 drop event udp\n\
        limit 1/h burst 5 reflect ether src unicast\n\
        default drop\n";
    let mut both = Both::of(text);
    both.rehearsal.insert_declared(&policy(text)).expect("it fits");
    let packet = frame("udp from 192.0.2.9 to 192.0.2.1:9");
    let verdicts = [(); 9].map(|()| both.at(SECOND, &packet));
    use Verdict::{Drop, Pass};
    assert_eq!(verdicts, [Drop, Drop, Pass, Pass, Pass, Pass, Pass, Pass, Pass]);
    let set = both.policy.set_id("s").expect("a set");
    let item = "192.0.2.9".parse().expect("an item");
    assert_eq!(both.rehearsal.hits(set, &item), Some([7, 7 * packet.len() as u64]));
    let other = frame("udp from 192.0.2.10 to 192.0.2.1:9");
    let verdicts = [(); 4].map(|()| both.at(SECOND, &other));
    assert_eq!(verdicts, [Drop, Verdict::Aborted, Verdict::Aborted, Verdict::Aborted]);
}

#[test]
fn no_rule_is_dead_behind_a_limit() {
    let policy = policy("limit 1/h drop\nlimit 1/h drop udp\ndrop udp\ndefault pass\n");
    let artifact = compile(&policy, Target::FLOOR).expect("a program");
    assert_eq!(artifact.dead, []);
}

#[test]
fn more_limits_by_key_than_there_are_maps_are_refused_by_the_rule() {
    let rules: String =
        (1..=33).map(|port| format!("limit 1/s per src drop udp dport {port}\n")).collect();
    let refused = compile(&policy(&format!("{rules}default pass\n")), Target::FLOOR);
    assert!(
        matches!(&refused, Err(PlanError::TooManyLimits { line: 33, limit: 32, .. })),
        "{refused:?}"
    );
    let whole: String =
        (1..=300).map(|port| format!("limit 1/s drop udp dport {port}\n")).collect();
    assert!(compile(&policy(&format!("{whole}default pass\n")), Target::FLOOR).is_ok());
}

#[test]
fn whoever_is_over_a_limit_is_banned_for_as_long_as_the_rule_says() {
    let text = "set banned host { max 2 }\n\
        drop src in banned as out\n\
        limit 1/h burst 2 per src ban 1m set banned udp\n\
        default pass\n";
    for target in targets() {
        let policy = policy(text);
        let artifact = compile(&policy, target).expect("a program");
        let mut rehearsal = Rehearsal::new(&policy, &artifact).expect("its maps are simulated");
        let (mut limits, mut sets) = (Limits::default(), Declared::of(&policy));
        let mut at = |now: u64, from: &str| {
            rehearsal.set_now(now);
            limits.set_now(now);
            sets.set_now(now);
            let packet = frame(&format!("udp from {from}"));
            let reading = Reading::of(&packet);
            let decision = reading.decide_after(&policy, &sets, &mut limits);
            let run = rehearsal.run(&packet).unwrap_or_else(|fault| panic!("{fault}"));
            assert!(rehearsal.agrees(&run, &decision), "at {now}: {run:?}, {decision:?}");
            if let Some((set, addr, time)) = banned(&policy, &decision, &reading) {
                sets.ban(set, addr, now + u64::from(time.as_secs()) * SECOND);
            }
            (run.verdict, rehearsal.row(run.row).line)
        };
        use Verdict::{Drop, Pass};
        let minute = 60 * SECOND;
        for from in ["192.0.2.9", "2001:db8::9"] {
            let seen = [(); 4].map(|()| at(SECOND, from));
            let passed = (Pass, Some(4));
            assert_eq!(seen, [passed, passed, (Drop, Some(3)), (Drop, Some(2))], "{from}");
        }
        assert_eq!(at(SECOND + minute - 1, "192.0.2.9"), (Drop, Some(2)), "to the last instant");
        assert_eq!(at(SECOND + minute, "192.0.2.9"), (Drop, Some(3)), "and is banned anew");
        assert_eq!(at(SECOND + minute, "192.0.2.9"), (Drop, Some(2)));
        assert_eq!(at(SECOND + 3 * 3600 * SECOND, "192.0.2.9"), (Pass, Some(4)), "at last");
        assert_eq!(at(SECOND, "192.0.2.10"), (Pass, Some(4)), "others are not");
    }
}

#[test]
fn a_full_set_takes_no_ban_and_the_packet_is_dropped_all_the_same() {
    let text = "set banned host { max 1 }\nlimit 1/h burst 1 per src ban 1m set banned udp\n\
        default pass\n";
    let mut both = Both::of(text);
    let set = both.policy.set_id("banned").expect("a set");
    both.rehearsal.insert(set, [("192.0.2.77".parse().expect("an item"), 0)]).expect("room");
    let packet = frame("udp from 192.0.2.9");
    assert_eq!(
        [(); 3].map(|()| both.at(SECOND, &packet)),
        [Verdict::Pass, Verdict::Drop, Verdict::Drop]
    );
}

#[test]
fn nobody_is_banned_in_shadow_mode() {
    let text = "set banned host\ndrop src in banned\nban 1h set banned udp dport 9\ndefault pass\n";
    let (policy, packet) = (policy(text), frame("udp from 192.0.2.9 to 192.0.2.1:9"));
    let artifact = compile(&policy, Rehearsal::TARGET).expect("a program");
    let mut rehearsal = Rehearsal::new(&policy, &artifact).expect("its maps are simulated");
    let mut line = |mode: Mode| {
        rehearsal.set_mode(mode).expect("a mode");
        let run = rehearsal.run(&packet).expect("no fault");
        rehearsal.row(run.row).line
    };
    assert_eq!([(); 3].map(|()| line(Mode::Shadow)), [Some(3); 3]);
    assert_eq!([(); 2].map(|()| line(Mode::Enforce)), [Some(3), Some(2)]);
}

#[test]
fn a_ban_shortens_no_entry() {
    for (ends, lines) in [(0, [2, 2]), (3600 * SECOND, [2, 2]), (30 * SECOND, [2, 3])] {
        let text =
            "set banned host\ndrop not udp src in banned\nban 1m set banned udp\ndefault pass\n";
        let (policy, udp, tcp) =
            (policy(text), frame("udp from 192.0.2.9"), frame("tcp from 192.0.2.9"));
        let artifact = compile(&policy, Rehearsal::TARGET).expect("a program");
        let mut rehearsal = Rehearsal::new(&policy, &artifact).expect("its maps are simulated");
        let set = policy.set_id("banned").expect("a set");
        rehearsal.insert(set, [("192.0.2.9".parse().expect("an item"), ends)]).expect("room");
        rehearsal.set_now(SECOND);
        assert_eq!(rehearsal.run(&udp).expect("no fault").verdict, Verdict::Drop);
        let seen = [59, 62].map(|second| {
            rehearsal.set_now(second * SECOND);
            let run = rehearsal.run(&tcp).expect("no fault");
            if run.verdict == Verdict::Drop { 2 } else { 3 }
        });
        assert_eq!(seen, lines, "{ends}");
    }
}
