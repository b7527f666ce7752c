//! Relations that need no oracle: what is changed about a frame or a policy must change no verdict.
//!
//! That rules which exclude each other may stand in any order, and that a printed policy decides as
//! its text, is also in `forms/properties.rs`; that an export imported is the set, in
//! `importing/`.

use palisade_filter::oracle::Decider;
use palisade_filter::parse;
use palisade_filter::policy::{Policy, Test};
use palisade_filter::value::Prefix;
use palisade_tests::derived::{Aims, Kind, Piece, Shape, frames};
use palisade_tests::engine::hex;
use palisade_tests::floor;
use palisade_tests::judges::{Bench, Judges, NoJudges};
use palisade_tests::packet::{destination, service_vlan, vlan};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::{Chance, Made, policy};

const POLICIES: u64 = 60;
const FRAMES: usize = 120;

/// What a policy looks at.
struct Asks {
    tags: bool,
    options: bool,
    length: bool,
}

impl Asks {
    fn of(policy: &Policy) -> Self {
        let statements = policy.keeps().iter().chain(policy.rules());
        let mut asks = Self { tags: false, options: false, length: false };
        for test in statements.flat_map(|rule| rule.matching.tests()) {
            match test {
                Test::Vlan(..) | Test::Tagged(_) => asks.tags = true,
                Test::Options => asks.options = true,
                Test::Number(palisade_filter::policy::Quantity::Length, ..) => asks.length = true,
                _ => {}
            }
        }
        asks
    }
}

/// What a frame may become without any rule of the policy seeing it.
fn dressed(shape: &Shape, asks: &Asks, chance: &mut Chance) -> Vec<(&'static str, Shape)> {
    let mut all = vec![("padding", Shape { padding: 1 + chance.below(40), ..shape.clone() })];
    if !asks.tags && shape.tags.len() < 7 {
        let tag = if chance.once_in(2) { vlan(0) } else { service_vlan(0) };
        let mut tags = shape.tags.clone();
        tags.insert(0, tag.pcp(5));
        all.push(("a tag of VID 0", Shape { tags: tags.clone(), ..shape.clone() }));
        tags.insert(1, vlan(0).dei());
        all.push(("two tags of VID 0", Shape { tags, ..shape.clone() }));
    }
    if shape.kind == Kind::Ip4 && !asks.options && !asks.length {
        let options = vec![1; 4 * (1 + chance.below(10))];
        all.push(("options that do nothing", Shape { options, ..shape.clone() }));
    }
    // Over these numbers IPv6 would step.
    let walked = [0, 43, 44, 51, 60].contains(&shape.protocol);
    if shape.kind == Kind::Ip6 && !asks.length && !walked {
        let most = if shape.piece == Piece::Whole { 8 } else { 7 };
        let extensions = vec![destination(0); 1 + chance.below(most)];
        all.push(("destination options", Shape { extensions, ..shape.clone() }));
        if shape.piece == Piece::Whole {
            let piece = Piece::Atomic;
            all.push(("a fragment header of a whole packet", Shape { piece, ..shape.clone() }));
        }
    }
    all
}

#[test]
fn what_no_rule_looks_at_changes_no_verdict() {
    let kernel = Kernel::or_skip();
    let targets = kernel.as_ref().map(|kernel| [kernel.best()]);
    let bench = kernel.as_ref().zip(targets.as_ref().map(|all| all.as_slice()));
    let mut compared = std::collections::BTreeMap::new();
    for seed in 0..POLICIES {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let Some(mut judges) = judges(bench, &made) else { continue };
        let policy = parse(&made.text).expect("a policy");
        // A limit in bits looks at the whole length of a frame.
        if policy.rules().iter().any(|rule| rule.limit.is_some()) {
            continue;
        }
        let (aims, asks) = (Aims::of(&policy, &made.entries), Asks::of(&policy));
        // Neighbour discovery in a fragment is none.
        let discovery = made.text.contains("nd");
        for _ in 0..FRAMES {
            let statement = chance.below(aims.len().max(1));
            let mut shape = aims.meeting(statement, &mut chance);
            shape.payload = shape.payload.max(1);
            let mut verdict = |shape: &Shape| {
                let frame = shape.encode();
                let verdict = judges.verdict(&frame);
                (verdict.unwrap_or_else(|how| panic!("{how}\nof:\n{}", made.text)), frame)
            };
            let (plain, frame) = verdict(&shape);
            for (how, other) in dressed(&shape, &asks, &mut chance) {
                if discovery && how.starts_with("a fragment header") {
                    continue;
                }
                let (dressed, longer) = verdict(&other);
                assert_eq!(
                    plain,
                    dressed,
                    "seed {seed}, {how}:\n{}\n{}\nof:\n{}",
                    hex(&frame),
                    hex(&longer),
                    made.text
                );
                *compared.entry(how).or_insert(0) += 1;
            }
        }
    }
    assert!(compared.len() == 6 && compared.values().all(|count| *count > 100), "{compared:?}");
    assert!(compared.values().sum::<u64>() >= floor::least("related frames"), "{compared:?}");
}

