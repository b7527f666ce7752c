//! Entries are counted where a rule that matches found them, and nowhere else.
//!
//! A rule counts the most narrow entry for each of its terms that looks into a set; of alternatives,
//! the first one that holds; behind `not` there is nothing to count. Whether the planner has tested
//! the same before makes no difference.

use std::collections::BTreeMap;
use std::net::IpAddr;

use palisade_filter::oracle::Decider;
use palisade_filter::policy::{End, Policy, Rule, SetId, Term, Test};
use palisade_filter::value::{Mac, Transport};
use palisade_filter::{Item, parse};
use palisade_tests::agree::Readings;
use palisade_tests::packet::{Packet, eth, icmp, ipv4, ipv6, sctp, tcp, udp};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::Chance;

use crate::number;

/// Entries of different widths, and no two services that cover the same.
const SETS: &str = "\
set nets net { max 16 elements { 10.0.0.1, 10.0.0.0/30, 10.0.0.0/24, 2001:db8::1, 2001:db8::/126 } }
set ports service { max 16 elements { tcp/80, udp/53, any/67-68, sctp/443 } }
set macs mac { max 4 elements { 02:00:5e:10:00:01, 02:00:5e:10:00:02 } }
";
/// Look-ups of which a rule has one of each half: none of the one is among those of the other.
const LOOK_UPS: [[&str; 5]; 2] = [
    [
        "src in nets",
        "dst in nets",
        "host in nets",
        "ether dst in macs",
        "( ether dst in macs dport 53 or src in nets )",
    ],
    [
        "service in ports",
        "ether src in macs",
        "service in ports",
        "( service in ports or ether src in macs )",
        "( ether src in macs dport 53 or service in ports )",
    ],
];
const OTHERS: [&str; 7] = ["", "", "dport 53", "dport 80", "udp", "ttl = 64", "src 10.0.0.0/8"];
/// As many as show each look-up behind each other.
const POLICIES: u64 = 24;
const ACTIONS: [&str; 6] = ["drop", "drop", "pass", "pass", "abort", "count"];

/// A frame, and what of it sets are asked about.
struct Asked {
    frame: Vec<u8>,
    addresses: [IpAddr; 2],
    service: Option<(Transport, u16)>,
    macs: [Mac; 2],
}

fn asked(chance: &mut Chance) -> Asked {
    let mut mac = || Mac([2, 0, 0x5e, 0x10, 0, chance.one(&[1, 2, 3])]);
    let macs = [mac(), mac()];
    let link = Packet::new() / eth().src(macs[0].0).dst(macs[1].0);
    let mut last = || chance.one(&[0u8, 1, 2, 3, 4, 200]);
    let ends = [last(), last()];
    let (network, addresses) = if chance.once_in(2) {
        let addresses = ends.map(|last| [10, 0, last / 200, last].into());
        (link / ipv4().src(addresses[0]).dst(addresses[1]), addresses.map(IpAddr::V4))
    } else {
        let addresses = ends.map(|last| [0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()].into());
        (link / ipv6().src(addresses[0]).dst(addresses[1]), addresses.map(IpAddr::V6))
    };
    let port = chance.one(&[53, 67, 68, 80, 81, 443]);
    let (packet, transport) = match chance.below(4) {
        0 => (network / tcp(1, port), Some(Transport::Tcp)),
        1 => (network / udp(1, port), Some(Transport::Udp)),
        2 => (network / sctp(1, port), Some(Transport::Sctp)),
        _ => (network / icmp(8, 0), None),
    };
    let service = transport.map(|transport| (transport, port));
    Asked { frame: packet.build(), addresses, service, macs }
}

/// A rule, or a run of them.
fn rule(chance: &mut Chance) -> String {
    let mut term = |of: &[&'static str]| {
        let not = if chance.once_in(3) { "not " } else { "" };
        format!("{not}{}", chance.one(of))
    };
    let mut terms = LOOK_UPS.map(|half| term(&half));
    if chance.once_in(2) {
        terms.reverse();
    }
    let terms = if chance.once_in(2) { terms.join(" ") } else { terms[0].clone() };
    let rule = format!("{} {terms} {}", chance.one(&ACTIONS), chance.one(&OTHERS));
    if chance.once_in(4) { run(&rule) } else { format!("{rule}\n") }
}

/// Rules that differ in a port alone: they become a look-up in a constant table.
fn run(rule: &str) -> String {
    let ports = [53, 67, 68, 80, 81, 443, 1000, 1002, 1004, 1006];
    ports.map(|port| format!("{rule} dport {port}\n")).concat()
}

