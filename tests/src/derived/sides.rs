//! The settings that meet a test, and those that miss it by one: each constant, the ends of each
//! range and what is beside them, each bit of a mask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_filter::Item;
use palisade_filter::policy::{End, Quantity, Relation, SetId, Tag, Test};
use palisade_filter::value::{AddressRange, Addresses, Family, PortRange, Transport};

use super::{Kind, Piece, Setting};

/// The items of a set, and whether they match.
pub type Items = Vec<(Item, bool)>;

/// What meets a test, and what misses it.
pub type Sides = (Vec<Setting>, Vec<Setting>);

const KINDS: [Kind; 4] = [Kind::Ip4, Kind::Ip6, Kind::Arp, Kind::Other(0x88cc)];

/// The settings of a test in a policy whose sets have these items.
pub fn of_test(test: &Test, items: &impl Fn(SetId) -> Items) -> Sides {
    match test {
        Test::Family(family) => kinds(if *family == Family::V4 { Kind::Ip4 } else { Kind::Ip6 }),
        Test::Arp => kinds(Kind::Arp),
        Test::EtherType(number) => match number {
            0x0800 => kinds(Kind::Ip4),
            0x86dd => kinds(Kind::Ip6),
            0x0806 => kinds(Kind::Arp),
            _ => {
                let near = [number ^ 1, number ^ 0x100].map(|n| Setting::Kind(Kind::Other(n)));
                (vec![Setting::Kind(Kind::Other(*number))], near.into())
            }
        },
        Test::Nd => discovery(),
        Test::Dhcp => dhcp(),
        Test::Protocol(protocol) => protocols(protocol.0),
        Test::Icmp => over(Kind::Ip4, 1),
        Test::Icmp6 => over(Kind::Ip6, 58),
        Test::Address(end, list) => addresses(*end, list),
        Test::AddressIn(end, set) => address_sets(*end, items(*set)),
        Test::Port(end, list) => ports(*end, list.ranges()),
        Test::ServiceIn(set) => services(items(*set)),
        Test::IcmpType { kind, code } => icmp(*kind, *code),
        Test::Flags(flags) => tcp_flags(flags.value(), flags.mask()),
        Test::Number(quantity, relation, number) => numbers(*quantity, *relation, *number),
        Test::Fragment => fragments(),
        Test::Options => (
            [1, 2, 9, 10].map(Setting::Options).into(),
            vec![Setting::Options(0), Setting::Kind(Kind::Ip6)],
        ),
        Test::Vlan(tag, id) => vlans(*tag, *id),
        Test::Mac(end, mac) => macs(*end, vec![(Item::Mac(*mac), true)]),
        Test::MacIn(end, set) => macs(*end, items(*set)),
        Test::Unicast(end) => {
            let mac = |first| Setting::Mac(*end, [first, 0, 0x5e, 0, 0, 9]);
            (vec![mac(2), mac(0)], vec![mac(3), mac(0xff)])
        }
        // No frame says so.
        Test::Queue(_) => (Vec::new(), Vec::new()),
        Test::Tagged(tag) => (vlans(*tag, 5).0, vec![Setting::NoVlan(*tag)]),
    }
}

fn kinds(wanted: Kind) -> Sides {
    let all = KINDS.into_iter().map(Setting::Kind);
    let (inside, outside) = all.zip(KINDS).partition::<Vec<_>, _>(|(_, kind)| *kind == wanted);
    (inside.into_iter().map(|(s, _)| s).collect(), outside.into_iter().map(|(s, _)| s).collect())
}

fn discovery() -> Sides {
    let of = |kind: u8, ttl: u8| {
        Setting::All(vec![Setting::Kind(Kind::Ip6), Setting::Icmp(kind, 0), Setting::Ttl(ttl)])
    };
    let piece = |piece| Setting::All(vec![of(135, 255), Setting::Piece(piece)]);
    let mut outside: Vec<Setting> = [132, 138].map(|kind| of(kind, 255)).into();
    outside.extend([133, 137].map(|kind| of(kind, 254)));
    outside.extend([piece(Piece::First), piece(Piece::Later(1)), piece(Piece::Atomic)]);
    ([133, 134, 135, 136, 137].map(|kind| of(kind, 255)).into(), outside)
}

