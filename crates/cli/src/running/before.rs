//! The policy before: its program, its maps and its `meta`, kept under `old:` until the next change.
//!
//! What is kept are further pins of the same objects. Maps that both policies use are one map under
//! two names, so that what is edited stays edited whichever of the two is in force. A set that the
//! new policy holds in other maps (it is declared larger, or with other entries) is brought up to
//! date before a return: what was added by hand meanwhile is added, what was deleted is deleted.
//!
//! A return is marked before it begins, by another name of the directory: whoever finds that mark
//! knows that it was cut short, and not that an interface came back from elsewhere with an old
//! program.

use palisade_filter::Item;
use palisade_filter::structure::Origin;
use palisade_loader::{Access, MapHandle, PinDir, PinError, Program};

use super::exchange::{Change, Replaced};
use super::fronts::is_called;
use super::home::{PolicyDir, set_names};
use super::in_force::Running;
use super::outlets::{self, Missing};
use super::pins::{BACK, MAPS, META, OLD, PROGRAM};
use super::publish;
use super::set::{Carried, Carry, Entry, OpenSet};
use crate::failure::{Failure, Outcome};

/// The directory of the policy before, and its program; `None` if there is none, or what is left
/// of one that was being removed.
pub fn kept(at: &PolicyDir) -> Outcome<Option<(PinDir, Program)>> {
    for name in [BACK, OLD] {
        let Some(dir) = at.dir.subdir(name)? else { continue };
        match Program::open(&dir, PROGRAM) {
            Ok(program) => return Ok(Some((dir, program))),
            Err(PinError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Pins everything that the program in force uses, under `name` in `dir`; the program last.
pub fn keep(running: &Running<'_>, dir: &PinDir, name: &str) -> Outcome {
    let kept = dir.create_subdir(name, Access::Owner)?;
    let kept_maps = kept.create_subdir(MAPS, Access::Owner)?;
    let maps = running.at.maps()?;
    for name in maps.names()? {
        let map = MapHandle::open(&maps, &name)?;
        if running.uses(&map)? {
            map.pin(&kept_maps, &name)?;
        }
    }
    MapHandle::open(&running.at.dir, META)?.pin(&kept, META)?;
    Ok(running.program.pin(&kept, PROGRAM)?)
}

/// Forgets what is kept.
pub fn forget(at: &PolicyDir) -> Outcome {
    match at.dir.remove_tree(OLD) {
        Ok(()) | Err(PinError::Missing { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What a return did.
#[derive(Default)]
pub struct Returned {
    /// Where the program was exchanged.
    pub replaced: Replaced,
    /// Sets that are as they were, for they do not take what was edited meanwhile.
    pub not_updated: Vec<String>,
}

/// Puts the policy before in force again, in the place of the one that is. The caller holds the
/// lock; `None` if nothing is kept.
pub fn go_back(at: &PolicyDir, missing: Missing) -> Outcome<Option<Returned>> {
    let Some((kept, old)) = kept(at)? else { return Ok(None) };
    outlets::renew(&kept, missing)?;
    if at.dir.subdir(BACK)?.is_none() {
        at.dir.rename(OLD, &at.dir, BACK)?;
    }
    let not_updated = update(at, &kept)?;
    let current = at.program()?;
    match Change::new(at, current.as_ref(), &old).replace_all() {
        Ok(replaced) => {
            publish::publish_return(at)?;
            Ok(Some(Returned { replaced, not_updated }))
        }
        Err(failure) => {
            // Where an interface kept the old program, the next command goes on with the return.
            let none = is_called(at, &old).is_ok_and(|called| !called);
            let left = if none { at.dir.rename(BACK, &at.dir, OLD) } else { Ok(()) };
            Err(match left {
                Ok(()) => failure,
                Err(also) => failure.note("found", also.to_string()),
            })
        }
    }
}

/// Brings the sets up to date that the policy before holds in maps of its own; tells which do not
/// take it. They are edited before their program is in force, unless a trial has ended: then it is.
fn update(at: &PolicyDir, kept: &PinDir) -> Outcome<Vec<String>> {
    let mut not_updated = Vec::new();
    let (Some(maps), Some(kept_maps)) = (at.dir.subdir(MAPS)?, kept.subdir(MAPS)?) else {
        return Ok(not_updated);
    };
    for name in set_names(&kept_maps)? {
        let (Some(now), Some(then)) =
            (OpenSet::open(&maps, name.as_str())?, OpenSet::open(&kept_maps, name.as_str())?)
        else {
            continue;
        };
        if now.kind() == then.kind() && id(&now)? != id(&then)? && follow(&now, &then).is_err() {
            not_updated.push(name.to_string());
        }
    }
    Ok(not_updated)
}

fn id(set: &OpenSet) -> Outcome<Option<u32>> {
    set.handles().first().map(|handle| Ok(handle.info()?.id)).transpose()
}

/// Adds to `then` what was added to `now` by hand, with the time that it stays, and deletes what was
/// deleted.
fn follow(now: &OpenSet, then: &OpenSet) -> Outcome {
    let (here, there) = (now.entries()?, then.entries()?);
    let added = |entry: &&Entry| entry.origin == Origin::Added;
    let gone = there.iter().filter(added).filter(|entry| find(&here, entry).is_none());
    let gone: Vec<Item> = gone.map(|entry| entry.item).collect();
    then.remove(&gone)?;
    let differs = |entry: &&Entry| match find(&there, entry) {
        Some(other) => other.origin != Origin::Added || other.ends != entry.ends,
        None => true,
    };
    let add = here.iter().filter(added).filter(differs).copied();
    match then.add(add, Carry::Out)?.1 {
        Carried::Out => Ok(()),
        Carried::Cramped => Err(Failure::refused("its maps are too small")),
    }
}

/// The entry of the same item among entries that are in order.
fn find<'a>(entries: &'a [Entry], entry: &Entry) -> Option<&'a Entry> {
    let at = entries.binary_search_by_key(&entry.item, |other| other.item).ok()?;
    entries.get(at)
}
