//! What a program in the interpreter reports: its records, taken as they are handed over, and held
//! against what the oracle says of the frame.

use palisade_asm::vm::Vm;

use super::Fault;
use crate::oracle::{Decision, Reading, Sighting};
use crate::plan::{Carried, EVENT_STATE, EVENTS, FIRST_RULE, Mode, Record, Tally};
use crate::policy::{Policy, Report, Verdict};

/// The maps of events, and what has been counted in them.
#[derive(Clone, Debug)]
pub struct Reports {
    ring: usize,
    state: usize,
    seen: Tally,
    rules: Reporting,
}

/// What the rules of a policy are to report of frames.
#[derive(Clone, Debug)]
pub struct Reporting {
    /// By the place of the rule.
    rules: Vec<Option<(Report, Option<Verdict>)>>,
    /// The row of the first one.
    first: usize,
}

/// What one run has reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The records.
    pub records: Vec<Record>,
    /// How many reports were held back, or found no room.
    pub missing: u64,
}

impl Reports {
    /// Of a program, if its policy reports something.
    pub fn of(vm: &Vm, policy: &Policy) -> Option<Self> {
        let (ring, state) = (vm.maps().find(EVENTS)?, vm.maps().find(EVENT_STATE)?);
        Some(Self { ring, state, seen: Tally::default(), rules: Reporting::of(policy) })
    }

    /// What was reported since the last call.
    pub fn told(&mut self, vm: &mut Vm) -> Result<Told, Fault> {
        let mut records = Vec::new();
        for bytes in vm.maps_mut().take_records(self.ring) {
            match Record::read(&bytes) {
                Some(record) if bytes.len() == Record::HEADER + record.bytes.len() => {
                    records.push(record);
                }
                Some(_) | None => return Err(Fault::Reported(bytes)),
            }
        }
        let value = vm.maps().get(self.state, &[0; 4]).unwrap_or_default();
        let now = Tally::read(&value).unwrap_or_default();
        let before = std::mem::replace(&mut self.seen, now);
        if now.sent.wrapping_sub(before.sent) != records.len() as u64 {
            return Err(Fault::Tallied { sent: now.sent, records: records.len() });
        }
        let missing = (now.lost + now.held).wrapping_sub(before.lost + before.held);
        Ok(Told { records, missing })
    }

    /// What the rules are to report.
    pub fn rules(&self) -> &Reporting {
        &self.rules
    }
}

impl Reporting {
    /// Of a policy.
    pub fn of(policy: &Policy) -> Self {
        let rule = |rule: &crate::policy::Rule| Some((rule.report?, rule.action.verdict()));
        let rules = policy.rules().iter().map(rule).collect();
        Self { rules, first: FIRST_RULE + policy.keeps().len() }
    }

    /// Whether some rule reports.
    pub fn is_any(&self) -> bool {
        self.rules.iter().any(Option::is_some)
    }

    /// How many records there must be of a frame, if none is held back or lost.
    pub fn least(&self, decision: &Decision) -> usize {
        let always = |at: &&usize| matches!(self.rules.get(**at), Some(Some((report, _))) if report.one_in() == 1);
        decision.reported.iter().filter(always).count()
    }

    /// Whether a run has reported what the oracle says of the frame: each record is of a rule that
    /// reports it, in order, and says what the frame says; none is missing but by its turn or rate.
    pub fn agrees(&self, told: &Told, mode: Mode, decision: &Decision, frame: &[u8]) -> bool {
        let sighting = (!told.records.is_empty()).then(|| Reading::of(frame).sighting());
        let seen = Seen { frame, sighting: &sighting.unwrap_or_default() };
        let mut left = told.records.iter().peekable();
        let mut missing = 0;
        for at in &decision.reported {
            let Some(Some((report, verdict))) = self.rules.get(*at) else { return false };
            let is_own = |record: &&Record| usize::try_from(record.row) == Ok(self.first + at);
            match left.next_if(is_own) {
                Some(record) if says(record, *report, *verdict, mode, &seen) => {}
                Some(_) => return false,
                None => missing += u64::from(report.one_in() == 1),
            }
        }
        left.next().is_none() && missing <= told.missing
    }
}

/// A frame, and what it says of itself.
struct Seen<'a> {
    frame: &'a [u8],
    sighting: &'a Sighting,
}

fn says(
    record: &Record,
    report: Report,
    verdict: Option<Verdict>,
    mode: Mode,
    seen: &Seen<'_>,
) -> bool {
    let Sighting { addresses, protocol, ports, icmp } = seen.sighting;
    let snap = seen.frame.len().min(report.snap() as usize);
    let done = if mode == Mode::Enforce { Carried::Out } else { Carried::Not };
    (record.verdict, record.done) == (verdict, done)
        && record.length as usize == seen.frame.len()
        && record.bytes == seen.frame[..snap]
        && (record.addresses, record.protocol) == (*addresses, *protocol)
        && (record.ports, record.icmp) == (*ports, *icmp)
}
