//! The tables of a `net` set against the plainest reading of what is in it.
//!
//! Random edits on few bits, so that prefixes nest and meet; after each, look-ups, covers, ends and
//! the shape of the tables are what the entries alone say. An edit is also cut short at every store,
//! and finished by the next editor.

mod cut;
mod roots;
mod slots;
mod whole;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_filter::policy::EntryCounters;
use palisade_filter::structure::flat::{
    Cells, Counting, Flat, Hits, Need, NoRoom, Owned, Part, Room, Roots, SLOTS, Slot, Value,
};
use palisade_filter::structure::{Origin, Stamp, cover};
use palisade_filter::value::{Family, Prefix};

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn bits(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

/// What is in the set, and when each ends.
type Truth = BTreeMap<Prefix, u64>;

/// A prefix on few bits: many of them hold each other.
fn prefix(random: &mut Random, family: Family) -> Prefix {
    let lengths4 = [0, 1, 8, 11, 12, 13, 15, 16, 18, 20, 22, 24, 25, 28, 30, 31, 32, 32];
    let lengths6 = [0, 3, 12, 13, 16, 20, 32, 33, 48, 63, 64, 65, 72, 96, 120, 126, 127, 128, 128];
    let spread = |random: &mut Random, bits: u32| {
        let mut word = 0u128;
        for at in [0, 2, 13, 17, 23, 27, 31, 60, 64, 67, 100, 125, 127] {
            if at < bits && random.below(2) == 1 {
                word |= 1 << (127 - at);
            }
        }
        word
    };
    let (addr, len) = match family {
        Family::V4 => {
            let word = spread(random, 32) >> 96;
            let len = lengths4[random.below(lengths4.len() as u64) as usize];
            (IpAddr::V4(Ipv4Addr::from_bits(word as u32)), len)
        }
        Family::V6 => {
            let len = lengths6[random.below(lengths6.len() as u64) as usize];
            (IpAddr::V6(Ipv6Addr::from_bits(spread(random, 128))), len)
        }
    };
    Prefix::new(addr, len).expect("a length of the family")
}

fn any(random: &mut Random) -> Prefix {
    let family = if random.below(2) == 0 { Family::V4 } else { Family::V6 };
    prefix(random, family)
}

fn value(prefix: &Prefix, ends: u64) -> Value {
    let stamp = Stamp { len: prefix.len(), origin: Origin::Added, added: 7 }.word();
    Value { hits: [0, 0], stamp, ends }
}

fn holds(outer: &Prefix, inner: &Prefix) -> bool {
    outer.family() == inner.family() && outer.len() <= inner.len() && outer.contains(inner.addr())
}

/// Until when a prefix matches, given all that is there; single IPv6 addresses stand for themselves.
fn until(truth: &Truth, prefix: &Prefix) -> u64 {
    if prefix.is_host() && prefix.family() == Family::V6 {
        return truth[prefix];
    }
    let around = truth.iter().filter(|(outer, _)| holds(outer, prefix));
    around.map(|(_, ends)| *ends).reduce(cover::later).expect("it holds itself")
}

fn room(entries: u32, nodes: u32) -> Room {
    Room { entries, roots: Roots::LEAST, nodes, buckets6: 64, counting: Counting::Own(2) }
}

fn empty(room: Room) -> Flat<Owned> {
    Flat::create(Owned::new(room), room, room.entries, 0x1234_5678_9abc_def1)
}

/// Everything that can be asked, compared with the truth.
fn check<C: Cells>(flat: &Flat<C>, truth: &Truth, random: &mut Random, what: &str) {
    let mut there = Truth::new();
    flat.scan(
        |_| true,
        |prefix, found| {
            assert!(there.insert(prefix, found.value.ends).is_none(), "{what}: {prefix} twice");
        },
    );
    assert_eq!(&there, truth, "{what}");
    for prefix in truth.keys() {
        let found = flat.get(prefix).unwrap_or_else(|| panic!("{what}: {prefix} is not found"));
        assert_eq!(found.until, until(truth, prefix), "{what}: {prefix} matches until");
    }
    for _ in 0..40 {
        let asked = any(random);
        assert_eq!(flat.get(&asked).is_some(), truth.contains_key(&asked), "{what}: {asked}");
        let wanted = truth
            .keys()
            .filter(|outer| holds(outer, &asked))
            .filter(|outer| !(outer.family() == Family::V6 && outer.is_host()))
            .max_by_key(|outer| outer.len());
        let found = flat.longest_around(&asked).map(|(prefix, _)| prefix);
        assert_eq!(found.as_ref(), wanted, "{what}: the longest around {asked}");
    }
    check_shape(flat, truth, what);
}

/// The tables are those that are built from nothing.
fn check_shape<C: Cells>(flat: &Flat<C>, truth: &Truth, what: &str) {
    let fresh = empty(flat.room());
    for (prefix, ends) in truth {
        fresh.insert(prefix, value(prefix, *ends)).expect("what was there fits");
    }
    let [mine, theirs] = [shape(flat, truth), shape(&fresh, truth)];
    for (at, (mine, theirs)) in mine.iter().zip(&theirs).enumerate() {
        assert_eq!(mine, theirs, "{what}: line {at} of the tables");
    }
    assert_eq!(mine.len(), theirs.len(), "{what}");
    let need = Need::of(truth.keys());
    let nodes = mine.iter().filter(|line| line.ends_with("node")).count();
    assert_eq!(need.nodes(flat.room().roots), nodes, "{what}: nodes");
}

/// The slots in order, with prefixes in the place of numbers. Where an entry once ended, a slot may
/// say for longer that it does: that costs a look, and is not told here.
fn shape<C: Cells>(flat: &Flat<C>, truth: &Truth) -> Vec<String> {
    let names: BTreeMap<u32, Prefix> = truth
        .keys()
        .map(|prefix| (flat.id(prefix).expect("it is there").number(), *prefix))
        .collect();
    let mut lines = Vec::new();
    let roots = flat.room().roots.nodes() as usize * SLOTS;
    walk(flat, 0..roots, &names, &mut lines);
    lines
}

fn walk<C: Cells>(
    flat: &Flat<C>,
    slots: std::ops::Range<usize>,
    names: &BTreeMap<u32, Prefix>,
    lines: &mut Vec<String>,
) {
    for word in slots {
        match Slot::of(flat.cells().load(Part::Nodes, word)) {
            Slot::EMPTY => {}
            Slot::Leaf(word) => {
                let id = word.id().expect("not empty").number();
                lines.push(format!("all of {}", names[&id]));
            }
            Slot::Lone(lone) => {
                let id = lone.word.id().expect("an entry").number();
                lines.push(format!("{} {} {:?}", names[&id], lone.covered, lone.rest));
            }
            Slot::Node(node) => {
                lines.push("node".to_owned());
                let first = node as usize * SLOTS;
                walk(flat, first..first + SLOTS, names, lines);
            }
        }
    }
}

/// One random edit, made in both.
fn edit<C: Cells>(flat: &Flat<C>, truth: &mut Truth, random: &mut Random) -> String {
    let prefix = match random.below(3) {
        0 if !truth.is_empty() => {
            let at = random.below(truth.len() as u64) as usize;
            *truth.keys().nth(at).expect("an entry")
        }
        _ => any(random),
    };
    let ends = [0, 0, 50, 90, 20][random.below(5) as usize];
    if random.below(5) < 2 {
        assert_eq!(flat.remove(&prefix), truth.remove(&prefix).is_some(), "{prefix}");
        return format!("remove {prefix}");
    }
    flat.insert(&prefix, value(&prefix, ends)).expect("there is room");
    truth.insert(prefix, ends);
    format!("insert {prefix} until {ends}")
}

/// A set that is filled at once.
fn filled<C: Cells>(flat: &Flat<C>, truth: &Truth) -> Result<(), NoRoom> {
    let all: Vec<(Prefix, u64)> = truth.iter().map(|(prefix, ends)| (*prefix, *ends)).collect();
    flat.fill(&all, |(prefix, ends)| (*prefix, value(prefix, *ends)))
}

fn some(random: &mut Random, count: usize) -> Truth {
    (0..count).map(|_| (any(random), [0, 0, 50, 90, 20][random.below(5) as usize])).collect()
}

/// The longest prefix of each address is that of one of the two, or the time says the same.
fn judged_as_one_of<C: Cells>(
    flat: &Flat<C>,
    truths: [&Truth; 2],
    random: &mut Random,
    what: &str,
) {
    for _ in 0..60 {
        judged_as_one_of_at(flat, truths, any(random).addr(), what);
    }
}

/// The same of one address, by the editor and by the slots.
fn judged_as_one_of_at<C: Cells>(flat: &Flat<C>, truths: [&Truth; 2], addr: IpAddr, what: &str) {
    let host = Prefix::host(addr);
    let found = flat.longest_around(&host).map(|(prefix, _)| prefix);
    let of_trie = |p: &&Prefix| !(p.family() == Family::V6 && p.is_host());
    let longest = |truth: &Truth| {
        let around = truth.keys().filter(of_trie).filter(|outer| holds(outer, &host));
        around.max_by_key(|outer| outer.len()).copied()
    };
    let wanted = truths.map(longest);
    assert!(wanted.contains(&found), "{what}: {host} is judged by {found:?}, not {wanted:?}");
    let program = slots::longest(flat, addr).map(|id| slots::prefix(flat, id, host.family()));
    assert!(
        wanted.contains(&program),
        "{what}: programs judge {host} by {program:?}, not {wanted:?}"
    );
}

#[test]
fn after_every_edit_the_tables_are_what_the_entries_say() {
    for seed in 1..=12u64 {
        let mut random = Random(seed * 0x9e37_79b9);
        let (flat, mut truth) = (empty(room(300, 3000)), Truth::new());
        for step in 0..120 {
            let what = edit(&flat, &mut truth, &mut random);
            check(&flat, &truth, &mut random, &format!("seed {seed}, step {step}, {what}"));
        }
    }
}

/// Prefixes of IPv4 and IPv6 for which the roots are of all sizes.
const ROOTS: [(usize, usize); 4] = [(5000, 0), (0, 5000), (600_000, 200_000), (200_000, 600_000)];

/// Prefixes that part at the last bits, so that a node stands at every depth.
const SIDE_BY_SIDE: [&str; 9] = [
    "10.1.2.0/30",
    "10.1.2.0/31",
    "10.1.2.1/32",
    "10.1.2.2/32",
    "10.1.2.3/32",
    "2001:db8::f0/124",
    "2001:db8::f0/126",
    "2001:db8::f4/127",
    "2001:db8::f6/127",
];

#[test]
fn a_larger_root_says_the_same() {
    for (prefixes4, prefixes6) in ROOTS {
        let mut random = Random(prefixes4 as u64 + 3);
        let roots = Roots::holding(prefixes4, prefixes6);
        let (flat, mut truth) = (empty(Room { roots, ..room(300, 3000) }), Truth::new());
        for text in SIDE_BY_SIDE {
            let prefix = text.parse().expect("a prefix");
            flat.insert(&prefix, value(&prefix, 0)).expect("there is room");
            truth.insert(prefix, 0);
        }
        for step in 0..60 {
            let what = edit(&flat, &mut truth, &mut random);
            if step == 59 {
                check_shape(&flat, &truth, &format!("{roots:?}, step {step}, {what}"));
            }
        }
        for prefix in truth.keys() {
            assert_eq!(flat.get(prefix).map(|found| found.until), Some(until(&truth, prefix)));
        }
        for _ in 0..2000 {
            let asked = any(&mut random);
            let of_trie = |p: &&Prefix| !(p.family() == Family::V6 && p.is_host());
            let wanted = truth.keys().filter(of_trie).filter(|outer| holds(outer, &asked));
            let found = flat.longest_around(&asked).map(|(prefix, _)| prefix);
            assert_eq!(found.as_ref(), wanted.max_by_key(|outer| outer.len()), "{asked}");
        }
        for text in SIDE_BY_SIDE {
            let addr = text.parse::<Prefix>().expect("a prefix").addr();
            judged_as_one_of_at(&flat, [&truth; 2], addr, &format!("{roots:?}"));
        }
    }
}

#[test]
fn what_is_needed_is_what_is_used() {
    let mut random = Random(99);
    let truth: Truth = (0..400).map(|_| (any(&mut random), 0)).collect();
    let need = Need::of(truth.keys());
    let fits = Room::holding(need, 1 << 20, EntryCounters::On, 1);
    let flat = empty(fits);
    truth.keys().for_each(|p| flat.insert(p, value(p, 0)).expect("it was worked out"));
    let nodes = need.nodes(fits.roots);
    let tight = Room { nodes: nodes as u32 - 1, entries: need.entries as u32, ..fits };
    let flat = empty(tight);
    let short = truth.keys().filter(|p| flat.insert(p, value(p, 0)).is_err()).count();
    assert!(short > 0, "one node less is not enough");
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut random = Random(5);
    let (flat, mut truth) = (empty(room(40, 30)), Truth::new());
    let (mut entries, mut nodes) = (0, 0);
    for step in 0..400 {
        let prefix = any(&mut random);
        match flat.insert(&prefix, value(&prefix, 0)) {
            Ok(()) => {
                truth.insert(prefix, 0);
            }
            Err(NoRoom::Entries(_)) => entries += 1,
            Err(NoRoom::Nodes(_) | NoRoom::Hosts6) => nodes += 1,
        }
        if random.below(4) == 0 {
            let at = random.below(truth.len().max(1) as u64) as usize;
            if let Some(gone) = truth.keys().nth(at).copied() {
                flat.remove(&gone);
                truth.remove(&gone);
            }
        }
        check(&flat, &truth, &mut random, &format!("step {step}"));
    }
    assert!(entries > 0 && nodes > 0, "both have run out: {entries} and {nodes}");
}

#[test]
fn addresses_that_differ_in_few_bits_spread_over_the_buckets() {
    for shift in (0..112).step_by(8) {
        let addrs = (0..2000u128).map(|n| 0x2001_0db8 << 96 | n << shift | 1 << 100);
        let prefixes: Vec<Prefix> =
            addrs.map(|bits| Prefix::host(IpAddr::V6(Ipv6Addr::from_bits(bits)))).collect();
        let room = Room::holding(Need::of(&prefixes), 1 << 20, EntryCounters::Off, 1);
        let flat = empty(room);
        for prefix in &prefixes {
            flat.insert(prefix, value(prefix, 0)).unwrap_or_else(|why| panic!("<< {shift}: {why}"));
        }
    }
}

#[test]
fn what_a_program_has_found_says_what_it_said_when_it_has_been_taken_out() {
    let flat = empty(room(8, 64));
    let [outer, inner]: [Prefix; 2] =
        ["10.0.0.0/8", "10.1.0.0/16"].map(|text| text.parse().expect("a prefix"));
    for prefix in [&outer, &inner] {
        flat.insert(prefix, value(prefix, 0)).expect("room");
    }
    let id = flat.id(&inner).expect("there").number() as usize;
    let cover = |flat: &Flat<Owned>| flat.cells().load(Part::Entries, id * 6 + 5) as u32;
    let before = cover(&flat);
    assert!(flat.remove(&inner) && flat.get(&inner).is_none());
    assert_eq!((cover(&flat), before != 0), (before, true));
}

#[test]
fn hits_stay_with_their_entry_until_it_is_made_anew() {
    let flat = empty(room(8, 64));
    let prefix: Prefix = "192.0.2.0/24".parse().expect("a prefix");
    let of = |hits, ends| Value { hits, ..value(&prefix, ends) };
    flat.insert(&prefix, of([3, 300], 0)).expect("room");
    let id = flat.id(&prefix).expect("there").number() as usize;
    // The second CPU counts too.
    let second = (8 + 1 + id) * 2;
    flat.cells().store(Part::Hits, second, 5);
    flat.cells().store(Part::Hits, second + 1, 500);
    let hits = || flat.get(&prefix).map(|found| found.value.hits);
    assert_eq!(hits(), Some([8, 800]));
    flat.insert(&prefix, of([0, 0], 9)).expect("room");
    assert_eq!(hits(), Some([8, 800]), "another time is not another entry");
    assert!(flat.replace(&prefix, of([1, 2], 9), Hits::Anew));
    assert_eq!(hits(), Some([1, 2]));
    flat.remove(&prefix);
    flat.insert(&prefix, of([0, 0], 0)).expect("room");
    assert_eq!(hits(), Some([0, 0]));
}

#[test]
fn tables_that_say_anything_end_nobody() {
    for seed in 1..=60u64 {
        let mut random = Random(seed * 31);
        let (flat, mut truth) = (empty(room(60, 400)), Truth::new());
        for _ in 0..40 {
            edit(&flat, &mut truth, &mut random);
        }
        for part in Part::ALL {
            let words = flat.room().words(part) as u64;
            for _ in 0..20 {
                let word = match random.below(3) {
                    0 => random.next(),
                    1 => 1 << 63 | random.below(700),
                    _ => random.below(1 << 30),
                };
                flat.cells().store(part, random.below(words) as usize, word);
            }
        }
        for _ in 0..40 {
            let prefix = any(&mut random);
            flat.get(&prefix);
            flat.longest_around(&prefix);
            let _ = flat.insert(&prefix, value(&prefix, 5));
            flat.remove(&any(&mut random));
        }
        flat.scan(|_| true, |_, _| {});
        flat.repair();
        let more = some(&mut random, 20);
        if flat.is_empty() || random.below(2) == 0 {
            flat.clear();
        }
        let _ = filled(&flat, &more);
        flat.repair();
    }
}
