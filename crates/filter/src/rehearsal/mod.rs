//! A policy's program in the interpreter, with its maps filled: frames are put to it without a
//! kernel and without privilege.
//!
//! Every run checks what holds of each packet whatever the policy: the result is a verdict, the
//! frame comes back as the deciding row says, unchanged by most, and goes where that says, and exactly one row of those that decide has grown, by one packet
//! and the bytes of the frame. A program that breaks this is at [`Fault`], and so may be tried that
//! are wrong on purpose. What a run costs does not depend on how many rows there are.

mod agree;
mod counters;
mod fault;
mod reports;
mod sent;

use palisade_asm::vm::{Fib, Insert, Packet, Trap, Vm, Watch, World};
use palisade_asm::{ByteOrder, Program};

use crate::oracle::{self, Given};
use crate::plan::{CONTROL, Control, Mode, Row, RowId};
use crate::policy::{Change, Policy, SetId, Verdict};
use crate::structure::{self, Contents};
use crate::value::Item;
use crate::{Artifact, Target};
use counters::Counters;
pub use fault::{Fault, Unready};
pub use reports::{Reporting, Reports, Told};
pub use sent::Sending;

/// Nanoseconds from frame to frame, where nothing else is said.
const PACE: u64 = 1000;

/// Packets and bytes.
pub type Hits = [u64; 2];

/// A program with its maps, ready for frames. The clock by which entries end stands still unless it is
/// set; that of limits goes on by a microsecond with each frame, too little for any frame to be there
/// before the one ahead of it has come in at the fastest rate.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    vm: Vm,
    packet: Packet,
    world: World,
    mode: Mode,
    counters: Counters,
    rows: Vec<Row>,
    /// By row, what the oracle calls what decides.
    deciders: Vec<Option<oracle::Decider>>,
    reports: Option<Reports>,
    sending: Sending,
    /// By set: the place of its first map, and its entries.
    sets: Vec<(usize, Contents)>,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// The verdict.
    pub verdict: Verdict,
    /// The row that the frame was counted in.
    pub row: RowId,
    /// The half of the counters with that row.
    pub half: Half,
    /// The rows of `count` rules that it was counted in besides, in order.
    pub counted: Vec<RowId>,
    /// The bytes that were counted.
    pub bytes: u64,
    /// What leaves the filter, where it is not the frame as it came.
    pub changed: Option<Vec<u8>>,
    /// What was reported of it.
    pub told: Told,
    /// How many packets the row had counted before.
    pub turn: u64,
    /// What was asked of the kernel's routes: a `struct bpf_fib_lookup`.
    pub asked: Option<[u8; Fib::SIZE]>,
    /// How many instructions were executed.
    pub steps: u64,
}

/// The halves of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What was carried out.
    Enforced,
    /// What would have been dropped, in mode `shadow`.
    Shadow,
}

/// A way for every packet, whose Ethernet addresses are not known.
const WAY: Fib = Fib { answer: Fib::FOUND, interface: 1, source: [0; 6], destination: [0; 6] };

impl From<Fib> for oracle::Fib {
    fn from(Fib { answer, source, destination, .. }: Fib) -> Self {
        Self { answer, source, destination }
    }
}

impl Rehearsal {
    /// What to compile for: this machine's order of bytes, and frames of any length.
    pub const TARGET: Target = Target { buffers: crate::Buffers::Multi, ..Target::FLOOR };

    /// The program of a compiled policy, its sets empty, in mode `enforce`. It must be compiled for
    /// the order of bytes of this machine.
    pub fn new(policy: &Policy, artifact: &Artifact) -> Result<Self, Unready> {
        Self::of_program(policy, artifact, &artifact.program)
    }

