//! Looking at a policy that may be changed meanwhile: what is seen is of one policy, and not half of
//! another.
//!
//! Whoever looks takes no lock: a stuck editor hides no policy, and no reader keeps an editor
//! waiting. The pins of a change move into place one by one, the program last, while the directory
//! of the change stands beside them. So a look is believed where no such directory stood there
//! before it, nor after it, and the program's pin and what is prepared are still the same. Else it is
//! taken again, some times: what a killed command has left stays until somebody writes, and is shown
//! as it is.

use std::cell::Cell;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use palisade_filter::Name;

use super::home::PolicyDir;
use super::pins::{BACK, COMMIT, NEXT, PROGRAM};
use crate::args::Global;
use crate::failure::{Failure, Outcome};

/// How often a look is taken again, and how long after the one before.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// A look at a policy.
pub struct Look<'a> {
    global: &'a Global,
    /// The pins when it began.
    pins: Pins,
    /// Whether no other one follows.
    last: bool,
    believed: Cell<bool>,
}

/// What tells whether pins have changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pins {
    program: Option<u64>,
    /// Interfaces may get the program of a change from when it is prepared.
    next: Option<u64>,
    changing: bool,
}

impl Pins {
    fn of(at: &PolicyDir) -> Outcome<Self> {
        let number = |name| at.dir.number(name);
        let changing = number(COMMIT)?.is_some() || number(BACK)?.is_some();
        Ok(Self { program: number(PROGRAM)?, next: number(NEXT)?, changing })
    }

    /// The pins of a policy now, if it is there still.
    fn now(bpffs: &Path, name: &Name) -> Outcome<Option<Self>> {
        PolicyDir::find(bpffs, name)?.as_ref().map(Self::of).transpose()
    }
}

impl Look<'_> {
    /// Passes where what was seen so far is of one policy; from then on it is not asked again.
    /// Nothing may be shown before.
    pub fn confirm(&self) -> Outcome {
        if self.is_believed()? {
            return Ok(());
        }
        Err(Failure::refused("the policy was changed while it was looked at"))
    }

    fn is_believed(&self) -> Outcome<bool> {
        if !self.believed.get() {
            let now = Pins::now(&self.global.bpffs, &self.global.policy_name)?;
            self.believed.set(self.last || !self.pins.changing && now == Some(self.pins));
        }
        Ok(self.believed.get())
    }
}

/// Looks at the policy that is in force; an error if there is none. What `see` does is done again
/// when the policy was changed meanwhile.
pub fn look<T>(
    global: &Global,
    mut see: impl FnMut(&PolicyDir, &Look<'_>) -> Outcome<T>,
) -> Outcome<T> {
    let mut left = TRIES;
    loop {
        let found = PolicyDir::found(&global.bpffs, &global.policy_name)?;
        let pins = Pins::of(&found)?;
        let look = Look { global, pins, last: left == 0, believed: Cell::new(false) };
        let seen = found.in_force().and_then(|at| see(&at, &look));
        if look.is_believed()? {
            return seen;
        }
        left -= 1;
        sleep(PAUSE);
    }
}
