//! Frames judged twice: by the compiled program in the interpreter, and by the oracle beside it.
//!
//! The verdict is the program's. Where the oracle decides otherwise, one of the two is wrong, which
//! is a bug of ours: what a report needs is saved.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use palisade_asm::vm::Watch;
use palisade_filter::oracle::{self, Contents, Decision, Limits, Reading};
use palisade_filter::plan::{Decider, Row, RowId};
use palisade_filter::policy::{Limit, Rule, SetId};
use palisade_filter::rehearsal::{Fault, Hits, Rehearsal, Rehearsed, Unready};
use palisade_filter::{Item, Policy, Verdict};

use super::Deciding;
use crate::failure::{Failure, Outcome};
use crate::output::human;
use crate::running::repro;

/// A policy that frames are put to, its sets holding what the oracle knows too.
pub struct Judge<'a, C> {
    policy: &'a Policy,
    /// The text, for reports.
    text: &'a str,
    contents: C,
    rehearsal: Rehearsal,
    /// What the limits have seen, by the oracle.
    limits: Limits,
    /// When the first frame came that has a time.
    first: Option<Duration>,
    /// How long ago that is, in nanoseconds.
    now: u64,
    entries: Entries,
    /// Whom the last frame bans: the next one is judged by that.
    banned: Option<(SetId, IpAddr, u64)>,
    /// The receive queue that frames come in on.
    queue: u16,
}

/// Whether time passes for the entries of sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entries {
    /// It does: none has an end of another clock.
    Age,
    /// It does not.
    Stay,
}

/// What became of a frame.
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// What decided, among the rows of the program's counters.
    pub row: RowId,
    /// The oracle's decision, which is the program's.
    pub decision: Decision,
    /// What leaves the filter, where it is not the frame as it came.
    pub changed: Option<Vec<u8>>,
    /// The lines of the rules that report it, as far as it is their turn and the rate allows.
    pub reported: Vec<u32>,
    /// What the limits say that it met.
    pub limits: Standings,
    /// Whether the frame as it was captured is enough to say so.
    pub certainty: Certainty,
    /// How many instructions were executed.
    pub steps: u64,
}

/// What limits say of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    /// That of the rule that decides: the frame is over it.
    pub over: Option<Limit>,
    /// Those that the frame is under, each with the line of its rule.
    pub under: Vec<(u32, Limit)>,
}

impl Standings {
    fn of(policy: &Policy, decision: &Decision) -> Self {
        let rules = policy.rules();
        let decider = match decision.decider {
            oracle::Decider::Rule(at) => rules.get(at),
            oracle::Decider::Malformed(_)
            | oracle::Decider::Keep(_)
            | oracle::Decider::Fragment
            | oracle::Decider::Default => None,
        };
        let under = |rule: &Rule| Some((rule.line, rule.limit?));
        let under = decision.under.iter().filter_map(|at| under(rules.get(*at)?)).collect();
        Self { over: decider.and_then(|rule| rule.limit), under }
    }
}

/// Whether the verdict on a frame that was cut is that of the whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Every byte that was looked at is there.
    Certain,
    /// The headers go on beyond what was captured.
    Uncertain,
}

/// Two ends of one packet, and what they were found with.
struct Disagreement {
    program: String,
    oracle: String,
    frame: String,
    queue: u16,
    policy: String,
    listing: String,
}

impl Disagreement {
    /// The failure, with what a report needs saved in the working directory.
    fn saved(&self) -> Failure {
        let saved = repro::save(&self.report(), "frame, policy, program");
        self.failure().note("saved", saved)
    }

    fn failure(&self) -> Failure {
        let Self { program, oracle, frame, .. } = self;
        Failure::bug(
            "the program and the oracle disagree about a packet; this is a bug in one of them",
        )
        .note("found", format!("the program: {program}\nthe oracle: {oracle}"))
        .note("frame", frame)
    }

    fn report(&self) -> String {
        let Self { program, oracle, frame, queue, policy, listing } = self;
        let mut report = format!(
            "program: {program}\noracle: {oracle}\nframe: {frame}\nreceive queue: {queue}\n"
        );
        for (title, text) in [("policy", policy), ("program", listing)] {
            let _ = write!(report, "\n--- {title}\n{}\n", text.trim_end());
        }
        report
    }
}

