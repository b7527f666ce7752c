//! Three judges of one policy: the oracle, the interpreter and the kernel.
//!
//! They agree on a frame if verdict, deciding row, the rows of `count` rules and the bytes that leave
//! are the same. After any number of frames [`Judges::settle`] compares what has
//! been added up: every row of the counters and every entry of a set, in packets and bytes. Nothing
//! but the expected rows may have grown.
//!
//! Where programs cannot be loaded, the kernel is left out.

mod case;
mod coverage;
mod hits;
mod modes;
mod shrink;
mod told;

use std::fmt;

use palisade_asm::Isa;
use palisade_asm::vm::{Coverage, Fib, ProgramId};
use palisade_filter::oracle::Decision;
use palisade_filter::policy::Change;
use palisade_filter::rehearsal::{Half, Rehearsal, Reporting};
use palisade_filter::{
    Access, Artifact, Buffers, ByteOrder, Mode, PlanError, Policy, Target, Verdict, compile, parse,
};

use crate::agree::Life;
use crate::derived::SHORTEST;
use crate::engine::{Engine, hex};
use crate::privilege::Kernel;
use crate::random::Made;
use crate::rehearsed::rehearsed;
pub use case::{Case, Unread};
pub use coverage::{Count, Executed};
use hits::Total;
pub use shrink::{Doubt, bisect, shrink};
pub use told::{Expected, Told};

/// A policy before its judges.
pub struct Judges {
    told: Told,
    reporting: Reporting,
    machines: Vec<Machine>,
    engines: Vec<(Target, Engine)>,
    /// Whether some rule asks the kernel's routes.
    routes: bool,
}

/// The policy in the interpreter.
struct Machine {
    target: Target,
    rehearsal: Rehearsal,
    coverage: Coverage,
}

/// Why there are no judges of a policy.
#[derive(Debug)]
pub enum NoJudges {
    /// It asks for more look-ups than a rule may.
    TooManySets,
    /// It cannot be compiled or loaded, which is a fault: the end of what was said.
    Refused(String),
}

/// What they do not agree on.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Who and how.
    pub how: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}

/// When an entry ends by the clock of the kernel.
fn end_of(life: Life) -> u64 {
    match life {
        Life::Lasting => 0,
        Life::Timed => 1 << 62,
        Life::Over => 1,
    }
}

/// The shapes of target that programs are compiled for.
pub fn targets() -> Vec<Target> {
    let shape = |buffers, access, isa| Target { isa, order: ByteOrder::HOST, buffers, access };
    vec![
        shape(Buffers::Single, Access::Pointers, Isa::V3),
        shape(Buffers::Single, Access::Helpers, Isa::V4),
        shape(Buffers::Multi, Access::Pointers, Isa::V4),
        shape(Buffers::Multi, Access::Helpers, Isa::V3),
    ]
}

/// The kernel as a judge: for each of these targets. None where programs cannot be loaded.
pub type Bench<'a> = Option<(&'a Kernel, &'a [Target])>;

impl Judges {
    /// The judges of a policy with entries in its sets.
    pub fn of(bench: Bench<'_>, made: &Made) -> Result<Self, NoJudges> {
        Self::misled(bench, made, &made.text)
    }

    /// The same, but the oracle is told another policy, with the same sets.
    pub fn misled(bench: Bench<'_>, made: &Made, told: &str) -> Result<Self, NoJudges> {
        let policy = parsed(&made.text);
        let mut machines = Vec::new();
        let mut artifact = None;
        for target in targets() {
            let compiled = compiled(&policy, target)?;
            machines.push(Machine::new(target, &policy, &compiled, made));
            artifact.get_or_insert(compiled);
        }
        let rows = artifact.expect("there are targets").rows;
        let mut engines = Vec::new();
        let routes = routes(&policy);
        if let Some((kernel, targets)) = bench.filter(|_| !routes || forwards_nothing()) {
            for target in targets {
                engines.push((*target, engine(kernel, *target, &policy, made)?));
            }
        }
        let reporting = Reporting::of(&parsed(told));
        let told = Told::new(parsed(told), &made.entries, rows);
        Ok(Self { told, reporting, machines, engines, routes })
    }

