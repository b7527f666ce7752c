//! Bugs in the planning: a program is made, and it is that of another policy.

use palisade_tests::agree::Life::Lasting;

use crate::exhibit::{Case, Exhibit, Made::Planned};

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

const LISTS: Case = Case {
    text: "set allow net { max 8 }\nset block net { max 8 }\npass src in allow\ndrop src in block\ndefault pass\n",
    entries: &[
        ("allow", "10.0.0.1", Lasting),
        ("block", "10.0.0.0/28", Lasting),
        ("block", "2001:db8::/64", Lasting),
    ],
};

/// The exhibits.
#[rustfmt::skip] // Each is read as two policies, one below the other.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "The allow list loses to the block list",
        seen: "XDP-Firewall 84 and 85: asked for, and not there",
        made: Planned(LISTS, "set allow net { max 8 }\nset block net { max 8 }\n\ndrop src in block\npass src in allow\ndefault pass\n"),
    },
    Exhibit {
        bug: "The block list is asked of TCP and UDP only",
        seen: "XDP-Firewall: GRE, ESP and SCTP skip the source block map",
        made: Planned(LISTS, "set allow net { max 8 }\nset block net { max 8 }\npass src in allow\ndrop ( tcp or udp ) src in block\ndefault pass\n"),
    },
    Exhibit {
        bug: "The block list is asked of IPv4 only",
        seen: "prototype-kernel's xdp_ddos01_blacklist; helius: IPv6 passes",
        made: Planned(LISTS, "set allow net { max 8 }\nset block net { max 8 }\npass src in allow\ndrop ip4 src in block\ndefault pass\n"),
    },
    Exhibit {
        bug: "A set without entries makes its rule one about everything",
        seen: "Cilium CVE-2025-64715",
        made: Planned(
            case("set nets net { max 8 }\npass src in nets\ndefault drop\n"),
            "set nets net { max 8 }\npass\ndefault drop\n",
        ),
    },
    Exhibit {
        bug: "Of several values only the first is compared",
        seen: "a likely slip: the first of a list",
        made: Planned(case("drop dport { 53, 80, 443 }\ndefault pass\n"), "drop dport 53\ndefault pass\n"),
    },
    Exhibit {
        bug: "Of several sets only the first is asked",
        seen: "bpfilter d8e6d2bc, for rules with two sets",
        made: Planned(
            Case {
                text: "set a net { max 8 }\nset b net { max 8 }\ndrop src in a dst in b\ndefault pass\n",
                entries: &[("a", "10.0.0.0/24", Lasting), ("b", "10.0.0.2", Lasting)],
            },
            "set a net { max 8 }\nset b net { max 8 }\ndrop src in a\ndefault pass\n",
        ),
    },
    Exhibit {
        bug: "A `not` is lost",
        seen: "a likely slip: what is tested twice is tested once",
        made: Planned(case("drop not src 10.0.0.1 ip4\ndefault pass\n"), "drop src 10.0.0.1 ip4\ndefault pass\n"),
    },
    Exhibit {
        bug: "A `not` before a term is one about packets that have the header",
        seen: "the language says otherwise: `not` is true of every other kind",
        made: Planned(case("drop not dport 53\ndefault pass\n"), "drop not dport 53 ( tcp or udp or sctp )\ndefault pass\n"),
    },
    Exhibit {
        bug: "A rule that seems to be covered by an earlier one is left out",
        seen: "a likely slip of whoever removes dead rules",
        made: Planned(
            case("pass src 10.0.0.0/28 udp\ndrop src 10.0.0.0/28\ndefault pass\n"),
            "pass src 10.0.0.0/28 udp\n\ndefault pass\n",
        ),
    },
    Exhibit {
        bug: "Rules that do the same are put together over one that does not",
        seen: "a likely slip of whoever groups rules",
        made: Planned(
            case("drop dport 53\npass src 10.0.0.1\ndrop dport 80\ndefault pass\n"),
            "drop dport 53\n\ndrop dport 80\npass src 10.0.0.1\ndefault pass\n",
        ),
    },
    Exhibit {
        bug: "A range loses its last value",
        seen: "ingress-node-firewall",
        made: Planned(case("drop src 10.0.0.1-10.0.0.5\ndefault pass\n"), "drop src 10.0.0.1-10.0.0.4\ndefault pass\n"),
    },
    Exhibit {
        bug: "A prefix is one bit shorter",
        seen: "a likely slip: bits or bytes",
        made: Planned(case("drop src 2001:db8::/64\ndefault pass\n"), "drop src 2001:db8::/63\ndefault pass\n"),
    },
    Exhibit {
        bug: "A keep comes behind the rules",
        seen: "xdp-tools 181, 182: default-deny that locks out",
        made: Planned(
            case("keep src 10.0.0.1\ndrop udp\ndefault pass\n"),
            "\ndrop udp\npass src 10.0.0.1\ndefault pass\n",
        ),
    },
    Exhibit {
        bug: "ARP is dropped by rules about IP",
        seen: "xdp-filter 1.3.1, measured: ARP dropped, 10 of 10",
        made: Planned(case("keep arp\npass ip4\ndefault drop\n"), "\npass ip4\ndefault drop\n"),
    },
    Exhibit {
        bug: "Neighbour discovery is not kept behind extension headers",
        seen: "xdp-filter's only test of ND has none",
        made: Planned(case("keep nd\ndefault drop\n"), "keep nd length < 73\ndefault drop\n"),
    },
    Exhibit {
        bug: "Later fragments meet the default in spite of `on fragment`",
        seen: "Minecraft-XDP 96: fragments dropped all alike",
        made: Planned(case("drop dport 53\non fragment pass\ndefault drop\n"), "drop dport 53\n\ndefault drop\n"),
    },
    Exhibit {
        bug: "Two rules become four: source and destination, TCP and UDP",
        seen: "xdp-filter 1.3.1, measured: the flags are a cross product",
        made: Planned(
            case("drop tcp sport 53\ndrop udp dport 53\ndefault pass\n"),
            "drop tcp port 53\ndrop udp port 53\ndefault pass\n",
        ),
    },
    Exhibit {
        bug: "Malformed frames meet the default",
        seen: "xdp-tutorial's parser: an error passes",
        made: Planned(case("drop udp dport 53\ndefault pass\n"), "drop udp dport 53\non malformed pass\ndefault pass\n"),
    },
];
