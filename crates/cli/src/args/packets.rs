//! What can be typed of the commands that put packets to a policy.

use std::path::PathBuf;

use clap::Args;

/// `replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// The capture, pcap or pcapng; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub pcap: PathBuf,
    /// The policy
    #[arg(short, long, value_name = "FILE.pal")]
    pub policy: PathBuf,
    /// Write the packets that are dropped to this file, as pcap
    #[arg(long, value_name = "OUT")]
    pub write_dropped: Option<PathBuf>,
    /// The receive queue that the packets come in on, which no capture tells
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub queue: u16,
}

/// `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// Hexadecimal digits from the Ethernet header on, or words: `udp from 198.51.100.7:4000 to 192.0.2.1:53`
    ///
    /// The words: tcp, udp, sctp, icmp, icmp6, arp, proto N, from and to ADDR or ADDR:PORT, flags
    /// syn,ack, type N, code N, ttl N, length N, dscp N, options, fragment first|later, vlan N,
    /// inner-vlan N, tag N for each tag behind these two, ethertype N, ether src MAC, ether dst MAC;
    /// in any order, and all but tag once. An IPv6 address with a port is in brackets. What is not
    /// said is as in an `expect`.
    #[arg(value_name = "PACKET", required_unless_present = "pcap", conflicts_with = "pcap")]
    pub words: Vec<String>,
    /// The packets of a capture, pcap or pcapng; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// One packet of the capture, counted from 1; without it, all of them
    #[arg(long, value_name = "N", requires = "pcap", conflicts_with = "words", value_parser = clap::value_parser!(u64).range(1..))]
    pub packet: Option<u64>,
    /// The policy; without it, the one in force with what its sets hold
    #[arg(short, long, value_name = "FILE.pal")]
    pub policy: Option<PathBuf>,
    /// With the instructions that were executed, each part under the line that asked for it
    #[arg(long)]
    pub bytecode: bool,
    /// The receive queue that the packet comes in on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub queue: u16,
}
