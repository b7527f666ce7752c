//! What an edit changes in one table: worked out before the first entry is written.
//!
//! Entries past their time count as none: an addition of one makes it new, a deletion does not find
//! it, and whichever of them an edit meets goes out with it.

use std::cmp::Ordering;

use palisade_filter::Item;

use super::held::Held;
use super::{End, Now};

/// What an edit changes in one table; each list is in order.
#[derive(Default)]
pub struct Difference {
    /// What goes in.
    pub new: Vec<(Item, Held)>,
    /// What gets another value.
    pub changed: Vec<Changed>,
    /// What goes out.
    pub gone: Vec<(Item, Held)>,
    /// How many more entries there are behind it, and how many more that end one day.
    pub growth: (Growth, Growth),
}

/// An entry that gets another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The item.
    pub item: Item,
    /// Its value before.
    pub old: Held,
    /// Its value behind.
    pub new: Held,
    /// Why.
    pub why: Why,
}

/// Why an entry gets another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its time was past: it is a new one.
    Revived,
    /// It was added again, with another time.
    Retimed,
    /// The policy had put it in, and somebody has added it besides: it is theirs from now on.
    Taken,
}

/// What became of what was asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Additions that were there.
    pub present: usize,
    /// Those of them that get another time.
    pub retimed: usize,
    /// Deletions of what was not.
    pub absent: Vec<Item>,
}

impl Difference {
    /// What it takes to add and to delete, given what is there: of all entries of the table, or of
    /// those that are to be added or deleted. `there`, `add` and `delete` are in order, each item
    /// once, and no item is in both.
    pub fn of(
        there: &[(Item, Held)],
        mut add: Vec<(Item, Held)>,
        delete: &[Item],
        now: Now,
    ) -> (Self, Tally) {
        let (mut difference, mut tally) = (Self::default(), Tally::default());
        let mut there_too = Merge(there);
        add.retain(|(item, new)| {
            let Some(old) = there_too.find(item) else { return true };
            let again = again(old, *new, now);
            if let Some((new, why)) = again {
                difference.changed.push(Changed { item: *item, old, new, why });
            }
            let retimed = again.is_some_and(|(_, why)| why == Why::Retimed);
            tally.retimed += usize::from(retimed);
            let revived = again.is_some_and(|(_, why)| why == Why::Revived);
            tally.present += usize::from(!revived);
            false
        });
        difference.new = add;
        let mut there_too = Merge(there);
        let mut alive = |item| there_too.find(item).is_some_and(|held| !now.is_past(held.ends));
        tally.absent = delete.iter().filter(|item| !alive(item)).copied().collect();
        let goes = |(item, held): &&(Item, Held)| {
            delete.binary_search(item).is_ok()
                || now.is_past(held.ends) && difference.changed(item).is_none()
        };
        difference.gone = there.iter().filter(goes).copied().collect();
        difference.growth = difference.growth();
        (difference, tally)
    }

    /// The entries that are changed, as they were.
    pub fn ahead(&self) -> Vec<(Item, Held)> {
        self.changed.iter().map(|changed| (changed.item, changed.old)).collect()
    }

    /// What happens to an entry that is there and stays.
    pub fn changed(&self, item: &Item) -> Option<&Changed> {
        let at = self.changed.binary_search_by_key(item, |changed| changed.item).ok()?;
        self.changed.get(at)
    }

    /// Whether an item is new: there was none, or its time was past.
    pub fn makes(&self, item: &Item) -> bool {
        position(&self.new, item).is_some()
            || self.changed(item).is_some_and(|changed| changed.why == Why::Revived)
    }

    /// How many items are new.
    pub fn made(&self) -> usize {
        self.new.len() + self.changed.iter().filter(|c| c.why == Why::Revived).count()
    }

    fn growth(&self) -> (Growth, Growth) {
        let timed = |held: &Held| held.ends != End::Never;
        let among = |entries: &[(Item, Held)]| entries.iter().filter(|(_, h)| timed(h)).count();
        let from = self.changed.iter().filter(|c| timed(&c.old)).count();
        let to = self.changed.iter().filter(|c| timed(&c.new)).count();
        (
            Growth { more: self.new.len(), less: self.gone.len() },
            Growth { more: among(&self.new) + to, less: among(&self.gone) + from },
        )
    }
}

/// A change of a count: first it grows, then it shrinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// By how much it grows.
    pub more: usize,
    /// By how much it shrinks.
    pub less: usize,
}

/// What is left of entries in order while items are looked up in the same order.
struct Merge<'a>(&'a [(Item, Held)]);

