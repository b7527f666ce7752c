//! The trace of a decision says what the decision does, and bytes that were not looked at decide
//! nothing, on policies and frames by chance.

use palisade_filter::oracle::{Decider, Listed, Minded, Reading, decide};
use palisade_filter::policy::Protocol;
use palisade_filter::{Item, parse};
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
fn the_entry_that_is_named_is_the_longest_and_the_narrowest() {
    let text = "set a net\nset s service\ndrop src in a\ndrop service in s\ndefault pass\n";
    let read = parse(text).expect("a policy");
    let items = |all: &[&str]| all.iter().map(|one| one.parse().expect(one)).collect::<Vec<Item>>();
    let net = items(&["10.0.0.0/8", "10.1.0.0/16", "10.1.1.1", "::/0"]);
    let service = items(&["any/0-65535", "tcp/80-90", "tcp/80", "any/443"]);
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
}
