//! A frame as facts: what its headers say, read from the outside in until something is wrong.
//!
//! Every fact is of a header that is whole and sound, and lies within the packet's own length: what
//! stands behind it is padding. The first flaw ends the reading; the facts found before it stay.
//! What is a flaw, and in which order, is what `ip_rcv_core`, `ip6_rcv_core` and the walk along
//! `ipv6_ext_hdr` refuse in the Linux stack.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::policy::{Flaw, Protocol};
use crate::value::{Family, Mac};

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// Bytes of a VLAN tag.
const TAG: usize = 4;
/// The most VLAN tags that are stepped over.
const MOST_TAGS: usize = 8;
/// The most IPv6 extension headers that are stepped over.
const MOST_EXTENSIONS: usize = 8;

const TAGS: [u16; 2] = [0x8100, 0x88a8];
pub(super) const IP4: u16 = 0x0800;
pub(super) const IP6: u16 = 0x86dd;
pub(super) const ARP: u16 = 0x0806;

/// What kind of frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ip4,
    Ip6,
    Arp,
    Other,
}

impl Kind {
    /// The kind behind an EtherType.
    pub(super) const fn of(ethertype: u16) -> Self {
        match ethertype {
            IP4 => Self::Ip4,
            IP6 => Self::Ip6,
            ARP => Self::Arp,
            _ => Self::Other,
        }
    }

    /// The version of IP.
    pub(super) const fn family(self) -> Option<Family> {
        match self {
            Self::Ip4 => Some(Family::V4),
            Self::Ip6 => Some(Family::V6),
            Self::Arp | Self::Other => None,
        }
    }
}

/// What part of a packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    /// All of it.
    Whole,
    /// All of it, behind an IPv6 fragment header.
    Atomic,
    /// Its beginning, with more to come.
    First,
    /// Something from its middle, or its end.
    Later,
}

/// What a frame says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Destination and source.
    pub macs: Option<[Mac; 2]>,
    /// The identifiers of the VLAN tags, the outermost first.
    pub tags: Vec<u16>,
    /// The EtherType behind the tags.
    pub ethertype: Option<u16>,
    /// The IP header, where it is sound.
    pub ip: Option<Ip>,
    /// The receive queue that it came in on.
    pub queue: u32,
    /// How long the frame is.
    pub length: usize,
    /// How many bytes of the frame were looked at: what stands behind them makes no difference.
    pub seen: usize,
}

/// What an IP packet says of itself.
#[derive(Clone, Debug)]
pub(super) struct Ip {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ttl: u8,
    pub length: u32,
    pub dscp: u8,
    /// An IPv4 header is longer than 20 bytes.
    pub options: bool,
    pub piece: Piece,
    /// The numbers of the IPv6 extension headers that were stepped over.
    pub extensions: Vec<u8>,
    /// Known of a sound packet, but for later fragments of IPv6.
    pub protocol: Option<Protocol>,
    /// Source and destination.
    pub ports: Option<[u16; 2]>,
    /// The nine flags of TCP.
    pub flags: Option<u16>,
    /// Type and code of the ICMP that belongs to the version of IP.
    pub icmp: Option<[u8; 2]>,
}

impl Facts {
    /// The kind of frame; one whose EtherType is not known is of none in particular.
    pub(super) fn kind(&self) -> Kind {
        self.ethertype.map_or(Kind::Other, Kind::of)
    }

    /// Whether it is a fragment but not the first.
    pub(super) fn is_later_fragment(&self) -> bool {
        self.ip.as_ref().is_some_and(|ip| ip.piece == Piece::Later)
    }
}

/// What can be known of a frame, and what ended the reading before the end.
pub(super) fn read(frame: &[u8]) -> (Facts, Option<Flaw>) {
    let mut facts = Facts { length: frame.len(), ..Facts::default() };
    let flaw = ethernet(frame, &mut facts).err();
    (facts, flaw)
}

