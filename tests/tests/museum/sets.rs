//! Bugs in the look-ups: the wrong set, nothing found taken for something, time not looked at.

use palisade_tests::agree::Life::{Lasting, Over, Timed};

use crate::exhibit::{Case, Exhibit, Held, Made::Filled, Made::Program, Made::Tables};
use crate::patch::patch;

const EMPTY: Case =
    Case { text: "set nets net { max 8 }\ndrop src in nets\ndefault pass\n", entries: &[] };
const HELD: Case = Case {
    text: "set nets net { max 8 }\ndrop src in nets\ndefault pass\n",
    entries: &[
        ("nets", "10.0.0.1", Lasting),
        ("nets", "10.0.0.2", Over),
        ("nets", "10.0.0.3", Timed),
        ("nets", "10.0.0.4/31", Over),
        ("nets", "10.0.0.8/30", Timed),
        ("nets", "2001:db8::1", Lasting),
        ("nets", "2001:db8::4/126", Timed),
    ],
};
const REVERSED: &[Held] = &[("nets", "10.0.0.1", Lasting), ("nets", "100::b80d:120", Lasting)];
const TWO: Case = Case {
    text: "set a net { max 8 }\nset b net { max 8 }\npass src in a\ndrop src in b\ndefault pass\n",
    entries: &[
        ("a", "10.0.0.1", Lasting),
        ("b", "10.0.0.2", Lasting),
        ("b", "10.0.0.0/28", Lasting),
        ("a", "2001:db8::1", Lasting),
        ("b", "2001:db8::/64", Lasting),
    ],
};
const NEAR6: Case = Case {
    text: "set nets net { max 8 }\ndrop src in nets\ndefault pass\n",
    entries: &[
        ("nets", "2001:db8::1", Lasting),
        ("nets", "2001:db8:5::8000:0/100", Lasting),
        ("nets", "3001:db8::/32", Lasting),
    ],
};
const NESTED6: Case = Case {
    text: "set nets net { max 8 }\ndrop src in nets\ndefault pass\n",
    entries: &[
        ("nets", "2001:db8::/32", Lasting),
        ("nets", "2001:db8::5000:0:0:0/68", Lasting),
        ("nets", "4001:db8::ff:1:0/112", Lasting),
        ("nets", "4001:db8::ff:2:0/111", Lasting),
        ("nets", "3001::/16", Lasting),
        ("nets", "3001:db8::/40", Lasting),
    ],
};
const SERVICES: Case = Case {
    text: "set p service { max 8 }\ndrop service in p\ndefault pass\n",
    entries: &[
        ("p", "udp/53", Lasting),
        ("p", "tcp/80", Lasting),
        ("p", "sctp/443", Lasting),
        ("p", "udp/8080", Over),
        ("p", "tcp/22", Timed),
    ],
};
const ANY: &[Held] = &[
    ("p", "any/53", Lasting),
    ("p", "any/80", Lasting),
    ("p", "any/443", Lasting),
    ("p", "tcp/22", Timed),
];
const MACS: Case = Case {
    text: "set m mac { max 8 }\ndrop ether src in m\ndefault pass\n",
    entries: &[("m", "02:00:5e:10:00:01", Lasting), ("m", "02:00:5e:10:00:02", Over)],
};
const LONG: Case = Case {
    text: "drop dport { 22, 53, 67, 80, 443, 546, 1000, 1002, 1004, 1006, 8080, 65535 }\ndefault pass\n",
    entries: &[],
};

/// A table without its last row: the one of port 65535.
fn last_row(table: &mut [u8]) {
    table[65_535 * 4..65_536 * 4].fill(0);
}

