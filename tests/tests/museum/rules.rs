//! Bugs in the comparing of what was read: the wrong bits, the wrong order, one beside.

use palisade_filter::Mode;

use crate::exhibit::{Case, Exhibit, Made::Moded, Made::Program, Made::Reading, Made::Unsafe};
use crate::patch::patch;

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

const PORTS: Case = case("drop udp dport 67-443\ndefault pass\n");
const FLAGS: Case = case("drop tcp flags syn,!ack\ndefault pass\n");
const PREFIX: Case = case("drop src 10.0.0.0/20\ndefault pass\n");
const DSCP: Case = case("drop dscp = 46\ndefault pass\n");
const TTL: Case = case("drop ttl < 5\ndefault pass\n");
const HOST6: Case = case("drop src 2001:db8::1\ndrop dst 2001:db8::2\ndefault pass\n");
const HOST4: Case = case("drop src 10.0.0.1\ndefault pass\n");
const PLAIN: Case = case("drop udp dport 53\ndefault pass\n");
const COUNTS: Case = case("count udp dport 53\npass udp dport 53\ndrop udp\ndefault pass\n");
const REPORTS: Case = case("event snap 20 udp\ndrop event tcp\ndefault pass\n");
const ND: Case = case("keep nd\ndrop icmp6\ndefault pass\n");

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "A test of bits is taken for one that always holds",
        seen: "libpcap 1742, 2001 to 2026",
        made: Reading(&[patch("", &["if r3 & 0xff1f goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "A port is compared in network order",
        seen: "bpfilter 37ea54b9",
        made: Program(PORTS, &[patch("", &["r1 = *(u16 *)(r7 +2)", "r1 = be16 r1"], &["r1 = *(u16 *)(r7 +2)"])]),
    },
    Exhibit {
        bug: "The end of a range of ports is outside it",
        seen: "ingress-node-firewall",
        made: Program(PORTS, &[patch("1: ", &["if r1 > 0x1bb goto ?"], &["if r1 >= 0x1bb goto $1"])]),
    },
    Exhibit {
        bug: "The beginning of a range of ports is outside it",
        seen: "a likely slip: `<=` for `<`",
        made: Program(PORTS, &[patch("1: ", &["if r1 < 0x43 goto ?"], &["if r1 <= 0x43 goto $1"])]),
    },
    Exhibit {
        bug: "The source port is compared for the destination port",
        seen: "a likely slip: two fields side by side",
        made: Program(PORTS, &[patch("", &["r1 = *(u16 *)(r7 +2)"], &["r1 = *(u16 *)(r7 +0)"])]),
    },
    Exhibit {
        bug: "Flags that must not be set are not looked at",
        seen: "odd frames, row 36: a mask without its lower half",
        made: Program(FLAGS, &[patch("1: ", &["r1 &= 18"], &["r1 &= 2"])]),
    },
    Exhibit {
        bug: "One flag of several suffices",
        seen: "odd frames, row 36: `&` for a comparison under the mask",
        made: Program(FLAGS, &[patch("1: ", &["r1 &= 18", "if r1 != 0x2 goto ?"], &["r1 &= 18", "if r1 == 0x0 goto $1"])]),
    },
    Exhibit {
        bug: "The mask of a prefix is not applied to the packet",
        seen: "bpfilter 38081ff5",
        made: Program(PREFIX, &[patch("1: ", &["w1 &= ?"], &[])]),
    },
    Exhibit {
        bug: "The mask of a prefix is in the wrong byte order",
        seen: "bpfilter 868d5842",
        made: Program(PREFIX, &[patch("1: ", &["w1 &= 15794175"], &["w1 &= -4096"])]),
    },
    Exhibit {
        bug: "DSCP is all of the type of service",
        seen: "bpfilter c64576ae",
        made: Program(DSCP, &[
            patch("ip4", &["r3 = *(u8 *)(r7 +1)", "r3 >>= 2"], &["r3 = *(u8 *)(r7 +1)"]),
            patch("plain", &["r3 = *(u8 *)(r7 -19)", "r3 >>= 2"], &["r3 = *(u8 *)(r7 -19)"]),
        ]),
    },
    Exhibit {
        bug: "DSCP is all of the traffic class",
        seen: "bpfilter c64576ae",
        made: Program(DSCP, &[patch("ip6", &["r3 >>= 6", "r3 &= 63"], &["r3 >>= 4", "r3 &= 255"])]),
    },
    Exhibit {
        bug: "DSCP of IPv6 keeps two bits too many",
        seen: "a likely slip: a mask of 0xff",
        made: Program(DSCP, &[patch("ip6", &["r3 &= 63"], &["r3 &= 255"])]),
    },
    Exhibit {
        bug: "DSCP of IPv6 is read in the wrong byte order",
        seen: "bpfilter 74e2a510",
        made: Program(DSCP, &[patch("ip6", &["r3 = be16 r3"], &[])]),
    },
    Exhibit {
        bug: "The hop limit is read beside its place",
        seen: "a likely slip: the byte before it is the next header",
        made: Program(TTL, &[patch("ip6", &["r3 = *(u8 *)(r7 +7)"], &["r3 = *(u8 *)(r7 +6)"])]),
    },
    Exhibit {
        bug: "Destinations are compared where sources are meant",
        seen: "a likely slip: two fields side by side",
        made: Program(HOST4, &[
            patch("plain", &["r3 = *(u32 *)(r7 -8)"], &["r3 = *(u32 *)(r7 -4)"]),
            patch("ip4", &["r3 = *(u32 *)(r7 +12)"], &["r3 = *(u32 *)(r7 +16)"]),
        ]),
    },
    Exhibit {
        bug: "Only the first half of an IPv6 address is compared",
        seen: "a likely slip: 64 bits of 128",
        made: Program(HOST6, &[patch("1: ", &["r1 = *(u32 *)(r10 -200)", "if w1 != ? goto ?", "r1 = *(u32 *)(r10 -196)", "if w1 != ? goto ?"], &[])]),
    },
    Exhibit {
        bug: "Neighbour discovery may come from afar",
        seen: "RFC 4861, 6.1 and 7.1: a hop limit of 255",
        made: Program(ND, &[patch("1: ", &["r1 = *(u32 *)(r10 -324)", "if r1 != 0xff goto ?"], &[])]),
    },
    Exhibit {
        bug: "The last type of neighbour discovery is not one",
        seen: "the end of a range, again",
        made: Program(ND, &[patch("1: ", &["if r1 > 0x89 goto ?"], &["if r1 >= 0x89 goto $1"])]),
    },
    Exhibit {
        bug: "A rule is counted in the row of the next one",
        seen: "a likely slip: rows are numbers",
        made: Program(COUNTS, &[patch("2: ", &["r7 = 12"], &["r7 = 13"])]),
    },
    Exhibit {
        bug: "A packet is counted twice",
        seen: "odd frames, row 47",
        made: Program(PLAIN, &[patch("verdict", &["r1 += 1"], &["r1 += 2"])]),
    },
    Exhibit {
        bug: "What a `count` rule matches is not counted",
        seen: "odd frames, row 47",
        made: Program(COUNTS, &[patch("1: ", &["if r0 == 0x0 goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "What is decided is not counted",
        seen: "prototype-kernel's xdp_ddos01_blacklist: an early return",
        made: Program(PLAIN, &[patch("verdict", &["if r0 == 0x0 goto done"], &["goto done"])]),
    },
    Exhibit {
        bug: "The bytes of a packet are counted without its Ethernet header",
        seen: "a likely slip: bytes from the IP header on",
        made: Program(PLAIN, &[patch("verdict", &["r1 += r9"], &["r1 += r9", "r1 += -14"])]),
    },
    Exhibit {
        bug: "Counters of 64 bits are counted in 32",
        seen: "prototype-kernel's xdp_ddos01_blacklist: wraps at 2^32",
        made: Program(PLAIN, &[patch("verdict", &["r1 = *(u64 *)(r0 +0)"], &["r1 = *(u32 *)(r0 +0)"])]),
    },
    Exhibit {
        bug: "The program writes into the packet",
        seen: "odd frames, row 45: a filter changes nothing",
        made: Program(PLAIN, &[patch("plain", &["r7 += 34"], &["*(u8 *)(r7 +0) = 0", "r7 += 34"])]),
    },
    Exhibit {
        bug: "In shadow mode packets are dropped",
        seen: "a likely slip: the mode is read and not used",
        made: Moded(Mode::Shadow, PLAIN, &[patch("verdict", &["if r6 != 0x0 goto shadow"], &[])]),
    },
    Exhibit {
        bug: "In shadow mode what passes is counted as enforced drops",
        seen: "a likely slip: the second half of the rows is forgotten",
        made: Moded(Mode::Shadow, PLAIN, &[patch("verdict", &["r7 += ?"], &[])]),
    },
    Exhibit {
        bug: "What is switched off filters on",
        seen: "a likely slip: a mode that nobody looks at",
        made: Moded(Mode::Off, PLAIN, &[patch("start", &["if r6 == 0x2 goto off"], &[])]),
    },
    Exhibit {
        bug: "A report tells the source port for the destination port, and of the source port what was there",
        seen: "xdp_extract_metadata: a field that is not written in every record",
        made: Program(REPORTS, &[patch("1: ", &["*(u32 *)(r8 +88) = r1"], &["*(u32 *)(r8 +92) = r1"])]),
    },
    Exhibit {
        bug: "In shadow mode a report says that its verdict was carried out",
        seen: "a likely slip: the mode is not looked at",
        made: Moded(Mode::Shadow, REPORTS, &[patch("2: ", &["r1 = 3"], &["r1 = 2"])]),
    },
    Exhibit {
        bug: "A report bears as many bytes as the packet has",
        seen: "xdp-tutorial's xdp_sample_pkts: the length of the packet for that of the copy",
        made: Program(REPORTS, &[patch("1: ", &["if r1 > 0x14 goto ?"], &[])]),
    },
    Exhibit {
        bug: "A header is read without a look whether it is there",
        seen: "every verifier's reason to be",
        made: Unsafe(PLAIN, &[patch("ethernet", &["if r1 > r8 goto short-l2"], &[])]),
    },
    Exhibit {
        bug: "A header is read of which one byte was not looked for",
        seen: "one less in a bounds check",
        made: Unsafe(HOST6, &[patch("ip6", &["r1 += 40"], &["r1 += 39"])]),
    },
    Exhibit {
        bug: "The offset of the next header has no bound",
        seen: "xdp-tutorial's _xdp_fail1: a scalar of 32 bits is added to a pointer",
        made: Unsafe(PLAIN, &[patch("ip6", &["r0 &= 32767"], &[])]),
    },
    Exhibit {
        bug: "What a look-up finds is used without a look whether it found anything",
        seen: "every verifier's second reason to be",
        made: Unsafe(PLAIN, &[patch("verdict", &["if r0 == 0x0 goto done"], &[])]),
    },
];
