//! Which program an interface carries, or the slot of a policy: attached, exchanged, and changed back
//! when a later one fails.
//!
//! Each exchange on an interface names the program that it expects; a slot, which knows no such
//! thing, is exchanged under the lock of the policy that it belongs to. A stranger's program is left
//! alone unless its replacement was asked for.

use std::collections::BTreeMap;

use palisade_filter::Name;
use palisade_loader::xdp::{self, AttachError, Attached, Expect, Mode, Reason};
use palisade_loader::{Link, Locked, Program};

use super::chain;
use super::fronts::{self, Front, program_of};
use super::home::PolicyDir;
use super::program::{Carrier, carriers_of, describe_program, program_id};
use super::typed::typed;
use crate::failure::{Failure, Outcome};
use crate::output::human;

/// An interface and how the program is to be attached to it.
pub struct Device {
    /// The interface.
    pub link: Link,
    /// The modes to try, in order.
    pub modes: &'static [Mode],
    /// What to do about a stranger's program.
    pub stranger: Stranger,
}

/// What to do about a program of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Leave it alone, and fail.
    Respect,
    /// Replace it.
    Replace,
}

/// A device that carries the program.
pub struct Placed {
    /// Its name.
    pub name: String,
    /// In which mode.
    pub mode: Mode,
    /// How it came to that.
    pub how: How,
}

/// How a device came to carry the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// It was attached, after these modes were refused.
    Attached {
        /// What the kernel said to the modes tried before.
        refused: Vec<String>,
    },
    /// It carries the policy already.
    Already,
}

/// Where a program was exchanged.
#[derive(Clone, Debug, Default)]
pub struct Replaced {
    /// On these interfaces.
    pub links: Vec<Link>,
    /// In the slots of these policies.
    pub behind: Vec<Name>,
}

impl Replaced {
    /// The places, in words that follow the policy's name.
    pub fn places(&self) -> Vec<String> {
        let links = self.links.iter().map(|link| format!("on {}", human::printable(&link.name)));
        links.chain(self.behind.iter().map(|name| format!("behind policy `{name}`"))).collect()
    }

    /// The names of the interfaces.
    pub fn names(&self) -> Vec<&str> {
        self.links.iter().map(|link| link.name.as_str()).collect()
    }

    /// The names of the policies.
    pub fn policies(&self) -> Vec<&str> {
        self.behind.iter().map(Name::as_str).collect()
    }
}

/// A policy in whose slot the program is to stand.
pub struct Place {
    /// The policy.
    pub policy: Name,
    /// What to do about a program that stands there.
    pub stranger: Stranger,
}

/// What is changed, and how to change it back.
pub struct Change<'a> {
    at: &'a PolicyDir,
    /// Of the policies whose slots are changed.
    locks: BTreeMap<Name, Locked>,
    old: Option<&'a Program>,
    new: &'a Program,
    undo: Vec<Undo>,
}

/// A program and the mode it is attached in.
struct There {
    mode: Mode,
    program: Program,
}

/// A change that can be taken back.
enum Undo {
    /// Of an interface.
    Link { link: Link, mode: Mode, before: Before },
    /// Of a slot, which held that program.
    Slot { front: Front, before: Option<Program> },
}

/// What an interface carried before.
enum Before {
    /// Nothing.
    Nothing,
    /// The old program, in the mode that the new one has.
    Old,
    /// A stranger's.
    Stranger(There),
}

impl<'a> Change<'a> {
    /// A change from the old program, wherever it is attached, to the new one.
    pub fn new(at: &'a PolicyDir, old: Option<&'a Program>, new: &'a Program) -> Self {
        Self { at, locks: BTreeMap::new(), old, new, undo: Vec::new() }
    }

    /// The new program in the place of the old one, wherever that is attached.
    pub fn replace_all(&mut self) -> Outcome<Replaced> {
        let Some(old) = self.old else { return Ok(Replaced::default()) };
        let behind = self.replace_in_slots(old).map_err(|failure| self.take_back(failure))?;
        let mut replaced = Vec::new();
        for Carrier { link, mode } in carriers_of(program_id(old)?)? {
            match xdp::attach(link.index, self.new, mode, Expect::program(old)) {
                Ok(()) => {
                    self.undo.push(Undo::Link { link: link.clone(), mode, before: Before::Old });
                    replaced.push(link);
                }
                // An interface that is gone has nothing to be replaced.
                Err(error) if error.reason() == Reason::NoDevice => {}
                Err(error) => {
                    self.note_doubt(&error, &link, mode, Before::Old);
                    let failure = Failure::from(error).because(cannot_replace(&link));
                    return Err(self.take_back(failure));
                }
            }
        }
        Ok(Replaced { links: replaced, behind })
    }

