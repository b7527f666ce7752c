//! What can be typed of `bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `bench`.
#[derive(Args, Debug)]
pub struct Bench {
    /// What is measured
    #[arg(value_enum, value_name = "SUBJECT")]
    pub subject: Subject,
    /// Other filters that are measured in the same run, where they are installed: xdp-filter, iptables, ipset, nft
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "TOOLS",
        hide_possible_values = true
    )]
    pub against: Vec<Peer>,
    /// How many entries or rules: `1,1k,100k,1m`; without it, what the subject is usually asked with
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = size)]
    pub sizes: Vec<usize>,
    /// How many turns each contender has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: Option<u16>,
    /// Fewer and smaller sizes and shorter turns: shows that it works, and roughly what comes out
    #[arg(long)]
    pub quick: bool,
    /// Write the figures as JSON and the plots as SVG into this directory, which is made if need be
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// What `bench` can measure.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A flood over a pair of interfaces, in packets a second, beside programs that only drop or pass
    Drop,
    /// One look-up in a set, in nanoseconds above a program that only drops, beside the kernel's own maps
    Lookup,
    /// Whole commands that edit a set: import, add, delete, replace
    Update,
    /// Rules of which only the last one matches
    Rules,
}

/// Another filter.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The one of xdp-tools
    XdpFilter,
    /// A rule in the table `raw`
    Iptables,
    /// A set, asked by a rule of iptables
    Ipset,
    /// A set of nftables, at ingress and before routing
    Nft,
}

impl Peer {
    /// The programs that it takes.
    pub fn tools(self) -> &'static [&'static str] {
        match self {
            Self::XdpFilter => &["xdp-filter"],
            Self::Iptables => &["iptables"],
            Self::Ipset => &["ipset", "iptables"],
            Self::Nft => &["nft"],
        }
    }
}

/// The most entries that a set may be declared for.
const GREATEST: usize = 1 << 26;

/// A number such as `1`, `64k` or `1m`: at least one, at most as many as a set takes.
fn size(text: &str) -> Result<usize, String> {
    let lower = text.to_ascii_lowercase();
    let (digits, scale) = match (lower.strip_suffix('k'), lower.strip_suffix('m')) {
        (Some(thousands), _) => (thousands, 1_000),
        (None, Some(millions)) => (millions, 1_000_000),
        (None, None) => (lower.as_str(), 1),
    };
    let number =
        digits.parse::<usize>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    match number.and_then(|number| number.checked_mul(scale)) {
        Some(size @ 1..=GREATEST) => Ok(size),
        Some(_) => Err(format!("a number from 1 to {GREATEST}")),
        None => Err("a number such as 1, 64k or 1m".to_owned()),
    }
}
