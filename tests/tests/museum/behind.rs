//! Bugs in handing on: the wrong slot, the wrong packets, too early, and what comes where nobody is.

use crate::exhibit::{Case, Exhibit, Made::Behind};
use crate::patch::patch;

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

const DROP: Case = case("drop udp dport 53\ncount ip6\ndefault pass\n");
const REWRITE: Case = case("drop udp dport 53\nrewrite dport 8080 tcp\ndefault pass\n");

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "The program behind is looked for in another slot",
        seen: "a likely slip: the kernel goes on without a word",
        made: Behind(DROP, &[patch("next", &["r3 = 0"], &["r3 = 1"])]),
    },
    Exhibit {
        bug: "A packet is handed on before it is counted",
        seen: "a likely slip: a tail call does not come back",
        made: Behind(DROP, &[patch("verdict", &["pass:", "*(u32 *)(r10 -?) = r7"], &[
            "pass:", "r1 = *(u64 *)(r10 -8)", "r2 = map[_next]", "r3 = 0", "call bpf_tail_call#12",
            "*(u32 *)(r10 -$1) = r7",
        ])]),
    },
    Exhibit {
        bug: "Where nobody stands in the slot, a packet is dropped",
        seen: "a likely slip: whoever is closed stays closed",
        made: Behind(DROP, &[patch("next", &["r0 = 2"], &["r0 = 1"])]),
    },
    Exhibit {
        bug: "Packets that are changed are not handed on",
        seen: "a likely slip: an end of its own for each action",
        made: Behind(REWRITE, &[patch("rewrite", &["goto next"], &["r0 = 2", "exit"])]),
    },
    Exhibit {
        bug: "Packets that are dropped are handed on",
        seen: "a likely slip: one end for all verdicts",
        made: Behind(REWRITE, &[patch("verdict", &["r0 = r8", "exit"], &["goto next"])]),
    },
    Exhibit {
        bug: "The program behind is not given the packet",
        seen: "a likely slip: the context is in no register any more",
        made: Behind(DROP, &[patch("next", &["r1 = *(u64 *)(r10 -8)"], &["r1 = 0"])]),
    },
];
