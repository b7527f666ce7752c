//! What is left of a match once the kind of packet is known.
//!
//! A reduced condition is a conjunction of [`Cond`]s. Negations stand at single tests only, `host`
//! and `port` are alternatives of their two ends, alternatives of one end are one list, a list of
//! addresses holds those of the family of the class, and nothing is left that the kind of packet
//! decides. All of it takes time in proportion to the text.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::group::Key;
use crate::policy::{Class, End, Lane, Match, Protocol, Term, Test, Truth};
use crate::value::{AddressRange, Family, PortRange, Ports};

/// A condition that has to be tested.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cond {
    /// The test is true.
    Is(Test),
    /// The test is false.
    IsNot(Test),
    /// All conditions of at least one alternative hold; there are at least two, and none is empty.
    Any(Vec<Vec<Cond>>),
}

impl Cond {
    /// Where it does not hold.
    fn negated(self) -> Reduced {
        match self {
            Self::Is(test) => Reduced::If(vec![Self::IsNot(test)]),
            Self::IsNot(test) => Reduced::If(vec![Self::Is(test)]),
            Self::Any(all) => Reduced::all(all.into_iter().map(|conds| Reduced::If(conds).not())),
        }
    }

    /// Calls `visit` with each test in it.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Test)) {
        match self {
            Self::Is(test) | Self::IsNot(test) => visit(test),
            Self::Any(all) => all.iter().flatten().for_each(|cond| cond.each(visit)),
        }
    }
}

/// What is left of a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reduced {
    /// It is true of every packet of the kind.
    Always,
    /// It is true of none.
    Never,
    /// It is true where all of these hold; there is at least one.
    If(Vec<Cond>),
}

impl Reduced {
    fn all(of: impl IntoIterator<Item = Self>) -> Self {
        let mut left = Distinct::default();
        for one in of {
            match one {
                Self::Always => {}
                Self::Never => return Self::Never,
                Self::If(conds) => conds.into_iter().for_each(|cond| left.push(cond)),
            }
        }
        let left = merged(left.items, |cond| match cond {
            Cond::IsNot(test) => Some(test),
            Cond::Is(_) | Cond::Any(_) => None,
        });
        if left.iter().any(|cond| matches!(cond, Cond::IsNot(test) if lists_all(test))) {
            return Self::Never;
        }
        if left.is_empty() { Self::Always } else { Self::If(left) }
    }

    fn any(of: impl IntoIterator<Item = Self>) -> Self {
        let mut left = Distinct::default();
        for one in of {
            match one {
                Self::Always => return Self::Always,
                Self::Never => {}
                Self::If(conds) => left.push(conds),
            }
        }
        let mut left = merged(left.items, |conds| match conds.as_mut_slice() {
            [Cond::Is(test)] => Some(test),
            _ => None,
        });
        if left.iter().any(|c| matches!(c.as_slice(), [Cond::Is(test)] if lists_all(test))) {
            return Self::Always;
        }
        match left.len() {
            0 => Self::Never,
            1 => Self::If(left.remove(0)),
            _ => Self::If(vec![Cond::Any(left)]),
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::If(conds) => Self::any(conds.into_iter().map(Cond::negated)),
        }
    }
}

/// Whether a list has become one of everything, as two halves do.
fn lists_all(test: &Test) -> bool {
    if let Test::Address(_, all) = test {
        return [Family::V4, Family::V6].iter().any(|family| all.is_all(*family));
    }
    matches!(test, Test::Port(_, ports) if ports.is_all())
}

/// Things in their order, each once.
struct Distinct<T> {
    items: Vec<T>,
    seen: HashSet<T>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { items: Vec::new(), seen: HashSet::new() }
    }
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    fn push(&mut self, item: T) {
        if self.seen.insert(item.clone()) {
            self.items.push(item);
        }
    }
}

/// Lists of addresses of one end, and of ports of one end, as one list where the first stands.
/// `list` tells the test of an item that may be merged.
fn merged<T>(items: Vec<T>, list: impl Fn(&mut T) -> Option<&mut Test>) -> Vec<T> {
    let mut out: Vec<T> = Vec::new();
    let mut first: HashMap<Key, usize> = HashMap::new();
    let (mut addresses, mut ports): (
        HashMap<End, Vec<AddressRange>>,
        HashMap<End, Vec<PortRange>>,
    ) = Default::default();
    for mut item in items {
        let key = match list(&mut item) {
            Some(Test::Address(end, all)) => {
                addresses.entry(*end).or_default().extend(all.ranges());
                Some(Key::Address(*end))
            }
            Some(Test::Port(end, all)) => {
                ports.entry(*end).or_default().extend(all.ranges());
                Some(Key::Port(*end))
            }
            _ => None,
        };
        if let Some(key) = key {
            if first.contains_key(&key) {
                continue;
            }
            first.insert(key, out.len());
        }
        out.push(item);
    }
    for at in first.into_values() {
        match list(&mut out[at]) {
            Some(Test::Address(end, all)) => *all = addresses[end].iter().copied().collect(),
            Some(Test::Port(end, all)) => *all = ports[end].iter().copied().collect(),
            _ => {}
        }
    }
    out
}

/// What is left of `matching` for packets of a lane.
pub fn reduce(matching: &Match, class: Class, lane: Lane) -> Reduced {
    Reduced::all(matching.terms().iter().map(|term| reduce_term(term, class, lane)))
}

