//! Somebody else's object that was loaded: pinned where a policy would be, and never taken for one.
//!
//! ```text
//! <bpffs>/palisade/<name>/prog           the program
//! <bpffs>/palisade/<name>/maps/<name>    the maps that it uses
//! <bpffs>/palisade/<name>/meta           that it is an object, of which file, and which part of it
//! ```
//!
//! What says so is the magic with which `meta` begins; it is pinned before anything else and goes
//! with everything else, so that a load that was cut short leaves an object without a program, which
//! can be loaded again or detached.

use std::path::Path;

use palisade_filter::Name;
use palisade_loader::foreign::ProgramName;
use palisade_loader::{Access, Link, Locked, MapError, MapHandle, PinDir, PinError, Program};

use super::home::PolicyDir;
use super::meta::{self, BUILD};
use super::pins::{MAPS, META, PROGRAM};
use super::program::{Carrier, carriers_of, program_id};
use crate::args::USUAL;
use crate::failure::{Failure, Outcome};

const MAGIC: &[u8; 8] = b"PAL-OBJ\0";
/// What the numbers and texts behind the magic mean; raised when that changes.
const SCHEMA: u32 = 1;

/// What a later command needs to know of a loaded object: the magic, the schema version, the lengths
/// of four texts (`u32` each, little-endian), the inode of the network namespace (`u64`), the SHA-256
/// of the file, and the texts: build, file, section, function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Who loaded it.
    pub build: String,
    /// The network namespace whose interfaces carry it, by its inode.
    pub namespace: u64,
    /// The name of the file, without its directory.
    pub file: String,
    /// Which of its programs.
    pub program: ProgramName,
    /// The SHA-256 of the file.
    pub digest: [u8; 32],
}

impl Facts {
    /// The facts of an object that is loaded in the network namespace of the caller.
    pub fn new(file: String, program: ProgramName, digest: [u8; 32]) -> Outcome<Self> {
        let (build, namespace) = (BUILD.to_owned(), meta::namespace()?);
        Ok(Self { build, namespace, file, program, digest })
    }

    /// Refuses an object of another network namespace: its interfaces cannot be seen from here, and
    /// who takes it off there would not see one here.
    pub fn of_this_namespace(&self, name: &Name) -> Outcome {
        if self.namespace == meta::namespace()? {
            return Ok(());
        }
        Err(Failure::refused(format!("the object `{name}` belongs to another network namespace"))
            .note("help", format!("run this there (`ip netns exec NAME palisade …`); if that namespace is gone, remove palisade/{name} from the bpffs")))
    }

    fn texts(&self) -> [&str; 4] {
        [&self.build, &self.file, &self.program.section, &self.program.function]
    }

    fn encode(&self) -> Vec<u8> {
        let len = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&SCHEMA.to_le_bytes());
        self.texts().iter().for_each(|text| bytes.extend_from_slice(&len(text)));
        bytes.extend_from_slice(&self.namespace.to_le_bytes());
        bytes.extend_from_slice(&self.digest);
        self.texts().iter().for_each(|text| bytes.extend_from_slice(text.as_bytes()));
        bytes
    }
}

fn decode(bytes: &[u8]) -> Option<Facts> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let (schema, mut rest) = rest.split_first_chunk::<4>()?;
    if magic != MAGIC || u32::from_le_bytes(*schema) != SCHEMA {
        return None;
    }
    let mut lengths = [0; 4];
    for length in &mut lengths {
        let (number, after) = rest.split_first_chunk::<4>()?;
        (*length, rest) = (usize::try_from(u32::from_le_bytes(*number)).ok()?, after);
    }
    let (namespace, rest) = rest.split_first_chunk::<8>()?;
    let (digest, mut rest) = rest.split_first_chunk::<32>()?;
    let mut texts = lengths.into_iter().map(|length| {
        let (text, after) = rest.split_at_checked(length)?;
        rest = after;
        String::from_utf8(text.to_vec()).ok()
    });
    let mut text = || texts.next().flatten();
    let (build, file, section, function) = (text()?, text()?, text()?, text()?);
    let program = ProgramName { function, section };
    let namespace = u64::from_le_bytes(*namespace);
    Some(Facts { build, namespace, file, program, digest: *digest })
}

/// Whether what is pinned in a directory is an object. Whoever may not ask sees none: objects are for
/// their owner alone.
pub(super) fn is_object(dir: &PinDir) -> bool {
    said(dir).is_some()
}

/// The map that says so.
fn said(dir: &PinDir) -> Option<MapHandle> {
    let handle = MapHandle::open(dir, META).ok()?;
    let begins = meta::begins_with(handle.try_clone().ok()?, MAGIC);
    begins.unwrap_or(false).then_some(handle)
}

/// The failure of whoever needs a policy.
pub(super) fn no_policy(name: &Name) -> Failure {
    Failure::usage(format!("`{name}` is a loaded object, not a policy")).note(
        "help",
        format!("`palisade --policy-name {name} status` shows it, `detach --all` takes it off"),
    )
}

/// A loaded object.
pub struct Loaded {
    /// Its directory.
    pub at: PolicyDir,
    /// The facts.
    pub facts: Facts,
    /// The program; none if the load was cut short.
    pub program: Option<Program>,
}

