//! `chain`: policies one behind the other, put in force from the first to the last.
//!
//! Each is a policy of its own, attached as `attach` does it: the first to the interface, each other
//! one behind the one before it. What can be checked of any of them is checked before the first is
//! touched. A kill leaves a chain that ends early, and the same command goes on
//! with it.

use std::path::Path;

use palisade_filter::{Mode as FilterMode, Name, Neighbours, Next, Tenure};
use palisade_loader::link;
use palisade_loader::xdp::Mode;
use serde_json::{Value, json};

use super::attach;
use super::load::named_after;
use crate::args::{Attach, Chain, Global};
use crate::failure::{Failure, Outcome};
use crate::judging::Fit;
use crate::machine;
use crate::output::{Output, human};
use crate::running::chain;
use crate::running::compiled::Compiled;
use crate::running::exchange::Stranger;
use crate::running::home::PolicyDir;
use crate::running::next::Seen;
use crate::running::outlets::Outlets;
use crate::running::typed::typed;

/// Puts a chain in force, or shows the one that is.
pub fn run(global: &Global, args: &Chain, out: &mut Output) -> Outcome {
    global.refuse_name(
        "policies of a chain are named after their files, and shown by the interface; leave it out",
    )?;
    if args.files.is_empty() {
        return show(global, &args.device, out);
    }
    let names = names(args)?;
    let stranger = if args.take_over { Stranger::Replace } else { Stranger::Respect };
    chain::refuse_chain(&global.bpffs, &names, stranger)?;
    let read = args.files.iter().map(|file| Fit::read(file)).collect::<Outcome<Vec<_>>>()?;
    for (name, fit) in names.iter().zip(&read) {
        let last = names.last() == Some(name);
        check(fit, if last { Next::Stack } else { Next::Slot }).map_err(|failure| {
            failure.because(format!(
                "nothing of the chain is made: policy `{name}` cannot be put in force"
            ))
        })?;
    }
    let mut steps = Output::for_steps(out);
    for (at, (name, fit)) in names.iter().zip(read).enumerate() {
        let front = at.checked_sub(1).and_then(|before| names.get(before)).cloned();
        let devices = if front.is_none() { vec![args.device.clone()] } else { Vec::new() };
        let one = Attach {
            devices,
            policy: None,
            mode: args.mode,
            group: None,
            take_over: args.take_over,
            next: None,
            one_buffer: false,
            behind: front,
            force: args.force,
        };
        let own = Global { policy_name: name.clone(), bpffs: global.bpffs.clone(), ..*global };
        let attached = attach::attach(&own, &one, Some(fit), &mut steps);
        if let Err(failure) = attached {
            steps.flush()?;
            let headline = format!("the chain ends before policy `{name}`");
            return Err(if at == 0 { failure } else { failure.because(headline) });
        }
    }
    steps.flush()?;
    out.json(&json!({"interface": args.device, "chain": found(global, &args.device)?.1}))
}

/// Compiles a policy, and looks for the interfaces that it redirects to.
fn check(fit: &Fit, next: Next) -> Outcome {
    let neighbours = Neighbours { tenure: Tenure::Standing, next };
    Compiled::new(&fit.source.policy, machine::target()?, neighbours)?;
    Outlets::find(&fit.source.policy).map(drop)
}

/// The names of the policies, one for each file.
fn names(args: &Chain) -> Outcome<Vec<Name>> {
    let mut names: Vec<Name> = Vec::new();
    for file in &args.files {
        let name = named_after(file).ok_or_else(|| {
            Failure::usage(format!("{} gives the policy no name", file.display()))
                .note("help", "policies of a chain are named after their files")
        })?;
        if names.contains(&name) {
            return Err(Failure::usage(format!("two policies of the chain are called `{name}`"))
                .note(
                    "help",
                    "policies of a chain are named after their files; `cp` gives one another name",
                ));
        }
        names.push(name);
    }
    Ok(names)
}

fn show(global: &Global, device: &str, out: &mut Output) -> Outcome {
    let (mode, chain, words) = found(global, device)?;
    out.json(&json!({"interface": device, "chain": chain}))?;
    out.say(format_args!("{}, {mode} mode", human::printable(device)))?;
    words.into_iter().try_for_each(|line| out.say(format_args!("  {line}")))
}

/// The policies that packets of an interface go through, and what comes behind the last.
fn found(global: &Global, device: &str) -> Outcome<(Mode, Vec<Value>, Vec<String>)> {
    let link = link::by_name(device)?;
    let attached =
        link.xdp.ok_or_else(|| Failure::no(format!("{device} carries no XDP program")))?;
    let (mut chain, mut words) = (Vec::new(), Vec::new());
    let mut seen: Vec<Name> = Vec::new();
    let mut id = attached.program_id;
    while let Some(at) = policy(&global.bpffs, id)?.filter(|at| !seen.contains(&at.name)) {
        let Some(program) = at.program()? else { break };
        let (mode, next) = (at.mode()?, Seen::of(&at, &program)?);
        chain.push(json!({"policy": at.name.as_str(), "mode": mode.word()}));
        let dropping = match mode {
            FilterMode::Enforce => String::new(),
            FilterMode::Shadow | FilterMode::Off => {
                let enforce = typed(&at.name, "mode enforce");
                format!(": NOTHING IS DROPPED by it; `{enforce}` changes that")
            }
        };
        words.push(format!("policy `{}`, mode {mode}{dropping}", at.name));
        seen.push(at.name);
        let Seen::Program { id: behind, .. } = next else {
            words.push("the stack".to_owned());
            return Ok((attached.mode, chain, words));
        };
        id = behind;
    }
    let behind = Seen::by_number(id);
    chain.push(behind.json());
    words.push(behind.words());
    Ok((attached.mode, chain, words))
}

fn policy(bpffs: &Path, id: u32) -> Outcome<Option<PolicyDir>> {
    match chain::policy_of(bpffs, id)? {
        Some(name) => PolicyDir::find(bpffs, &name),
        None => Ok(None),
    }
}
