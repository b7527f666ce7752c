//! The pinned maps: those that the program uses, of the declared shapes, under their names; and what
//! those hold that never changes.

use palisade_asm::MapDecl;
use palisade_filter::plan::BEFORE;
use palisade_filter::structure;
use palisade_filter::{Filling, Next, Tenure};
use palisade_loader::{Frozen, MapHandle, MapInfo, PinDir, Shape, kept_name};

use super::report::{Check, Report};
use super::{Found, unopened};
use crate::running::before;
use crate::running::compiled::Compiled;
use crate::running::next::Seen;
use crate::running::pins::MAPS;
use crate::running::program::program_id;

/// A map that is pinned, and what the kernel tells of it.
struct Pinned {
    handle: MapHandle,
    info: MapInfo,
}

impl Found<'_> {
    /// Compares the maps with those of the program that the text compiles to.
    pub(super) fn maps(&self, report: &mut Report) {
        let Some(made) = &self.made else { return };
        let dir = match self.at.dir.subdir(MAPS) {
            Ok(Some(dir)) => dir,
            Ok(None) => return report.push(Check::differs("maps", "there are no pins of maps")),
            Err(error) => return report.push(unopened("maps", &error.into())),
        };
        let pinned: Vec<Option<Pinned>> =
            made.artifact.maps.iter().map(|decl| pinned(&dir, decl, report)).collect();
        let grown = self.grown(&made.artifact.maps);
        for ((decl, place), map) in grown.iter().zip(made.first_uses()).zip(&pinned) {
            let Some(map) = map else { continue };
            report.push(self.map(decl, place, &map.info));
        }
        report.extend(self.number_of_maps(made));
        report.extend(strangers(&dir, made));
        for filling in &made.artifact.fillings {
            if let Some(Some(map)) = pinned.get(filling.map) {
                report.push(constants(filling, map));
            }
        }
        if made.neighbours.next == Next::Slot {
            report.push(self.next());
        }
        if made.neighbours.tenure == Tenure::OnTrial {
            let of = |decl: &MapDecl| decl.name == BEFORE;
            let at = made.artifact.maps.iter().position(of);
            if let Some(Some(map)) = at.and_then(|at| pinned.get(at)) {
                report.push(self.way_back(map));
            }
        }
    }

    /// The declarations as they are for what the sets hold by now: their maps have grown with it.
    pub(super) fn grown(&self, decls: &[MapDecl]) -> Vec<MapDecl> {
        let dir = self.at.dir.subdir(MAPS).ok().flatten();
        let elements = |name: &str| {
            let map = MapHandle::open(dir.as_ref()?, name).ok()?;
            Some(map.info().ok()?.shape.max_entries)
        };
        let sets = self.policy.iter().flat_map(|policy| policy.sets());
        let grown: Vec<MapDecl> =
            sets.flat_map(|set| structure::maps_of_size(set, elements)).collect();
        let of = |decl: &MapDecl| grown.iter().find(|grown| grown.name == decl.name).cloned();
        decls.iter().map(|decl| of(decl).unwrap_or_else(|| decl.clone())).collect()
    }

    /// One map: its shape, its name, its number.
    fn map(&self, decl: &MapDecl, place: Option<usize>, info: &MapInfo) -> Check {
        let what = format!("map {}", decl.name);
        let (found, expected) = (info.shape, Shape::of(decl));
        if found != expected {
            return Check::same(what, found, expected).or("it is of another shape");
        }
        let (found, expected) = (&info.name, kept_name(&decl.name));
        if *found != expected {
            return Check::same(what, found, expected).or("the kernel knows it by another name");
        }
        let used = &self.info.as_ref().map(|info| &info.map_ids);
        match (place, used) {
            (None, _) => Check::ok(what, format_args!("{}; no instruction names it", info.shape)),
            (Some(_), None) => Check::untold(what, "whether the program uses this very map"),
            (Some(place), Some(used)) => match used.get(place) {
                Some(id) if *id == info.id => {
                    Check::ok(what, format_args!("number {id}, {}", info.shape))
                }
                Some(id) => {
                    let alike =
                        "the pinned map looks alike and is not the one that the program uses";
                    Check::differs(what, alike)
                        .between(format_args!("number {}", info.id), format_args!("number {id}"))
                }
                None => Check::differs(what, "the program does not use it"),
            },
        }
    }

    /// Whether the program uses as many maps as it has to.
    fn number_of_maps(&self, made: &Compiled) -> Option<Check> {
        let found = self.info.as_ref()?.map_ids.len();
        let expected = made.first_uses().into_iter().flatten().count();
        Some(Check::same("maps of the program", found, expected))
    }

    /// What gets the packets that pass. The policy says no more than that something may.
    fn next(&self) -> Check {
        let what = "next";
        let Some(program) = &self.program else { return Check::untold(what, "no program") };
        match Seen::of(self.at, program) {
            Ok(Seen::Stack) => Check::differs(what, "the program has no slot of the policy"),
            Ok(seen) => Check::ok(what, seen.words()),
            Err(failure) => Check::untold(what, failure.headline()).spare(),
        }
    }

    /// Whether a trial that nobody confirms leads back to the policy that is kept.
    fn way_back(&self, map: &Pinned) -> Check {
        let what = "way back from the trial";
        let kept = match before::kept(self.at) {
            Ok(Some((_, program))) => program,
            Ok(None) => return Check::differs(what, "no policy before is kept"),
            Err(failure) => return Check::untold(what, failure.headline()),
        };
        let slot = map.handle.read(&0u32.to_ne_bytes());
        match (slot, program_id(&kept)) {
            (Ok(Some(bytes)), Ok(kept)) => {
                let leads = bytes.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
                Check::same(what, format_args!("program {leads}"), format_args!("program {kept}"))
            }
            (Ok(None), _) => Check::differs(what, "it leads to no program"),
            (Err(error), _) => Check::untold(what, error),
            (_, Err(failure)) => Check::untold(what, failure.headline()),
        }
    }
}

