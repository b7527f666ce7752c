//! Which facts of a packet some rule asks for: no other is read or kept.

use crate::plan::{Key, LaneWay, Way};
use crate::policy::{End, Lane, Quantity, Tag, Test};

/// The facts that some test or look-up of some ways asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The source address.
    pub src: bool,
    /// The destination address.
    pub dst: bool,
    /// The source port.
    pub sport: bool,
    /// The destination port.
    pub dport: bool,
    /// The protocol, where the lane does not tell.
    pub protocol: bool,
    /// Type and code of ICMP.
    pub icmp: bool,
    /// The flags of TCP.
    pub flags: bool,
    /// Neighbour discovery.
    pub nd: bool,
    /// Whether it is a piece.
    pub fragment: bool,
    /// The length of IPv4 options.
    pub options: bool,
    /// Time to live or hop limit.
    pub ttl: bool,
    /// The length of the packet.
    pub length: bool,
    /// The upper bits of the traffic class.
    pub dscp: bool,
    /// The outermost VLAN identifier.
    pub vlan: bool,
    /// The next one.
    pub inner_vlan: bool,
    /// The source Ethernet address.
    pub src_mac: bool,
    /// The destination Ethernet address.
    pub dst_mac: bool,
    /// The EtherType.
    pub ethertype: bool,
}

impl Needs {
    /// Of some ways.
    pub fn of<'a>(ways: impl IntoIterator<Item = &'a Way>) -> Self {
        let mut needs = Self::default();
        for lane in ways.into_iter().flat_map(|way| &way.lanes) {
            needs.add(lane);
        }
        needs
    }

    /// Of one lane of a way.
    pub fn of_lane(way: &Way, lane: Lane) -> Self {
        let mut needs = Self::default();
        needs.add(way.lane(lane));
        needs
    }

    fn add(&mut self, lane: &LaneWay) {
        let address = |end| {
            lane.tests(|t| matches!(t, Test::Address(e, _) | Test::AddressIn(e, _) if *e == end))
                || lane.looks_up(|key| key == Key::Address(end))
        };
        let port = |end| {
            lane.tests(|t| matches!(t, Test::Port(e, _) if *e == end))
                || lane.looks_up(|key| key == Key::Port(end))
        };
        let number = |of| lane.tests(|t| matches!(t, Test::Number(q, ..) if *q == of));
        let mac =
            |end| lane.tests(|t| matches!(t, Test::Mac(e, _) | Test::MacIn(e, _) if *e == end));
        let nd = lane.tests(|t| *t == Test::Nd);
        self.src |= address(End::Source);
        self.dst |= address(End::Destination);
        self.sport |= port(End::Source);
        self.dport |= port(End::Destination) || lane.tests(|t| matches!(t, Test::ServiceIn(_)));
        self.protocol |= lane.tests(|t| matches!(t, Test::Protocol(_)))
            || lane.lanes.len() > 1 && lane.tests(|t| matches!(t, Test::ServiceIn(_)));
        self.icmp |= nd || lane.tests(|t| matches!(t, Test::IcmpType { .. }));
        self.flags |= lane.tests(|t| matches!(t, Test::Flags(_)));
        self.nd |= nd;
        self.fragment |= lane.tests(|t| *t == Test::Fragment);
        self.options |= lane.tests(|t| *t == Test::Options);
        self.ttl |= nd || number(Quantity::Ttl);
        self.length |= number(Quantity::Length);
        self.dscp |= number(Quantity::Dscp);
        self.vlan |= lane.tests(|t| matches!(t, Test::Vlan(Tag::Outer, _)));
        self.inner_vlan |= lane.tests(|t| matches!(t, Test::Vlan(Tag::Inner, _)));
        self.src_mac |= mac(End::Source);
        self.dst_mac |= mac(End::Destination);
        self.ethertype |= lane.tests(|t| matches!(t, Test::EtherType(_)));
    }
}
