//! What a condition costs: where it stands among the others, and how many branches it is at most.

use super::reduce::Cond;
use crate::policy::Test;
use crate::value::{AddressRange, Family};

/// More than the branches of a look-up in any constant table.
const TABLE: usize = 80;

/// The cost of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Its place among the conditions of a rule: low ones first, so that a rule fails early;
    /// look-ups come last.
    pub place: u8,
    /// The most branches that it is emitted as.
    pub branches: usize,
}

impl Price {
    /// Of a condition.
    pub fn of(cond: &Cond) -> Self {
        match cond {
            Cond::Is(test) | Cond::IsNot(test) => Self::of_test(test),
            Cond::Any(all) => {
                let each = |cond| Self::of(cond).branches + 1;
                Self { place: 5, branches: all.iter().flatten().map(each).sum() }
            }
        }
    }

    /// Of a test.
    pub fn of_test(test: &Test) -> Self {
        let (place, branches) = match test {
            Test::Port(_, ports) => (0, (2 * ports.count()).min(TABLE)),
            Test::Address(_, all) => (2, all.ranges().map(compared).sum::<usize>().min(TABLE)),
            Test::ServiceIn(_) => (3, 9),
            Test::AddressIn(..) => (4, 8),
            Test::MacIn(..) => (4, 4),
            Test::Nd => (1, 4),
            Test::Family(_)
            | Test::Arp
            | Test::EtherType(_)
            | Test::Dhcp
            | Test::Protocol(_)
            | Test::Icmp
            | Test::Icmp6
            | Test::IcmpType { .. }
            | Test::Flags(_)
            | Test::Number(..)
            | Test::Fragment
            | Test::Options
            | Test::Vlan(..)
            | Test::Tagged(_)
            | Test::Mac(..)
            | Test::Unicast(_)
            | Test::Queue(_) => (1, 1),
        };
        Self { place, branches }
    }
}

/// A prefix is compared by its words of 32 bits, another range with its ends.
fn compared(range: AddressRange) -> usize {
    match (range.as_prefix(), range.family()) {
        (Some(prefix), _) => usize::from(prefix.len().div_ceil(32)),
        (None, Family::V4) => 2,
        (None, Family::V6) => 6,
    }
}
