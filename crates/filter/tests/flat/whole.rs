//! A set that is filled or emptied at once: its shape, what it waits for, and what is left of it when it is
//! cut short.

use super::cut::Mortal;
use super::*;

/// What a set says that it holds.
fn read<C: Cells>(flat: &Flat<C>) -> Truth {
    let mut there = Truth::new();
    flat.scan(|_| true, |prefix, found| there.extend([(prefix, found.value.ends)]));
    there
}

#[test]
fn a_set_that_is_filled_at_once_is_that_of_one_entry_after_the_other() {
    let larger = ROOTS.map(|(prefixes4, prefixes6)| (Roots::holding(prefixes4, prefixes6), 1));
    for (seed, (roots, rounds)) in [(Roots::LEAST, 3)].into_iter().chain(larger).enumerate() {
        let mut random = Random(seed as u64 + 0x9e37_79b9);
        for round in 0..rounds {
            let flat = empty(Room { roots, ..room(300, 3000) });
            let mut truth = Truth::new();
            // What was in it before is none of its business.
            for count in [[120, 40], [0, 7], [30, 200]][round] {
                assert_eq!(flat.is_empty(), truth.is_empty());
                flat.clear();
                assert!(flat.is_empty());
                truth = some(&mut random, count);
                filled(&flat, &truth).expect("there is room");
                check(&flat, &truth, &mut random, &format!("seed {seed}, {count} at once"));
                let numbers: Vec<u32> =
                    truth.keys().filter_map(|p| flat.id(p)).map(|id| id.number()).collect();
                assert!(numbers.into_iter().eq(1..=truth.len() as u32));
            }
            for step in 0..3 * rounds {
                let what = edit(&flat, &mut truth, &mut random);
                if rounds > 1 || step == 2 {
                    check(&flat, &truth, &mut random, &format!("seed {seed}, step {step}, {what}"));
                }
            }
        }
    }
}

#[test]
fn what_was_counted_before_does_not_come_back_with_a_set_that_is_filled_at_once() {
    let flat = empty(room(8, 64));
    let truth: Truth =
        ["10.0.0.0/8", "10.1.0.0/16"].map(|text| (text.parse().expect("a prefix"), 0)).into();
    let all: Vec<Prefix> = truth.keys().copied().collect();
    let hits = |prefix| flat.get(prefix).map(|found| found.value.hits);
    flat.fill(&all, |prefix| (*prefix, Value { hits: [3, 300], ..value(prefix, 0) }))
        .expect("room");
    assert_eq!([hits(&all[0]), hits(&all[1])], [Some([3, 300]); 2]);
    flat.clear();
    filled(&flat, &truth).expect("room");
    assert_eq!([hits(&all[0]), hits(&all[1])], [Some([0, 0]); 2]);
}

#[test]
fn a_set_that_does_not_fit_at_once_stays_empty() {
    let mut random = Random(8);
    let truth = some(&mut random, 200);
    let need = Need::of(truth.keys());
    let fits = Room::holding(need, 1 << 20, EntryCounters::On, 1);
    let nodes = need.nodes(fits.roots) as u32;
    filled(&empty(Room { nodes, ..fits }), &truth).expect("as many as are needed");
    let hosts6 = |room: Room| Room { buckets6: 1, ..room };
    for (tight, wanted) in [
        (Room { nodes: nodes - 1, ..fits }, NoRoom::Nodes(nodes - 1)),
        (Room { entries: truth.len() as u32 - 1, ..fits }, NoRoom::Entries(truth.len() as u32 - 1)),
        (hosts6(fits), NoRoom::Hosts6),
    ] {
        let flat = empty(tight);
        assert_eq!(filled(&flat, &truth), Err(wanted));
        check(&flat, &Truth::new(), &mut random, "it did not fit");
        let mut few = Truth::new();
        edit(&flat, &mut few, &mut random);
        check(&flat, &few, &mut random, "it is edited");
    }
}