/// The map under the pin of a declared one; a check tells why there is none.
fn pinned(dir: &PinDir, decl: &MapDecl, report: &mut Report) -> Option<Pinned> {
    let opened = MapHandle::open(dir, &decl.name);
    match opened.and_then(|handle| Ok(Pinned { info: handle.info()?, handle })) {
        Ok(pinned) => Some(pinned),
        Err(error) => {
            report.push(unopened(format!("map {}", decl.name), &error));
            None
        }
    }
}

/// Pins that are no map of the policy.
fn strangers(dir: &PinDir, made: &Compiled) -> Vec<Check> {
    let declared = |name: &String| made.artifact.maps.iter().any(|decl| decl.name == *name);
    match dir.names() {
        Ok(names) => {
            let strange = names.into_iter().filter(|name| !declared(name));
            let check = |name| Check::differs(format!("pin {name}"), "it is no map of the policy");
            strange.map(check).collect()
        }
        Err(error) => vec![unopened("pins of maps", &error.into())],
    }
}

/// What a map holds that never changes.
fn constants(filling: &Filling, map: &Pinned) -> Check {
    let what = format!("contents of {}", map.handle.name());
    for (key, wanted) in &filling.entries {
        let found = match map.handle.read(key) {
            Ok(Some(found)) => found,
            Ok(None) => return Check::differs(what, "an entry is missing"),
            Err(error) => return Check::untold(what, error),
        };
        let unlike = found.iter().zip(wanted).position(|(found, wanted)| found != wanted);
        if let Some(at) = unlike {
            let byte = |bytes: &[u8]| bytes.get(at).map_or(0, |byte| *byte);
            return Check::differs(what, format_args!("byte {at} of {} is another", wanted.len()))
                .between(
                    format_args!("{:#04x}", byte(&found)),
                    format_args!("{:#04x}", byte(wanted)),
                );
        }
    }
    let bytes: usize = filling.entries.iter().map(|(_, value)| value.len()).sum();
    match map.info.frozen {
        Frozen::Yes => Check::ok(what, format_args!("{bytes} bytes as the policy says, frozen")),
        Frozen::No => Check::differs(what, "they are right, and not frozen: they can be changed"),
        Frozen::Unknown => Check::ok(what, format_args!("{bytes} bytes as the policy says"))
            .detail("whether they are frozen cannot be told"),
    }
}
