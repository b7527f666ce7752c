//! `detach`: a policy leaves interfaces. Only our own program is ever taken off.

use palisade_loader::xdp::{self, Expect};
use palisade_loader::{Link, Program, link};
use serde_json::json;

use crate::args::{Detach, Global};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::home::{describe_program, interfaces_of, program_id};
use crate::running::publish;

/// Detaches, and removes the pins with the last interface unless they are to be kept.
pub fn run(global: &Global, args: &Detach, out: &mut Output) -> Outcome {
    let (at, _lock) = publish::to_write(&global.bpffs, &global.policy_name)?;
    let program = at.program()?;
    let links = match &program {
        Some(program) if args.all => interfaces_of(program_id(program)?)?,
        Some(program) => named(args, program)?,
        // An attach was cut short before anything was attached.
        None => Vec::new(),
    };
    for link in &links {
        if let Some(program) = &program {
            detach(link, program)?;
            out.say(format_args!(
                "policy `{}` detached from {}",
                at.name,
                human::printable(&link.name)
            ))?;
        }
    }
    let left = match &program {
        Some(program) => interfaces_of(program_id(program)?)?,
        None => Vec::new(),
    };
    let kept = args.keep || !left.is_empty();
    let detached: Vec<_> = links.iter().map(|link| &link.name).collect();
    let remaining: Vec<_> = left.iter().map(|link| &link.name).collect();
    out.json(&json!({
        "policy": at.name.as_str(), "detached": detached, "remaining": remaining, "kept": kept
    }))?;
    let name = at.name.clone();
    if !kept {
        at.remove()?;
        out.say(format_args!("policy `{name}` removed"))?;
    } else if left.is_empty() {
        out.say(format_args!("policy `{name}` is attached nowhere; its sets are kept"))?;
    }
    Ok(())
}

/// The interfaces that are named, each carrying our program.
fn named(args: &Detach, program: &Program) -> Outcome<Vec<Link>> {
    let id = program_id(program)?;
    let mut links: Vec<Link> = Vec::new();
    for name in &args.devices {
        let link = link::by_name(name)?;
        match link.xdp {
            Some(attached) if attached.program_id == id || attached.offloaded == Some(id) => {}
            Some(attached) => {
                return Err(Failure::refused(format!(
                    "{name} carries an XDP program that is not of this policy"
                ))
                .note(
                    "found",
                    format!("{} in {} mode", describe_program(attached.program_id), attached.mode),
                )
                .note("help", "nothing was detached; whoever attached it has to take it off"));
            }
            None => return Err(Failure::no(format!("{name} carries no XDP program"))),
        }
        if links.iter().all(|l| l.index != link.index) {
            links.push(link);
        }
    }
    Ok(links)
}

fn detach(link: &Link, program: &Program) -> Outcome {
    let Some(attached) = link.xdp else { return Ok(()) };
    xdp::detach(link.index, attached.mode, Expect::program(program)).map_err(|error| {
        Failure::from(error)
            .because(format!("cannot detach from {}", link.name))
            .note("help", "`palisade mode off` lets everything pass meanwhile; it asks no driver")
    })
}
