//! Sets as lists of their entries, for whoever wants to know which entry it is that covers.

use std::net::IpAddr;

use super::contents::{Contents, Declared};
use crate::policy::{Policy, Protocol, Set, SetId};
use crate::value::{Item, Mac, Prefix, Service, Transport};

/// The entries of the sets of a policy.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What is asked whether, not by which.
    quick: Declared,
    sets: Vec<Vec<Item>>,
}

impl Listed {
    /// The elements that the text declares, and `more` items of each set.
    pub fn with<I: IntoIterator<Item = Item>>(
        policy: &Policy,
        mut more: impl FnMut(&Set) -> I,
    ) -> Self {
        let items = |set: &Set| set.elements.iter().copied().chain(more(set)).collect();
        Self::of(policy, policy.sets().iter().map(items).collect())
    }

    /// These entries, by set and no others.
    pub fn of(policy: &Policy, sets: Vec<Vec<Item>>) -> Self {
        let mut bare = policy.clone();
        bare.sets.iter_mut().for_each(|set| set.elements.clear());
        let mut each = sets.iter();
        let quick = Declared::with(&bare, |_| each.next().cloned().unwrap_or_default());
        Self { quick, sets }
    }

    fn items(&self, set: SetId) -> impl Iterator<Item = &Item> {
        self.sets.get(set.index()).into_iter().flatten()
    }

    /// The longest prefix of a set that holds an address.
    pub fn prefix(&self, set: SetId, addr: IpAddr) -> Option<Prefix> {
        let prefix = |item: &Item| match item {
            Item::Net(prefix) => Some(*prefix),
            Item::Service(_) | Item::Mac(_) => None,
        };
        let around = self.items(set).filter_map(prefix).filter(|prefix| prefix.contains(addr));
        around.max_by_key(Prefix::len)
    }

    /// The narrowest entry of a set for a destination port of a protocol.
    pub fn service(&self, set: SetId, protocol: Protocol, port: u16) -> Option<Service> {
        let transport = transport(protocol)?;
        let service = |item: &Item| match item {
            Item::Service(service) => Some(*service),
            Item::Net(_) | Item::Mac(_) => None,
        };
        let covering = self
            .items(set)
            .filter_map(service)
            .filter(|service| service.transport.covers(transport) && service.ports.contains(port));
        covering.min_by_key(|service| {
            let protocols = if service.transport == Transport::Any { 3 } else { 1 };
            (protocols * service.ports.count(), *service)
        })
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

    fn has_service(&self, set: SetId, protocol: Protocol, port: u16) -> bool {
        self.quick.has_service(set, protocol, port)
    }

    fn has_mac(&self, set: SetId, mac: Mac) -> bool {
        self.quick.has_mac(set, mac)
    }
}
