//! A policy in the kernel for a measurement: compiled, its sets made and filled, loaded, and neither
//! pinned nor attached.
//!
//! It is what `attach` loads: the same compiler for the same machine, the same maps. How a set is
//! held is the set's own business.

use palisade_filter::plan::{CONTROL, Tenure};
use palisade_filter::value::{Prefix, in_order};
use palisade_filter::{Item, Mode, Policy, Verdict};
use palisade_loader::{Insert, LoadOptions, Map, MapHandle, Program, TestRun};

use super::refused;
use crate::failure::{Failure, Outcome};
use crate::machine;
use crate::running::compiled::Compiled;
use crate::running::set::{End, Entry, Now, OpenSet};

/// A policy's program and its sets.
pub struct Loaded {
    pub program: Program,
    sets: Vec<(String, OpenSet)>,
}

impl Loaded {
    /// Loads a policy with sets that are empty.
    pub fn new(text: &str) -> Outcome<Self> {
        let policy =
            palisade_filter::parse(text).map_err(|wrong| Failure::text("bench", text, &wrong))?;
        Self::of(&policy, "", &[])
    }

    /// Loads a policy with these entries in one of its sets.
    pub fn filled(text: &str, filled: &str, prefixes: &[Prefix]) -> Outcome<Self> {
        let policy =
            palisade_filter::parse(text).map_err(|wrong| Failure::text("bench", text, &wrong))?;
        Self::of(&policy, filled, prefixes)
    }

    fn of(policy: &Policy, filled: &str, prefixes: &[Prefix]) -> Outcome<Self> {
        let compiled = Compiled::new(policy, machine::target()?, Tenure::Standing)?;
        let set = |set: &palisade_filter::policy::Set| {
            let name = set.name.as_str();
            let prefixes = if name == filled { prefixes } else { &[] };
            let items = prefixes.iter().map(|prefix| Item::Net(*prefix));
            let open = OpenSet::create(set, items.clone())?;
            let now = Now::read()?;
            let entries = items.map(|item| Entry::new(item, End::Never, now)).collect();
            open.fill(&in_order(entries, |entry| entry.item))?;
            Ok((name.to_owned(), open))
        };
        let sets = policy.sets().iter().map(set).collect::<Outcome<Vec<_>>>()?;
        let maps = maps(&compiled, &sets)?;
        let options =
            LoadOptions { name: "bench_policy", license: c"GPL", buffers: machine::buffers() };
        let program = Program::load(&compiled.image, &maps, &options)?;
        Ok(Self { program, sets })
    }

    /// Whether the program says of a frame what is right.
    pub fn check(&self, frame: &[u8], right: Verdict) -> Outcome {
        let run = TestRun { packet: frame, repeat: 1, ingress: None };
        let result = self.program.test_run(&run);
        let verdict = result.map_err(|errno| refused("run a program on a frame", errno))?.retval;
        if verdict == right.code().unsigned_abs() {
            return Ok(());
        }
        Err(Failure::bug(format!("the verdict is {verdict}, and {} is right", right.word())))
    }

    /// The bytes that the maps of a set take in the kernel.
    pub fn memory(&self, set: &str) -> Outcome<u64> {
        self.set(set)?.memory()
    }

    fn set(&self, name: &str) -> Outcome<&OpenSet> {
        let found = self.sets.iter().find(|(set, _)| set == name);
        found.map(|(_, set)| set).ok_or_else(|| Failure::bug(format!("no set `{name}`")))
    }
}

/// The maps of the program in its order: those of the sets, and new ones with what must be in them.
fn maps(compiled: &Compiled, sets: &[(String, OpenSet)]) -> Outcome<Vec<MapHandle>> {
    let artifact = &compiled.artifact;
    let of_sets: Vec<&MapHandle> = sets.iter().flat_map(|(_, set)| set.handles()).collect();
    let mut maps = Vec::new();
    for decl in &artifact.maps {
        maps.push(match of_sets.iter().find(|handle| handle.name() == decl.name) {
            Some(handle) => handle.try_clone()?,
            None => MapHandle::create(decl)?,
        });
    }
    for filling in &artifact.fillings {
        if let Some(map) = maps.get(filling.map) {
            map.fill(&filling.entries)?;
            map.freeze()?;
        }
    }
    if let Some(control) = maps.iter().find(|map| map.name() == CONTROL) {
        let control: Map<u32, [u64; 3]> = Map::new(control.try_clone()?)?;
        control.insert(&0, &machine::control(Mode::Enforce)?.words(), Insert::Any)?;
    }
    Ok(maps)
}
