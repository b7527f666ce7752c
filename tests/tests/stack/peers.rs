//! The same sets behind filters of others, told to drop the same traffic.
//!
//! What they let through is printed and not judged: it is theirs to decide what they read. What is
//! judged is that they hold back plain packets, for otherwise they were not set up.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::privilege::is_installed;

use crate::judge::{Delivered, Mtu, ORDINARY, delivered};
use crate::rules::About;
use crate::set::Set;
use crate::{bare, is_about};

/// A filter of somebody else, and how it is told to drop what goes to the two ports.
struct Peer {
    name: &'static str,
    tool: &'static str,
    /// Lines of a shell.
    ports: &'static str,
    /// The same for what comes from the two addresses.
    addresses: &'static str,
}

const PEERS: [Peer; 4] = [
    Peer {
        name: "xdp-filter, native",
        tool: "xdp-filter",
        ports: "xdp-filter load -m native NEAR
                xdp-filter port 53 -m dst -p udp
                xdp-filter port 80 -m dst -p tcp",
        addresses: "xdp-filter load -m native NEAR
                    xdp-filter ip 198.51.100.7 -m src
                    xdp-filter ip 2001:db8::7 -m src",
    },
    Peer {
        name: "xdp-filter, generic",
        tool: "xdp-filter",
        ports: "xdp-filter load -m skb NEAR
                xdp-filter port 53 -m dst -p udp
                xdp-filter port 80 -m dst -p tcp",
        addresses: "xdp-filter load -m skb NEAR
                    xdp-filter ip 198.51.100.7 -m src
                    xdp-filter ip 2001:db8::7 -m src",
    },
    Peer {
        name: "nft, netdev ingress",
        tool: "nft",
        ports: "nft add table netdev t
                nft add chain netdev t c '{ type filter hook ingress device NEAR priority 0; }'
                nft add rule netdev t c udp dport 53 drop
                nft add rule netdev t c tcp dport 80 drop",
        addresses: "nft add table netdev t
                    nft add chain netdev t c '{ type filter hook ingress device NEAR priority 0; }'
                    nft add rule netdev t c ip saddr 198.51.100.7 drop
                    nft add rule netdev t c ip6 saddr 2001:db8::7 drop",
    },
    Peer {
        name: "nft, inet input",
        tool: "nft",
        ports: "nft add table inet t
                nft add chain inet t c '{ type filter hook input priority 0; }'
                nft add rule inet t c udp dport 53 drop
                nft add rule inet t c tcp dport 80 drop",
        addresses: "nft add table inet t
                    nft add chain inet t c '{ type filter hook input priority 0; }'
                    nft add rule inet t c ip saddr 198.51.100.7 drop
                    nft add rule inet t c ip6 saddr 2001:db8::7 drop",
    },
];

/// Runs lines of a shell in the lab, of which each must succeed.
fn run(lines: &str) {
    let shell = Command::new("sh").args(["-e", "-s"]).stdin(Stdio::piped()).spawn();
    let mut shell = shell.expect("a shell");
    let mut stdin = shell.stdin.take().expect("a pipe");
    stdin.write_all(lines.replace("NEAR", NEAR).as_bytes()).expect("it reads");
    drop(stdin);
    assert!(shell.wait().expect("it ends").success(), "{lines}");
}

/// What a peer lets through of the sets that the stack delivers: how many there are, and which.
fn let_through<'a>(
    sets: &'a [Set],
    bare: &Delivered,
    about: About,
    lines: &'static str,
) -> Option<(usize, Vec<&'a Set>)> {
    let found = delivered(sets, Mtu::Ordinary, |_: &Lab| {
        run(lines);
        Some(())
    })?;
    let told: Vec<&Set> = sets.iter().filter(|set| is_about(about, set)).collect();
    let deliverable = told.iter().filter(|set| bare.contains(&set.number)).count();
    Some((deliverable, told.into_iter().filter(|set| found.contains(&set.number)).collect()))
}

#[test]
fn peers_hold_back_plain_packets_and_what_else_they_do_is_printed() {
    let Some((all, bare)) = bare() else { return };
    let short: Vec<Set> = all.iter().filter(|set| set.longest() <= ORDINARY).cloned().collect();
    let mut table =
        String::from("| filter | told to drop | deliverable | delivered |\n|---|---|---|---|\n");
    let mut names = String::new();
    for peer in PEERS.iter().filter(|peer| is_installed(peer.tool)) {
        for (what, about, lines) in [
            ("the ports", About::Ports, peer.ports),
            ("the addresses", About::Addresses, peer.addresses),
        ] {
            let Some((deliverable, through)) = let_through(&short, bare, about, lines) else {
                return;
            };
            let plain = through.iter().find(|set| set.row == 1);
            assert_eq!(plain.map(|set| &set.name), None, "{} is not set up", peer.name);
            writeln!(table, "| {} | {what} | {deliverable} | {} |", peer.name, through.len())
                .expect("a string takes it");
            for set in through {
                writeln!(names, "{}, {what}: row {}: {}", peer.name, set.row, set.name)
                    .expect("a string takes it");
            }
        }
    }
    println!("{table}\n{names}");
    crate::page::bless(&table);
}
