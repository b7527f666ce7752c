//! Sets that are edited in place while the kernel judges by them: who is in throughout is in at every
//! instant, who is out throughout is out, and whoever comes or goes is one or the other.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use palisade_filter::Verdict;
use palisade_filter::structure::flat::{Cells, Flat, Part, Value};
use palisade_filter::structure::{Origin, Stamp};
use palisade_filter::value::Prefix;
use palisade_loader::{MappedMut, wait_for_running_programs};
use palisade_tests::engine::Engine;
use palisade_tests::packet::{eth, ipv4, ipv6, udp};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::Chance;

const POLICY: &str = "set s net\ndrop src in s\ndefault pass\n";
/// For how long it is edited.
const TIME: Duration = Duration::from_secs(4);

/// Never taken out.
const IN: [&str; 4] = ["10.1.0.0/16", "192.0.2.7", "2001:db8:1::/48", "2001:db8:7::7"];
/// Judged throughout: in by one of those, or out.
const JUDGED_IN: [&str; 6] = [
    "10.1.0.1",
    "10.1.77.200",
    "192.0.2.7",
    "2001:db8:1::1",
    "2001:db8:1:8000::5",
    "2001:db8:7::7",
];
const JUDGED_OUT: [&str; 5] =
    ["10.2.0.1", "192.0.2.8", "172.16.5.77", "2001:db8:2::1", "2001:db8:7::8"];
/// They come and go: inside what stays, beside it, and around nothing that is out.
const EDITED: [&str; 22] = [
    "10.1.0.0/24",
    "10.1.0.0/25",
    "10.1.0.1",
    "10.1.0.0/30",
    "10.1.64.0/18",
    "10.1.77.0/24",
    "10.1.77.200",
    "10.1.77.128/25",
    "10.3.0.0/16",
    "192.0.2.0/29",
    "192.0.2.6/31",
    "192.0.2.16/28",
    "172.16.5.0/26",
    "172.16.5.64/29",
    "2001:db8:1::/64",
    "2001:db8:1::1",
    "2001:db8:1:8000::/49",
    "2001:db8:1::/52",
    "2001:db8:3::/48",
    "2001:db8:7::6",
    "2001:db8:7::9",
    "2001:db8:7::/125",
];

/// The maps of a set, mapped.
struct Memory(Vec<MappedMut>);

impl Cells for Memory {
    fn load(&self, part: Part, word: usize) -> u64 {
        self.0[part.index()].words().get(word).map_or(0, |word| word.load())
    }

    fn store(&self, part: Part, word: usize, value: u64) {
        if let Some(word) = self.0[part.index()].words().get(word) {
            word.store(value);
        }
    }

    fn grace(&self) {
        wait_for_running_programs();
    }
}

fn frame(source: &str) -> Vec<u8> {
    match source.parse().expect("an address") {
        std::net::IpAddr::V4(addr) => (eth() / ipv4().src(addr) / udp(1, 2)).build(),
        std::net::IpAddr::V6(addr) => (eth() / ipv6().src(addr) / udp(1, 2)).build(),
    }
}

fn value(prefix: &Prefix, ends: u64) -> Value {
    let stamp = Stamp { len: prefix.len(), origin: Origin::Added, added: 1 }.word();
    Value { hits: [0, 0], stamp, ends }
}

fn put(flat: &Flat<Memory>, item: &str, ends: u64) {
    let prefix: Prefix = item.parse().expect("a prefix");
    flat.insert(&prefix, value(&prefix, ends)).expect("room");
}

#[test]
fn while_a_set_is_edited_every_address_is_judged_as_before_or_behind() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let engine = Engine::load(&kernel, POLICY, kernel.best());
    let (maps, room) = engine.mapped("s");
    let flat = Flat::create(Memory(maps), room, 1024, 77);
    engine.set_fill("s", [1; 4]);
    IN.iter().for_each(|item| put(&flat, item, 0));
    let wanted = [(&JUDGED_IN[..], Verdict::Drop), (&JUDGED_OUT[..], Verdict::Pass)];
    let done = AtomicBool::new(false);
    let judged = std::thread::scope(|scope| {
        let judge = scope.spawn(|| judge(&engine, &done, &wanted));
        let edits = edit(&flat);
        done.store(true, Ordering::Relaxed);
        (edits, judge.join().expect("every verdict is right"))
    });
    eprintln!("{} edits, {} verdicts", judged.0, judged.1);
    assert!(judged.0 > 2_000 && judged.1 > 2_000, "{judged:?}");
}

/// Random edits for a while; how many.
fn edit(flat: &Flat<Memory>) -> u64 {
    let (mut chance, mut edits, begin) = (Chance::new(5), 0, Instant::now());
    while begin.elapsed() < TIME {
        let item = chance.one(&EDITED);
        if chance.once_in(2) {
            flat.remove(&item.parse().expect("a prefix"));
        } else {
            // An end that is far away.
            put(flat, item, if chance.once_in(3) { u64::MAX } else { 0 });
        }
        edits += 1;
    }
    edits
}

#[test]
fn while_a_set_is_filled_and_emptied_as_a_whole_who_is_never_in_is_never_dropped() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let engine = Engine::load(&kernel, POLICY, kernel.best());
    let (maps, room) = engine.mapped("s");
    let flat = Flat::create(Memory(maps), room, 1024, 78);
    engine.set_fill("s", [1; 4]);
    let done = AtomicBool::new(false);
    let judged = std::thread::scope(|scope| {
        let judge = scope.spawn(|| judge(&engine, &done, &[(&JUDGED_OUT, Verdict::Pass)]));
        let fills =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| refill(&flat, &engine)));
        done.store(true, Ordering::Relaxed);
        (fills.expect("every verdict is right"), judge.join().expect("every verdict is right"))
    });
    eprintln!("{} fills, {} verdicts", judged.0, judged.1);
    assert!(judged.0 > 20 && judged.1 > 1_000, "{judged:?}");
}

/// Fills and empties a set for a while, each time with others beside those that are always in; how often.
fn refill(flat: &Flat<Memory>, engine: &Engine) -> u64 {
    let (mut chance, mut fills, begin) = (Chance::new(6), 0, Instant::now());
    let all_are = |verdict| {
        for source in JUDGED_IN {
            assert_eq!(engine.verdict(&frame(source)).expect("judged"), verdict, "{source}");
        }
    };
    while begin.elapsed() < TIME {
        let edited = EDITED.iter().filter(|_| chance.once_in(2));
        let all: BTreeSet<Prefix> =
            IN.iter().chain(edited).map(|item| item.parse().expect("a prefix")).collect();
        let all: Vec<Prefix> = all.into_iter().collect();
        flat.fill(&all, |prefix| (*prefix, value(prefix, 0))).expect("room");
        all_are(Verdict::Drop);
        flat.clear();
        all_are(Verdict::Pass);
        fills += 1;
    }
    fills
}

/// Judges until it is done; how many verdicts.
fn judge(engine: &Engine, done: &AtomicBool, wanted: &[(&[&'static str], Verdict)]) -> u64 {
    let mut frames = Vec::new();
    for (sources, verdict) in wanted {
        frames.extend(sources.iter().map(|source| (*source, frame(source), *verdict)));
    }
    let mut verdicts = 0;
    while !done.load(Ordering::Relaxed) {
        for (source, frame, wanted) in &frames {
            let verdict = engine.verdict(frame).expect("judged");
            assert_eq!(verdict, *wanted, "{source}");
            verdicts += 1;
        }
    }
    verdicts
}
