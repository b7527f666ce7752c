//! The trial of a policy: its deadline, and what has become of it.
//!
//! The deadline is one word of a map that the program on trial reads for every packet. Past it the
//! program hands every packet to the one before it, with nobody's help; a zero there is what
//! confirms the policy, for good. So the word alone tells how a trial stands, to the kernel and to
//! every command alike. The program reads the time by ticks, a few of which it may be late: from
//! the deadline on nothing is confirmed any more.

use std::time::{Duration, SystemTime};

use palisade_filter::plan::DEADLINE;
use palisade_loader::{Errno, Insert, Map, MapError, MapHandle, PinDir, PinError, Program};

use super::program::map_ids;
use super::set::monotonic;
use crate::failure::Outcome;

/// How a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It goes on for so long.
    On {
        /// What is left.
        left: Duration,
    },
    /// The policy was confirmed; its program has yet to be replaced by one that does not ask.
    Confirmed,
    /// It ended unconfirmed: the kernel has gone back to the policy before.
    Over {
        /// How long ago.
        since: Duration,
    },
}

/// Whether a program is on trial.
pub enum Found {
    /// It is not.
    None,
    /// It is, or was.
    Trial(Deadline),
    /// The caller may not ask.
    Closed,
}

/// The deadline of a trial.
pub struct Deadline {
    map: Map<u32, u64>,
}

impl Deadline {
    /// The deadline of the program whose maps are pinned in `maps`. A map of that name that the
    /// program does not use belongs to one that is not in force yet, or not any more.
    pub fn find(
        maps: &PinDir,
        program: impl FnOnce() -> Outcome<Option<Program>>,
    ) -> Outcome<Found> {
        let handle = match MapHandle::open(maps, DEADLINE) {
            Ok(handle) => handle,
            Err(MapError::Pin(PinError::Missing { .. })) => return Ok(Found::None),
            Err(MapError::Pin(PinError::Refused {
                errno: Errno::EACCES | Errno::EPERM, ..
            })) => return Ok(Found::Closed),
            Err(error) => return Err(error.into()),
        };
        let Some(program) = program()? else { return Ok(Found::None) };
        if !map_ids(&program)?.contains(&handle.info()?.id) {
            return Ok(Found::None);
        }
        Ok(Found::Trial(Self { map: Map::new(handle)? }))
    }

    /// The deadline in a map that a program on trial is going to use.
    pub fn of(handle: MapHandle) -> Outcome<Self> {
        Ok(Self { map: Map::new(handle)? })
    }

    /// How the trial stands now.
    pub fn trial(&self) -> Outcome<Trial> {
        let deadline = self.map.get(&0)?.unwrap_or(0);
        Ok(match (deadline, monotonic()?) {
            (0, _) => Trial::Confirmed,
            (deadline, now) => {
                let deadline = Duration::from_nanos(deadline);
                match deadline.checked_sub(now) {
                    Some(left) if left > Duration::ZERO => Trial::On { left },
                    _ => Trial::Over { since: now.saturating_sub(deadline) },
                }
            }
        })
    }

    /// Lets the trial end so long from now.
    pub fn set(&self, time: Duration) -> Outcome {
        let end = monotonic()?.saturating_add(time).as_nanos();
        // Zero would confirm at once, and nobody has been asked yet.
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        Ok(self.map.insert(&0, &end, Insert::Any)?)
    }

    /// Confirms the policy: from here on it stays.
    pub fn confirm(&self) -> Outcome {
        Ok(self.map.insert(&0, &0, Insert::Any)?)
    }
}

/// When that was, by the system's clock, in seconds.
pub fn wall_time(since: Duration) -> u64 {
    let then = SystemTime::now().checked_sub(since).unwrap_or(SystemTime::UNIX_EPOCH);
    then.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
