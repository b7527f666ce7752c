//! Putting a policy in force: compile, carry its sets over, load, attach, publish.
//!
//! Interfaces that carry the old program get the new one in its place, each by one exchange that
//! names the program it expects: no packet goes unfiltered. When an exchange fails, those before
//! it are undone, and the old policy stays as it was. Until the exchange nothing that is in force
//! has been touched.

use std::collections::BTreeMap;
use std::time::Duration;

use palisade_asm::ByteOrder;
use palisade_asm::btf::ProgramBtf;
use palisade_filter::plan::{BEFORE, DEADLINE, SLOT};
use palisade_filter::{Name, Neighbours, Next, Policy, Target, Tenure};
use palisade_loader::xdp::Mode;
use palisade_loader::{Access, IfIndex, LoadError, LoadOptions, Program};

use super::before;
use super::compiled::Compiled;
use super::contents::{Contents, Fate, PlannedSet, fill_all};
use super::exchange::{Change, Device, Place, Placed, Replaced};
use super::fronts::is_called;
use super::home::PolicyDir;
use super::in_force::Running;
use super::maps::Maps;
use super::meta::{self, Meta};
use super::next::{Behind, Slot};
use super::outlets::Outlets;
use super::publish::{self, Pins, Staged};
use super::repro::Refusal;
use super::trial::{Deadline, Found, Trial};
use super::typed::typed;
use crate::failure::{Failure, Outcome};
use crate::judging::Lists;
use crate::machine;

/// What is to be in force.
pub struct Wanted<'a> {
    /// The text.
    pub text: &'a str,
    /// The text, parsed.
    pub policy: &'a Policy,
    /// Interfaces that shall carry it, besides those that carry it now.
    pub devices: &'a [Device],
    /// The policy that it shall come behind, besides those that it comes behind now.
    pub front: Option<&'a Place>,
    /// Who may edit the sets; `None` leaves it as it is.
    pub access: Option<Access>,
    /// What the text puts into its sets; `None` leaves what they hold as it is.
    pub lists: Option<&'a Lists>,
    /// Sets whose entries are replaced: what each is to hold, given what it holds now.
    pub contents: BTreeMap<Name, Contents<'a>>,
    /// How long it is on trial; `None`: it stays.
    pub trial: Option<Duration>,
    /// What comes behind it.
    pub behind: Behind<'a>,
}

impl<'a> Wanted<'a> {
    /// That policy on the interfaces that carry the old one, with its sets as they are, to stay.
    pub fn new(text: &'a str, policy: &'a Policy) -> Self {
        let contents = BTreeMap::new();
        Self {
            text,
            policy,
            devices: &[],
            front: None,
            access: None,
            lists: None,
            contents,
            trial: None,
            behind: Behind::Same,
        }
    }
}

/// What has been done.
pub struct Installed {
    /// Where the program is attached now, for each device that was asked for.
    pub devices: Vec<Placed>,
    /// Where the new program has taken the place of the old one.
    pub replaced: Replaced,
}

/// Puts `wanted` in force in `at`. The caller holds the lock and has recovered the pins.
pub fn install(at: &PolicyDir, wanted: Wanted<'_>) -> Outcome<Installed> {
    Prepared::new(at, wanted)?.install()
}

/// A policy that is ready to be put in force; nothing has been changed yet.
pub struct Prepared<'a> {
    at: &'a PolicyDir,
    /// The policy in force.
    pub old: Option<Running<'a>>,
    /// The sets of the new one.
    pub sets: Vec<PlannedSet<'a>>,
    text: &'a str,
    policy: &'a Policy,
    devices: &'a [Device],
    front: Option<&'a Place>,
    access: Option<Access>,
    lists: Option<&'a Lists>,
    /// The interfaces that it redirects to; none where those are meant that it redirects to now.
    outlets: Option<Outlets>,
    behind: Behind<'a>,
    work: Work,
}

/// What there is to do.
enum Work {
    /// That very program runs already, with the maps that it shall have.
    Nothing {
        /// It is on trial, and shall be for that time from now.
        anew: Option<Duration>,
    },
    /// A new program takes the place of the old one, or of none.
    Renew {
        compiled: Box<Compiled>,
        trial: Option<Duration>,
        /// Whether a return shall lead to the policy that is in force now.
        keep: Keep,
    },
}

/// Which of the interfaces that a policy redirects to are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Those that carry it.
    Own,
    /// The others.
    Strangers,
}

