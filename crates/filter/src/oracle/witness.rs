//! Frames that meet a match, found by making plain ones meet it term by term.
//!
//! A search begins with a plain frame of each kind. Each term keeps those that meet it and adds
//! variants in which what the term tests is changed: to the ends of its ranges, to their neighbours,
//! to members of its sets. Whatever comes out is read again and meets the whole match, or it is
//! left out; there are at most [`MOST`] of them.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec;

use super::compose::{Content, EXPERIMENT, Packet, Sample, TO4, TO6};
use super::frame::{self, Piece};
use super::terms;
use super::{Contents, Decider, Decision, decide};
use crate::policy::{End, Match, Policy, Protocol, Quantity, SetId, Tag, Term, Test};
use crate::value::{
    AddressRange, Addresses, Family, Item, Mac, PortRange, Prefix, Service, Transport,
};

/// The most frames that are given for a match.
const MOST: usize = 64;
/// The most frames that a term leaves for the next one.
const MOST_BETWEEN: usize = 128;
/// The most ranges of a list of which the ends are tried.
const MOST_RANGES: usize = 8;
/// The most alternatives that are tried.
const MOST_ALTERNATIVES: usize = 64;

/// Frames that meet a match, some for each way that was found to meet it.
pub fn witnesses(matching: &Match, contents: &impl Contents) -> Vec<Vec<u8>> {
    let found = meet_all(plain_samples(), matching, contents);
    let frames = found.iter().map(Sample::encode).filter(|frame| meets(frame, matching, contents));
    thin(frames.collect(), MOST)
}

/// How many frames that a `keep` is about are kept, or the first one that something else decides.
///
/// Entries come and go while a policy runs: each set is taken to hold, besides its contents, one
/// address of documentation, one service and one Ethernet address.
pub fn proves(
    policy: &Policy,
    contents: &impl Contents,
    keep: usize,
) -> Result<usize, Box<(Vec<u8>, Decision)>> {
    let contents = Peopled { contents };
    let frames = policy.keeps().get(keep).map(|rule| witnesses(&rule.matching, &contents));
    let frames = frames.unwrap_or_default();
    let passed = frames.len();
    for frame in frames {
        let decision = decide(policy, &contents, &frame);
        if !matches!(decision.decider, Decider::Keep(_)) {
            return Err(Box::new((frame, decision)));
        }
    }
    Ok(passed)
}

/// Contents, and an entry for each set that might be empty.
struct Peopled<'a, C> {
    contents: &'a C,
}

const SOMEBODY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x77)),
];
const SOME_PORT: u16 = 7777;
const SOME_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x77]);

impl<C: Contents> Contents for Peopled<'_, C> {
    fn has_address(&self, set: SetId, addr: IpAddr) -> bool {
        SOMEBODY.contains(&addr) || self.contents.has_address(set, addr)
    }

    fn has_service(&self, set: SetId, protocol: Protocol, port: u16) -> bool {
        protocol.has_ports() && port == SOME_PORT || self.contents.has_service(set, protocol, port)
    }

    fn has_mac(&self, set: SetId, mac: Mac) -> bool {
        mac == SOME_MAC || self.contents.has_mac(set, mac)
    }

    fn some_items(&self, set: SetId) -> Vec<Item> {
        let service = Service { transport: Transport::Any, ports: PortRange::one(SOME_PORT) };
        let [v4, v6] = SOMEBODY.map(|addr| Item::Net(Prefix::host(addr)));
        let mut items = vec![v4, v6, Item::Service(service), Item::Mac(SOME_MAC)];
        items.extend(self.contents.some_items(set));
        items
    }
}

fn meets(frame: &[u8], matching: &Match, contents: &impl Contents) -> bool {
    let (facts, flaw) = frame::read(frame);
    flaw.is_none() && terms::holds(matching, &facts, contents)
}

/// What a term is to be of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    True,
    False,
}

impl Wanted {
    const fn opposite(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
        }
    }
}

fn meet_all(samples: Vec<Sample>, matching: &Match, contents: &impl Contents) -> Vec<Sample> {
    matching
        .terms()
        .iter()
        .fold(samples, |samples, term| meet(samples, term, Wanted::True, contents))
}

