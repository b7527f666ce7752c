//! What comes behind a policy: the program in the slot of its own, which gets every packet that passes.
//!
//! The slot is a map of the policy, pinned beside its others, for the kernel empties it when the last
//! descriptor and pin of it go, whatever program still uses it. Who stands in it is asked of the
//! kernel; nothing else keeps it. Putting a program there, exchanging it and taking it out is one
//! store each, which every packet sees whole. A program without a slot gets one like a policy gets
//! another text: by an exchange of programs.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use palisade_filter::plan::SLOT;
use palisade_filter::{Buffers, Name, Next, Target};
use palisade_loader::{
    self as loader, Errno, MapError, MapHandle, PinDir, PinError, Program, Unlike,
};
use serde_json::{Value, json};

use super::fronts::policy_behind;
use super::home::PolicyDir;
use super::program::{describe_program, map_ids, program_id};
use super::typed::typed;
use crate::failure::{Failure, Outcome};
use crate::machine;

/// What is to come behind a policy that is put in force.
#[derive(Clone, Copy)]
pub enum Behind<'a> {
    /// What comes behind the one in force: a slot with what is in it, or the stack.
    Same,
    /// A slot of its own, with that program in it, or none.
    Slot(Option<&'a Program>, Frames),
    /// The stack.
    Stack,
}

/// For which frames a program with a slot is loaded: it is to be as those that it goes on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// For those that this machine has.
    Any,
    /// For those in one buffer, though there may be others.
    OneBuffer,
}

impl Behind<'_> {
    /// The target that a program is compiled for that takes the place of `old`: a slot goes on with
    /// programs that are loaded alike.
    pub fn target(self, at: &PolicyDir, old: Option<&Program>) -> Outcome<Target> {
        let target = machine::target()?;
        let slot = || old.map(|old| Slot::find(at, old)).transpose().map(Option::flatten);
        Ok(match self {
            Self::Slot(_, Frames::OneBuffer) => Target { buffers: Buffers::Single, ..target },
            Self::Slot(_, Frames::Any) | Self::Stack => target,
            Self::Same => match slot()? {
                Some(slot) => Target { buffers: slot.buffers()?, ..target },
                None => target,
            },
        })
    }

    /// What a program is compiled for that takes the place of `old`.
    pub fn next(self, at: &PolicyDir, old: Option<&Program>) -> Outcome<Next> {
        Ok(match self {
            Self::Slot(..) => Next::Slot,
            Self::Stack => Next::Stack,
            Self::Same => match old.map(|old| Slot::find(at, old)).transpose()?.flatten() {
                Some(_) => Next::Slot,
                None => Next::Stack,
            },
        })
    }
}

/// The program that is named to come next.
#[derive(Clone, Debug)]
pub enum Named {
    /// None yet: the slot stays empty.
    None,
    /// The one that is pinned there.
    Pin(PathBuf),
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("the path of a pin, or `none`".to_owned()),
            "none" => Ok(Self::None),
            path => Ok(Self::Pin(path.into())),
        }
    }
}

impl Named {
    /// The program, if one is named.
    pub fn open(&self) -> Outcome<Option<Program>> {
        match self {
            Self::None => Ok(None),
            Self::Pin(path) => open(path).map(Some),
        }
    }
}

/// The XDP program that is pinned at a path, in any bpffs.
pub fn open(pin: &Path) -> Outcome<Program> {
    const HELP: &str = "name the pin of an XDP program, such as /sys/fs/bpf/NAME; `bpftool prog pin id ID PATH` makes one";
    let asked = || format!("{} is no program to go on to", pin.display());
    let name = pin.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::usage(asked()).note("help", HELP))?;
    let dir = match pin.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let opened = PinDir::open_root(dir).and_then(|dir| Program::open(&dir, name));
    opened.map_err(|error| {
        let mistake = matches!(
            error,
            PinError::Missing { .. }
                | PinError::Kind { .. }
                | PinError::Name { .. }
                | PinError::NoDirectory { .. }
                | PinError::NotDirectory { .. }
                | PinError::NotBpffs { .. }
                | PinError::NotPin { .. }
        );
        let failure = match &error {
            // Nobody wants one to be mounted there.
            PinError::NotBpffs { path } => {
                Failure::usage(format!("{} is in no bpf file system", path.display()))
            }
            _ => Failure::from(error),
        };
        if mistake { failure.mistaken(asked()).note("help", HELP) } else { failure }
    })
}

