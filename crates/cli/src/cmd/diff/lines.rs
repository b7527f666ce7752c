//! Which lines two texts have in common.
//!
//! Anchors are lines that stand once in either part and in the same order (patience diff); between
//! them it goes on with the smaller parts. The work is bounded: after so many rounds, and where
//! there is no anchor, a part counts as replaced. For policies, whose statements seldom repeat, that
//! is what a person would mark.

use std::collections::HashMap;
use std::ops::Range;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stands in both, at these places.
    Kept(usize, usize),
    /// It stands in the old text alone.
    Removed(usize),
    /// It stands in the new text alone.
    Added(usize),
}

/// More rounds than this need lines that repeat in a way that no policy's do.
const MOST_ROUNDS: usize = 16;

/// The changes from `old` to `new`, in the order of both.
pub fn compare(old: &[&str], new: &[&str]) -> Vec<Change> {
    let mut changes = Vec::with_capacity(old.len().max(new.len()));
    Texts { old, new }.part(0..old.len(), 0..new.len(), MOST_ROUNDS, &mut changes);
    changes
}

struct Texts<'a> {
    old: &'a [&'a str],
    new: &'a [&'a str],
}

impl Texts<'_> {
    fn part(&self, old: Range<usize>, new: Range<usize>, rounds: usize, out: &mut Vec<Change>) {
        let same = |(a, b): &(usize, usize)| self.old[*a] == self.new[*b];
        let head = old.clone().zip(new.clone()).take_while(same).count();
        let (old_rest, new_rest) = (old.start + head..old.end, new.start + head..new.end);
        let backwards = old_rest.clone().rev().zip(new_rest.clone().rev());
        let tail = backwards.take_while(same).count();
        let (old_mid, new_mid) =
            (old_rest.start..old_rest.end - tail, new_rest.start..new_rest.end - tail);

        out.extend((old.start..).zip(new.start..).take(head).map(kept));
        self.middle(old_mid.clone(), new_mid.clone(), rounds, out);
        out.extend((old_mid.end..).zip(new_mid.end..).take(tail).map(kept));
    }

    fn middle(&self, old: Range<usize>, new: Range<usize>, rounds: usize, out: &mut Vec<Change>) {
        let anchors = if rounds == 0 || old.is_empty() || new.is_empty() {
            Vec::new()
        } else {
            self.anchors(old.clone(), new.clone())
        };
        if anchors.is_empty() {
            out.extend(old.map(Change::Removed));
            out.extend(new.map(Change::Added));
            return;
        }
        let (mut a, mut b) = (old.start, new.start);
        for (anchor_a, anchor_b) in anchors {
            self.part(a..anchor_a, b..anchor_b, rounds - 1, out);
            out.push(Change::Kept(anchor_a, anchor_b));
            (a, b) = (anchor_a + 1, anchor_b + 1);
        }
        self.part(a..old.end, b..new.end, rounds - 1, out);
    }

    /// The lines that stand once in either part: the longest row of them that rises in both.
    fn anchors(&self, old: Range<usize>, new: Range<usize>) -> Vec<(usize, usize)> {
        let mut seen: HashMap<&str, Seen> = HashMap::new();
        for at in old {
            seen.entry(self.old[at]).or_default().old.see(at);
        }
        for at in new {
            seen.entry(self.new[at]).or_default().new.see(at);
        }
        let once = |seen: &Seen| match (seen.old, seen.new) {
            (Sight::Once(a), Sight::Once(b)) => Some((a, b)),
            _ => None,
        };
        let mut pairs: Vec<(usize, usize)> = seen.values().filter_map(once).collect();
        pairs.sort_unstable();
        rising(&pairs)
    }
}

fn kept((old, new): (usize, usize)) -> Change {
    Change::Kept(old, new)
}

/// Where a line was seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    old: Sight,
    new: Sight,
}

#[derive(Clone, Copy, Default)]
enum Sight {
    #[default]
    Never,
    Once(usize),
    Often,
}

impl Sight {
    fn see(&mut self, at: usize) {
        *self = match self {
            Self::Never => Self::Once(at),
            Self::Once(_) | Self::Often => Self::Often,
        };
    }
}

/// The longest row of pairs, sorted by their first numbers, whose second numbers rise.
fn rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // By length less one, the pair that ends a row of that length with the least number.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (i, (_, b)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *b);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = i,
            None => ends.push(i),
        }
    }
    let mut row: Vec<(usize, usize)> =
        std::iter::successors(ends.last().copied(), |i| before[*i]).map(|i| pairs[i]).collect();
    row.reverse();
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// The changes as a diff, after what they say has been checked against both texts.
    fn diff(old: &str, new: &str) -> String {
        let (old, new): (Vec<&str>, Vec<&str>) =
            (old.split(' ').collect(), new.split(' ').collect());
        let (mut a, mut b) = (0, 0);
        let shown = compare(&old, &new).into_iter().map(|change| match change {
            Change::Kept(from, to) => {
                assert_eq!((from, to, old[from]), (a, b, new[to]));
                (a, b) = (a + 1, b + 1);
                old[from].to_owned()
            }
            Change::Removed(from) => {
                assert_eq!(from, a);
                a += 1;
                format!("-{}", old[from])
            }
            Change::Added(to) => {
                assert_eq!(to, b);
                b += 1;
                format!("+{}", new[to])
            }
        });
        let shown = shown.collect::<Vec<_>>().join(" ");
        assert_eq!((a, b), (old.len(), new.len()));
        shown
    }

    #[test]
    fn what_changed_is_marked_and_the_rest_kept() {
        assert_eq!(diff("a b c", "a b c"), "a b c");
        assert_eq!(diff("a b c", "a x c"), "a -b +x c");
        assert_eq!(diff("a b c d", "b c d e"), "-a b c d +e");
        assert_eq!(diff("a b c d e", "e b c d a"), "-a +e b c d -e +a");
        assert_eq!(diff("a x b x c", "a x x b c"), "a x -b x +b c");
        assert_eq!(diff("a a a", "a a"), "a a -a");
    }

    #[test]
    fn a_hundred_thousand_lines_take_no_time_whatever_they_are() {
        let number = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let unique: Vec<String> = (0..100_000).map(|i| number(i).to_string()).collect();
        let few: Vec<String> = (0..100_000).map(|i| (number(i) % 7).to_string()).collect();
        let lines = |all: &[String]| all.join(" ");
        let reversed: Vec<String> = unique.iter().rev().cloned().collect();
        let begin = Instant::now();
        diff(&lines(&unique), &lines(&reversed));
        diff(&lines(&unique), &lines(&few));
        diff(&lines(&few), &lines(&few[1..]));
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }
}