fn reduce_term(term: &Term, class: Class, lane: Lane) -> Reduced {
    match term {
        Term::Test(test) => match test.truth(class, lane) {
            Truth::Always => Reduced::Always,
            Truth::Never => Reduced::Never,
            Truth::Depends => expand(test, class),
        },
        Term::Not(term) => reduce_term(term, class, lane).not(),
        Term::Any(all) => Reduced::any(all.iter().map(|m| reduce(m, class, lane))),
    }
}

/// A test in the terms that are emitted.
fn expand(test: &Test, class: Class) -> Reduced {
    let is = |test| Reduced::If(vec![Cond::Is(test)]);
    let either = |of: &dyn Fn(End) -> Test| {
        Reduced::any([End::Source, End::Destination].map(|end| is(of(end))))
    };
    match (test, class.family()) {
        (Test::Address(End::Either, all), Some(family)) => {
            either(&|end| Test::Address(end, all.only(family)))
        }
        (Test::Address(end, all), Some(family)) => is(Test::Address(*end, all.only(family))),
        (Test::AddressIn(End::Either, set), _) => either(&|end| Test::AddressIn(end, *set)),
        (Test::Port(End::Either, ports), _) => either(&|end| Test::Port(end, ports.clone())),
        (Test::Dhcp, Some(family)) => {
            let ports = dhcp_ports(family);
            Reduced::all([End::Source, End::Destination].map(|e| is(Test::Port(e, ports.clone()))))
        }
        (Test::Icmp, _) => is(Test::Protocol(Protocol::ICMP)),
        (other, _) => is(other.clone()),
    }
}

fn dhcp_ports(family: Family) -> Ports {
    let (first, last) = match family {
        Family::V4 => (67, 68),
        Family::V6 => (546, 547),
    };
    PortRange::new(first, last).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn reduced(rule: &str, class: Class, lane: Lane) -> Reduced {
        let text = format!("set s net\n{rule}\ndefault pass\n");
        let policy = parse(&text).unwrap_or_else(|wrong| panic!("{}", wrong.report("t", &text)));
        reduce(&policy.rules()[0].matching, class, lane)
    }

    #[test]
    fn nothing_is_left_that_the_kind_of_packet_decides() {
        let rule = "drop ip4 tcp src 10.0.0.0/8 dport 22";
        let Reduced::If(conds) = reduced(rule, Class::Ip4, Lane::Tcp) else { panic!("it depends") };
        assert_eq!(conds.len(), 2, "{conds:?}");
        assert_eq!(reduced(rule, Class::Ip4, Lane::Udp), Reduced::Never);
        assert_eq!(reduced(rule, Class::Ip6, Lane::Tcp), Reduced::Never);
        assert_eq!(reduced("drop not arp", Class::Ip4, Lane::Tcp), Reduced::Always);
    }

    #[test]
    fn negations_end_at_single_tests() {
        let rule = "drop not ( src in s dport 22 or sport 9 )";
        let Reduced::If(conds) = reduced(rule, Class::Ip4, Lane::Tcp) else { panic!("it depends") };
        let [Cond::Any(either), Cond::IsNot(Test::Port(End::Source, _))] = conds.as_slice() else {
            panic!("{conds:?}")
        };
        assert!(either.iter().flatten().all(|cond| matches!(cond, Cond::IsNot(_))));
        assert_eq!(reduced(rule, Class::Arp, Lane::Other), Reduced::Always);
    }

    #[test]
    fn alternatives_of_one_end_are_one_list() {
        for (rule, ranges) in [
            ("drop ( src 10.0.0.1 or src 10.0.0.3 or src 10.0.0.2 )", 1),
            ("drop not src 10.0.0.1 not src 10.0.0.9", 2),
        ] {
            let Reduced::If(conds) = reduced(rule, Class::Ip4, Lane::Tcp) else { panic!("{rule}") };
            let [Cond::Is(Test::Address(_, all)) | Cond::IsNot(Test::Address(_, all))] =
                conds.as_slice()
            else {
                panic!("{rule}: {conds:?}")
            };
            assert_eq!(all.ranges().count(), ranges, "{rule}");
        }
    }

    #[test]
    fn two_halves_are_everything() {
        for (class, halves) in [
            (Class::Ip4, ["src 0.0.0.0/1", "src 128.0.0.0/1"]),
            (Class::Ip6, ["dst ::/1", "dst 8000::/1"]),
            (Class::Ip4, ["dport 0-32767", "dport 32768-65535"]),
        ] {
            let [a, b] = halves;
            assert_eq!(reduced(&format!("drop ( {a} or {b} )"), class, Lane::Tcp), Reduced::Always);
            assert_eq!(reduced(&format!("drop not {a} not {b}"), class, Lane::Tcp), Reduced::Never);
        }
    }

    #[test]
    fn ten_times_the_alternatives_take_some_ten_times_as_long() {
        let took = |count: u32| {
            let one = |n: u32| format!("src 10.{}.{}.1 dport {n}", n / 256, n % 256);
            let alternatives: Vec<String> = (0..count).map(one).collect();
            let rule = format!("drop ( {} )", alternatives.join(" or "));
            let start = std::time::Instant::now();
            assert!(matches!(reduced(&rule, Class::Ip4, Lane::Tcp), Reduced::If(_)));
            start.elapsed()
        };
        let (few, many) = (took(2_000), took(20_000));
        // A hundred times as long would be quadratic; the machine may be busy.
        assert!(many < few * 70, "{few:?} and {many:?}");
    }

    #[test]
    fn a_term_on_either_end_is_two_alternatives() {
        let Reduced::If(conds) = reduced("drop host 10.0.0.1", Class::Ip4, Lane::Other) else {
            panic!("it depends")
        };
        assert!(matches!(conds.as_slice(), [Cond::Any(both)] if both.len() == 2), "{conds:?}");
    }
}
