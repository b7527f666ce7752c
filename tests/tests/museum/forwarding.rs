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

const TUNNEL: Case =
    case("tunnel 192.0.2.1 to 203.0.113.9 mac 02:00:5e:10:00:0f udp\ndefault pass\n");
const SHORT_TUNNEL: Case =
    case("tunnel 192.0.2.1 to 203.0.113.9 mac 02:00:5e:10:00:0f mtu 100\ndefault pass\n");
const TUNNEL6: Case =
    case("tunnel 2001:db8::1 to 2001:db8::9 mac 02:00:5e:10:00:0f\ndefault pass\n");

const ROUTE: Case = case("route\ndefault pass\n");

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
    Exhibit {
        bug: "The length of the outer header is in host order",
        seen: "a likely slip: a missing htons",
        made: Program(TUNNEL, &[patch("tunnel", &["r2 = be16 r2"], &[])]),
    },
    Exhibit {
        bug: "The outer length is that of the inner packet",
        seen: "a likely slip: IPv6 counts what is behind its header, IPv4 counts itself too",
        made: Program(TUNNEL, &[patch("tunnel", &["r2 += 20"], &[])]),
    },
    Exhibit {
        bug: "The outer packet may be fragmented on its way",
        seen: "a likely slip: an identification of 0 for all of them, and pieces of two packets put together",
        made: Program(TUNNEL, &[patch("tunnel", &["*(u16 *)(r7 +20) = 64"], &["*(u16 *)(r7 +20) = 0"])]),
    },
    Exhibit {
        bug: "The outer header has no type of service",
        seen: "a likely slip: congestion marks are lost in the tunnel",
        made: Program(TUNNEL, &[patch("tunnel", &["*(u8 *)(r7 +15) = r9"], &[])]),
    },
    Exhibit {
        bug: "The traffic class begins four bits late",
        seen: "bpfilter 74e2a510 and c64576ae: where the class of IPv6 stands",
        made: Program(TUNNEL6, &[patch("tunnel", &["r9 <<= 20"], &["r9 <<= 16"])]),
    },
    Exhibit {
        bug: "IPv6 is carried under the number of IPv4",
        seen: "a likely slip: 4 and 41",
        made: Program(TUNNEL6, &[patch("tunnel", &["*(u16 *)(r7 +20) = 16425"], &["*(u16 *)(r7 +20) = 16388"])]),
    },
    Exhibit {
        bug: "The outer header lives for ever",
        seen: "a likely slip: a time to live that is not set, where a tunnel leads back into itself",
        made: Program(TUNNEL, &[patch("tunnel", &["*(u16 *)(r7 +22) = 1088"], &["*(u16 *)(r7 +22) = 1279"])]),
    },
    Exhibit {
        bug: "The checksum of the outer header is not complemented",
        seen: "a likely slip: the sum is written",
        made: Program(TUNNEL, &[patch("tunnel", &["r6 ^= 65535"], &[])]),
    },
    Exhibit {
        bug: "A packet is tunnelled that does not fit any more",
        seen: "the kernel samples' xdp_tx_iptunnel: no look at the length",
        made: Program(SHORT_TUNNEL, &[patch("1: ", &["if r1 >= 0x51 goto ?"], &[])]),
    },
    Exhibit {
        bug: "A tagged packet is tunnelled from the wrong byte on",
        seen: "the kernel samples' xdp_tx_iptunnel: the IP header is taken to be at 14",
        made: Program(TUNNEL, &[patch("1: ", &["if r1 == 0x1000 goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "A pointer from before the tunnel's header was put there is used behind it",
        seen: "every verifier's rule for bpf_xdp_adjust_head",
        made: Unsafe(TUNNEL, &[patch("tunnel", &[
            "if r0 != 0x0 goto ?", "r1 = *(u64 *)(r10 -8)", "r7 = *(u32 *)(r1 +0)", "r8 = *(u32 *)(r1 +4)",
            "r1 = r7", "r1 += 34", "if r1 > r8 goto ?",
        ], &["if r0 != 0x0 goto $1"])]),
    },
    Exhibit {
        bug: "A routed packet keeps its time to live",
        seen: "xdp-tools' xdp-forward f0b4ac2, 2026: it was never decremented",
        made: Program(ROUTE, &[patch("route", &["*(u8 *)(r7 +22) = r2"], &[])]),
    },
    Exhibit {
        bug: "A routed IPv6 packet keeps its hop limit",
        seen: "a likely slip: one family of two",
        made: Program(ROUTE, &[patch("route", &["*(u8 *)(r7 +21) = r2"], &[])]),
    },
    Exhibit {
        bug: "A time to live goes down, and the checksum of its header stays",
        seen: "a likely slip: a checksum forgotten",
        made: Program(ROUTE, &[patch("route", &["*(u16 *)(r7 +24) = r6"], &[])]),
    },
    Exhibit {
        bug: "The Ethernet addresses of a way are exchanged",
        seen: "a likely slip: smac comes before dmac in struct bpf_fib_lookup, behind it on the wire",
        made: Program(ROUTE, &[patch("route", &["*(u16 *)(r7 +0) = r2"], &["*(u16 *)(r7 +6) = r2"])]),
    },
    Exhibit {
        bug: "A packet that no way leads to is left to the stack",
        seen: "a likely slip: the answers blackhole, unreachable and prohibit are no errors",
        made: Program(ROUTE, &[patch("look up the way", &["if r0 <= 0x3 goto nowhere"], &["if r0 <= 0x2 goto nowhere"])]),
    },
    Exhibit {
        bug: "A packet whose neighbour is still to be found is dropped",
        seen: "a likely slip: all that is not success is failure",
        made: Program(ROUTE, &[patch("look up the way", &["if r0 <= 0x3 goto nowhere"], &["if r0 <= 0x7 goto nowhere"])]),
    },
    Exhibit {
        bug: "An error of the look-up is a way that leads nowhere",
        seen: "a likely slip: a comparison of signed numbers",
        made: Program(ROUTE, &[patch("look up the way", &["if r0 <= 0x3 goto nowhere"], &["if r0 s<= 0x3 goto nowhere"])]),
    },
    Exhibit {
        bug: "What is not sent on is counted as sent on",
        seen: "a likely slip: one row for three ends",
        made: Program(ROUTE, &[patch("look up the way", &["r7 = *(u32 *)(r10 ?)"], &[])]),
    },
    Exhibit {
        bug: "What no way leads to is counted with what is left to the stack",
        seen: "a likely slip: one row for two ends",
        made: Program(ROUTE, &[patch("look up the way", &["r7 += 1"], &[])]),
    },
    Exhibit {
        bug: "A packet at the end of its hops is sent on",
        seen: "a likely slip: 0 hops become 255",
        made: Program(ROUTE, &[patch("1: ", &["if r1 <= 0x1 goto ?"], &[])]),
    },
    Exhibit {
        bug: "The kernel reads bytes of the question that nobody wrote",
        seen: "xdp_extract_metadata: a struct with bytes that nobody writes",
        made: Program(ROUTE, &[patch("look up the way", &["*(u64 *)(r10 -72) = 0"], &[])]),
    },
    Exhibit {
        bug: "Routes are asked for past the rules that choose their table",
        seen: "a likely slip: BPF_FIB_LOOKUP_DIRECT reads as if it were the plain question",
        made: Program(ROUTE, &[patch("look up the way", &["r4 = 0"], &["r4 = 1"])]),
    },
];
