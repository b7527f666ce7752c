//! What a program in the interpreter reports: its records, taken as they are handed over, and held
//! against what the oracle says of the frame.

use palisade_asm::vm::Vm;

use super::Fault;
use crate::oracle::{Decision, Sighting};
use crate::plan::{Carried, EVENT_STATE, EVENTS, Mode, Record, Tally};
use crate::policy::{Policy, Report, Verdict};

/// The maps of events, and what has been counted in them.
#[derive(Clone, Debug)]
pub struct Reports {
    ring: usize,
    state: usize,
    seen: Tally,
    /// By the place of the rule.
    rules: Vec<Option<(Report, Option<Verdict>)>>,
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
        let rule = |rule: &crate::policy::Rule| Some((rule.report?, rule.action.verdict()));
        let rules = policy.rules().iter().map(rule).collect();
        Some(Self { ring, state, seen: Tally::default(), rules })
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

    /// Whether a run has reported what the oracle says of the frame: each record is of a rule that
    /// reports it, in order, and says what the frame says; none is missing but by its turn or rate.
    pub fn agrees(&self, told: &Told, mode: Mode, seen: &Seen<'_>) -> bool {
        let mut left = told.records.iter().peekable();
        let mut missing = 0;
        for at in &seen.decision.reported {
            let Some(Some((report, verdict))) = self.rules.get(*at) else { return false };
            let is_own = |record: &&Record| usize::try_from(record.row) == Ok(seen.first + at);
            match left.next_if(is_own) {
                Some(record) if says(record, *report, *verdict, mode, seen) => {}
                Some(_) => return false,
                None => missing += u64::from(report.one_in() == 1),
            }
        }
        left.next().is_none() && missing <= told.missing
    }
}

/// A frame, and what the oracle says of it.
pub struct Seen<'a> {
    /// The frame.
    pub frame: &'a [u8],
    /// What becomes of it.
    pub decision: &'a Decision,
    /// What it says of itself.
    pub sighting: &'a Sighting,
    /// The row of the first rule.
    pub first: usize,
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
