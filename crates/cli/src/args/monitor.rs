//! What can be typed behind `monitor`.

use std::time::Duration;

use clap::Args;

use super::interval;

/// `monitor`.
#[derive(Args, Debug)]
pub struct Monitor {
    /// How long each measurement lasts
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// How many measurements; without it, until interrupted
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Show each CPU
    #[arg(long)]
    pub per_cpu: bool,
}
