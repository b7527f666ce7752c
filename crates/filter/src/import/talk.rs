//! The JSON that the blacklist tool of the 2017 talk printed with `--list`.
//!
//! One object: addresses with their packets, and ports with the packets of each protocol. The
//! tool put its commas wrongly when a list was empty or began with address 0.0.0.0, so commas are
//! read loosely here; and it could print an address twice when another process edited the list
//! meanwhile, so that is let through. Nothing else is. Bytes were not counted.

use std::net::{IpAddr, Ipv4Addr};

use super::gather::{Gather, Mistakes, Step};
use super::json::{Commas, Key, Reader, once};
use super::{Counters, Imported, Stay};
use crate::diag::Diagnostic;
use crate::value::{Item, PortRange, Prefix, Service, Transport, decimal};

/// The addresses and ports of the listing that `text` holds from byte `at` on.
pub(super) fn read(text: &str, at: usize, mistakes: &mut Mistakes) -> Step<Imported> {
    let mut reader = Reader::new(text, at, Commas::Loose);
    let mut gather = Gather::default();
    reader.at_object();
    reader.members(|reader, key| {
        if let Ok(addr) = key.name.parse::<Ipv4Addr>() {
            if let Some(packets) = reader.count(mistakes)? {
                let prefix = Prefix::host(IpAddr::V4(addr));
                gather.entry(
                    [Item::Net(prefix)],
                    Some(Counters { packets, bytes: 0, added: None }),
                    Stay::Unsaid,
                );
            }
            return Ok(());
        }
        match decimal(&key.name).and_then(|n| u16::try_from(n).ok()) {
            Some(number) => port(reader, &key, number, &mut gather, mistakes),
            None => {
                mistakes.add(Diagnostic::new(
                    key.span,
                    "a key is an IPv4 address or a port from 0 to 65535",
                ))?;
                reader.value().map(drop)
            }
        }
    })?;
    reader.end()?;
    Ok(gather.finish(Vec::new()))
}

/// The protocols of one port.
fn port(
    reader: &mut Reader<'_>,
    port: &Key<'_>,
    number: u16,
    gather: &mut Gather,
    mistakes: &mut Mistakes,
) -> Step {
    if !reader.at_object() {
        let found = reader.value()?;
        return mistakes.add(found.instead_of("an object with `TCP` or `UDP`"));
    }
    let (mut tcp, mut udp) = (None, None);
    let mut empty = true;
    reader.members(|reader, key| {
        empty = false;
        let slot = match &*key.name {
            "TCP" => &mut tcp,
            "UDP" => &mut udp,
            _ => {
                mistakes.add(Diagnostic::new(key.span, "a protocol here is `TCP` or `UDP`"))?;
                return reader.value().map(drop);
            }
        };
        let packets = reader.count(mistakes)?;
        once(slot, packets, &key, mistakes)
    })?;
    if empty {
        mistakes.add(Diagnostic::new(port.span.clone(), "the port has neither `TCP` nor `UDP`"))?;
    }
    for (transport, packets) in [(Transport::Tcp, tcp), (Transport::Udp, udp)] {
        if let Some(packets) = packets.flatten() {
            let service = Service { transport, ports: PortRange::one(number) };
            gather.entry(
                [Item::Service(service)],
                Some(Counters { packets, bytes: 0, added: None }),
                Stay::Unsaid,
            );
        }
    }
    Ok(())
}
