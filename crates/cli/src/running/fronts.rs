//! Who calls a policy's program: interfaces, and the slots of other policies.
//!
//! A policy behind another is called from the other's slot as one on an interface is called from
//! there, and likewise nothing keeps a note of it: the slots of all policies are looked through for
//! the number of a program. Whoever changes a policy exchanges its program in every slot that holds
//! it, as on every interface; whoever finds a change cut short takes it for made where a slot holds
//! its program.
//!
//! A slot is written to under the lock of the policy that it belongs to. Slots that the caller may not
//! look into are somebody else's, and left alone.

use palisade_filter::Name;
use palisade_loader::{Errno, Locked, MapError, PinDir, PinError, Program};

use super::home::PolicyDir;
use super::next::{Slot, no_slot};
use super::pins::{BESIDE, MAPS, PROGRAM, STAGED_BEFORE};
use super::program::{carriers_of, program_id};
use crate::failure::{Failure, Outcome};

/// A slot that a program stands in.
pub struct Front {
    /// The policy in front, whose slot it is.
    pub policy: Name,
    /// The slot.
    pub slot: Slot,
    dir: PinDir,
}

impl Front {
    /// The lock of the policy in front; `None` if it is gone.
    pub fn lock(&self) -> Outcome<Option<Locked>> {
        match self.dir.lock() {
            Ok(lock) => Ok(Some(lock)),
            Err(PinError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The slots of other policies that hold one of these programs, each once.
pub fn fronts(at: &PolicyDir, ids: &[u32]) -> Outcome<Vec<Front>> {
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    for (policy, dir) in others(at)? {
        for slot in slots(&dir)? {
            let map = slot.number()?;
            if seen.contains(&map) || !slot.holds()?.is_some_and(|id| ids.contains(&id)) {
                continue;
            }
            seen.push(map);
            let Some(dir) = closed(at.beside(&policy))?.flatten() else { continue };
            found.push(Front { policy: policy.clone(), slot, dir });
        }
    }
    Ok(found)
}

/// The slot of a policy that is in force.
pub fn front(at: &PolicyDir, policy: &Name) -> Outcome<Front> {
    let other = at.find_beside(policy)?.ok_or_else(|| none(policy))?;
    let program = other.program()?.ok_or_else(|| none(policy))?;
    let slot = Slot::find(&other, &program)?.ok_or_else(|| no_slot(policy))?;
    Ok(Front { policy: policy.clone(), slot, dir: other.dir })
}

/// The failure of whoever needs a policy of another name.
pub(super) fn none(policy: &Name) -> Failure {
    Failure::usage(format!("no policy `{policy}` is in force"))
        .note("help", format!("`palisade --policy-name {policy} attach DEV` puts one there"))
}

/// Whether something calls a program of the policy: an interface, or a slot.
pub fn is_called(at: &PolicyDir, program: &Program) -> Outcome<bool> {
    let id = program_id(program)?;
    Ok(!carriers_of(id)?.is_empty() || !fronts(at, &[id])?.is_empty())
}

/// The other policies, as far as the caller may look.
fn others(at: &PolicyDir) -> Outcome<Vec<(Name, PinDir)>> {
    let mut others = Vec::new();
    for name in closed(at.names_beside())?.unwrap_or_default() {
        if name != at.name
            && let Some(dir) = closed(at.beside(&name))?.flatten()
        {
            others.push((name, dir));
        }
    }
    Ok(others)
}

/// All slots of a policy: of its program, of the one before it, and of one on the way.
fn slots(dir: &PinDir) -> Outcome<Vec<Slot>> {
    let mut slots = Vec::new();
    let mut add = |dir: &PinDir| -> Outcome {
        if let Some(maps) = closed(dir.subdir(MAPS))?.flatten() {
            slots.extend(Slot::pinned(&maps)?);
        }
        Ok(())
    };
    add(dir)?;
    for name in BESIDE {
        let Some(dir) = closed(dir.subdir(name))?.flatten() else { continue };
        add(&dir)?;
        if let Some(before) = closed(dir.subdir(STAGED_BEFORE))?.flatten() {
            add(&before)?;
        }
    }
    Ok(slots)
}

/// What is behind a door that is closed to the caller, or is no such thing, is nothing.
pub(super) fn closed<T>(result: Result<T, PinError>) -> Outcome<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_closed(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether somebody may have no part in what is there; the kernel's other refusals say nothing of it.
fn is_closed(error: &PinError) -> bool {
    match error {
        PinError::Refused { errno, .. } => matches!(*errno, Errno::EACCES | Errno::EPERM),
        _ => true,
    }
}

impl Slot {
    /// The slot that is pinned among some maps, if there is one that the caller may look into.
    fn pinned(maps: &PinDir) -> Outcome<Option<Self>> {
        match Self::open(maps) {
            Err(MapError::Pin(error)) if is_closed(&error) => Ok(None),
            other => Ok(Some(other?)),
        }
    }
}

/// The number of the program in the slot of a policy's program.
pub fn next_of(at: &PolicyDir, program: &Program) -> Outcome<Option<u32>> {
    Ok(Slot::find(at, program)?.map(|slot| slot.holds()).transpose()?.flatten())
}

/// The policy that stands in a slot, if one does.
pub fn policy_behind(at: &PolicyDir, id: u32) -> Option<Name> {
    let names = closed(at.names_beside()).ok()??;
    names.into_iter().find(|name| {
        let other = at.find_beside(name).ok().flatten();
        let program = other.and_then(|other| Program::open(&other.dir, PROGRAM).ok());
        program.is_some_and(|program| program_id(&program).is_ok_and(|found| found == id))
    })
}

/// The policy in the slot of a policy's program, as it is in force.
pub fn next_in_force(at: &PolicyDir, program: &Program) -> Outcome<Option<PolicyDir>> {
    let name = next_of(at, program)?.and_then(|id| policy_behind(at, id));
    let next = name.map(|name| at.find_beside(&name)).transpose()?.flatten();
    next.map(PolicyDir::in_force).transpose()
}

/// A program by its number: of a policy, for whoever may open its pins; else of anybody.
pub fn program_of(at: &PolicyDir, id: u32) -> Outcome<Program> {
    if let Some(other) = policy_behind(at, id).map(|name| at.find_beside(&name)).transpose()?
        && let Some(program) = other.map(|other| other.program()).transpose()?.flatten()
    {
        return Ok(program);
    }
    Program::by_id(id).map_err(|errno| {
        Failure::refused(format!("cannot open program {id}, which comes next: {errno}")).note(
            "help",
            "that takes CAP_SYS_ADMIN; `palisade next clear` lets the stack come next",
        )
    })
}
