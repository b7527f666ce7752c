//! The trace of a decision says what the decision does, and bytes that were not looked at decide
//! nothing, on policies and frames by chance.

use palisade_filter::oracle::{Decider, Listed, Minded, Reading, decide, frame_of_words};
use palisade_filter::policy::Protocol;
use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::{Item, compile, parse};
use palisade_tests::agree::{Life, contents};
use palisade_tests::random::{Chance, frame, policy};

#[test]
fn what_was_asked_last_decides_and_a_statement_matches_if_its_terms_hold() {
    let (mut asked, mut matched, mut malformed) = (0, 0, 0);
    for seed in 1..=80 {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let read = parse(&made.text).expect("a policy");
        let listed = Listed::with(&read, |set| {
            let own = made.entries.iter().filter(|entry| entry.set == set.name.as_str());
            let alive = own.filter(|entry| entry.life != Life::Over);
            alive.map(|entry| entry.item.parse::<Item>().expect("an item")).collect::<Vec<_>>()
        });
        let declared = contents(&read, &made.entries);
        for _ in 0..60 {
            let frame = frame(&mut chance);
            let trace = Reading::of(&frame).trace(&read, &listed);
            assert_eq!(
                trace.decision,
                decide(&read, &declared, &frame),
                "seed {seed}\n{}",
                made.text
            );
            for question in &trace.asked {
                let all = question.answers.iter().all(|answer| answer.holds);
                assert_eq!(question.holds, all, "seed {seed}: {question:?}");
                asked += 1;
                matched += usize::from(question.holds);
            }
            let last = trace.asked.last().filter(|last| last.holds).map(|last| last.decider);
            match trace.decision.decider {
                decider @ (Decider::Keep(_) | Decider::Rule(_)) => assert_eq!(last, Some(decider)),
                Decider::Malformed(flaw) => {
                    assert_eq!(trace.flaw, Some((flaw, Minded::Yes)));
                    assert!(trace.asked.is_empty());
                    malformed += 1;
                }
                Decider::Fragment | Decider::Default => {
                    assert!(trace.flaw.is_none_or(|(_, minded)| minded == Minded::No));
                }
            }
        }
    }
    assert!(asked > 10_000 && matched > 500 && malformed > 100, "{asked} {matched} {malformed}");
}

#[test]
fn bytes_that_were_not_looked_at_decide_nothing() {
    let (mut changed, mut looked_at) = (0, 0);
    for seed in 1..=40 {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let read = parse(&made.text).expect("a policy");
        let sets = contents(&read, &made.entries);
        for _ in 0..60 {
            let frame = frame(&mut chance);
            let (reading, decision) = (Reading::of(&frame), decide(&read, &sets, &frame));
            assert!(reading.seen() <= frame.len());
            for byte in [0x00, 0x5a, 0xff] {
                let mut other = frame.clone();
                other[reading.seen()..].fill(byte);
                let again = Reading::of(&other);
                assert_eq!(again.seen(), reading.seen(), "seed {seed}: {reading}");
                assert_eq!(again.decide(&read, &sets), decision, "seed {seed}: {reading}");
                changed += usize::from(other != frame);
            }
            // The last byte of those that were: most often it is an address's or a port's.
            looked_at += usize::from(reading.seen() > 14);
        }
    }
    assert!(changed > 1000 && looked_at > 1000, "{changed} {looked_at}");
}