/// Which policy a return shall lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// The one that is in force.
    Old,
    /// The one that is kept already, if any.
    Kept,
}

impl<'a> Prepared<'a> {
    /// Compiles the policy and looks at what has to change.
    pub fn new(at: &'a PolicyDir, wanted: Wanted<'a>) -> Outcome<Self> {
        let old = Running::open(at)?;
        if let Some(old) = &old {
            old.meta.of_this_namespace(&at.name)?;
        }
        let Wanted { text, policy, devices, front, access, lists, contents, trial, behind } =
            wanted;
        let program = old.as_ref().map(|old| &old.program);
        let (next, target) = (behind.next(at, program)?, behind.target(at, program)?);
        let replaced = !contents.is_empty();
        let sets = PlannedSet::all(at, old.as_ref(), policy, lists, contents)?;
        let goes_on = old.as_ref().is_some_and(|old| old.meta.text == text)
            && lists.is_none()
            && devices.is_empty();
        let outlets = if goes_on { None } else { Some(Outlets::find(policy)?) };
        let work = match &old {
            Some(old) if old.meta.text == text => {
                let carried = !replaced && sets.iter().all(|set| set.fate == Fate::Carried);
                let carried = carried && old.redirects_to(outlets.as_ref())?;
                again(at, old, (policy, next, target), (carried, lists.is_some()), trial)?
            }
            _ => {
                let tenure = trial.map_or(Tenure::Standing, |_| Tenure::OnTrial);
                let neighbours = Neighbours { tenure, next };
                let compiled = Box::new(Compiled::new(policy, target, neighbours)?);
                // What is on trial is not what anybody wants to return to.
                let on_trial = matches!(at.trial()?, Some(Trial::On { .. }));
                let keep = if on_trial { Keep::Kept } else { Keep::Old };
                Work::Renew { compiled, trial, keep }
            }
        };
        Ok(Self {
            at,
            old,
            sets,
            text,
            policy,
            devices,
            front,
            access,
            lists,
            outlets,
            behind,
            work,
        })
    }

    /// Whether the program in force stays.
    pub fn is_in_force(&self) -> bool {
        matches!(self.work, Work::Nothing { .. })
    }

    /// For how long the trial is to go on from now of the very policy that is on trial already.
    pub fn trial_anew(&self) -> Option<Duration> {
        match self.work {
            Work::Nothing { anew } => anew,
            Work::Renew { .. } => None,
        }
    }

    /// Whether some interface gets another program than it has.
    pub fn reaches_more(&self) -> Outcome<bool> {
        let Some(old) = self.old.as_ref().filter(|_| self.is_in_force() && self.front.is_none())
        else {
            return Ok(true);
        };
        let carriers = old.interfaces()?;
        let carries = |device: &Device| carriers.iter().any(|c| c.link.index == device.link.index);
        Ok(!self.devices.iter().all(carries))
    }

    /// Where the program would be exchanged.
    pub fn to_replace(&self) -> Outcome<Replaced> {
        match (&self.old, &self.work) {
            (Some(old), Work::Renew { .. }) => {
                let links = old.interfaces()?.into_iter().map(|carrier| carrier.link).collect();
                Ok(Replaced { links, behind: old.fronts()? })
            }
            _ => Ok(Replaced::default()),
        }
    }

    /// Loads the program, to have it verified, and forgets it.
    pub fn rehearse(self) -> Outcome {
        match &self.work {
            Work::Nothing { .. } => Ok(()),
            Work::Renew { compiled, .. } => self.load(compiled).map(drop),
        }
    }

    /// Puts it in force.
    pub fn install(self) -> Outcome<Installed> {
        match &self.work {
            Work::Renew { compiled, trial, keep } => self.renew(compiled, *trial, *keep),
            Work::Nothing { anew } => {
                let old =
                    self.old.as_ref().ok_or_else(|| Failure::bug("no program is in force"))?;
                if let (Some(time), Found::Trial(deadline)) = (anew, self.at.deadline()?) {
                    deadline.set(*time)?;
                }
                self.check_outlets(Which::Strangers)?;
                let devices = self.place(old)?;
                if let Some(access) = self.access {
                    publish::share(self.at, access)?;
                }
                Ok(Installed { devices, replaced: Replaced::default() })
            }
        }
    }

