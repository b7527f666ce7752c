//! Bugs in the holding of limits and in bans: bursts that are off by one, debts that never end, keys
//! that say too little.

use palisade_filter::Mode;

use crate::exhibit::{Case, Exhibit, Made::Timed};
use crate::patch::patch;

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

const SOURCES: Case = case("limit 1000/s burst 3 per src/24/64 drop udp\ndefault pass\n");
const FLOWS: Case = case("limit 1000/s burst 3 per flow drop ( tcp or udp )\ndefault pass\n");
const BITS: Case = case("limit 3mbit/s burst 8kbit drop\ndefault pass\n");
const BAN: Case = case(
    "set banned host\ndrop src in banned\nlimit 1000/s burst 3 per src ban 1s set banned\ndefault pass\n",
);
const FOR_EVER: Case = case(
    "set banned host { elements { 192.0.2.1 } }\ndrop tcp src in banned\nban 1s set banned udp\ndefault pass\n",
);

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "A burst is one packet longer",
        seen: "a likely slip: the last packet of a burst is counted behind it",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r3 = 0xb71b000 ll"], &["r3 = 0xf424000 ll"])]),
    },
    Exhibit {
        bug: "A burst is one packet shorter",
        seen: "a likely slip: `>=` for `>`",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["if r1 > r3 goto ?"], &["if r1 >= r3 goto $1"])]),
    },
    Exhibit {
        bug: "A time that is past is not brought up to now: behind a pause, all of it comes at once",
        seen: "every textbook of the generic cell rate algorithm warns of it",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r2 >>= 62", "if r2 == 0x0 goto ?", "r1 = 0"], &["r2 >>= 62", "if r2 == 0x0 goto $1"])]),
    },
    Exhibit {
        bug: "A time that is past is owed",
        seen: "a likely slip: the smaller of two times, for the greater",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["if r2 == 0x0 goto ?"], &["if r2 != 0x0 goto $1"])]),
    },
    Exhibit {
        bug: "The clock is taken from the wrong side",
        seen: "a likely slip: a subtraction turned round",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r1 -= r0"], &["r2 = r0", "r2 -= r1", "r1 = r2"])]),
    },
    Exhibit {
        bug: "What is under the limit is dropped, and what is over it passes",
        seen: "a likely slip: nft's `limit rate` matches what is under it",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["if r1 > r3 goto ?"], &["if r1 <= r3 goto $1"])]),
    },
    Exhibit {
        bug: "Packets over the limit are counted against it: a flood never comes to its rate",
        seen: "a likely slip: the time is written before it is compared",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ",
            &["if r1 > r3 goto ?", "r1 += r0", "*(u64 *)(r8 +0) = r1"],
            &["r2 = r1", "r2 += r0", "*(u64 *)(r8 +0) = r2", "if r1 > r3 goto $1"])]),
    },
    Exhibit {
        bug: "What passes is not counted",
        seen: "a likely slip: the time is not written back",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["*(u64 *)(r8 +0) = r1"], &[])]),
    },
    Exhibit {
        bug: "A debt is written back without the time it begins at",
        seen: "a likely slip: a span for a moment",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r1 += r0", "*(u64 *)(r8 +0) = r1"], &["*(u64 *)(r8 +0) = r1"])]),
    },
    Exhibit {
        bug: "A new key is forgotten at once",
        seen: "a likely slip: the value is not put into the map",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["call bpf_map_update_elem#2"], &[])]),
    },
    Exhibit {
        bug: "The first packet of a key is free",
        seen: "a likely slip: a new key owes nothing, not even its own packet",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r1 = 0", "r2 = 0x3d09000 ll"], &["r1 = 0", "r2 = 0x0 ll"])]),
    },
    Exhibit {
        bug: "Nanoseconds are taken for their 64ths",
        seen: "a likely slip: the units of time",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r0 <<= 6"], &[])]),
    },
    Exhibit {
        bug: "The bits behind a prefix of IPv4 tell keys apart",
        seen: "a likely slip: the mask is forgotten",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r1 &= 16777215"], &[])]),
    },
    Exhibit {
        bug: "A prefix is masked as the machine orders its bytes",
        seen: "a likely slip: a missing htonl",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r1 &= 16777215"], &["r1 &= -256"])]),
    },
    Exhibit {
        bug: "The bits behind a prefix of IPv6 tell keys apart",
        seen: "fail2ban 2365: a banned IPv6 address has 2^64 neighbours",
        made: Timed(Mode::Enforce, SOURCES, &[patch("1: ", &["r2 = 0x0 ll", "r1 &= r2"], &[])]),
    },
    Exhibit {
        bug: "Ports do not tell flows apart",
        seen: "a likely slip: a key that is half of one",
        made: Timed(Mode::Enforce, FLOWS, &[patch("1: ", &["r1 <<= 16", "r1 |= r2"], &["r1 = 0"])]),
    },
    Exhibit {
        bug: "Ports are put together so that some pairs are alike",
        seen: "ghostwire: a key that is the sum of its fields",
        made: Timed(Mode::Enforce, FLOWS, &[patch("1: ", &["r1 <<= 16", "r1 |= r2"], &["r1 |= r2"])]),
    },
    Exhibit {
        bug: "The protocol does not tell flows apart",
        seen: "a likely slip: ports without what they are ports of",
        made: Timed(Mode::Enforce, FLOWS, &[patch("1: ", &["r2 = *(u32 *)(r10 -260)", "r2 <<= 8", "r2 |= 4"], &["r2 = 4"])]),
    },
    Exhibit {
        bug: "Bits are taken for bytes",
        seen: "a likely slip: the units of a rate",
        made: Timed(Mode::Enforce, BITS, &[patch("1: ", &["r2 >>= 16"], &["r2 >>= 19"])]),
    },
    Exhibit {
        bug: "Each frame is taken to be as long as any other",
        seen: "a likely slip: packets for bits",
        made: Timed(Mode::Enforce, BITS, &[patch("1: ", &["r2 *= r9"], &["r2 *= 500"])]),
    },
    Exhibit {
        bug: "A ban never ends",
        seen: "fail2ban, asked for without end: bans that stay",
        made: Timed(Mode::Enforce, BAN, &[patch("3: ", &["*(u64 *)(r10 -48) = r7"], &["*(u64 *)(r10 -48) = 0"])]),
    },
    Exhibit {
        bug: "A ban has ended before it begins",
        seen: "XDP-Firewall: a time of one clock compared with another",
        made: Timed(Mode::Enforce, BAN, &[patch("3: ", &["r7 += r1"], &["r7 = r1"])]),
    },
    Exhibit {
        bug: "Whoever was banned before is not banned again",
        seen: "a likely slip: an entry past its time is still an entry",
        made: Timed(Mode::Enforce, BAN, &[patch("3: ", &["*(u64 *)(r0 +24) = r7"], &[])]),
    },
    Exhibit {
        bug: "A ban makes an entry without end one that ends",
        seen: "a likely slip: no end is the smallest number",
        made: Timed(Mode::Enforce, FOR_EVER, &[patch("3: ", &["r1 = *(u64 *)(r0 +24)", "if r1 == 0x0 goto ?"], &["r1 = *(u64 *)(r0 +24)"])]),
    },
    Exhibit {
        bug: "In shadow mode sources are banned",
        seen: "a likely slip: the mode is asked of drops alone",
        made: Timed(Mode::Shadow, BAN, &[patch("3: ", &["if r6 != 0x0 goto banned?"], &[])]),
    },
    Exhibit {
        bug: "The destination is banned for the source",
        seen: "a likely slip: two addresses side by side",
        made: Timed(Mode::Enforce, BAN, &[patch("3: ", &["if r6 != 0x0 goto banned", "r1 = *(u32 *)(r10 -204)"], &["if r6 != 0x0 goto banned", "r1 = 16908480"])]),
    },
];
