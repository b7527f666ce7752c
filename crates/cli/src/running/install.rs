//! Putting a policy in force: compile, carry its sets over, load, attach, publish.
//!
//! Interfaces that carry the old program get the new one in its place, each by one exchange that
//! names the program it expects: no packet goes unfiltered. When an exchange fails, those before
//! it are undone, and the old policy stays as it was.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

use palisade_asm::{Image, MapDecl};
use palisade_filter::plan::COUNTERS;
use palisade_filter::{Artifact, Name, Policy};
use palisade_loader::{
    Access, Link, LoadError, LoadOptions, MapError, MapHandle, PinDir, PinError, Program,
};

use super::exchange::{Change, Device, Placed};
use super::home::{PolicyDir, Running, carriers_of, program_id};
use super::meta::{self, Meta};
use super::publish::{self, Staged};
use super::set::{Carry, Entry, OpenSet};
use crate::failure::{Failure, Outcome};
use crate::machine;

/// What is to be in force.
pub struct Wanted<'a> {
    /// The text.
    pub text: &'a str,
    /// The text, parsed.
    pub policy: &'a Policy,
    /// Interfaces that shall carry it, besides those that carry it now.
    pub devices: &'a [Device],
    /// Who may edit the sets; `None` leaves it as it is.
    pub access: Option<Access>,
    /// Sets whose entries are replaced: what each is to hold, given what it holds now.
    pub contents: BTreeMap<Name, Contents<'a>>,
}

/// The entries that a set is to hold, given those that it holds.
pub type Contents<'a> = Box<dyn Fn(&[Entry]) -> Vec<Entry> + 'a>;

/// What has been done.
pub struct Installed {
    /// Where the program is attached now, for each device that was asked for.
    pub devices: Vec<Placed>,
    /// Interfaces that carried the old program and carry the new one.
    pub replaced: Vec<Link>,
}

/// Puts `wanted` in force in `at`. The caller holds the lock and has recovered the pins.
pub fn install(at: &PolicyDir, wanted: Wanted<'_>) -> Outcome<Installed> {
    let target = machine::target()?;
    let artifact = palisade_filter::compile(wanted.policy, target)?;
    let image = artifact
        .program
        .encode(target.isa)
        .map_err(|error| Failure::bug(format!("the program cannot be encoded: {error}")))?;
    let old = Running::open(at)?;
    if let Some(old) = &old {
        old.meta.of_this_namespace(&at.name)?;
    }
    match old {
        Some(old) if wanted.is_in_force(&old, &image) => {
            let devices = Change::new(None, &old.program).place_all(wanted.devices)?;
            if let Some(access) = wanted.access {
                publish::share(at, access)?;
            }
            Ok(Installed { devices, replaced: Vec::new() })
        }
        old => renew(at, old.as_ref(), &artifact, &image, wanted),
    }
}

impl Wanted<'_> {
    /// Whether that very program runs already, with the maps that it shall have.
    fn is_in_force(&self, old: &Running<'_>, image: &Image) -> bool {
        old.meta.text == self.text
            && old.meta.digest == meta::digest(image)
            && self.contents.is_empty()
    }
}

