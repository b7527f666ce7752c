//! The maps of a program that is about to be loaded: which go on, and what is in those that are new.

use palisade_asm::MapDecl;
use palisade_asm::btf::MapLayout;
use palisade_filter::plan::{
    CONTROL, COUNTERS, Control, DEVICES, EVENT_STATE, EVENTS, LIMITS, SLOT, SOCKETS,
};
use palisade_filter::{Artifact, Mode};
use palisade_loader::{Insert, Map, MapError, MapHandle, PinDir, PinError};

use super::contents::PlannedSet;
use super::home::PolicyDir;
use super::next::Behind;
use super::outlets::Outlets;
use super::pins::MAPS;
use crate::failure::{Failure, Outcome};
use crate::machine;

/// The maps of a program.
pub struct Maps {
    all: Vec<(MapHandle, Age)>,
}

/// Whether a map is pinned already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Carried,
    Fresh,
}

impl Maps {
    /// The maps as declared: those of the sets, the controls that are pinned in the same shape, and
    /// new ones. The counters go on only under the same text, for their rows are its lines, and so
    /// do limits. The ring of events goes on whatever its records speak of, so that a reader reads on;
    /// so do the map of sockets, for whoever receives, and the slot, unless another program is to come
    /// next. The map of devices goes on unless interfaces were looked up for it.
    pub fn gather(
        at: &PolicyDir,
        artifact: &Artifact,
        sets: &[PlannedSet<'_>],
        same_text: bool,
        outlets: Option<&Outlets>,
        behind: Behind<'_>,
    ) -> Outcome<Self> {
        let pinned = at.dir.subdir(MAPS)?;
        let of_sets: Vec<_> = sets.iter().flat_map(PlannedSet::maps).collect();
        let mut all = Vec::new();
        for (decl, layout) in artifact.maps.iter().zip(&artifact.layouts) {
            let of_set = of_sets.iter().find(|(handle, _)| handle.name() == decl.name);
            let goes_on = match decl.name.as_str() {
                CONTROL | EVENTS | SOCKETS => true,
                COUNTERS | EVENT_STATE => same_text,
                DEVICES => same_text && outlets.is_none(),
                SLOT => matches!(behind, Behind::Same),
                name if name.starts_with(LIMITS) => same_text,
                _ => false,
            };
            let carried = match &pinned {
                Some(dir) if of_set.is_none() && goes_on => open_if_alike(dir, decl)?,
                _ => None,
            };
            all.push(match (of_set, carried) {
                // Whether a set's map is pinned already is for the set to say.
                (Some((handle, _)), _) => (handle.try_clone()?, Age::Carried),
                (None, Some(old)) => (old, Age::Carried),
                (None, None) => (create(decl, layout.as_ref())?, Age::Fresh),
            });
        }
        let maps = Self { all };
        for filling in &artifact.fillings {
            if let Some((handle, _)) = maps.all.get(filling.map) {
                handle.fill(&filling.entries)?;
                // Nobody has a reason to write there again; who tries is told.
                handle.freeze()?;
            }
        }
        if let (Some(outlets), Ok(devices)) = (outlets, maps.get(DEVICES)) {
            outlets.write(devices)?;
        }
        Ok(maps)
    }

    /// Tells the program how ticks become a time. A map that goes on has been told: it is written
    /// to only where that would be wrong, for the mode in it is written by whoever needs it now.
    pub fn set_clock(&self) -> Outcome {
        let control: Map<u32, [u64; 3]> = Map::new(self.get(CONTROL)?.try_clone()?)?;
        let now = Control::from_words(control.get(&0)?.unwrap_or_default());
        let right = machine::control(now.known_mode().unwrap_or(Mode::Enforce))?;
        let close = right.first_tick.abs_diff(now.first_tick) <= CLOSE;
        if close && right.tick == now.tick && now.known_mode().is_some() {
            return Ok(());
        }
        Ok(control.insert(&0, &right.words(), Insert::Any)?)
    }

    pub fn get(&self, name: &str) -> Outcome<&MapHandle> {
        let found = self.all.iter().find(|(handle, _)| handle.name() == name);
        found
            .map(|(handle, _)| handle)
            .ok_or_else(|| Failure::bug(format!("the program declares no map `{name}`")))
    }

    /// The maps in the order of the program.
    pub fn handles(&self) -> Outcome<Vec<MapHandle>> {
        self.all.iter().map(|(handle, _)| Ok(handle.try_clone()?)).collect()
    }

    /// The maps that have to be pinned, those of new sets among them.
    pub fn fresh<'a>(&'a self, sets: &'a [PlannedSet<'_>]) -> Vec<&'a MapHandle> {
        let own = self.all.iter().filter(|(_, age)| *age == Age::Fresh).map(|(handle, _)| handle);
        let of_sets = sets.iter().flat_map(PlannedSet::maps);
        own.chain(of_sets.filter(|(_, fresh)| *fresh).map(|(handle, _)| handle)).collect()
    }
}

/// How many ticks two measurements of the same clock may differ by.
const CLOSE: u64 = 8;

fn create(decl: &MapDecl, layout: Option<&MapLayout>) -> Result<MapHandle, MapError> {
    match layout {
        Some(layout) => MapHandle::create_described(decl, layout),
        None => MapHandle::create(decl),
    }
}

/// The pinned map, if there is one of the declared shape.
fn open_if_alike(dir: &PinDir, decl: &MapDecl) -> Outcome<Option<MapHandle>> {
    match MapHandle::open(dir, &decl.name) {
        Ok(handle) if handle.check_shape(decl).is_ok() => Ok(Some(handle)),
        Ok(_) | Err(MapError::Pin(PinError::Missing { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
