//! A policy with its program: what its pins tell, and what the kernel tells of who carries it.

use palisade_filter::plan::{self, COUNTERS, DEVICES};
use palisade_filter::{Name, Policy, Row, structure};
use palisade_loader::{MapHandle, PinDir, Program};

use super::counters::Counters;
use super::fronts;
use super::home::PolicyDir;
use super::meta::Meta;
use super::outlets::Outlets;
use super::pins::META;
use super::program::{Carrier, carriers_of_any, map_ids};
use super::reach::{self, InFront};
use crate::failure::{Failure, Outcome};

/// A policy with its program, its text and its counters.
pub struct Running<'a> {
    /// Its directory.
    pub at: &'a PolicyDir,
    /// The facts.
    pub meta: Meta,
    /// The policy.
    pub policy: Policy,
    /// The rows of its counters.
    pub rows: Vec<Row>,
    /// The program.
    pub program: Program,
}

impl<'a> Running<'a> {
    /// The policy in `at`; `None` if there is no program.
    pub fn open(at: &'a PolicyDir) -> Outcome<Option<Self>> {
        let Some(program) = at.program()? else { return Ok(None) };
        let meta = Meta::open(&at.dir)?;
        let policy = palisade_filter::parse(&meta.text)
            .map_err(|wrong| Failure::text(META, &meta.text, &wrong))?;
        let rows = plan::rows(&policy);
        Ok(Some(Self { at, meta, policy, rows, program }))
    }

    /// The policy in `at`; an error if there is no program.
    pub fn get(at: &'a PolicyDir) -> Outcome<Self> {
        Self::open(at)?.ok_or_else(|| at.no_program())
    }

    /// The interfaces that carry the program, the one on trial that hands on to it, or one that is
    /// about to take its place, as the kernel tells.
    pub fn interfaces(&self) -> Outcome<Vec<Carrier>> {
        carriers_of_any(&self.numbers()?)
    }

    /// The policies in whose slots the program stands, or one of those beside it: also in a slot that
    /// only a return of the policy in front leads to.
    pub fn fronts(&self) -> Outcome<Vec<Name>> {
        let mut names: Vec<Name> = Vec::new();
        for front in fronts::fronts(self.at, &self.numbers()?)? {
            if !names.contains(&front.policy) {
                names.push(front.policy);
            }
        }
        Ok(names)
    }

    /// The policies in force that hand on to it.
    pub fn in_front(&self) -> Outcome<Vec<InFront>> {
        let fronts = reach::fronts_in_force(self.at, &self.numbers()?)?;
        let told =
            |front: reach::Front| Ok(InFront { reach: front.reach()?, policy: front.at.name });
        fronts.into_iter().map(told).collect()
    }

    fn numbers(&self) -> Outcome<Vec<u32>> {
        self.at.numbers(&self.program)
    }

    /// Whether it redirects to these interfaces, if they are told.
    pub fn redirects_to(&self, outlets: Option<&Outlets>) -> Outcome<bool> {
        match outlets {
            Some(outlets) if !self.policy.outlets().is_empty() => {
                outlets.are_in(&self.at.map_of(&self.program, DEVICES)?)
            }
            Some(_) | None => Ok(true),
        }
    }

    /// Whether a pinned map is one of the program, or of a set of the policy: not every map of a
    /// set is looked at by the program.
    pub fn uses(&self, map: &MapHandle) -> Outcome<bool> {
        let of_set = |set| structure::maps(set).iter().any(|decl| decl.name == map.name());
        Ok(self.policy.sets().iter().any(of_set)
            || map_ids(&self.program)?.contains(&map.info()?.id))
    }

    /// Unlinks every pin of a map that the policy does not use.
    pub fn unlink_unused(&self, maps: &PinDir) -> Outcome {
        for name in maps.names()? {
            if !self.uses(&MapHandle::open(maps, &name)?)? {
                maps.unlink(&name)?;
            }
        }
        Ok(())
    }

    /// The counters, opened once for many readings.
    pub fn counters(&self) -> Outcome<Counters> {
        Counters::open(self.at.map_of(&self.program, COUNTERS)?, self.rows.len())
    }
}
