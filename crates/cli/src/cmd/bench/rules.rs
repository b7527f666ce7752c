//! `bench rules`: what rules cost that a packet has to get past.
//!
//! Of many rules the last alone matches. The program is asked about the same frame again and again;
//! against peers, which no test run reaches, a flood of that frame is measured besides.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use palisade_filter::Verdict;
use palisade_loader::netns::NetNs;
use serde_json::json;

use super::contender::{Contender, Filter, prepare};
use super::figures::{beside, in_turns};
use super::frames::{self, PORT};
use super::generator::{Mix, Sources, Traffic, blocked_one};
use super::loaded::Loaded;
use super::machine_time::stay_on_one_cpu;
use super::peers::{self, Step};
use super::programs::{self, alone};
use super::report::{Group, Line, Remarks, Report, Unit};
use super::{Order, place};
use crate::args::Peer;
use crate::failure::Outcome;
use crate::machine;

/// Measures every sort of rules at every number of them.
pub fn measure(order: &Order) -> Outcome<Report> {
    machine::target()?;
    stay_on_one_cpu()?;
    let mut remarks = Remarks::default();
    let peers = peers::installed(&order.against, &mut remarks);
    let sizes = order.sizes(&[1, 10, 100, 1000, 10_000], &[1, 100]);
    let mut groups = Vec::new();
    for sort in Sort::ALL {
        for size in &sizes {
            if let Some(loaded) = sort.loaded(*size, &mut remarks) {
                groups.push(by_test_run(order, (sort, *size), loaded, &mut remarks)?);
            }
        }
    }
    for size in sizes.iter().filter(|_| !peers.is_empty()) {
        if let Some(loaded) = Sort::Both.loaded(*size, &mut remarks) {
            let sender = place::enter()?;
            let flood = Flood { order, sender: &sender, size: *size };
            groups.push(flood.measure(loaded, &peers, &mut remarks)?);
        }
    }
    Ok(Report { subject: "rules", of: "rules", unit: Unit::Nanos, groups, remarks })
}

/// What the rules ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Address,
    Port,
    Both,
}

impl Sort {
    const ALL: [Self; 3] = [Self::Address, Self::Port, Self::Both];

    /// The program of so many such rules; more than the kernel takes are noted and left out.
    fn loaded(self, size: usize, remarks: &mut Remarks) -> Option<Loaded> {
        let loaded = Loaded::new(&self.policy(size));
        if let Err(failure) = &loaded {
            let (of, why) = (self.words(), failure.headline());
            remarks.note(format!("{size} rules of {of}: left out, {why}"));
        }
        loaded.ok()
    }

    fn words(self) -> &'static str {
        match self {
            Self::Address => "an address",
            Self::Port => "a port",
            Self::Both => "an address and a port",
        }
    }

    /// A policy of so many rules of which the last matches the frame.
    fn policy(self, size: usize) -> String {
        let mut text = String::new();
        for (address, port) in targets(size) {
            // Writing to a string succeeds.
            let _ = match self {
                Self::Address => writeln!(text, "drop src {address}"),
                Self::Port => writeln!(text, "drop udp dport {port}"),
                Self::Both => writeln!(text, "drop src {address} udp dport {port}"),
            };
        }
        text + "default pass\n"
    }
}

/// Addresses and ports for so many rules; the last ones are the frame's. Neighbours do not touch, so
/// that no rules can be joined to ranges.
fn targets(size: usize) -> impl Iterator<Item = (Ipv4Addr, u16)> {
    let others = (1..size).map(|n| {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let port = u16::try_from(1024 + 2 * (n % 30_000)).unwrap_or(u16::MAX);
        (Ipv4Addr::from_bits(0xac10_0000 | (2 * n)), port)
    });
    others.chain([(blocked_one(), PORT)])
}

