//! Sets as lists of their entries, for whoever wants to know which entry it is that covers.
//!
//! The entry that is named is the one that a program hits and counts: of prefixes the longest, of
//! services that overlap the one that ends last, of these the narrowest, of these the greatest. All
//! entries are taken to be in force: one past its time is not to be listed.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::Reading;
use super::contents::{Contents, Declared};
use crate::policy::{Policy, Protocol, Set, SetId};
use crate::value::{Item, Mac, Prefix, Service, Transport};

/// The entries of the sets of a policy.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What is asked whether, not by which.
    quick: Declared,
    sets: Vec<Vec<(Item, u64)>>,
}

impl Listed {
    /// The elements that the text declares, and `more` items of each set.
    pub fn with<I: IntoIterator<Item = Item>>(
        policy: &Policy,
        mut more: impl FnMut(&Set) -> I,
    ) -> Self {
        let mut items = |set: &Set| {
            set.elements.iter().copied().chain(more(set)).map(|item| (item, 0)).collect()
        };
        Self::of(policy, policy.sets().iter().map(&mut items).collect())
    }

    /// These entries, by set and no others, each with when it ends, 0 for never.
    pub fn of(policy: &Policy, sets: Vec<Vec<(Item, u64)>>) -> Self {
        let mut bare = policy.clone();
        bare.sets.iter_mut().for_each(|set| set.elements.clear());
        let mut each = sets.iter();
        let quick =
            Declared::with(&bare, |_| each.next().into_iter().flatten().map(|(item, _)| *item));
        Self { quick, sets }
    }

    /// The entries of a set that hold an address.
    fn around(&self, set: SetId, addr: IpAddr) -> impl Iterator<Item = Prefix> {
        self.entries(set).filter_map(move |(item, _)| match item {
            Item::Net(prefix) => prefix.contains(addr).then_some(*prefix),
            Item::Service(_) | Item::Mac(_) => None,
        })
    }

    /// The entries of a set for a destination port of a protocol, each with when it ends.
    fn covering(
        &self,
        set: SetId,
        protocol: Protocol,
        port: u16,
    ) -> impl Iterator<Item = (Service, u64)> {
        let own = transport(protocol);
        self.entries(set).filter_map(move |(item, ends)| match item {
            Item::Service(service) => {
                let covers = service.transport.covers(own?) && service.ports.contains(port);
                covers.then_some((*service, *ends))
            }
            Item::Net(_) | Item::Mac(_) => None,
        })
    }

    fn entries(&self, set: SetId) -> impl Iterator<Item = &(Item, u64)> {
        self.sets.get(set.index()).into_iter().flatten()
    }

    /// The longest prefix of a set that holds an address.
    pub fn prefix(&self, set: SetId, addr: IpAddr) -> Option<Prefix> {
        let listed = self.around(set, addr).max_by_key(Prefix::len);
        listed.or_else(|| self.has_address(set, addr).then(|| Prefix::host(addr)))
    }

    /// The entry of a set that has a destination port of a protocol.
    pub fn service(&self, set: SetId, protocol: Protocol, port: u16) -> Option<Service> {
        let last = self.covering(set, protocol, port).max_by_key(|(service, ends)| {
            let protocols = if service.transport == Transport::Any { 3 } else { 1 };
            let width = protocols * service.ports.count();
            (*ends == 0, *ends, Reverse(width), *service)
        });
        last.map(|(service, _)| service)
    }

    /// The entries of a set that cover a packet too, but are not those that are named.
    pub fn rivals(&self, set: SetId, reading: &Reading) -> Vec<Item> {
        let Some(ip) = &reading.facts.ip else { return Vec::new() };
        let ends = [ip.source, ip.destination];
        let longest = ends.map(|addr| self.prefix(set, addr));
        let prefixes = ends.into_iter().flat_map(|addr| self.around(set, addr));
        let prefixes = prefixes.filter(|prefix| !longest.contains(&Some(*prefix))).map(Item::Net);
        let asked = ip.protocol.zip(ip.ports);
        let services = asked.into_iter().flat_map(|(protocol, [_, port])| {
            let named = self.service(set, protocol, port);
            let all = self.covering(set, protocol, port).map(|(service, _)| service);
            all.filter(move |service| Some(*service) != named).map(Item::Service)
        });
        prefixes.chain(services).collect()
    }
}

fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::TCP => Some(Transport::Tcp),
        Protocol::UDP => Some(Transport::Udp),
        Protocol::SCTP => Some(Transport::Sctp),
        _ => None,
    }
}

impl Contents for Listed {
    fn has_address(&self, set: SetId, addr: IpAddr) -> bool {
        self.quick.has_address(set, addr)
    }

    fn ban(&mut self, set: SetId, addr: IpAddr, until: u64) {
        self.quick.ban(set, addr, until);
    }

    fn set_now(&mut self, nanoseconds: u64) {
        self.quick.set_now(nanoseconds);
    }

    fn has_service(&self, set: SetId, protocol: Protocol, port: u16) -> bool {
        self.quick.has_service(set, protocol, port)
    }

    fn has_mac(&self, set: SetId, mac: Mac) -> bool {
        self.quick.has_mac(set, mac)
    }
}
