//! `attach`: a policy comes into force on interfaces.

use std::collections::BTreeMap;
use std::path::Path;

use palisade_filter::{BUILTIN, Mode as FilterMode, Policy};
use palisade_loader::xdp::Mode;
use palisade_loader::{Access, Errno, Gid, link};
use serde_json::json;

use crate::args::{Attach, AttachMode, Global};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::exchange::{Device, How, Placed, Stranger};
use crate::running::home::PolicyDir;
use crate::running::install::{Installed, Wanted, install};
use crate::running::meta::{self, Meta};
use crate::running::publish;

/// Compiles, loads and attaches. Without a file, the policy that is in force is meant; only where
/// there is none, the built-in one.
pub fn run(global: &Global, args: &Attach, out: &mut Output) -> Outcome {
    let devices = devices(args)?;
    let access = args.group.as_deref().map(group).transpose()?;
    let given = args.policy.as_deref().map(read).transpose()?;
    let (at, _lock) = publish::to_make(&global.bpffs, &global.policy_name)?;
    let done = given.map_or_else(|| in_force(&at), Ok).and_then(|source| {
        let Source { text, policy } = source;
        let contents = BTreeMap::new();
        install(&at, Wanted { text: &text, policy: &policy, devices: &devices, access, contents })
    });
    match done {
        Ok(installed) => report(at.name.as_str(), at.mode()?, &installed, out),
        Err(failure) => {
            // A directory that was made for nothing goes again.
            if at.dir.names()?.is_empty() {
                at.remove()?;
            }
            Err(failure)
        }
    }
}

/// A policy and its text.
struct Source {
    text: String,
    policy: Policy,
}

impl Source {
    fn parse(file: &str, text: String) -> Outcome<Self> {
        match palisade_filter::parse(&text) {
            Ok(policy) => Ok(Self { text, policy }),
            Err(wrong) => Err(Failure::text(file, &text, &wrong)),
        }
    }
}

fn in_force(at: &PolicyDir) -> Outcome<Source> {
    if at.program()?.is_some() {
        return Source::parse(meta::PIN, Meta::open(&at.dir)?.text);
    }
    Source::parse("the built-in policy", BUILTIN.to_owned())
}

fn report(policy: &str, mode: FilterMode, installed: &Installed, out: &mut Output) -> Outcome {
    let devices: Vec<_> = installed
        .devices
        .iter()
        .map(|d| json!({"name": d.name, "mode": d.mode.to_string(), "already": d.how == How::Already}))
        .collect();
    let replaced: Vec<_> = installed.replaced.iter().map(|link| &link.name).collect();
    out.json(&json!({
        "policy": policy, "mode": mode.word(), "interfaces": devices, "replaced": replaced
    }))?;
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
    if mode != FilterMode::Enforce {
        out.say(format_args!(
            "mode {mode}: NOTHING IS DROPPED; `palisade mode enforce` changes that"
        ))?;
    }
    Ok(())
}

fn devices(args: &Attach) -> Outcome<Vec<Device>> {
    let modes: &'static [Mode] = match args.mode {
        AttachMode::Auto => &[Mode::Native, Mode::Generic],
        AttachMode::Native => &[Mode::Native],
        AttachMode::Generic => &[Mode::Generic],
        AttachMode::Offload => &[Mode::Offload],
    };
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

fn read(file: &Path) -> Outcome<Source> {
    let name = file.display().to_string();
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read {name}: {}", Errno::from_io(&error)))
    };
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("{name} is not a text in UTF-8: byte {at} is wrong"))
    })?;
    Source::parse(&name, text)
}
