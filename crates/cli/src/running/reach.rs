//! Whether packets come to a policy: from an interface that carries it, or from a policy in force that
//! hands on to it and that packets come to.
//!
//! Who stands in a slot that only a return would lead to is behind nobody, and neither is who stands in
//! one that nothing calls. What the caller may not look at is no policy that packets come from.

use palisade_filter::Name;
use palisade_loader::Program;

use super::fronts::{closed, next_in_force};
use super::home::PolicyDir;
use super::next::Slot;
use super::pins::PROGRAM;
use super::program::carriers_of_any;
use crate::failure::Outcome;

/// A policy in force that hands on to another one.
pub struct Front {
    /// The policy.
    pub at: PolicyDir,
    /// The slot that the other one stands in.
    pub slot: Slot,
    program: Program,
}

/// What is in front of a policy.
pub struct InFront {
    /// The policy in front.
    pub policy: Name,
    /// Whether packets come there.
    pub reach: Reach,
}

/// Whether packets come somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Some interface leads there.
    Reached,
    /// None does.
    Nowhere,
}

/// The policies in force that hand on to one of these programs of the policy in `at`.
pub fn fronts_in_force(at: &PolicyDir, ids: &[u32]) -> Outcome<Vec<Front>> {
    let mut found = Vec::new();
    for name in closed(at.names_beside())?.unwrap_or_default() {
        let Some(dir) = closed(at.beside(&name))?.flatten().filter(|_| name != at.name) else {
            continue;
        };
        if closed(Program::open(&dir, PROGRAM))?.is_none() {
            continue;
        }
        let Some(other) = at.find_beside(&name)?.filter(|other| !other.is_object()) else {
            continue;
        };
        let other = other.in_force()?;
        let Some(program) = other.program()? else { continue };
        if let Some(slot) = Slot::find(&other, &program)?
            && slot.holds()?.is_some_and(|id| ids.contains(&id))
        {
            found.push(Front { at: other, slot, program });
        }
    }
    Ok(found)
}

impl Front {
    /// Whether packets come to it.
    pub fn reach(&self) -> Outcome<Reach> {
        reach(&self.at, &self.at.numbers(&self.program)?, &mut Vec::new())
    }
}

/// The policies behind a program, each behind the one before it, up to one that packets come to all
/// the same.
pub fn unreached_behind(at: &PolicyDir, program: &Program) -> Outcome<Vec<Name>> {
    let mut names: Vec<Name> = Vec::new();
    let mut next = next_in_force(at, program)?;
    while let Some(other) = next.filter(|other| !names.contains(&other.name)) {
        let Some(program) = other.program()? else { break };
        if reach(&other, &other.numbers(&program)?, &mut Vec::new())? == Reach::Reached {
            break;
        }
        next = next_in_force(&other, &program)?;
        names.push(other.name);
    }
    Ok(names)
}

/// Whether packets come to one of these programs of a policy; those that were `seen` are not asked
/// again.
fn reach(at: &PolicyDir, ids: &[u32], seen: &mut Vec<Name>) -> Outcome<Reach> {
    if !carriers_of_any(ids)?.is_empty() {
        return Ok(Reach::Reached);
    }
    seen.push(at.name.clone());
    for front in fronts_in_force(at, ids)? {
        if !seen.contains(&front.at.name)
            && reach(&front.at, &front.at.numbers(&front.program)?, seen)? == Reach::Reached
        {
            return Ok(Reach::Reached);
        }
    }
    Ok(Reach::Nowhere)
}
