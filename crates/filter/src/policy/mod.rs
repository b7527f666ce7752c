//! A policy: what the text means, free of how it is written and of how it is run.
//!
//! A `Policy` that exists is sound: every rule can match some packet, every set that a rule names
//! is declared and of the kind the rule needs, a set's elements are of its kind, and there is
//! exactly one default. Rules keep the order of the text, because the first match wins.

mod balance;
mod change;
mod contrary;
mod flaw;
mod limit;
mod outlet;
mod report;
mod term;
mod truth;
mod tunnel;

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

pub use balance::{Backend, Balance, Choice, Unfit};
pub use change::{Change, REPLY_HOPS, Rewrite};
pub(crate) use change::{is_of_a_host, is_of_a_station};
pub(crate) use contrary::{test_excludes, test_implies};
pub use flaw::Flaw;
pub use limit::{BITS, BurstTooLong, Every, Limit, LimitKey, Prefixes, Rate, can_be, of_ip};
pub use outlet::{Outlet, QUEUES, Redirect};
pub use report::{EventRate, Report};
pub use term::{
    Contradiction, End, Match, Protocol, Quantity, Relation, TCP_FLAGS, Tag, TcpFlags, Term, Test,
};
pub use truth::{Class, Lane, Truth};
pub use tunnel::{NoTunnel, Tunnel};

use crate::value::{Item, Name, SetKind, Timeout};

/// What becomes of a packet; the numbers are those of `enum xdp_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Dropped, and reported by the kernel's `xdp_exception` tracepoint.
    Aborted,
    /// Dropped.
    Drop,
    /// Handed to the network stack.
    Pass,
    /// Sent back through the interface it came from.
    Tx,
    /// Sent to another interface, CPU or socket.
    Redirect,
}

impl Verdict {
    /// Every verdict, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Aborted, Self::Drop, Self::Pass, Self::Tx, Self::Redirect];

    /// The number that the program returns.
    pub const fn code(self) -> i32 {
        match self {
            Self::Aborted => 0,
            Self::Drop => 1,
            Self::Pass => 2,
            Self::Tx => 3,
            Self::Redirect => 4,
        }
    }

    /// The word in texts and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Drop => "drop",
            Self::Pass => "pass",
            Self::Tx => "tx",
            Self::Redirect => "redirect",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a rule does with the packets it matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Drops them.
    Drop,
    /// Passes them to the stack.
    Pass,
    /// Drops them, and lets the kernel's `xdp_exception` tracepoint tell.
    Abort,
    /// Counts them; the next rule goes on.
    Count,
    /// Changes them, and passes them or sends them back or elsewhere.
    Change(Change),
    /// Drops them, and puts their source into a set.
    Ban(Ban),
}

/// Where sources are put, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ban {
    /// A `host` set.
    pub set: SetId,
    /// How long a source stays there.
    pub time: Timeout,
}

impl Action {
    /// The verdict that it gives; none where the next rule goes on.
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Drop | Self::Ban(_) => Some(Verdict::Drop),
            Self::Pass => Some(Verdict::Pass),
            Self::Abort => Some(Verdict::Aborted),
            Self::Count => None,
            Self::Change(change) => Some(change.verdict()),
        }
    }

    /// The word in the language.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Pass => "pass",
            Self::Abort => "abort",
            Self::Count => "count",
            Self::Change(change) => change.word(),
            Self::Ban(_) => "ban",
        }
    }

    /// What it does to the packet.
    pub const fn change(&self) -> Option<&Change> {
        match self {
            Self::Drop | Self::Pass | Self::Abort | Self::Count | Self::Ban(_) => None,
            Self::Change(change) => Some(change),
        }
    }

    /// Into which set it puts the source of the packet.
    pub const fn ban(&self) -> Option<&Ban> {
        match self {
            Self::Drop | Self::Pass | Self::Abort | Self::Count | Self::Change(_) => None,
            Self::Ban(ban) => Some(ban),
        }
    }
}

/// As a statement begins with it, but for the name of a set.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change) => change.fmt(f),
            Self::Drop | Self::Pass | Self::Abort | Self::Count => f.write_str(self.word()),
            Self::Ban(ban) => write!(f, "ban {}", ban.time),
        }
    }
}

/// Whether hits of entries are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryCounters {
    /// Packets and bytes are counted by entry.
    On,
    /// They are not.
    Off,
}

/// A declared set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Its name, unique in the policy.
    pub name: Name,
    /// What it holds.
    pub kind: SetKind,
    /// The most entries it takes.
    pub max: u32,
    /// Whether hits are counted by entry.
    pub counters: EntryCounters,
    /// How long an entry stays that is added without a time of its own; `None`: for ever.
    pub timeout: Option<Timeout>,
    /// A list of entries that are put in when the policy is put in force.
    pub file: Option<SetFile>,
    /// Entries that are put in when the policy is put in force, in order, each once.
    pub elements: Vec<Item>,
    /// The line that declares it.
    pub line: u32,
}

/// The file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetFile {
    /// Its path, as written: relative to the directory of the policy's own file.
    pub path: String,
    /// Where the text names it, in bytes.
    pub span: Range<usize>,
}

/// The place of a set in [`Policy::sets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub(crate) usize);

impl SetId {
    /// The index into [`Policy::sets`].
    pub const fn index(self) -> usize {
        self.0
    }
}

/// A statement about packets: a rule, or a `keep`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does; a `keep` passes.
    pub action: Action,
    /// What it reports of its packets: a rule that only reports counts besides.
    pub report: Option<Report>,
    /// What it leaves alone: it is about packets over the limit.
    pub limit: Option<Limit>,
    /// Which packets it is about.
    pub matching: Match,
    /// What the author calls it.
    pub name: Option<Name>,
    /// Its line in the text.
    pub line: u32,
    /// The statement as written, with single blanks.
    pub text: String,
}

