//! How long an entry stays: `90s`, `15m`, `1h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ValueError, decimal};

/// A time in whole seconds, from one second to ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timeout(u32);

const UNITS: [(char, u32); 4] = [('d', 86400), ('h', 3600), ('m', 60), ('s', 1)];
const MOST: u32 = 10 * 366 * 86400;

impl Timeout {
    /// So many seconds; `None` for none at all and for more than ten years.
    pub fn seconds(seconds: u32) -> Option<Self> {
        (1..=MOST).contains(&seconds).then_some(Self(seconds))
    }

    /// In seconds.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// As the standard library has it.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, unit)| self.0.is_multiple_of(*unit));
        let (word, unit) = whole.unwrap_or(('s', 1));
        write!(f, "{}{word}", self.0 / unit)
    }
}

impl FromStr for Timeout {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::Timeout { text: text.to_owned() };
        let unit = UNITS.into_iter().find(|(word, _)| text.ends_with(*word));
        let (word, unit) = unit.ok_or_else(wrong)?;
        let number = text.strip_suffix(word).filter(|n| !n.is_empty()).and_then(decimal);
        let seconds = number.and_then(|n| n.checked_mul(unit)).ok_or_else(wrong)?;
        Self::seconds(seconds).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_in_its_largest_whole_unit() {
        for (text, printed) in
            [("90s", "90s"), ("120s", "2m"), ("24h", "1d"), ("7d", "7d"), ("61m", "61m")]
        {
            assert_eq!(text.parse::<Timeout>().expect(text).to_string(), printed);
        }
    }

    #[test]
    fn a_time_has_a_unit_and_bounds() {
        for text in
            ["", "s", "0s", "10", "1.5h", "-1s", "1w", "4000d", "99999999999s", "1h30m", "01s"]
        {
            assert!(text.parse::<Timeout>().is_err(), "{text:?}");
        }
    }
}