fn meet(
    samples: Vec<Sample>,
    term: &Term,
    wanted: Wanted,
    contents: &impl Contents,
) -> Vec<Sample> {
    let mut found = match (term, wanted) {
        (Term::Test(test), _) => {
            samples.iter().flat_map(|sample| variants(sample, test, contents)).collect()
        }
        (Term::Not(term), _) => meet(samples, term, wanted.opposite(), contents),
        (Term::Any(all), Wanted::True) => spread(all, MOST_ALTERNATIVES)
            .into_iter()
            .flat_map(|one| meet_all(samples.clone(), &one, contents))
            .collect(),
        (Term::Any(all), Wanted::False) => {
            all.iter().fold(samples, |samples, one| miss(&samples, one, contents))
        }
    };
    found.retain(|sample: &Sample| {
        let (facts, flaw) = frame::read(&sample.encode());
        let holds = terms::term_holds(term, &facts, contents);
        flaw.is_none() && holds == (wanted == Wanted::True)
    });
    thin(found, MOST_BETWEEN)
}

/// Samples that miss a match because of one of its terms.
fn miss(samples: &[Sample], matching: &Match, contents: &impl Contents) -> Vec<Sample> {
    let terms = matching.terms().iter();
    let found = terms.flat_map(|term| meet(samples.to_vec(), term, Wanted::False, contents));
    thin(found.collect(), MOST_BETWEEN)
}

/// At most `most` of `all`, each once, the first and the last among them.
fn thin<T: Clone + Eq + Hash>(mut all: Vec<T>, most: usize) -> Vec<T> {
    let mut seen = HashSet::new();
    all.retain(|one| seen.insert(one.clone()));
    spread(&all, most)
}

/// At most `most` of `all` (more than one), the first and the last among them.
fn spread<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let last = all.len().saturating_sub(1);
    if last < most {
        return all.to_vec();
    }
    (0..most).filter_map(|at| all.get(at * last / (most - 1))).cloned().collect()
}

/// A plain frame of each kind.
fn plain_samples() -> Vec<Sample> {
    let ends = [
        (IpAddr::from(Ipv4Addr::new(192, 0, 2, 2)), IpAddr::from(TO4), Protocol::ICMP),
        (
            IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
            TO6.into(),
            Protocol::ICMPV6,
        ),
    ];
    let mut contents = vec![Content::Arp, Content::Other(0x88cc)];
    for (from, to, icmp) in ends {
        for protocol in [Protocol::TCP, Protocol::UDP, Protocol::SCTP, icmp, EXPERIMENT] {
            let packet = Packet::new(from, to, protocol);
            contents.push(Content::Ip(Packet { piece: Piece::Later, ..packet.clone() }));
            contents.push(Content::Ip(packet));
        }
    }
    contents.into_iter().map(Sample::new).collect()
}

/// The sample, and what it becomes when that which the test looks at is changed.
fn variants(sample: &Sample, test: &Test, contents: &impl Contents) -> Vec<Sample> {
    let mut all = vec![sample.clone()];
    match test {
        Test::EtherType(number) => {
            all.push(Sample { content: Content::Other(*number), ..sample.clone() });
        }
        Test::Vlan(tag, id) => {
            for id in [*id, id ^ 1] {
                all.push(Sample { tags: tags(&sample.tags, *tag, id), ..sample.clone() });
            }
        }
        Test::Tagged(tag) => {
            let before = match tag {
                Tag::Outer => Vec::new(),
                Tag::Inner => vec![1],
            };
            all.push(Sample { tags: tags(&sample.tags, *tag, 1), ..sample.clone() });
            all.push(Sample { tags: before, ..sample.clone() });
        }
        Test::Unicast(end) => all.extend(with_macs(sample, *end, &STATION_AND_GROUP)),
        Test::Mac(end, mac) => all.extend(with_macs(sample, *end, &[*mac, neighbour(*mac)])),
        Test::MacIn(end, set) => {
            let items = contents.some_items(*set);
            let macs = items.iter().filter_map(as_mac).flat_map(|mac| [mac, neighbour(mac)]);
            all.extend(with_macs(sample, *end, &macs.collect::<Vec<_>>()));
        }
        Test::Family(_)
        | Test::Queue(_)
        | Test::Arp
        | Test::Nd
        | Test::Dhcp
        | Test::Protocol(_)
        | Test::Icmp
        | Test::Icmp6
        | Test::Address(..)
        | Test::AddressIn(..)
        | Test::Port(..)
        | Test::ServiceIn(_)
        | Test::IcmpType { .. }
        | Test::Flags(_)
        | Test::Number(..)
        | Test::Fragment
        | Test::Options => {
            if let Content::Ip(packet) = &sample.content {
                let packets = packet_variants(packet, test, contents).into_iter();
                all.extend(packets.map(|p| Sample { content: Content::Ip(p), ..sample.clone() }));
            }
        }
    }
    all
}

