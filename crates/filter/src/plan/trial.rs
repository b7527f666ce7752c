//! What a program on trial has besides: a deadline, and the program that takes over behind it.
//!
//! Both maps belong to one trial alone. Past its deadline the program calls the one before it as its
//! tail, for every packet, so that no process has to live for the policy to be undone.

use palisade_asm::btf::{Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

/// The name of the map with the deadline: one `u64` of the machine, a time of `CLOCK_MONOTONIC` in
/// nanoseconds; 0 once the policy was confirmed.
pub const DEADLINE: &str = "_deadline";
/// The name of the map with the program before: slot 0 of an array of programs.
pub const BEFORE: &str = "_before";

/// Whether a program stays, or is on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It stays.
    Standing,
    /// It is undone unless it is confirmed in time.
    OnTrial,
}

impl Tenure {
    /// The maps that it needs: the deadline, then the program before.
    pub fn maps(self) -> Vec<MapDecl> {
        let one = |name: &str, kind, value_size| MapDecl {
            name: name.to_owned(),
            kind,
            key_size: 4,
            value_size,
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        match self {
            Self::Standing => Vec::new(),
            Self::OnTrial => {
                vec![one(DEADLINE, MapKind::Array, 8), one(BEFORE, MapKind::ProgArray, 4)]
            }
        }
    }

    /// What those maps hold; of programs there is nothing to say.
    pub fn layouts(self) -> Vec<Option<MapLayout>> {
        match self {
            Self::Standing => Vec::new(),
            Self::OnTrial => {
                let deadline = Layout::fields("deadline", [("deadline", Layout::U64)]);
                vec![Some(MapLayout::array(deadline)), None]
            }
        }
    }
}
