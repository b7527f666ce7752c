//! A compiled policy in the kernel, with its maps, for frames to be put to it.
//!
//! Each run checks what [`crate::outcome`] says of every packet.
//!
//! Sets are filled here as `palisade_filter::structure` documents them, without the tool's own
//! code, so that a mistake of the tool cannot hide one of the program.

mod behind;
mod events;
mod receiver;
mod sets;

use behind::Behind;
use events::Events;
use palisade_asm::btf::ProgramBtf;
use palisade_asm::{ByteOrder, Image};
use palisade_filter::oracle::{Fib, Given, changed};
use palisade_filter::plan::{CONTROL, COUNTERS, Control, DEVICES, Decider, Mode, SLOT, SOCKETS};
use palisade_filter::policy::Change;
use palisade_filter::rehearsal::Told;
use palisade_filter::{
    Artifact, Buffers, Neighbours, Policy, Row, Target, Tenure, Verdict, compile_as, parse,
};
use palisade_loader::{
    Insert, LoadError, LoadOptions, Map, MapHandle, ObjectId, ObjectKind, PerCpu, PerCpuMap,
    Program, TestRun, Ticks, Wire,
};
pub use receiver::Receiver;
use receiver::Sockets;
use sets::Sets;
pub use sets::Stay;

pub use crate::outcome::{Counts, Fault, Half, Outcome};

use crate::judges::NOT_FORWARDING;
use crate::leak::{Objects, Watch};

use crate::outcome::Runs;
use crate::privilege::Kernel;

/// The number of the loopback interface, in every namespace.
const LOOPBACK: u32 = 1;

/// A policy that runs in the kernel.
pub struct Engine {
    policy: Policy,
    artifact: Artifact,
    image: Image,
    maps: Vec<MapHandle>,
    program: Program,
    counters: PerCpuMap<u32, Counts>,
    seen: Vec<PerCpu<Counts>>,
    sets: Sets,
    events: Option<Events>,
    /// What is in the map of sockets under the queue of a test run.
    behind: Option<Behind>,
    sockets: Option<Sockets>,
    /// Last, so that all else has been given up when it looks.
    _watch: Watch,
}

impl Engine {
    /// Compiles and loads a policy; its text and its program must be good.
    pub fn load(kernel: &Kernel, text: &str, target: Target) -> Self {
        match Self::try_load(kernel, text, target) {
            Ok(engine) => engine,
            Err(error) => panic!("{error}\n{}\nof {target:?}:\n{text}", log_of(&error)),
        }
    }

    /// Compiles and loads a policy; its text must be good.
    pub fn try_load(kernel: &Kernel, text: &str, target: Target) -> Result<Self, LoadError> {
        Self::try_load_beside(kernel, text, target, Tenure::Standing.into())
    }

    /// The same with other programs beside it: where it has a slot, one stands in it.
    pub fn try_load_beside(
        _: &Kernel,
        text: &str,
        target: Target,
        neighbours: Neighbours,
    ) -> Result<Self, LoadError> {
        let policy = parse(text).unwrap_or_else(|errors| panic!("{errors:?}\nof:\n{text}"));
        let artifact = compile_as(&policy, target, neighbours);
        let artifact = artifact.unwrap_or_else(|e| panic!("{e}\nof:\n{text}"));
        let image = artifact.program.encode(target.isa).expect("a program can be encoded");
        let create = |decl| MapHandle::create(decl).unwrap_or_else(|error| panic!("{error}"));
        let maps: Vec<MapHandle> = image.maps.iter().map(create).collect();
        let buffers = match target.buffers {
            Buffers::Single => palisade_loader::Buffers::Single,
            Buffers::Multi => palisade_loader::Buffers::Multi,
        };
        let options = LoadOptions { name: "palisade_test", license: c"Dual MIT/GPL", buffers };
        let btf = ProgramBtf::new(&image, "test.pal", ByteOrder::HOST).expect("small");
        let program = Program::load_described(&image, &maps, &options, &btf)?;
        let counters = PerCpuMap::new(map_named(&maps, COUNTERS)).expect("the counters' shape");
        let none = PerCpu::of([0, 0]).expect("the CPUs are known");
        let seen = vec![none; artifact.rows.len() * 2];
        let (sets, events) = (Sets::default(), Events::of(&maps));
        let behind = Behind::of(&maps, buffers);
        let sockets = policy.delivers().then(|| Sockets::of(map_named(&maps, SOCKETS)));
        let _watch = Watch::new(objects(&program, &maps));
        let engine = Self {
            policy,
            artifact,
            image,
            maps,
            program,
            counters,
            seen,
            sets,
            events,
            behind,
            sockets,
            _watch,
        };
        engine.set_clock();
        engine.fill_outlets();
        for filling in &engine.artifact.fillings {
            engine.maps[filling.map].fill(&filling.entries).unwrap_or_else(|e| panic!("{e}"));
        }
        Ok(engine)
    }