fn tags(before: &[u16], tag: Tag, id: u16) -> Vec<u16> {
    match tag {
        Tag::Outer => [&[id], before.get(1..).unwrap_or_default()].concat(),
        Tag::Inner => vec![before.first().copied().unwrap_or(1), id],
    }
}

/// An address of one station and one of a group.
const STATION_AND_GROUP: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 9]), Mac([3, 0, 0, 0, 0, 9])];

const fn neighbour(mac: Mac) -> Mac {
    let Mac([a, b, c, d, e, f]) = mac;
    Mac([a, b, c, d, e, f ^ 1])
}

fn with_macs(sample: &Sample, end: End, macs: &[Mac]) -> Vec<Sample> {
    let with = |mac: &Mac| match end {
        End::Source => Sample { source: *mac, ..sample.clone() },
        End::Destination | End::Either => Sample { destination: *mac, ..sample.clone() },
    };
    macs.iter().map(with).collect()
}

fn as_mac(item: &Item) -> Option<Mac> {
    match item {
        Item::Mac(mac) => Some(*mac),
        Item::Net(_) | Item::Service(_) => None,
    }
}

fn packet_variants(packet: &Packet, test: &Test, contents: &impl Contents) -> Vec<Packet> {
    let family = if packet.source.is_ipv4() { Family::V4 } else { Family::V6 };
    match test {
        Test::Address(end, list) => with_addresses(packet, *end, &around(list, family)),
        Test::AddressIn(end, set) => {
            let ranges = contents.some_items(*set);
            let list: Addresses = ranges.iter().filter_map(as_range).collect();
            with_addresses(packet, *end, &around(&list, family))
        }
        Test::Port(end, list) => {
            let ranges: Vec<PortRange> = list.ranges().collect();
            let ranges = spread(&ranges, MOST_RANGES).into_iter();
            let ports: Vec<u16> = ranges.flat_map(|r| ends(r.first(), r.last())).collect();
            with_ports(packet, *end, &ports)
        }
        Test::ServiceIn(set) => {
            let items = contents.some_items(*set);
            let ranges = items.iter().filter_map(as_ports);
            let ports: Vec<u16> = ranges.flat_map(|r| ends(r.first(), r.last())).collect();
            with_ports(packet, End::Destination, &ports)
        }
        Test::Nd => {
            let with = |kind| Packet { icmp: [kind, 0], ttl: 255, ..packet.clone() };
            [132, 133, 135, 136, 137, 138].map(with).into()
        }
        Test::Dhcp => {
            let [server, client] = if family == Family::V4 { [67, 68] } else { [547, 546] };
            let pairs = [[server, client], [client, server], [server, server]];
            pairs.map(|ports| Packet { ports, ..packet.clone() }).into()
        }
        Test::Protocol(protocol) => vec![Packet { protocol: *protocol, ..packet.clone() }],
        Test::IcmpType { kind, code } => {
            let code = code.unwrap_or(0);
            let pairs = [[*kind, code], [*kind, code ^ 1], [kind ^ 1, code]];
            pairs.map(|icmp| Packet { icmp, ..packet.clone() }).into()
        }
        Test::Flags(flags) => {
            let (value, mask) = (flags.value(), flags.mask());
            let all =
                [value, value | !mask & 0x1ff, !value & mask, value ^ mask & mask.wrapping_neg()];
            all.map(|flags| Packet { flags, ..packet.clone() }).into()
        }
        Test::Number(quantity, _, number) => {
            let numbers = [number.saturating_sub(1), *number, number + 1];
            numbers.iter().map(|number| with_number(packet, *quantity, *number)).collect()
        }
        Test::Fragment => {
            let pieces = match family {
                Family::V4 => [Piece::Whole, Piece::First, Piece::Later].as_slice(),
                Family::V6 => &[Piece::Whole, Piece::Atomic, Piece::First, Piece::Later],
            };
            pieces.iter().map(|piece| Packet { piece: *piece, ..packet.clone() }).collect()
        }
        Test::Options => vec![Packet { options: !packet.options, ..packet.clone() }],
        // The plain frames are of either kind.
        Test::Family(_) | Test::Arp | Test::Icmp | Test::Icmp6 => Vec::new(),
        Test::EtherType(_)
        | Test::Vlan(..)
        | Test::Tagged(_)
        | Test::Mac(..)
        | Test::MacIn(..)
        | Test::Unicast(_)
        | Test::Queue(_) => Vec::new(),
    }
}

