//! How the pins of a policy change: prepared aside, then moved into place, so that a kill at any
//! point leaves something that the next command can finish or discard.
//!
//! A change:
//! 1. `next:` is filled: the maps that are new, `meta`, below `before` what the policy in force
//!    uses, where a return to it shall be possible, and last the program.
//! 2. The program is attached in the place of the old one.
//! 3. `next:` is renamed to `commit:`: from here on there is no way back.
//! 4. What `old:` has kept goes, and `before` becomes `old:`. The pins move from `commit:` to their
//!    places, the program last; what the new policy does not use is unlinked; `commit:` is removed.
//!
//! A return to the policy before:
//! 1. `old:` is renamed to `back:`.
//! 2. Its program is attached in the place of the one in force.
//! 3. `back:` is renamed to `commit:`, and the pins move as above; there is nothing older to keep.
//!
//! Whoever takes the lock to write puts right what a killed command has left: a `commit:` that is
//! found is moved on; a `next:` is committed if its program is attached somewhere, and removed
//! otherwise; a return is gone on with if its program is attached somewhere, and forgotten
//! otherwise. A program in the slot of another policy is attached there (`fronts.rs`).
//!
//! A trial that has ended unconfirmed is undone likewise. Its program is either in force, with the
//! one before under `old:`, for that moved before the program did; or still in `next:`, with the one
//! before in its place. The kernel goes back by the maps of the trial's own program, which are pinned
//! before that program is attached anywhere and unlinked only when it is attached nowhere: so it does
//! whatever befalls the tool.

use std::path::Path;
use std::time::Duration;

use palisade_filter::Name;
use palisade_loader::{Access, Locked, MapHandle, PinDir, PinError, Program};

use super::before;
use super::exchange::Change;
use super::fronts::is_called;
use super::home::PolicyDir;
use super::in_force::Running;
use super::meta::Meta;
use super::outlets::Missing;
use super::pins::{BACK, COMMIT, MAPS, META, NEXT, OLD, PROGRAM, STAGED_BEFORE};
use super::trial::{Deadline, Found, Trial};
use crate::failure::{Failure, Outcome};

/// The pins of a program that is about to be attached.
pub struct Staged<'a> {
    at: &'a PolicyDir,
}

/// What is pinned for a program.
pub struct Pins<'a> {
    /// Its maps that are new.
    pub maps: &'a [&'a MapHandle],
    /// What later commands need to know.
    pub meta: &'a MapHandle,
    /// The program.
    pub program: &'a Program,
    /// The policy that a return shall lead to; `None` leaves what is kept as it is.
    pub before: Option<&'a Running<'a>>,
}

impl<'a> Staged<'a> {
    /// Pins the new maps, `meta` and the program aside, and the policy before besides.
    pub fn stage(at: &'a PolicyDir, pins: &Pins<'_>) -> Outcome<Self> {
        let staged = Self { at };
        match staged.fill(pins) {
            Ok(()) => Ok(staged),
            Err(failure) => {
                // What is left of it now, the next command removes.
                let _ = staged.discard();
                Err(failure)
            }
        }
    }

    fn fill(&self, pins: &Pins<'_>) -> Outcome {
        let next = self.at.dir.create_subdir(NEXT, Access::Owner)?;
        let next_maps = next.create_subdir(MAPS, Access::Owner)?;
        for map in pins.maps {
            map.pin(&next_maps, map.name())?;
        }
        pins.meta.pin(&next, META)?;
        if let Some(running) = pins.before {
            before::keep(running, &next, STAGED_BEFORE)?;
        }
        Ok(pins.program.pin(&next, PROGRAM)?)
    }

    /// Moves the pins into place.
    pub fn publish(self) -> Outcome {
        self.at.dir.rename(NEXT, &self.at.dir, COMMIT)?;
        finish(self.at)
    }

    /// Removes them again.
    pub fn discard(self) -> Outcome {
        Ok(self.at.dir.remove_tree(NEXT)?)
    }
}

/// Moves the pins of a return into place; its program is attached already.
pub fn publish_return(at: &PolicyDir) -> Outcome {
    at.dir.rename(BACK, &at.dir, COMMIT)?;
    finish(at)
}

/// Gives the maps of sets, and the directories on the way to them, to a group.
pub fn share(at: &PolicyDir, access: Access) -> Outcome {
    let maps = at.maps()?;
    for name in maps.names()?.iter().filter(|name| !name.starts_with('_')) {
        maps.set_access(name, access)?;
    }
    at.dir.set_access(MAPS, access)?;
    at.share(access)
}

/// A policy's directory, to write: nothing below changes under the caller's hands.
pub struct Writing {
    /// The directory.
    pub at: PolicyDir,
    /// How long ago a trial ended unconfirmed that has been undone just now.
    pub undone: Option<Duration>,
    /// The lock, for as long as this lives.
    _lock: Locked,
}

/// The directory of the policy that is in force, to write: locked, and its pins put right.
pub fn to_write(bpffs: &Path, name: &Name) -> Outcome<(PolicyDir, Locked)> {
    let (at, lock) = PolicyDir::locked(bpffs, name)?;
    recover(&at)?;
    Ok((at, lock))
}

/// The same, told what has been put right.
pub fn to_change(bpffs: &Path, name: &Name) -> Outcome<Writing> {
    let (at, lock) = PolicyDir::locked(bpffs, name)?;
    let undone = recover(&at)?;
    Ok(Writing { at, undone, _lock: lock })
}

