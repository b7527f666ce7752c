//! Bugs in the oracle: the judge that the others are held against is wrong, and they notice.

use palisade_tests::agree::Life::{Lasting, Over};

use crate::exhibit::{Case, Exhibit, Held, Made::Misinformed, Made::Misjudged, Made::Misread};

const HELD: Case = Case {
    text: "set nets net { max 8 }\ndrop src in nets\ndefault pass\n",
    entries: &[
        ("nets", "10.0.0.1", Lasting),
        ("nets", "10.0.0.2", Over),
        ("nets", "10.0.0.4/31", Over),
    ],
};
const FOR_EVER: &[Held] = &[
    ("nets", "10.0.0.1", Lasting),
    ("nets", "10.0.0.2", Lasting),
    ("nets", "10.0.0.4/31", Lasting),
];

const IP4: [u8; 2] = [0x08, 0x00];
const IP6: [u8; 2] = [0x86, 0xdd];

/// Without any VLAN tags.
fn without_tags(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    while matches!(frame.get(12..14), Some([0x81, 0] | [0x88, 0xa8])) && frame.len() >= 18 {
        frame.drain(12..16);
    }
    frame
}

/// Without an IPv6 fragment header that comes first.
fn without_fragment_header(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.get(12..14) == Some(&IP6) && frame.get(20) == Some(&44) && frame.len() >= 62 {
        let length = u16::from_be_bytes([frame[18], frame[19]]).wrapping_sub(8);
        frame[18..20].copy_from_slice(&length.to_be_bytes());
        frame[20] = frame[54];
        frame.drain(54..62);
    }
    frame
}

/// An IPv4 packet is all there is behind its Ethernet header.
fn padding_is_packet(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.get(12..14) == Some(&IP4) && frame.len() >= 34 {
        let length = u16::try_from(frame.len() - 14).unwrap_or(u16::MAX);
        frame[16..18].copy_from_slice(&length.to_be_bytes());
    }
    frame
}

/// An IPv4 packet is no fragment.
fn no_fragment(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.get(12..14) == Some(&IP4) && frame.len() >= 34 {
        frame[20..22].fill(0);
    }
    frame
}

/// An IPv4 header has no options: they are its payload.
fn no_options(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.get(12..14) == Some(&IP4) && frame.len() >= 34 {
        frame[14] = frame[14] & 0xf0 | 5;
    }
    frame
}

/// The ports of an IPv4 packet without options, the other way round.
fn ports_turned(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.get(12..15) == Some(&[0x08, 0x00, 0x45]) && frame.len() >= 38 {
        frame[34..38].rotate_left(2);
    }
    frame
}

/// IPv6 is not known.
fn no_ip6(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.get(12..14) == Some(&IP6) {
        frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    }
    frame
}

const fn case(text: &'static str) -> Case {
    Case { text, entries: &[] }
}

/// The exhibits.
#[rustfmt::skip] // Each is read as two policies, one below the other.
pub const HALL: &[Exhibit] = &[
    Exhibit {
        bug: "The oracle steps over any number of VLAN tags",
        seen: "a wrong judge: depth",
        made: Misread(without_tags),
    },
    Exhibit {
        bug: "The oracle takes IPv6 fragments for whole packets",
        seen: "a wrong judge: NetBSD's kind of question, RFC 8200, 4.5",
        made: Misread(without_fragment_header),
    },
    Exhibit {
        bug: "The oracle takes IPv4 fragments for whole packets",
        seen: "a wrong judge: ingress-node-firewall's view",
        made: Misread(no_fragment),
    },
    Exhibit {
        bug: "The oracle takes padding for a part of the packet",
        seen: "a wrong judge: lengths from the frame",
        made: Misread(padding_is_packet),
    },
    Exhibit {
        bug: "The oracle does not know IPv4 options",
        seen: "a wrong judge: xdp-for-windows 184",
        made: Misread(no_options),
    },
    Exhibit {
        bug: "The oracle exchanges source and destination ports",
        seen: "a wrong judge: two fields side by side",
        made: Misread(ports_turned),
    },
    Exhibit {
        bug: "The oracle does not know IPv6",
        seen: "a wrong judge: helius's view",
        made: Misread(no_ip6),
    },
    Exhibit {
        bug: "The oracle lets the last rule win",
        seen: "a wrong judge: pf's order",
        made: Misjudged(case("pass src 10.0.0.1\ndrop udp\ndefault pass\n"), "\ndrop udp\npass src 10.0.0.1\ndefault pass\n"),
    },
    Exhibit {
        bug: "The oracle takes the end of a range to be outside it",
        seen: "a wrong judge: ingress-node-firewall's view",
        made: Misjudged(case("drop dport 53-443\ndefault pass\n"), "drop dport 53-442\ndefault pass\n"),
    },
    Exhibit {
        bug: "The oracle asks `host` of the source alone",
        seen: "a wrong judge: half of an alternative",
        made: Misjudged(case("drop host 10.0.0.1\ndefault pass\n"), "drop src 10.0.0.1\ndefault pass\n"),
    },
    Exhibit {
        bug: "The oracle takes a `not` to be about packets that have the header",
        seen: "a wrong judge: what `not` does not mean here",
        made: Misjudged(case("drop not src 10.0.0.1\ndefault pass\n"), "drop ip4 not src 10.0.0.1\ndefault pass\n"),
    },
    Exhibit {
        bug: "The oracle does not know that entries end",
        seen: "a wrong judge: no clock",
        made: Misinformed(HELD, FOR_EVER),
    },
];
