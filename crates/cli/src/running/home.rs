//! The directory of a policy in bpffs; its pins are told by `pins.rs`.
//!
//! Whoever reads is led to the policy that is in force: where a trial has ended unconfirmed, that is
//! the one under `old:`, whatever is pinned in the first place until somebody may write again.

use std::path::Path;
use std::time::Duration;

use palisade_filter::plan::{CONTROL, Control};
use palisade_filter::{Mode, Name, SetKind};
use palisade_loader::{Access, Insert, Locked, Map, MapHandle, PinDir, PinError, Program};

use super::before;
use super::object;
use super::pins::{HOME, MAPS, ON_THE_WAY, PROGRAM};
use super::program::{map_ids, program_id};
use super::set::OpenSet;
use super::trial::{Deadline, Found, Trial};
use super::typed::typed;
use crate::failure::{Failure, Outcome};

/// What to do about pins that do not belong together.
pub(super) const CUT_SHORT: &str = "a change of the policy was cut short; the next `palisade attach` or `palisade apply` puts it right";

/// The directory of a policy.
pub struct PolicyDir {
    /// The policy's name.
    pub name: Name,
    /// The directory of its pins.
    pub dir: PinDir,
    /// The trial that has ended unconfirmed; `dir` is then that of the policy before.
    pub undone: Option<Undone>,
    home: PinDir,
    bpffs: PinDir,
}

/// A trial that has ended unconfirmed.
pub struct Undone {
    /// How long ago.
    pub since: Duration,
    /// The program that was on trial, which hands every packet to the one before it.
    program: Program,
}

impl PolicyDir {
    /// The directory of the policy, if there is one.
    pub fn find(bpffs: &Path, name: &Name) -> Outcome<Option<Self>> {
        let bpffs = PinDir::open_root(bpffs)?;
        let Some(home) = bpffs.subdir(HOME)? else { return Ok(None) };
        let dir = home.subdir(name.as_str())?;
        Ok(dir.map(|dir| Self { name: name.clone(), dir, undone: None, home, bpffs }))
    }

    /// The same; an error if there is none, or a loaded object in its place.
    pub fn found(bpffs: &Path, name: &Name) -> Outcome<Self> {
        let found = Self::find(bpffs, name)?.ok_or_else(|| absent(bpffs, name))?;
        found.refuse_object()?;
        Ok(found)
    }

    /// Whether what is pinned is an object that was loaded.
    pub fn is_object(&self) -> bool {
        object::is_object(&self.dir)
    }

    /// An error where it is.
    pub(super) fn refuse_object(&self) -> Outcome {
        if self.is_object() { Err(object::no_policy(&self.name)) } else { Ok(()) }
    }

    /// The same with the pins of the policy before, where a trial has ended unconfirmed.
    pub(super) fn in_force(self) -> Outcome<Self> {
        let Some(Trial::Over { since }) = self.trial()? else { return Ok(self) };
        let (Some(program), Some((dir, _))) = (self.program()?, before::kept(&self)?) else {
            return Ok(self);
        };
        Ok(Self { dir, undone: Some(Undone { since, program }), ..self })
    }

    /// How the trial of the program stands; `None` if it is not on trial, or the caller may not
    /// ask.
    pub fn trial(&self) -> Outcome<Option<Trial>> {
        match self.deadline()? {
            Found::Trial(deadline) => deadline.trial().map(Some),
            Found::None | Found::Closed => Ok(None),
        }
    }

    /// The number of the program whose trial has ended unconfirmed.
    pub fn undone_program(&self) -> Option<u32> {
        program_id(&self.undone.as_ref()?.program).ok()
    }

    /// The deadline of the program, if it is on trial.
    pub fn deadline(&self) -> Outcome<Found> {
        match self.dir.subdir(MAPS)? {
            Some(maps) => Deadline::find(&maps, || self.program()),
            None => Ok(Found::None),
        }
    }

