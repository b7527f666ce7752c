//! Policies one behind the other: how a chain is edited, link by link.
//!
//! Of several policies the last of a chain is locked first: whoever puts a policy into a slot holds
//! that policy's lock before, so that its program is not exchanged meanwhile. Chains have no rings and
//! no more links than a kernel follows.

use std::path::Path;

use palisade_filter::Name;
use palisade_loader::{Locked, Program};

use super::before;
use super::exchange::Stranger;
use super::fronts::{closed, fronts, next_of, none, policy_behind, program_of};
use super::home::PolicyDir;
use super::in_force::Running;
use super::install::{self, Wanted};
use super::next::{Behind, Frames, Named, Slot};
use super::program::{describe_program, program_id};
use super::publish;
use crate::failure::{Failure, Outcome};

/// The most policies in a chain. A kernel calls 32 tails for a packet, and one on trial takes two.
const MOST: usize = 16;

/// Refuses a policy to come behind that is not in force.
pub fn refuse_absent(at: &PolicyDir, policy: &Name) -> Outcome {
    match at.find_beside(policy)? {
        Some(_) if *policy != at.name => Ok(()),
        _ => Err(none(policy)),
    }
}

/// Gives the policy of a name a slot by an exchange of its program; `None` if it has one.
pub fn make_slot(at: &PolicyDir, policy: &Name) -> Outcome<Option<Made>> {
    refuse_absent(at, policy)?;
    let (other, _lock) = publish::to_write(at.bpffs(), policy)?;
    let running = Running::get(&other)?;
    running.meta.of_this_namespace(policy)?;
    if Slot::find(&other, &running.program)?.is_some() {
        return Ok(None);
    }
    compile_again(&other, &running, Behind::Slot(None, Frames::Any))?;
    Ok(Some(Made(policy.clone())))
}

/// The same policy, compiled for what is to come behind it.
pub fn compile_again(at: &PolicyDir, running: &Running<'_>, behind: Behind<'_>) -> Outcome {
    let wanted = Wanted { behind, ..Wanted::new(&running.meta.text, &running.policy) };
    install::install(at, wanted).map(drop)
}

/// A slot that a policy of that name got for the sake of one that is to come behind it.
pub struct Made(Name);

impl Made {
    /// Takes the slot out again, for which there is no use; the failure says so if that fails too.
    pub fn take_back(&self, at: &PolicyDir, failure: Failure) -> Failure {
        match self.take_out(at) {
            Ok(()) => failure,
            Err(also) => {
                let why = also.headline();
                failure.note("found", format!("policy `{}` keeps an empty slot: {why}", self.0))
            }
        }
    }

    fn take_out(&self, at: &PolicyDir) -> Outcome {
        let (other, _lock) = publish::to_write(at.bpffs(), &self.0)?;
        let running = Running::get(&other)?;
        match Slot::find(&other, &running.program)? {
            // Nobody else has found a use for it meanwhile.
            Some(slot) if slot.holds()?.is_none() => compile_again(&other, &running, Behind::Stack),
            Some(_) | None => Ok(()),
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
    endless(&links(at)?, front, (policy, next))
}

/// The same among links that are known.
fn endless(links: &[Link], front: &Name, (policy, next): (Option<&Name>, Option<u32>)) -> Outcome {
    let behind: Vec<&Name> = policy.into_iter().chain(behind(links, next)).collect();
    if behind.contains(&front) {
        let between = behind.into_iter().take_while(|name| *name != front);
        let way = [front].into_iter().chain(between).chain([front]);
        let way: Vec<String> = way.map(|name| format!("`{name}`")).collect();
        let help = match policy {
            Some(policy) if policy == front => {
                "`--policy-name NAME` gives the one that is to come behind a name of its own"
            }
            _ => "name another program",
        };
        return Err(Failure::usage(format!("packets would go round: {}", way.join(", then ")))
            .note("help", help));
    }
    let length = up_to(links, front) + behind.len();
    if length > MOST {
        return Err(Failure::usage(format!("the chain would be {length} policies long"))
            .note("help", format!("the kernel does not hand a packet on any number of times: {MOST} policies are the most")));
    }
    Ok(())
}

/// Refuses to put policies of these names one behind the other where a step would be refused for where
/// policies stand now: told before the first step.
pub fn refuse_chain(bpffs: &Path, names: &[Name], stranger: Stranger) -> Outcome {
    let mut links = Vec::new();
    for at in PolicyDir::all(bpffs).unwrap_or_default() {
        if !at.is_object() {
            links.extend(Link::of(at));
        } else if names.contains(&at.name) {
            at.refuse_object()?;
        }
    }
    for (name, number) in names.iter().zip((0..u32::MAX).rev()) {
        match links.iter_mut().find(|link| link.name == *name) {
            // The kernel counts up, and has not come that far.
            Some(link) if link.programs.is_empty() => link.programs.push(number),
            Some(_) => {}
            None => {
                links.push(Link { name: name.clone(), programs: vec![number], next: None });
            }
        }
    }
    for pair in names.windows(2) {
        let [front, policy] = pair else { continue };
        step(&mut links, front, policy, stranger)?;
    }
    Ok(())
}

/// One policy put behind another.
fn step(links: &mut [Link], front: &Name, policy: &Name, stranger: Stranger) -> Outcome {
    let Some(own) = links.iter().find(|link| link.name == *policy) else { return Ok(()) };
    endless(links, front, (Some(policy), own.next))?;
    let programs = own.programs.clone();
    let Some(front) = links.iter_mut().find(|link| link.name == *front) else { return Ok(()) };
    match front.next {
        Some(id) if stranger == Stranger::Respect && !programs.contains(&id) => {
            let why = format!("policy `{policy}` cannot stand behind policy `{}`", front.name);
            Err(taken(id).because(why))
        }
        _ => {
            front.next = programs.first().copied();
            Ok(())
        }
    }
}

/// The refusal to put a policy where that program stands.
pub fn taken(id: u32) -> Failure {
    Failure::refused("another program stands there").note("found", describe_program(id)).note(
        "help",
        "`--take-over` replaces it; `palisade next set` lets a policy come behind this one",
    )
}