impl Loaded {
    /// The object in a directory, if that is what is in it.
    fn of(at: PolicyDir) -> Outcome<Option<Self>> {
        let Some(facts) = facts(&at)? else { return Ok(None) };
        let program = at.program()?;
        Ok(Some(Self { at, facts, program }))
    }

    /// The object of that name, if there is one.
    pub fn find(bpffs: &Path, name: &Name) -> Outcome<Option<Self>> {
        match PolicyDir::find(bpffs, name)? {
            Some(at) => Self::of(at),
            None => Ok(None),
        }
    }

    /// All objects that the caller may ask about, in the order of their names. One that cannot be
    /// read, for another version has loaded it or it goes just now, is left out: what is asked may
    /// be about a policy. Whoever asks by its name is told.
    pub fn all(bpffs: &Path) -> Outcome<Vec<Self>> {
        let mut all = Vec::new();
        // Members of a group that edits one policy's sets may not look further.
        let Ok(found) = PolicyDir::all(bpffs) else { return Ok(all) };
        for at in found {
            all.extend(Self::of(at).ok().flatten());
        }
        Ok(all)
    }

    /// The object that a command is about: that of the policy's name, or else, where no other than
    /// the usual name was said, the one that every device carries that is named.
    pub fn meant(bpffs: &Path, name: &Name, devices: &[Link]) -> Outcome<Option<Self>> {
        if let Some(loaded) = Self::find(bpffs, name)? {
            return Ok(Some(loaded));
        }
        let by_device = name.as_str() == USUAL && !devices.is_empty();
        if !by_device || devices.iter().any(|link| link.xdp.is_none()) {
            return Ok(None);
        }
        for loaded in Self::all(bpffs)? {
            let Some(program) = &loaded.program else { continue };
            let id = program_id(program)?;
            if devices.iter().all(|link| link.xdp.is_some_and(|xdp| xdp.mode_of(id).is_some())) {
                return Ok(Some(loaded));
            }
        }
        Ok(None)
    }

    /// The same object once the lock is held; `None` if it is gone by then.
    pub fn locked(self, bpffs: &Path) -> Outcome<Option<(Self, Locked)>> {
        let Some(lock) = self.at.lock()? else { return Ok(None) };
        let now = Self::find(bpffs, &self.at.name)?;
        Ok(now.map(|now| (now, lock)))
    }

    /// The interfaces that carry it, as the kernel tells.
    pub fn interfaces(&self) -> Outcome<Vec<Carrier>> {
        match &self.program {
            Some(program) => carriers_of(program_id(program)?),
            None => Ok(Vec::new()),
        }
    }

    /// Its maps; none that is removed meanwhile, for who looks takes no lock.
    pub fn maps(&self) -> Outcome<Vec<MapHandle>> {
        let Some(dir) = self.at.dir.subdir(MAPS)? else { return Ok(Vec::new()) };
        let mut maps = Vec::new();
        for name in dir.names()? {
            match MapHandle::open(&dir, &name) {
                Ok(map) => maps.push(map),
                Err(MapError::Pin(PinError::Missing { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(maps)
    }
}

/// What is in the directory of a name, for whoever wants to load an object there.
pub enum Place {
    /// Nothing that anybody needs.
    Free,
    /// An object.
    Taken(Facts, Program),
}

/// What is in a directory; what a load has left that was cut short goes. The caller holds the lock.
pub fn place(at: &PolicyDir) -> Outcome<Place> {
    match (facts(at)?, at.program()?) {
        (Some(facts), Some(program)) => Ok(Place::Taken(facts, program)),
        (Some(_), None) => {
            match at.dir.remove_tree(MAPS) {
                Ok(()) | Err(PinError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            at.dir.unlink(META)?;
            Ok(Place::Free)
        }
        (None, None) if at.dir.names()?.is_empty() => Ok(Place::Free),
        (None, _) => Err(Failure::usage(format!("the name `{}` is taken by a policy", at.name))
            .note("help", "`--name` gives the object another one")),
    }
}

/// The facts of the object in a directory, if that is what is in it.
fn facts(at: &PolicyDir) -> Outcome<Option<Facts>> {
    let Some(handle) = said(&at.dir) else { return Ok(None) };
    let bytes = meta::stored(handle)?;
    bytes.as_deref().and_then(decode).ok_or_else(|| meta::foreign(&at.dir)).map(Some)
}

/// Pins an object: `meta` first, the program last.
pub fn pin(at: &PolicyDir, facts: &Facts, maps: &[MapHandle], program: &Program) -> Outcome {
    meta::store(&facts.encode())?.pin(&at.dir, META)?;
    let dir = at.dir.create_subdir(MAPS, Access::Owner)?;
    for map in maps {
        map.pin(&dir, map.name())?;
    }
    Ok(program.pin(&at.dir, PROGRAM)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_back_and_what_is_cut_short_or_a_policys_is_none() {
        let facts = Facts {
            build: BUILD.to_owned(),
            namespace: 4026531840,
            file: "lb.o".to_owned(),
            program: ProgramName { function: "balance".to_owned(), section: "xdp".to_owned() },
            digest: [7; 32],
        };
        let bytes = facts.encode();
        assert_eq!(decode(&bytes), Some(facts));
        assert!((0..bytes.len()).all(|len| decode(&bytes[..len]).is_none()));
        let mut policy = bytes;
        policy[..8].copy_from_slice(b"PALISADE");
        assert_eq!(decode(&policy), None);
    }
}
