//! Other filters, made to do the same in the private namespaces alone.
//!
//! A peer that is not installed, or that refuses what it is asked, is left out with a line that says
//! so: it never ends a run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use palisade_filter::value::Prefix;

use super::place::Lane;
use super::report::Remarks;
use crate::args::Peer;
use crate::failure::Outcome;
use crate::output::human;

/// Those of the peers that are installed; of the others, it is said that they are not.
pub fn installed(peers: &[Peer], remarks: &mut Remarks) -> Vec<Peer> {
    let mut found = Vec::new();
    for peer in peers {
        match peer.tools().iter().find(|tool| path_of(tool).is_none()) {
            None => found.push(*peer),
            Some(tool) => {
                remarks.note(format!("{}: left out, `{tool}` is not installed", name(*peer)))
            }
        }
    }
    found
}

pub fn name(peer: Peer) -> &'static str {
    match peer {
        Peer::XdpFilter => "xdp-filter",
        Peer::Iptables => "iptables",
        Peer::Ipset => "ipset",
        Peer::Nft => "nft",
    }
}

fn path_of(tool: &str) -> Option<PathBuf> {
    let dirs = std::env::var_os("PATH")?;
    std::env::split_paths(&dirs).map(|dir| dir.join(tool)).find(|path| path.is_file())
}

/// How a peer blocks what is in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `xdp-filter`, asked for IPv4 alone.
    XdpFilterLean,
    /// `xdp-filter` with all that it can.
    XdpFilterFull,
    /// A rule of iptables for the one entry.
    Rule,
    /// A set of ipset.
    Ipset,
    /// A set of nft at the ingress of the interface.
    NftIngress,
    /// A set of nft before routing.
    NftRaw,
}

impl Way {
    /// The ways of a peer to block one entry, or many.
    pub fn all(peer: Peer, entries: &[Prefix]) -> &'static [Self] {
        let exact = entries.iter().all(Prefix::is_host);
        match (peer, entries.len()) {
            // It knows single addresses alone, one a process.
            (Peer::XdpFilter, 1) if exact => &[Self::XdpFilterLean, Self::XdpFilterFull],
            (Peer::Iptables, 1) => &[Self::Rule],
            (Peer::Ipset, _) => &[Self::Ipset],
            (Peer::Nft, _) => &[Self::NftIngress, Self::NftRaw],
            (Peer::XdpFilter | Peer::Iptables, _) => &[],
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::XdpFilterLean => "xdp-filter, IPv4 alone",
            Self::XdpFilterFull => "xdp-filter, all features",
            Self::Rule => "iptables raw",
            Self::Ipset => "iptables raw with ipset",
            Self::NftIngress => "nft ingress",
            Self::NftRaw => "nft raw prerouting",
        }
    }

    /// Has the far end of a lane block the sources in the list; else why it does not.
    pub fn block(self, lane: &Lane, entries: &[Prefix]) -> Outcome<Result<(), String>> {
        let far = lane.far_name();
        if !matches!(self, Self::XdpFilterLean | Self::XdpFilterFull) {
            lane.open()?;
        }
        let steps = self.steps(far, entries);
        lane.within(|| steps.iter().try_for_each(Step::take))
    }

    fn steps(self, far: &str, entries: &[Prefix]) -> Vec<Step> {
        let one = entries.first().map(Prefix::to_string).unwrap_or_default();
        let drop = |test: &str| {
            Step::new(&format!("iptables -w -t raw -A PREROUTING {test} -j DROP"), String::new())
        };
        let load = |features: &str| {
            vec![
                Step::new(&format!("xdp-filter load -m native -f {features} {far}"), String::new()),
                Step::new(&format!("xdp-filter ip -m src {one}"), String::new()),
            ]
        };
        match self {
            Self::XdpFilterLean => load("ipv4"),
            Self::XdpFilterFull => load("all"),
            Self::Rule => vec![drop(&format!("-s {one}"))],
            Self::Ipset => {
                let restore = Step::new("ipset restore", ipset("bench", entries));
                vec![restore, drop("-m set --match-set bench src")]
            }
            Self::NftIngress => {
                let hook = format!("type filter hook ingress device \"{far}\" priority 0");
                vec![Step::new("nft -f -", nft("netdev", &hook, entries))]
            }
            Self::NftRaw => {
                let hook = "type filter hook prerouting priority raw";
                vec![Step::new("nft -f -", nft("inet", hook, entries))]
            }
        }
    }
}

/// A set of that name with these entries, for `ipset restore`.
pub fn ipset(name: &str, entries: &[Prefix]) -> String {
    let kind = if entries.iter().all(Prefix::is_host) { "ip" } else { "net" };
    let six = if entries.first().is_some_and(|entry| entry.addr().is_ipv6()) {
        " family inet6"
    } else {
        ""
    };
    // As large as palisade's sets are by default, and more where that is asked for.
    let max = (entries.len() + 1000).max(1 << 20);
    let mut text = format!("create {name} hash:{kind}{six} maxelem {max}\n");
    for entry in entries {
        // Writing to a string succeeds.
        let _ = writeln!(text, "add {name} {entry}");
    }
    text
}

/// A table with a set of these entries, none of which overlaps another, and a chain that drops what
/// comes from them.
fn nft(family: &str, hook: &str, entries: &[Prefix]) -> String {
    let flags = if entries.iter().all(Prefix::is_host) { "" } else { "flags interval;" };
    format!(
        "table {family} bench {{\n set s {{ type ipv4_addr; {flags} elements = {{ {} }} }}\n \
         chain c {{ {hook}; policy accept; ip saddr @s drop; }}\n}}\n",
        listed(entries)
    )
}

/// Entries as a list of nft has them.
pub fn listed(entries: &[Prefix]) -> String {
    let all: Vec<String> = entries.iter().map(Prefix::to_string).collect();
    all.join(", ")
}

/// A command, and what it reads.
pub struct Step {
    words: Vec<String>,
    input: String,
}

impl Step {
    /// A command whose words have no blanks in them.
    pub fn new(command: &str, input: String) -> Self {
        Self { words: command.split(' ').map(str::to_owned).collect(), input }
    }

    /// Runs it in the namespaces of the calling thread; what it says where it fails.
    pub fn take(&self) -> Result<(), String> {
        let Some((tool, args)) = self.words.split_first() else { return Ok(()) };
        let path = path_of(tool).unwrap_or_else(|| Path::new(tool).to_owned());
        let mut command = Command::new(path);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("`{tool}`: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that stops reading says why when it ends. It says little meanwhile: nothing can
            // wait for anything else.
            let _ = stdin.write_all(self.input.as_bytes());
        }
        let output = child.wait_with_output().map_err(|error| format!("`{tool}`: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or("nothing");
        Err(format!("`{}` said: {}", self.words.join(" "), human::printable(first)))
    }
}
