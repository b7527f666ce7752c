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
}