fn ethernet(frame: &[u8], facts: &mut Facts) -> Result<(), Flaw> {
    let mut rest = frame;
    facts.seen = frame.len().min(ETHERNET);
    let macs = [Mac(take(&mut rest, Flaw::ShortL2)?), Mac(take(&mut rest, Flaw::ShortL2)?)];
    let mut ethertype = u16::from_be_bytes(take(&mut rest, Flaw::ShortL2)?);
    facts.macs = Some(macs);
    while TAGS.contains(&ethertype) {
        if facts.tags.len() == MOST_TAGS {
            return Err(Flaw::VlanTooDeep);
        }
        let control = u16::from_be_bytes(take(&mut rest, Flaw::ShortL2)?);
        ethertype = u16::from_be_bytes(take(&mut rest, Flaw::ShortL2)?);
        facts.tags.push(control & 0x0fff);
        facts.seen += TAG;
    }
    facts.ethertype = Some(ethertype);
    match Kind::of(ethertype) {
        Kind::Ip4 => ip4(Rest { bytes: rest, at: facts.seen }, facts),
        Kind::Ip6 => ip6(Rest { bytes: rest, at: facts.seen }, facts),
        Kind::Arp | Kind::Other => Ok(()),
    }
}

/// Takes bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8], short: Flaw) -> Result<[u8; N], Flaw> {
    let (head, rest) = bytes.split_first_chunk().ok_or(short)?;
    *bytes = rest;
    Ok(*head)
}

/// What is left of a packet, and where in the frame it begins.
#[derive(Clone, Copy)]
struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    /// The header at its front, which is looked at.
    fn look<const N: usize>(self, seen: &mut usize, short: Flaw) -> Result<&'a [u8; N], Flaw> {
        let head = self.bytes.first_chunk().ok_or(short)?;
        *seen = self.at + N;
        Ok(head)
    }

    /// What is behind so many bytes of it.
    fn behind(self, length: usize, short: Flaw) -> Result<Self, Flaw> {
        let bytes = self.bytes.get(length..).ok_or(short)?;
        Ok(Self { bytes, at: self.at + length })
    }

    /// So many bytes of it.
    fn up_to(self, length: u16, short: Flaw) -> Result<Self, Flaw> {
        let bytes = self.bytes.get(..usize::from(length)).ok_or(short)?;
        Ok(Self { bytes, ..self })
    }
}

fn ip4(rest: Rest<'_>, facts: &mut Facts) -> Result<(), Flaw> {
    let head: &[u8; 20] = rest.look(&mut facts.seen, Flaw::ShortL3)?;
    if head[0] >> 4 != 4 {
        return Err(Flaw::BadVersion);
    }
    let header = usize::from(head[0] & 0x0f) * 4;
    if header < head.len() {
        return Err(Flaw::BadIhl);
    }
    if header > rest.bytes.len() {
        return Err(Flaw::ShortL3);
    }
    let total = u16::from_be_bytes([head[2], head[3]]);
    let body = rest.up_to(total, Flaw::BadLength)?.behind(header, Flaw::BadLength)?;
    let fragment = u16::from_be_bytes([head[6], head[7]]);
    let ip = facts.ip.insert(Ip {
        source: Ipv4Addr::new(head[12], head[13], head[14], head[15]).into(),
        destination: Ipv4Addr::new(head[16], head[17], head[18], head[19]).into(),
        ttl: head[8],
        length: total.into(),
        dscp: head[1] >> 2,
        options: header > head.len(),
        piece: match (fragment & 0x1fff, fragment & 0x2000) {
            (0, 0) => Piece::Whole,
            (0, _) => Piece::First,
            _ => Piece::Later,
        },
        extensions: Vec::new(),
        protocol: None,
        ports: None,
        flags: None,
        icmp: None,
    });
    let protocol = Protocol(head[9]);
    if ip.piece == Piece::Later {
        ip.protocol = Some(protocol);
        return Ok(());
    }
    transport(ip, Protocol::ICMP, protocol, body, &mut facts.seen)
}

fn ip6(rest: Rest<'_>, facts: &mut Facts) -> Result<(), Flaw> {
    let mut head = rest.look::<40>(&mut facts.seen, Flaw::ShortL3)?.as_slice();
    let first: [u8; 8] = take(&mut head, Flaw::ShortL3)?;
    let source: [u8; 16] = take(&mut head, Flaw::ShortL3)?;
    let destination: [u8; 16] = take(&mut head, Flaw::ShortL3)?;
    if first[0] >> 4 != 6 {
        return Err(Flaw::BadVersion);
    }
    let payload = u16::from_be_bytes([first[4], first[5]]);
    if payload == 0 {
        return Err(Flaw::BadLength);
    }
    let body = rest.behind(40, Flaw::BadLength)?.up_to(payload, Flaw::BadLength)?;
    let ip = facts.ip.insert(Ip {
        source: Ipv6Addr::from(source).into(),
        destination: Ipv6Addr::from(destination).into(),
        ttl: first[7],
        length: u32::from(payload) + 40,
        dscp: (first[0] & 0x0f) << 2 | first[1] >> 6,
        options: false,
        piece: Piece::Whole,
        extensions: Vec::new(),
        protocol: None,
        ports: None,
        flags: None,
        icmp: None,
    });
    extensions(ip, first[6], body, &mut facts.seen)
}

