//! Bugs in the reading of frames: what is no header is read as one, and what is one is not.

use crate::exhibit::{Exhibit, Made::Reading};
use crate::patch::patch;

const XDP_FIREWALL: &str = "XDP-Firewall";
const TUTORIAL: &str = "xdp-tutorial's parser";
const BLACKLIST: &str = "prototype-kernel's xdp_ddos01_blacklist";

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "A frame with more VLAN tags than are stepped over passes as no IP at all",
        seen: "xdp-cpumap-tc PR 15, 2026; VU#855201, 2022",
        made: Reading(&[patch("ethernet", &["if r2 == ? goto vlan-too-deep"], &["if r2 == $1 goto other"])]),
    },
    Exhibit {
        bug: "A tagged frame is not looked into",
        seen: XDP_FIREWALL,
        made: Reading(&[patch("ethernet", &["if r2 == 0x81 goto vlan", "if r2 != 0xa888 goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "A second tag is not stepped over",
        seen: TUTORIAL,
        made: Reading(&[patch("ethernet", &["if r2 == 0x81 goto vlan.2", "if r2 != 0xa888 goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "Only customer tags (0x8100) are tags, service tags (0x88a8) are not",
        seen: "VU#855201, 2022: tags of both kinds mixed",
        made: Reading(&[patch("ethernet", &["if r2 != 0xa888 goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "A VLAN identifier of 0 is no tag",
        seen: "VU#855201: VLAN 0 stacking, 2022",
        made: Reading(&[patch("ethernet", &["r2 = *(u16 *)(r7 +2)", "r7 += 4"],
            &["r1 = *(u16 *)(r7 +0)", "r2 = *(u16 *)(r7 +2)", "r7 += 4", "if r1 == 0x0 goto other"])]),
    },
    Exhibit {
        bug: "A truncated tag gives the tag's own EtherType, and the frame passes as no IP",
        seen: TUTORIAL,
        made: Reading(&[patch("ethernet", &["r1 += 4", "if r1 > r8 goto short-l2"], &["r1 += 4", "if r1 > r8 goto other"])]),
    },
    Exhibit {
        bug: "An LLC/SNAP frame is read as IP",
        seen: "CVE-2021-27861 and -27862, 2022, the other way round: other hosts do, Linux does not",
        made: Reading(&[patch("", &["other:"], &["other:",
            "r1 = r7", "r1 += 8", "if r1 > r8 goto other unread", "r2 = *(u16 *)(r7 +6)",
            "if r2 != 0x8 goto other unread", "r7 += 8", "goto ip4", "other unread:"])]),
    },
    Exhibit {
        bug: "The EtherType is not looked at: ARP and IPv6 are read as IPv4",
        seen: "ghostwire",
        made: Reading(&[patch("ethernet", &["if r2 != 0xa888 goto other"], &["goto ip4"])]),
    },
    Exhibit {
        bug: "Later fragments are read as if they began with ports",
        seen: "ingress-node-firewall PR 730, OCPBUGS-67363, 2026; netbird 6781",
        made: Reading(&[patch("", &["if r3 & 0xff1f goto ?"], &[])]),
    },
    Exhibit {
        bug: "First fragments have no ports either",
        seen: "Minecraft-XDP 96, the opposite mistake",
        made: Reading(&[patch("", &["if r3 & 0xff1f goto ?"], &["if r3 & 0xff3f goto $1"])]),
    },
    Exhibit {
        bug: "The offset of a fragment is read without its upper bits",
        seen: "a likely slip: half of a mask",
        made: Reading(&[patch("", &["if r3 & 0xff1f goto ?"], &["if r3 & 0xff00 goto $1"])]),
    },
    Exhibit {
        bug: "Later IPv6 fragments are read as if they began with ports",
        seen: "xdp-filter 1.3.1, measured",
        made: Reading(&[patch("ip6", &["if r2 & 0xf8ff goto ?"], &[])]),
    },
    Exhibit {
        bug: "An atomic fragment is taken for a later one",
        seen: "what RFC 6946 is about",
        made: Reading(&[patch("ip6", &["if r2 & 0xf8ff goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "The reserved byte of a fragment header is taken for its length",
        seen: "bpfilter",
        made: Reading(&[patch("ip6", &["r1 = 8"], &["r1 = *(u8 *)(r7 +1)", "r1 += 1", "r1 <<= 3"])]),
    },
    Exhibit {
        bug: "A second fragment header is stepped over",
        seen: "odd frames, row 26: Linux drops it",
        made: Reading(&[patch("ip6", &["r1 = *(u32 *)(r10 -308)", "if r1 != 0x1 goto bad-ext-hdr"], &[])]),
    },
    Exhibit {
        bug: "Extension headers are not walked: their number is the protocol",
        seen: XDP_FIREWALL,
        made: Reading(&[patch("ip6", &["if r5 == 0x3c goto destination options"], &[])]),
    },
    Exhibit {
        bug: "The length of an extension header is counted in eight bits",
        seen: "nebula 1789, 2026",
        made: Reading(&[patch("ip6", &["r1 += 1", "r1 <<= 3"], &["r1 += 1", "r1 <<= 3", "r1 &= 255"])]),
    },
    Exhibit {
        bug: "Behind the last header that is walked, the rest is read as the protocol",
        seen: "nebula 1883, 2026: the cap of eight headers ended without an error",
        made: Reading(&[patch("ip6", &["if r5 == ? goto ext-hdr-too-deep"], &["if r5 == $1 goto ip6 transport"])]),
    },
    Exhibit {
        bug: "A next header that is not known is walked as if it were an extension header",
        seen: "nebula 1840, 2026",
        made: Reading(&[patch("ip6", &["if r5 == 0x33 goto ?", "goto ip6 transport"],
            &["if r5 == 0x33 goto $1", "goto destination options"])]),
    },
    Exhibit {
        bug: "The length of an authentication header is counted in eights",
        seen: "a likely slip: RFC 4302, 2.2, counts in fours",
        made: Reading(&[patch("ip6", &["r1 += 2", "r1 <<= 2"], &["r1 += 1", "r1 <<= 3"])]),
    },
    Exhibit {
        bug: "An extension header is as long as its field says, without the first eight bytes",
        seen: "ingress-node-firewall: option headers misread",
        made: Reading(&[patch("ip6", &["r1 += 1", "r1 <<= 3"], &["r1 <<= 3"])]),
    },
    Exhibit {
        bug: "Hop-by-hop options may stand anywhere",
        seen: "odd frames, row 26: RFC 8200, 4.1",
        made: Reading(&[patch("ip6", &["if r5 == 0x0 goto bad-ext-hdr"], &[])]),
    },
    Exhibit {
        bug: "A routing header with segments left is stepped over",
        seen: "odd frames, row 31: Linux does not deliver it",
        made: Reading(&[patch("ip6", &["if r2 != 0x0 goto bad-ext-hdr"], &[])]),
    },
    Exhibit {
        bug: "An IPv4 header has 20 bytes, whatever it says",
        seen: "xdp-for-windows 184; prototype-kernel's xdp_ddos01_blacklist",
        made: Reading(&[patch("ip4", &["r4 -= r1", "r7 += r1"], &["r4 -= 20", "r7 += 20"])]),
    },
    Exhibit {
        bug: "A packet with IPv4 options is passed by unread",
        seen: "a likely slip: options are rare",
        made: Reading(&[patch("ip4", &["r3 = r1", "r3 >>= 4", "if r3 != 0x4 goto bad-version"],
            &["r3 = r1", "r3 >>= 4", "if r3 != 0x4 goto bad-version", "if r1 != 0x45 goto other"])]),
    },
    Exhibit {
        bug: "An IPv4 header may say that it is shorter than 20 bytes",
        seen: BLACKLIST,
        made: Reading(&[patch("ip4", &["if r1 < 0x14 goto bad-ihl"], &[])]),
    },
    Exhibit {
        bug: "The version of IPv4 is not looked at",
        seen: BLACKLIST,
        made: Reading(&[patch("ip4", &["if r3 != 0x4 goto bad-version"], &[])]),
    },
    Exhibit {
        bug: "The version of IPv6 is not looked at",
        seen: "odd frames, row 16",
        made: Reading(&[patch("ip6", &["if r1 != 0x6 goto bad-version"], &[])]),
    },
    Exhibit {
        bug: "The total length of IPv4 may reach behind the frame",
        seen: "odd frames, row 17: Linux drops it",
        made: Reading(&[
            patch("plain", &["if r2 > r9 goto careful"], &[]),
            patch("ip4", &["if r2 s<= r3 goto ?"], &["goto $1"]),
        ]),
    },
    Exhibit {
        bug: "The payload length of IPv6 may be 0, or reach behind the frame",
        seen: "odd frames, row 33: Linux drops it",
        made: Reading(&[
            patch("ip6", &["if r2 == 0x0 goto bad-length"], &[]),
            patch("ip6", &["if r2 s<= r3 goto ?"], &["goto $1"]),
        ]),
    },
    Exhibit {
        bug: "Padding behind the packet is read as ports",
        seen: "odd frames, rows 17 and 18",
        made: Reading(&[
            patch("plain", &["if r2 < 0x1c goto careful"], &[]),
            patch("", &["if r4 < 0x8 goto short-l4"], &[]),
            patch("ip4", &["if r2 < r1 goto bad-length"], &[]),
        ]),
    },
    Exhibit {
        bug: "TCP's data offset may point into its header or behind the packet",
        seen: "odd frames, row 35",
        made: Reading(&[
            patch("", &["if r1 < 0x14 goto bad-offset"], &[]),
            patch("", &["if r1 > r4 goto bad-offset"], &[]),
        ]),
    },
    Exhibit {
        bug: "The protocol is compared with the number of an EtherType",
        seen: "xdp-forward f0b4ac2, 2026",
        made: Reading(&[patch("", &["if r5 == 0x6 goto ?"], &["if r5 == 0x800 goto $1"])]),
    },
    Exhibit {
        bug: "ICMPv6 is looked for under the number of ICMP",
        seen: XDP_FIREWALL,
        made: Reading(&[patch("ip6", &["if r5 == 0x3a goto ?"], &["if r5 == 0x1 goto $1"])]),
    },
    Exhibit {
        bug: "Frames that are cut short pass uncounted",
        seen: BLACKLIST,
        made: Reading(&[patch("short-l2", &["r7 = 1", "goto ?"], &["r0 = 2", "exit"])]),
    },
    Exhibit {
        bug: "Frames that are cut short give XDP_ABORTED, and each fires a tracepoint",
        seen: "xdp-filter 1.3.1, measured; prototype-kernel's xdp_ddos01_blacklist",
        made: Reading(&[patch("short-l4", &["r7 = 9", "goto ?"], &["r7 = 9", "r8 = 0", "goto count"])]),
    },
    Exhibit {
        bug: "Whatever cannot be read passes",
        seen: "helius",
        made: Reading(&[patch("bad-", &["r7 = ?", "goto drop"], &["r7 = $1", "goto pass"])]),
    },
    Exhibit {
        bug: "A header that ends with the frame is taken to be cut",
        seen: "one more in a bounds check: `>=` for `>`",
        made: Reading(&[patch("", &["if r1 > r8 goto ?"], &["if r1 >= r8 goto $1"])]),
    },
    Exhibit {
        bug: "A frame that ends behind its headers is compared with one byte too many",
        seen: "one more in a length: `>` for `>=`",
        made: Reading(&[patch("ip4", &["r1 += 20"], &["r1 += 21"])]),
    },
];
