//! What sets hold: asked by address, by service, by Ethernet address.
//!
//! [`Declared`] is what a policy and the files that it names declare. A look-up there is a binary
//! search, so that a million prefixes are as good as ten.

use std::net::IpAddr;

use super::Bans;
use crate::policy::{Policy, Protocol, Set, SetId};
use crate::value::{AddressRange, Addresses, Item, Mac, PortRange, Ports, Service, Transport};

/// The contents of the sets of a policy.
pub trait Contents {
    /// Whether an entry of a `net` set covers an address.
    fn has_address(&self, set: SetId, addr: IpAddr) -> bool;

    /// Whether an entry of a `service` set covers a destination port of a protocol.
    fn has_service(&self, set: SetId, protocol: Protocol, port: u16) -> bool;

    /// Whether a `mac` set has an entry.
    fn has_mac(&self, set: SetId, mac: Mac) -> bool;

    /// Puts an address into a set until a time, in nanoseconds: where nothing comes of that, it is for
    /// a policy that bans nobody.
    fn ban(&mut self, _set: SetId, _addr: IpAddr, _until: u64) {}

    /// What time it is, in nanoseconds, for those who were banned.
    fn set_now(&mut self, _nanoseconds: u64) {}

    /// Some entries of a set, to make frames of: where it has none, none.
    fn some_items(&self, _set: SetId) -> Vec<Item> {
        Vec::new()
    }
}

/// What is declared to be in the sets of a policy.
#[derive(Clone, Debug)]
pub struct Declared {
    sets: Vec<Lists>,
    bans: Bans,
}

#[derive(Clone, Debug)]
struct Lists {
    addresses: Addresses,
    /// In the order of [`TRANSPORTS`].
    services: [Ports; 3],
    /// In order.
    macs: Vec<Mac>,
    some: Vec<Item>,
}

const TRANSPORTS: [(Transport, Protocol); 3] = [
    (Transport::Tcp, Protocol::TCP),
    (Transport::Udp, Protocol::UDP),
    (Transport::Sctp, Protocol::SCTP),
];

/// How many items of a set are kept to make frames of.
const SOME: usize = 8;

impl Declared {
    /// The elements that the text declares.
    pub fn of(policy: &Policy) -> Self {
        Self::with(policy, |_| Vec::new())
    }

    /// The elements that the text declares, and `more` items of each set: those of its file.
    pub fn with<I: IntoIterator<Item = Item>>(
        policy: &Policy,
        mut more: impl FnMut(&Set) -> I,
    ) -> Self {
        let lists = |set: &Set| Lists::of(set.elements.iter().copied().chain(more(set)).collect());
        Self { sets: policy.sets().iter().map(lists).collect(), bans: Bans::default() }
    }
}

impl Contents for Declared {
    fn has_address(&self, set: SetId, addr: IpAddr) -> bool {
        let declared = self.sets.get(set.index());
        declared.is_some_and(|lists| lists.addresses.contains(addr)) || self.bans.has(set, addr)
    }

    fn ban(&mut self, set: SetId, addr: IpAddr, until: u64) {
        self.bans.ban(set, addr, until);
    }

    fn set_now(&mut self, nanoseconds: u64) {
        self.bans.set_now(nanoseconds);
    }

    fn has_service(&self, set: SetId, protocol: Protocol, port: u16) -> bool {
        let at = TRANSPORTS.iter().position(|(_, own)| *own == protocol);
        let lists = self.sets.get(set.index()).zip(at);
        lists.and_then(|(lists, at)| lists.services.get(at)).is_some_and(|p| p.contains(port))
    }

    fn has_mac(&self, set: SetId, mac: Mac) -> bool {
        self.sets.get(set.index()).is_some_and(|lists| lists.macs.binary_search(&mac).is_ok())
    }

    fn some_items(&self, set: SetId) -> Vec<Item> {
        self.sets.get(set.index()).map(|lists| lists.some.clone()).unwrap_or_default()
    }
}

impl Lists {
    fn of(items: Vec<Item>) -> Self {
        let some = items.iter().take(SOME).copied().collect();
        let mut macs: Vec<Mac> = items.iter().filter_map(as_mac).collect();
        macs.sort_unstable();
        let services = TRANSPORTS.map(|(transport, _)| {
            items.iter().filter_map(as_service).filter_map(|s| ports_of(s, transport)).collect()
        });
        let addresses = items.iter().filter_map(as_range).collect();
        Self { addresses, services, macs, some }
    }
}

fn as_range(item: &Item) -> Option<AddressRange> {
    match item {
        Item::Net(prefix) => Some(AddressRange::of(prefix)),
        Item::Service(_) | Item::Mac(_) => None,
    }
}

fn as_service(item: &Item) -> Option<&Service> {
    match item {
        Item::Service(service) => Some(service),
        Item::Net(_) | Item::Mac(_) => None,
    }
}

fn as_mac(item: &Item) -> Option<Mac> {
    match item {
        Item::Mac(mac) => Some(*mac),
        Item::Net(_) | Item::Service(_) => None,
    }
}

fn ports_of(service: &Service, transport: Transport) -> Option<PortRange> {
    service.transport.covers(transport).then_some(service.ports)
}
