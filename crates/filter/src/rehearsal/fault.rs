//! What no program of ours may do, and why a program is not rehearsed.

use std::fmt;

use palisade_asm::vm::{MapRefusal, MapUnfit, Redirect, Trap};

use super::Hits;
use crate::structure::NotTaken;
use crate::structure::flat::NoRoom;

/// A run that no compiled program may have.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The program does what is not allowed.
    Trap(Box<Trap>),
    /// The result is no verdict.
    Result(u32),
    /// The frame is changed: its bytes now.
    Changed(Vec<u8>),
    /// The frame is not sent where the deciding rule says: where it is sent, if anywhere.
    Sent(Option<Redirect>),
    /// Not one deciding row has grown by the packet: the places of the counters that have grown,
    /// those of shadow behind the others, and by how much.
    Counted(Vec<(usize, Hits)>),
    /// A record is none of ours.
    Reported(Vec<u8>),
    /// Not as many records are there as were counted.
    Tallied {
        /// How many were counted, all in all.
        sent: u64,
        /// How many this run has left.
        records: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(trap) => trap.fmt(f),
            Self::Result(number) => write!(f, "the program returns {number}, which is no verdict"),
            Self::Changed(frame) => write!(f, "the program changes the frame to {frame:02x?}"),
            Self::Sent(None) => {
                f.write_str("the program does not send the frame where its rule says")
            }
            Self::Sent(Some(to)) => write!(f, "the program sends the frame elsewhere: {to:?}"),
            Self::Reported(bytes) => write!(f, "the program reports {bytes:02x?}"),
            Self::Tallied { sent, records } => {
                write!(f, "{sent} records are counted by now, {records} of this run are there")
            }
            Self::Counted(rows) if rows.is_empty() => f.write_str("the packet is counted nowhere"),
            Self::Counted(rows) => {
                f.write_str("not one deciding row counts the packet:")?;
                rows.iter().try_for_each(|(row, [packets, bytes])| {
                    write!(f, " row {row} by {packets} packets and {bytes} bytes")
                })
            }
        }
    }
}

impl std::error::Error for Fault {}

/// Why a program is not ready for frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// The program, the policy and the compiled policy do not declare the same maps.
    #[error("the program does not have the maps of the policy")]
    OtherMaps,
    /// A map is not simulated.
    #[error(transparent)]
    Map(#[from] MapUnfit),
    /// A set does not take an entry.
    #[error(transparent)]
    Entry(#[from] NotTaken),
    /// The entries of a set do not fit into its tables.
    #[error(transparent)]
    Room(#[from] NoRoom),
    /// A map does not take a value.
    #[error("map `{map}`: {why}")]
    Refused {
        /// The map.
        map: String,
        /// Why.
        why: MapRefusal,
    },
}