    /// Another program in the place of the compiled one, with the same maps.
    pub fn of_program(
        policy: &Policy,
        artifact: &Artifact,
        program: &Program,
    ) -> Result<Self, Unready> {
        if program.maps() != artifact.maps {
            return Err(Unready::OtherMaps);
        }
        let mut vm = Vm::new(program)?;
        for filling in &artifact.fillings {
            for (key, value) in &filling.entries {
                put(&mut vm, filling.map, key, value)?;
            }
        }
        let place = |name: &str| artifact.maps.iter().position(|map| map.name == name);
        let sets = policy.sets().iter().map(|set| {
            let first = place(set.name.as_str()).ok_or(Unready::OtherMaps)?;
            Ok((first, Contents::new(set)))
        });
        let sets = sets.collect::<Result<_, Unready>>()?;
        let counters = Counters::of(&mut vm, &artifact.rows).ok_or(Unready::OtherMaps)?;
        let rows = artifact.rows.clone();
        let world = World { fib: Some(WAY), ..World::default() };
        let (packet, mode) = (Packet::new(&[]), Mode::Enforce);
        let (deciders, reports) = (agree::deciders(&rows), Reports::of(&vm, policy));
        let sending = Sending::of(&vm, policy);
        sending.fill(&mut vm)?;
        let mut ready =
            Self { vm, packet, world, mode, counters, rows, deciders, reports, sending, sets };
        ready.set_mode(Mode::Enforce)?;
        Ok(ready)
    }

    /// What the program does with its verdicts from here on.
    pub fn set_mode(&mut self, mode: Mode) -> Result<(), Unready> {
        // A tick is a nanosecond, so that entries end when they say.
        let control = Control { mode: mode.code().into(), first_tick: 0, tick: 1 };
        let map = self.vm.maps().find(CONTROL).ok_or(Unready::OtherMaps)?;
        put(&mut self.vm, map, &[0; 4], &control.words().map(u64::to_ne_bytes).concat())?;
        self.mode = mode;
        Ok(())
    }

    /// What time it is, in nanoseconds of the clock by which entries end and limits are kept; 0 at
    /// first.
    pub fn set_now(&mut self, nanoseconds: u64) {
        self.world.jiffies = nanoseconds;
        self.set_limit_clock(nanoseconds);
    }

    /// What time it is by the clock by which limits are kept, whatever it is for entries.
    pub fn set_limit_clock(&mut self, nanoseconds: u64) {
        self.world.monotonic = nanoseconds;
    }

    /// What the kernel's routes say of packets; at first, that there is a way.
    pub fn set_fib(&mut self, fib: Fib) {
        self.world.fib = Some(fib);
    }

    /// On which receive queue frames come in; the first one unless this is said.
    pub fn set_queue(&mut self, queue: u32) {
        self.world.queue = queue;
    }

    /// Adds entries to a set, each with when it ends, 0 for never. The hits of all entries of the
    /// set begin anew.
    pub fn insert(
        &mut self,
        set: SetId,
        entries: impl IntoIterator<Item = (Item, u64)>,
    ) -> Result<(), Unready> {
        let (first, contents) = self.sets.get_mut(set.index()).ok_or(Unready::OtherMaps)?;
        contents.insert(entries)?;
        let writes = contents.writes(ByteOrder::HOST)?;
        for (map, elements) in contents.sizes() {
            self.vm.maps_mut().renew(*first + map, elements)?;
        }
        for structure::Write { map, key, value } in writes {
            put(&mut self.vm, *first + map, &key, &value)?;
        }
        Ok(())
    }

    /// Puts every entry into its set that the text of the policy declares.
    pub fn insert_declared(&mut self, policy: &Policy) -> Result<(), Unready> {
        for (at, set) in policy.sets().iter().enumerate() {
            self.insert(SetId(at), set.elements.iter().map(|item| (*item, 0)))?;
        }
        Ok(())
    }

    /// Puts a frame to the program.
    pub fn run(&mut self, frame: &[u8]) -> Result<Rehearsed, Fault> {
        self.packet.set(frame);
        let outcome = self.vm.run(&mut self.packet, &self.world);
        self.judged(frame, outcome)
    }