    /// The program as bytes.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The program in the kernel.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The slot for a program behind; the policy must be compiled with one.
    pub fn slot(&self) -> MapHandle {
        map_named(&self.maps, SLOT)
    }

    /// The rows of the counters.
    pub fn rows(&self) -> &[Row] {
        &self.artifact.rows
    }

    /// Puts one frame to the program.
    pub fn run(&mut self, frame: &[u8]) -> Result<Outcome, Fault> {
        self.burst(frame, 1)
    }

    /// Puts a frame to the program so many times, on one CPU and without a pause.
    /// A change is made once each time, to what the time before has left.
    pub fn burst(&mut self, frame: &[u8], times: u32) -> Result<Outcome, Fault> {
        let (verdict, back) = self.test_run(frame, times)?;
        let before = self.seen.clone();
        let grown = self.grown();
        let sums = [u64::from(times), frame.len() as u64];
        let turn = |row: usize| turn(&before[row], &self.seen[row]);
        let outcome = Outcome::of(verdict, &self.artifact.rows, grown, sums, turn)?;
        self.behind.as_ref().map_or(Ok(()), |behind| behind.got(verdict, times))?;
        unrouted(outcome).with_frame(frame, times, back)
    }

    fn test_run(&self, frame: &[u8], times: u32) -> Result<(Verdict, Vec<u8>), Fault> {
        let run = TestRun { packet: frame, repeat: times, ingress: None };
        let result = self.program.test_run(&run).map_err(Fault::Refused)?;
        Ok((Outcome::verdict_of(result.retval)?, result.packet))
    }

    /// The verdict on a frame, which must come back as it was or as some rule changes it; counted,
    /// but not looked at here.
    pub fn verdict(&self, frame: &[u8]) -> Result<Verdict, Fault> {
        let (verdict, back) = self.test_run(frame, 1)?;
        let mut changes = self.artifact.rows.iter().filter_map(|row| row.change.as_ref());
        let is_by = |change: &Change| {
            (0..change.turns()).any(|turn| changed(change, frame, &Given::behind(turn)) == back)
        };
        if back == frame || changes.any(is_by) {
            return Ok(verdict);
        }
        Err(Fault::Changed(back))
    }