    /// The program in force on further interfaces, with what is to come behind it.
    fn place(&self, old: &Running<'_>) -> Outcome<Vec<Placed>> {
        let mut change = Change::new(self.at, None, &old.program);
        let (Behind::Slot(next, _), Some(slot)) = (self.behind, Slot::find(self.at, &old.program)?)
        else {
            return self.place_by(&mut change);
        };
        let before = slot.holds()?;
        slot.put(next)?;
        self.place_by(&mut change).map_err(|failure| match slot.back_to(before) {
            Ok(()) => failure,
            Err(also) => failure.note("found", format!("what comes next stays: {also}")),
        })
    }

    /// What a change makes of the wishes for further places. An interface that carries the program
    /// itself may take redirected frames only from then on.
    fn place_by(&self, change: &mut Change<'_>) -> Outcome<Vec<Placed>> {
        let placed = change.place_all(self.devices)?;
        self.front.map_or(Ok(()), |front| change.place_behind(front))?;
        self.check_outlets(Which::Own).map_err(|failure| change.take_back(failure))?;
        Ok(placed)
    }

    fn load(&self, compiled: &Compiled) -> Outcome<(Program, Maps)> {
        let Compiled { artifact, image, .. } = compiled;
        let same_text = self.old.as_ref().is_some_and(|old| old.meta.text == self.text);
        let outlets = self.outlets.as_ref();
        let maps = Maps::gather(self.at, artifact, &self.sets, same_text, outlets, self.behind)?;
        let name = program_name(&self.at.name);
        let buffers = machine::loaded_for(compiled.target.buffers);
        let options = LoadOptions { name: &name, license: c"Dual MIT/GPL", buffers };
        let handles = maps.handles()?;
        let file = format!("{}.pal", self.at.name);
        let loaded = match ProgramBtf::new(image, &file, ByteOrder::HOST) {
            Ok(btf) => Program::load_described(image, &handles, &options, &btf),
            Err(_) => Program::load(image, &handles, &options),
        };
        let program = loaded.map_err(|error| self.refused(error, compiled))?;
        // The array takes what is like the first program that it met, which has to be this one.
        if let Behind::Slot(Some(next), _) = self.behind {
            Slot::of(maps.get(SLOT)?.try_clone()?).set(next)?;
        }
        Ok((program, maps))
    }

    /// The verifier's refusal is a bug of the compiler, unless the caller lacks rights or memory.
    fn refused(&self, error: LoadError, compiled: &Compiled) -> Failure {
        if error.log().is_none() {
            return error.into();
        }
        if error.is_about_tails() {
            return Failure::refused(
                "this kernel lets a program that looks IPv6 addresses up in sets go on to no other one",
            )
            .note("kernel", error.log().and_then(|log| log.summary()).unwrap_or_default())
            .note("help", "do without `--next` and `--confirm`; or let the kernel compile programs (`sysctl net.core.bpf_jit_enable=1`), which it can do with tail calls from Linux 5.10 on, on arm64 from 6.0 on");
        }
        let (text, policy) = (self.text, self.policy);
        Refusal { error: &error, text, policy, compiled }.saved()
    }

    /// A new program in the place of the old one, or of none.
    fn renew(
        &self,
        compiled: &Compiled,
        trial: Option<Duration>,
        keep: Keep,
    ) -> Outcome<Installed> {
        let Self { at, old, lists, .. } = self;
        self.check_outlets(Which::Strangers)?;
        let (program, maps) = self.load(compiled)?;
        maps.set_clock()?;
        let trial = match trial {
            Some(time) => Some((self.return_path(&maps, keep)?, time)),
            None => None,
        };
        let meta = Meta::new(&compiled.image, self.text)?.create()?;
        let fresh = maps.fresh(&self.sets);
        let before = old.as_ref().filter(|_| keep == Keep::Old);
        let pins = Pins { maps: &fresh, meta: &meta, program: &program, before };
        if old.is_none() {
            // What an earlier policy of this name has left is not what a return shall lead to.
            before::forget(at)?;
        }
        let staged = Staged::stage(at, &pins)?;

        let mut change = Change::new(at, old.as_ref().map(|old| &old.program), &program);
        // The sets are filled last, so that as few hits as can be are lost between the reading of
        // an entry's counters and the exchange; and the time of a trial begins with the exchange.
        let placed = fill_all(&self.sets, *lists)
            .and_then(|()| self.access.map_or(Ok(()), |access| at.share(access)))
            .and_then(|()| trial.as_ref().map_or(Ok(()), |(deadline, time)| deadline.set(*time)))
            .and_then(|()| change.replace_all())
            .and_then(|replaced| Ok((replaced, self.place_by(&mut change)?)));
        let (replaced, devices) = match placed {
            Ok(placed) => placed,
            Err(failure) => {
                // Where an interface kept the program, its pins are what the next command goes on
                // with.
                let none = is_called(at, &program).is_ok_and(|called| !called);
                let left = if none { staged.discard() } else { Ok(()) };
                return Err(match left {
                    Ok(()) => failure,
                    Err(also) => failure.note("found", also.to_string()),
                });
            }
        };
        staged.publish()?;
        Ok(Installed { devices, replaced })
    }