/// The entry of a set that a test finds, if it finds any.
fn found(policy: &Policy, test: &Test, asked: &Asked) -> Option<(SetId, String)> {
    let of = |set: SetId, holds: &dyn Fn(&Item) -> Option<u128>| {
        let elements = policy.sets()[set.index()].elements.iter();
        let held = elements.filter_map(|item| Some((holds(item)?, item.to_string())));
        held.max().map(|(_, item)| (set, item))
    };
    let address = |set, addr: IpAddr| {
        of(set, &|item| match item {
            Item::Net(net) => net.contains(addr).then_some(net.len().into()),
            Item::Service(_) | Item::Mac(_) => None,
        })
    };
    let [source, destination] = asked.addresses;
    match test {
        Test::AddressIn(End::Source, set) => address(*set, source),
        Test::AddressIn(End::Destination, set) => address(*set, destination),
        Test::AddressIn(End::Either, set) => {
            address(*set, source).or_else(|| address(*set, destination))
        }
        Test::ServiceIn(set) => of(*set, &|item| match (item, asked.service) {
            (Item::Service(service), Some((transport, port))) => {
                let covers = service.transport.covers(transport) && service.ports.contains(port);
                covers.then_some(0)
            }
            _ => None,
        }),
        Test::MacIn(end, set) => of(*set, &|item| match item {
            Item::Mac(mac) => (asked.macs[usize::from(*end != End::Source)] == *mac).then_some(0),
            Item::Net(_) | Item::Service(_) => None,
        }),
        _ => None,
    }
}

/// The entries that tests find which stand side by side; none if one of them does not hold.
fn found_by_all(policy: &Policy, terms: &[Term], asked: &Asked) -> Vec<(SetId, String)> {
    let mut all = Vec::new();
    for term in terms {
        let Term::Test(test) = term else { panic!("alternatives are of tests here") };
        let to_53 = matches!(asked.service, Some((_, 53)));
        match found(policy, test, asked) {
            Some(entry) => all.push(entry),
            None if matches!(test, Test::Port(..)) && to_53 => {}
            None => return Vec::new(),
        }
    }
    all
}

/// The entries that a rule counts for a frame that it matches.
fn counted_by(policy: &Policy, rule: &Rule, asked: &Asked) -> Vec<(SetId, String)> {
    let of_term = |term: &Term| match term {
        Term::Test(test) => found(policy, test, asked).into_iter().collect(),
        Term::Not(_) => Vec::new(),
        Term::Any(all) => {
            let mut each = all.iter().map(|one| found_by_all(policy, one.terms(), asked));
            each.find(|found| !found.is_empty()).unwrap_or_default()
        }
    };
    rule.matching.terms().iter().flat_map(of_term).collect()
}

#[test]
fn an_entry_counts_the_packets_of_the_rules_that_found_it() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for seed in 0..number("PALISADE_POLICIES").unwrap_or(POLICIES) {
        let mut chance = Chance::new(seed);
        let rules: String = (0..2 + chance.below(12)).map(|_| rule(&mut chance)).collect();
        let text = format!("{SETS}{rules}default pass\n");
        let Ok(policy) = parse(&text) else { continue };
        let mut readings = Readings::of(&kernel, &text, &[], kernel.best())
            .unwrap_or_else(|refusal| panic!("{refusal}\nof:\n{text}"));
        let mut want = BTreeMap::new();
        for _ in 0..60 {
            let asked = asked(&mut chance);
            let decision = readings
                .decide(&asked.frame)
                .unwrap_or_else(|difference| panic!("{difference}\nof:\n{text}"));
            let last = match decision.decider {
                Decider::Rule(at) => Some(at),
                _ => None,
            };
            for at in decision.counted.into_iter().chain(last) {
                for (set, item) in counted_by(&policy, &policy.rules()[at], &asked) {
                    let counts = want.entry((set, item)).or_insert([0, 0]);
                    *counts = [counts[0] + 1, counts[1] + asked.frame.len() as u64];
                }
            }
        }
        for (at, set) in policy.sets().iter().enumerate() {
            for item in set.elements.iter().map(Item::to_string) {
                let counts = readings.hits(set.name.as_str(), &item);
                let own = want.iter().find(|((id, other), _)| id.index() == at && *other == item);
                let wanted = own.map_or([0, 0], |(_, counts)| *counts);
                assert_eq!(counts, wanted, "{item} in `{}`, seed {seed}:\n{text}", set.name);
            }
        }
    }
}
