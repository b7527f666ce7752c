//! The emitted look-ups in tables with roots of every size, against the plainest reading of the entries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_asm::ByteOrder;
use palisade_asm::vm::{Insert, Packet, Vm, World};
use palisade_filter::policy::EntryCounters;
use palisade_filter::structure::flat::{
    Cells, Counting, Flat, Need, Owned, Part, Room, Roots, Value,
};
use palisade_filter::structure::{NetPart, Origin, Stamp};
use palisade_filter::value::{Family, Prefix};
use palisade_filter::{Target, Verdict, compile, parse};

use super::Random;

const POLICY: &str = "set nets net { max 1024 }\ndrop src in nets\ndefault pass\n";

/// Prefixes of each family for which the roots have each size.
const FILLS: [[usize; 2]; 4] = [[0, 0], [5_000, 5_000], [200_000, 200_000], [600_000, 0]];

/// Roots of all sizes, each of IPv4 beside each of IPv6.
fn roots() -> impl Iterator<Item = Roots> {
    // The last of IPv6 would be the one before.
    let sizes6 = || FILLS.into_iter().take(3).map(|[_, six]| six);
    FILLS.into_iter().flat_map(move |[four, _]| sizes6().map(move |six| Roots::holding(four, six)))
}

/// Few prefixes lie apart, most beside another one or inside it: so that slots of each kind are at each
/// depth.
fn prefixes(random: &mut Random, family: Family) -> Vec<Prefix> {
    let of = |bits: u128, len: u8| {
        let open = 128 - u32::from(len);
        Prefix::new(address(family, bits >> open << open), len).expect("a length of the family")
    };
    let mut all = Vec::new();
    for _ in 0..60 {
        let (bits, most) = (random.bits(), u64::from(family.bits()));
        let len = |random: &mut Random| (8 + random.next() % (most - 7)) as u8;
        let first = len(random);
        all.push(of(bits, first));
        // One that parts from it somewhere.
        all.push(of(bits ^ 1 << (127 - random.next() % most), len(random)));
        all.push(of(bits, len(random)));
    }
    for _ in 0..6 {
        // Those that part at the last bits.
        let (bits, last) = (random.bits(), family.bits());
        let at = |low: u128| {
            bits >> (132 - u32::from(last)) << (132 - u32::from(last))
                | low << (128 - u32::from(last))
        };
        all.extend(
            [(0, 2), (0, 1), (1, 0), (2, 1), (8, 1), (10, 1)]
                .map(|(low, open)| of(at(low), last - open)),
        );
    }
    all.retain(|prefix| !(family == Family::V6 && prefix.is_host()));
    all.sort_unstable_by_key(|prefix| (prefix.addr(), prefix.len()));
    all.dedup();
    all
}

/// Addresses inside a prefix and beside it, which differ in one bit.
fn near(random: &mut Random, prefix: &Prefix) -> Vec<IpAddr> {
    let inside = match prefix.addr() {
        IpAddr::V4(addr) => u128::from(addr.to_bits()) << 96,
        IpAddr::V6(addr) => addr.to_bits(),
    } | random.bits().checked_shr(prefix.len().into()).unwrap_or(0);
    let flipped = (0..prefix.family().bits()).map(|at| inside ^ 1 << (127 - at));
    flipped.chain([inside]).map(|bits| address(prefix.family(), bits)).collect()
}

/// The address of a family that begins with these bits.
fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from_bits((bits >> 96) as u32)),
        Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(bits)),
    }
}

/// The program over these tables.
fn machine(flat: &Flat<Owned>, prefixes: &[Prefix]) -> Vm {
    let policy = parse(POLICY).expect("a policy");
    let artifact = compile(&policy, Target::FLOOR).expect("a program");
    let mut vm = Vm::new(&artifact.program).expect("its maps are simulated");
    for (map, value) in artifact.values(&policy, ByteOrder::HOST) {
        vm.maps_mut().put(map, &[0; 4], &value, Insert::Any).expect("one value");
    }
    for prefix in prefixes {
        let at = NetPart::of(prefix).index();
        flat.cells().store(Part::Head, at, flat.cells().load(Part::Head, at) + 1);
    }
    for part in Part::ALL {
        let Some(map) = vm.maps().find(&part.map_name("nets")) else { continue };
        vm.maps_mut().renew(map, flat.room().elements(part)).expect("room");
        let words: Vec<u64> = flat.cells().words(part).collect();
        for (index, element) in (0u32..).zip(words.chunks(part.element_words())) {
            if element.iter().any(|word| *word != 0) {
                let value: Vec<u8> = element.iter().flat_map(|word| word.to_ne_bytes()).collect();
                vm.maps_mut()
                    .put(map, &index.to_ne_bytes(), &value, Insert::Any)
                    .expect("an element");
            }
        }
    }
    vm
}