    /// The new program in every slot that holds the old one.
    fn replace_in_slots(&mut self, old: &Program) -> Outcome<Vec<Name>> {
        let id = program_id(old)?;
        for front in fronts::fronts(self.at, &[id])? {
            self.lock(&front)?;
        }
        let mut behind = Vec::new();
        // Whoever had a lock may have changed a slot until it was given back.
        for front in fronts::fronts(self.at, &[id])? {
            self.lock(&front)?;
            front.slot.set_policy(self.new, &self.at.name, &front.policy)?;
            let (policy, before) = (front.policy.clone(), old.try_clone().map_err(lost)?);
            self.undo.push(Undo::Slot { front, before: Some(before) });
            if !behind.contains(&policy) {
                behind.push(policy);
            }
        }
        Ok(behind)
    }

    /// Takes the lock of the policy that a slot belongs to, once.
    fn lock(&mut self, front: &Front) -> Outcome {
        if !self.locks.contains_key(&front.policy)
            && let Some(lock) = front.lock()?
        {
            self.locks.insert(front.policy.clone(), lock);
        }
        Ok(())
    }

    /// The new program in the slot of a policy that is in force and has one.
    pub fn place_behind(&mut self, place: &Place) -> Outcome {
        self.put_behind(place).map_err(|failure| {
            let why = format!("cannot stand behind policy `{}`", place.policy);
            self.take_back(failure.because(why))
        })
    }

    fn put_behind(&mut self, place: &Place) -> Outcome {
        let front = fronts::front(self.at, &place.policy)?;
        self.lock(&front)?;
        // As it is now that nobody else writes to it.
        let front = fronts::front(self.at, &place.policy)?;
        let before = match front.slot.holds()? {
            Some(id) if id == program_id(self.new)? => return Ok(()),
            Some(id) if place.stranger == Stranger::Respect => {
                return Err(chain::taken(id));
            }
            Some(id) => Some(program_of(self.at, id)?),
            None => None,
        };
        front.slot.set_policy(self.new, &self.at.name, &front.policy)?;
        self.undo.push(Undo::Slot { front, before });
        Ok(())
    }

    /// The new program on every device.
    pub fn place_all(&mut self, devices: &[Device]) -> Outcome<Vec<Placed>> {
        let mut placed = Vec::new();
        for device in devices {
            match self.place(device) {
                Ok(done) => placed.push(done),
                Err(error) => return Err(self.take_back(error)),
            }
        }
        Ok(placed)
    }

    fn place(&mut self, device: &Device) -> Outcome<Placed> {
        let Device { modes, stranger, .. } = device;
        let link = palisade_loader::link::by_index(device.link.index)?;
        let name = link.name.clone();
        let mut refused = Vec::new();
        let found = match link.xdp {
            Some(attached) if attached.program_id == program_id(self.new)? => {
                if !modes.contains(&attached.mode) {
                    return Err(other_mode(&name, attached.mode));
                }
                return Ok(Placed { name, mode: attached.mode, how: How::Already });
            }
            Some(attached) if *stranger == Stranger::Respect => {
                return Err(self.carries(&name, attached)?);
            }
            Some(attached) => Some(There {
                mode: attached.mode,
                program: Program::by_id(attached.program_id).map_err(|errno| {
                    Failure::refused(format!(
                        "cannot open the program on {name} to replace it: {errno}"
                    ))
                    .note("help", "that takes CAP_SYS_ADMIN")
                })?,
            }),
            None => None,
        };
        for mode in *modes {
            match self.exchange(&link, *mode, found.as_ref()) {
                Ok(()) => {
                    let before = found.map_or(Before::Nothing, Before::Stranger);
                    self.undo.push(Undo::Link { link, mode: *mode, before });
                    return Ok(Placed { name, mode: *mode, how: How::Attached { refused } });
                }
                Err(error) if modes.last() != Some(mode) && is_about_the_driver(&error) => {
                    refused.push(error.to_string());
                }
                Err(error) => {
                    let before = found.map_or(Before::Nothing, Before::Stranger);
                    self.note_doubt(&error, &link, *mode, before);
                    return Err(Failure::from(error).because(format!("cannot attach to {name}")));
                }
            }
        }
        Err(Failure::bug("there was no mode to try"))
    }

