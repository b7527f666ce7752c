//! The control map: what the running program is told from outside, and its clock.
//!
//! One value of three `u64` of the machine: the mode, and what makes a time of the kernel's tick
//! counter. The counter costs nothing to read where a clock costs 20 to 40 ns; as `CLOCK_MONOTONIC`,
//! it stands still while the machine is suspended.

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::Mode;

/// The name of the map.
pub const CONTROL: &str = "_control";

/// The value of the control map. A time of `CLOCK_MONOTONIC` is about
/// `(bpf_jiffies64() - first_tick) * tick`, never later than the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// What the program does with its verdicts: [`Mode::code`].
    pub mode: u64,
    /// The tick counter at the start of `CLOCK_MONOTONIC`.
    pub first_tick: u64,
    /// The length of a tick in nanoseconds.
    pub tick: u64,
}

impl Control {
    /// Where in the value the mode stands.
    pub const MODE: u32 = 0;
    /// Where in the value the first tick stands.
    pub const FIRST_TICK: u32 = 8;
    /// Where in the value the length of a tick stands.
    pub const TICK: u32 = 16;

    /// The map.
    pub fn map() -> MapDecl {
        MapDecl {
            name: CONTROL.to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 24,
            max_entries: 1,
            flags: MapFlags::NONE,
        }
    }

    /// What the map holds.
    pub fn layout() -> MapLayout {
        let fields = ["mode", "first_tick", "tick"].map(|field| (field, Layout::U64));
        MapLayout::array(Layout::fields("control", fields))
    }

    /// As the map holds it.
    pub const fn words(self) -> [u64; 3] {
        [self.mode, self.first_tick, self.tick]
    }

    /// From what the map holds.
    pub const fn from_words([mode, first_tick, tick]: [u64; 3]) -> Self {
        Self { mode, first_tick, tick }
    }

    /// The mode, where it is one.
    pub fn known_mode(self) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| u64::from(mode.code()) == self.mode)
    }
}
