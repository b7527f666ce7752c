//! When entries end.
//!
//! An end is a time of `CLOCK_MONOTONIC`, the clock that programs have. It stands still in suspend,
//! and so do the times of entries. Whoever asks for the time of day gets it computed: what is left,
//! laid on the system's clock of this moment.

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use palisade_filter::structure::cover;
use palisade_filter::value::Timeout;
use palisade_loader::clock;

use crate::failure::{Failure, Outcome};

/// When an entry ends; `Never` comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// At a time of `CLOCK_MONOTONIC`, in nanoseconds.
    At(NonZeroU64),
    /// Never.
    Never,
}

impl End {
    /// As maps hold it.
    pub fn word(self) -> u64 {
        match self {
            Self::At(time) => time.get(),
            Self::Never => 0,
        }
    }

    /// From what a map holds.
    pub fn of(word: u64) -> Self {
        NonZeroU64::new(word).map_or(Self::Never, Self::At)
    }

    /// Whether two ends are less than a second apart: as close as a file tells them.
    pub fn is_about(self, other: Self) -> bool {
        match (self, other) {
            (Self::Never, Self::Never) => true,
            (Self::At(a), Self::At(b)) => a.get().abs_diff(b.get()) < SECOND,
            (Self::At(_), Self::Never) | (Self::Never, Self::At(_)) => false,
        }
    }
}

const SECOND: u64 = 1_000_000_000;

/// The time of `CLOCK_MONOTONIC`.
pub fn monotonic() -> Outcome<Duration> {
    clock::monotonic().map_err(|errno| Failure::refused(format!("cannot read the clock: {errno}")))
}

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    monotonic: u64,
    wall: u64,
}

impl Now {
    /// This moment.
    pub fn read() -> Outcome<Self> {
        let monotonic = monotonic()?;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { monotonic: nanoseconds(monotonic), wall: nanoseconds(wall) })
    }

    /// The system's clock, in seconds.
    pub fn seconds(self) -> u64 {
        self.wall / SECOND
    }

    /// The end of what stays so long from now on.
    pub fn after(self, timeout: Timeout) -> End {
        self.plus(nanoseconds(timeout.duration()))
    }

    /// The end of what ends at a second of the system's clock; `None` if that is past.
    pub fn at(self, second: u64) -> Option<End> {
        let left = second.saturating_mul(SECOND).checked_sub(self.wall).filter(|left| *left > 0)?;
        Some(self.plus(left))
    }

    /// The second of the system's clock at which `CLOCK_MONOTONIC` was at this one.
    pub fn second_since(self, second: u64) -> u64 {
        let ago = (self.monotonic / SECOND).saturating_sub(second);
        self.seconds().saturating_sub(ago)
    }

    /// A moment of a test, in nanoseconds of `CLOCK_MONOTONIC`.
    #[cfg(test)]
    pub fn of(monotonic: u64) -> Self {
        Self { monotonic, wall: 0 }
    }

    fn plus(self, left: u64) -> End {
        End::of(self.monotonic.saturating_add(left))
    }

    /// Whether an end has come.
    pub fn is_past(self, end: End) -> bool {
        cover::past(end.word(), self.monotonic)
    }

    /// What is left until an end; `None` if it never comes.
    pub fn left(self, end: End) -> Option<Duration> {
        match end {
            End::At(time) => Some(Duration::from_nanos(time.get().saturating_sub(self.monotonic))),
            End::Never => None,
        }
    }

    /// The second of the system's clock that is next to an end.
    pub fn second_of(self, end: End) -> Option<u64> {
        let left = nanoseconds(self.left(end)?);
        Some(self.wall.saturating_add(left).saturating_add(SECOND / 2) / SECOND)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now { monotonic: 1000 * SECOND, wall: 5_000 * SECOND + 700_000_000 };

    #[test]
    fn a_second_that_was_told_comes_back_as_about_the_same_end() {
        let end = NOW.after(Timeout::seconds(60).expect("a time"));
        let second = NOW.second_of(end).expect("it ends");
        assert_eq!(second, 5061);
        let back = NOW.at(second).expect("it is to come");
        assert!(back.is_about(end) && back != end);
        assert_eq!(NOW.second_of(back), Some(second));
    }

    #[test]
    fn what_is_past_has_no_end_to_come() {
        assert_eq!(NOW.at(5000), None);
        assert_eq!(NOW.at(0), None);
        assert!(NOW.at(5001).is_some());
        assert!(NOW.is_past(End::of(1)) && !NOW.is_past(End::Never));
        assert_eq!(NOW.left(End::of(1)), Some(Duration::ZERO));
    }

    #[test]
    fn a_second_since_the_machine_began_is_one_of_the_day() {
        assert_eq!(NOW.second_since(1000), 5000);
        assert_eq!(NOW.second_since(400), 4400);
        assert_eq!(NOW.second_since(u64::MAX), 5000, "no time to come");
    }

    #[test]
    fn a_time_beyond_all_clocks_is_far_away_and_no_overflow() {
        let far = NOW.at(u64::MAX).expect("to come");
        assert!(!NOW.is_past(far) && far < End::Never);
        assert!(NOW.second_of(far).is_some());
    }
}
