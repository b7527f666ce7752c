//! The time that programs and user space share: `CLOCK_MONOTONIC`, and the kernel's tick counter.
//!
//! A program reads the tick counter for nothing where a clock would cost it tens of nanoseconds.
//! Counter and clock both stand still while the machine is suspended. What [`Ticks`] makes of the
//! counter is never later than the clock, and earlier by a few ticks at most.

use std::time::Duration;

use nix::time::{ClockId, clock_getres, clock_gettime};
use palisade_asm::{
    AsmError, Assembler, EncodeError, Helper, Isa, MapDecl, MapFlags, MapKind, R0, R1, Size,
};

use crate::Errno;
use crate::map::{Map, MapError, MapHandle};
use crate::program::{Buffers, LoadError, LoadOptions, Program, TestRun};

/// How often the counter is read: a tick that is late once is not late every time.
const READINGS: usize = 4;

/// Why the counter could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// A clock did not tell.
    #[error("cannot read the clock: {errno}")]
    Clock {
        /// What the kernel said.
        errno: Errno,
    },
    /// The program that reads the counter did not run.
    #[error("cannot run the program that reads the kernel's tick counter: {errno}")]
    Run {
        /// What the kernel said.
        errno: Errno,
    },
    /// That program was not accepted.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its map was not made or not read.
    #[error(transparent)]
    Map(#[from] MapError),
    /// It cannot be assembled.
    #[error(transparent)]
    Assemble(#[from] AsmError),
    /// It cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// `CLOCK_MONOTONIC`: the time since the machine started, without that in suspend.
pub fn monotonic() -> Result<Duration, Errno> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC).map_err(errno)?.into())
}

/// By how much `CLOCK_REALTIME` is ahead of `CLOCK_MONOTONIC` now; that changes when the wall clock
/// is set.
pub fn wall_ahead() -> Result<Duration, Errno> {
    let wall = clock_gettime(ClockId::CLOCK_REALTIME).map_err(errno)?;
    Ok(Duration::from(wall).saturating_sub(monotonic()?))
}

fn errno(errno: nix::errno::Errno) -> Errno {
    Errno::from_io(&errno.into())
}

/// How the tick counter, `bpf_jiffies64`, becomes a time of `CLOCK_MONOTONIC`:
/// `(counter - first) * length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// The counter when the clock was zero.
    pub first: u64,
    /// The length of a tick in nanoseconds.
    pub length: u64,
}

impl Ticks {
    /// Measures both, by a program that reads the counter; it takes the right to load programs.
    pub fn measure() -> Result<Self, ClockError> {
        let refused = |errno| ClockError::Clock { errno };
        let length =
            clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).map_err(errno).map_err(refused)?;
        let length = nanoseconds(length.into()).max(1);
        let counter = Counter::new()?;
        let mut first = 0;
        for _ in 0..READINGS {
            let before = nanoseconds(monotonic().map_err(refused)?);
            // The counter's last step may be a whole tick older than the reading of the clock.
            let steps = (before / length).saturating_sub(1);
            first = first.max(counter.read()?.saturating_sub(steps));
        }
        Ok(Self { first, length })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A program that stores the counter in a map.
struct Counter {
    program: Program,
    value: Map<u32, u64>,
}

impl Counter {
    fn new() -> Result<Self, ClockError> {
        let decl = MapDecl {
            name: "ticks".to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        let value = MapHandle::create(&decl)?;
        let mut a = Assembler::new();
        let map = a.map(decl);
        a.call(Helper::JIFFIES64).load_map_value(R1, map, 0).store(Size::D, R1 + 0, R0);
        a.mov(R0, 0).exit();
        let image = a.finish()?.encode(Isa::V1)?;
        let options = LoadOptions { name: "ticks", license: c"GPL", buffers: Buffers::Single };
        let program = Program::load(&image, &[value.try_clone()?], &options)?;
        Ok(Self { program, value: Map::new(value)? })
    }

    fn read(&self) -> Result<u64, ClockError> {
        let run = TestRun { packet: &[0; 64], repeat: 1, ingress: None };
        self.program.test_run(&run).map_err(|errno| ClockError::Run { errno })?;
        Ok(self.value.get(&0)?.unwrap_or(0))
    }
}
