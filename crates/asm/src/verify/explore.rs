//! All paths through a program, depth first, but for those that one before covers.
//!
//! Where paths meet, the states that came there are kept, as far as they are still read; a path
//! whose state is covered by one of them ends there. That is right without loops, since whatever
//! the kept one leads to is looked into in any case.
//!
//! Functions are followed before what calls them, each once; [`super::functions`] says for what.

use super::branch::{Ways, branch};
use super::functions::{self, Functions};
use super::kept::{Constants, Kept, Same};
use super::live::{Live, Survey};
use super::refusal::{Decision, Reason, Refusal, Scope};
use super::rules::Rules;
use super::stack::STACK;
use super::state::State;
use super::step::{Machine, Memory, SPILLS, Step};
use super::value::Value;
use super::{MOST_FOLLOWED, MOST_JUMPS, Report};
use crate::flow::{callee, successors};
use crate::insn::{Call, Insn, Src};
use crate::program::Program;
use crate::reg::{FP, R0, R1, R2, R3, R4, R5, Reg};

/// A way that is still to be followed.
struct Open {
    at: usize,
    state: Box<State>,
    path: Option<usize>,
}

/// The program in exploration.
struct Explorer<'a> {
    machine: Machine<'a>,
    functions: Functions,
    live: Vec<Live>,
    /// The instructions where paths meet.
    meets: Vec<bool>,
    /// The states that came to each of them.
    kept: Vec<Vec<Kept>>,
    same: Same,
    /// Branches that were followed, each with the one before it.
    branches: Vec<(Option<usize>, Decision)>,
    open: Vec<Open>,
    report: Report,
}

/// How many states are kept of one instruction.
const MOST_KEPT: usize = 64;

/// How many branches a refusal names.
const NAMED: usize = 8;

/// Follows all paths, as the kernels do that remember numbers on the stack, and as those do that do
/// not, where the rules name some. Who remembers less does not accept less: on a way that is never
/// taken, a number of which nothing is known becomes what it is compared with, and one of which much
/// is known a contradiction.
pub(super) fn explore(program: &Program, rules: Rules) -> Result<Report, Box<Refusal>> {
    let mut report = Report::default();
    if rules.oldest < SPILLS {
        report = follow_all(program, rules, Memory::Nothing)?;
    }
    Ok(report.most(follow_all(program, rules, Memory::Numbers)?))
}

fn follow_all(program: &Program, rules: Rules, memory: Memory) -> Result<Report, Box<Refusal>> {
    let machine = Machine::new(program, rules, memory);
    let refused = |(at, why): (usize, Reason)| Box::new(plain(program, at, why));
    scope(program, &machine).map_err(refused)?;
    let functions = Functions::of(program).map_err(refused)?;
    let order = functions.order();
    let jumps = longest(program, order, |insn| matches!(insn, Insn::Jump { when: Some(_), .. }));
    if jumps > MOST_JUMPS {
        return Err(refused((0, Reason::Jumps { jumps, most: MOST_JUMPS })));
    }
    let longest_path = longest(program, order, |_| true);
    let mut ways_in = vec![0_usize; program.insns().len()];
    for at in 0..program.insns().len() {
        successors(program, at).into_iter().flatten().for_each(|to| ways_in[to] += 1);
    }
    let survey = Survey::of(program, functions.starts(), order);
    functions.stacks(program, |range| survey.stack(program, range)).map_err(refused)?;
    Explorer {
        machine,
        functions,
        live: survey.live,
        meets: ways_in.into_iter().map(|ways| ways > 1).collect(),
        kept: program.insns().iter().map(|_| Vec::new()).collect(),
        same: Same::default(),
        branches: Vec::new(),
        open: Vec::new(),
        report: Report { jumps, longest_path, ..Report::default() },
    }
    .run_all()
}

/// Refuses what is not judged here, and what the oldest kernel lacks.
fn scope(program: &Program, machine: &Machine<'_>) -> Result<(), (usize, Reason)> {
    for (at, insn) in program.insns().iter().enumerate() {
        if matches!(insn, Insn::Call(Call::Kfunc { .. })) {
            return Err((at, Reason::OutOfScope(Scope::Kfuncs)));
        }
        machine.in_time(at).map_err(|why| (at, why))?;
    }
    Ok(())
}

/// The most instructions on one path from the start of those that count.
fn longest(program: &Program, order: &[usize], counts: impl Fn(&Insn) -> bool) -> usize {
    let mut most = vec![0; program.insns().len()];
    for &at in order.iter().rev() {
        let insn = &program.insns()[at];
        let on = successors(program, at).into_iter().flatten().map(|to| most[to]).max();
        let inside = callee(program, insn).map_or(0, |start| most[start]);
        most[at] = usize::from(counts(insn)) + inside + on.unwrap_or(0);
    }
    most.first().copied().unwrap_or(0)
}

