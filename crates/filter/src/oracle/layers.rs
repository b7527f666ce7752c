//! The headers of a frame with their fields, by the names that the language has for them.

use super::frame::{Facts, Ip, Kind, Piece};
use super::summary::{Flags, Named};
use crate::policy::Protocol;

/// A header and its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it is called.
    pub name: &'static str,
    /// The names of the fields in the language, and what they are.
    pub fields: Vec<(&'static str, String)>,
}

/// The headers that could be read, from the outside in.
pub(super) fn layers(facts: &Facts) -> Vec<Layer> {
    let mut layers = Vec::new();
    if let Some([destination, source]) = facts.macs {
        let mut fields = vec![("src", source.to_string()), ("dst", destination.to_string())];
        fields.extend(facts.ethertype.map(|number| ("ethertype", format!("{number:#06x}"))));
        layers.push(Layer { name: "ethernet", fields });
    }
    for (tag, name) in facts.tags.iter().zip(TAGS.into_iter().chain(std::iter::repeat("tag"))) {
        layers.push(Layer { name: "tag", fields: vec![(name, tag.to_string())] });
    }
    match &facts.ip {
        Some(ip) => layers.extend([Some(network(ip)), transport(ip)].into_iter().flatten()),
        None if facts.kind() == Kind::Arp => {
            layers.push(Layer { name: "arp", fields: Vec::new() });
        }
        None => {}
    }
    layers
}

const TAGS: [&str; 2] = ["vlan", "inner-vlan"];

fn network(ip: &Ip) -> Layer {
    let mut fields = vec![("src", ip.source.to_string()), ("dst", ip.destination.to_string())];
    fields.push(("length", ip.length.to_string()));
    fields.push(("ttl", ip.ttl.to_string()));
    fields.push(("dscp", ip.dscp.to_string()));
    if ip.options {
        fields.push(("options", "yes".to_owned()));
    }
    if !ip.extensions.is_empty() {
        let names: Vec<String> = ip.extensions.iter().map(|number| extension(*number)).collect();
        fields.push(("extensions", names.join(", ")));
    }
    match ip.piece {
        Piece::Whole => {}
        // Behind a fragment header, and all there.
        Piece::Atomic => fields.push(("fragment", "no".to_owned())),
        Piece::First => fields.push(("fragment", "first".to_owned())),
        Piece::Later => fields.push(("fragment", "later".to_owned())),
    }
    if let Some(own) = ip.protocol {
        let name = Named(own, ip.source).to_string();
        let number = own.0.to_string();
        let known = !name.starts_with("proto");
        fields.push(("proto", if known { format!("{number} ({name})") } else { number }));
    }
    Layer { name: if ip.source.is_ipv4() { "ip4" } else { "ip6" }, fields }
}

/// The name of an IPv6 extension header.
fn extension(number: u8) -> String {
    match number {
        0 => "hop-by-hop options".to_owned(),
        43 => "routing".to_owned(),
        44 => "fragment".to_owned(),
        51 => "authentication".to_owned(),
        60 => "destination options".to_owned(),
        _ => number.to_string(),
    }
}

fn transport(ip: &Ip) -> Option<Layer> {
    let mut fields = Vec::new();
    if let Some([source, destination]) = ip.ports {
        fields.push(("sport", source.to_string()));
        fields.push(("dport", destination.to_string()));
    }
    if let Some(flags) = ip.flags {
        fields.push(("flags", Flags(flags).to_string()));
    }
    if let Some([kind, code]) = ip.icmp {
        fields.push(("type", kind.to_string()));
        fields.push(("code", code.to_string()));
    }
    let name = match ip.protocol? {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        Protocol::SCTP => "sctp",
        Protocol::ICMP => "icmp",
        Protocol::ICMPV6 => "icmp6",
        _ => return None,
    };
    (!fields.is_empty()).then_some(Layer { name, fields })
}
