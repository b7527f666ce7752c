//! Until when a prefix of a trie matches.
//!
//! A trie answers with the longest prefix alone. Where that one has ended and a shorter one around
//! it has not, the address is in the set all the same, and the program has no second look-up. So an
//! entry of a trie matches until the last of the entries has ended that are its own prefix or hold
//! all of it. Hashes need nothing of this: behind a host that has ended comes the trie.
//!
//! Times are those of `CLOCK_MONOTONIC` in nanoseconds, and 0 is later than all of them.

use std::cmp::Ordering;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_later_than_any_time() {
        assert_eq!((later(0, 5), later(5, 0), later(0, 0), later(4, 5)), (0, 0, 0, 5));
        assert!(past(5, 5) && !past(6, 5) && !past(0, 5));
    }
}
