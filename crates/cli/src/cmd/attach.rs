//! `attach`: a policy comes into force on interfaces.

use std::path::PathBuf;

use palisade_filter::{BUILTIN, Mode as FilterMode, Name};
use palisade_loader::{Access, Gid, link};
use serde_json::json;

use crate::args::{Attach, Global};
use crate::failure::{Failure, Outcome};
use crate::judging::{Fit, Source};
use crate::output::{Output, human};
use crate::running::chain::{self, Aim};
use crate::running::exchange::{Device, How, Place, Placed, Stranger};
use crate::running::forwarding;
use crate::running::fronts::next_of;
use crate::running::guard;
use crate::running::home::PolicyDir;
use crate::running::in_force::Running;
use crate::running::install::{Installed, Prepared, Wanted};
use crate::running::meta::Meta;
use crate::running::next::{Behind, Frames, Seen};
use crate::running::pins::META;
use crate::running::program::program_id;
use crate::running::publish;
use crate::running::reach::{InFront, Reach};
use crate::running::typed::typed;

/// Compiles, loads and attaches. Without a file, the policy that is in force is meant; only where
/// there is none, the built-in one.
pub fn run(global: &Global, args: &Attach, out: &mut Output) -> Outcome {
    let given = args.policy.as_deref().map(Fit::read).transpose()?;
    attach(global, args, given, out)
}

/// The same with the policy of the file as it was read.
pub fn attach(global: &Global, args: &Attach, given: Option<Fit>, out: &mut Output) -> Outcome {
    let devices = devices(args)?;
    let access = args.group.as_deref().map(group).transpose()?;
    let aim = args.next.as_ref().map(|next| Aim::at(next, &global.bpffs, &global.policy_name));
    let aim = aim.transpose()?;
    let (at, _lock) = publish::to_make(&global.bpffs, &global.policy_name)?;
    let frames = if args.one_buffer { Frames::OneBuffer } else { Frames::Any };
    let behind = match &aim {
        None => Behind::Same,
        Some(aim) => Behind::Slot(aim.program.as_ref(), frames),
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
    let front = front(at, behind, args)?;
    let wanted = Wanted {
        devices,
        front: front.as_ref(),
        access,
        lists,
        behind,
        ..Wanted::new(&source.text, &source.policy)
    };
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
    notes.extend(forwarding::note(&source.policy, devices));
    // Only now is anything changed, and the policy in front first: it may be that it has no slot.
    let slot = front.as_ref().map(|front| chain::make_slot(at, &front.policy)).transpose()?;
    match prepared.install() {
        Ok(installed) => Ok(Done { installed, notes }),
        Err(failure) => Err(match slot.flatten() {
            Some(made) => made.take_back(at, failure),
            None => failure,
        }),
    }
}

/// The policy that it shall come behind, which packets would neither go round nor too far.
fn front(at: &PolicyDir, behind: Behind<'_>, args: &Attach) -> Outcome<Option<Place>> {
    let next = match behind {
        Behind::Slot(program, _) => program.map(program_id).transpose()?,
        Behind::Same | Behind::Stack => {
            at.program()?.map(|program| next_of(at, &program)).transpose()?.flatten()
        }
    };
    if let Behind::Slot(Some(_), _) = behind {
        chain::refuse_endless(at, &at.name, (None, next))?;
    }
    let Some(policy) = &args.behind else { return Ok(None) };
    chain::refuse_endless(at, policy, (Some(&at.name), next))?;
    chain::refuse_absent(at, policy)?;
    let stranger = if args.take_over { Stranger::Replace } else { Stranger::Respect };
    Ok(Some(Place { policy: policy.clone(), stranger }))
}

fn in_force(at: &PolicyDir) -> Outcome<Source> {
    let (name, text) = match at.program()? {
        Some(_) => (META, Meta::open(&at.dir)?.text),
        None => ("the built-in policy", BUILTIN.to_owned()),
    };
    Source::parse(name, text, PathBuf::new())
}

fn report(at: &PolicyDir, done: &Done, out: &mut Output) -> Outcome {
    let (policy, mode) = (at.name.as_str(), at.mode()?);
    let running = Running::get(at)?;
    let fronts = running.in_front()?;
    let next = Seen::of(at, &running.program)?;
    let Done { installed, notes } = done;
    let devices: Vec<_> = installed
        .devices
        .iter()
        .map(|d| json!({"name": d.name, "mode": d.mode.to_string(), "already": d.how == How::Already}))
        .collect();
    let replaced = installed.replaced.names();
    let mut document = json!({
        "policy": policy, "mode": mode.word(), "interfaces": devices, "replaced": replaced,
        "behind": fronts.iter().map(|front| front.policy.as_str()).collect::<Vec<_>>(),
        "next": next.json(),
    });
    if !notes.is_empty() {
        document["notes"] = json!(notes);
    }
    out.json(&document)?;
    for note in notes {
        out.say(format_args!("note: {note}"))?;
    }
    for place in installed.replaced.places() {
        out.say(format_args!("policy `{policy}` replaced {place}, without a gap"))?;
    }
    for Placed { name, mode, how } in &installed.devices {
        let shown = human::printable(name);
        match how {
            How::Already if replaced.contains(&name.as_str()) => {}
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
    for InFront { policy: front, reach } in &fronts {
        if !installed.replaced.behind.contains(front) {
            out.say(format_args!("policy `{policy}` stands behind policy `{front}`"))?;
        }
        if *reach == Reach::Nowhere {
            out.say(format_args!(
                "no interface leads to policy `{front}`: NOTHING IS FILTERED behind it"
            ))?;
        }
    }
    if !matches!(next, Seen::Stack) {
        out.say(format_args!("what policy `{policy}` passes goes to {}", next.words()))?;
    }
    say_mode(&at.name, mode, out)
}

/// Tells of a mode in which nothing is dropped.
pub fn say_mode(policy: &Name, mode: FilterMode, out: &mut Output) -> Outcome {
    match mode {
        FilterMode::Enforce => Ok(()),
        FilterMode::Shadow | FilterMode::Off => out.say(format_args!(
            "mode {mode}: NOTHING IS DROPPED; `{}` changes that",
            typed(policy, "mode enforce")
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