/// The program alone, above one that only drops.
fn by_test_run(
    order: &Order,
    (sort, size): (Sort, usize),
    loaded: Loaded,
    remarks: &mut Remarks,
) -> Outcome<Group> {
    let frame = frames::v4(blocked_one(), PORT);
    loaded.check(&frame, Verdict::Drop)?;
    let instructions = loaded.program.info().map(|info| info.instructions).ok();
    let mut programs = [programs::returns(Verdict::Drop)?, loaded.program];
    let turns = in_turns(&mut programs, order.rounds(7, 3), |program| {
        Ok(alone(program, &frame, order.effort.of((5, 2)))? as f64)
    })?;
    let what = format!("test run, rules of {}", sort.words());
    let limit = turns.first().cloned().unwrap_or_default();
    remarks.look_at(&limit, &format!("{what}, {size}"));
    let line = |turns: &Vec<f64>| {
        let above = beside(turns, &limit, |turn, limit| turn - limit);
        Line { facts: vec![("instructions", json!(instructions))], ..Line::new("palisade", above) }
    };
    let lines = turns.iter().skip(1).map(line).collect();
    Ok(Group { what, size: Some(size), lines })
}

/// A flood that only the last of so many rules drops.
struct Flood<'a> {
    order: &'a Order,
    sender: &'a NetNs,
    size: usize,
}

impl Flood<'_> {
    fn measure(&self, policy: Loaded, peers: &[Peer], remarks: &mut Remarks) -> Outcome<Group> {
        let mut contenders = self.contenders(policy, peers, remarks)?;
        let traffic = Traffic { mix: Mix::Blocked, sources: Sources::One };
        let frames = self.frames();
        prepare(&mut contenders, traffic, self.order.effort, remarks)?;
        let turns = in_turns(&mut contenders, self.order.rounds(7, 3), |contender| {
            Ok(1e9 / contender.turn(traffic, frames)?)
        })?;
        let what = "flood, rules of an address and a port".to_owned();
        let limit = turns.first().cloned().unwrap_or_default();
        remarks.look_at(&limit, &format!("{what}, {}", self.size));
        let line = |(contender, turns): (&Contender, &Vec<f64>)| {
            Line::new(&contender.name, beside(turns, &limit, |turn, limit| turn - limit))
        };
        let lines = contenders.iter().zip(&turns).skip(1).map(line).collect();
        Ok(Group { what, size: Some(self.size), lines }.with_ratios())
    }

    /// Fewer where a chain of rules is long: its time grows with it.
    fn frames(&self) -> u32 {
        let usual = self.order.effort.of((100_000, 5_000));
        if self.size > 1000 { usual / 20 } else { usual }
    }

    fn contenders(
        &self,
        policy: Loaded,
        peers: &[Peer],
        remarks: &mut Remarks,
    ) -> Outcome<Vec<Contender>> {
        let new = |name: &str, filter| Contender::new(self.sender, name.to_owned(), filter);
        let mut all =
            vec![new("the limit", Filter::Limit(None))?, new("palisade", Filter::Policy(policy))?];
        for peer in peers {
            let contender = new(peers::name(*peer), Filter::Peer)?;
            let Some(step) = self.rules(*peer, contender.lane.far_name()) else {
                remarks.note(format!("{}: takes no part, it has no such rules", contender.name));
                continue;
            };
            contender.lane.open()?;
            match contender.lane.within(|| step.take())? {
                Ok(()) => all.push(contender),
                Err(why) => remarks.note(format!("{}: left out, {why}", contender.name)),
            }
        }
        Ok(all)
    }

    /// How a peer is told the rules, if it can have such.
    fn rules(&self, peer: Peer, far: &str) -> Option<Step> {
        let all = |rule: &dyn Fn(Ipv4Addr, u16) -> String| -> String {
            targets(self.size).map(|(address, port)| rule(address, port)).collect()
        };
        match peer {
            Peer::Iptables => {
                let rules = all(&|address, port| {
                    format!("-A PREROUTING -s {address} -p udp --dport {port} -j DROP\n")
                });
                Some(Step::new("iptables-restore -w", format!("*raw\n{rules}COMMIT\n")))
            }
            Peer::Nft => {
                let rules =
                    all(&|address, port| format!("  ip saddr {address} udp dport {port} drop;\n"));
                let hook = format!("type filter hook ingress device \"{far}\" priority 0");
                let table = format!(
                    "table netdev bench {{\n chain c {{ {hook}; policy accept;\n{rules} }}\n}}\n"
                );
                Some(Step::new("nft -f -", table))
            }
            Peer::XdpFilter | Peer::Ipset => None,
        }
    }
}
