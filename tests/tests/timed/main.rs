//! Entries that end: they match until then and not a moment longer, with no process running, and
//! what is past is neither listed nor in the way.

mod banned;
mod declared;
mod keeping;
mod listing;
mod matching;
mod nested;
mod room;

use std::time::Duration;

use palisade_tests::lab::Lab;
use palisade_tests::packet::{eth, ipv4, udp};

/// A UDP packet from an IPv4 address.
fn from(address: &str) -> Vec<u8> {
    (eth() / ipv4().src(address) / udp(4000, 9)).build()
}

/// A UDP packet to a port.
fn to(port: u16) -> Vec<u8> {
    (eth() / ipv4().src("198.51.100.1") / udp(4000, port)).build()
}

/// Which of the frames are dropped.
#[track_caller]
fn dropped(lab: &Lab, frames: &[Vec<u8>]) -> Vec<bool> {
    lab.through(frames).into_iter().map(|through| !through).collect()
}

/// How long an entry stays that a test sees alive and waits for: commands take their time where
/// many tests run at once.
const SHORT: &str = "4s";

/// Waits until what was added for [`SHORT`] before is past its time.
fn wait() {
    std::thread::sleep(Duration::from_millis(4100));
}
