//! Bugs in the changing of packets: sums that are not, pointers that were, halves of a change.

use palisade_filter::Mode;

use crate::exhibit::{Case, Exhibit, Made::Moded, Made::Program, Made::Unsafe};
use crate::patch::patch;

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

const REFLECT: Case = case("reflect\ndefault pass\n");
const REPLY: Case = case("reply icmp\nreply icmp6\ndefault pass\n");
const PORT: Case = case("rewrite dport 8080 tcp\ndefault pass\n");
const UDP_PORT: Case = case("rewrite dport 8080 udp\ndefault pass\n");
const ADDRESS: Case = case("rewrite dst 192.0.2.77 tcp\ndefault pass\n");
const POP: Case = case("vlan pop\ndefault pass\n");
const PUSH: Case = case("vlan push 7\ndefault pass\n");

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "A checksum is folded once",
        seen: "a likely slip: folding may carry again",
        made: Program(ADDRESS, &[patch("rewrite", &[
            "r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1",
            "r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1",
            "r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1",
        ], &["r1 = r6", "r1 >>= 16", "r6 &= 65535", "r6 += r1"])]),
    },
    Exhibit {
        bug: "A checksum is written as its sum",
        seen: "a likely slip: the complement is forgotten",
        made: Program(PORT, &[patch("rewrite", &["r6 ^= 65535", "*(u16 *)(r7 +16) = r6"], &["*(u16 *)(r7 +16) = r6"])]),
    },
    Exhibit {
        bug: "A port is written in host order",
        seen: "a likely slip: a missing htons",
        made: Program(PORT, &[patch("rewrite", &["*(u16 *)(r7 +2) = 36895"], &["*(u16 *)(r7 +2) = 8080"])]),
    },
    Exhibit {
        bug: "A port is patched, and the checksum stays",
        seen: "xdp-tutorial's xdp_patch_ports",
        made: Program(PORT, &[patch("rewrite", &["*(u16 *)(r7 +16) = r6"], &[])]),
    },
    Exhibit {
        bug: "The source port is patched for the destination port",
        seen: "a likely slip: two fields side by side",
        made: Program(PORT, &[patch("rewrite", &["*(u16 *)(r7 +2) = 36895"], &["*(u16 *)(r7 +0) = 36895"])]),
    },
    Exhibit {
        bug: "UDP without a checksum gets one",
        seen: "RFC 768: zero says that there is none",
        made: Program(UDP_PORT, &[patch("rewrite", &["if r6 == 0x0 goto ?"], &[])]),
    },
    Exhibit {
        bug: "An address is rewritten, and the checksum of its header stays",
        seen: "a likely slip: two checksums, one of them forgotten",
        made: Program(ADDRESS, &[patch("rewrite", &["*(u16 *)(r7 +10) = r6"], &[])]),
    },
    Exhibit {
        bug: "The checksum of TCP is not told of the new address",
        seen: "a likely slip: the pseudo header is forgotten",
        made: Program(ADDRESS, &[patch("rewrite", &["r6 = *(u16 *)(r7 +16)", "r6 ^= 65535", "r6 += r9"], &["r6 = *(u16 *)(r7 +16)", "r6 ^= 65535"])]),
    },
    Exhibit {
        bug: "A reply keeps the hops of its request",
        seen: "xdp-tutorial's xdp_icmp_echo",
        made: Program(REPLY, &[patch("reply", &["*(u8 *)(r7 +8) = 64"], &[])]),
    },
    Exhibit {
        bug: "A reply comes from where its request does",
        seen: "a likely slip: one half of an exchange",
        made: Program(REPLY, &[patch("reply", &["*(u32 *)(r7 +12) = r2"], &[])]),
    },
    Exhibit {
        bug: "A reply is still a request",
        seen: "a likely slip: the checksum is changed, the type is not",
        made: Program(REPLY, &[patch("reply", &["*(u8 *)(r7 +0) = 129"], &[])]),
    },
    Exhibit {
        bug: "Frames of groups are sent back",
        seen: "the kernel samples' xdp2: a group's address becomes a source",
        made: Program(REFLECT, &[patch("1: ", &["r1 = *(u8 *)(r10 -240)", "if r1 & 0x1 goto ?"], &[])]),
    },
    Exhibit {
        bug: "The frame goes back to itself",
        seen: "a likely slip: one address is written over the other",
        made: Program(REFLECT, &[patch("reflect", &["*(u32 *)(r7 +6) = r2", "*(u16 *)(r7 +10) = r3"], &[])]),
    },
    Exhibit {
        bug: "In shadow mode packets are changed",
        seen: "a likely slip: the mode is asked of drops alone",
        made: Moded(Mode::Shadow, REFLECT, &[patch("reflect", &["if r6 != 0x0 goto shadow"], &[])]),
    },
    Exhibit {
        bug: "The identifier of a tag is written in host order",
        seen: "a likely slip: a missing htons",
        made: Program(PUSH, &[patch("vlan", &["*(u32 *)(r7 +12) = 117440641"], &["*(u32 *)(r7 +12) = 458881"])]),
    },
    Exhibit {
        bug: "The Ethernet addresses stay where the frame began",
        seen: "a likely slip: the head moves, its bytes do not",
        made: Program(PUSH, &[patch("vlan", &["*(u64 *)(r7 +0) = r6"], &[])]),
    },
    Exhibit {
        bug: "A tag is taken off by moving the wrong way",
        seen: "a likely slip: a sign",
        made: Program(POP, &[patch("vlan", &["r2 = 4"], &["r2 = -4"])]),
    },
    Exhibit {
        bug: "A pointer from before the head was moved is used behind it",
        seen: "every verifier's rule for bpf_xdp_adjust_head",
        made: Unsafe(POP, &[patch("vlan", &[
            "if r0 != 0x0 goto ?", "r1 = *(u64 *)(r10 -8)", "r7 = *(u32 *)(r1 +0)", "r8 = *(u32 *)(r1 +4)",
            "r1 = r7", "r1 += 12", "if r1 > r8 goto ?",
        ], &["if r0 != 0x0 goto $1"])]),
    },
    Exhibit {
        bug: "A header is changed without a look whether it is there",
        seen: "every verifier's reason to be",
        made: Unsafe(PORT, &[patch("rewrite", &["r1 = r7", "r1 += 20", "if r1 > r8 goto ?"], &[])]),
    },
    Exhibit {
        bug: "The offset of a header has no bound",
        seen: "xdp-tutorial's _xdp_fail1: a scalar of 32 bits is added to a pointer",
        made: Unsafe(PORT, &[patch("rewrite", &["r2 &= 32767"], &[])]),
    },
];
