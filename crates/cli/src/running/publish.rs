//! How the pins of a policy change: prepared aside, then moved into place, so that a kill at any
//! point leaves something that the next command can finish or discard.
//!
//! 1. `next/` is filled: the maps that are new, `meta`, and last the program.
//! 2. The program is attached in the place of the old one.
//! 3. `next/` is renamed to `commit/`: from here on there is no way back.
//! 4. The pins move from `commit/` to their places, the program last; what the new policy does not
//!    use is unlinked; `commit/` is removed.
//!
//! Whoever takes the lock to write puts right what a killed command has left: a `commit/` that is
//! found is moved on; a `next/` is committed if its program is attached somewhere, and removed
//! otherwise.

use std::path::Path;

use palisade_filter::{Name, plan};
use palisade_loader::{Access, Locked, MapHandle, PinError, Program};

use super::exchange::Change;
use super::home::{MAPS, PROGRAM, PolicyDir, Running, carriers_of, program_id};
use super::meta::{self, Meta};
use crate::failure::Outcome;

const NEXT: &str = "next:";
const COMMIT: &str = "commit:";

/// The pins of a program that is about to be attached.
pub struct Staged<'a> {
    at: &'a PolicyDir,
}

impl<'a> Staged<'a> {
    /// Pins the new maps, `meta` and the program aside.
    pub fn stage(
        at: &'a PolicyDir,
        maps: &[&MapHandle],
        meta: &MapHandle,
        program: &Program,
    ) -> Outcome<Self> {
        let staged = Self { at };
        match staged.fill(maps, meta, program) {
            Ok(()) => Ok(staged),
            Err(failure) => {
                // What is left of it now, the next command removes.
                let _ = staged.discard();
                Err(failure)
            }
        }
    }

    fn fill(&self, maps: &[&MapHandle], meta: &MapHandle, program: &Program) -> Outcome {
        let next = self.at.dir.create_subdir(NEXT, Access::Owner)?;
        let next_maps = next.create_subdir(MAPS, Access::Owner)?;
        for map in maps {
            map.pin(&next_maps, map.name())?;
        }
        meta.pin(&next, meta::PIN)?;
        Ok(program.pin(&next, PROGRAM)?)
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

/// Gives the maps of sets, and the directories on the way to them, to a group.
pub fn share(at: &PolicyDir, access: Access) -> Outcome {
    let maps = at.maps()?;
    for name in maps.names()?.iter().filter(|name| !name.starts_with('_')) {
        maps.set_access(name, access)?;
    }
    at.dir.set_access(MAPS, access)?;
    at.share(access)
}

/// The directory of the policy that is in force, to write: locked, and its pins put right.
pub fn to_write(bpffs: &Path, name: &Name) -> Outcome<(PolicyDir, Locked)> {
    let (at, lock) = PolicyDir::locked(bpffs, name)?;
    recover(&at)?;
    Ok((at, lock))
}

/// The same for a policy that may not be there yet: its directory is made.
pub fn to_make(bpffs: &Path, name: &Name) -> Outcome<(PolicyDir, Locked)> {
    let (at, lock) = PolicyDir::made_and_locked(bpffs, name)?;
    recover(&at)?;
    Ok((at, lock))
}

/// Puts right what a killed command has left. The caller holds the lock.
fn recover(at: &PolicyDir) -> Outcome {
    put_right(at).map_err(|failure| {
        failure.because(format!(
            "an attach of the policy `{}` was cut short, and cannot be put right",
            at.name
        ))
    })
}

fn put_right(at: &PolicyDir) -> Outcome {
    if at.dir.subdir(COMMIT)?.is_some() {
        return finish(at);
    }
    let Some(next) = at.dir.subdir(NEXT)? else { return Ok(()) };
    let program = match Program::open(&next, PROGRAM) {
        Ok(program) => program,
        Err(PinError::Missing { .. }) => return Ok(at.dir.remove_tree(NEXT)?),
        Err(error) => return Err(error.into()),
    };
    Meta::open(&next)?.of_this_namespace(&at.name)?;
    if carriers_of(program_id(&program)?)?.is_empty() {
        return Ok(at.dir.remove_tree(NEXT)?);
    }
    if let Some(old) = at.program()? {
        Change::new(Some(&old), &program).replace_all()?;
    }
    at.dir.rename(NEXT, &at.dir, COMMIT)?;
    finish(at)
}

/// Moves every pin of `commit/` to its place, and unlinks what the policy does not use.
fn finish(at: &PolicyDir) -> Outcome {
    let Some(commit) = at.dir.subdir(COMMIT)? else { return Ok(()) };
    let maps = at.dir.ensure_subdir(MAPS, Access::Owner)?;
    if let Some(new_maps) = commit.subdir(MAPS)? {
        for name in new_maps.names()? {
            new_maps.rename(&name, &maps, &name)?;
        }
        commit.remove_subdir(MAPS)?;
    }
    for pin in [meta::PIN, PROGRAM] {
        match commit.rename(pin, &at.dir, pin) {
            Ok(()) | Err(PinError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(running) = Running::open(at)? {
        let used = plan::map_names(&running.policy);
        for name in maps.names()?.iter().filter(|name| !used.contains(name)) {
            maps.unlink(name)?;
        }
    }
    share(at, at.dir.access()?)?;
    Ok(at.dir.remove_subdir(COMMIT)?)
}
