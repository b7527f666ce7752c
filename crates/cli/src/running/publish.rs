//! How the pins of a policy change: prepared aside, then moved into place, so that a kill at any
//! point leaves something that the next command can finish or discard.
//!
//! 1. `next/` is filled: the maps that are new, `meta`, and last the program.
//! 2. The program is attached in the place of the old one.
//! 3. `next/` is renamed to `commit/`: from here on there is no way back.
//! 4. The pins move from `commit/` to their places, the program last; `commit/` is removed.
//!
//! A `commit/` that is found is moved on. A `next/` that is found is committed if its program is
//! attached somewhere, and removed otherwise.

use palisade_loader::xdp::{self, Expect};
use palisade_loader::{Access, Link, MapHandle, PinDir, PinError, Program};

use super::home::{MAPS, PROGRAM, PolicyDir, interfaces_of, program_id};
use super::meta;
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
        let next = at.dir.create_subdir(NEXT, Access::Owner)?;
        let next_maps = next.create_subdir(MAPS, Access::Owner)?;
        for map in maps {
            map.pin(&next_maps, map.name())?;
        }
        meta.pin(&next, meta::PIN)?;
        program.pin(&next, PROGRAM)?;
        Ok(Self { at })
    }

    /// Moves the pins into place. `keep` are the names of all maps of the program: the others go.
    pub fn publish(self, keep: &[String], access: Access) -> Outcome {
        self.at.dir.rename(NEXT, &self.at.dir, COMMIT)?;
        finish(self.at)?;
        let maps = self.at.maps()?;
        for name in maps.names()? {
            if !keep.contains(&name) {
                maps.unlink(&name)?;
            }
        }
        share(self.at, access)
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

/// Puts right what a killed command has left. The caller holds the lock.
pub fn recover(at: &PolicyDir) -> Outcome {
    if at.dir.subdir(COMMIT)?.is_some() {
        return finish(at);
    }
    let Some(next) = at.dir.subdir(NEXT)? else { return Ok(()) };
    let program = match Program::open(&next, PROGRAM) {
        Ok(program) => program,
        Err(PinError::Missing { .. }) => return Ok(at.dir.remove_tree(NEXT)?),
        Err(error) => return Err(error.into()),
    };
    if interfaces_of(program_id(&program)?)?.is_empty() {
        return Ok(at.dir.remove_tree(NEXT)?);
    }
    if let Some(old) = at.program()? {
        for link in interfaces_of(program_id(&old)?)? {
            replace(&link, &old, &program)?;
        }
    }
    at.dir.rename(NEXT, &at.dir, COMMIT)?;
    finish(at)
}

/// Replaces the old program by the new one on an interface, in the mode it is attached in.
pub fn replace(link: &Link, old: &Program, new: &Program) -> Outcome {
    if let Some(attached) = link.xdp {
        xdp::attach(link.index, new, attached.mode, Expect::program(old))?;
    }
    Ok(())
}

/// Moves every pin of `commit/` to its place.
fn finish(at: &PolicyDir) -> Outcome {
    let Some(commit) = at.dir.subdir(COMMIT)? else { return Ok(()) };
    let maps = at.dir.ensure_subdir(MAPS, Access::Owner)?;
    if let Some(new_maps) = commit.subdir(MAPS)? {
        move_all(&new_maps, &maps)?;
        commit.remove_subdir(MAPS)?;
    }
    for pin in [meta::PIN, PROGRAM] {
        match commit.rename(pin, &at.dir, pin) {
            Ok(()) | Err(PinError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(at.dir.remove_subdir(COMMIT)?)
}

fn move_all(from: &PinDir, to: &PinDir) -> Outcome {
    for name in from.names()? {
        from.rename(&name, to, &name)?;
    }
    Ok(())
}
