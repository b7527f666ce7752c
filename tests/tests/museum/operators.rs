//! Every comparison of some programs turned round and made weaker or stricter by one, and every
//! constant one more and one less: nearly all of it must be seen, and the rest is written down.
//!
//! A change is tried on frames that reach its instruction with different operands and different
//! ends, so that few runs see what can be seen. `PALISADE_BLESS=1` writes the list of survivors anew;
//! the reasons are for people to give.

mod change;
mod reach;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use palisade_asm::parse as assemble;
use palisade_asm::verify::Rules;
use palisade_filter::{Mode, compile, parse};
use palisade_tests::agree::{Entry, Life, Readings, contents};
use palisade_tests::interpreted::Interpreted;
use palisade_tests::near;

use crate::exhibit::TARGET;
use change::changes;
use reach::Reach;

/// What survives, by program, note and lines, each with the reason.
const SURVIVORS: &str = include_str!("survivors.txt");
/// How the reason begins where the program does the same as before, whatever the frame.
const SAME: &str = "same: ";
/// What must be seen of a hundred changes that make another program.
const SEEN_PER_CENT: usize = 95;

/// How the notes of the functions begin that look addresses up.
const FUNCTIONS: &str = "look up in ";
/// The one of the first subject whose changes are tried: the others are the same code.
const FUNCTION: &str = "look up in allow";

/// A policy whose program is changed.
struct Subject {
    name: &'static str,
    text: &'static str,
    /// The sets that hold something.
    sets: &'static [&'static str],
    /// How many frames that meet a rule have others made near them.
    of_each: usize,
}

/// Entries of each kind and life.
#[rustfmt::skip] // One family per line.
const NETS: [(&str, Life); 12] = [
    ("10.0.0.1", Life::Lasting), ("10.0.0.2", Life::Timed), ("10.0.0.3", Life::Over),
    ("10.0.0.8/31", Life::Lasting), ("10.0.0.12/31", Life::Timed), ("10.0.0.250/31", Life::Over),
    ("2001:db8::1", Life::Lasting), ("2001:db8::2", Life::Timed), ("2001:db8::3", Life::Over),
    ("2001:db8::8/127", Life::Lasting), ("2001:db8::c/127", Life::Timed), ("2001:db8::f0/127", Life::Over),
];

#[rustfmt::skip] // One family per line.
const ALLOWED: [(&str, Life); 12] = [
    ("10.0.0.65", Life::Lasting), ("10.0.0.66", Life::Timed), ("10.0.0.67", Life::Over),
    ("10.0.0.72/31", Life::Lasting), ("10.0.0.76/31", Life::Timed), ("10.0.0.80/31", Life::Over),
    ("2001:db8::41", Life::Lasting), ("2001:db8::42", Life::Timed), ("2001:db8::43", Life::Over),
    ("2001:db8::48/127", Life::Lasting), ("2001:db8::4c/127", Life::Timed), ("2001:db8::50/127", Life::Over),
];

/// An address of each family, and beside it a prefix at every node that leads there: a look-up takes
/// every step that there is, and a wrong one leads out of the set.
#[rustfmt::skip] // A few per line.
const NESTED: [(&str, Life); 35] = [
    ("172.19.0.0/16", Life::Lasting), ("172.21.48.0/20", Life::Lasting), ("172.21.92.0/24", Life::Lasting),
    ("172.21.90.192/28", Life::Lasting), ("172.21.90.163", Life::Lasting), ("172.21.90.165", Life::Lasting),
    ("2a53::/16", Life::Lasting), ("2a55:3000::/20", Life::Lasting), ("2a55:5c00::/24", Life::Lasting),
    ("2a55:5a30::/28", Life::Lasting), ("2a55:5a5c::/32", Life::Lasting), ("2a55:5a5a:c000::/36", Life::Lasting),
    ("2a55:5a5a:a300::/40", Life::Lasting), ("2a55:5a5a:a5c0::/44", Life::Lasting), ("2a55:5a5a:a5a3::/48", Life::Lasting),
    ("2a55:5a5a:a5a5:3000::/52", Life::Lasting), ("2a55:5a5a:a5a5:5c00::/56", Life::Lasting), ("2a55:5a5a:a5a5:5a50::/60", Life::Lasting),
    ("2a55:5a5a:a5a5:5a3a::/64", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:c000::/68", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:ac00::/72", Life::Lasting),
    ("2a55:5a5a:a5a5:5a3c:aac0::/76", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaac::/80", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:3000::/84", Life::Lasting),
    ("2a55:5a5a:a5a5:5a3c:aaaa:5c00::/88", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:5a30::/92", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:5a5c::/96", Life::Lasting),
    ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:c000:0/100", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:a300:0/104", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:a5a0:0/108", Life::Lasting),
    ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:a5c5:0/112", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:a5c3:3000/116", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:a5c3:5c00/120", Life::Lasting),
    ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:a5c3:5af0/124", Life::Lasting), ("2a55:5a5a:a5a5:5a3c:aaaa:5a5a:a5c3:5a96/127", Life::Lasting),
];