/// The slot of a policy's program.
pub struct Slot {
    programs: MapHandle,
}

impl Slot {
    /// The slot of a program of the policy in `at`. A map of that name that the program does not use
    /// belongs to one that is not in force yet, or not any more.
    pub fn find(at: &PolicyDir, program: &Program) -> Outcome<Option<Self>> {
        let slot = match Self::open(&at.maps()?) {
            Ok(slot) => slot,
            Err(MapError::Pin(PinError::Missing { .. })) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(map_ids(program)?.contains(&slot.programs.info()?.id).then_some(slot))
    }

    /// The slot that is pinned among some maps, whoever uses it.
    pub(super) fn open(maps: &PinDir) -> Result<Self, MapError> {
        Ok(Self { programs: MapHandle::open(maps, SLOT)? })
    }

    /// The number of its map.
    pub(super) fn number(&self) -> Outcome<u32> {
        Ok(self.programs.info()?.id)
    }

    /// The slot in a map that a program uses.
    pub fn of(programs: MapHandle) -> Self {
        Self { programs }
    }

    /// The number of the program in it.
    pub fn holds(&self) -> Outcome<Option<u32>> {
        Ok(self.programs.program_in(0)?)
    }

    /// Puts a program in, in the place of the one that is there.
    pub fn set(&self, program: &Program) -> Outcome {
        self.programs.set_program(0, program).map_err(|error| match error.errno() {
            Some(Errno::EINVAL) => self.unlike(program),
            _ => error.into(),
        })
    }

    /// Puts the program of a policy into the slot of the policy `front`, whose slot this is.
    pub fn set_policy(&self, program: &Program, policy: &Name, front: &Name) -> Outcome {
        self.programs.set_program(0, program).map_err(|error| match error.errno() {
            Some(Errno::EINVAL) => self.unlike_policy(program, policy, front),
            _ => error.into(),
        })
    }

    /// The kernel does not let the policy `front` call that program of another policy.
    fn unlike_policy(&self, program: &Program, policy: &Name, front: &Name) -> Failure {
        let buffers = self.buffers().map_or(machine::buffers(), machine::loaded_for);
        let unlike = program.unlike(buffers);
        let failure = Failure::refused(format!(
            "policy `{front}` cannot hand on to policy `{policy}`: the kernel refuses the tail call"
        ));
        let (why, helps) = match unlike {
            Unlike::Buffers(loader::Buffers::Multi) => (
                format!(
                    "policy `{front}` is loaded for frames in one buffer (`--one-buffer`), policy `{policy}` would be for those in several"
                ),
                [
                    format!(
                        "load it alike: `{}`, or where it is in force already `{}`",
                        typed(
                            policy,
                            &format!(
                                "attach -p FILE.pal --behind {front} --next none --one-buffer"
                            )
                        ),
                        typed(policy, "next set none --one-buffer")
                    ),
                    format!(
                        "or `{}` and then again, which loads policy `{front}` for all frames",
                        typed(front, "next clear --slot")
                    ),
                ],
            ),
            Unlike::Buffers(loader::Buffers::Single) => (
                format!(
                    "policy `{policy}` would be loaded for frames in one buffer (`--one-buffer`), policy `{front}` is for those in several"
                ),
                [
                    "leave `--one-buffer` out, if it is not for what comes behind".to_owned(),
                    format!(
                        "or load the other alike: `{}`",
                        typed(front, "next set none --one-buffer")
                    ),
                ],
            ),
            _ => return self.unlike(program).because(failure.headline()),
        };
        let failure = failure.note("why", why).note("kernel", Errno::EINVAL.to_string());
        helps.into_iter().fold(failure, |failure, help| failure.note("help", help))
    }

    /// For which frames the programs are loaded that use it.
    pub fn buffers(&self) -> Outcome<Buffers> {
        if machine::target()?.buffers == Buffers::Single {
            return Ok(Buffers::Single);
        }
        match self.programs.takes_callers(loader::Buffers::Multi) {
            Ok(true) => Ok(Buffers::Multi),
            Ok(false) => Ok(Buffers::Single),
            Err(errno) => Err(Failure::refused(format!(
                "cannot tell which programs may use the slot: {errno}"
            ))),
        }
    }

    /// The kernel does not let the programs that use it call that one.
    fn unlike(&self, program: &Program) -> Failure {
        let id = program_id(program).unwrap_or(0);
        let buffers = self.buffers().map_or(machine::buffers(), machine::loaded_for);
        let unlike = program.unlike(buffers);
        let failure = Failure::refused(
            "the policy cannot go on to that program: the kernel refuses the tail call",
        )
        .note("found", describe_program(id))
        .note("why", unlike.to_string())
        .note("kernel", Errno::EINVAL.to_string())
        .note("help", format!("{}; nothing has been changed", unlike.help()));
        match unlike {
            Unlike::Buffers(loader::Buffers::Single) => failure.note("help", "or `--one-buffer` loads the policy as that program is; drivers then refuse it on interfaces with a large MTU"),
            _ => failure,
        }
    }

    /// Empties it; whether there was a program.
    pub fn clear(&self) -> Outcome<bool> {
        Ok(self.programs.clear_program(0)?)
    }

    /// Puts back the program of a number, which may be asked only of whoever may open programs by it.
    pub fn back_to(&self, before: Option<u32>) -> Result<(), String> {
        let program = before.map(Program::by_id).transpose().map_err(|errno| errno.to_string())?;
        self.put(program.as_ref()).map_err(|failure| failure.headline().to_owned())
    }

    /// The same with a program or none.
    pub fn put(&self, program: Option<&Program>) -> Outcome {
        match program {
            Some(program) => self.set(program),
            None => self.clear().map(drop),
        }
    }
}

/// What comes behind a policy, as commands show it.
pub enum Seen {
    /// The stack: there is no slot.
    Stack,
    /// The stack: the slot is empty.
    Empty,
    /// The program of that number.
    Program {
        /// Its number.
        id: u32,
        /// The policy that it is of.
        policy: Option<Name>,
        /// What else is known of it: name and tag.
        known: Option<(String, String)>,
    },
}

impl Seen {
    /// What comes behind the program in force.
    pub fn of(at: &PolicyDir, program: &Program) -> Outcome<Self> {
        let Some(slot) = Slot::find(at, program)? else { return Ok(Self::Stack) };
        let Some(id) = slot.holds()? else { return Ok(Self::Empty) };
        Ok(Self::Program { id, policy: policy_behind(at, id), known: known(id) })
    }