/// A new program in the place of the old one, or of none.
fn renew(
    at: &PolicyDir,
    old: Option<&Running<'_>>,
    artifact: &Artifact,
    image: &Image,
    wanted: Wanted<'_>,
) -> Outcome<Installed> {
    let Wanted { text, policy, devices, access, contents } = wanted;
    let sets = NewSet::all(at, old, policy, contents)?;
    let maps =
        Maps::gather(at, &artifact.maps, &sets, old.is_some_and(|old| old.meta.text == text))?;
    let name = program_name(at);
    let options =
        LoadOptions { name: &name, license: c"Dual MIT/GPL", buffers: machine::buffers() };
    let program = Program::load(image, &maps.handles, &options)
        .map_err(|error| refused_by_verifier(error, artifact, text))?;
    let meta = Meta::new(image, text)?.create()?;
    let staged = Staged::stage(at, &maps.fresh(), &meta, &program)?;

    let mut change = Change::new(old.map(|old| &old.program), &program);
    // The sets are filled last, so that as few hits as can be are lost between the reading of an
    // entry's counters and the exchange.
    let placed = NewSet::fill_all(&sets)
        .and_then(|()| access.map_or(Ok(()), |access| at.share(access)))
        .and_then(|()| change.replace_all())
        .and_then(|replaced| Ok((replaced, change.place_all(devices)?)));
    let (replaced, devices) = match placed {
        Ok(placed) => placed,
        Err(failure) => {
            // Where an interface kept the program, its pins are what the next command goes on with.
            let none = program_id(&program).and_then(carriers_of).is_ok_and(|c| c.is_empty());
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

/// A set whose maps are new although there was one of its name and kind, and what it is to hold.
struct NewSet<'a> {
    set: OpenSet,
    old: OpenSet,
    contents: Contents<'a>,
}

impl<'a> NewSet<'a> {
    /// The sets whose contents are replaced, and those that are declared with another size.
    fn all(
        at: &PolicyDir,
        old: Option<&Running<'_>>,
        policy: &Policy,
        mut contents: BTreeMap<Name, Contents<'a>>,
    ) -> Outcome<Vec<Self>> {
        let mut all = Vec::new();
        for declared in policy.sets() {
            let Some(before) = old.and_then(|old| old.policy.set(declared.name.as_str())) else {
                continue;
            };
            let given = contents.remove(&declared.name);
            let alike = (before.kind, before.max) == (declared.kind, declared.max);
            if before.kind != declared.kind || (alike && given.is_none()) {
                continue;
            }
            all.push(Self {
                set: OpenSet::create(declared)?,
                old: at.set(&declared.name)?,
                contents: given.unwrap_or_else(|| Box::new(<[Entry]>::to_vec)),
            });
        }
        Ok(all)
    }

    fn fill_all(all: &[Self]) -> Outcome {
        for Self { set, old, contents } in all {
            set.add(contents(&old.entries()?), Carry::Out)?;
        }
        Ok(())
    }
}

/// The name of the program in listings, of which the kernel keeps 15 characters.
fn program_name(at: &PolicyDir) -> String {
    format!("palisade_{}", at.name).replace('-', "_")
}

/// The maps of a program, and which of them are new.
struct Maps {
    handles: Vec<MapHandle>,
    is_fresh: Vec<bool>,
}

impl Maps {
    /// The maps as declared: those of new sets, those that are pinned in the same shape, and new
    /// ones. The counters go on only under the same text, for their rows are its lines.
    fn gather(
        at: &PolicyDir,
        decls: &[MapDecl],
        sets: &[NewSet<'_>],
        same_text: bool,
    ) -> Outcome<Self> {
        let pinned = at.dir.subdir(super::home::MAPS)?;
        let given: Vec<&MapHandle> = sets.iter().flat_map(|new| new.set.handles()).collect();
        let mut maps = Self { handles: Vec::new(), is_fresh: Vec::new() };
        for decl in decls {
            let given = given.iter().find(|handle| handle.name() == decl.name);
            let carried = match &pinned {
                Some(dir) if given.is_none() && (same_text || decl.name != COUNTERS) => {
                    open_if_alike(dir, decl)?
                }
                _ => None,
            };
            let (handle, fresh) = match (given, carried) {
                (Some(given), _) => (given.try_clone()?, true),
                (None, Some(old)) => (old, false),
                (None, None) => (MapHandle::create(decl)?, true),
            };
            maps.handles.push(handle);
            maps.is_fresh.push(fresh);
        }
        Ok(maps)
    }

    fn fresh(&self) -> Vec<&MapHandle> {
        let both = self.handles.iter().zip(&self.is_fresh);
        both.filter(|(_, fresh)| **fresh).map(|(handle, _)| handle).collect()
    }
}

/// The pinned map, if there is one of the declared shape. One of another shape belongs to a set of
/// the same name and another kind, and is left behind.
fn open_if_alike(dir: &PinDir, decl: &MapDecl) -> Outcome<Option<MapHandle>> {
    match MapHandle::open(dir, &decl.name) {
        Ok(handle) if handle.check_shape(decl).is_ok() => Ok(Some(handle)),
        Ok(_) | Err(MapError::Pin(PinError::Missing { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The verifier's refusal is a bug of the compiler, unless the caller lacks rights or memory.
fn refused_by_verifier(error: LoadError, artifact: &Artifact, text: &str) -> Failure {
    if error.log().is_none() {
        return error.into();
    }
    let log = error.log().map(|log| log.text().to_owned()).unwrap_or_default();
    let report = format!(
        "{error}\n\n--- policy\n{text}\n--- listing\n{}\n--- verifier\n{log}\n",
        artifact.program.listing()
    );
    let failure =
        Failure::bug("the verifier refused the compiled program; this is a bug in the compiler")
            .note("kernel", error.to_string());
    let file = format!("palisade-{}.repro", std::process::id());
    // A file that is there already may be a link that somebody has laid.
    let written = File::create_new(&file).and_then(|mut file| file.write_all(report.as_bytes()));
    match written {
        Ok(()) => failure.note(
            "saved",
            format!("./{file} (policy, listing, full log): please attach it to the report"),
        ),
        Err(why) => {
            failure.note("saved", format!("nothing, for ./{file} cannot be written: {why}"))
        }
    }
}