    /// The same, with somebody looking on.
    pub fn run_watched<W: Watch>(
        &mut self,
        frame: &[u8],
        watch: &mut W,
    ) -> Result<Rehearsed, Fault> {
        self.packet.set(frame);
        let outcome = self.vm.run_watched(&mut self.packet, &self.world, watch);
        self.judged(frame, outcome)
    }

    fn judged(
        &mut self,
        frame: &[u8],
        outcome: Result<palisade_asm::vm::Outcome, Box<Trap>>,
    ) -> Result<Rehearsed, Fault> {
        self.world.monotonic = self.world.monotonic.wrapping_add(PACE);
        // Also behind a trap, so that the next frame is not taken for this one.
        let grown = self.counters.grown(&mut self.vm);
        let told = self.reports.as_mut().map(|reports| reports.told(&mut self.vm));
        let outcome = outcome.map_err(Fault::Trap)?;
        let code = i32::try_from(outcome.value).ok();
        let verdict = Verdict::ALL.into_iter().find(|verdict| Some(verdict.code()) == code);
        let verdict = verdict.ok_or(Fault::Result(outcome.value))?;
        // Padding in further buffers is not counted.
        let first = frame.len().min(Packet::FIRST);
        let counted = grown?.decided(first as u64..=frame.len() as u64)?;
        let counters::Counted { row, half, counted, bytes } = counted;
        let turn = self.counters.total(row, half)[0].wrapping_sub(1);
        let change = self.rows[row.index()].change.as_ref().filter(|_| half == Half::Enforced);
        if !self.sending.is_right(&outcome, &self.world, change) {
            return Err(Fault::Sent(outcome.effects.redirect));
        }
        let fib = self.world.fib.unwrap_or(WAY).into();
        let changed = self.changed(frame, change, &Given { turn, fib })?;
        let told = told.transpose()?.unwrap_or_default();
        let (asked, steps) = (outcome.effects.fib, outcome.steps);
        Ok(Rehearsed { verdict, row, half, counted, bytes, changed, told, turn, asked, steps })
    }

    /// What a frame has become, if it is what its change makes of it by the oracle.
    fn changed(
        &self,
        frame: &[u8],
        change: Option<&Change>,
        given: &Given,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let expected = change.map(|change| oracle::changed(change, frame, given));
        let wanted = expected.as_deref().unwrap_or(frame);
        let first = self.packet.first();
        if self.packet.metadata().is_empty()
            && wanted.split_at_checked(first.len()) == Some((first, self.packet.further()))
        {
            return Ok(expected.filter(|changed| changed != frame));
        }
        Err(Fault::Changed(self.packet.bytes()))
    }

    /// The rows of the counters.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A row.
    pub fn row(&self, row: RowId) -> &Row {
        &self.rows[row.index()]
    }

    /// What a row has counted in one half.
    pub fn count(&self, row: RowId, half: Half) -> Hits {
        self.counters.total(row, half)
    }

    /// What an entry of a set was hit by; `None` where there is no such entry.
    pub fn hits(&self, set: SetId, item: &Item) -> Option<Hits> {
        let (first, contents) = self.sets.get(set.index())?;
        match contents.counters(item, ByteOrder::HOST) {
            Some((map, key)) => counters::hits(&self.vm.maps().get(first + map, &key)?),
            None => contents.has(item).then_some([0, 0]),
        }
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The program.
    pub fn program(&self) -> &Program {
        let program = self.vm.program(palisade_asm::vm::ProgramId::FIRST);
        program.expect("a machine has the program that it was made with")
    }
}

fn put(vm: &mut Vm, map: usize, key: &[u8], value: &[u8]) -> Result<(), Unready> {
    vm.maps_mut().put(map, key, value, Insert::Any).map_err(|why| {
        let name = vm.maps().decl(map).map(|decl| decl.name.clone()).unwrap_or_default();
        Unready::Refused { map: name, why }
    })
}
