//! What a policy may mean, but more often does not.

use std::net::IpAddr;

use palisade_filter::oracle::{self, Declared};
use palisade_filter::policy::{Rule, Set, Test};
use palisade_filter::value::{AddressRange, Prefix};
use palisade_filter::{Item, Policy, Verdict};

use crate::judging::{Deciding, Lists};

/// A warning.
pub struct Warning {
    /// The line that it is about, where there is one.
    pub line: Option<u32>,
    /// What is doubtful, and what would mend it.
    pub message: String,
}

/// Every warning about a policy, whose sets the text fills with `lists`.
pub fn all(policy: &Policy, lists: &Lists, contents: &Declared) -> Vec<Warning> {
    let mut all = unused_sets(policy);
    all.extend(mapped_in_sets(policy, lists));
    all.extend(mapped_in_rules(policy));
    all.extend(neighbours(policy, contents));
    all
}

/// Sets that no statement looks into: what is added to them does nothing.
fn unused_sets(policy: &Policy) -> Vec<Warning> {
    let mut used = vec![false; policy.sets().len()];
    for rule in policy.keeps().iter().chain(policy.rules()) {
        for set in rule.matching.tests().into_iter().filter_map(|test| test.set()) {
            used[set.index()] = true;
        }
    }
    let unused = policy.sets().iter().zip(used).filter(|(_, used)| !used);
    let warning = |set: &Set| Warning {
        line: Some(set.line),
        message: format!("no rule looks into the set `{}`", set.name),
    };
    unused.map(|(set, _)| warning(set)).collect()
}

/// Sets that the text fills with IPv4-mapped addresses (RFC 4291, 2.5.5.2), as lists written by
/// programs with sockets of both families have them.
fn mapped_in_sets(policy: &Policy, lists: &Lists) -> Vec<Warning> {
    let warning = |set: &Set| {
        let items = lists.of(&set.name).iter();
        let mut mapped = items.filter_map(|item| match item {
            Item::Net(prefix) => Some((item, unmapped(AddressRange::of(prefix))?)),
            Item::Service(_) | Item::Mac(_) => None,
        });
        let (item, plain) = mapped.next()?;
        let more = match mapped.count() {
            0 => String::new(),
            more => format!(" (and {more} more of its kind)"),
        };
        let message = format!(
            "`{item}`{more} in the set `{}` matches no packet of IPv4; `{plain}` does",
            set.name
        );
        Some(Warning { line: Some(set.line), message })
    };
    policy.sets().iter().filter_map(warning).collect()
}

/// Rules that test for such an address.
fn mapped_in_rules(policy: &Policy) -> Vec<Warning> {
    let warning = |rule: &Rule| {
        let plain = rule.matching.tests().into_iter().find_map(|test| match test {
            Test::Address(_, all) => all.ranges().find_map(unmapped),
            _ => None,
        })?;
        let message = format!(
            "the IPv4-mapped address in `{}` matches no packet of IPv4; `{plain}` does",
            rule.text
        );
        Some(Warning { line: Some(rule.line), message })
    };
    policy.keeps().iter().chain(policy.rules()).filter_map(warning).collect()
}

/// The first prefix of IPv4 that a range of IPv4-mapped addresses stands for.
fn unmapped(range: AddressRange) -> Option<Prefix> {
    let plain = |addr: IpAddr| match addr {
        IpAddr::V6(addr) => addr.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    Prefix::cover(plain(range.first())?, plain(range.last())?)?.into_iter().next()
}

/// Without an answer to these questions, no neighbour can send a packet here at all.
fn neighbours(policy: &Policy, contents: &Declared) -> Vec<Warning> {
    let questions = [
        ("ARP", "IPv4", "arp", oracle::arp_request()),
        ("neighbour discovery", "IPv6", "nd", oracle::neighbour_solicitation()),
    ];
    let warning = |(what, family, keep, frame): (&str, &str, &str, Vec<u8>)| {
        let decision = oracle::decide(policy, contents, &frame);
        let becomes = match decision.verdict {
            Verdict::Tx => "sent back",
            Verdict::Redirect => "sent elsewhere",
            Verdict::Aborted | Verdict::Drop | Verdict::Pass => "dropped",
        };
        (decision.verdict != Verdict::Pass).then(|| Warning {
            line: decision.line,
            message: format!(
                "{what} is {} by {}, so that nobody on the link reaches this host over {family}; `keep {keep}` keeps it",
                becomes,
                Deciding::of(policy, &decision)
            ),
        })
    };
    questions.into_iter().filter_map(warning).collect()
}