/// A table with every row one further.
fn one_beside(table: &mut [u8]) {
    table[..65_536 * 4].rotate_right(4);
}

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "A set without entries holds every address",
        seen: "Cilium CVE-2025-64715",
        made: Program(EMPTY, &[patch("2: ", &["r1 |= r2", "if r1 == 0x0 goto past line ?"],
            &["r1 |= r2", "r7 = 11", "if r1 == 0x0 goto drop"])]),
    },
    Exhibit {
        bug: "Every rule looks into the first set",
        seen: "bpfilter d8e6d2bc",
        made: Program(TWO, &[
            patch("4: ", &["r3 = map[b:fill]?"], &["r3 = map[a:fill]$1"]),
            patch("4: ", &["r1 = map[b:nodes]"], &["r1 = map[a:nodes]"]),
            patch("4: ", &["call look up in b"], &["call look up in a"]),
            patch("4: ", &["r1 = map[b]"], &["r1 = map[a]"]),
        ]),
    },
    Exhibit {
        bug: "Only addresses are looked up, prefixes are not",
        seen: "xdp-filter 1.3.1: no prefixes",
        made: Program(TWO, &[patch("look up", &["r1 = *(u64 *)(r1 +24)", "if r1 == 0x0 goto ?"], &["goto $1"])]),
    },
    Exhibit {
        bug: "Each step chooses its slot by the bits of the step before",
        seen: "a likely slip: the bits that are done with are not shifted out",
        made: Program(TWO, &[patch("", &["r8 <<= 4"], &[])]),
    },
    Exhibit {
        bug: "A prefix alone in its region holds all of it",
        seen: "a likely slip: a leaf that is pushed up is not compared",
        made: Program(TWO, &[patch("3: ", &["if r1 == 0x0 goto found?"], &["goto found$1"])]),
    },
    Exhibit {
        bug: "What holds around a prefix alone in its region is forgotten",
        seen: "a likely slip: a miss of the longest prefix is taken for a miss of all",
        made: Program(TWO, &[patch("4: ", &["if r0 & 0x20000000 goto ?"], &[])]),
    },
    Exhibit {
        bug: "Of an IPv6 prefix the upper half alone is compared",
        seen: "a likely slip: the lower half is left out where it is fixed",
        made: Program(NEAR6, &[patch("look up", &["r2 &= r4"], &["r2 = 0"])]),
    },
    Exhibit {
        bug: "Of an IPv6 prefix alone in its region the bits in the slot alone are compared",
        seen: "a likely slip: the first bits are taken for all",
        made: Program(NEAR6, &[patch("look up", &["if r0 & 0x40000000 goto ?"], &[])]),
    },
    Exhibit {
        bug: "What holds around an IPv6 prefix is forgotten where its first bits differ",
        seen: "a likely slip: the entry that says it is not read any more",
        made: Program(NESTED6, &[patch("look up", &["if r0 & 0x20000000 goto ?"], &[])]),
    },
    Exhibit {
        bug: "An IPv6 look-up ends with the first 64 bits behind the root",
        seen: "a likely slip: the register is at its end, and nothing is put there",
        made: Program(NESTED6, &[patch("look up", &["r8 = r9", "r0 = *(u64 *)(r0 +0)"], &["r8 = 0", "r0 = *(u64 *)(r0 +0)"])]),
    },
    Exhibit {
        bug: "An address is taken for another one with the same tag",
        seen: "a likely slip: a hash is taken for what it is made of",
        made: Program(NEAR6, &[
            patch("look up", &["r8 |= 1"], &["r8 = 1"]),
            patch("look up", &["if r2 != r6 goto ?"], &[]),
            patch("look up", &["if r2 != r7 goto ?"], &[]),
        ]),
    },
    Exhibit {
        bug: "IPv6 keys are written byte-reversed and never match",
        seen: "XDP-Firewall's command line",
        made: Filled(HELD, REVERSED),
    },
    Exhibit {
        bug: "An entry past its time matches on",
        seen: "XDP-Firewall: expiry by a clock that is not the program's",
        made: Program(HELD, &[patch("", &["if r1 <= r0 goto ?"], &[])]),
    },
    Exhibit {
        bug: "Prefixes past their time match on, addresses of IPv6 do not",
        seen: "a likely slip: a trie has no expiry of its own",
        made: Program(HELD, &[patch("", &["if r0 & 0x8000000 goto ?"], &[])]),
    },
    Exhibit {
        bug: "An entry that ends one day has ended",
        seen: "a likely slip: `<` for `>`",
        made: Program(HELD, &[patch("", &["if r1 <= r0 goto ?"], &["if r1 >= r0 goto $1"])]),
    },
    Exhibit {
        bug: "An entry matches for one tick too long",
        seen: "a likely slip: `>=` for `>`",
        made: Program(HELD, &[patch("", &["if r1 <= r0 goto ?"], &["if r1 < r0 goto $1"])]),
    },
    Exhibit {
        bug: "The program's clock does not begin where the tool's does",
        seen: "XDP-Firewall: sysinfo.uptime beside the kernel's ktime",
        made: Program(HELD, &[patch("", &["r0 -= r1"], &[])]),
    },
    Exhibit {
        bug: "Ticks are taken for nanoseconds",
        seen: "a likely slip: the units of time",
        made: Program(HELD, &[patch("", &["r0 *= r2"], &[])]),
    },
    Exhibit {
        bug: "A hit is counted twice in its entry",
        seen: "odd frames, row 47",
        made: Program(HELD, &[patch("2: ", &["r1 = 1", "lock ? += r1"], &["r1 = 2", "lock $1 += r1"])]),
    },
    Exhibit {
        bug: "The bytes of a hit are not counted in its entry",
        seen: "a likely slip: packets without bytes",
        made: Program(HELD, &[patch("2: ", &["lock *(u64 *)(r0 +8) += r9"], &[])]),
    },
    Exhibit {
        bug: "A service matches whatever the protocol",
        seen: "xdp-filter 1.3.1, measured: two rules became four",
        made: Filled(SERVICES, ANY),
    },
    Exhibit {
        bug: "UDP is looked up in the column of TCP",
        seen: "prototype-kernel's xdp_ddos01_blacklist: `--udp-dport 53 --tcp-dport 80` added UDP/80",
        made: Program(SERVICES, &[patch("2: ", &["if r1 == 0x6 goto ?", "r0 >>= 16"], &[])]),
    },
    Exhibit {
        bug: "A service past its time matches on",
        seen: "a likely slip: expiry in one kind of set only",
        made: Program(SERVICES, &[patch("2: ", &["if r1 > r2 goto service?"], &["goto service$1"])]),
    },
    Exhibit {
        bug: "A hit of a service is counted in the slot beside",
        seen: "a likely slip: slots begin at 1",
        made: Program(SERVICES, &[patch("2: ", &["*(u64 *)(r10 -40) = r0"], &["r0 += 1", "*(u64 *)(r10 -40) = r0"])]),
    },
    Exhibit {
        bug: "Destination and source of Ethernet are exchanged",
        seen: "a likely slip: the destination comes first on the wire",
        made: Program(MACS, &[
            patch("", &["r? = *(u32 *)(r7 +6)"], &["r$1 = *(u32 *)(r7 +0)"]),
            patch("", &["r? = *(u16 *)(r7 +10)"], &["r$1 = *(u16 *)(r7 +4)"]),
        ]),
    },
    Exhibit {
        bug: "The last value of a long list is missing in its table",
        seen: "a likely slip: ingress-node-firewall's end of a range, in a table",
        made: Tables(LONG, last_row),
    },
    Exhibit {
        bug: "A table says of each port what is true of the one before",
        seen: "a likely slip: one beside",
        made: Tables(LONG, one_beside),
    },
];