    /// How many interpreters judge a frame, and how many programs in the kernel: none of those take
    /// a frame that is shorter than its header.
    pub fn count(&self, frame: &[u8]) -> [u64; 2] {
        let engines = if frame.len() < SHORTEST { 0 } else { self.engines.len() };
        [self.machines.len() as u64, engines as u64]
    }

    /// What the oracle says of a frame.
    pub fn oracle(&self, frame: &[u8]) -> Decision {
        self.told.decide(frame)
    }

    /// The policy that the oracle was told.
    pub fn policy(&self) -> &Policy {
        self.told.policy()
    }

    /// Puts a frame to all of them.
    ///
    /// What the routes say, where a rule asks, depends on the frame.
    pub fn judge(&mut self, frame: &[u8]) -> Result<Expected, Disagreement> {
        self.judge_with(frame, fib_of(frame))
    }

    /// The same, where the kernel's routes say this.
    pub fn judge_with(&mut self, frame: &[u8], fib: Fib) -> Result<Expected, Disagreement> {
        self.set_fib(fib);
        let expected = self.told.expect(frame);
        let rows = expected.rows();
        let Some(rows) = rows else {
            return Err(self.disagreement(frame, "no row of the program is the oracle's"));
        };
        for at in 0..self.machines.len() {
            if let Err(how) = self.machines[at].judge(frame, &expected, &rows) {
                return Err(self.disagreement(frame, &how));
            }
        }
        let by_kernel = self.routes.then(|| self.told.expect_by(frame, NOT_FORWARDING.into()));
        let by_kernel = by_kernel.as_ref().unwrap_or(&expected);
        let Some(rows) = by_kernel.rows() else {
            return Err(self.disagreement(frame, "no row of the program is the oracle's"));
        };
        // The kernel's test run takes no shorter ones.
        let engines = if frame.len() < SHORTEST { 0 } else { self.engines.len() };
        for at in 0..engines {
            let (target, engine) = &mut self.engines[at];
            // What was reported of frames that were not judged.
            engine.told(0);
            let how = match engine.verdict_in(frame, &rows, |turn| by_kernel.out(turn)) {
                Ok(verdict) if verdict == by_kernel.decision.verdict => {
                    let told = engine.told(self.reporting.least(&expected.decision));
                    let mode = Mode::Enforce;
                    if self.reporting.agrees(&told, mode, &expected.decision, frame) {
                        continue;
                    }
                    format!("the kernel reports {told:?}")
                }
                Ok(verdict) => format!("the kernel says {verdict}"),
                Err(fault) => fault.to_string(),
            };
            let how = format!("{how} ({target:?})");
            return Err(self.disagreement(frame, &how));
        }
        Ok(expected)
    }

    /// What the kernel's routes say to interpreter and oracle.
    fn set_fib(&mut self, fib: Fib) {
        self.told.set_fib(fib.into());
        self.machines.iter_mut().for_each(|machine| machine.rehearsal.set_fib(fib));
    }

    /// Where a rule asks the routes, all judges are told what the kernel is.
    fn as_in_the_kernel(&mut self) {
        if self.routes && !self.engines.is_empty() {
            self.set_fib(NOT_FORWARDING);
        }
    }

