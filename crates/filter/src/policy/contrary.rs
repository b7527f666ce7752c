//! What one test says of another, as far as it can be seen cheaply, and terms that are true of no
//! packet together.
//!
//! "No" means "not known to": what follows from several tests together, or from the meaning of sets,
//! is not seen.

use super::{End, Relation, Tag, Term, Test};
use crate::value::Family;

/// Whether `y` is true wherever `x` is.
pub fn test_implies(x: &Test, y: &Test) -> bool {
    match (x, y) {
        (Test::Address(a, x), Test::Address(b, y)) => {
            a == b && [Family::V4, Family::V6].iter().all(|f| y.covers(x, *f))
        }
        (Test::Port(a, x), Test::Port(b, y)) => a == b && y.covers(x),
        (Test::Number(a, how, n), Test::Number(b, want, m)) if a == b => match (how, want) {
            (Relation::Is, _) => want.holds(*n, *m),
            (Relation::Below, Relation::Below) => n <= m,
            (Relation::Above, Relation::Above) => n >= m,
            _ => false,
        },
        (Test::Flags(x), Test::Flags(y)) => {
            y.mask() & !x.mask() == 0 && x.value() & y.mask() == y.value()
        }
        (Test::IcmpType { kind: x, .. }, Test::IcmpType { kind: y, code: None }) => x == y,
        (Test::Vlan(x, _), Test::Tagged(y)) => x == y || *y == Tag::Outer,
        (Test::Tagged(Tag::Inner), Test::Tagged(Tag::Outer)) => true,
        _ => x == y,
    }
}

/// Whether `y` is true nowhere where `x` is.
pub fn test_excludes(x: &Test, y: &Test) -> bool {
    match (x, y) {
        (Test::Address(a, x), Test::Address(b, y)) => {
            one(*a, *b) && [Family::V4, Family::V6].iter().all(|f| !x.meets(y, *f))
        }
        (Test::Port(a, x), Test::Port(b, y)) => one(*a, *b) && !x.meets(y),
        (Test::Protocol(x), Test::Protocol(y)) => x != y,
        (Test::EtherType(x), Test::EtherType(y)) => x != y,
        (Test::Vlan(a, x), Test::Vlan(b, y)) => a == b && x != y,
        (Test::Mac(a, x), Test::Mac(b, y)) => a == b && x != y,
        (Test::Mac(a, mac), Test::Unicast(b)) | (Test::Unicast(b), Test::Mac(a, mac)) => {
            a == b && mac.0[0] & 1 == 1
        }
        (Test::Number(a, how, n), Test::Number(b, want, m)) if a == b => match (how, want) {
            (Relation::Is, _) => !want.holds(*n, *m),
            (_, Relation::Is) => !how.holds(*m, *n),
            (Relation::Below, Relation::Above) => *n <= m.saturating_add(1),
            (Relation::Above, Relation::Below) => *m <= n.saturating_add(1),
            _ => false,
        },
        (Test::Flags(x), Test::Flags(y)) => {
            let both = x.mask() & y.mask();
            x.value() & both != y.value() & both
        }
        (Test::IcmpType { kind: x, code: a }, Test::IcmpType { kind: y, code: b }) => {
            x != y || matches!((a, b), (Some(a), Some(b)) if a != b)
        }
        _ => false,
    }
}

/// Whether both are the same end, and one alone.
fn one(a: End, b: End) -> bool {
    a == b && a != End::Either
}

impl Term {
    /// Whether no packet is such that both terms are true of it.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any(all), _) => {
                all.iter().all(|one| one.terms().iter().any(|term| term.excludes(other)))
            }
            (_, Self::Any(_)) => other.excludes(self),
            (Self::Test(x), Self::Test(y)) => test_excludes(x, y),
            (Self::Test(x), Self::Not(y)) | (Self::Not(y), Self::Test(x)) => {
                matches!(&**y, Self::Test(y) if test_implies(x, y))
            }
            (Self::Not(_), Self::Not(_)) => false,
        }
    }
}