impl Merge<'_> {
    fn find(&mut self, item: &Item) -> Option<Held> {
        while let Some(((have, held), behind)) = self.0.split_first() {
            match have.cmp(item) {
                Ordering::Less => self.0 = behind,
                Ordering::Equal => return Some(*held),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

/// The value of an entry that is added although it is there; `None` if that changes nothing.
fn again(old: Held, new: Held, now: Now) -> Option<(Held, Why)> {
    if now.is_past(old.ends) {
        return Some((new, Why::Revived));
    }
    let taken = old.taken_by(new);
    if !old.ends.is_about(new.ends) {
        return Some((Held { until: new.ends, ends: new.ends, ..taken }, Why::Retimed));
    }
    (taken != old).then_some((taken, Why::Taken))
}

fn position(sorted: &[(Item, Held)], item: &Item) -> Option<usize> {
    sorted.binary_search_by_key(item, |(item, _)| *item).ok()
}

#[cfg(test)]
mod tests {
    use palisade_filter::structure::Origin;

    use super::super::Entry;
    use super::*;

    const MINUTE: u64 = 60_000_000_000;
    const NOW: u64 = 100 * MINUTE;

    fn item(text: &str) -> Item {
        text.parse().expect(text)
    }

    /// An entry that ends so many minutes from now; 0 is never.
    fn entry(text: &str, minutes: i64) -> (Item, Held) {
        let ends = match minutes {
            0 => End::Never,
            minutes => End::of(NOW.saturating_add_signed(minutes * MINUTE as i64)),
        };
        let item = item(text);
        let (packets, bytes, added, origin) = (7, 70, 5, Origin::Added);
        (item, Held::of(&Entry { item, packets, bytes, added, ends, origin }))
    }

    fn entries(all: &[(&str, i64)]) -> Vec<(Item, Held)> {
        let mut entries: Vec<_> = all.iter().map(|(text, minutes)| entry(text, *minutes)).collect();
        entries.sort_unstable_by_key(|(item, _)| *item);
        entries
    }

    fn difference(
        there: &[(&str, i64)],
        add: &[(&str, i64)],
        delete: &[&str],
    ) -> (Difference, Tally) {
        let mut delete: Vec<Item> = delete.iter().map(|text| item(text)).collect();
        delete.sort_unstable();
        Difference::of(&entries(there), entries(add), &delete, Now::of(NOW))
    }

    fn names(entries: &[(Item, Held)]) -> Vec<String> {
        entries.iter().map(|(item, _)| item.to_string()).collect()
    }

    #[test]
    fn an_entry_past_its_time_is_none() {
        let (all, tally) = difference(
            &[("10.0.0.1", -1), ("10.0.0.2", -1), ("10.0.0.3", -1), ("10.0.0.4", 1)],
            &[("10.0.0.1", 0), ("10.0.0.9", 0)],
            &["10.0.0.2", "10.0.0.4"],
        );
        assert!(all.makes(&item("10.0.0.1")) && all.makes(&item("10.0.0.9")));
        assert_eq!((all.made(), tally.present), (2, 0));
        assert_eq!(tally.absent, [item("10.0.0.2")]);
        assert_eq!(names(&all.gone), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
        let revived = all.changed(&item("10.0.0.1")).expect("it has a new value");
        assert_eq!(revived.new, entry("10.0.0.1", 0).1, "with the counters of the new one");
    }

    #[test]
    fn an_entry_that_is_added_again_gets_the_new_time_and_keeps_its_counters() {
        let there = [("10.0.0.1", 0), ("10.0.0.2", 5), ("10.0.0.3", 5), ("10.0.0.4", 0)];
        let again = [("10.0.0.1", 9), ("10.0.0.2", 9), ("10.0.0.3", 0), ("10.0.0.4", 0)];
        let (all, tally) = difference(&there, &again, &[]);
        let why: Vec<_> = all.changed.iter().map(|c| (c.item.to_string(), c.why)).collect();
        let retimed = |text: &str| (text.to_owned(), Why::Retimed);
        assert_eq!(why, [retimed("10.0.0.1"), retimed("10.0.0.2"), retimed("10.0.0.3")]);
        assert_eq!((tally.present, tally.retimed, all.made()), (4, 3, 0));
        assert!(all.changed.iter().all(|c| c.new.packets == 7 && c.new.until == c.new.ends));
        let (count, timed) = all.growth;
        assert_eq!(count, Growth { more: 0, less: 0 });
        assert_eq!(timed, Growth { more: 2, less: 2 });
    }

    #[test]
    fn what_the_policy_has_put_in_is_theirs_who_add_it_by_hand_and_not_the_other_way_round() {
        let of = |origin| {
            let (item, held) = entry("10.0.0.1", 5);
            (item, Held::of(&Entry { origin, ..held.entry(item, Now::of(NOW)) }))
        };
        let (added, declared) = (of(Origin::Added), of(Origin::Declared));
        let (all, tally) = Difference::of(&[declared], vec![added], &[], Now::of(NOW));
        let taken = Changed { item: added.0, old: declared.1, new: added.1, why: Why::Taken };
        assert_eq!(all.changed, [taken]);
        assert_eq!((tally.present, tally.retimed, all.made()), (1, 0, 0));
        let (all, tally) = Difference::of(&[added], vec![declared], &[], Now::of(NOW));
        assert!(all.changed.is_empty());
        assert_eq!((tally.present, all.made()), (1, 0));
    }
}