fn dhcp() -> Sides {
    let of = |kind, from, to| {
        let ends = [Setting::Port(End::Source, from), Setting::Port(End::Destination, to)];
        let mut all = vec![Setting::Kind(kind), Setting::Protocol(17)];
        all.extend(ends);
        Setting::All(all)
    };
    let (four, six) = (Kind::Ip4, Kind::Ip6);
    let inside = [
        (four, 67, 68),
        (four, 68, 67),
        (four, 67, 67),
        (four, 68, 68),
        (six, 546, 547),
        (six, 547, 546),
        (six, 547, 547),
        (six, 546, 546),
    ];
    let outside = [
        (four, 66, 67),
        (four, 69, 68),
        (four, 67, 69),
        (four, 68, 66),
        (four, 546, 547),
        (six, 545, 546),
        (six, 548, 547),
        (six, 546, 548),
        (six, 547, 545),
        (six, 67, 68),
    ];
    (inside.map(|(k, a, b)| of(k, a, b)).into(), outside.map(|(k, a, b)| of(k, a, b)).into())
}

fn protocols(number: u8) -> Sides {
    let near = [number.wrapping_sub(1), number.wrapping_add(1)].map(Setting::Protocol);
    let mut outside: Vec<Setting> = near.into();
    outside.push(Setting::Kind(Kind::Arp));
    // Over IPv6 some numbers are extension headers.
    let four = Setting::All(vec![Setting::Kind(Kind::Ip4), Setting::Protocol(number)]);
    let later = Setting::All(vec![four.clone(), Setting::Piece(Piece::Later(2))]);
    let walked = [0, 43, 44, 51, 60].contains(&number);
    let any = if walked { four.clone() } else { Setting::Protocol(number) };
    (vec![any, four, later], outside)
}

fn over(kind: Kind, protocol: u8) -> Sides {
    let other = if kind == Kind::Ip4 { Kind::Ip6 } else { Kind::Ip4 };
    let of = |kind, protocol| Setting::All(vec![Setting::Kind(kind), Setting::Protocol(protocol)]);
    (vec![of(kind, protocol)], vec![of(other, protocol), of(kind, protocol + 1), of(kind, 6)])
}

/// The first and the last of a range and one between, and the neighbours of the range.
fn points<T: Copy + PartialOrd>(
    [first, middle, last]: [T; 3],
    below: Option<T>,
    above: Option<T>,
) -> (Vec<T>, Vec<T>) {
    let mut inside = vec![first];
    inside.extend([middle, last].into_iter().filter(|one| *one != first));
    (inside, below.into_iter().chain(above).collect())
}

fn address_of(family: Family, bits: u128) -> Option<IpAddr> {
    match family {
        Family::V4 => u32::try_from(bits).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        Family::V6 => Some(Ipv6Addr::from_bits(bits).into()),
    }
}

fn range_points(range: &AddressRange) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let ((first, last), family) = (range.bits(), range.family());
    let middle = first + (last - first) / 2;
    let (below, above) = (first.checked_sub(1), last.checked_add(1));
    let (inside, outside) = points([first, middle, last], below, above);
    let of = |all: Vec<u128>| all.into_iter().filter_map(|bits| address_of(family, bits)).collect();
    (of(inside), of(outside))
}

fn addresses(end: End, list: &Addresses) -> Sides {
    let mut sides = Sides::default();
    for range in list.ranges() {
        let (inside, outside) = range_points(&range);
        sides.0.extend(inside.into_iter().map(|addr| Setting::Address(end, addr)));
        let outside = outside.into_iter().filter(|addr| !list.contains(*addr));
        sides.1.extend(outside.map(|addr| away(end, addr)));
    }
    sides
}

/// An address that misses.
fn away(end: End, addr: IpAddr) -> Setting {
    if end == End::Either { Setting::both(addr) } else { Setting::Address(end, addr) }
}

fn address_sets(end: End, items: Items) -> Sides {
    let mut sides = Sides::default();
    for (item, matches) in items {
        let Item::Net(prefix) = item else { continue };
        let (inside, outside) = range_points(&AddressRange::of(&prefix));
        for addr in inside {
            if matches {
                sides.0.push(Setting::Address(end, addr));
            } else {
                sides.1.push(away(end, addr));
            }
        }
        sides.1.extend(outside.into_iter().map(|addr| away(end, addr)));
    }
    sides
}

fn port_points(range: PortRange) -> (Vec<u16>, Vec<u16>) {
    let (first, last) = (range.first(), range.last());
    let middle = first + (last - first) / 2;
    points([first, middle, last], first.checked_sub(1), last.checked_add(1))
}