    /// The verdict of interpreter and kernel on a frame; the oracle is not asked.
    pub fn verdict(&mut self, frame: &[u8]) -> Result<Verdict, Disagreement> {
        self.as_in_the_kernel();
        let mut first = None;
        for Machine { target, rehearsal, .. } in &mut self.machines {
            let verdict = rehearsal.run(frame).map(|run| run.verdict);
            let verdict = verdict.map_err(|fault| Disagreement { how: fault.to_string() })?;
            if *first.get_or_insert(verdict) != verdict {
                return Err(Disagreement {
                    how: format!("{verdict} ({target:?}): {}", hex(frame)),
                });
            }
        }
        for (target, engine) in &self.engines {
            let verdict = engine.verdict(frame);
            let verdict = verdict.map_err(|fault| Disagreement { how: fault.to_string() })?;
            if first != Some(verdict) {
                let how = format!("{verdict} in the kernel ({target:?}): {}", hex(frame));
                return Err(Disagreement { how });
            }
        }
        Ok(first.expect("there are targets"))
    }

    /// Compares what has been counted by now.
    pub fn settle(&mut self) -> Result<(), Disagreement> {
        let wrong = |how: String| Err(Disagreement { how });
        for (target, engine) in &mut self.engines {
            let grown = engine.grown();
            if !grown.is_empty() {
                return wrong(format!("rows {grown:?} of the kernel have grown ({target:?})"));
            }
        }
        self.told.hits().try_for_each(|total| self.settle_entry(&total))
    }

    /// An entry has counted the same everywhere, and what the oracle says.
    fn settle_entry(&self, total: &Total) -> Result<(), Disagreement> {
        let Total { set, item, least, most } = total;
        let name = self.told.policy().sets()[set.index()].name.as_str();
        let machines = self.machines.iter().map(|machine| {
            let hits = machine.rehearsal.hits(*set, item).unwrap_or([u64::MAX; 2]);
            ("interpreter", machine.target, hits)
        });
        let text = item.to_string();
        let engines = self.engines.iter();
        let engines = engines.map(|(target, engine)| ("kernel", *target, engine.hits(name, &text)));
        let mut first = None;
        for (who, target, hits) in machines.chain(engines) {
            let right = (least[0]..=most[0]).contains(&hits[0])
                && (least[1]..=most[1]).contains(&hits[1])
                && *first.get_or_insert(hits) == hits;
            if !right {
                let how = format!(
                    "{item} in `{name}`: {hits:?} by the {who}, {target:?}; {first:?} by others, \
                     {least:?} to {most:?} by the oracle"
                );
                return Err(Disagreement { how });
            }
        }
        Ok(())
    }

    /// Adds which instructions were executed, of every target.
    pub fn executed(&self, into: &mut Executed) {
        for Machine { rehearsal, coverage, .. } in &self.machines {
            let program = rehearsal.program();
            into.add(program, |at| coverage.executed(ProgramId::FIRST, at));
        }
    }

    /// What all of them say of a frame, as far as they can be asked once more.
    fn disagreement(&mut self, frame: &[u8], first: &str) -> Disagreement {
        let decision = self.told.decide(frame);
        let mut how = format!("{first}\noracle: {decision:?}\n");
        for Machine { target, rehearsal, .. } in &mut self.machines {
            let said = match rehearsal.run(frame) {
                Ok(run) => {
                    let row = rehearsal.row(run.row);
                    let counted = run.counted.iter().map(|row| rehearsal.row(*row).line);
                    let counted: Vec<_> = counted.collect();
                    let (verdict, text) = (run.verdict, &row.text);
                    format!("{verdict} by `{text}`, line {:?}, counted {counted:?}", row.line)
                }
                Err(fault) => fault.to_string(),
            };
            how += &format!("interpreter, {target:?}: {said}\n");
        }
        for (target, engine) in &mut self.engines {
            if frame.len() < SHORTEST {
                continue;
            }
            engine.grown();
            let said = match engine.run(frame) {
                Ok(run) => {
                    let counted: Vec<_> = run.counted.iter().map(|row| row.line).collect();
                    format!("{run}, line {:?}, counted {counted:?}", run.row.line)
                }
                Err(fault) => fault.to_string(),
            };
            how += &format!("kernel, {target:?}: {said}\n");
        }
        Disagreement { how: how + "frame: " + &hex(frame) }
    }
}

