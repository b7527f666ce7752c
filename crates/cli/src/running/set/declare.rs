//! Making the declared entries of a set those that its policy names.
//!
//! Elements and the entries of a set's file are put in when the policy is put in force, and go when
//! another policy without them takes its place. What somebody added is left alone, also where the
//! policy names it too.

use palisade_filter::Item;
use palisade_filter::structure::Origin;
use palisade_filter::value::{Timeout, side_by_side};

use super::{End, Entry, Now};

/// The items that a text names for a set, each once and in order.
#[derive(Clone, Copy)]
pub struct Named<'a>(&'a [Item]);

/// How many entries come and go with a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Entries that it puts in.
    pub new: usize,
    /// Entries that an earlier text has put in, and this one does not name.
    pub gone: usize,
}

impl<'a> Named<'a> {
    /// The items that a list holds, each once and in order.
    pub fn of(items: &'a [Item]) -> Self {
        Self(items)
    }

    /// Beside what is there, in order.
    fn beside<'b>(
        self,
        there: &'b [Entry],
    ) -> impl Iterator<Item = (Option<&'a Item>, Option<&'b Entry>)> {
        side_by_side(self.0, there, |item| *item, |entry| entry.item)
    }

    /// What comes and goes among the entries of a set, which are in order.
    pub fn change(self, there: &[Entry]) -> Declared {
        let mut change = Declared::default();
        for (named, there) in self.beside(there) {
            change.new += usize::from(there.is_none());
            change.gone += usize::from(named.is_none() && there.is_some_and(Entry::is_declared));
        }
        change
    }

    /// What a set holds then that holds these entries now, in order, and in which an entry stays so
    /// long. A declared entry that stays keeps its counters and what is left of its time; only where
    /// entries of the set begin, or cease, to have a time it gets the new one.
    pub fn with(self, there: &[Entry], timeout: Option<Timeout>, now: Now) -> Vec<Entry> {
        let ends = timeout.map_or(End::Never, |timeout| now.after(timeout));
        let new = |item: &Item| Entry { origin: Origin::Declared, ..Entry::new(*item, ends, now) };
        let then = |(named, there): (Option<&Item>, Option<&Entry>)| match (named, there) {
            (Some(item), None) => Some(new(item)),
            (None, Some(entry)) if entry.is_declared() => None,
            (Some(_), Some(entry)) if entry.is_declared() && entry.is_timed() != is_timed(ends) => {
                Some(Entry { ends, ..*entry })
            }
            (_, there) => there.copied(),
        };
        self.beside(there).filter_map(then).collect()
    }
}

impl Entry {
    /// Whether a text has put it in.
    fn is_declared(&self) -> bool {
        self.origin == Origin::Declared
    }

    fn is_timed(&self) -> bool {
        is_timed(self.ends)
    }
}

fn is_timed(ends: End) -> bool {
    ends != End::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Now {
        Now::of(100_000_000_000)
    }

    fn items(texts: &[&str]) -> Vec<Item> {
        texts.iter().map(|text| text.parse().expect("an item")).collect()
    }

    fn entry(text: &str, origin: Origin, ends: End) -> Entry {
        let item = text.parse().expect("an item");
        Entry { packets: 7, bytes: 70, origin, ..Entry::new(item, ends, now()) }
    }

    #[test]
    fn a_text_puts_in_what_it_names_and_takes_out_what_an_earlier_one_named() {
        let there = [
            entry("10.0.0.1", Origin::Declared, End::Never),
            entry("10.0.0.2", Origin::Declared, End::Never),
            entry("10.0.0.3", Origin::Added, End::Never),
            entry("10.0.0.4", Origin::Added, End::of(5)),
        ];
        let list = items(&["10.0.0.0", "10.0.0.2", "10.0.0.4", "10.0.0.9"]);
        let named = Named::of(&list);
        assert_eq!(named.change(&there), Declared { new: 2, gone: 1 });
        let new =
            |item: Item| Entry { origin: Origin::Declared, ..Entry::new(item, End::Never, now()) };
        let wanted = [new(list[0]), there[1], there[2], there[3], new(list[3])];
        assert_eq!(named.with(&there, None, now()), wanted);
        assert_eq!(named.with(&[], None, now()), list.iter().map(|i| new(*i)).collect::<Vec<_>>());
    }

    #[test]
    fn a_declared_entry_gets_another_time_only_where_entries_begin_or_cease_to_have_one() {
        let (list, timeout) = (items(&["10.0.0.1", "10.0.0.2"]), Timeout::seconds(60));
        let then = timeout.map(|timeout| now().after(timeout)).expect("a time");
        let there = [
            entry("10.0.0.1", Origin::Declared, End::Never),
            entry("10.0.0.2", Origin::Declared, End::of(5)),
        ];
        let ends = |timeout| {
            let all = Named::of(&list).with(&there, timeout, now());
            assert!(all.iter().all(|entry| entry.packets == 7));
            [all[0].ends, all[1].ends]
        };
        assert_eq!(ends(timeout), [then, End::of(5)]);
        assert_eq!(ends(None), [End::Never, End::Never]);
    }
}
