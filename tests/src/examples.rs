//! The examples, which go with the tests to machines that have no files.

macro_rules! examples {
    ($($name:literal)*) => {
        /// Every example: its name, and its text.
        pub const EXAMPLES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../examples/", $name, ".pal")))),*];
    };
}

examples! {
    "af-xdp-echo" "ban" "block-list" "block-pings" "drop-8080" "events" "feeds" "icmp-balancer" "icmp-echo"
    "ip-tunnel" "mac-swap" "port-patch" "rate-limit" "redirect" "resolver" "router" "vlan-swap" "vlans"
    "web-server"
}

/// The text of an example.
pub fn text(name: &str) -> &'static str {
    let found = EXAMPLES.iter().find(|(own, _)| *own == name);
    found.unwrap_or_else(|| panic!("there is no example `{name}`")).1
}

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|(name, _)| *name)
}
