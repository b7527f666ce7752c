//! `add`, `del`, `get`, `list` and `flush`: what they do to sets, what they say, and what it means
//! to the packets that come next.

mod edit;
mod get;
mod growth;
mod killed;
mod limits;
mod mac;
mod mistakes;
mod packets;

use palisade_tests::lab::Lab;
use palisade_tests::packet::{eth, ipv4, ipv6, udp};

/// A UDP packet from an IPv4 address to a port.
fn from4(address: &str, port: u16) -> Vec<u8> {
    (eth() / ipv4().src(address) / udp(4000, port)).build()
}

/// A UDP packet from an IPv6 address to a port.
fn from6(address: &str, port: u16) -> Vec<u8> {
    (eth() / ipv6().src(address) / udp(4000, port)).build()
}

fn sorted(items: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
    items.sort();
    items
}

fn items(lab: &Lab, set: &str) -> Vec<String> {
    let mut items = lab.items(set);
    items.sort();
    items
}
