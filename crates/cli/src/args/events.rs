//! What can be typed behind `events`.

use std::path::PathBuf;

use clap::Args;

/// `events`.
#[derive(Args, Debug)]
pub struct Events {
    /// Only what this rule reports: its line, or its name
    #[arg(long, value_name = "LINE|NAME")]
    pub rule: Option<String>,
    /// How many; without it, until interrupted
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Write a capture with verdicts and rules, pcapng, instead of lines; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
}
