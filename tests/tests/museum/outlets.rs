//! Bugs in sending packets elsewhere: the wrong place, the wrong station, nothing said of a loss.

use palisade_filter::Mode;

use crate::exhibit::{Case, Exhibit, Made::Moded, Made::Program, Made::Unsafe};
use crate::patch::patch;

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

const TWO: Case =
    case("redirect out0 udp\nredirect out1 mac 02:00:5e:10:00:0f tcp\ndefault pass\n");

const DELIVER: Case = case("deliver 1 tcp\ndeliver udp\ndefault drop\n");

/// The exhibits.
#[rustfmt::skip] // A patch is read as the lines that it replaces, and those that it puts there.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "Every frame leaves by the first interface",
        seen: "xdp-tutorial's xdp_redirect_map: one key for all",
        made: Program(TWO, &[patch("redirect out1", &["r2 = 1"], &["r2 = 0"])]),
    },
    Exhibit {
        bug: "The key of an interface is one too high",
        seen: "a likely slip: counted from one",
        made: Program(TWO, &[patch("redirect out0", &["r1 = map[_devices]", "r2 = 0"], &["r1 = map[_devices]", "r2 = 1"])]),
    },
    Exhibit {
        bug: "The flags are what happened to be in the register: a lost frame passes, and nothing tells",
        seen: "a likely slip: the third argument is forgotten",
        made: Program(TWO, &[patch("redirect out0", &["r3 = 0"], &["r3 = 2"])]),
    },
    Exhibit {
        bug: "The frame is to be redirected, and nobody says where",
        seen: "a likely slip: the verdict alone is returned",
        made: Program(TWO, &[patch("redirect out0", &["call bpf_redirect_map#51"], &["r0 = 4"])]),
    },
    Exhibit {
        bug: "The frame passes, though it was given away",
        seen: "a likely slip: what the helper gives is not returned",
        made: Program(TWO, &[patch("redirect out0", &["call bpf_redirect_map#51"], &["call bpf_redirect_map#51", "r0 = 2"])]),
    },
    Exhibit {
        bug: "The station's address is written the wrong way round",
        seen: "xdp-tutorial's trace of addresses: read in the order of the machine",
        made: Program(TWO, &[patch("redirect out1", &["*(u32 *)(r7 +0) = 274595842", "*(u16 *)(r7 +4) = 3840"], &["*(u32 *)(r7 +0) = 33578512", "*(u16 *)(r7 +4) = 15"])]),
    },
    Exhibit {
        bug: "The station's address is written over that of the sender",
        seen: "a likely slip: source and destination confused",
        made: Program(TWO, &[patch("redirect out1", &["r1 += 6"], &["r1 += 12"]), patch("redirect out1", &["*(u32 *)(r7 +0) = 274595842", "*(u16 *)(r7 +4) = 3840"], &["*(u32 *)(r7 +6) = 274595842", "*(u16 *)(r7 +10) = 3840"])]),
    },
    Exhibit {
        bug: "The last bytes of the station's address are forgotten",
        seen: "a likely slip: an address is not four bytes",
        made: Program(TWO, &[patch("redirect out1", &["*(u16 *)(r7 +4) = 3840"], &[])]),
    },
    Exhibit {
        bug: "In shadow mode frames leave",
        seen: "a likely slip: the mode is asked of drops alone",
        made: Moded(Mode::Shadow, TWO, &[patch("redirect out0", &["if r6 != 0x0 goto shadow"], &[])]),
    },
    Exhibit {
        bug: "The address is written through the register that holds the row",
        seen: "a likely slip: the start of the frame is not read anew",
        made: Unsafe(TWO, &[patch("redirect out1", &["r1 = *(u64 *)(r10 -8)", "r7 = *(u32 *)(r1 +0)", "r8 = *(u32 *)(r1 +4)", "r1 = r7", "r1 += 6", "if r1 > r8 goto ?"], &["r1 = *(u64 *)(r10 -8)"])]),
    },
    Exhibit {
        bug: "The address is written without a look whether there are six bytes",
        seen: "every verifier's reason to be",
        made: Unsafe(TWO, &[patch("redirect out1", &["r1 = r7", "r1 += 6", "if r1 > r8 goto ?"], &[])]),
    },
    Exhibit {
        bug: "The socket is that of the interface's number, and not of the queue",
        seen: "a likely slip: two fields of the context side by side",
        made: Program(DELIVER, &[patch("deliver", &["r2 = *(u32 *)(r1 +16)"], &["r2 = *(u32 *)(r1 +12)"])]),
    },
    Exhibit {
        bug: "All packets are for one socket",
        seen: "a likely slip: the key is that of the first rule",
        made: Program(DELIVER, &[patch("deliver", &["r2 = *(u32 *)(r1 +16)"], &["r2 = 1"])]),
    },
    Exhibit {
        bug: "Without a socket the packet is aborted",
        seen: "xdp-tutorial's xdp_sock_prog, whose socket has died: flags of 0",
        made: Program(DELIVER, &[patch("deliver", &["r3 = 1", "call bpf_redirect_map#51"], &["r3 = 0", "call bpf_redirect_map#51"])]),
    },
    Exhibit {
        bug: "Without a socket the packet passes, whatever the default",
        seen: "a likely slip: the fallback of another policy",
        made: Program(DELIVER, &[patch("deliver", &["r3 = 1", "call bpf_redirect_map#51"], &["r3 = 2", "call bpf_redirect_map#51"])]),
    },
    Exhibit {
        bug: "Packets of every queue are delivered",
        seen: "a likely slip: the queue is not asked for",
        made: Program(DELIVER, &[patch("1: deliver 1", &["r1 = *(u64 *)(r10 -8)", "r1 = *(u32 *)(r1 +16)", "if r1 != 0x1 goto ?"], &[])]),
    },
    Exhibit {
        bug: "Packets of every other queue are delivered",
        seen: "a likely slip: a comparison the wrong way round",
        made: Program(DELIVER, &[patch("1: deliver 1", &["if r1 != 0x1 goto ?"], &["if r1 == 0x1 goto $1"])]),
    },
    Exhibit {
        bug: "In shadow mode packets go to a socket",
        seen: "a likely slip: the mode is asked of drops alone",
        made: Moded(Mode::Shadow, DELIVER, &[patch("deliver", &["if r6 != 0x0 goto shadow"], &[])]),
    },
];
