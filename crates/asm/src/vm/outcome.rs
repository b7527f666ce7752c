//! What a run leaves behind besides packet and maps.

use super::ProgramId;
use super::world::Fib;

/// A run that came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What the program returned: the lower half of `r0`, as the kernel takes it.
    pub value: u32,
    /// How many instructions were executed.
    pub steps: u64,
    /// The program that came to its end, where tail calls led to another one.
    pub program: ProgramId,
    /// What else it did.
    pub effects: Effects,
}

/// Events and lines that are kept of one run, so that no program fills the memory with them.
pub(super) const MOST_KEPT: usize = 1 << 16;

/// What a program asked of the kernel; of events and lines, the first 65,536.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// Where it wants the packet, if its value says so too.
    pub redirect: Option<Redirect>,
    /// What it handed to perf event arrays.
    pub events: Vec<Event>,
    /// What it printed.
    pub printed: Vec<String>,
    /// What it asked of the kernel's routes: the `struct bpf_fib_lookup` of its last question.
    pub fib: Option<[u8; Fib::SIZE]>,
    /// The flags of that question.
    pub fib_flags: u64,
}

/// Where a packet is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redirect {
    /// An interface.
    Interface {
        /// Its number.
        index: u32,
    },
    /// What a map has under a key.
    Map {
        /// The map, by its place in the store.
        map: usize,
        /// The key.
        key: u64,
        /// The flags that came with it.
        flags: u64,
    },
}

/// A record for a perf event array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The map, by its place in the store.
    pub map: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The bytes of the packet that came with it.
    pub packet: Vec<u8>,
}
