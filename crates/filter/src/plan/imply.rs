//! What one condition says of another, as far as it can be seen cheaply.
//!
//! "No" means "not known to": what follows from several conditions together, or from the meaning
//! of sets, is not seen.

use super::reduce::Cond;
use crate::policy::{Test, test_excludes, test_implies};

/// Whether `b` holds wherever `a` does.
pub fn implies(a: &Cond, b: &Cond) -> bool {
    match (a, b) {
        (_, Cond::Is(test)) => implies_test(a, test),
        (_, Cond::IsNot(test)) => excludes_test(a, test),
        (Cond::Any(_), Cond::Any(_)) if a == b => true,
        (Cond::Any(all), _) => all.iter().all(|conds| all_imply(conds, b)),
        (_, Cond::Any(all)) => all.iter().any(|conds| conds.iter().all(|cond| implies(a, cond))),
    }
}

/// Whether `b` holds nowhere where `a` does.
pub fn excludes(a: &Cond, b: &Cond) -> bool {
    match b {
        Cond::Is(test) => excludes_test(a, test),
        Cond::IsNot(test) => implies_test(a, test),
        Cond::Any(all) => all.iter().all(|conds| conds.iter().any(|cond| excludes(a, cond))),
    }
}

/// Whether the test is true wherever `a` holds.
fn implies_test(a: &Cond, test: &Test) -> bool {
    match a {
        Cond::Is(x) => test_implies(x, test),
        Cond::IsNot(_) => false,
        Cond::Any(all) => all.iter().all(|conds| conds.iter().any(|x| implies_test(x, test))),
    }
}

/// Whether the test is false wherever `a` holds.
fn excludes_test(a: &Cond, test: &Test) -> bool {
    match a {
        Cond::Is(x) => test_excludes(x, test),
        Cond::IsNot(x) => test_implies(test, x),
        Cond::Any(all) => all.iter().all(|conds| conds.iter().any(|x| excludes_test(x, test))),
    }
}

/// Whether `b` holds wherever all of `conds` do.
pub fn all_imply(conds: &[Cond], b: &Cond) -> bool {
    conds.iter().any(|cond| implies(cond, b))
}

/// Whether nothing but the condition itself implies it, so that it can be looked up.
pub fn is_point(cond: &Cond) -> bool {
    match cond {
        Cond::Is(Test::Address(_, all)) => {
            let mut ranges = all.ranges();
            matches!((ranges.next(), ranges.next()), (Some(r), None) if r.first() == r.last())
        }
        Cond::Is(Test::Port(_, ports)) => {
            let mut ranges = ports.ranges();
            matches!((ranges.next(), ranges.next()), (Some(r), None) if r.first() == r.last())
        }
        Cond::Is(test) => {
            !matches!(test, Test::Number(..) | Test::Flags(_) | Test::IcmpType { code: None, .. })
        }
        Cond::IsNot(_) | Cond::Any(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use crate::plan::reduce::{Reduced, reduce};
    use crate::policy::{Class, Lane};

    /// The one condition that a rule leaves of a TCP packet over IPv4.
    fn cond(term: &str) -> Cond {
        let text = format!("drop {term}\ndefault pass\n");
        let policy = parse(&text).unwrap_or_else(|wrong| panic!("{}", wrong.report("t", &text)));
        match reduce(&policy.rules()[0].matching, Class::Ip4, Lane::Tcp) {
            Reduced::If(mut conds) if conds.len() == 1 => conds.remove(0),
            other @ (Reduced::Always | Reduced::Never | Reduced::If(_)) => {
                panic!("{term}: {other:?}")
            }
        }
    }

    #[test]
    fn the_narrower_condition_implies_the_wider_one_and_not_the_reverse() {
        for (narrow, wide) in [
            ("src 10.1.0.0/16", "src 10.0.0.0/8"),
            ("dport 22", "dport 20-25"),
            ("ttl < 5", "ttl < 6"),
            ("ttl = 5", "ttl > 4"),
            ("flags syn,!ack", "flags syn"),
            ("not dport 20-25", "not dport 22"),
            ("dport 22", "not dport 23"),
            ("src 10.1.0.0/16", "( src 10.0.0.0/8 or dport 9 )"),
            ("( dport 22 or dport 23 )", "dport 20-25"),
        ] {
            let (a, b) = (cond(narrow), cond(wide));
            assert!(implies(&a, &b), "{narrow} implies {wide}");
            assert!(!implies(&b, &a), "{wide} does not imply {narrow}");
        }
    }

    #[test]
    fn a_condition_implies_itself_and_excludes_its_contrary() {
        for term in [
            "src 10.0.0.0/8",
            "src { 10.0.0.1, 10.0.0.9 }",
            "dport 20-25",
            "ttl < 5",
            "ttl > 5",
            "ttl = 5",
            "flags syn,!ack",
            "vlan 5",
        ] {
            let (is, is_not) = (cond(term), cond(&format!("not {term}")));
            assert!(implies(&is, &is) && implies(&is_not, &is_not), "{term}");
            assert!(excludes(&is, &is_not) && excludes(&is_not, &is), "{term}");
        }
        let either = cond("( src 10.0.0.0/8 or dport 9 )");
        assert!(implies(&either, &either) && !excludes(&either, &either));
    }

    #[test]
    fn conditions_that_cannot_both_hold_exclude_each_other() {
        for (a, b) in [
            ("src 10.0.0.0/8", "src 11.0.0.0/8"),
            ("ttl < 5", "ttl > 4"),
            ("ttl < 5", "ttl > 9"),
            ("flags syn", "flags !syn"),
            ("dport 22", "not dport 20-25"),
        ] {
            assert!(excludes(&cond(a), &cond(b)) && excludes(&cond(b), &cond(a)), "{a} / {b}");
        }
        for (a, b) in [("ttl < 6", "ttl > 4"), ("src 10.0.0.0/8", "dst 11.0.0.0/8")] {
            assert!(!excludes(&cond(a), &cond(b)), "{a} / {b}");
        }
    }
}