/// The extension headers that are stepped over; every other number is the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extension {
    HopByHop,
    Routing,
    Fragment,
    Authentication,
    Destination,
}

impl Extension {
    const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::HopByHop),
            43 => Some(Self::Routing),
            44 => Some(Self::Fragment),
            51 => Some(Self::Authentication),
            60 => Some(Self::Destination),
            _ => None,
        }
    }

    /// How many bytes a header with this second byte has.
    fn length(self, byte: u8) -> usize {
        let units = usize::from(byte);
        match self {
            Self::HopByHop | Self::Routing | Self::Destination => (units + 1) * 8,
            Self::Authentication => (units + 2) * 4,
            // The byte is reserved there, RFC 8200, 4.5.
            Self::Fragment => 8,
        }
    }
}

/// Whether a number behind an IPv6 header is one of a header that is stepped over.
pub(super) const fn is_extension(number: u8) -> bool {
    Extension::of(number).is_some()
}

fn extensions(ip: &mut Ip, first: u8, body: Rest<'_>, seen: &mut usize) -> Result<(), Flaw> {
    let (mut next, mut rest) = (first, body);
    while let Some(extension) = Extension::of(next) {
        if extension == Extension::HopByHop && !ip.extensions.is_empty() {
            return Err(Flaw::BadExtHdr);
        }
        if ip.extensions.len() == MOST_EXTENSIONS {
            return Err(Flaw::ExtHdrTooDeep);
        }
        if extension == Extension::Fragment && ip.piece != Piece::Whole {
            return Err(Flaw::BadExtHdr);
        }
        let head: &[u8; 8] = rest.look(seen, Flaw::ShortL4)?;
        if extension == Extension::Routing && head[3] != 0 {
            return Err(Flaw::BadExtHdr);
        }
        if extension == Extension::Fragment {
            ip.piece = piece(u16::from_be_bytes([head[2], head[3]]));
            if ip.piece == Piece::Later {
                // Neither what follows nor which protocol it is can be believed.
                ip.extensions.push(next);
                return Ok(());
            }
        }
        rest = rest.behind(extension.length(head[1]), Flaw::ShortL4)?;
        ip.extensions.push(next);
        next = head[0];
    }
    transport(ip, Protocol::ICMPV6, Protocol(next), rest, seen)
}

/// What the field of an IPv6 fragment header says.
const fn piece(field: u16) -> Piece {
    match (field & 0xfff8, field & 1) {
        (0, 0) => Piece::Atomic,
        (0, _) => Piece::First,
        _ => Piece::Later,
    }
}

/// Reads what a transport header says; it must be whole, and of other protocols nothing is asked.
fn transport(
    ip: &mut Ip,
    icmp: Protocol,
    protocol: Protocol,
    body: Rest<'_>,
    seen: &mut usize,
) -> Result<(), Flaw> {
    match protocol {
        Protocol::TCP => {
            let head: &[u8; 20] = body.look(seen, Flaw::ShortL4)?;
            let offset = usize::from(head[12] >> 4) * 4;
            if !(head.len()..=body.bytes.len()).contains(&offset) {
                return Err(Flaw::BadOffset);
            }
            ip.ports = Some(ports(head));
            ip.flags = Some(u16::from_be_bytes([head[12], head[13]]) & 0x1ff);
        }
        Protocol::UDP => ip.ports = Some(ports(body.look::<8>(seen, Flaw::ShortL4)?)),
        Protocol::SCTP => ip.ports = Some(ports(body.look::<12>(seen, Flaw::ShortL4)?)),
        _ if protocol == icmp => {
            let head: &[u8; 8] = body.look(seen, Flaw::ShortL4)?;
            ip.icmp = Some([head[0], head[1]]);
        }
        _ => {}
    }
    ip.protocol = Some(protocol);
    Ok(())
}

/// Source and destination, the first four bytes.
const fn ports<const N: usize>(head: &[u8; N]) -> [u16; 2] {
    const { assert!(N >= 4) };
    [u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]])]
}
