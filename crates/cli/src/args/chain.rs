//! What can be typed after `chain`.

use std::path::PathBuf;

use clap::Args;

use super::AttachMode;

/// `chain`.
#[derive(Args, Debug)]
pub struct Chain {
    /// The interface
    #[arg(value_name = "DEV")]
    pub device: String,
    /// The policies, the one that sees packets first in front; each is named after its file. Without any, the chain on the interface is shown
    #[arg(value_name = "FILE.pal")]
    pub files: Vec<PathBuf>,
    /// In which mode the first is attached; `auto` tries native, falls back to generic, and says so
    #[arg(long, value_enum, default_value_t = AttachMode::Auto)]
    pub mode: AttachMode,
    /// Replace programs of somebody else, on the interface and behind the policies
    #[arg(long)]
    pub take_over: bool,
    /// Go on even if a policy would cut off your own session
    #[arg(long)]
    pub force: bool,
}