#[test]
fn the_entry_that_is_named_is_the_longest_or_the_one_that_ends_last() {
    let text = "set a net\nset s service\ndrop src in a\ndrop service in s\ndefault pass\n";
    let read = parse(text).expect("a policy");
    let items = |all: &[&str]| {
        let entry = |one: &&str| match one.split_once(" until ") {
            Some((one, ends)) => (one.parse().expect(one), ends.parse().expect(ends)),
            None => (one.parse().expect(one), 0),
        };
        all.iter().map(entry).collect::<Vec<(Item, u64)>>()
    };
    let net = items(&["10.0.0.0/8", "10.1.0.0/16", "10.1.1.1", "::/0"]);
    let service = items(&["any/0-65535", "tcp/80-90", "tcp/80", "any/443"]);
    let service = [service, items(&["tcp/50-60", "tcp/55-65"])].concat();
    let listed = Listed::of(&read, vec![net, service]);
    let [a, s] = ["a", "s"].map(|name| read.set_id(name).expect("a set"));
    let prefix = |addr: &str| {
        let found = listed.prefix(a, addr.parse().expect(addr));
        found.map(|prefix| prefix.to_string())
    };
    assert_eq!(prefix("10.1.1.1").as_deref(), Some("10.1.1.1"));
    assert_eq!(prefix("10.1.1.2").as_deref(), Some("10.1.0.0/16"));
    assert_eq!(prefix("10.2.1.2").as_deref(), Some("10.0.0.0/8"));
    assert_eq!(prefix("11.0.0.0"), None);
    assert_eq!(prefix("2001:db8::1").as_deref(), Some("::/0"));
    let named = |protocol, port| listed.service(s, protocol, port).map(|item| item.to_string());
    assert_eq!(named(Protocol::TCP, 80).as_deref(), Some("tcp/80"));
    assert_eq!(named(Protocol::TCP, 81).as_deref(), Some("tcp/80-90"));
    assert_eq!(named(Protocol::UDP, 80).as_deref(), Some("any/0-65535"));
    assert_eq!(named(Protocol::SCTP, 443).as_deref(), Some("any/443"));
    assert_eq!(named(Protocol::ICMP, 80), None);
    assert_eq!(named(Protocol::TCP, 57).as_deref(), Some("tcp/55-65"), "the greater of two");
    assert_eq!(named(Protocol::TCP, 54).as_deref(), Some("tcp/50-60"));
}

#[test]
fn of_services_that_overlap_the_one_is_named_that_the_program_counts() {
    let text = "set s service\ndrop service in s\ndefault pass\n";
    let read = parse(text).expect("a policy");
    let entries: Vec<(Item, u64)> = [
        ("tcp/50-60", 0),
        ("tcp/55-65", 0),
        ("udp/7", 5),
        ("udp/1-9", 6),
        ("udp/8", 6),
        ("any/9-20", 0),
        ("udp/9", 7),
    ]
    .map(|(item, ends)| (item.parse().expect(item), ends))
    .to_vec();
    let set = read.set_id("s").expect("a set");
    let listed = Listed::of(&read, vec![entries.clone()]);
    let artifact = compile(&read, Rehearsal::TARGET).expect("it compiles");
    for (words, want) in [
        ("tcp from 192.0.2.9 to 192.0.2.1:57", "tcp/55-65"),
        ("tcp from 192.0.2.9 to 192.0.2.1:54", "tcp/50-60"),
        ("udp from 192.0.2.9 to 192.0.2.1:7", "udp/1-9"),
        ("udp from 192.0.2.9 to 192.0.2.1:8", "udp/8"),
        ("udp from 192.0.2.9 to 192.0.2.1:9", "any/9-20"),
    ] {
        let mut rehearsal = Rehearsal::new(&read, &artifact).expect("it is ready");
        rehearsal.insert(set, entries.iter().copied()).expect("entries");
        let frame = frame_of_words(&words.split(' ').collect::<Vec<_>>()).expect(words);
        rehearsal.run(&frame).expect(words);
        let reading = Reading::of(&frame);
        let trace = reading.trace(&read, &listed);
        let found = &trace.asked[0].answers[0].found;
        assert!(found.ends_with(&format!("covered by the entry {want}")), "{found}");
        let hit = |item: &Item| rehearsal.hits(set, item).is_some_and(|[packets, _]| packets == 1);
        let hits: Vec<String> = entries
            .iter()
            .filter(|(item, _)| hit(item))
            .map(|(item, _)| item.to_string())
            .collect();
        assert_eq!(hits, [want], "{words}");
        assert!(!listed.rivals(set, &reading).iter().any(hit), "{words}");
    }
}
