//! Ranges of several rules laid over each other: which rule has a key.

use std::collections::BTreeSet;

use super::rows::RowId;

/// Keys from a first to a last one, and the row of the rule that has them.
pub type Span = (u128, u128, RowId);

/// Where ranges of several rules overlap, the first rule has the keys; what is left of each, in
/// order. Neighbours of one rule are one span.
pub fn overlay(rules: &[(Vec<(u128, u128)>, RowId)]) -> Vec<Span> {
    // Each range begins to hold at its first key and ceases behind its last.
    let mut events: Vec<(u128, bool, usize)> = Vec::new();
    for (at, (ranges, _)) in rules.iter().enumerate() {
        for (first, last) in ranges {
            events.push((*first, true, at));
            events.extend(last.checked_add(1).map(|next| (next, false, at)));
        }
    }
    events.sort_unstable();
    let mut holding = BTreeSet::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut events = events.into_iter().peekable();
    while let Some((key, begins, at)) = events.next() {
        if begins {
            holding.insert(at)
        } else {
            holding.remove(&at)
        };
        if events.peek().is_some_and(|(next, _, _)| *next == key) {
            continue;
        }
        let Some(first) = holding.first() else { continue };
        let row = rules[*first].1;
        let last = events.peek().map_or(u128::MAX, |(next, _, _)| next - 1);
        match spans.last_mut() {
            Some(before) if before.2 == row && before.1.checked_add(1) == Some(key) => {
                before.1 = last;
            }
            _ => spans.push((key, last, row)),
        }
    }
    spans
}
