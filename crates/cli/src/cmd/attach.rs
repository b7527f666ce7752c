//! `attach`: a policy comes into force on interfaces.

use std::path::PathBuf;

use palisade_filter::{BUILTIN, Mode as FilterMode};
use palisade_loader::{Access, Gid, link};
use serde_json::json;

use crate::args::{Attach, Global};
use crate::failure::{Failure, Outcome};
use crate::judging::{Fit, Source};
use crate::output::{Output, human};
use crate::running::exchange::{Device, How, Placed, Stranger};
use crate::running::guard;
use crate::running::home::PolicyDir;
use crate::running::install::{Installed, Prepared, Wanted};
use crate::running::meta::{self, Meta};
use crate::running::next::{self, Behind, Named, Seen};
use crate::running::publish;

/// Compiles, loads and attaches. Without a file, the policy that is in force is meant; only where
/// there is none, the built-in one.
pub fn run(global: &Global, args: &Attach, out: &mut Output) -> Outcome {
    let devices = devices(args)?;
    let access = args.group.as_deref().map(group).transpose()?;
    let next = args.next.as_ref().map(Named::open).transpose()?;
    let given = args.policy.as_deref().map(Fit::read).transpose()?;
    let (at, _lock) = publish::to_make(&global.bpffs, &global.policy_name)?;
    let behind = match &next {
        None => Behind::Same,
        Some(next) => Behind::Slot(next.as_ref()),
    };
    match put_in_force(&at, given, &devices, (access, behind), args) {
        Ok(done) => report(&at, &done, out),
        Err(failure) => {
            // A directory that was made for nothing goes again.
            if at.dir.names()?.is_empty() {
                at.remove()?;
            }
            Err(failure)
        }
    }
}

/// What was done, and what the caller has to be told.
struct Done {
    installed: Installed,
    notes: Vec<String>,
}

fn put_in_force(
    at: &PolicyDir,
    given: Option<Fit>,
    devices: &[Device],
    (access, behind): (Option<Access>, Behind<'_>),
    args: &Attach,
) -> Outcome<Done> {
    let (source, lists) = match given {
        Some(Fit { source, lists }) => (source, Some(lists)),
        None => (in_force(at)?, None),
    };
    let lists = lists.as_ref();
    if let Behind::Slot(Some(program)) = behind {
        next::refuse_itself(at, program)?;
    }
    let wanted =
        Wanted { devices, access, lists, behind, ..Wanted::new(&source.text, &source.policy) };
    let prepared = Prepared::new(at, wanted)?;
    let mut notes = Vec::new();
    if prepared.reaches_more()?
        && let Some(cut) = guard::cut(&source.policy, &prepared.sets, lists)?
    {
        let harmless = prepared.old.is_some() && at.mode()? != FilterMode::Enforce;
        if !harmless && !args.force {
            return Err(cut.refused(
                "`--force` if that is meant; `palisade apply --confirm 60s` tries a policy on interfaces that carry one already",
            ));
        }
        notes.push(cut.in_words());
    }
    Ok(Done { installed: prepared.install()?, notes })
}

fn in_force(at: &PolicyDir) -> Outcome<Source> {
    let (name, text) = match at.program()? {
        Some(_) => (meta::PIN, Meta::open(&at.dir)?.text),
        None => ("the built-in policy", BUILTIN.to_owned()),
    };
    Source::parse(name, text, PathBuf::new())
}

fn report(at: &PolicyDir, done: &Done, out: &mut Output) -> Outcome {
    let (policy, mode) = (at.name.as_str(), at.mode()?);
    let next = at.program()?.map(|program| Seen::of(at, &program)).transpose()?;
    let next = next.filter(|next| !matches!(next, Seen::Stack));
    let Done { installed, notes } = done;
    let devices: Vec<_> = installed
        .devices
        .iter()
        .map(|d| json!({"name": d.name, "mode": d.mode.to_string(), "already": d.how == How::Already}))
        .collect();
    let replaced: Vec<_> = installed.replaced.iter().map(|link| &link.name).collect();
    let mut document = json!({
        "policy": policy, "mode": mode.word(), "interfaces": devices, "replaced": replaced
    });
    if let Some(next) = &next {
        document["next"] = next.json();
    }
    if !notes.is_empty() {
        document["notes"] = json!(notes);
    }
    out.json(&document)?;
    for note in notes {
        out.say(format_args!("note: {note}"))?;
    }
    for link in &installed.replaced {
        let name = human::printable(&link.name);
        out.say(format_args!("policy `{policy}` replaced on {name}, without a gap"))?;
    }
    for Placed { name, mode, how } in &installed.devices {
        let shown = human::printable(name);
        match how {
            How::Already if installed.replaced.iter().any(|link| link.name == *name) => {}
            How::Already => {
                out.say(format_args!("{shown} carries policy `{policy}` already, in {mode} mode"))?
            }
            How::Attached { refused } => {
                for why in refused {
                    out.say(format_args!("note: {why}"))?;
                }
                out.say(format_args!("policy `{policy}` attached to {shown} in {mode} mode"))?;
            }
        }
    }
    if let Some(next) = next {
        out.say(format_args!("what passes goes to {}", next.words()))?;
    }
    say_mode(mode, out)
}

/// Tells of a mode in which nothing is dropped.
pub fn say_mode(mode: FilterMode, out: &mut Output) -> Outcome {
    match mode {
        FilterMode::Enforce => Ok(()),
        FilterMode::Shadow | FilterMode::Off => out.say(format_args!(
            "mode {mode}: NOTHING IS DROPPED; `palisade mode enforce` changes that"
        )),
    }
}

fn devices(args: &Attach) -> Outcome<Vec<Device>> {
    let modes = args.mode.modes();
    let stranger = if args.take_over { Stranger::Replace } else { Stranger::Respect };
    let mut devices: Vec<Device> = Vec::new();
    for name in &args.devices {
        let link = link::by_name(name)?;
        if devices.iter().all(|d| d.link.index != link.index) {
            devices.push(Device { link, modes, stranger });
        }
    }
    Ok(devices)
}

fn group(name: &str) -> Outcome<Access> {
    let unknown = || Failure::usage(format!("there is no group `{name}`"));
    let found = Gid::by_name(name)
        .map_err(|errno| Failure::refused(format!("cannot look up the group `{name}`: {errno}")))?;
    found.map(Access::Group).ok_or_else(unknown)
}
