//! Bugs in the sending on of packets: the wrong one gets them, or gets them broken.

use crate::exhibit::{Case, Exhibit, Made::Program, Made::Unsafe};
use crate::patch::patch;

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

const TURNS: Case =
    case("balance 192.0.2.10, 192.0.2.11 round-robin ( icmp or udp )\ndefault pass\n");
const THREE_TURNS: Case =
    case("balance 192.0.2.10, 192.0.2.11, 192.0.2.12 round-robin icmp\ndefault pass\n");
const FLOWS: Case =
    case("balance 192.0.2.10, 192.0.2.11, 192.0.2.12 mac 02:00:5e:10:00:0f udp\ndefault pass\n");
const SOURCES: Case =
    case("balance 2001:db8::10, 2001:db8::11, 2001:db8::12 hash src\ndefault pass\n");
const ONE: Case = case("balance 192.0.2.10 udp\ndefault pass\n");

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "The first backend gets all packets",
        seen: "a likely slip: the turn is read and not used",
        made: Program(TURNS, &[patch("balance", &["r6 &= 1"], &["r6 &= 0"])]),
    },
    Exhibit {
        bug: "The turns begin with the second backend",
        seen: "a likely slip: counted before or behind",
        made: Program(THREE_TURNS, &[patch("balance", &["r6 -= 1"], &[])]),
    },
    Exhibit {
        bug: "The last backend is out of range",
        seen: "a likely slip: one too many behind the modulo",
        made: Program(THREE_TURNS, &[patch("balance", &["r6 *= 3", "r6 >>= 32"], &["r6 *= 4", "r6 >>= 32"])]),
    },
    Exhibit {
        bug: "Pieces of a packet take turns",
        seen: "the balancer of two backends whose fragments were split over both",
        made: Program(TURNS, &[patch("balance", &["if r2 != 0x0 goto piece"], &[])]),
    },
    Exhibit {
        bug: "The hash of a piece has ports",
        seen: "a likely slip: the first fragment has them, the others do not",
        made: Program(FLOWS, &[patch("balance", &["if r2 != 0x0 goto hashed"], &[])]),
    },
    Exhibit {
        bug: "The hash of a flow has no ports",
        seen: "a likely slip: one client, one backend",
        made: Program(FLOWS, &[patch("balance", &["r2 <<= 16", "r2 |= r3", "r6 ^= r2"], &["r2 <<= 16", "r2 |= r3"])]),
    },
    Exhibit {
        bug: "The words of an address are hashed in host order",
        seen: "a likely slip: machines of two orders of bytes do not agree",
        made: Program(SOURCES, &[patch("balance", &["r2 = be32 r2"], &[])]),
    },
    Exhibit {
        bug: "Of an IPv6 address the first half is hashed",
        seen: "a likely slip: one of two words, and all hosts of a network get one backend",
        made: Program(SOURCES, &[patch("balance", &[
            "r2 = *(u32 *)(r10 -196)", "r2 = be32 r2", "r6 ^= r2", "r6 *= r9", "r2 = r6", "r2 >>= 32", "r6 ^= r2",
        ], &[])]),
    },
    Exhibit {
        bug: "A frame comes from the client that it came from",
        seen: "an ICMP balancer whose frames kept the client's Ethernet address",
        made: Program(ONE, &[patch("balance", &["*(u32 *)(r7 +6) = r2", "*(u16 *)(r7 +10) = r3"], &[])]),
    },
    Exhibit {
        bug: "A frame goes to the router in spite of the backend's own address",
        seen: "a likely slip: half of what is told of a backend",
        made: Program(FLOWS, &[patch("balance", &["*(u32 *)(r7 +0) = ?", "*(u16 *)(r7 +4) = ?", "goto backend"], &["goto backend"])]),
    },
    Exhibit {
        bug: "The checksum of UDP is not told of the backend",
        seen: "a likely slip: the pseudo header is forgotten",
        made: Program(ONE, &[patch("balance", &["if r6 == 0x0 goto ?", "r6 ^= 65535", "r6 += r9"], &["if r6 == 0x0 goto $1", "r6 ^= 65535"])]),
    },
    Exhibit {
        bug: "UDP without a checksum gets one from its balancer",
        seen: "RFC 768: zero says that there is none",
        made: Program(ONE, &[patch("balance", &["if r6 == 0x0 goto ?"], &[])]),
    },
    Exhibit {
        bug: "The checksum of a balanced packet is folded twice",
        seen: "a likely slip: sums of 32 bits carry three times",
        made: Program(SOURCES, &[patch("balance", &[
            "r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1",
            "r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1",
            "r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1",
        ], &["r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1"])]),
    },
    Exhibit {
        bug: "Later fragments are given the checksum of a header that they do not have",
        seen: "a likely slip: the protocol says UDP, and what follows is data",
        made: Program(case("balance 192.0.2.10 udp fragment\ndefault pass\n"), &[patch("ip4", &["if r3 & 0xff1f goto ?"], &[])]),
    },
    Exhibit {
        bug: "A backend's address is written without a look whether its place is there",
        seen: "every verifier's reason to be",
        made: Unsafe(ONE, &[patch("balance", &["r1 += 20", "if r1 > r8 goto broken"], &["r1 += 20"])]),
    },
];