impl Explorer<'_> {
    /// Follows each function, and the program itself last.
    fn run_all(mut self) -> Result<Report, Box<Refusal>> {
        for start in self.functions.starts().iter().rev().copied().collect::<Vec<_>>() {
            let state = match start {
                0 => State::start(),
                _ => State::function(&self.live[start]),
            };
            self.open.push(Open { at: start, state: Box::new(state), path: None });
            let (processed, pending) = (self.report.processed, self.report.pending);
            (self.report.processed, self.report.pending) = (0, 0);
            self.run()?;
            let report = self.report;
            self.functions.walked(start, report.processed, report.pending);
            if start != 0 {
                (self.report.processed, self.report.pending) = (processed, pending);
            }
        }
        Ok(self.report)
    }

    fn run(&mut self) -> Result<(), Box<Refusal>> {
        while let Some(Open { mut at, mut state, mut path }) = self.open.pop() {
            loop {
                if self.meets[at] && self.is_known(at, &mut state) {
                    break;
                }
                self.report.processed += 1;
                if self.report.processed > MOST_FOLLOWED {
                    let why = Reason::Complexity { most: MOST_FOLLOWED };
                    return Err(self.refusal(at, why, &state, path));
                }
                match self.follow(at, &mut state, &mut path) {
                    Ok(Some(to)) => at = to,
                    Ok(None) => break,
                    Err(why) => return Err(self.refusal(at, why, &state, path)),
                }
            }
        }
        Ok(())
    }

    /// Whether a state kept at a meeting covers this one, which is kept if not.
    fn is_known(&mut self, at: usize, state: &mut State) -> bool {
        let live = &self.live[at];
        let kept = &mut self.kept[at];
        let (constants, same) = (Constants::of(state, live), &mut self.same);
        if let Some(place) = kept.iter().position(|seen| seen.covers(state, constants, same)) {
            // The one that covers most is looked at first.
            kept.swap(0, place);
            return true;
        }
        state.drop_dead(live);
        if kept.len() < MOST_KEPT {
            kept.push(Kept::default());
            self.report.states += 1;
        }
        if let Some(last) = kept.last_mut() {
            last.renew(state, live);
        }
        self.report.most_states = self.report.most_states.max(kept.len());
        false
    }

    /// Executes an instruction: where it goes on, if it does. What a refused one found is still in
    /// `state`.
    fn follow(
        &mut self,
        at: usize,
        state: &mut State,
        path: &mut Option<usize>,
    ) -> Result<Option<usize>, Reason> {
        let program = self.machine.program;
        if let Insn::Jump { when: Some(test), to } = program.insns()[at] {
            let to = program.target(to);
            return Ok(Some(match branch(state, test)? {
                Ways::Taken => to,
                Ways::Next => at + 1,
                Ways::Both(taken) => {
                    let other = self.note(*path, at, Took::Jump);
                    self.open.push(Open { at: to, state: taken, path: other });
                    self.report.pending = self.report.pending.max(self.open.len());
                    *path = self.note(*path, at, Took::Next);
                    at + 1
                }
            }));
        }
        if let Some(to) = program.insns()[at].jump() {
            return Ok(Some(program.target(to)));
        }
        if let Some(start) = callee(program, &program.insns()[at]) {
            functions::call(state, &self.live[start])?;
            let walk = self.functions.walk(start);
            self.report.processed += walk.processed;
            self.report.pending = self.report.pending.max(self.open.len() + walk.pending);
            return Ok(Some(at + 1));
        }
        Ok(match self.machine.step(at, state)? {
            Step::On => Some(at + 1),
            Step::End => None,
        })
    }

    fn note(&mut self, path: Option<usize>, at: usize, took: Took) -> Option<usize> {
        self.branches.push((path, Decision { at, taken: took == Took::Jump }));
        Some(self.branches.len() - 1)
    }

    fn refusal(
        &self,
        at: usize,
        why: Reason,
        state: &State,
        mut path: Option<usize>,
    ) -> Box<Refusal> {
        let program = self.machine.program;
        let mut refusal = plain(program, at, why);
        while let Some((before, decision)) = path.map(|last| self.branches[last])
            && refusal.path.len() < NAMED
        {
            refusal.path.push(decision);
            path = before;
        }
        refusal.path.reverse();
        refusal.state = known(&program.insns()[at], state);
        Box::new(refusal)
    }
}

/// Which way was followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Took {
    Jump,
    Next,
}

fn plain(program: &Program, at: usize, why: Reason) -> Refusal {
    let (text, note) = (program.text_at(at), program.note_at(at).cloned());
    Refusal { at, text, note, why, state: Vec::new(), path: Vec::new() }
}

/// What is known of the registers that an instruction reads, and of the stack where it does.
fn known(insn: &Insn, state: &State) -> Vec<(String, String)> {
    let regs = read(insn);
    let mut known: Vec<(String, String)> = regs
        .iter()
        .filter(|reg| **reg != FP)
        .map(|reg| (reg.to_string(), state.get(*reg).to_string()))
        .collect();
    let on_stack = |value: &Value| matches!(value, Value::Pointer(pointer) if pointer.kind == super::value::Kind::Stack);
    if regs.iter().any(|reg| on_stack(state.get(*reg))) {
        let used = state.stack().slots().filter(|(_, slot)| slot.written() != 0);
        let off = |at: u32| i64::from(at) * 8 - STACK;
        known.extend(used.map(|(at, slot)| (format!("fp{:+}", off(at)), slot.to_string())));
    }
    known
}

/// The registers that an instruction reads.
fn read(insn: &Insn) -> Vec<Reg> {
    let src = |src: Src| match src {
        Src::Reg(reg) => vec![reg],
        Src::Imm(_) => Vec::new(),
    };
    match *insn {
        Insn::Alu { dst, src: by, .. } => [vec![dst], src(by)].concat(),
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => vec![dst],
        Insn::MoveSigned { src, .. } => vec![src],
        Insn::Load { mem, .. } => vec![mem.base],
        Insn::Store { mem, src: by, .. } => [vec![mem.base], src(by)].concat(),
        Insn::Atomic { mem, src, .. } => vec![mem.base, src],
        Insn::Jump { when: Some(test), .. } => [vec![test.left], src(test.right)].concat(),
        Insn::Call(_) => vec![R1, R2, R3, R4, R5],
        Insn::Exit => vec![R0],
        Insn::LoadImm64 { .. }
        | Insn::LoadPacket { .. }
        | Insn::Jump { when: None, .. }
        | Insn::JumpLong { .. } => Vec::new(),
    }
}
