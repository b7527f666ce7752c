//! What can be typed of `receive`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use palisade_loader::xsk;

use super::AttachMode;

/// `receive`.
#[derive(Args, Debug)]
pub struct Receive {
    /// The interface
    #[arg(value_name = "DEV")]
    pub device: String,
    /// A queue, counted from 0; may be said several times. Without it, every queue that the interface receives on
    #[arg(long = "queue", value_name = "N")]
    pub queues: Vec<u32>,
    /// Write the packets to this file, as pcap
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// Send each packet back, with its Ethernet addresses exchanged
    #[arg(long)]
    pub echo: bool,
    /// How many packets; without it, until interrupted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// In which mode; `auto` tries native, falls back to generic, and says so
    #[arg(long, value_enum, default_value_t = AttachMode::Auto)]
    pub mode: AttachMode,
    /// How packets come into memory; `auto` does without a copy where the driver can
    #[arg(long, value_enum, default_value_t = Transfer::Auto)]
    pub transfer: Transfer,
}

/// `--transfer` of `receive`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// As the driver can
    Auto,
    /// Copied, which every driver can
    Copy,
    /// Written there by the card
    ZeroCopy,
}

impl From<Transfer> for xsk::Transfer {
    fn from(transfer: Transfer) -> Self {
        match transfer {
            Transfer::Auto => Self::Auto,
            Transfer::Copy => Self::Copy,
            Transfer::ZeroCopy => Self::ZeroCopy,
        }
    }
}