    /// A program that is no policy's.
    pub fn by_number(id: u32) -> Self {
        Self::Program { id, policy: None, known: known(id) }
    }

    /// As documents say it.
    pub fn json(&self) -> Value {
        match self {
            Self::Stack => Value::Null,
            Self::Empty => json!({"program": null}),
            Self::Program { id, policy, known } => {
                let (name, tag) = known.clone().unzip();
                let policy = policy.as_ref().map(Name::as_str);
                json!({"program": {"id": id, "name": name, "tag": tag, "policy": policy}})
            }
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Stack => "the stack; the policy has no slot for a program".to_owned(),
            Self::Empty => "the stack; the slot is empty".to_owned(),
            Self::Program { id, policy: Some(policy), .. } => {
                format!("policy `{policy}`, {}", describe_program(*id))
            }
            Self::Program { id, .. } => describe_program(*id),
        }
    }
}

/// Name and tag of a program, for whoever may ask.
fn known(id: u32) -> Option<(String, String)> {
    let info = Program::by_id(id).and_then(|program| program.info()).ok();
    info.map(|info| (info.name, info.tag.to_string()))
}

/// The failure of whoever needs a slot.
pub fn no_slot(name: &Name) -> Failure {
    Failure::no(format!("nothing comes behind the policy `{name}`: what passes goes to the stack"))
        .note("help", format!("`{}` puts a program there", typed(name, "next set PIN")))
}
