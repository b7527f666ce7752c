//! A compiled policy in the interpreter, with its maps, for frames to be put to it without a kernel.
//!
//! The clock is at a time of its own, and counters begin where 32 bits end, so that a program that
//! reads ticks as time or counts in too few bits is seen to.

use palisade_asm::vm::{Insert, MapStore, MapUnfit, Packet, ProgramId, Vm, World};
use palisade_asm::{Assembler, ByteOrder, Program, R0};
use palisade_filter::oracle::Given;
use palisade_filter::plan::{CONTROL, COUNTERS, Control, Mode, SLOT};
use palisade_filter::rehearsal::{Reports, Sending, Told};
use palisade_filter::{Artifact, Policy, Row, Verdict};

use crate::agree::{Entry, Life};
use crate::filled::{self, Counted, Ends, Maps};
use crate::judges::fib_of;
use crate::outcome::{Counts, Fault, Outcome, Runs};

/// Nanoseconds of a tick.
const TICK: u64 = 4_000_000;
/// Ticks when the clock was at 0.
const FIRST_TICK: u64 = 4_294_900_000;
/// Ticks since.
const TICKS: u64 = 25_000;
const NOW: u64 = TICKS * TICK;
/// Nanoseconds from frame to frame, by the clock of limits: any frame is paid for meanwhile at the
/// fastest rate.
const PACE: u64 = 1000;
/// An entry that ends at this instant matches no more; one that ends a tick later does.
const ENDS: Ends = Ends { over: NOW, timed: NOW + TICK };
/// What counters begin with.
const BEGIN: Counts = [u32::MAX as u64 - 1; 2];

/// A policy that runs in the interpreter.
#[derive(Clone)]
pub struct Interpreted {
    vm: Vm,
    packet: Packet,
    world: World,
    rows: Vec<Row>,
    counters: usize,
    seen: Vec<Counts>,
    entries: Vec<Counted>,
    hits: Counts,
    reports: Option<Reports>,
    sending: Sending,
    behind: Option<ProgramId>,
}

impl Interpreted {
    /// A compiled policy with entries in its sets: those it declares, and these. Where it has a slot, a
    /// program stands in it that lets all pass.
    pub fn new(policy: &Policy, artifact: &Artifact, entries: &[Entry]) -> Self {
        let mut vm = Vm::new(&artifact.program).expect("all of its maps are simulated");
        let sending = Sending::of(&vm, policy);
        sending.fill(&mut vm).expect("one place each");
        let world = World { jiffies: FIRST_TICK + TICKS, ..World::default() };
        let place = |name: &str| vm.maps().find(name).expect("every program has this map");
        let (counters, packet) = (place(COUNTERS), Packet::new(&[]));
        let (rows, seen) = (artifact.rows.clone(), vec![BEGIN; artifact.rows.len() * 2]);
        let (declared, hits) = (with_elements(policy, entries), [0, 0]);
        let (entries, reports, behind) = (Vec::new(), Reports::of(&vm, policy), None);
        let mut new = Self {
            vm,
            packet,
            world,
            rows,
            counters,
            seen,
            entries,
            hits,
            reports,
            sending,
            behind,
        };
        new.behind = new.put_behind();
        for (map, value) in artifact.values(policy, ByteOrder::HOST) {
            new.write(map, &[0; 4], &value);
        }
        for set in policy.sets() {
            let fill = palisade_filter::structure::fill_map(set.name.as_str());
            if let Some(at) = new.vm.maps().find(&fill.name) {
                new.write(at, &[0; 4], &vec![0; fill.value_size.try_into().expect("small")]);
            }
        }
        new.entries = filled::fill(&mut new, policy, &declared, ENDS);
        for index in (0u32..).take(new.seen.len()) {
            new.write(counters, &index.to_ne_bytes(), &BEGIN.map(u64::to_ne_bytes).concat());
        }
        new.switch(Mode::Enforce);
        new
    }

    /// The same maps under another program that declares them.
    pub fn under(&self, program: &Program) -> Result<Self, MapUnfit> {
        let maps: MapStore = self.vm.maps().clone();
        let mut other = Self { vm: Vm::with_maps(program, maps)?, ..self.clone() };
        other.vm.set_fuel(100_000);
        other.behind = self.behind.and_then(|_| other.put_behind());
        Ok(other)
    }

    /// The same with nothing in its slot.
    pub fn with_empty_slot(mut self) -> Self {
        if let (Some(_), Some(slot)) = (self.behind.take(), self.vm.maps().find(SLOT)) {
            self.vm.maps_mut().delete(slot, &[0; 4]).expect("it is there");
        }
        self
    }