impl<'a, C: Contents> Judge<'a, C> {
    /// Compiles a policy, and puts entries into the sets of the program, each with when it ends, 0
    /// for never, by a clock that stands at 0; `contents` is what the oracle takes them to hold.
    pub fn new<I: IntoIterator<Item = (Item, u64)>>(
        policy: &'a Policy,
        text: &'a str,
        contents: C,
        entries: impl Fn(SetId) -> I,
    ) -> Outcome<Self> {
        let artifact = palisade_filter::compile(policy, Rehearsal::TARGET)?;
        let mut rehearsal = Rehearsal::new(policy, &artifact).map_err(unready)?;
        let mut aging = Entries::Age;
        for set in policy.sets() {
            if let Some(id) = policy.set_id(set.name.as_str()) {
                let own: Vec<(Item, u64)> = entries(id).into_iter().collect();
                if own.iter().any(|(_, ends)| *ends != 0) {
                    aging = Entries::Stay;
                }
                rehearsal.insert(id, own).map_err(unready)?;
            }
        }
        let (limits, entries) = (Limits::default(), aging);
        let (first, now, banned) = (None, 0, None);
        Ok(Self {
            policy,
            text,
            contents,
            rehearsal,
            limits,
            first,
            now,
            entries,
            banned,
            queue: 0,
        })
    }

    /// Frames come in on this receive queue; on the first one unless that is said.
    pub fn set_queue(&mut self, queue: u16) {
        self.rehearsal.set_queue(queue.into());
        self.queue = queue;
    }

    /// Reads a frame as it comes in.
    pub fn read(&self, frame: &[u8]) -> Reading {
        Reading::of(frame).on_queue(self.queue.into())
    }

