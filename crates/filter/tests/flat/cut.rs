//! An edit of one entry, cut short at every store.

use super::*;

/// A memory whose owner is killed after so many stores.
pub struct Mortal<'a> {
    pub cells: &'a Owned,
    pub left: Cell<u32>,
}

struct Killed;

impl Cells for Mortal<'_> {
    fn load(&self, part: Part, word: usize) -> u64 {
        self.cells.load(part, word)
    }

    fn store(&self, part: Part, word: usize, value: u64) {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => std::panic::resume_unwind(Box::new(Killed)),
        }
        self.cells.store(part, word, value);
    }

    fn grace(&self) {}
}

#[test]
fn an_edit_that_is_cut_short_anywhere_judges_as_before_or_behind_and_is_finished() {
    for seed in 1..=12u64 {
        let mut random = Random(seed * 77 + 1);
        let (flat, mut truth) = (empty(room(120, 1500)), Truth::new());
        for _ in 0..60 {
            edit(&flat, &mut truth, &mut random);
        }
        let (prefix, ends) = (any(&mut random), [0, 40][random.below(2) as usize]);
        let removes = truth.contains_key(&prefix) && random.below(2) == 0;
        let mut behind = truth.clone();
        if removes {
            behind.remove(&prefix);
        } else {
            behind.insert(prefix, ends);
        }
        for stores in 0.. {
            let copy = flat.cells().clone();
            let mortal = Mortal { cells: &copy, left: Cell::new(stores) };
            let dying = Flat::open(mortal, flat.room());
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                if removes {
                    dying.remove(&prefix);
                } else {
                    dying.insert(&prefix, value(&prefix, ends)).expect("room");
                }
            }));
            let what = format!("seed {seed}, {prefix} {removes}, cut at {stores}");
            let next = Flat::open(copy, flat.room());
            judged_as_one_of(&next, [&truth, &behind], &mut random, &what);
            next.repair();
            let mut there = Truth::new();
            next.scan(
                |_| true,
                |prefix, found| {
                    there.insert(prefix, found.value.ends);
                },
            );
            assert!(there == truth || there == behind, "{what}");
            check(&next, &there, &mut random, &what);
            edit(&next, &mut there, &mut random);
            check(&next, &there, &mut random, &format!("{what}, edited again"));
            if done.is_ok() {
                break;
            }
        }
    }
}
