//! Packets put to a policy or a program without a kernel: `replay`, `explain` and `exec --pcap`, as
//! somebody without any right runs them, where no bpf file system is.

mod exec;
mod explain;
mod limits;
mod mistakes;
mod replay;
mod trace;

use std::time::Duration;

use palisade_filter::capture::{Captured, Writer};
use palisade_tests::dir::Dir;
use palisade_tests::lab::Output;
use palisade_tests::nobody;
use palisade_tests::packet::{Packet, SYN, arp, eth, icmp, ipv4, ipv6, tcp, udp, vlan};
use serde_json::Value;

/// A policy with a set, a count, and something of every layer.
const POLICY: &str = "\
set block net { elements { 198.51.100.0/24, 198.51.100.9 } }
set ports service { elements { udp/53, tcp/8000-8099 } }
keep arp
count tcp flags syn,!ack as attempts
drop src in block tcp dport 22
drop service in ports as served
pass vlan 5
drop icmp type 8
default pass

expect drop from 198.51.100.7 tcp dport 22
";

/// Runs the tool without any right and without a bpf file system, with bytes on its standard input.
fn ordinary(args: &[&str], input: &[u8]) -> Output {
    let mut command = nobody::palisade(args);
    Output::of(command.args(["--bpffs", "/nonexistent"]).current_dir("/"), input)
}

/// The documents that were printed, one a line.
fn documents(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect()
}

/// A packet of a capture as it is written.
struct Taken {
    frame: Vec<u8>,
    /// How much longer it was on the wire.
    cut: u32,
}

fn taken(packet: Packet) -> Taken {
    Taken { frame: packet.build(), cut: 0 }
}

/// A capture of these packets, one a second.
fn capture(packets: &[Taken]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for (second, Taken { frame, cut }) in (1..).zip(packets) {
        let wire = u32::try_from(frame.len()).expect("short") + cut;
        let time = Some(Duration::new(second, 5));
        writer.write(&Captured { frame, wire, time }).expect("memory");
    }
    writer.into_inner()
}

/// One packet for each statement of the policy, and the line that decides it.
fn one_of_each() -> Vec<(Taken, Value)> {
    let from = |last: u8| ipv4().src(format!("198.51.100.{last}").as_str());
    vec![
        (taken(eth() / arp(1)), 3.into()),
        (taken(eth() / from(7) / tcp(4000, 22).flags(SYN)), 5.into()),
        (taken(eth() / ipv6() / udp(4000, 53)), 6.into()),
        (taken(eth() / vlan(5) / ipv4() / udp(1, 2)), 7.into()),
        (taken(eth() / ipv4() / icmp(8, 0)), 8.into()),
        (taken(eth() / ipv4().src("203.0.113.5") / tcp(4000, 22)), 9.into()),
        (taken(eth() / ipv4().ihl(4) / udp(1, 2)), Value::Null),
    ]
}

/// The policy and the capture of one packet for each of its statements, as files.
fn files(dir: &Dir) -> (String, String) {
    let packets: Vec<Taken> = one_of_each().into_iter().map(|(packet, _)| packet).collect();
    (dir.write("p.pal", POLICY), dir.write("p.pcap", capture(&packets)))
}
