//! A second reading of a policy: what becomes of a frame, found the plain way.
//!
//! A frame is read once, as far as it can be, into facts; the statements of the policy are asked
//! one after the other. Nothing here is shared with the planner and the generator of programs:
//! where both give a frame the same end, two readings of the language agree.
//!
//! Frames may have any length, from no byte on, and are in one piece. Neither the mode of the
//! filter nor the time of entries is known here. What limits have seen before is for the caller to
//! keep: [`Limits`]. Where nothing is kept, each frame is the first.

#[cfg(test)]
mod arbitrary;
mod ban;
mod change;
mod compose;
mod contents;
mod expect;
mod frame;
mod layers;
mod limit;
mod listed;
mod reach;
mod sighting;
mod summary;
mod terms;
mod trace;
mod witness;
mod words;

use crate::policy::{Fallback, Flaw, Match, Policy, Rule, Verdict};

pub use ban::{Bans, banned};
pub use change::{Fib, Given, change_of, changed, frame_out, outlet, verdict_of};
pub use contents::{Contents, Declared};
pub use expect::{arp_request, expected_frame, neighbour_solicitation, session_frame};
pub use layers::Layer;
pub use limit::Limits;
pub use listed::Listed;
pub use sighting::Sighting;
pub use trace::{Answer, Minded, Question, Standing, Trace};
pub use witness::{proves, witnesses};
pub use words::{WordsError, frame_of_words};

use frame::{Facts, Kind};
use reach::{Depth, Reach};

/// How far a policy must look to mind a flaw.
const fn minded_from(flaw: Flaw) -> Depth {
    match flaw {
        Flaw::ShortL2
        | Flaw::VlanTooDeep
        | Flaw::ShortL3
        | Flaw::BadVersion
        | Flaw::BadIhl
        | Flaw::BadLength => Depth::Network,
        Flaw::ExtHdrTooDeep | Flaw::BadExtHdr | Flaw::ShortL4 | Flaw::BadOffset => Depth::Transport,
    }
}

/// What decides a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decider {
    /// It cannot be read, and some rule looks that far.
    Malformed(Flaw),
    /// The statement at this place in [`Policy::keeps`].
    Keep(usize),
    /// The statement at this place in [`Policy::rules`].
    Rule(usize),
    /// `on fragment`.
    Fragment,
    /// `default`.
    Default,
}

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What decides.
    pub decider: Decider,
    /// The verdict while the policy is enforced.
    pub verdict: Verdict,
    /// The `count` rules that the frame matches before it is decided, by their places in
    /// [`Policy::rules`].
    pub counted: Vec<usize>,
    /// The rules that report the frame, the deciding one last, by their places in
    /// [`Policy::rules`]: as far as it is their turn and the rate allows.
    pub reported: Vec<usize>,
    /// The rules with a limit whose terms the frame matches and whose limit it is under, by their
    /// places in [`Policy::rules`].
    pub under: Vec<usize>,
    /// The line that decides; `None` where the language itself does.
    pub line: Option<u32>,
}

/// What becomes of `frame`, a whole Ethernet frame, while the sets hold `contents`.
pub fn decide(policy: &Policy, contents: &impl Contents, frame: &[u8]) -> Decision {
    Reading::of(frame).decide(policy, contents)
}

/// A frame that was read once, whatever policies are then asked about it.
#[derive(Clone, Debug)]
pub struct Reading {
    facts: Facts,
    flaw: Option<Flaw>,
}

impl Reading {
    /// Reads a whole Ethernet frame.
    pub fn of(frame: &[u8]) -> Self {
        let (facts, flaw) = frame::read(frame);
        Self { facts, flaw }
    }

    /// The same frame, if it came in on that receive queue; else it came in on the first one.
    #[must_use]
    pub fn on_queue(mut self, queue: u32) -> Self {
        self.facts.queue = queue;
        self
    }

    /// How many bytes of the frame were looked at: those behind make no difference to any policy, as
    /// long as there are as many.
    pub fn seen(&self) -> usize {
        self.facts.seen
    }

    /// What becomes of the frame while the sets hold `contents`, if it is the first one.
    pub fn decide(&self, policy: &Policy, contents: &impl Contents) -> Decision {
        self.decide_after(policy, contents, &mut Limits::default())
    }