fn ports(end: End, list: impl Iterator<Item = PortRange>) -> Sides {
    let mut sides = Sides::default();
    for range in list {
        let (inside, outside) = port_points(range);
        sides.0.extend(inside.into_iter().map(|port| Setting::Port(end, port)));
        let away = |port| match end {
            End::Either => Setting::both_ports(port),
            End::Source | End::Destination => Setting::Port(end, port),
        };
        sides.1.extend(outside.into_iter().map(away));
    }
    sides.1.push(Setting::Protocol(1));
    sides.1.push(Setting::Piece(Piece::Later(1)));
    sides
}

fn services(items: Items) -> Sides {
    let mut sides = Sides::default();
    for (item, matches) in items {
        let Item::Service(service) = item else { continue };
        let (inside, outside) = port_points(service.ports);
        for transport in Transport::EACH {
            let of = |port: &u16| Setting::Service(transport, *port);
            let met = matches && service.transport.covers(transport);
            let side = if met { &mut sides.0 } else { &mut sides.1 };
            side.extend(inside.iter().map(of));
            sides.1.extend(outside.iter().map(of));
        }
    }
    sides.1.push(Setting::Piece(Piece::Later(1)));
    sides
}

fn icmp(kind: u8, code: Option<u8>) -> Sides {
    let near = |n: u8| [n.wrapping_sub(1), n.wrapping_add(1)];
    let codes = code.map_or(vec![0, 1, 255], |code| vec![code]);
    let inside = codes.iter().map(|code| Setting::Icmp(kind, *code)).collect();
    let mut outside: Vec<Setting> = near(kind).map(|kind| Setting::Icmp(kind, codes[0])).into();
    outside.extend(code.into_iter().flat_map(near).map(|code| Setting::Icmp(kind, code)));
    outside.push(Setting::Piece(Piece::Later(1)));
    (inside, outside)
}

fn tcp_flags(value: u16, mask: u16) -> Sides {
    let others = !mask & 0x1ff;
    let one_off = (0..9).map(|bit| 1 << bit).filter(|bit| mask & bit != 0);
    let outside = one_off.flat_map(|bit| [value ^ bit, (value ^ bit) | others]);
    let single = (0..9).map(|bit| 1 << bit).filter(|bit| others & bit != 0);
    let inside = [value, value | others].into_iter().chain(single.map(|bit| value | bit));
    (inside.map(Setting::Flags).collect(), outside.map(Setting::Flags).collect())
}

fn numbers(quantity: Quantity, relation: Relation, number: u32) -> Sides {
    let of = |number: u32| match quantity {
        Quantity::Ttl => u8::try_from(number).ok().map(Setting::Ttl),
        Quantity::Dscp => u8::try_from(number).ok().filter(|n| *n < 64).map(Setting::Dscp),
        Quantity::Length => Some(Setting::Length(number)),
    };
    let holds = |own: u32| match relation {
        Relation::Below => own < number,
        Relation::Above => own > number,
        Relation::Is => own == number,
    };
    let mut sides = Sides::default();
    for own in [number.saturating_sub(1), number, number + 1, 0, quantity.most()] {
        let side = if holds(own) { &mut sides.0 } else { &mut sides.1 };
        side.extend(of(own));
    }
    sides.1.push(Setting::Kind(Kind::Arp));
    sides
}

fn fragments() -> Sides {
    let inside = [Piece::First, Piece::Later(1), Piece::Later(0x1fff), Piece::Later(185)];
    (inside.map(Setting::Piece).into(), [Piece::Whole, Piece::Atomic].map(Setting::Piece).into())
}

fn vlans(tag: Tag, id: u16) -> Sides {
    let near = [id ^ 1, id ^ 0x100, id ^ 0x800].map(|id| Setting::Vlan(tag, id & 0xfff));
    let other = if tag == Tag::Outer { Tag::Inner } else { Tag::Outer };
    let swapped = Setting::All(vec![near[0].clone(), Setting::Vlan(other, id)]);
    let mut outside: Vec<Setting> = near.into();
    outside.extend([swapped, Setting::NoVlan(tag)]);
    (vec![Setting::Vlan(tag, id)], outside)
}

fn macs(end: End, items: Items) -> Sides {
    let mut sides = Sides::default();
    for (item, matches) in items {
        let Item::Mac(mac) = item else { continue };
        let side = if matches { &mut sides.0 } else { &mut sides.1 };
        side.push(Setting::Mac(end, mac.0));
        let off = |at: usize| {
            let mut near = mac.0;
            near[at] ^= 1;
            Setting::Mac(end, near)
        };
        sides.1.extend((0..6).map(off));
    }
    sides
}