fn with_number(packet: &Packet, quantity: Quantity, number: u32) -> Packet {
    let number = number.min(quantity.most());
    let byte = u8::try_from(number).unwrap_or(u8::MAX);
    match quantity {
        Quantity::Ttl => Packet { ttl: byte, ..packet.clone() },
        Quantity::Dscp => Packet { dscp: byte, ..packet.clone() },
        Quantity::Length => Packet { length: Some(number), ..packet.clone() },
    }
}

fn as_range(item: &Item) -> Option<AddressRange> {
    match item {
        Item::Net(prefix) => Some(AddressRange::of(prefix)),
        Item::Service(_) | Item::Mac(_) => None,
    }
}

fn as_ports(item: &Item) -> Option<PortRange> {
    match item {
        Item::Service(service) => Some(service.ports),
        Item::Net(_) | Item::Mac(_) => None,
    }
}

/// A range's neighbours and its ends.
fn ends(first: u16, last: u16) -> [u16; 4] {
    [first.saturating_sub(1), first, last, last.saturating_add(1)]
}

/// The same of the addresses of a family.
fn around(list: &Addresses, family: Family) -> Vec<IpAddr> {
    let most = u128::MAX >> (128 - u32::from(family.bits()));
    let ends = |(first, last): &(u128, u128)| {
        [first.saturating_sub(1), *first, *last, last.saturating_add(1).min(most)]
    };
    let ranges = spread(list.bits(family), MOST_RANGES);
    let address = |bits: u128| match family {
        Family::V4 => u32::try_from(bits).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        Family::V6 => Some(Ipv6Addr::from_bits(bits).into()),
    };
    ranges.iter().flat_map(ends).filter_map(address).collect()
}

fn with_addresses(packet: &Packet, end: End, addresses: &[IpAddr]) -> Vec<Packet> {
    let with = |addr: &IpAddr| {
        each_end(end, [packet.source, packet.destination], *addr)
            .map(|[source, destination]| Packet { source, destination, ..packet.clone() })
    };
    addresses.iter().flat_map(with).collect()
}

fn with_ports(packet: &Packet, end: End, ports: &[u16]) -> Vec<Packet> {
    let with = |port: &u16| {
        each_end(end, packet.ports, *port).map(|ports| Packet { ports, ..packet.clone() })
    };
    ports.iter().flat_map(with).collect()
}

/// Source and destination with a value in place of the end that is meant: where it may be either,
/// of each and of both.
fn each_end<T: Copy>(end: End, [source, destination]: [T; 2], value: T) -> vec::IntoIter<[T; 2]> {
    let ends = match end {
        End::Source => vec![[value, destination]],
        End::Destination => vec![[source, value]],
        End::Either => vec![[value, destination], [source, value], [value, value]],
    };
    ends.into_iter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary::{Quarters, matching, sample, test};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn a_test_that_a_frame_meets_or_misses_has_witnesses(test in test(), sample in sample()) {
            let term = Term::Test(test);
            for term in [term.clone(), Term::Not(Box::new(term))] {
                let Ok(matching) = Match::new(vec![term]) else { continue };
                if meets(&sample.encode(), &matching, &Quarters) {
                    let frames = witnesses(&matching, &Peopled { contents: &Quarters });
                    prop_assert!(!frames.is_empty(), "{:?}", matching);
                }
            }
        }

        #[test]
        fn witnesses_are_few_and_each_meets_its_match(matching in matching()) {
            let frames = witnesses(&matching, &Quarters);
            prop_assert!(frames.len() <= MOST);
            for frame in frames {
                let (facts, flaw) = frame::read(&frame);
                prop_assert_eq!(flaw, None);
                prop_assert!(terms::holds(&matching, &facts, &Quarters));
            }
        }
    }

    #[test]
    fn a_thinned_list_keeps_its_ends() {
        for (len, most) in [(1, 2), (16, 16), (17, 16), (1000, 16), (257, 256)] {
            let all: Vec<usize> = (0..len).collect();
            let some = thin(all, most);
            assert_eq!(some.len(), len.min(most));
            assert_eq!([some.first(), some.last()], [Some(&0), Some(&(len - 1))]);
        }
    }
}
