//! Which forms there are, and which of them a policy has.
//!
//! A form is a test of the language with the shape of its value. A test that the language gains does
//! not compile here until it has a name, and then is missing from the table until it has a row.

use std::collections::BTreeSet;

use palisade_filter::Policy;
use palisade_filter::policy::{
    End, Match, Protocol, Quantity, Relation, TCP_FLAGS, Tag, TcpFlags, Term, Test,
};
use palisade_filter::value::{AddressRange, Family};

/// The forms by name.
pub type Shapes = BTreeSet<String>;

/// Longer lists are compiled to constant tables.
const MOST_COMPARED: usize = 8;

const ENDS: [End; 3] = [End::Source, End::Destination, End::Either];
const SIDES: [End; 2] = [End::Source, End::Destination];
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The forms of the rules and keeps of a policy.
pub fn of(policy: &Policy) -> Shapes {
    let mut shapes = Shapes::new();
    for rule in policy.keeps().iter().chain(policy.rules()) {
        if rule.matching.terms().is_empty() {
            shapes.insert("no term".to_owned());
        }
        of_match(&rule.matching, 0, &mut shapes);
    }
    shapes
}

fn of_match(matching: &Match, depth: usize, shapes: &mut Shapes) {
    if matching.terms().len() > 1 {
        shapes.insert("terms side by side".to_owned());
    }
    for term in matching.terms() {
        of_term(term, depth, shapes);
    }
}

fn of_term(term: &Term, depth: usize, shapes: &mut Shapes) {
    match term {
        Term::Test(test) => shapes.extend(of_test(test)),
        Term::Not(inner) => {
            shapes.insert("not".to_owned());
            of_term(inner, depth, shapes);
        }
        Term::Any(all) => {
            shapes.insert(if depth == 0 { "or" } else { "or within or" }.to_owned());
            all.iter().for_each(|one| of_match(one, depth + 1, shapes));
        }
    }
}

fn of_test(test: &Test) -> Vec<String> {
    let one = |name: &str| vec![name.to_owned()];
    match test {
        Test::Family(family) => one(family_name(*family)),
        Test::Arp => one("arp"),
        Test::EtherType(_) => one("ethertype"),
        Test::Nd => one("nd"),
        Test::Dhcp => one("dhcp"),
        Test::Protocol(protocol) => one(protocol_name(*protocol)),
        Test::Icmp => one("icmp"),
        Test::Icmp6 => one("icmp6"),
        Test::Address(end, list) => {
            let all = FAMILIES.into_iter().filter(|family| list.has(*family));
            all.map(|family| {
                let own = list.only(family);
                address(*end, family, shape_of_addresses(&own.ranges().collect::<Vec<_>>()))
            })
            .collect()
        }
        Test::AddressIn(end, _) => vec![format!("{} in", end.word())],
        Test::Port(end, ports) => {
            let ranges: Vec<_> = ports.ranges().collect();
            let shape = match ranges.as_slice() {
                [one] if one.first() == one.last() => "one",
                [_] => "range",
                all if all.len() <= MOST_COMPARED => "list",
                _ => "long list",
            };
            vec![port(*end, shape)]
        }
        Test::ServiceIn(_) => one("service in"),
        Test::IcmpType { code: None, .. } => one("type"),
        Test::IcmpType { code: Some(_), .. } => one("type code"),
        Test::Flags(flags) => of_flags(*flags),
        Test::Number(quantity, relation, _) => vec![compared(*quantity, *relation)],
        Test::Fragment => one("fragment"),
        Test::Options => one("options"),
        Test::Vlan(tag, _) => one(tag.word()),
        Test::Tagged(tag) => vec![format!("{} any", tag.word())],
        Test::Queue(_) => one("queue"),
        Test::Unicast(end) => vec![format!("ether {} unicast", end.word())],
        Test::Mac(end, _) => vec![format!("ether {}", end.word())],
        Test::MacIn(end, _) => vec![format!("ether {} in", end.word())],
    }
}

fn shape_of_addresses(ranges: &[AddressRange]) -> &'static str {
    match ranges {
        [one] => match one.as_prefix() {
            Some(prefix) if prefix.is_host() => "one",
            Some(_) => "prefix",
            None => "range",
        },
        all if all.len() <= MOST_COMPARED => "list",
        _ => "long list",
    }
}

fn of_flags(flags: TcpFlags) -> Vec<String> {
    let named = |(name, bit): &(&str, u16)| match (flags.mask() & bit, flags.value() & bit) {
        (0, _) => None,
        (_, 0) => Some(format!("flags !{name}")),
        _ => Some(format!("flags {name}")),
    };
    TCP_FLAGS.iter().filter_map(named).collect()
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip4",
        Family::V6 => "ip6",
    }
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        Protocol::SCTP => "sctp",
        _ => "proto",
    }
}

fn address(end: End, family: Family, shape: &str) -> String {
    format!("{} {} {shape}", end.word(), family_name(family))
}

fn port(end: End, shape: &str) -> String {
    format!("{} {shape}", end.port_word())
}

fn compared(quantity: Quantity, relation: Relation) -> String {
    format!("{} {}", quantity.word(), relation.mark())
}

/// Every form that there is.
pub fn all() -> Shapes {
    const PLAIN: [&str; 27] = [
        "queue",
        "ip4",
        "ip6",
        "arp",
        "ethertype",
        "nd",
        "dhcp",
        "tcp",
        "udp",
        "sctp",
        "proto",
        "icmp",
        "icmp6",
        "service in",
        "type",
        "type code",
        "fragment",
        "options",
        "no term",
        "terms side by side",
        "not",
        "or",
        "or within or",
        "vlan",
        "inner-vlan",
        "vlan any",
        "inner-vlan any",
    ];
    let mut all: Shapes = PLAIN.into_iter().map(str::to_owned).collect();
    assert!(all.contains(Tag::Outer.word()) && all.contains(Tag::Inner.word()));
    for end in ENDS {
        all.insert(format!("{} in", end.word()));
        for shape in ["one", "range", "list", "long list"] {
            all.insert(port(end, shape));
            all.extend(FAMILIES.map(|family| address(end, family, shape)));
        }
        all.extend(FAMILIES.map(|family| address(end, family, "prefix")));
    }
    for end in SIDES {
        all.extend([format!("ether {}", end.word()), format!("ether {} in", end.word())]);
        all.insert(format!("ether {} unicast", end.word()));
    }
    for quantity in [Quantity::Ttl, Quantity::Length, Quantity::Dscp] {
        for relation in [Relation::Below, Relation::Above, Relation::Is] {
            all.insert(compared(quantity, relation));
        }
    }
    all.extend(
        TCP_FLAGS.iter().flat_map(|(name, _)| [format!("flags {name}"), format!("flags !{name}")]),
    );
    all
}
