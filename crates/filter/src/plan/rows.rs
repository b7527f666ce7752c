//! The rows of the counters: every packet is counted in exactly one, that of what decided it.
//!
//! What a policy counts and how a reader understands it come from the policy alone, so that
//! whoever knows the text knows the rows.

use crate::policy::{Action, Fallback, Policy, Rule, Verdict};
use crate::value::Name;

/// Why a packet cannot be parsed to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Malformed {
    /// The Ethernet header or a VLAN tag is cut.
    ShortL2,
    /// More than eight VLAN tags.
    VlanTooDeep,
    /// The fixed IP header is cut.
    ShortL3,
    /// The version in the IP header is not the EtherType's.
    BadVersion,
    /// The IPv4 header length is below 20.
    BadIhl,
    /// The IP length contradicts the header or the frame.
    BadLength,
    /// More than eight IPv6 extension headers.
    ExtHdrTooDeep,
    /// An extension header where the stack takes none, or with segments left.
    BadExtHdr,
    /// An extension or transport header is cut.
    ShortL4,
    /// The TCP data offset is below 20 bytes or beyond the packet.
    BadOffset,
}

impl Malformed {
    /// Every class, in the order of their rows.
    pub const ALL: [Self; 10] = [
        Self::ShortL2,
        Self::VlanTooDeep,
        Self::ShortL3,
        Self::BadVersion,
        Self::BadIhl,
        Self::BadLength,
        Self::ExtHdrTooDeep,
        Self::BadExtHdr,
        Self::ShortL4,
        Self::BadOffset,
    ];

    /// The name in texts and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShortL2 => "short-l2",
            Self::VlanTooDeep => "vlan-too-deep",
            Self::ShortL3 => "short-l3",
            Self::BadVersion => "bad-version",
            Self::BadIhl => "bad-ihl",
            Self::BadLength => "bad-length",
            Self::ExtHdrTooDeep => "ext-hdr-too-deep",
            Self::BadExtHdr => "bad-ext-hdr",
            Self::ShortL4 => "short-l4",
            Self::BadOffset => "bad-offset",
        }
    }
}

/// What decided a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// The filter was switched off.
    Off,
    /// The packet could not be parsed.
    Malformed(Malformed),
    /// A `keep`.
    Keep,
    /// A rule.
    Rule,
    /// Nothing: a `count` rule counts what it matches, and what decides comes later.
    Count,
    /// `on fragment`.
    Fragment,
    /// `default`.
    Default,
}

/// A row of the counters: every packet is counted in exactly one, that of what decided it, and
/// besides in those of the `count` rules that it matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What decides.
    pub decider: Decider,
    /// What becomes of the packets while the policy is enforced; `None` for a `count` rule.
    pub verdict: Option<Verdict>,
    /// What the author calls the rule.
    pub name: Option<Name>,
    /// The line of the text, where there is one.
    pub line: Option<u32>,
    /// The statement.
    pub text: String,
}

/// The place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub(super) usize);

impl RowId {
    /// The row in a table that only says that a key is listed: no rule has it.
    pub(super) const LISTED: Self = Self(1);

    /// The key of the row in the counters.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// The index of the first row of `keep`s and rules.
pub(super) const FIRST_RULE: usize = 1 + Malformed::ALL.len();

/// The rows of the counters of a policy.
pub fn rows(policy: &Policy) -> Vec<Row> {
    let row = |decider, verdict, line, text: &str| {
        let (verdict, text) = (Some(verdict), text.to_owned());
        Row { decider, verdict, name: None, line, text }
    };
    let fallback = |decider, fallback: Fallback, word: &str| {
        let verdict = fallback.verdict;
        row(decider, verdict, fallback.line, &format!("{word} {verdict}"))
    };
    let rule = |decider, rule: &Rule| Row {
        decider: if rule.action == Action::Count { Decider::Count } else { decider },
        verdict: rule.action.verdict(),
        name: rule.name.clone(),
        line: Some(rule.line),
        text: rule.text.clone(),
    };
    let mut rows = vec![row(Decider::Off, Verdict::Pass, None, "mode off")];
    for class in Malformed::ALL {
        let malformed = policy.malformed();
        rows.push(row(Decider::Malformed(class), malformed.verdict, malformed.line, class.name()));
    }
    rows.extend(policy.keeps().iter().map(|k| rule(Decider::Keep, k)));
    rows.extend(policy.rules().iter().map(|r| rule(Decider::Rule, r)));
    if let Some(fragment) = policy.fragment() {
        rows.push(fallback(Decider::Fragment, fragment, "on fragment"));
    }
    rows.push(fallback(Decider::Default, policy.default(), "default"));
    rows
}
