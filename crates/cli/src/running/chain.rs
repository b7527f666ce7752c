//! Policies one behind the other: which slots a policy's program stands in.
//!
//! A policy behind another is called from the other's slot as one on an interface is called from
//! there, and likewise nothing keeps a note of it: the slots of all policies are looked through for
//! the number of a program. So a chain is edited link by link. Whoever changes a policy exchanges its
//! program in every slot that holds it, as on every interface; whoever finds a change cut short takes
//! it for made where a slot holds its program.
//!
//! A slot is written to under the lock of the policy that it belongs to. Of several, the last of a
//! chain is locked first: whoever puts a policy into a slot holds that policy's lock before, so that
//! its program is not exchanged meanwhile. Slots that the caller may not look into are somebody
//! else's, and left alone.

use std::path::Path;

use palisade_filter::Name;
use palisade_loader::{Errno, Locked, MapError, PinDir, PinError, Program};

use super::before;
use super::home::{PolicyDir, Running, carriers_of, program_id};
use super::install::{self, Wanted};
use super::next::{Behind, Named, Slot, no_slot};
use super::pins::{BESIDE, MAPS, PROGRAM, STAGED_BEFORE};
use super::publish;
use crate::failure::{Failure, Outcome};

/// The most policies in a chain. A kernel calls 32 tails for a packet, and one on trial takes two.
const MOST: usize = 16;

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

fn none(policy: &Name) -> Failure {
    Failure::usage(format!("no policy `{policy}` is in force"))
        .note("help", format!("`palisade --policy-name {policy} attach DEV` puts one there"))
}