/// Prefixes alone in their region, with another one around them and without.
#[rustfmt::skip] // A few per line.
const ALONE: [(&str, Life); 15] = [
    ("198.51.100.64/26", Life::Lasting), ("203.0.113.77", Life::Timed), ("223.255.128.0/18", Life::Over),
    ("61.0.0.0/9", Life::Lasting), ("61.0.2.99", Life::Timed), ("61.64.2.0/23", Life::Lasting),
    ("100.64.0.0/10", Life::Timed), ("100.65.1.128/25", Life::Over), ("100.81.7.7", Life::Lasting),
    ("2a66:1234::/40", Life::Lasting), ("2a77:1:2:3:4::/80", Life::Timed), ("2a88:1:2:3::/64", Life::Lasting),
    ("2b00::/10", Life::Lasting), ("2b01:1:2:3:8000::/66", Life::Timed), ("2b11:1234::/47", Life::Over),
];

/// Addresses of which eight fill the first bucket of all of them, and the others are in their second.
#[rustfmt::skip] // A few per line.
const CROWD: [(&str, Life); 11] = [
    ("3001::16a", Life::Lasting), ("3001::1e4", Life::Lasting), ("3001::23a", Life::Lasting), ("3001::240", Life::Lasting),
    ("3001::28c", Life::Lasting), ("3001::2c5", Life::Lasting), ("3001::2e9", Life::Lasting), ("3001::31c", Life::Lasting),
    ("3001::371", Life::Lasting), ("3001::39a", Life::Timed), ("3001::4a2", Life::Over),
];

#[rustfmt::skip] // One protocol per line.
const SERVICES: [(&str, Life); 9] = [
    ("udp/53", Life::Lasting), ("udp/67", Life::Timed), ("udp/68", Life::Over),
    ("tcp/80", Life::Lasting), ("tcp/443", Life::Timed), ("tcp/22", Life::Over),
    ("sctp/546", Life::Lasting), ("sctp/8080", Life::Timed), ("sctp/547", Life::Over),
];

const SUBJECTS: [Subject; 4] = [
    Subject {
        name: "builtin",
        text: palisade_filter::BUILTIN,
        sets: &["block", "ports"],
        of_each: 1,
    },
    Subject {
        name: "web-server",
        text: include_str!("../../../examples/web-server.pal"),
        sets: &["block"],
        of_each: 1,
    },
    Subject { name: "dns", text: "drop udp dport 53\ndefault pass\n", sets: &[], of_each: 4 },
    Subject { name: "terms", text: TERMS, sets: &[], of_each: 1 },
];

/// Tests of every kind, in an order that leaves each some packets.
const TERMS: &str = "\
count tcp flags syn,!ack
count fragment
drop dscp > 45
drop ttl < 5
drop vlan 2
drop length > 1000
drop src { 10.0.0.0/28, 2001:db8::c/126 }
drop ether src 02:00:5e:10:00:01
pass dport { 22, 53, 80, 546, 8080, 1000 }
drop dport 67-443
drop icmp type 8 code 1
abort proto 47
drop options
on fragment drop
default pass
";

impl Subject {
    /// What its sets hold.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for set in self.sets {
            let items: &[(&str, Life)] = if *set == "ports" { &SERVICES } else { &NETS };
            let [nested, alone, crowd]: [&[(&str, Life)]; 3] =
                if *set == "ports" { [&[], &[], &[]] } else { [&NESTED, &ALONE, &CROWD] };
            entries.extend(items.iter().chain(nested).chain(alone).chain(crowd).map(
                |(item, life)| Entry {
                    set: (*set).to_owned(),
                    item: (*item).to_owned(),
                    life: *life,
                },
            ));
        }
        if self.name == "builtin" {
            entries.extend(ALLOWED.iter().chain(&NESTED).chain(&ALONE).chain(&CROWD).map(
                |(item, life)| Entry {
                    set: "allow".to_owned(),
                    item: (*item).to_owned(),
                    life: *life,
                },
            ));
        }
        entries
    }
}

/// What became of the changes of one program.
#[derive(Default)]
struct Fate {
    seen: usize,
    /// As they are written down.
    survivors: Vec<String>,
}