    /// The next frame comes at this time, as captures tell it: limits and bans are kept by it. Time that goes
    /// back stands still.
    pub fn at(&mut self, time: Option<Duration>) {
        if let Some(time) = time {
            let since = time.saturating_sub(*self.first.get_or_insert(time));
            self.now = self.now.max(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        }
        match self.entries {
            Entries::Age => {
                self.rehearsal.set_now(self.now);
                self.contents.set_now(self.now);
            }
            Entries::Stay => self.rehearsal.set_limit_clock(self.now),
        }
        self.limits.set_now(self.now);
    }

    /// Puts a frame to both, of which so many bytes at the front were captured.
    pub fn judge(&mut self, frame: &[u8], reading: &Reading, captured: usize) -> Outcome<Judged> {
        let done = self.rehearsal.run(frame);
        self.agreed(frame, reading, captured, done)
    }

    /// The same, with somebody looking on.
    pub fn judge_watched<W: Watch>(
        &mut self,
        frame: &[u8],
        reading: &Reading,
        captured: usize,
        watch: &mut W,
    ) -> Outcome<Judged> {
        let done = self.rehearsal.run_watched(frame, watch);
        self.agreed(frame, reading, captured, done)
    }

    fn agreed(
        &mut self,
        frame: &[u8],
        reading: &Reading,
        captured: usize,
        done: Result<Rehearsed, Fault>,
    ) -> Outcome<Judged> {
        if let Some((set, addr, until)) = self.banned.take() {
            self.contents.ban(set, addr, until);
        }
        let decision = reading.decide_after(self.policy, &self.contents, &mut self.limits);
        match done {
            Ok(done)
                if self.rehearsal.agrees(&done, &decision)
                    && self.rehearsal.tells(&done, &decision, frame) =>
            {
                let is_there = reading.seen() <= captured;
                let certainty = if is_there { Certainty::Certain } else { Certainty::Uncertain };
                let Rehearsed { verdict, row, steps, changed, .. } = done;
                let rules = self.policy.rules();
                let line = |at: &usize| rules.get(*at).map(|rule| rule.line);
                let reported = decision.reported.iter().filter_map(line).collect();
                if let Some((set, addr, time)) = oracle::banned(self.policy, &decision, reading) {
                    let time = u64::try_from(time.duration().as_nanos()).unwrap_or(u64::MAX);
                    self.banned = Some((set, addr, self.now.saturating_add(time)));
                }
                let limits = Standings::of(self.policy, &decision);
                Ok(Judged { verdict, row, changed, reported, limits, decision, certainty, steps })
            }
            other => Err(self.disagreement(frame, &decision, other).saved()),
        }
    }

    #[cold]
    fn disagreement(
        &self,
        frame: &[u8],
        decision: &Decision,
        done: Result<Rehearsed, Fault>,
    ) -> Disagreement {
        let program = match done {
            Ok(done) => {
                let by = Deciding::of_row(self.rehearsal.row(done.row));
                format!("{}, by {by}", done.verdict)
            }
            Err(fault) => fault.to_string(),
        };
        let by = Deciding::of(self.policy, decision);
        Disagreement {
            program,
            oracle: format!("{}, by {by}", decision.verdict),
            frame: human::hex(frame),
            queue: self.queue,
            policy: self.text.to_owned(),
            listing: self.rehearsal.program().listing().numbered().to_string(),
        }
    }

    /// What an entry of a set was hit by; `None` where there is no such entry.
    pub fn hits(&self, set: SetId, item: &Item) -> Option<Hits> {
        self.rehearsal.hits(set, item)
    }

    /// The rows of the program's counters.
    pub fn rows(&self) -> &[Row] {
        self.rehearsal.rows()
    }

    /// The program.
    pub fn program(&self) -> &palisade_asm::Program {
        self.rehearsal.program()
    }

    /// What the oracle takes the sets to hold.
    pub fn contents(&self) -> &C {
        &self.contents
    }
}

fn unready(why: Unready) -> Failure {
    match why {
        // A map that the kernel would make as well.
        Unready::Map(_) | Unready::Entry(_) => Failure::usage(why.to_string()),
        Unready::OtherMaps | Unready::Room(_) | Unready::Refused { .. } => {
            Failure::bug(why.to_string())
        }
    }
}

impl Deciding {
    /// The statement that a row of the counters is of.
    pub fn of_row(row: &Row) -> Self {
        let text = match row.decider {
            Decider::Malformed(flaw) => format!("malformed: {}", flaw.name()),
            Decider::Off
            | Decider::Keep
            | Decider::Rule
            | Decider::Unrouted(_)
            | Decider::Count
            | Decider::Fragment
            | Decider::Default => row.text.clone(),
        };
        Self { line: row.line, text }
    }
}

#[cfg(test)]
mod tests {
    use palisade_filter::oracle::{Declared, frame_of_words};

    use super::*;

    #[test]
    fn a_disagreement_is_told_by_both_sides_with_all_that_shows_it() {
        let text = "set block net\ndrop src in block\ndefault pass\n";
        let policy = palisade_filter::parse(text).expect("a policy");
        let item: Item = "198.51.100.7".parse().expect("an item");
        // The oracle is told of other entries than the program.
        let mut judge =
            Judge::new(&policy, text, Declared::of(&policy), |_| [(item, 0)]).expect("it compiles");
        judge.set_queue(5);
        let other = frame_of_words(&["udp", "from", "198.51.100.8"]).expect("a packet");
        assert!(judge.judge(&other, &judge.read(&other), other.len()).is_ok());
        let frame = frame_of_words(&["udp", "from", "198.51.100.7"]).expect("a packet");
        let done = judge.rehearsal.run(&frame);
        let decision = judge.read(&frame).decide(&policy, &judge.contents);
        assert!(!judge.rehearsal.agrees(done.as_ref().expect("no fault"), &decision));
        let wrong = judge.disagreement(&frame, &decision, done);
        assert_eq!(wrong.failure().kind.code(), 70);
        let told = wrong.failure().to_string();
        assert!(told.contains("the program: drop, by line 2, `drop src in block`"), "{told}");
        assert!(told.contains("the oracle: pass, by line 3, `default pass`"), "{told}");
        let report = wrong.report();
        let (frame, queue) = (human::hex(&frame), "receive queue: 5");
        for part in [&frame, queue, text.trim_end(), "call bpf_map_lookup_elem"] {
            assert!(report.contains(part), "{report}");
        }
    }
}
