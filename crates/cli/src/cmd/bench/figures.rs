//! What turns come to: medians, spreads, and whether the machine was quiet.

use crate::failure::Outcome;

/// The figures of one contender, a turn each.
#[derive(Clone, Debug)]
pub struct Figures {
    sorted: Vec<f64>,
}

impl Figures {
    pub fn of(turns: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = turns.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    pub fn turns(&self) -> usize {
        self.sorted.len()
    }

    pub fn median(&self) -> f64 {
        self.below(50)
    }

    pub fn least(&self) -> f64 {
        self.below(0)
    }

    pub fn most(&self) -> f64 {
        self.below(100)
    }

    /// The number below which so many of a hundred turns lie.
    fn below(&self, percent: usize) -> f64 {
        let at = self.sorted.len().saturating_sub(1) * percent / 100;
        self.sorted.get(at).copied().unwrap_or(0.0)
    }

    /// The mean of the middle half.
    pub fn middle(&self) -> f64 {
        let cut = self.sorted.len() / 4;
        let middle = self.sorted.get(cut..self.sorted.len() - cut).unwrap_or_default();
        middle.iter().sum::<f64>() / middle.len().max(1) as f64
    }

    /// How far the first and the last decile are apart, as a part of the median.
    pub fn spread(&self) -> f64 {
        let median = self.median();
        if median == 0.0 { 0.0 } else { (self.below(90) - self.below(10)) / median }
    }
}

/// The most that the turns of the limit may spread on a machine that is quiet enough.
pub const QUIET: f64 = 0.10;

/// Gives every contender a turn in each round, in another order each time; the turns of each.
pub fn in_turns<C, T>(
    contenders: &mut [C],
    rounds: usize,
    mut turn: impl FnMut(&mut C) -> Outcome<T>,
) -> Outcome<Vec<Vec<T>>> {
    let count = contenders.len();
    let mut turns: Vec<Vec<T>> = contenders.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        for place in 0..count {
            let at = (round + place) % count;
            if let (Some(contender), Some(turns)) = (contenders.get_mut(at), turns.get_mut(at)) {
                turns.push(turn(contender)?);
            }
        }
    }
    Ok(turns)
}

/// What `of` says of each turn beside the limit's in the same round.
pub fn beside(turns: &[f64], limit: &[f64], of: impl Fn(f64, f64) -> f64) -> Figures {
    Figures::of(turns.iter().zip(limit).map(|(turn, limit)| of(*turn, *limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_spread_are_those_of_the_turns() {
        let figures = Figures::of([3.0, 1.0, 2.0]);
        assert_eq!((figures.least(), figures.median(), figures.most()), (1.0, 2.0, 3.0));
        assert_eq!(Figures::of([1.0, 2.0, 4.0, 90.0]).middle(), 3.0);
        let even = Figures::of((0..=100).map(f64::from));
        assert_eq!(even.spread(), 80.0 / 50.0);
        assert_eq!(Figures::of([5.0; 9]).spread(), 0.0);
    }

    #[test]
    fn every_contender_has_a_turn_in_each_round_and_none_is_always_first() {
        let mut order = Vec::new();
        let turns = in_turns(&mut ['a', 'b', 'c'], 3, |c| {
            order.push(*c);
            Ok(())
        });
        assert!(turns.expect("no turn fails").iter().all(|turns| turns.len() == 3));
        assert_eq!(order.iter().collect::<String>(), "abcbcacab");
    }
}
