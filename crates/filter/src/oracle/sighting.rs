//! What a report is to say of a frame, by the oracle's own reading of it.

use std::net::IpAddr;

use super::Reading;
use crate::policy::Protocol;

/// What a frame says of itself, as far as reports tell of it. It is right where the frame has no
/// flaw: one that has is not reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Source and destination of a packet of IP.
    pub addresses: Option<[IpAddr; 2]>,
    /// The protocol, but for later fragments of IPv6.
    pub protocol: Option<Protocol>,
    /// Source and destination port.
    pub ports: Option<[u16; 2]>,
    /// Type and code of the ICMP that belongs to the version of IP.
    pub icmp: Option<[u8; 2]>,
}

impl Reading {
    /// What a report of the frame says.
    pub fn sighting(&self) -> Sighting {
        let ip = self.facts.ip.as_ref();
        Sighting {
            addresses: ip.map(|ip| [ip.source, ip.destination]),
            protocol: ip.and_then(|ip| ip.protocol),
            ports: ip.and_then(|ip| ip.ports),
            icmp: ip.and_then(|ip| ip.icmp),
        }
    }
}
