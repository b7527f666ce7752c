//! Whether interfaces forward packets: of one that does not, `route` sends none on.

use std::fs;

use palisade_filter::policy::{Change, Policy};

use super::exchange::Device;
use crate::output::human;

/// What to say of a policy that routes, on interfaces that forward neither IPv4 nor IPv6.
pub fn note(policy: &Policy, devices: &[Device]) -> Option<String> {
    let routes =
        policy.rules().iter().any(|rule| matches!(rule.action.change(), Some(Change::Route)));
    if !routes {
        return None;
    }
    // A policy behind another one has packets of interfaces that are not known here.
    let names: Vec<&str> = match devices {
        [] => vec!["all"],
        devices => devices.iter().map(|device| device.link.name.as_str()).collect(),
    };
    let off: Vec<&str> = names.into_iter().filter(|name| forwards_nothing(name)).collect();
    let which = match off.as_slice() {
        [] => return None,
        ["all"] => "on this host".to_owned(),
        names => format!("on {}", human::printable(&names.join(", "))),
    };
    Some(format!(
        "forwarding is off {which}, so that `route` sends nothing on and leaves packets to the stack; `sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1` turns it on"
    ))
}

/// What cannot be read is not said to be off.
fn forwards_nothing(device: &str) -> bool {
    let is_off = |family: &str, missing| {
        let read = fs::read_to_string(format!("/proc/sys/net/{family}/conf/{device}/forwarding"));
        read.map_or(missing, |text| text.trim() == "0")
    };
    // A host may do without IPv6.
    is_off("ipv4", false) && is_off("ipv6", true)
}