    /// The verdict on a frame that must be counted in these rows, the deciding one first, and leave
    /// as `out` says by how many packets that one had counted before; whether others have grown too
    /// is left for [`Engine::grown`] to tell.
    pub fn verdict_in<'a>(
        &mut self,
        frame: &[u8],
        rows: &[usize],
        out: impl FnOnce(u64) -> &'a [u8],
    ) -> Result<Verdict, Fault> {
        let (verdict, back) = self.test_run(frame, 1)?;
        let (mut wrong, mut turns) = (Vec::new(), Vec::new());
        for row in rows {
            let key = u32::try_from(*row).expect("few rows");
            let now = self.counters.get(&key).expect("the counters can be read");
            let now = now.expect("every row has counters");
            let before = std::mem::replace(&mut self.seen[*row], now);
            let by = by(&before, &self.seen[*row]);
            turns.push(turn(&before, &self.seen[*row]));
            if by != [1, frame.len() as u64] {
                wrong.push((*row, by));
            }
        }
        if !wrong.is_empty() {
            return Err(Fault::Counted(wrong));
        }
        if back == out(turns.first().copied().unwrap_or_default()) {
            Ok(verdict)
        } else {
            Err(Fault::Changed(back))
        }
    }

    /// The rows that have grown since the last look, and by how much.
    pub fn grown(&mut self) -> Vec<(usize, Counts)> {
        let now = self.counters.get_all().expect("the counters can be read");
        let before = std::mem::replace(&mut self.seen, now);
        let rows = before.iter().zip(&self.seen).enumerate();
        rows.filter(|(_, (before, now))| before != now)
            .map(|(at, (before, now))| (at, by(before, now)))
            .collect()
    }

    /// Switches the mode of the running program.
    pub fn set_mode(&self, mode: Mode) {
        let map = self.map::<u32, [u64; 3]>(CONTROL);
        let now = map.get(&0).expect("the control can be read").expect("an array has its cells");
        let control = Control { mode: mode.code().into(), ..Control::from_words(now) };
        map.insert(&0, &control.words(), Insert::Any).expect("one cell");
    }

    /// Tells the program what time it is.
    fn set_clock(&self) {
        let Ticks { first, length } = Ticks::measure().expect("ticks are counted");
        let control =
            Control { mode: Mode::Enforce.code().into(), first_tick: first, tick: length };
        let map = self.map::<u32, [u64; 3]>(CONTROL);
        map.insert(&0, &control.words(), Insert::Any).expect("one cell");
    }

    /// Every name of an interface is that of the loopback, for a test run sends nothing.
    fn fill_outlets(&self) {
        if self.policy.outlets().is_empty() {
            return;
        }
        let map = self.map::<u32, u32>(DEVICES);
        for (key, _) in (0..).zip(self.policy.outlets()) {
            map.insert(&key, &LOOPBACK, Insert::Any).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// Says whether somebody receives what is delivered from the first queue.
    pub fn set_receiver(&self, receiver: Receiver) {
        if let Some(sockets) = &self.sockets {
            sockets.set(receiver);
        }
    }

    fn map<K: Wire, V: Wire>(&self, name: &str) -> Map<K, V> {
        Map::new(map_named(&self.maps, name)).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Runs for Engine {
    fn run(&mut self, frame: &[u8]) -> Result<Outcome, Fault> {
        self.burst(frame, 1)
    }

    fn told(&mut self, least: usize) -> Told {
        Engine::told(self, least)
    }

    fn switch(&mut self, mode: Mode) {
        self.set_mode(mode);
    }
}

/// An outcome with what the kernel's routes said, as far as its row tells.
fn unrouted(outcome: Outcome) -> Outcome {
    let answer = match (outcome.row.decider, outcome.row.verdict) {
        (Decider::Unrouted(_), Some(Verdict::Drop)) => 1,
        (Decider::Unrouted(_), _) => NOT_FORWARDING.answer,
        _ => return outcome,
    };
    let given = Given { fib: Fib { answer, ..outcome.given.fib }, ..outcome.given };
    Outcome { given, ..outcome }
}

/// By how much a row has grown.
fn by(before: &PerCpu<Counts>, now: &PerCpu<Counts>) -> Counts {
    let (before, now) = (before.sum(), now.sum());
    [now[0] - before[0], now[1] - before[1]]
}

/// How many packets a row had counted on the CPU on which it has grown.
fn turn(before: &PerCpu<Counts>, now: &PerCpu<Counts>) -> u64 {
    let grown = before.iter().zip(now.iter()).find(|(before, now)| before != now);
    grown.map_or(0, |(before, _)| before[0])
}

/// The bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A program and its maps by their numbers.
fn objects(program: &Program, maps: &[MapHandle]) -> Objects {
    let program = program.info().expect("the kernel tells of a program");
    let maps = maps.iter().map(|map| map.info().expect("the kernel tells of a map"));
    let maps = maps.map(|map| (ObjectId { kind: ObjectKind::Map, id: map.id }, map.name));
    let id = ObjectId { kind: ObjectKind::Program, id: program.id };
    maps.chain([(id, program.name)]).collect()
}

fn map_named(maps: &[MapHandle], name: &str) -> MapHandle {
    let map = maps.iter().find(|map| map.name() == name);
    map.unwrap_or_else(|| panic!("no map is called `{name}`")).try_clone().expect("a descriptor")
}

fn log_of(error: &LoadError) -> String {
    error.log().map(|log| log.lines().collect::<Vec<_>>().join("\n")).unwrap_or_default()
}
