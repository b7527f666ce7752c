//! Which program an interface carries: attached, exchanged, and changed back when a later one fails.
//!
//! Each exchange names the program that it expects; a stranger's is left alone unless its
//! replacement was asked for.

use palisade_loader::xdp::{self, AttachError, Expect, Mode, Reason};
use palisade_loader::{Link, Program};

use super::home::{Carrier, carriers_of, describe_program, program_id};
use crate::failure::{Failure, Outcome};

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

/// Interfaces that are changed, and how to change them back.
pub struct Change<'a> {
    old: Option<&'a Program>,
    new: &'a Program,
    undo: Vec<Undo>,
}

/// A program and the mode it is attached in.
struct There {
    mode: Mode,
    program: Program,
}

/// A change of an interface that can be taken back.
struct Undo {
    link: Link,
    mode: Mode,
    before: Before,
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
    pub fn new(old: Option<&'a Program>, new: &'a Program) -> Self {
        Self { old, new, undo: Vec::new() }
    }

    /// The new program in the place of the old one, wherever that is attached.
    pub fn replace_all(&mut self) -> Outcome<Vec<Link>> {
        let Some(old) = self.old else { return Ok(Vec::new()) };
        let mut replaced = Vec::new();
        for Carrier { link, mode } in carriers_of(program_id(old)?)? {
            match xdp::attach(link.index, self.new, mode, Expect::program(old)) {
                Ok(()) => {
                    self.undo.push(Undo { link: link.clone(), mode, before: Before::Old });
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
        Ok(replaced)
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
                return Err(Failure::refused(format!(
                    "{name} carries an XDP program of somebody else"
                ))
                .note(
                    "found",
                    format!("{} in {} mode", describe_program(attached.program_id), attached.mode),
                )
                .note(
                    "help",
                    "`--take-over` replaces it; whoever put it there will not be asked",
                ));
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
                    self.undo.push(Undo { link, mode: *mode, before });
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
            self.undo.push(Undo { link: link.clone(), mode, before });
        }
    }

    /// Changes back what was changed, the last one first. What cannot be changed back is told
    /// beside the failure that led here.
    pub fn take_back(&mut self, mut failure: Failure) -> Failure {
        while let Some(undo) = self.undo.pop() {
            // An interface that carries something else was not changed after all.
            let undone = self.undo(&undo);
            if let Err(error) = undone.or_else(|error| match error.reason() {
                Reason::Changed | Reason::NoDevice => Ok(()),
                _ => Err(error),
            }) {
                let name = &undo.link.name;
                failure = failure.note("found", format!("{name} keeps the new program: {error}"));
            }
        }
        failure
    }

    fn undo(&self, Undo { link, mode, before }: &Undo) -> Result<(), AttachError> {
        let (on, here) = (link.index, Expect::program(self.new));
        match (before, self.old) {
            (Before::Old, Some(old)) => xdp::attach(on, old, *mode, here),
            (Before::Stranger(there), _) if there.mode == *mode => {
                xdp::attach(on, &there.program, *mode, here)
            }
            (Before::Stranger(there), _) => {
                xdp::detach(on, *mode, here)?;
                xdp::attach(on, &there.program, there.mode, Expect::Empty)
            }
            (Before::Nothing, _) | (Before::Old, None) => xdp::detach(on, *mode, here),
        }
    }
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
