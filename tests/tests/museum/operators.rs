//! Every comparison of some programs turned round and made weaker or stricter by one, and every
//! constant one more and one less: nearly all of it must be seen, and the rest is written down.
//!
//! A change is tried on frames that reach its instruction with different operands and different
//! ends, so that few runs see what can be seen. `PALISADE_BLESS=1` writes the list of survivors anew;
//! the reasons are for people to give.

mod change;
mod reach;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use palisade_asm::parse as assemble;
use palisade_filter::{compile, parse};
use palisade_tests::agree::{Entry, Life, Readings, contents};
use palisade_tests::interpreted::Interpreted;
use palisade_tests::near;

use crate::exhibit::TARGET;
use change::changes;
use reach::Reach;

/// What survives, by program, note and lines, each with the reason.
const SURVIVORS: &str = include_str!("survivors.txt");
/// What must be seen of a hundred changes.
const SEEN_PER_CENT: usize = 95;

/// A policy whose program is changed, and entries of its sets.
struct Subject {
    name: &'static str,
    text: &'static str,
    entries: &'static [(&'static str, &'static str, Life)],
    /// How many frames that meet a rule have others made near them.
    of_each: usize,
}

#[rustfmt::skip] // One entry per line.
const SUBJECTS: [Subject; 4] = [
    Subject {
        name: "builtin",
        text: palisade_filter::BUILTIN,
        entries: &[
            ("allow", "10.0.0.1", Life::Lasting), ("allow", "2001:db8::/126", Life::Timed),
            ("block", "10.0.0.0/28", Life::Lasting), ("block", "10.0.0.250", Life::Over),
            ("block", "10.0.1.0/24", Life::Over), ("block", "2001:db8::5", Life::Timed),
            ("ports", "udp/53", Life::Lasting), ("ports", "tcp/80", Life::Timed),
            ("ports", "sctp/443", Life::Lasting), ("ports", "tcp/22", Life::Over),
        ],
        of_each: 3,
    },
    Subject {
        name: "web-server",
        text: include_str!("../../../examples/web-server.pal"),
        entries: &[
            ("block", "10.0.0.1", Life::Lasting), ("block", "10.0.0.4/30", Life::Timed),
            ("block", "2001:db8::1", Life::Timed), ("block", "2001:db8::4/126", Life::Lasting),
            ("block", "10.0.0.2", Life::Over), ("block", "2001:db8::2", Life::Over),
        ],
        of_each: 1,
    },
    Subject { name: "dns", text: "drop udp dport 53\ndefault pass\n", entries: &[], of_each: 6 },
    Subject {
        name: "terms",
        text: "count tcp flags syn,!ack\ndrop dscp > 45\ndrop ttl < 5\ndrop vlan 2\ndrop options\n\
               drop src { 10.0.0.0/28, 2001:db8::4/126 } fragment\ndrop length > 1000\n\
               drop ether src 02:00:5e:10:00:01 dport 67-443\npass dport { 22, 53, 80, 546, 8080, 1000 }\n\
               drop icmp type 8 code 1\nabort proto 47\non fragment drop\ndefault pass\n",
        entries: &[],
        of_each: 2,
    },
];

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
    let entry = |&(set, item, life): &(&str, &str, Life)| Entry {
        set: set.to_owned(),
        item: item.to_owned(),
        life,
    };
    let entries: Vec<Entry> = subject.entries.iter().map(entry).collect();
    let held = contents(&policy, &entries);
    let intact = Interpreted::new(&policy, &artifact, &entries);
    let frames = near::frames(&policy, &held, subject.of_each);
    let reach = Reach::of(&artifact.program, intact.clone(), &frames);
    let mut lines: Vec<String> =
        artifact.program.listing().to_string().lines().map(str::to_owned).collect();
    let mut fate = Fate::default();
    for change in changes(&lines) {
        let line = std::mem::replace(&mut lines[change.line], change.by.clone());
        let changed = assemble(&lines.join("\n")).expect("a changed line is one");
        lines[change.line] = line;
        let program = intact.under(&changed).expect("the maps are the same");
        let mut readings = Readings::with(program, policy.clone(), held.clone());
        let mut tried = reach.frames_of(change.at).map(|at| &frames[at]);
        if tried.any(|frame| readings.decide_and_count(frame).is_err()) {
            fate.seen += 1;
        } else {
            fate.survivors.push(change.written(subject.name, &lines));
        }
    }
    fate
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
    eprintln!("{seen} of {changes} seen");
    let survivors: BTreeSet<String> = survivors.into_iter().collect();
    if std::env::var_os("PALISADE_BLESS").is_some_and(|value| value == "1") {
        write(&survivors);
        return;
    }
    let known = known();
    let new: Vec<&String> =
        survivors.iter().filter(|one| !known.contains_key(one.as_str())).collect();
    let gone: Vec<&&str> = known.keys().filter(|one| !survivors.contains(**one)).collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\ngone: {gone:#?}");
    assert!(seen * 100 >= changes * SEEN_PER_CENT, "{seen} of {changes}");
    assert!(changes > 2000, "{changes} changes");
}

#[test]
fn every_survivor_has_a_reason() {
    let bare: Vec<&str> =
        known().into_iter().filter(|(_, why)| *why == "?").map(|(one, _)| one).collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

/// The survivors that are written down, with their reasons.
fn known() -> BTreeMap<&'static str, &'static str> {
    SURVIVORS.lines().map(|line| line.rsplit_once(" | ").expect("a reason")).collect()
}

fn write(survivors: &BTreeSet<String>) {
    let known = known();
    let line = |one: &String| format!("{one} | {}\n", known.get(one.as_str()).unwrap_or(&"?"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/museum/survivors.txt");
    std::fs::write(path, survivors.iter().map(line).collect::<String>())
        .expect("it can be written");
}