    /// What becomes of the frame while the sets hold `contents`, after all that the limits have seen.
    pub fn decide_after(
        &self,
        policy: &Policy,
        contents: &impl Contents,
        limits: &mut Limits,
    ) -> Decision {
        match self.asked(policy) {
            Asked::Malformed(flaw) => {
                Met::default().fallback(Decider::Malformed(flaw), policy.malformed())
            }
            Asked::All => first_match(policy, contents, &self.facts, statements(policy), limits),
            Asked::About(about) => first_match(policy, contents, &self.facts, about, limits),
        }
    }

    /// Which statements of a policy are asked about the frame.
    fn asked<'a>(&self, policy: &'a Policy) -> Asked<'a> {
        let Some(flaw) = self.flaw else { return Asked::All };
        let reach = Reach::of(policy, self.facts.kind());
        let depth = match self.facts.kind() {
            // It is the tags that are flawed: they are minded for the sake of what may follow them.
            Kind::Arp | Kind::Other => deepest(policy),
            Kind::Ip4 | Kind::Ip6 => reach.depth,
        };
        if depth >= minded_from(flaw) {
            return Asked::Malformed(flaw);
        }
        // What is not known of the frame is not asked: the other statements are about other kinds.
        Asked::About(reach.statements)
    }
}

/// The statements that are asked about a frame.
enum Asked<'a> {
    /// None: it cannot be read, and some rule looks that far.
    Malformed(Flaw),
    /// All of them.
    All,
    /// These.
    About(Vec<Statement<'a>>),
}

/// Whether a frame meets a match while the sets hold `contents`, as far as the frame can be read.
pub fn holds(matching: &Match, contents: &impl Contents, frame: &[u8]) -> bool {
    let (facts, _) = frame::read(frame);
    terms::holds(matching, &facts, contents)
}

fn deepest(policy: &Policy) -> Depth {
    [Kind::Ip4, Kind::Ip6]
        .into_iter()
        .map(|kind| Reach::of(policy, kind).depth)
        .fold(Depth::Link, Depth::max)
}

/// A statement about packets, and who decides where it does.
type Statement<'a> = (Decider, &'a Rule);

/// The statements in the order in which they are asked.
fn statements(policy: &Policy) -> impl Iterator<Item = Statement<'_>> {
    let keeps = policy.keeps().iter().enumerate().map(|(at, rule)| (Decider::Keep(at), rule));
    let rules = policy.rules().iter().enumerate().map(|(at, rule)| (Decider::Rule(at), rule));
    keeps.chain(rules)
}

/// The rules that a frame has met without being decided.
#[derive(Default)]
struct Met {
    counted: Vec<usize>,
    reported: Vec<usize>,
    under: Vec<usize>,
}

fn first_match<'a>(
    policy: &Policy,
    contents: &impl Contents,
    facts: &Facts,
    statements: impl IntoIterator<Item = Statement<'a>>,
    limits: &mut Limits,
) -> Decision {
    let mut met = Met::default();
    for (decider, rule) in statements {
        if !terms::holds(&rule.matching, facts, contents) {
            continue;
        }
        if let (Some(limit), Decider::Rule(at)) = (&rule.limit, decider)
            && !limits.is_over(at, limit, facts)
        {
            met.under.push(at);
            continue;
        }
        if let (Some(_), Decider::Rule(at)) = (rule.report, decider) {
            met.reported.push(at);
        }
        match (rule.action.verdict(), decider) {
            (Some(verdict), _) => return met.decided(decider, verdict, Some(rule.line)),
            (None, Decider::Rule(at)) => met.counted.push(at),
            (None, _) => {}
        }
    }
    match policy.fragment() {
        Some(fragment) if facts.is_later_fragment() => met.fallback(Decider::Fragment, fragment),
        _ => met.fallback(Decider::Default, policy.default()),
    }
}

impl Met {
    fn decided(self, decider: Decider, verdict: Verdict, line: Option<u32>) -> Decision {
        let Self { counted, reported, under } = self;
        Decision { decider, verdict, counted, reported, under, line }
    }

    fn fallback(self, decider: Decider, fallback: Fallback) -> Decision {
        self.decided(decider, fallback.verdict, fallback.line)
    }
}