impl Machine {
    fn new(target: Target, policy: &Policy, artifact: &Artifact, made: &Made) -> Self {
        let rehearsal = rehearsed(policy, artifact, &made.entries);
        Self { target, rehearsal, coverage: Coverage::new() }
    }

    fn judge(&mut self, frame: &[u8], expected: &Expected, rows: &[usize]) -> Result<(), String> {
        let run = self.rehearsal.run_watched(frame, &mut self.coverage);
        let target = self.target;
        let run = run.map_err(|fault| format!("{fault} ({target:?})"))?;
        let (row, counted) = rows.split_first().expect("the deciding row");
        if !self.rehearsal.tells(&run, &expected.decision, frame) {
            return Err(format!("the interpreter reports {:?} ({target:?})", run.told));
        }
        let same = run.verdict == expected.decision.verdict
            && run.row.index() == *row
            && run.half == Half::Enforced
            && run.bytes == frame.len() as u64
            && run.changed.as_deref().unwrap_or(frame) == expected.out(run.turn)
            && run.counted.iter().map(|row| row.index()).eq(counted.iter().copied());
        if same { Ok(()) } else { Err(format!("the interpreter says otherwise ({target:?})")) }
    }
}

fn engine(
    kernel: &Kernel,
    target: Target,
    policy: &Policy,
    made: &Made,
) -> Result<Engine, NoJudges> {
    let mut engine = Engine::try_load(kernel, &made.text, target).map_err(|error| {
        let log: Vec<&str> = error.log().map(|log| log.lines().collect()).unwrap_or_default();
        let last = log.len().saturating_sub(12);
        NoJudges::Refused(format!("{error}\n{}", log[last..].join("\n")))
    })?;
    let declared = policy.sets().iter().flat_map(|set| {
        set.elements.iter().map(|item| (set.name.as_str().to_owned(), item.to_string(), 0))
    });
    let own = made.entries.iter().map(|e| (e.set.clone(), e.item.clone(), end_of(e.life)));
    engine.add_all(declared.chain(own));
    Ok(engine)
}

/// Whether a policy asks the kernel's routes.
pub fn routes(policy: &Policy) -> bool {
    policy.rules().iter().any(|rule| rule.action.change() == Some(&Change::Route))
}

/// The answer of routes on a machine that forwards nothing, `BPF_FIB_LKUP_RET_FWD_DISABLED`.
pub const NOT_FORWARDING: Fib =
    Fib { answer: 5, interface: 1, source: [0; 6], destination: [0; 6] };

/// Whether the interface that test runs come in by forwards nothing, so that the answer is known.
pub fn forwards_nothing() -> bool {
    ["ipv4", "ipv6"].iter().all(|family| {
        let path = format!("/proc/sys/net/{family}/conf/lo/forwarding");
        std::fs::read_to_string(path).is_ok_and(|switch| switch.trim() == "0")
    })
}

/// An answer of the kernel's routes, as good as by chance.
pub fn fib_of(frame: &[u8]) -> Fib {
    const ANSWERS: [i32; 14] = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -22];
    let at = frame.iter().fold(7, |sum: usize, byte| sum * 31 % 1009 + usize::from(*byte));
    let answer = ANSWERS[at % ANSWERS.len()];
    Fib { answer, interface: 7, source: [2, 0, 0, 0, 9, 1], destination: [2, 0, 0, 0, 9, 0xff] }
}

fn parsed(text: &str) -> Policy {
    parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("policy", text)))
}

fn compiled(policy: &Policy, target: Target) -> Result<Artifact, NoJudges> {
    match compile(policy, target) {
        Ok(artifact) => Ok(artifact),
        Err(PlanError::TooManySets { .. }) => Err(NoJudges::TooManySets),
        Err(error) => Err(NoJudges::Refused(error.to_string())),
    }
}