/// The judges of a policy; none where it has more sets than a rule may ask.
fn judges<'a>(bench: Bench<'a>, made: &Made) -> Option<Judges> {
    match Judges::of(bench, made) {
        Ok(judges) => Some(judges),
        Err(NoJudges::TooManySets) => None,
        Err(NoJudges::Refused(why)) => panic!("{why}\nof:\n{}", made.text),
    }
}

/// Neighbours that do the same, the other way round.
const REORDERED: &str = "rules of one verdict in another order";

fn is_malformed(judges: &Judges, frame: &[u8]) -> bool {
    matches!(judges.oracle(frame).decider, Decider::Malformed(_))
}

/// Other texts that mean the same.
fn rewritten(text: &str, chance: &mut Chance) -> Vec<(&'static str, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &str| ["drop", "pass", "abort"].iter().any(|word| line.starts_with(word));
    let rules: Vec<usize> = (0..lines.len()).filter(|at| is_rule(lines[*at])).collect();
    let joined =
        |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let owned: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let mut all = vec![("defines put in place", parse(text).expect("a policy").to_string())];
    let Some(one) = rules.get(chance.below(rules.len().max(1))).copied() else { return all };
    let mut twice = owned.clone();
    twice.insert(one + chance.below(2), owned[one].clone());
    all.push(("a rule twice", joined(&twice)));
    let word = |at: usize| lines[at].split(' ').next();
    for at in rules.iter().copied().filter(|at| rules.contains(&(at + 1))) {
        if word(at) == word(at + 1) {
            let mut swapped = owned.clone();
            swapped.swap(at, at + 1);
            all.push((REORDERED, joined(&swapped)));
        }
    }
    for at in rules {
        if let Some([one, other]) = split(lines[at]) {
            let mut halves = owned.clone();
            halves[at] = one;
            halves.insert(at + 1, other);
            all.push(("a rule in two halves", joined(&halves)));
        }
    }
    all
}

/// A rule as two rules, each with one half of its range of ports or of its prefix.
fn split(rule: &str) -> Option<[String; 2]> {
    if rule.contains("not ") || rule.contains('(') || rule.contains('{') {
        return None;
    }
    let words: Vec<&str> = rule.split(' ').collect();
    let halves = |at: usize| {
        let [one, other] = match words[at] {
            "src" | "dst" => half_prefixes(words.get(at + 1)?)?,
            "sport" | "dport" => half_ranges(words.get(at + 1)?)?,
            _ => return None,
        };
        let with = |half: &str| {
            let mut words = words.clone();
            words[at + 1] = half;
            words.join(" ")
        };
        Some([with(&one), with(&other)])
    };
    (0..words.len()).find_map(halves)
}

fn half_ranges(range: &str) -> Option<[String; 2]> {
    let (first, last) = range.split_once('-')?;
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    let middle = first + (last - first) / 2;
    (first < last).then(|| [format!("{first}-{middle}"), format!("{}-{last}", middle + 1)])
}

fn half_prefixes(prefix: &str) -> Option<[String; 2]> {
    let prefix: Prefix = prefix.parse().ok().filter(|prefix: &Prefix| !prefix.is_host())?;
    let len = prefix.len() + 1;
    let other: std::net::IpAddr = match prefix.addr() {
        std::net::IpAddr::V4(addr) => (u32::from(addr) | 1 << (32 - len)).to_be_bytes().into(),
        std::net::IpAddr::V6(addr) => (u128::from(addr) | 1 << (128 - len)).to_be_bytes().into(),
    };
    Some([format!("{}/{len}", prefix.addr()), format!("{other}/{len}")])
}

#[test]
fn a_policy_written_in_another_way_gives_the_same_verdicts() {
    let mut compared = std::collections::BTreeMap::new();
    for seed in 0..POLICIES * 2 {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        let Some(mut judges) = judges(None, &made) else { continue };
        let policy = parse(&made.text).expect("a policy");
        let frames = frames(&policy, &made.entries, &mut chance, 300);
        let verdicts: Vec<_> = frames.iter().map(|frame| judges.verdict(frame)).collect();
        for (how, text) in rewritten(&made.text, &mut chance) {
            let other = Made { text: text.clone(), ..made.clone() };
            let Some(mut others) = self::judges(None, &other) else { continue };
            for (frame, verdict) in frames.iter().zip(&verdicts) {
                let verdict = verdict.as_ref().unwrap_or_else(|how| panic!("{how}"));
                let other = others.verdict(frame).unwrap_or_else(|how| panic!("{how}"));
                let shown = || format!("{}\nof:\n{}\nand:\n{text}", hex(frame), made.text);
                // How far a malformed frame is minded depends on the rules that can be reached.
                if how == REORDERED && is_malformed(&judges, frame) != is_malformed(&others, frame)
                {
                    continue;
                }
                assert_eq!(*verdict, other, "seed {seed}, {how}: {}", shown());
            }
            *compared.entry(how).or_insert(0) += 1;
        }
    }
    assert!(compared.len() == 4 && compared.values().all(|count| *count > 10), "{compared:?}");
    assert!(compared.values().sum::<u64>() >= floor::least("rewritten policies"), "{compared:?}");
}