    /// The directory of the policy, made if there is none; `None` if the directory above it was
    /// removed meanwhile.
    fn make(bpffs: &Path, name: &Name) -> Outcome<Option<Self>> {
        let bpffs = PinDir::open_root(bpffs)?;
        let home = bpffs.ensure_subdir(HOME, Access::Owner)?;
        match home.ensure_subdir(name.as_str(), Access::Owner) {
            Ok(dir) => Ok(Some(Self { name: name.clone(), dir, undone: None, home, bpffs })),
            Err(PinError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory of the policy that is in force, and the lock that writers hold: nothing that
    /// is opened from now on changes under the caller's hands.
    pub fn locked(bpffs: &Path, name: &Name) -> Outcome<(Self, Locked)> {
        loop {
            let at = Self::found(bpffs, name)?;
            if let Some(lock) = at.lock()? {
                return Ok((at, lock));
            }
        }
    }

    /// The same for a policy that may not be there yet: its directory is made.
    pub fn made_and_locked(bpffs: &Path, name: &Name) -> Outcome<(Self, Locked)> {
        loop {
            let Some(at) = Self::make(bpffs, name)? else { continue };
            if let Some(lock) = at.lock()? {
                return Ok((at, lock));
            }
        }
    }

    /// The lock; `None` if the directory was removed while it was waited for.
    pub(super) fn lock(&self) -> Outcome<Option<Locked>> {
        let lock = match self.dir.lock() {
            Err(PinError::Missing { .. }) => return Ok(None),
            other => other?,
        };
        let there = self.home.subdir(self.name.as_str())?;
        let same = there.map(|there| there.is(&self.dir)).transpose()?.unwrap_or(false);
        Ok(same.then_some(lock))
    }

    /// Every policy and object that has a directory, with the pins of what was put in force last.
    pub fn all(bpffs: &Path) -> Outcome<Vec<Self>> {
        let Some(home) = PinDir::open_root(bpffs)?.subdir(HOME)? else { return Ok(Vec::new()) };
        let names = home.names()?;
        let found = names.iter().filter_map(|name| name.parse::<Name>().ok());
        let mut all = Vec::new();
        for name in found {
            all.extend(Self::find(bpffs, &name)?);
        }
        Ok(all)
    }

    /// Where its bpf file system is.
    pub fn bpffs(&self) -> &Path {
        self.bpffs.path()
    }

    /// The names of all policies and objects, itself among them.
    pub fn names_beside(&self) -> Result<Vec<Name>, PinError> {
        Ok(self.home.names()?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// The directory of another one, if there is one of that name.
    pub fn beside(&self, name: &Name) -> Result<Option<PinDir>, PinError> {
        self.home.subdir(name.as_str())
    }

    /// The same, to be asked as this one is.
    pub fn find_beside(&self, name: &Name) -> Outcome<Option<Self>> {
        Self::find(self.bpffs(), name)
    }

    /// The directory of the maps.
    pub fn maps(&self) -> Outcome<PinDir> {
        self.dir.subdir(MAPS)?.ok_or_else(|| {
            Failure::usage(format!("the policy `{}` has no maps", self.name))
                .note("help", CUT_SHORT)
        })
    }

    /// The program, if it is pinned.
    pub fn program(&self) -> Outcome<Option<Program>> {
        match Program::open(&self.dir, PROGRAM) {
            Ok(program) => Ok(Some(program)),
            Err(PinError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The set of that name; an error that names the others if there is none.
    pub fn set(&self, name: &Name) -> Outcome<OpenSet> {
        let maps = self.maps()?;
        match OpenSet::open(&maps, name.as_str())? {
            Some(set) => Ok(set),
            None => {
                let sets: Vec<String> = self.set_names()?.iter().map(Name::to_string).collect();
                Err(Failure::usage(format!("the policy `{}` has no set `{name}`", self.name))
                    .note("help", format!("it has: {}", sets.join(", "))))
            }
        }
    }

    /// The names of the sets, by their pins.
    pub fn set_names(&self) -> Outcome<Vec<Name>> {
        set_names(&self.maps()?)
    }

    /// The set that takes items of a kind when none is named.
    pub fn default_set(&self, kind: SetKind) -> Outcome<Name> {
        let usual = match kind {
            SetKind::Net => "block",
            SetKind::Service => "ports",
            SetKind::Mac => "macs",
            SetKind::Host => "banned",
        };
        let usual: Name = usual.parse().expect("a name");
        if self.set_names()?.contains(&usual) {
            return Ok(usual);
        }
        let sets: Vec<String> = self.set_names()?.iter().map(Name::to_string).collect();
        Err(Failure::usage(format!("the policy `{}` has no set `{usual}`", self.name))
            .note("help", format!("say which with --set: {}", sets.join(", "))))
    }

    /// What the program does with its verdicts.
    pub fn mode(&self) -> Outcome<Mode> {
        let words = self.control()?.get(&0)?.unwrap_or_default();
        // The program drops nothing either where somebody has put a word there that is no mode.
        Ok(Control::from_words(words).known_mode().unwrap_or(Mode::Shadow))
    }

    /// Sets what the program does with its verdicts.
    pub fn set_mode(&self, mode: Mode) -> Outcome {
        let control = self.control()?;
        let now = Control::from_words(control.get(&0)?.unwrap_or_default());
        let wanted = Control { mode: mode.code().into(), ..now };
        Ok(control.insert(&0, &wanted.words(), Insert::Any)?)
    }

    fn control(&self) -> Outcome<Map<u32, [u64; 3]>> {
        let program = self.program()?.ok_or_else(|| self.no_program())?;
        Ok(Map::new(self.map_of(&program, CONTROL)?)?)
    }

    /// The pinned map of that name, which must be one that the program uses: a map of the right
    /// shape could be another one's.
    pub(super) fn map_of(&self, program: &Program, name: &str) -> Outcome<MapHandle> {
        let handle = MapHandle::open(&self.maps()?, name)?;
        if !map_ids(program)?.contains(&handle.info()?.id) {
            let path = self.dir.path().join(MAPS).join(name);
            return Err(Failure::refused(format!(
                "{} is not a map of the program",
                path.display()
            ))
            .note("help", CUT_SHORT));
        }
        Ok(handle)
    }

    /// The failure of whoever needs a program.
    pub fn no_program(&self) -> Failure {
        Failure::usage(format!("the policy `{}` has no program", self.name)).note("help", CUT_SHORT)
    }

    /// The programs of a change that is under way: interfaces carry one of them before its pin is
    /// in its place.
    pub fn on_the_way(&self) -> Outcome<Vec<Program>> {
        let mut programs = Vec::new();
        for name in ON_THE_WAY {
            let Some(dir) = self.dir.subdir(name)? else { continue };
            match Program::open(&dir, PROGRAM) {
                Ok(program) => programs.push(program),
                Err(PinError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(programs)
    }

    /// The numbers of the program in force, of the one on trial that hands on to it, and of those that
    /// are about to take its place.
    pub fn numbers(&self, program: &Program) -> Outcome<Vec<u32>> {
        let undone = self.undone.iter().map(|undone| &undone.program);
        let on_the_way = self.on_the_way()?;
        undone.chain(&on_the_way).chain([program]).map(program_id).collect()
    }

    /// Lets a group reach the directory. The directory of all policies is open to the group that
    /// was let in last.
    pub fn share(&self, access: Access) -> Outcome {
        self.home.set_access(self.name.as_str(), access)?;
        if let Access::Group(_) = access {
            self.bpffs.set_access(HOME, access)?;
        }
        Ok(())
    }

    /// Removes all pins of the policy, and the directory of all policies with the last one.
    pub fn remove(self) -> Outcome {
        self.home.remove_tree(self.name.as_str())?;
        if self.home.names()?.is_empty() {
            self.bpffs.remove_subdir(HOME)?;
        }
        Ok(())
    }
}

/// The failure of whoever means a policy that is not there.
fn absent(bpffs: &Path, name: &Name) -> Failure {
    let failure = Failure::usage(format!("no policy `{name}` is in force"));
    let others = PolicyDir::all(bpffs).unwrap_or_default();
    let others: Vec<Name> =
        others.into_iter().filter(|at| !at.is_object()).map(|at| at.name).collect();
    match others.first() {
        None => {
            let attach = typed(name, "attach DEV");
            failure.note(
                "help",
                format!("`{attach}` puts the built-in one there, `-p FILE.pal` another"),
            )
        }
        Some(first) => {
            let names: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
            failure
                .note("found", format!("there is {}", names.join(", ")))
                .note("help", format!("say which is meant, as with `--policy-name {first}`"))
        }
    }
}

/// The names of the sets whose maps are pinned in a directory.
pub fn set_names(maps: &PinDir) -> Outcome<Vec<Name>> {
    let mut names: Vec<Name> = maps.names()?.iter().filter_map(|name| name.parse().ok()).collect();
    names.sort();
    Ok(names)
}