/// A frame from an address, of a protocol that no rule knows.
fn frame(source: IpAddr) -> Vec<u8> {
    let mut frame = vec![2; 12];
    match source {
        IpAddr::V4(addr) => {
            frame.extend([8, 0, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0]);
            frame.extend(addr.octets());
            frame.extend([192, 0, 2, 1]);
        }
        IpAddr::V6(addr) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 253, 64]);
            frame.extend(addr.octets());
            frame.extend([0x20; 16]);
            frame.extend([0; 8]);
        }
    }
    frame
}

#[test]
fn roots_of_every_size_are_looked_up_alike() {
    for roots in roots() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(roots.nodes()));
        let all: Vec<Prefix> =
            [Family::V4, Family::V6].map(|family| prefixes(&mut random, family)).concat();
        let room =
            Room { entries: 1024, roots, nodes: 9000, buckets6: 16, counting: Counting::Own(1) };
        let flat = Flat::create(Owned::new(room), room, 1024, 1);
        for prefix in &all {
            let stamp = Stamp { len: prefix.len(), origin: Origin::Added, added: 0 }.word();
            flat.insert(prefix, Value { hits: [0, 0], stamp, ends: 0 }).expect("room");
        }
        let mut vm = machine(&flat, &all);
        for source in all.iter().flat_map(|prefix| near(&mut random, prefix)) {
            let held = all.iter().any(|prefix| {
                prefix.family() == Prefix::host(source).family() && prefix.contains(source)
            });
            let mut packet = Packet::new(&frame(source));
            let outcome = vm.run(&mut packet, &World::default()).expect("it does not trap");
            let wanted = if held { Verdict::Drop } else { Verdict::Pass };
            assert_eq!(outcome.value, wanted.code() as u32, "{roots:?}, {source}");
        }
    }
}

#[test]
fn the_maps_tell_the_roots() {
    for roots in roots() {
        let room = Room { roots, ..Room::first(1024, EntryCounters::On) };
        assert_eq!(Room::of_elements(|part| Some(room.elements(part))), Some(room));
    }
}

/// A million prefixes of a kind, in order.
fn million(random: &mut Random, next: impl Fn(&mut Random, u32) -> (u32, u8)) -> Vec<Prefix> {
    let mut all = std::collections::BTreeSet::new();
    for number in 0.. {
        let (addr, len) = next(random, number);
        all.insert(Prefix::new(Ipv4Addr::from_bits(addr).into(), len).expect("a length"));
        if all.len() == 1_000_000 {
            break;
        }
    }
    all.into_iter().collect()
}

/// The room of a set of just these, on two processors.
fn room_of(all: &[Prefix]) -> Room {
    let max = u32::try_from(all.len()).expect("a million");
    Room::holding(Need::of(all), max, EntryCounters::On, 2)
}

#[test]
fn a_million_ipv4_prefixes_take_128_megabytes_at_most_and_a_thousand_one() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mixed =
        million(&mut random, |random, _| (random.next() as u32, 12 + (random.next() % 21) as u8));
    let side_by_side = million(&mut random, |_, number| (number << 8, 24));
    for (all, bits, kind) in [(&mixed, 22, "of all lengths"), (&side_by_side, 20, "side by side")] {
        let room = room_of(all);
        assert_eq!(room.roots.bits(Family::V4), bits, "{kind}");
        assert!(room.bytes() <= 128_000_000, "{kind}: {}", room.bytes());
        let few: Vec<Prefix> = all.iter().step_by(1000).copied().collect();
        assert!(room_of(&few).bytes() <= 1_000_000, "{kind}");
    }
}
