//! What comes behind a program: the stack, or first another program, which stands in a slot.
//!
//! The slot is the only one of an array of programs. Whoever may write to the array puts a program
//! there, exchanges it or takes it out, while packets come; to an empty slot no packet goes.

use palisade_asm::btf::MapLayout;
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::Tenure;

/// The name of the map with the program behind: slot 0 of an array of programs.
pub const SLOT: &str = "_next";

/// Where packets go that pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To the stack.
    Stack,
    /// To the program in the slot; to the stack where there is none.
    Slot,
}

impl Next {
    /// The map that it needs, if any.
    pub fn map(self) -> Option<MapDecl> {
        match self {
            Self::Stack => None,
            Self::Slot => Some(MapDecl {
                name: SLOT.to_owned(),
                kind: MapKind::ProgArray,
                key_size: 4,
                value_size: 4,
                max_entries: 1,
                flags: MapFlags::NONE,
            }),
        }
    }
}

/// The programs beside one of ours that it hands packets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// Whether the one before it takes over again.
    pub tenure: Tenure,
    /// Where goes what passes.
    pub next: Next,
}

impl Neighbours {
    /// All that a program may have, those without the slot first.
    pub const ALL: [Self; 4] = [
        Self { tenure: Tenure::Standing, next: Next::Stack },
        Self { tenure: Tenure::OnTrial, next: Next::Stack },
        Self { tenure: Tenure::Standing, next: Next::Slot },
        Self { tenure: Tenure::OnTrial, next: Next::Slot },
    ];

    /// The maps that they need: those of a trial, then the slot.
    pub fn maps(self) -> Vec<MapDecl> {
        self.tenure.maps().into_iter().chain(self.next.map()).collect()
    }

    /// What those maps hold; of programs there is nothing to say.
    pub fn layouts(self) -> Vec<Option<MapLayout>> {
        self.tenure.layouts().into_iter().chain(self.next.map().map(|_| None)).collect()
    }
}

/// Behind such a program comes the stack.
impl From<Tenure> for Neighbours {
    fn from(tenure: Tenure) -> Self {
        Self { tenure, next: Next::Stack }
    }
}