/// Gives the policy of a name a slot, if it has none, by an exchange of its program.
pub fn make_slot(at: &PolicyDir, policy: &Name) -> Outcome {
    if *policy == at.name || at.find_beside(policy)?.is_none() {
        return Err(none(policy));
    }
    let (other, _lock) = publish::to_write(at.bpffs(), policy)?;
    let running = Running::get(&other)?;
    running.meta.of_this_namespace(policy)?;
    if Slot::find(&other, &running.program)?.is_some() {
        return Ok(());
    }
    let (text, policy) = (&running.meta.text, &running.policy);
    let wanted = Wanted { behind: Behind::Slot(None), ..Wanted::new(text, policy) };
    install::install(&other, wanted).map(drop)
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
fn closed<T>(result: Result<T, PinError>) -> Outcome<Option<T>> {
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

/// A policy's directory, to write, while no other command exchanges what comes behind it: `detach`
/// puts that in its place.
pub fn to_take_out(bpffs: &Path, name: &Name) -> Outcome<(PolicyDir, [Option<Locked>; 2])> {
    loop {
        let behind = behind_now(&PolicyDir::found(bpffs, name)?);
        let next = match &behind {
            Some(next) => PolicyDir::find(bpffs, next)?.map(|next| next.lock()).transpose()?,
            None => None,
        };
        let (at, lock) = publish::to_write(bpffs, name)?;
        if behind_now(&at) == behind {
            return Ok((at, [Some(lock), next.flatten()]));
        }
    }
}

/// The policy that comes behind another one, as far as that can be told.
fn behind_now(at: &PolicyDir) -> Option<Name> {
    let next = next_of(at, &at.program().ok()??).ok()??;
    policy_behind(at, next)
}

/// Takes the program of a policy out of all slots of others; what came behind it closes up. Tells from
/// behind which policies it went. The caller holds the locks.
pub fn take_out(at: &PolicyDir, program: &Program) -> Outcome<Vec<Name>> {
    let id = program_id(program)?;
    let next = next_of(at, program)?;
    let mut left: Vec<Name> = Vec::new();
    for found in fronts(at, &[id])? {
        let _lock = found.lock()?;
        // Whoever had the lock may have put another one there.
        if found.slot.holds()? != Some(id) {
            continue;
        }
        let next = next.map(|next| program_of(at, next)).transpose()?;
        found.slot.put(next.as_ref())?;
        if !left.contains(&found.policy) {
            left.push(found.policy);
        }
    }
    Ok(left)
}

/// A program that is to come next, and what keeps it from being exchanged meanwhile.
pub struct Aim {
    /// The program; none, for an empty slot.
    pub program: Option<Program>,
    /// The policy that it is of, which is locked.
    _policy: Option<(PolicyDir, Locked)>,
}

impl Aim {
    /// The program that is named, for a slot of the policy `own`. Where it is one of another policy's,
    /// that one is locked, and its program is the one in force.
    pub fn at(named: &Named, bpffs: &Path, own: &Name) -> Outcome<Self> {
        let Some(program) = named.open()? else { return Ok(Self { program: None, _policy: None }) };
        let id = program_id(&program)?;
        let Some(name) = policy_of(bpffs, id)?.filter(|name| name != own) else {
            return Ok(Self { program: Some(program), _policy: None });
        };
        let (at, lock) = publish::to_write(bpffs, &name)?;
        let program = at.program()?.ok_or_else(|| at.no_program())?;
        Ok(Self { program: Some(program), _policy: Some((at, lock)) })
    }
}

/// The policy that a program is of: in force, before, or on the way.
pub fn policy_of(bpffs: &Path, id: u32) -> Outcome<Option<Name>> {
    let Ok(all) = PolicyDir::all(bpffs) else { return Ok(None) };
    for at in all.into_iter().filter(|at| !at.is_object()) {
        if programs(&at).is_ok_and(|programs| programs.contains(&id)) {
            return Ok(Some(at.name));
        }
    }
    Ok(None)
}

/// The numbers of all programs of a policy: the one in force, the one before, those on the way.
fn programs(at: &PolicyDir) -> Outcome<Vec<u32>> {
    let kept = before::kept(at)?.map(|(_, program)| program);
    let all = at.program()?.into_iter().chain(at.on_the_way()?).chain(kept);
    all.map(|program| program_id(&program)).collect()
}

/// A policy among the others.
struct Link {
    name: Name,
    programs: Vec<u32>,
    next: Option<u32>,
}

/// All policies, and what comes behind each.
fn links(at: &PolicyDir) -> Outcome<Vec<Link>> {
    let mut links = Vec::new();
    for name in closed(at.names_beside())?.unwrap_or_default() {
        let other = at.find_beside(&name)?.filter(|other| !other.is_object());
        // What cannot be read is no policy that packets go through.
        links.extend(other.and_then(|other| Link::of(other).ok()));
    }
    Ok(links)
}

impl Link {
    fn of(at: PolicyDir) -> Outcome<Self> {
        let next = at.program()?.map(|program| next_of(&at, &program)).transpose()?.flatten();
        Ok(Self { programs: programs(&at)?, next, name: at.name })
    }
}

/// The number of the program in the slot of a policy's program.
pub fn next_of(at: &PolicyDir, program: &Program) -> Outcome<Option<u32>> {
    Ok(Slot::find(at, program)?.map(|slot| slot.holds()).transpose()?.flatten())
}

/// The names of the policies from the one of a program on, each behind the one before it.
fn behind(links: &[Link], from: Option<u32>) -> Vec<&Name> {
    let mut names = Vec::new();
    let mut next = from;
    while let Some(link) = next.and_then(|id| links.iter().find(|l| l.programs.contains(&id))) {
        // Those who stand in a ring already are not followed round it.
        if names.contains(&&link.name) {
            break;
        }
        names.push(&link.name);
        next = link.next;
    }
    names
}

/// How many policies stand one before the other up to the one of that name, itself among them.
fn up_to(links: &[Link], name: &Name) -> usize {
    let through = |link: &&Link| behind(links, link.programs.first().copied());
    let counts = links.iter().filter_map(|link| {
        through(&link).into_iter().position(|found| found == name).map(|at| at + 1)
    });
    counts.max().unwrap_or(1)
}

/// Refuses to let a program come behind the policy `front` where packets would go round, or further
/// than the kernel hands them on. `policy` is whose program that is, where it has none yet.
pub fn refuse_endless(
    at: &PolicyDir,
    front: &Name,
    (policy, next): (Option<&Name>, Option<u32>),
) -> Outcome {
    if policy.is_none() && next.is_none() {
        return Ok(());
    }
    let links = links(at)?;
    let behind: Vec<&Name> = policy.into_iter().chain(behind(&links, next)).collect();
    if behind.contains(&front) {
        let between = behind.into_iter().take_while(|name| *name != front);
        let way = [front].into_iter().chain(between).chain([front]);
        let way: Vec<String> = way.map(|name| format!("`{name}`")).collect();
        return Err(Failure::usage(format!("packets would go round: {}", way.join(", then ")))
            .note("help", "name another program"));
    }
    let length = up_to(&links, front) + behind.len();
    if length > MOST {
        return Err(Failure::usage(format!("the chain would be {length} policies long"))
            .note("help", format!("the kernel does not hand a packet on any number of times: {MOST} policies are the most")));
    }
    Ok(())
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
