//! Which facts of a packet some rule asks for: no other is read or kept.

use super::event::knows_protocol;
use crate::plan::{Asked, Key, LaneWay, Way};
use crate::policy::{Balance, Change, Choice, Class, End, Lane, LimitKey, Quantity, Tag, Test};

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
    /// The receive queue, which the context tells.
    pub queue: bool,
    /// Where the IP header begins.
    pub ip_at: bool,
    /// Where the transport header begins.
    pub transport_at: bool,
}

impl Needs {
    /// Of some ways.
    pub fn of<'a>(ways: impl IntoIterator<Item = &'a Way>) -> Self {
        let mut needs = Self::default();
        ways.into_iter().flat_map(|way| &way.lanes).for_each(|lane| needs.add(lane));
        needs
    }

    /// Of one lane of a way.
    pub fn of_lane(way: &Way, lane: Lane) -> Self {
        Self::of_rules(way.lane(lane))
    }

    /// Of the rules that some lanes share.
    pub fn of_rules(lane: &LaneWay) -> Self {
        let mut needs = Self::default();
        needs.add(lane);
        needs
    }

    fn add(&mut self, lane: &LaneWay) {
        if let Some(class) = lane.reported {
            self.report(class, &lane.lanes);
        }
        lane.each(&mut |asked| match asked {
            Asked::Key(Key::Address(end)) => self.address(end),
            Asked::Key(Key::Port(end)) => self.port(end),
            Asked::Test(test) => self.test(test, lane),
            Asked::Change(change) => self.change(change, lane),
            Asked::Limit(limit) => self.limit(limit.key()),
            Asked::Source => self.src = true,
        });
    }

    /// What a report tells of the packets of some lanes.
    fn report(&mut self, class: Class, lanes: &[Lane]) {
        if class.family().is_none() {
            return;
        }
        (self.src, self.dst) = (true, true);
        let told = matches!(lanes, [lane] if lane.protocol(class).is_some());
        self.protocol |= !told && knows_protocol(class, lanes);
        match lanes[0] {
            Lane::Tcp | Lane::Udp | Lane::Sctp => (self.sport, self.dport) = (true, true),
            Lane::Icmp => self.icmp = true,
            Lane::Other | Lane::LaterFragment => {}
        }
    }

    fn test(&mut self, test: &Test, lane: &LaneWay) {
        match test {
            Test::Address(end, _) | Test::AddressIn(end, _) => self.address(*end),
            Test::Port(end, _) => self.port(*end),
            Test::ServiceIn(_) => {
                self.dport = true;
                self.protocol |= lane.lanes.len() > 1;
            }
            Test::Protocol(_) => self.protocol = true,
            Test::IcmpType { .. } => self.icmp = true,
            Test::Nd => {
                self.icmp = true;
                self.ttl = true;
            }
            Test::Flags(_) => self.flags = true,
            Test::Fragment => self.fragment = true,
            Test::Options => self.options = true,
            Test::Number(Quantity::Ttl, ..) => self.ttl = true,
            Test::Number(Quantity::Length, ..) => self.length = true,
            Test::Number(Quantity::Dscp, ..) => self.dscp = true,
            Test::Vlan(Tag::Outer, _) | Test::Tagged(Tag::Outer) => self.vlan = true,
            Test::Vlan(Tag::Inner, _) | Test::Tagged(Tag::Inner) => self.inner_vlan = true,
            Test::Mac(end, _) | Test::MacIn(end, _) | Test::Unicast(end) => self.mac(*end),
            Test::EtherType(_) => self.ethertype = true,
            Test::Family(_) | Test::Arp | Test::Icmp | Test::Icmp6 | Test::Dhcp => {}
            Test::Queue(_) => self.queue = true,
        }
    }

    fn change(&mut self, change: &Change, lane: &LaneWay) {
        match change {
            Change::Reflect | Change::Pop | Change::Push(_) => {}
            Change::Redirect(_) | Change::Deliver(_) => {}
            Change::Reply => {
                self.ip_at = true;
                self.transport_at = true;
            }
            Change::Rewrite(rewrite) => {
                self.ip_at |= rewrite.family().is_some();
                self.transport_at = true;
                self.protocol |= lane.lanes.len() > 1;
            }
            Change::Balance(balance) => self.balance(balance, lane),
            Change::Tunnel(_) => self.length = true,
            Change::Route => {
                (self.src, self.dst, self.length, self.dscp) = (true, true, true, true);
            }
        }
    }

    /// Pieces are told apart by their addresses, whatever the choice.
    fn balance(&mut self, balance: &Balance, lane: &LaneWay) {
        (self.ip_at, self.transport_at) = (true, true);
        self.protocol |= lane.lanes.len() > 1;
        if balance.backends().len() == 1 {
            return;
        }
        self.src = true;
        if balance.choice() == Choice::Source {
            return;
        }
        self.dst = true;
        self.fragment |= !Balance::only_pieces(&lane.lanes);
        if balance.choice() == Choice::Flow && lane.lanes.iter().all(|lane| lane.has_ports()) {
            (self.sport, self.dport) = (true, true);
        }
    }

    /// What tells flows apart is what a report tells.
    fn limit(&mut self, key: LimitKey) {
        match key {
            LimitKey::Source(_) => self.src = true,
            LimitKey::Destination(_) => self.dst = true,
            LimitKey::Whole | LimitKey::Flow => {}
        }
    }

    fn address(&mut self, end: End) {
        ends(end, &mut self.src, &mut self.dst);
    }

    fn port(&mut self, end: End) {
        ends(end, &mut self.sport, &mut self.dport);
    }

    fn mac(&mut self, end: End) {
        ends(end, &mut self.src_mac, &mut self.dst_mac);
    }
}

/// A plan asks for one end at a time: either of them is two tests in it.
fn ends(end: End, source: &mut bool, destination: &mut bool) {
    match end {
        End::Source => *source = true,
        End::Destination => *destination = true,
        End::Either => {}
    }
}
