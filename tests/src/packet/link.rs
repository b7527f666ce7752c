//! Layer 2: Ethernet II and 802.3, VLAN tags, LLC and SNAP, ARP.
//!
//! The type field of a header is that of the layer above it; before LLC or SNAP it is the 802.3
//! length; before raw bytes it is the EtherType for local experiments.

use std::net::Ipv4Addr;

use super::{Address, FROM4, Layer, TO4, len16};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Where frames go unless a test says otherwise (a documentation address, RFC 9542).
pub const HERE: Mac = [0x00, 0x00, 0x5e, 0x00, 0x53, 0x01];
/// Where frames come from unless a test says otherwise.
pub const THERE: Mac = [0x00, 0x00, 0x5e, 0x00, 0x53, 0x07];
/// Everybody on the link.
pub const BROADCAST: Mac = [0xff; 6];
/// All IPv6 nodes on the link.
pub const MULTICAST: Mac = [0x33, 0x33, 0x00, 0x00, 0x00, 0x01];

/// The EtherType for local experiments (IEEE 802): what raw bytes are announced as.
const EXPERIMENT: u16 = 0x88b5;

/// The type or length field in front of `above`, which is encoded as `body`.
fn type_or_length(said: Option<u16>, above: Option<&Layer>, body: &[u8]) -> [u8; 2] {
    let field = match (said, above) {
        (Some(said), _) => said,
        (None, Some(Layer::Llc(_) | Layer::Snap(_))) => len16(body.len()),
        (None, above) => above.and_then(Layer::ethertype).unwrap_or(EXPERIMENT),
    };
    field.to_be_bytes()
}

/// An Ethernet header.
#[derive(Clone, Debug)]
pub struct Eth {
    src: Mac,
    dst: Mac,
    ethertype: Option<u16>,
}

/// An Ethernet header from `THERE` to `HERE`.
pub fn eth() -> Eth {
    Eth { src: THERE, dst: HERE, ethertype: None }
}

impl Eth {
    /// Who sends the frame.
    pub fn src(self, src: Mac) -> Self {
        Self { src, ..self }
    }

    /// Who is to have the frame.
    pub fn dst(self, dst: Mac) -> Self {
        Self { dst, ..self }
    }

    /// The type or length field, whatever follows.
    pub fn ethertype(self, ethertype: u16) -> Self {
        Self { ethertype: Some(ethertype), ..self }
    }

    pub(super) fn encode(&self, above: Option<&Layer>, body: &[u8]) -> Vec<u8> {
        let kind = type_or_length(self.ethertype, above, body);
        [&self.dst, &self.src, kind.as_slice(), body].concat()
    }
}

/// A VLAN tag.
#[derive(Clone, Debug)]
pub struct Vlan {
    tpid: u16,
    vid: u16,
    pcp: u16,
    dei: u16,
    ethertype: Option<u16>,
}

/// A customer tag (0x8100) of this VLAN.
pub fn vlan(vid: u16) -> Vlan {
    Vlan { tpid: 0x8100, vid, pcp: 0, dei: 0, ethertype: None }
}

/// A service tag (0x88a8) of this VLAN.
pub fn service_vlan(vid: u16) -> Vlan {
    vlan(vid).announced_as(0x88a8)
}

impl Vlan {
    /// The EtherType by which the header before announces the tag.
    pub fn announced_as(self, tpid: u16) -> Self {
        Self { tpid, ..self }
    }

    /// The priority, 0 to 7.
    pub fn pcp(self, pcp: u16) -> Self {
        Self { pcp, ..self }
    }

    /// Sets the drop-eligible bit.
    pub fn dei(self) -> Self {
        Self { dei: 1, ..self }
    }

    /// The type or length field inside the tag, whatever follows.
    pub fn ethertype(self, ethertype: u16) -> Self {
        Self { ethertype: Some(ethertype), ..self }
    }

    pub(super) fn tpid(&self) -> u16 {
        self.tpid
    }

    pub(super) fn encode(&self, above: Option<&Layer>, body: &[u8]) -> Vec<u8> {
        let control = (self.pcp << 13) | (self.dei << 12) | self.vid;
        let kind = type_or_length(self.ethertype, above, body);
        [&control.to_be_bytes(), kind.as_slice(), body].concat()
    }
}

/// An 802.2 LLC header.
#[derive(Clone, Debug)]
pub struct Llc {
    sap: u8,
}

/// An LLC header (unnumbered information) from and to one service access point.
pub fn llc(sap: u8) -> Llc {
    Llc { sap }
}

impl Llc {
    pub(super) fn encode(&self, body: &[u8]) -> Vec<u8> {
        [&[self.sap, self.sap, 0x03], body].concat()
    }
}

/// An LLC header with the SNAP extension, of no organisation (RFC 1042).
#[derive(Clone, Debug)]
pub struct Snap;

/// A SNAP header that announces the layer above by its EtherType.
pub fn snap() -> Snap {
    Snap
}

impl Snap {
    pub(super) fn encode(&self, above: Option<&Layer>, body: &[u8]) -> Vec<u8> {
        let kind = type_or_length(None, above, body);
        [&[0xaa, 0xaa, 0x03, 0, 0, 0], kind.as_slice(), body].concat()
    }
}

/// An ARP request's operation.
pub const ARP_REQUEST: u16 = 1;
/// An ARP reply's operation.
pub const ARP_REPLY: u16 = 2;

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Debug)]
pub struct Arp {
    operation: u16,
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

/// An ARP packet in which `FROM4` asks for, or tells, `TO4`.
pub fn arp(operation: u16) -> Arp {
    Arp { operation, sender: FROM4, target: TO4 }
}

impl Arp {
    /// The sender's protocol address.
    pub fn sender(self, sender: impl Address<Ipv4Addr>) -> Self {
        Self { sender: sender.address(), ..self }
    }

    /// The protocol address asked for.
    pub fn target(self, target: impl Address<Ipv4Addr>) -> Self {
        Self { target: target.address(), ..self }
    }

    pub(super) fn encode(&self, body: &[u8]) -> Vec<u8> {
        let target_mac = if self.operation == ARP_REQUEST { [0; 6] } else { HERE };
        let mut out = vec![0x00, 0x01, 0x08, 0x00, 6, 4];
        out.extend(self.operation.to_be_bytes());
        out.extend(THERE);
        out.extend(self.sender.octets());
        out.extend(target_mac);
        out.extend(self.target.octets());
        out.extend(body);
        out
    }
}
