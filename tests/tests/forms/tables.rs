//! Long lists and long runs of rules, which are looked up: right at the first and the last key of
//! each range and at their neighbours, whatever overlaps.

use std::net::{Ipv4Addr, Ipv6Addr};

use palisade_filter::Target;
use palisade_filter::oracle::Decider;
use palisade_tests::agree::Readings;
use palisade_tests::packet::{Packet, eth, ipv4, ipv6, udp};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::Chance;

/// What is looked up.
#[derive(Clone, Copy)]
enum Key {
    V4,
    V6,
    Port,
}

impl Key {
    fn most(self) -> u128 {
        match self {
            Self::V4 => u32::MAX.into(),
            Self::V6 => u128::MAX,
            Self::Port => u16::MAX.into(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::V4 | Self::V6 => "src",
            Self::Port => "dport",
        }
    }

    fn text(self, (first, last): (u128, u128)) -> String {
        let one = |key: u128| match self {
            Self::V4 => v4(key).to_string(),
            Self::V6 => Ipv6Addr::from_bits(key).to_string(),
            Self::Port => key.to_string(),
        };
        if first == last { one(first) } else { format!("{}-{}", one(first), one(last)) }
    }

    fn packet(self, key: u128) -> Packet {
        match self {
            Self::V4 => eth() / ipv4().src(v4(key)) / udp(1, 2),
            Self::V6 => eth() / ipv6().src(Ipv6Addr::from_bits(key)) / udp(1, 2),
            Self::Port => eth() / ipv4() / udp(1, u16::try_from(key).expect("a port")),
        }
    }

    /// A range anywhere: often of one key, sometimes wide, sometimes up to the last key, and often
    /// near those that share its upper half.
    fn range(self, chance: &mut Chance) -> (u128, u128) {
        let mut first = u128::from(chance.number()) << 64 | u128::from(chance.number());
        first &= self.most();
        match (self, chance.below(3)) {
            (Self::V4, 0) => first = 0x0a00_0000 | first & 0xffff,
            (Self::V6, 0) => first = 0x2001_0db8 << 96 | first & 0xffff,
            (Self::V6, 1) => first = 0x2001_0db8 << 96 | (first & 0xffff) << 56,
            _ => {}
        }
        let bits = 128 - self.most().leading_zeros();
        let width = match chance.below(4) {
            0 => u128::from(chance.byte()),
            1 => (1u128 << chance.below(bits as usize)) - 1,
            _ => 0,
        };
        let last = first.saturating_add(width).min(self.most());
        (first, if chance.once_in(200) { self.most() } else { last })
    }
}

fn v4(key: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::try_from(key).expect("32 bits"))
}

/// The first and last key of some ranges, their neighbours, and keys anywhere.
fn keys(key: Key, ranges: &[(u128, u128)], chance: &mut Chance) -> Vec<u128> {
    let mut keys = vec![0, key.most()];
    for _ in 0..40 {
        let (first, last) = ranges[chance.below(ranges.len())];
        let around = [first.checked_sub(1), Some(first), Some(last), last.checked_add(1)];
        keys.extend(around.into_iter().flatten().filter(|found| *found <= key.most()));
        keys.push(key.range(chance).0);
    }
    keys
}

#[track_caller]
fn check(kernel: &Kernel, text: &str, key: Key, keys: &[u128], target: Target) {
    let mut readings = Readings::of(kernel, text, &[], target)
        .unwrap_or_else(|refusal| panic!("{refusal}\n{target:?}, of:\n{text}"));
    let mut matched = 0;
    for found in keys {
        match readings.decide(&key.packet(*found).build()) {
            Ok(decision) => matched += usize::from(decision.decider != Decider::Default),
            Err(difference) => panic!("{difference}\n{target:?}, of:\n{text}"),
        }
    }
    assert!(matched > 0 && matched < keys.len(), "{matched} of {}", keys.len());
}

#[test]
fn a_long_list_holds_its_ranges_and_nothing_else_wherever_it_stands() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for key in [Key::V4, Key::V6, Key::Port] {
        for len in [9, 60, 1000] {
            let mut chance = Chance::new(len);
            let ranges: Vec<_> = (0..len).map(|_| key.range(&mut chance)).collect();
            // With wide ones too, all ports are soon in the list.
            let narrow = ranges.iter().filter(|(first, last)| last - first < key.most() / 64);
            let ranges: Vec<_> = narrow.copied().collect();
            let list: Vec<String> = ranges.iter().map(|range| key.text(*range)).collect();
            let listed = format!("{} {{ {} }}", key.word(), list.join(" "));
            let keys = keys(key, &ranges, &mut chance);
            for matching in [&listed, &format!("not {listed}"), &format!("( ttl = 3 or {listed} )")]
            {
                let text = format!("drop {matching}\ndefault pass\n");
                for target in kernel.two() {
                    check(&kernel, &text, key, &keys, target);
                }
            }
        }
    }
}

#[test]
fn the_first_of_many_rules_that_overlap_decides() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for key in [Key::V4, Key::V6, Key::Port] {
        for len in [12, 300] {
            let mut chance = Chance::new(len);
            let ranges: Vec<_> = (0..len).map(|_| key.range(&mut chance)).collect();
            let action = chance.one(&["drop", "abort"]);
            let rule =
                |range: &(u128, u128)| format!("{action} {} {}\n", key.word(), key.text(*range));
            let rules: String = ranges.iter().map(rule).collect();
            let keys = keys(key, &ranges, &mut chance);
            for target in kernel.two() {
                check(&kernel, &format!("{rules}default pass\n"), key, &keys, target);
            }
        }
    }
}
