//! Who edits sets, and the commands that it takes.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

use palisade_loader::netns::{self, NetNs, VethEnd, VethOptions};

use super::super::peers;
use super::super::place::{self, BPFFS};
use super::lists::{Lists, Memory};
use crate::args::Peer;
use crate::failure::{Failure, Outcome};
use crate::output::human;

/// What a round has, in order.
pub const OPERATIONS: [&str; 4] = ["import", "add one", "delete one", "replace all"];

/// Milliseconds of each operation of a round.
pub type Turn = [f64; OPERATIONS.len()];

/// The most entries of a `net` set that is declared without saying.
const USUAL_MAX: usize = 1 << 20;

const DEVICE: &str = "bench0";

/// Makes the interface that the policy is attached to; its name.
pub fn interface(here: &NetNs) -> Outcome<String> {
    let ends = (VethEnd { ns: here, name: DEVICE }, VethEnd { ns: here, name: "bench1" });
    netns::veth_pair(ends.0, ends.1, VethOptions::default()).map_err(place::in_namespace)?;
    Ok(DEVICE.to_owned())
}

/// Takes the policy off it.
pub fn detach(device: &str) -> Outcome {
    own(&["detach", device]).map(drop).map_err(Failure::refused)
}

/// Somebody who edits a set.
pub enum Editor {
    Palisade,
    Ipset,
    Nft,
}

impl Editor {
    /// This very program, once a policy with an empty set is in force.
    pub fn palisade(device: &str, lists: &Lists) -> Outcome<Self> {
        let max = (lists.size + 1000).max(USUAL_MAX);
        let policy = Memory::of(&format!(
            "set block net {{ max {max} }}\ndrop src in block\ndefault pass\n"
        ))?;
        own(&["attach", device, "-p", &policy.path()]).map_err(Failure::refused)?;
        Ok(Self::Palisade)
    }

    /// One of the peers that have sets.
    pub fn peer(peer: Peer) -> Self {
        match peer {
            Peer::Nft => Self::Nft,
            Peer::Ipset | Peer::Iptables | Peer::XdpFilter => Self::Ipset,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Palisade => "palisade",
            Self::Ipset => peers::name(Peer::Ipset),
            Self::Nft => peers::name(Peer::Nft),
        }
    }

    /// A round: the milliseconds of each operation, or what was said where one failed.
    pub fn turn(&self, lists: &Lists) -> Result<Turn, String> {
        self.empty()?;
        Ok([
            self.import(lists)?,
            self.add(&lists.one)?,
            self.delete(&lists.one)?,
            self.replace(lists)?,
        ])
    }

    fn empty(&self) -> Result<(), String> {
        match self {
            Self::Palisade => own(&["flush", "--set", "block"]).map(drop),
            // Where there is none yet, there is nothing to destroy.
            Self::Ipset => tool("ipset", &["destroy"], None).map(drop),
            Self::Nft => tool("nft", &["flush", "ruleset"], None).map(drop),
        }
    }

    fn import(&self, lists: &Lists) -> Result<f64, String> {
        match self {
            Self::Palisade => own(&["import", &lists.first.plain.path()]),
            Self::Ipset => tool("ipset", &["restore"], Some(&lists.first.ipset[0])),
            Self::Nft => tool("nft", &["-f", "-"], Some(&lists.first.nft[0])),
        }
    }

    fn add(&self, one: &str) -> Result<f64, String> {
        match self {
            Self::Palisade => own(&["add", one]),
            Self::Ipset => tool("ipset", &["add", "bench", one], None),
            Self::Nft => tool(
                "nft",
                &["add", "element", "inet", "bench", "s", &format!("{{ {one} }}")],
                None,
            ),
        }
    }

    fn delete(&self, one: &str) -> Result<f64, String> {
        match self {
            Self::Palisade => own(&["del", one]),
            Self::Ipset => tool("ipset", &["del", "bench", one], None),
            Self::Nft => {
                let element = format!("{{ {one} }}");
                tool("nft", &["delete", "element", "inet", "bench", "s", &element], None)
            }
        }
    }

    fn replace(&self, lists: &Lists) -> Result<f64, String> {
        match self {
            Self::Palisade => own(&["import", "--replace", &lists.second.plain.path()]),
            Self::Ipset => tool("ipset", &["restore"], Some(&lists.second.ipset[1])),
            Self::Nft => tool("nft", &["-f", "-"], Some(&lists.second.nft[1])),
        }
    }
}

/// Runs this program on the private bpf file system.
fn own(args: &[&str]) -> Result<f64, String> {
    let path = std::env::current_exe().map_err(|error| format!("this program's file: {error}"))?;
    let mut command = Command::new(path);
    command.args(["--quiet", "--bpffs", BPFFS]).args(args);
    run(command, "palisade")
}

fn tool(name: &str, args: &[&str], input: Option<&Memory>) -> Result<f64, String> {
    let mut command = Command::new(name);
    command.args(args);
    if let Some(input) = input {
        let file = File::open(input.path()).map_err(|error| format!("a list: {error}"))?;
        command.stdin(file);
    } else {
        command.stdin(Stdio::null());
    }
    run(command, name)
}

/// Runs a command to its end: milliseconds, or what it said.
fn run(mut command: Command, name: &str) -> Result<f64, String> {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.output().map_err(|error| format!("`{name}`: {error}"))?;
    let took = begin.elapsed();
    if output.status.success() {
        return Ok(took.as_secs_f64() * 1e3);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or("nothing");
    Err(format!("`{name}` said: {}", human::printable(first)))
}
