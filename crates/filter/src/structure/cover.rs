//! Until when a prefix of a trie matches.
//!
//! A trie answers with the longest prefix alone. Where that one has ended and a shorter one around
//! it has not, the address is in the set all the same, and the program has no second look-up. So an
//! entry of a trie matches until the last of the entries has ended that are its own prefix or hold
//! all of it. Hashes need nothing of this: behind a host that has ended comes the trie.
//!
//! Times are those of `CLOCK_MONOTONIC` in nanoseconds, and 0 is later than all of them.

use std::cmp::Ordering;

use crate::value::Prefix;

/// The later of two ends.
pub fn later(a: u64, b: u64) -> u64 {
    match order(a, b) {
        Ordering::Less => b,
        Ordering::Equal | Ordering::Greater => a,
    }
}

/// Ends in the order of time, never behind all others.
pub fn order(a: u64, b: u64) -> Ordering {
    a.wrapping_sub(1).cmp(&b.wrapping_sub(1))
}

/// Whether an end has come.
pub fn past(end: u64, now: u64) -> bool {
    end != 0 && end <= now
}

/// Until when each prefix matches, given when it ends itself. The prefixes are in their order, each
/// once.
pub fn untils(entries: &[(Prefix, u64)]) -> Vec<u64> {
    // Those around the entry at hand, each inside the one before it.
    let mut around: Vec<(Prefix, u64)> = Vec::new();
    let mut untils = Vec::with_capacity(entries.len());
    for (prefix, ends) in entries {
        while around.pop_if(|(outer, _)| !outer.contains(prefix.addr())).is_some() {}
        let until = around.last().map_or(*ends, |(_, until)| later(*until, *ends));
        around.push((*prefix, until));
        untils.push(until);
    }
    untils
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untils_of(entries: &[(&str, u64)]) -> Vec<u64> {
        let parsed = |(text, ends): &(&str, u64)| (text.parse::<Prefix>().expect(text), *ends);
        let mut entries: Vec<_> = entries.iter().map(parsed).collect();
        let given = entries.clone();
        entries.sort_unstable();
        assert_eq!(entries, given, "in order");
        untils(&entries)
    }

    #[test]
    fn never_is_later_than_any_time() {
        assert_eq!((later(0, 5), later(5, 0), later(0, 0), later(4, 5)), (0, 0, 0, 5));
        assert!(past(5, 5) && !past(6, 5) && !past(0, 5));
    }

    #[test]
    fn a_prefix_matches_as_long_as_what_is_around_it() {
        assert_eq!(untils_of(&[("10.0.0.0/8", 0), ("10.1.0.0/16", 7)]), [0, 0]);
        assert_eq!(untils_of(&[("10.0.0.0/8", 7), ("10.1.0.0/16", 0)]), [7, 0]);
        assert_eq!(untils_of(&[("10.0.0.0/8", 9), ("10.1.0.0/16", 7)]), [9, 9]);
        assert_eq!(
            untils_of(&[
                ("10.0.0.0/8", 9),
                ("10.1.0.0/16", 7),
                ("10.1.1.0/24", 8),
                ("10.2.0.0/16", 0)
            ]),
            [9, 9, 9, 0]
        );
    }

    #[test]
    fn what_only_stands_beside_it_does_not_count() {
        assert_eq!(
            untils_of(&[
                ("10.0.0.0/16", 0),
                ("10.0.0.0/24", 3),
                ("10.1.0.0/16", 5),
                ("10.1.0.0/24", 4),
                ("::/0", 0),
                ("2001:db8::/32", 2)
            ]),
            [0, 0, 5, 5, 0, 0]
        );
    }
}
