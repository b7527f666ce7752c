//! Putting a policy in force: compile, carry its sets over, load, attach, publish.
//!
//! Interfaces that carry the old program get the new one in its place, each by one exchange that
//! names the program it expects: no packet goes unfiltered. When an exchange fails, those before
//! it are undone, and the old policy stays as it was.

use std::collections::BTreeMap;

use palisade_asm::{Image, MapDecl};
use palisade_filter::plan::{CONTROL, COUNTERS};
use palisade_filter::{Artifact, Policy, structure};
use palisade_loader::xdp::{self, AttachError, Expect, Mode, Reason};
use palisade_loader::{
    Access, Link, LoadError, LoadOptions, MapError, MapHandle, PinError, Program,
};

use super::home::{PolicyDir, Running, describe_program, interfaces_of, program_id};
use super::meta::{self, Meta};
use super::publish::{self, Staged};
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
    /// Maps that take the place of those in force, by name.
    pub maps: BTreeMap<String, MapHandle>,
}

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

/// What has been done.
pub struct Installed {
    /// Where the program is attached now, for each device that was asked for.
    pub devices: Vec<Placed>,
    /// Interfaces that carried the old program and carry the new one.
    pub replaced: Vec<Link>,
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

/// Puts `wanted` in force in `at`. The caller holds the lock and has recovered the pins.
pub fn install(at: &PolicyDir, wanted: Wanted<'_>) -> Outcome<Installed> {
    let target = machine::target()?;
    let artifact = palisade_filter::compile(wanted.policy, target)?;
    let image = artifact
        .program
        .encode(target.isa)
        .map_err(|error| Failure::bug(format!("the program cannot be encoded: {error}")))?;
    match Running::open(at)? {
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
        old.meta.text == self.text && old.meta.digest == meta::digest(image) && self.maps.is_empty()
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
    let Wanted { text, policy, devices, access, maps: given } = wanted;
    let carried = old.map(|old| carried(old, policy, text)).transpose()?.unwrap_or_default();
    let maps = Maps::gather(at, &artifact.maps, given, &carried)?;
    let name = program_name(at);
    let options =
        LoadOptions { name: &name, license: c"Dual MIT/GPL", buffers: machine::buffers() };
    let program = Program::load(image, &maps.handles, &options)
        .map_err(|error| refused_by_verifier(error, artifact, text))?;
    let meta = Meta::new(image, text).create()?;
    let staged = Staged::stage(at, &maps.fresh(), &meta, &program)?;

    let mut change = Change::new(old.map(|old| &old.program), &program);
    let placed =
        change.replace_all().and_then(|replaced| Ok((replaced, change.place_all(devices)?)));
    let (replaced, devices) = match placed {
        Ok(placed) => placed,
        Err(error) => {
            staged.discard()?;
            return Err(error);
        }
    };
    let access = match access {
        Some(access) => access,
        None => at.dir.access()?,
    };
    let keep: Vec<String> = artifact.maps.iter().map(|decl| decl.name.clone()).collect();
    staged.publish(&keep, access)?;
    Ok(Installed { devices, replaced })
}

/// The name of the program in listings, of which the kernel keeps 15 characters.
fn program_name(at: &PolicyDir) -> String {
    format!("palisade_{}", at.name).replace('-', "_")
}

/// The names of the maps that go on with a new policy: control; the counters, if the text is the
/// same; those of each set that both policies declare alike.
fn carried(old: &Running<'_>, policy: &Policy, text: &str) -> Outcome<Vec<String>> {
    let mut names = vec![CONTROL.to_owned()];
    if old.meta.text == text {
        names.push(COUNTERS.to_owned());
    }
    for set in policy.sets() {
        let before = old.policy.set(set.name.as_str());
        if before.is_some_and(|before| (before.kind, before.max) == (set.kind, set.max)) {
            names.extend(structure::maps(set).into_iter().map(|decl| decl.name));
        }
    }
    Ok(names)
}

/// The maps of a program, and which of them are new.
struct Maps {
    handles: Vec<MapHandle>,
    is_fresh: Vec<bool>,
}

impl Maps {
    fn gather(
        at: &PolicyDir,
        decls: &[MapDecl],
        mut given: BTreeMap<String, MapHandle>,
        carried: &[String],
    ) -> Outcome<Self> {
        let pinned = at.dir.subdir(super::home::MAPS)?;
        let mut maps = Self { handles: Vec::new(), is_fresh: Vec::new() };
        for decl in decls {
            let old = match (&pinned, carried.contains(&decl.name)) {
                (Some(dir), true) => open_if_there(dir, decl)?,
                _ => None,
            };
            let (handle, fresh) = match (given.remove(&decl.name), old) {
                (Some(given), _) => (given, true),
                (None, Some(old)) => (old, false),
                (None, None) => (MapHandle::create(decl)?, true),
            };
            maps.handles.push(handle);
            maps.is_fresh.push(fresh);
        }
        Ok(maps)
    }

    fn fresh(&self) -> Vec<&MapHandle> {
        self.handles
            .iter()
            .zip(&self.is_fresh)
            .filter(|(_, fresh)| **fresh)
            .map(|(h, _)| h)
            .collect()
    }
}

fn open_if_there(dir: &palisade_loader::PinDir, decl: &MapDecl) -> Outcome<Option<MapHandle>> {
    match MapHandle::open(dir, &decl.name) {
        Ok(handle) => {
            handle.check_shape(decl)?;
            Ok(Some(handle))
        }
        Err(MapError::Pin(PinError::Missing { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Interfaces that are changed, and how to change them back.
struct Change<'a> {
    old: Option<&'a Program>,
    new: &'a Program,
    undo: Vec<Undo>,
}

/// A change of an interface that can be taken back.
struct Undo {
    link: Link,
    mode: Mode,
    /// What was there before.
    before: Option<Program>,
}

impl<'a> Change<'a> {
    fn new(old: Option<&'a Program>, new: &'a Program) -> Self {
        Self { old, new, undo: Vec::new() }
    }

    /// The new program in the place of the old one, wherever that is attached.
    fn replace_all(&mut self) -> Outcome<Vec<Link>> {
        let Some(old) = self.old else { return Ok(Vec::new()) };
        let links = interfaces_of(program_id(old)?)?;
        for link in &links {
            let Some(attached) = link.xdp else { continue };
            match publish::replace(link, old, self.new) {
                Ok(()) => self.done(link, attached.mode, Some(reopen(old)?)),
                Err(error) => return Err(self.take_back(error.because(cannot_replace(link)))),
            }
        }
        Ok(links)
    }

    /// The new program on every device.
    fn place_all(&mut self, devices: &[Device]) -> Outcome<Vec<Placed>> {
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
            Some(attached) => Some((
                attached.mode,
                Program::by_id(attached.program_id).map_err(|errno| {
                    Failure::refused(format!(
                        "cannot open the program on {name} to replace it: {errno}"
                    ))
                    .note("help", "that takes CAP_SYS_ADMIN")
                })?,
            )),
            None => None,
        };
        for mode in *modes {
            match self.exchange(&link, *mode, found.as_ref()) {
                Ok(()) => {
                    let before = found.map(|(_, program)| program);
                    self.done(&link, *mode, before);
                    return Ok(Placed { name, mode: *mode, how: How::Attached { refused } });
                }
                Err(error) if modes.last() != Some(mode) && is_about_the_driver(&error) => {
                    refused.push(error.to_string());
                }
                Err(error) => {
                    return Err(Failure::from(error).because(format!("cannot attach to {name}")));
                }
            }
        }
        Err(Failure::bug("there was no mode to try"))
    }

    fn exchange(
        &self,
        link: &Link,
        mode: Mode,
        found: Option<&(Mode, Program)>,
    ) -> Result<(), AttachError> {
        match found {
            None => xdp::attach(link.index, self.new, mode, Expect::Empty),
            Some((there, program)) if *there == mode => {
                xdp::attach(link.index, self.new, mode, Expect::program(program))
            }
            // The kernel does not exchange programs of different modes.
            Some((there, program)) => {
                xdp::detach(link.index, *there, Expect::program(program))?;
                xdp::attach(link.index, self.new, mode, Expect::Empty)
            }
        }
    }

    fn done(&mut self, link: &Link, mode: Mode, before: Option<Program>) {
        self.undo.push(Undo { link: link.clone(), mode, before });
    }

    /// Changes back what was changed, the last one first. What cannot be changed back is told
    /// beside the failure that led here.
    fn take_back(&mut self, mut failure: Failure) -> Failure {
        while let Some(Undo { link, mode, before }) = self.undo.pop() {
            let here = Expect::program(self.new);
            let undone = match &before {
                Some(before) => xdp::attach(link.index, before, mode, here),
                None => xdp::detach(link.index, mode, here),
            };
            if let Err(error) = undone {
                failure =
                    failure.note("found", format!("{} keeps the new program: {error}", link.name));
            }
        }
        failure
    }
}

fn reopen(program: &Program) -> Outcome<Program> {
    program
        .try_clone()
        .map_err(|errno| Failure::refused(format!("cannot keep the program open: {errno}")))
}

fn cannot_replace(link: &Link) -> String {
    format!("cannot replace the program on {}; the old policy stays in force", link.name)
}

fn other_mode(name: &str, mode: Mode) -> Failure {
    Failure::refused(format!("{name} carries the policy in {mode} mode already"))
        .note("help", format!("`palisade detach {name} --keep`, then attach in the other mode; packets pass unfiltered in between"))
}

/// Whether another mode may do where this one was refused.
fn is_about_the_driver(error: &AttachError) -> bool {
    matches!(
        error.reason(),
        Reason::Unsupported | Reason::Mtu | Reason::Queues | Reason::Unexplained
    )
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
    match std::fs::write(&file, report) {
        Ok(()) => failure.note(
            "saved",
            format!("./{file} (policy, listing, full log): please attach it to the report"),
        ),
        Err(why) => {
            failure.note("saved", format!("nothing, for ./{file} cannot be written: {why}"))
        }
    }
}