    /// Puts a program into the slot, if there is one.
    fn put_behind(&mut self) -> Option<ProgramId> {
        let slot = self.vm.maps().find(SLOT)?;
        let mut a = Assembler::new();
        a.mov(R0, Verdict::Pass.code()).exit();
        let program = a.finish().expect("a program");
        let program = self.vm.load(&program, &[]).expect("it has no maps");
        self.vm.maps_mut().set_program(slot, 0, program).expect("one slot");
        Some(program)
    }

    /// The machine, for whoever looks on while it runs.
    pub fn machine(&mut self) -> (&mut Vm, &World) {
        (&mut self.vm, &self.world)
    }

    /// By how much the hits of all entries have grown since the last look.
    pub fn grown_hits(&mut self) -> Counts {
        let now = self.entries.iter().map(|(map, key)| counts(self.vm.maps(), *map, key));
        let now = now.fold([0, 0], add);
        let before = std::mem::replace(&mut self.hits, now);
        [now[0].wrapping_sub(before[0]), now[1].wrapping_sub(before[1])]
    }

    fn grown(&mut self) -> Vec<(usize, Counts)> {
        let mut grown = Vec::new();
        for (index, before) in self.seen.iter_mut().enumerate() {
            let key = u32::try_from(index).expect("few rows").to_ne_bytes();
            let now = counts(self.vm.maps(), self.counters, &key);
            if now != *before {
                grown.push((index, [0, 1].map(|at: usize| now[at].wrapping_sub(before[at]))));
                *before = now;
            }
        }
        grown
    }
}

impl Runs for Interpreted {
    fn run(&mut self, frame: &[u8]) -> Result<Outcome, Fault> {
        self.packet.set(frame);
        let fib = fib_of(frame);
        self.world.fib = Some(fib);
        let ran = self.vm.run(&mut self.packet, &self.world);
        self.world.monotonic += PACE;
        let grown = self.grown();
        let outcome = ran.map_err(|trap| Fault::Trapped(trap.to_string()))?;
        let verdict = Outcome::verdict_of(outcome.value)?;
        if let Some(behind) = self.behind
            && (outcome.program == behind) != (verdict == Verdict::Pass)
        {
            let [hits, wanted] = [outcome.program == behind, verdict == Verdict::Pass];
            return Err(Fault::Behind { hits: hits.into(), wanted: wanted.into() });
        }
        let bytes = [self.packet.metadata(), &self.packet.bytes()].concat();
        let turn = |row: usize| self.seen[row][0].wrapping_sub(1);
        let told = Outcome::of(verdict, &self.rows, grown, [1, frame.len() as u64], turn)?;
        let told = Outcome { given: Given { fib: fib.into(), ..told.given }, ..told };
        if !self.sending.is_right(&outcome, &self.world, told.change()) {
            return Err(Fault::Sent(outcome.effects.redirect));
        }
        told.with_frame(frame, 1, bytes)
    }

    fn told(&mut self, _: usize) -> Told {
        let Some(reports) = &mut self.reports else { return Told::default() };
        // What is no record of ours is one that is missing.
        reports.told(&mut self.vm).unwrap_or_default()
    }

    fn switch(&mut self, mode: Mode) {
        let control = Control { mode: mode.code().into(), first_tick: FIRST_TICK, tick: TICK };
        let at = self.place(CONTROL);
        self.write(at, &[0; 4], &control.words().map(u64::to_ne_bytes).concat());
    }
}

impl Maps for Interpreted {
    fn place(&self, name: &str) -> usize {
        self.vm.maps().find(name).unwrap_or_else(|| panic!("no map is called `{name}`"))
    }

    fn write(&mut self, map: usize, key: &[u8], value: &[u8]) {
        self.vm.maps_mut().put(map, key, value, Insert::Any).expect("the entry fits");
    }
}

fn with_elements(policy: &Policy, entries: &[Entry]) -> Vec<Entry> {
    let declared = policy.sets().iter().flat_map(|set| {
        let entry = |item: &palisade_filter::Item| Entry {
            set: set.name.to_string(),
            item: item.to_string(),
            life: Life::Lasting,
        };
        set.elements.iter().map(entry)
    });
    declared.chain(entries.iter().cloned()).collect()
}

fn counts(maps: &MapStore, map: usize, key: &[u8]) -> Counts {
    let value = maps.get(map, key).expect("an entry is where it was put");
    let (words, _) = value.as_chunks::<8>();
    [u64::from_ne_bytes(words[0]), u64::from_ne_bytes(words[1])]
}

fn add(left: Counts, right: Counts) -> Counts {
    [left[0].wrapping_add(right[0]), left[1].wrapping_add(right[1])]
}
