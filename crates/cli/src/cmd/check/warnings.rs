//! What a policy may mean, but more often does not.

use palisade_filter::oracle::{self, Declared};
use palisade_filter::{Policy, Verdict};

use crate::judging::Deciding;

/// A warning.
pub struct Warning {
    /// The line that it is about, where there is one.
    pub line: Option<u32>,
    /// What is doubtful, and what would mend it.
    pub message: String,
}

/// Every warning about a policy.
pub fn all(policy: &Policy, contents: &Declared) -> Vec<Warning> {
    let mut all = unused_sets(policy);
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
    let warning = |set: &palisade_filter::policy::Set| Warning {
        line: Some(set.line),
        message: format!("no rule looks into the set `{}`", set.name),
    };
    unused.map(|(set, _)| warning(set)).collect()
}

/// Without an answer to these questions, no neighbour can send a packet here at all.
fn neighbours(policy: &Policy, contents: &Declared) -> Vec<Warning> {
    let questions = [
        ("ARP", "IPv4", "arp", oracle::arp_request()),
        ("neighbour discovery", "IPv6", "nd", oracle::neighbour_solicitation()),
    ];
    let warning = |(what, family, keep, frame): (&str, &str, &str, Vec<u8>)| {
        let decision = oracle::decide(policy, contents, &frame);
        (decision.verdict != Verdict::Pass).then(|| Warning {
            line: decision.line,
            message: format!(
                "{what} is dropped by {}, so that nobody on the link reaches this host over {family}; `keep {keep}` keeps it",
                Deciding::of(policy, &decision)
            ),
        })
    };
    questions.into_iter().filter_map(warning).collect()
}