fn fate(subject: &Subject) -> Fate {
    let policy = parse(subject.text).expect("a policy");
    let artifact = compile(&policy, TARGET).expect("it compiles");
    let entries = subject.entries();
    let held = contents(&policy, &entries);
    let intact = Interpreted::new(&policy, &artifact, &entries);
    let mut frames = near::deep();
    frames.extend(near::lanes(subject.text, entries.iter().map(|entry| entry.item.as_str())));
    frames.extend(near::frames(&policy, &held, subject.of_each));
    let frames = near::unlike(frames);
    let reach = Reach::of(&artifact.program, intact.clone(), &frames);
    let mut lines: Vec<String> =
        artifact.program.listing().to_string().lines().map(str::to_owned).collect();
    let mut fate = Fate::default();
    let stands_for_all = (subject.name, FUNCTION);
    for change in changes(&lines) {
        let note = change.note(&lines);
        if note.starts_with(FUNCTIONS) && (subject.name, note) != stands_for_all {
            continue;
        }
        let line = std::mem::replace(&mut lines[change.line], change.by.clone());
        let changed = assemble(&lines.join("\n")).expect("a changed line is one");
        lines[change.line] = line;
        let program = intact.under(&changed).expect("the maps are the same");
        let mut readings = Readings::with(program, policy.clone(), held.clone());
        let mut tried = reach.frames_of(change.at).map(|at| &frames[at]);
        let seen = tried.any(|frame| readings.decide_and_count(frame).is_err())
            || in_other_modes(&mut readings, &frames)
            || changed.verify(&Rules::since(6, 6)).is_err();
        if seen {
            fate.seen += 1;
        } else {
            let written = change.written(subject.name, &lines);
            eprintln!("survives behind `{}` {written}", change.label(&lines));
            fate.survivors.push(written);
        }
    }
    fate
}

/// Whether a program is seen to be wrong while its verdicts are not carried out.
fn in_other_modes(readings: &mut Readings<Interpreted>, frames: &[Vec<u8>]) -> bool {
    [Mode::Shadow, Mode::Off].into_iter().any(|mode| {
        readings.switch(mode);
        frames.iter().step_by(frames.len() / 40).any(|frame| readings.decide(frame).is_err())
    })
}

#[test]
fn nearly_every_changed_comparison_and_constant_is_seen() {
    let next = Mutex::new(SUBJECTS.iter());
    let total = Mutex::new(Fate::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(subject) = next.lock().expect("no panic").next() else { break };
                    let Fate { seen, survivors } = fate(subject);
                    eprintln!("{}: {seen} seen, {} survive", subject.name, survivors.len());
                    let mut total = total.lock().expect("no panic");
                    total.seen += seen;
                    total.survivors.extend(survivors);
                }
            });
        }
    });
    let Fate { seen, survivors } = total.into_inner().expect("no panic");
    let changes = seen + survivors.len();
    let survivors = copies(survivors);
    if std::env::var_os("PALISADE_BLESS").is_some_and(|value| value == "1") {
        write(&survivors);
        return;
    }
    let known = known();
    let new: Vec<&String> =
        survivors.keys().filter(|one| !known.contains_key(one.as_str())).collect();
    let gone: Vec<&&str> = known.keys().filter(|one| !survivors.contains_key(**one)).collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\ngone: {gone:#?}");
    let is_same = |one: &str| known[one].starts_with(SAME);
    let same: usize =
        survivors.iter().filter(|(one, _)| is_same(one)).map(|(_, copies)| copies).sum();
    eprintln!("{seen} of {changes} seen, {same} change nothing");
    assert!(seen * 100 >= (changes - same) * SEEN_PER_CENT, "{seen} of {changes} less {same}");
    assert!(changes > 5000, "{changes} changes");
}

#[test]
fn all_functions_that_look_up_are_one_code() {
    let bodies = SUBJECTS.iter().flat_map(|subject| {
        let policy = parse(subject.text).expect("a policy");
        let listing = compile(&policy, TARGET).expect("it compiles").program.listing().to_string();
        let parts: Vec<String> = listing.split("\n; ").map(str::to_owned).collect();
        let functions = parts.into_iter().filter_map(|part| {
            let (set, body) = part.strip_prefix(FUNCTIONS)?.split_once('\n')?;
            // The label of the next one stands before its note.
            let own = body.trim_end().lines().filter(|line| !line.starts_with(FUNCTIONS));
            let lines = own.map(change::unnumbered);
            Some(lines.map(|line| line.replace(set, "SET")).collect::<Vec<_>>())
        });
        functions.collect::<Vec<_>>()
    });
    let bodies: Vec<Vec<String>> = bodies.collect();
    assert!(bodies.len() > 2 && bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}

#[test]
fn every_survivor_has_a_reason() {
    let bare: Vec<&str> =
        known().into_iter().filter(|(_, why)| *why == "?").map(|(one, _)| one).collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

/// How many copies there are of each.
fn copies(survivors: Vec<String>) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    survivors.into_iter().for_each(|one| *copies.entry(one).or_default() += 1);
    copies
}

/// The survivors that are written down, with their reasons.
fn known() -> BTreeMap<&'static str, &'static str> {
    SURVIVORS.lines().map(|line| line.rsplit_once(" | ").expect("a reason")).collect()
}

fn write(survivors: &BTreeMap<String, usize>) {
    let known = known();
    let line = |one: &String| format!("{one} | {}\n", known.get(one.as_str()).unwrap_or(&"?"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/museum/survivors.txt");
    std::fs::write(path, survivors.keys().map(line).collect::<String>())
        .expect("it can be written");
}
