//! `load`: somebody else's XDP object, through the same loader as a policy's program.
//!
//! It is pinned under a name of its own before it is attached, so that it survives; a name that
//! anything else has is refused. The same object under the same name goes to another interface as it
//! is, and shares its maps there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use palisade_asm::MapKind;
use palisade_filter::Name;
use palisade_loader::foreign::{
    self, Contents, ForeignError, ForeignMap, KERNEL_TYPES, KernelTypes, Object,
};
use palisade_loader::{Errno, LoadError, LoadOptions, MapHandle, Program, link, possible_cpus};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::{Global, Load, USUAL};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::exchange::{Change, Device, How, Placed, Stranger};
use crate::running::home::PolicyDir;
use crate::running::object::{self, Facts, Place};

/// Reads, loads, pins and attaches.
pub fn run(global: &Global, args: &Load, out: &mut Output) -> Outcome {
    let stranger = if args.take_over { Stranger::Replace } else { Stranger::Respect };
    let link = link::by_name(&args.device)?;
    let device = Device { link, modes: args.mode.modes(), stranger };
    let name = name(global, args)?;
    let bytes = read(&args.file)?;
    let ask = || std::fs::read(KERNEL_TYPES);
    let object = foreign::read(&bytes, args.section.as_deref(), KernelTypes::In(&ask))
        .map_err(|error| unread(&args.file, &error))?;
    let file = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let facts = Facts::new(file, object.name.clone(), Sha256::digest(&bytes).into())?;
    let (at, _lock) = PolicyDir::made_and_locked(&global.bpffs, &name)?;
    let placed = match object::place(&at)? {
        Place::Free => match put_there(&at, &object, &facts, &device) {
            Ok(placed) => placed,
            Err(failure) => {
                return Err(match at.remove() {
                    Ok(()) => failure,
                    Err(also) => failure.note("found", also.headline()),
                });
            }
        },
        Place::Taken(there, program) => {
            if (there.digest, &there.program) != (facts.digest, &facts.program) {
                return Err(taken(&name, &there));
            }
            there.of_this_namespace(&name)?;
            place(&at, &program, &device)?
        }
    };
    report(&name, &facts, &placed, out)
}

/// The name that it is to have.
fn name(global: &Global, args: &Load) -> Outcome<Name> {
    let said = (global.policy_name.as_str() != USUAL).then_some(&global.policy_name);
    match (&args.name, said) {
        (Some(name), Some(other)) if name != other => Err(Failure::usage(format!(
            "`--name {name}` and `--policy-name {other}` contradict each other"
        ))),
        (Some(name), _) | (None, Some(name)) => Ok(name.clone()),
        (None, None) => named_after(&args.file).ok_or_else(|| {
            Failure::usage(format!("{} gives the object no name", args.file.display()))
                .note("help", "`--name` gives it one")
        }),
    }
}

/// A name made of a file's: in lower case, with a dash for what a name cannot have.
pub fn named_after(file: &Path) -> Option<Name> {
    let stem = file.file_stem()?.to_string_lossy().to_ascii_lowercase();
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let letters = stem.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let name: String = letters.chars().map(fits).take(31).collect();
    name.parse().ok()
}

/// The bytes of a file, up to just beyond what an object may have.
fn read(file: &Path) -> Outcome<Vec<u8>> {
    let most = u64::try_from(foreign::MOST_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(most + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::usage(format!(
            "cannot read {}: {}",
            file.display(),
            Errno::from_io(&error)
        ))),
    }
}

/// What is wrong with an object, whose names are somebody else's words.
fn unread(file: &Path, error: &ForeignError) -> Failure {
    Failure::usage(human::printable(&format!("{}: {error}", file.display())))
}

fn taken(name: &Name, there: &Facts) -> Failure {
    let Facts { file, program, .. } = there;
    Failure::usage(format!("the name `{name}` is taken by another loaded object"))
        .note("found", human::printable(&format!("{file}, program {program}")))
        .note("help", format!("`palisade --policy-name {name} detach --all` makes room for it; `--name` gives it another name"))
}

/// Loads, pins and attaches where nothing is yet.
fn put_there(at: &PolicyDir, object: &Object, facts: &Facts, device: &Device) -> Outcome<Placed> {
    let maps: Vec<MapHandle> = object.maps.iter().map(make).collect::<Outcome<_>>()?;
    let program = load(object, &maps)?;
    object::pin(at, facts, &maps, &program)?;
    place(at, &program, device)
}

/// A map, filled.
fn make(map: &ForeignMap) -> Outcome<MapHandle> {
    let mut decl = map.decl.clone();
    if decl.kind == MapKind::PerfEventArray && decl.max_entries == 0 {
        let cpus = possible_cpus().map_err(|error| Failure::refused(error.to_string()))?;
        decl.max_entries = u32::try_from(cpus).unwrap_or(u32::MAX);
    }
    let handle = MapHandle::create(&decl)?;
    let (Contents::Variables(value) | Contents::Constants(value)) = &map.contents else {
        return Ok(handle);
    };
    handle.fill(&[(0u32.to_ne_bytes().to_vec(), value.clone())])?;
    if matches!(map.contents, Contents::Constants(_)) {
        handle.freeze()?;
    }
    Ok(handle)
}

fn load(object: &Object, maps: &[MapHandle]) -> Outcome<Program> {
    let options = LoadOptions {
        name: &object.name.function,
        license: &object.license,
        buffers: object.buffers,
    };
    let loaded = match &object.btf {
        Some(btf) => Program::load_described(&object.image, maps, &options, btf),
        None => Program::load(&object.image, maps, &options),
    };
    loaded.map_err(refused)
}

/// The verifier's refusal, with the end of what it wrote; lines of somebody else's source are in both.
fn refused(error: LoadError) -> Failure {
    let Some(log) = error.log() else { return error.into() };
    let lines: Vec<String> = log.lines().map(human::printable).collect();
    let failure = Failure::refused(human::printable(&error.to_string()));
    let failure = failure.note("kernel", lines[lines.len().saturating_sub(SHOWN)..].join("\n"));
    match error.help() {
        Some(help) => failure.note("help", help),
        None => failure,
    }
}

/// How many lines of the verifier's log are shown.
const SHOWN: usize = 12;

fn place(at: &PolicyDir, program: &Program, device: &Device) -> Outcome<Placed> {
    let mut placed = Change::new(at, None, program).place_all(std::slice::from_ref(device))?;
    placed.pop().ok_or_else(|| Failure::bug("there was no interface to attach to"))
}

fn report(name: &Name, facts: &Facts, placed: &Placed, out: &mut Output) -> Outcome {
    let Placed { name: device, mode, how } = placed;
    let already = *how == How::Already;
    out.json(&json!({
        "object": name.as_str(), "file": facts.file, "section": facts.program.section,
        "function": facts.program.function,
        "interfaces": [{"name": device, "mode": mode.to_string(), "already": already}],
    }))?;
    let shown = human::printable(device);
    match how {
        How::Already => {
            out.say(format_args!("{shown} carries object `{name}` already, in {mode} mode"))
        }
        How::Attached { refused } => {
            for why in refused {
                out.say(format_args!("note: {why}"))?;
            }
            let program = human::printable(&facts.program.to_string());
            out.say(format_args!("object `{name}`, {program}, attached to {shown} in {mode} mode"))
        }
    }
}