    /// An interface carries another program, of another policy or of somebody else.
    fn carries(&self, device: &str, attached: Attached) -> Outcome<Failure> {
        let shown = human::printable(device);
        // An object cannot come behind a policy.
        let policy = match self.at.is_object() {
            true => None,
            false => chain::policy_of(self.at.bpffs(), attached.program_id)?,
        };
        let headline = match &policy {
            Some(policy) => format!("{shown} carries the policy `{policy}`"),
            None => format!("{shown} carries an XDP program of somebody else"),
        };
        let found = format!("{} in {} mode", describe_program(attached.program_id), attached.mode);
        let failure = Failure::refused(headline).note("found", found);
        Ok(match policy.filter(|policy| *policy != self.at.name) {
            Some(policy) => {
                let apply = typed(&policy, "apply FILE.pal");
                let off = typed(&policy, &format!("detach {shown}"));
                failure
                    .note("help", format!("`{apply}` gives that one another text; `--behind {policy}` with a `--policy-name` of its own lets this one come behind it"))
                    .note("help", format!("`{off}` takes it off; `--take-over` replaces it without a gap"))
            }
            None => failure
                .note("help", "`--take-over` replaces it; whoever put it there will not be asked"),
        })
    }

    fn exchange(&self, link: &Link, mode: Mode, found: Option<&There>) -> Result<(), AttachError> {
        match found {
            None => xdp::attach(link.index, self.new, mode, Expect::Empty),
            Some(there) if there.mode == mode => {
                xdp::attach(link.index, self.new, mode, Expect::program(&there.program))
            }
            // The kernel does not exchange programs of different modes. What was there comes back
            // if the other mode is refused; the refusal is what is reported.
            Some(there) => {
                xdp::detach(link.index, there.mode, Expect::program(&there.program))?;
                xdp::attach(link.index, self.new, mode, Expect::Empty).inspect_err(|_| {
                    let _ = xdp::attach(link.index, &there.program, there.mode, Expect::Empty);
                })
            }
        }
    }

    /// Where the kernel did not refuse but could not be asked any more, the change may have been
    /// made.
    fn note_doubt(&mut self, error: &AttachError, link: &Link, mode: Mode, before: Before) {
        if !matches!(error, AttachError::Refused { .. }) {
            self.undo.push(Undo::Link { link: link.clone(), mode, before });
        }
    }

    /// Changes back what was changed, the last one first. What cannot be changed back is told
    /// beside the failure that led here.
    pub fn take_back(&mut self, mut failure: Failure) -> Failure {
        while let Some(undo) = self.undo.pop() {
            let kept = match undo {
                Undo::Link { link, mode, before } => self.undo_link(&link, mode, &before),
                Undo::Slot { front, before } => {
                    let undone = front.slot.put(before.as_ref()).err();
                    undone.map(|failure| {
                        let why = failure.headline();
                        format!(
                            "the slot of policy `{}` keeps the new program: {why}",
                            front.policy
                        )
                    })
                }
            };
            if let Some(kept) = kept {
                failure = failure.note("found", kept);
            }
        }
        failure
    }

    /// What to say if that cannot be changed back.
    fn undo_link(&self, link: &Link, mode: Mode, before: &Before) -> Option<String> {
        match self.put_back(link, mode, before) {
            Ok(()) => None,
            // An interface that carries something else was not changed after all.
            Err(error) => match error.reason() {
                Reason::Changed | Reason::NoDevice => None,
                _ => Some(format!("{} keeps the new program: {error}", link.name)),
            },
        }
    }

    fn put_back(&self, link: &Link, mode: Mode, before: &Before) -> Result<(), AttachError> {
        let (on, here) = (link.index, Expect::program(self.new));
        match (before, self.old) {
            (Before::Old, Some(old)) => xdp::attach(on, old, mode, here),
            (Before::Stranger(there), _) if there.mode == mode => {
                xdp::attach(on, &there.program, mode, here)
            }
            (Before::Stranger(there), _) => {
                xdp::detach(on, mode, here)?;
                xdp::attach(on, &there.program, there.mode, Expect::Empty)
            }
            (Before::Nothing, _) | (Before::Old, None) => xdp::detach(on, mode, here),
        }
    }
}

fn lost(errno: palisade_loader::Errno) -> Failure {
    Failure::refused(format!("cannot open the program again: {errno}"))
}

fn cannot_replace(link: &Link) -> String {
    format!("cannot replace the program on {}; the old policy stays in force", link.name)
}

fn other_mode(name: &str, mode: Mode) -> Failure {
    Failure::refused(format!("{name} carries the policy in {mode} mode already"))
        .note("help", format!("`palisade detach {name} --keep`, then attach in the other mode; packets pass unfiltered in between"))
}

/// Whether another mode may do where this one was refused.
pub fn is_about_the_driver(error: &AttachError) -> bool {
    matches!(
        error.reason(),
        Reason::Unsupported | Reason::Mtu | Reason::Queues | Reason::Unexplained
    )
}
