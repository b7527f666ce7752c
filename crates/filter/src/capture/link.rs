//! What the packets of a capture begin with.

use std::fmt;

/// A link type, by its number in <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);

    /// Its name, where it is one of those that are met.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

#[rustfmt::skip] // One line per type.
const NAMES: [(u32, &str); 22] = [
    (0, "BSD loopback"),
    (1, "Ethernet"),
    (6, "Token Ring"),
    (9, "PPP"),
    (50, "PPP in HDLC"),
    (51, "PPPoE"),
    (101, "raw IP"),
    (104, "Cisco HDLC"),
    (105, "802.11"),
    (108, "OpenBSD loopback"),
    (113, "Linux cooked capture"),
    (117, "OpenBSD pflog"),
    (127, "802.11 with radiotap"),
    (189, "Linux USB"),
    (192, "PPI"),
    (195, "802.15.4"),
    (201, "Bluetooth HCI"),
    (220, "Linux USB, padded"),
    (228, "raw IPv4"),
    (229, "raw IPv6"),
    (239, "NFLOG"),
    (276, "Linux cooked capture v2"),
];

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => self.0.fmt(f),
        }
    }
}