    /// The interfaces that carry the program in native mode, or are to.
    fn native(&self) -> Outcome<Vec<IfIndex>> {
        let carriers = match &self.old {
            Some(old) => old.interfaces()?,
            None => Vec::new(),
        };
        let carriers = carriers.into_iter().filter(|carrier| carrier.mode == Mode::Native);
        let asked = self.devices.iter().filter(|device| device.modes.contains(&Mode::Native));
        let asked = asked.map(|device| device.link.index);
        Ok(carriers.map(|carrier| carrier.link.index).chain(asked).collect())
    }

    /// Refuses interfaces that do not take what is redirected to them in native mode.
    fn check_outlets(&self, which: Which) -> Outcome {
        let Some(outlets) = self.outlets.as_ref().filter(|outlets| outlets.are_any()) else {
            return Ok(());
        };
        let native = self.native()?;
        if native.is_empty() {
            return Ok(());
        }
        let own = |index: &IfIndex| native.contains(index);
        outlets.check(|index| own(&index) == (which == Which::Own))
    }

    /// Tells a program on trial where it returns to; the answer is its deadline, not set yet.
    fn return_path(&self, maps: &Maps, keep: Keep) -> Outcome<Deadline> {
        let kept = match keep {
            Keep::Kept => before::kept(self.at)?.map(|(_, program)| program),
            Keep::Old => None,
        };
        let old = kept.as_ref().or(self.old.as_ref().map(|old| &old.program));
        let old = old.ok_or_else(|| Failure::bug("a trial without a policy before it"))?;
        maps.get(BEFORE)?.set_program(0, old).map_err(|error| {
            Failure::from(error)
                .because("the program in force cannot take over from one on trial")
                .note("help", "apply the policy without `--confirm`; from then on trials work")
        })?;
        Deadline::of(maps.get(DEADLINE)?.try_clone()?)
    }
}

/// The same text once more: another program only where sets are filled anew, or where this build or
/// machine makes another one of it.
fn again(
    at: &PolicyDir,
    old: &Running<'_>,
    (policy, next, target): (&Policy, Next, Target),
    (carried, declared): (bool, bool),
    trial: Option<Duration>,
) -> Outcome<Work> {
    let on_trial = matches!(at.trial()?, Some(Trial::On { .. }));
    let tenure = if on_trial { Tenure::OnTrial } else { Tenure::Standing };
    let neighbours = Neighbours { tenure, next };
    let compiled = Compiled::new(policy, target, neighbours)?;
    if carried && meta::digest(&compiled.image) == old.meta.digest {
        return Ok(Work::Nothing { anew: trial.filter(|_| on_trial) });
    }
    if on_trial {
        return Err(Failure::refused(format!("the policy `{}` is on trial", at.name)).note(
            "help",
            format!(
                "`{}` keeps it, `{}` goes back; then again",
                typed(&at.name, "confirm"),
                typed(&at.name, "rollback")
            ),
        ));
    }
    let compiled = match trial {
        Some(_) => {
            let neighbours = Neighbours { tenure: Tenure::OnTrial, next };
            Compiled::new(policy, compiled.target, neighbours)?
        }
        None => compiled,
    };
    // A list that has changed is undone like a text; the rest is not this command's doing.
    let keep = if declared && !carried || trial.is_some() { Keep::Old } else { Keep::Kept };
    Ok(Work::Renew { compiled: Box::new(compiled), trial, keep })
}

/// The name of a policy's program in listings, of which the kernel keeps 15 characters.
pub fn program_name(policy: &Name) -> String {
    format!("palisade_{policy}").replace('-', "_")
}
