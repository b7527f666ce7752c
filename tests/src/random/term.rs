//! Terms by chance, as text: every form of the grammar.

use super::Chance;
use super::values::{
    dscp, ethertype, icmp_code, icmp_type, mac_text, port, prefix_len, protocol, ttl, v4, v6, vlan,
};

const FLAGS: [&str; 9] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ae"];
const ENDS: [&str; 3] = ["src", "dst", "host"];
const PORTS: [&str; 3] = ["sport", "dport", "port"];
/// Terms of one word.
const WORDS: [&str; 14] = [
    "ip4", "ip6", "arp", "nd", "dhcp", "tcp", "udp", "sctp", "icmp", "icmp6", "fragment",
    "options", "tcp", "udp",
];

/// A match: no term to four of them. Parentheses stand no deeper than `depth`.
pub fn matching(chance: &mut Chance, depth: usize) -> String {
    // One without terms ends a policy: seldom.
    let terms = if chance.once_in(40) { 0 } else { chance.one(&[1, 1, 1, 2, 2, 2, 3, 4]) };
    let terms: Vec<String> = (0..terms).map(|_| term(chance, depth)).collect();
    terms.join(" ")
}

fn term(chance: &mut Chance, depth: usize) -> String {
    let not = if chance.once_in(5) { "not " } else { "" };
    let positive = if depth > 0 && chance.once_in(6) {
        let all: Vec<String> =
            (0..chance.below(3) + 1).map(|_| some_terms(chance, depth - 1)).collect();
        format!("( {} )", all.join(" or "))
    } else {
        test(chance)
    };
    format!("{not}{positive}")
}

fn some_terms(chance: &mut Chance, depth: usize) -> String {
    let terms: Vec<String> = (0..chance.below(2) + 1).map(|_| term(chance, depth)).collect();
    terms.join(" ")
}

/// How many kinds of tests there are; frequent ones count more than once.
const KINDS: usize = 27;

fn test(chance: &mut Chance) -> String {
    let kind = chance.below(KINDS);
    test_of(kind, chance)
}

/// Matches of one kind of test, one or two in each: what one says of the other is most there.
pub fn kin(chance: &mut Chance, matches: usize) -> Vec<String> {
    let kind = chance.below(KINDS);
    let term = |chance: &mut Chance| {
        let not = if chance.once_in(4) { "not " } else { "" };
        format!("{not}{}", test_of(kind, chance))
    };
    let one = |chance: &mut Chance| match chance.below(6) {
        0 => format!("{} {}", term(chance), term(chance)),
        1 => format!("( {} or {} )", term(chance), term(chance)),
        _ => term(chance),
    };
    (0..matches).map(|_| one(chance)).collect()
}

fn test_of(kind: usize, chance: &mut Chance) -> String {
    match kind {
        0..=4 => chance.one(&WORDS).to_owned(),
        5..=8 => addresses(chance),
        9..=12 => ports(chance),
        13 => format!("proto {}", protocol(chance)),
        14 => format!("ethertype {:#06x}", ethertype(chance)),
        15 => "service in ports".to_owned(),
        16 => icmp(chance),
        17 => flags(chance),
        18 | 19 => number(chance),
        20 => format!("{} {}", chance.one(&["vlan", "vlan", "inner-vlan"]), vlan(chance)),
        21 => format!("ether {} {}", chance.one(&["src", "dst"]), mac_text(chance)),
        23 => format!("{} any", chance.one(&["vlan", "vlan", "inner-vlan"])),
        25 => format!("queue {}", chance.one(&[0, 0, 1])),
        24 => format!("ether {} unicast", chance.one(&["src", "dst"])),
        22 => format!("ether {} in macs", chance.one(&["src", "dst"])),
        _ => format!("{} in {}", chance.one(&ENDS), chance.one(&["nets", "uncounted"])),
    }
}

fn icmp(chance: &mut Chance) -> String {
    let kind = icmp_type(chance);
    let code =
        if chance.once_in(3) { format!(" code {}", icmp_code(chance)) } else { String::new() };
    format!("type {kind}{code}")
}

fn flags(chance: &mut Chance) -> String {
    let mut all: Vec<String> = Vec::new();
    for flag in FLAGS {
        match chance.below(9) {
            0 => all.push(flag.to_owned()),
            1 => all.push(format!("!{flag}")),
            _ => {}
        }
    }
    if all.is_empty() {
        all.push(chance.one(&["syn", "!ack"]).to_owned());
    }
    format!("flags {}", all.join(","))
}

fn number(chance: &mut Chance) -> String {
    let mark = chance.one(&['<', '>', '=']);
    match chance.below(3) {
        0 => format!("ttl {mark} {}", ttl(chance)),
        1 => format!("dscp {mark} {}", dscp(chance)),
        _ => format!("length {mark} {}", chance.one(&[20, 28, 29, 40, 48, 56, 60, 65575])),
    }
}

/// A list in braces of one to twelve or, once in a while, more values.
fn list(chance: &mut Chance, mut one: impl FnMut(&mut Chance) -> String) -> String {
    let len = match chance.below(4) {
        0 => 9 + chance.below(12),
        _ => 1 + chance.below(6),
    };
    let all: Vec<String> = (0..len).map(|_| one(chance)).collect();
    format!("{{ {} }}", all.join(", "))
}

fn addresses(chance: &mut Chance) -> String {
    let end = chance.one(&ENDS);
    let value = match chance.below(4) {
        0 => list(chance, address),
        1 => chance.one(&["here", "there"]).to_owned(),
        _ => address(chance),
    };
    format!("{end} {value}")
}

/// An address, a prefix or a range.
pub fn address(chance: &mut Chance) -> String {
    let v6_too = chance.once_in(2);
    match chance.below(6) {
        0 if v6_too => {
            let (a, b) = (v6(chance), v6(chance));
            format!("{}-{}", a.min(b), a.max(b))
        }
        0 => {
            let (a, b) = (v4(chance), v4(chance));
            format!("{}-{}", a.min(b), a.max(b))
        }
        1 | 2 => net(chance),
        _ if v6_too => v6(chance).to_string(),
        _ => v4(chance).to_string(),
    }
}

/// An address or a prefix, as sets hold them.
pub fn net(chance: &mut Chance) -> String {
    if chance.once_in(2) {
        let len = prefix_len(chance, 128);
        let bits = v6(chance).to_bits();
        let kept = bits.checked_shr(128 - len).map_or(0, |kept| kept << (128 - len));
        format!("{}/{len}", std::net::Ipv6Addr::from_bits(kept))
    } else {
        let len = prefix_len(chance, 32);
        let bits = v4(chance).to_bits();
        let kept = bits.checked_shr(32 - len).map_or(0, |kept| kept << (32 - len));
        format!("{}/{len}", std::net::Ipv4Addr::from_bits(kept))
    }
}

fn ports(chance: &mut Chance) -> String {
    let end = chance.one(&PORTS);
    let value = match chance.below(4) {
        0 => list(chance, port_range),
        1 => "web".to_owned(),
        _ => port_range(chance),
    };
    format!("{end} {value}")
}

/// A port or a range.
pub fn port_range(chance: &mut Chance) -> String {
    let (a, b) = (port(chance), port(chance));
    if chance.once_in(3) { format!("{}-{}", a.min(b), a.max(b)) } else { a.to_string() }
}