/// The same for a policy that may not be there yet: its directory is made.
pub fn to_make(bpffs: &Path, name: &Name) -> Outcome<(PolicyDir, Locked)> {
    let (at, lock) = PolicyDir::made_and_locked(bpffs, name)?;
    at.refuse_object()?;
    recover(&at)?;
    Ok((at, lock))
}

/// A trial that ended so long ago, in words.
pub fn tell_undone(since: Duration) -> String {
    format!(
        "the trial ended unconfirmed {} s ago; the policy before is in force again",
        since.as_secs()
    )
}

/// Puts right what a killed command, or a trial, has left; tells how long ago a trial ended that is
/// undone by this. The caller holds the lock.
fn recover(at: &PolicyDir) -> Outcome<Option<Duration>> {
    let name = &at.name;
    let undone = go_on(at).map_err(|failure| {
        failure.because(format!(
            "a change of the policy `{name}` was cut short and cannot be finished"
        ))
    })?;
    if undone.is_some() {
        return Ok(undone);
    }
    let over = over(at.deadline()?).map_err(|failure| {
        failure.because(format!("the policy `{name}` is on trial, which its owner has to end"))
    })?;
    go_back(at, over).map_err(|failure| {
        failure.because(format!("the policy `{name}` has to return, and cannot"))
    })
}

/// Goes on with a change that was cut short.
fn go_on(at: &PolicyDir) -> Outcome<Option<Duration>> {
    if at.dir.subdir(COMMIT)?.is_some() {
        finish(at)?;
    } else if let Some(next) = at.dir.subdir(NEXT)? {
        return settle(at, &next);
    }
    Ok(None)
}

/// Undoes a trial that is over, and goes on with a return that was cut short.
fn go_back(at: &PolicyDir, over: Option<Duration>) -> Outcome<Option<Duration>> {
    let returning = at.dir.subdir(BACK)?.is_some();
    // What is kept is for the owner alone to open, and seldom wanted.
    if over.is_none() && !returning {
        return Ok(None);
    }
    let Some((kept, program)) = before::kept(at)? else { return Ok(None) };
    if over.is_some() || is_called(at, &program)? {
        Meta::open(&kept)?.of_this_namespace(&at.name)?;
        before::go_back(at, Missing::Lost)?;
    } else {
        at.dir.rename(BACK, &at.dir, OLD)?;
    }
    Ok(over)
}

/// A change that was cut short before its commit: made, or taken back if nothing carries its
/// program, or if it was on trial and its time is over.
fn settle(at: &PolicyDir, next: &PinDir) -> Outcome<Option<Duration>> {
    let program = match Program::open(next, PROGRAM) {
        Ok(program) => program,
        Err(PinError::Missing { .. }) => {
            at.dir.remove_tree(NEXT)?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    Meta::open(next)?.of_this_namespace(&at.name)?;
    if !is_called(at, &program)? {
        at.dir.remove_tree(NEXT)?;
        return Ok(None);
    }
    let old = at.program()?;
    let deadline = match next.subdir(MAPS)? {
        Some(maps) => Deadline::find(&maps, || Ok(Some(program.try_clone().map_err(lost)?)))?,
        None => Found::None,
    };
    if let (Some(since), Some(old)) = (over(deadline)?, &old) {
        Change::new(at, Some(&program), old).replace_all()?;
        at.dir.remove_tree(NEXT)?;
        return Ok(Some(since));
    }
    if let Some(old) = old {
        Change::new(at, Some(&old), &program).replace_all()?;
    }
    at.dir.rename(NEXT, &at.dir, COMMIT)?;
    finish(at)?;
    Ok(None)
}

fn lost(errno: palisade_loader::Errno) -> Failure {
    Failure::refused(format!("cannot open the program again: {errno}"))
}

/// How long ago the trial ended, if it did.
fn over(deadline: Found) -> Outcome<Option<Duration>> {
    match deadline {
        Found::None => Ok(None),
        Found::Trial(deadline) => Ok(match deadline.trial()? {
            Trial::Over { since } => Some(since),
            Trial::On { .. } | Trial::Confirmed => None,
        }),
        Found::Closed => Err(Failure::refused(
            "whether the time of a trial is over is for the owner of the policy to see",
        )
        .note("help", "its sets can be edited again once it is confirmed or rolled back; confirm and rollback are the owner's")),
    }
}

/// Moves every pin of `commit:` to its place, and unlinks what the policy does not use.
fn finish(at: &PolicyDir) -> Outcome {
    let Some(commit) = at.dir.subdir(COMMIT)? else { return Ok(()) };
    if commit.subdir(STAGED_BEFORE)?.is_some() {
        before::forget(at)?;
        commit.rename(STAGED_BEFORE, &at.dir, OLD)?;
    }
    let maps = at.dir.ensure_subdir(MAPS, Access::Owner)?;
    if let Some(new_maps) = commit.subdir(MAPS)? {
        for name in new_maps.names()? {
            new_maps.rename(&name, &maps, &name)?;
        }
        commit.remove_subdir(MAPS)?;
    }
    for pin in [META, PROGRAM] {
        match commit.rename(pin, &at.dir, pin) {
            Ok(()) | Err(PinError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(running) = Running::open(at)? {
        running.unlink_unused(&maps)?;
    }
    share(at, at.dir.access()?)?;
    Ok(at.dir.remove_subdir(COMMIT)?)
}