#[test]
fn a_whole_set_that_is_cut_short_anywhere_judges_as_before_or_behind_and_is_empty_then() {
    for seed in 1..=4u64 {
        let mut random = Random(seed * 91 + 5);
        let mut small = room(40, 300);
        small.buckets6 = 4;
        let flat = empty(small);
        let [mut before, mut behind] = [some(&mut random, 14), some(&mut random, 14)];
        let clears = seed % 2 == 0;
        if clears {
            behind.clear()
        } else {
            before.clear()
        }
        // What was in it once is in nobody's way.
        for truth in [some(&mut random, 12), before.clone()] {
            flat.clear();
            filled(&flat, &truth).expect("room");
        }
        for stores in 0.. {
            let copy = flat.cells().clone();
            let mortal = Mortal { cells: &copy, left: Cell::new(stores) };
            let dying = Flat::open(mortal, flat.room());
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                if clears { dying.clear() } else { filled(&dying, &behind).expect("room") }
            }));
            let what = format!("seed {seed}, cut at {stores}");
            let next = Flat::open(copy, flat.room());
            judged_as_one_of(&next, [&before, &behind], &mut random, &what);
            if done.is_ok() {
                check(&next, &behind, &mut random, &what);
                break;
            }
            // What is half made reads as what becomes of it.
            let mut there = if stores == 0 { before.clone() } else { Truth::new() };
            assert_eq!((read(&next), next.is_half_made()), (there.clone(), stores > 0), "{what}");
            let mut all = before.keys().chain(behind.keys());
            assert!(all.all(|p| next.get(p).is_some() == there.contains_key(p)), "{what}");
            assert_eq!(next.repair(), stores > 0, "{what}");
            edit(&next, &mut there, &mut random);
            check(&next, &there, &mut random, &what);
        }
    }
}

/// What is done to a memory, its head aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Store(Part),
    /// A slot of a root gets something to say.
    Root,
    Grace,
}

/// Slots of the roots of a small set.
const ROOTS_LEAST: usize = Roots::LEAST.nodes() as usize * SLOTS;

/// A memory that notes what is done to it.
struct Noting {
    cells: Owned,
    steps: RefCell<Vec<Step>>,
}

impl Cells for Noting {
    fn load(&self, part: Part, word: usize) -> u64 {
        self.cells.load(part, word)
    }

    fn store(&self, part: Part, word: usize, value: u64) {
        let step = match part {
            Part::Nodes if word < ROOTS_LEAST && Slot::of(value) != Slot::EMPTY => Step::Root,
            part => Step::Store(part),
        };
        if part != Part::Head {
            self.steps.borrow_mut().push(step);
        }
        self.cells.store(part, word, value);
    }

    fn grace(&self) {
        self.steps.borrow_mut().push(Step::Grace);
    }
}

fn noting(room: Room) -> Flat<Noting> {
    let memory = Noting { cells: Owned::new(room), steps: RefCell::default() };
    Flat::create(memory, room, room.entries, 1)
}

#[test]
fn what_does_not_fit_in_one_of_the_tables_is_in_force_in_no_trie() {
    let mut random = Random(23);
    let truth = some(&mut random, 200);
    assert!(truth.keys().any(|prefix| prefix.family() == Family::V4));
    let nodes = Need::of(truth.keys()).nodes(Roots::LEAST) as u32;
    let fits = room(200, nodes);
    for (room, fit) in [
        (fits, true),
        // The last node is one of IPv6.
        (Room { nodes: nodes - 1, ..fits }, false),
        (Room { buckets6: 1, ..fits }, false),
    ] {
        let flat = noting(room);
        assert_eq!(filled(&flat, &truth).is_ok(), fit);
        assert_eq!(flat.cells().steps.take().contains(&Step::Root), fit);
    }
}

#[test]
fn what_programs_may_be_at_is_waited_for_before_it_is_filled_and_nothing_else() {
    let (mut random, flat) = (Random(17), noting(room(60, 300)));
    let steps = |truth: &Truth| {
        flat.cells().steps.take();
        filled(&flat, truth).expect("room");
        flat.cells().steps.take()
    };
    let into_new_maps = steps(&some(&mut random, 20));
    assert!(into_new_maps.contains(&Step::Store(Part::Entries)));
    assert!(!into_new_maps.contains(&Step::Grace), "no program knows them");
    flat.clear();
    let behind_a_clear = steps(&some(&mut random, 20));
    let graces = behind_a_clear.iter().filter(|step| **step == Step::Grace).count();
    assert_eq!((behind_a_clear.first(), graces), (Some(&Step::Grace), 1));
}