impl Rule {
    /// The terms that neither action nor limit implies.
    pub fn own_terms(&self) -> impl Iterator<Item = &Term> {
        let mut implied = self.action.change().map(Change::implied).unwrap_or_default();
        implied.extend(self.limit.iter().flat_map(Limit::implied));
        implied.extend(self.action.ban().map(|_| of_ip()));
        self.matching.terms().iter().filter(move |term| !implied.contains(term))
    }

    /// Whether no packet that its terms match meets another rule.
    pub const fn ends(&self) -> bool {
        self.action.verdict().is_some() && self.limit.is_none()
    }
}

/// A verdict for packets that no rule decides, with its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// What becomes of them: `Drop` or `Pass`.
    pub verdict: Verdict,
    /// The line that says so; `None` where the language itself does.
    pub line: Option<u32>,
}

/// A test that the policy brings along: a packet, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// What is to become of it: `Drop`, as all that does not reach the stack, or `Pass`.
    pub verdict: Verdict,
    /// Where the packet comes from.
    pub from: IpAddr,
    /// Where it goes, of the same family.
    pub to: Option<IpAddr>,
    /// Its protocol.
    pub protocol: Option<Protocol>,
    /// Its source port, where the protocol has ports.
    pub sport: Option<u16>,
    /// Its destination port, where the protocol has ports.
    pub dport: Option<u16>,
    /// The line.
    pub line: u32,
    /// The statement as written, with single blanks.
    pub text: String,
}

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) sets: Vec<Set>,
    pub(crate) keeps: Vec<Rule>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) expects: Vec<Expect>,
    pub(crate) malformed: Fallback,
    pub(crate) fragment: Option<Fallback>,
    pub(crate) default: Fallback,
    pub(crate) events: EventRate,
}

impl Policy {
    /// The sets, in the order of the text.
    pub fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// The set called `name`.
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|s| s.name.as_str() == name)
    }

    /// The place of the set called `name`.
    pub fn set_id(&self, name: &str) -> Option<SetId> {
        self.sets.iter().position(|s| s.name.as_str() == name).map(SetId)
    }

    /// What is passed before any rule is looked at.
    pub fn keeps(&self) -> &[Rule] {
        &self.keeps
    }

    /// The rules, in the order of the text.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The tests that the policy brings along.
    pub fn expects(&self) -> &[Expect] {
        &self.expects
    }

    /// What becomes of malformed packets.
    pub fn malformed(&self) -> Fallback {
        self.malformed
    }

    /// What becomes of later fragments that no rule decides, where it differs from the default.
    pub fn fragment(&self) -> Option<Fallback> {
        self.fragment
    }

    /// What becomes of the rest.
    pub fn default(&self) -> Fallback {
        self.default
    }

    /// How many events are reported at most.
    pub fn events(&self) -> EventRate {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{AddressRange, Family, PortRange};

    fn address(text: &str) -> Term {
        let range: AddressRange = text.parse().expect(text);
        Term::Test(Test::Address(End::Source, [range].into_iter().collect()))
    }

    fn port(number: u16) -> Term {
        Term::Test(Test::Port(End::Destination, [PortRange::one(number)].into_iter().collect()))
    }

    #[test]
    fn a_match_that_no_packet_can_meet_is_refused() {
        let [tcp, udp] = [Protocol::TCP, Protocol::UDP].map(|p| Term::Test(Test::Protocol(p)));
        let v4 = Term::Test(Test::Family(Family::V4));
        let not_tcp = Term::Not(Box::new(tcp.clone()));
        let flags = Term::Test(Test::Flags(TcpFlags::new(2, 16).expect("flags")));
        for (terms, want) in [
            (vec![v4.clone(), address("2001:db8::/32")], Contradiction::Class),
            (vec![Term::Test(Test::Arp), port(1)], Contradiction::Class),
            (vec![Term::Test(Test::Nd), v4], Contradiction::Class),
            (vec![tcp.clone(), udp], Contradiction::Protocol),
            (vec![Term::Test(Test::Icmp), port(53)], Contradiction::Protocol),
            (vec![not_tcp, flags], Contradiction::Protocol),
            (
                vec![address("0.0.0.0/0"), Term::Not(Box::new(address("0.0.0.0/0")))],
                Contradiction::Class,
            ),
        ] {
            assert_eq!(Match::new(terms.clone()), Err(want), "{terms:?}");
        }
        assert!(Match::new(vec![tcp, port(1)]).is_ok());
    }

    #[test]
    fn a_term_says_what_it_can_of_each_kind_of_packet() {
        let truth = |term: &Term, class, lane| term.truth(class, lane);
        assert_eq!(truth(&port(53), Class::Ip4, Lane::Udp), Truth::Depends);
        assert_eq!(truth(&port(53), Class::Ip4, Lane::LaterFragment), Truth::Never);
        assert_eq!(truth(&port(53), Class::Arp, Lane::Other), Truth::Never);
        let not = Term::Not(Box::new(port(53)));
        assert_eq!(truth(&not, Class::Arp, Lane::Other), Truth::Always);
        let tcp = Term::Test(Test::Protocol(Protocol::TCP));
        assert_eq!(truth(&tcp, Class::Ip4, Lane::LaterFragment), Truth::Depends);
        assert_eq!(truth(&tcp, Class::Ip6, Lane::LaterFragment), Truth::Never);
        assert_eq!(truth(&tcp, Class::Ip6, Lane::Tcp), Truth::Always);
        let short = Term::Test(Test::Number(Quantity::Ttl, Relation::Below, 256));
        assert_eq!(truth(&short, Class::Ip4, Lane::Other), Truth::Always);
    }
}
