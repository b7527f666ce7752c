//! `detach`: a policy, or an object that was loaded, leaves interfaces. Only a program of ours is ever
//! taken off.

use palisade_filter::Name;
use palisade_loader::xdp::{self, Attached, Expect, Reason};
use palisade_loader::{Link, Program, link};
use serde_json::json;

use crate::args::{Detach, Global};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::chain;
use crate::running::fronts;
use crate::running::meta::Meta;
use crate::running::object::Loaded;
use crate::running::program::{Carrier, carriers_of, describe_program, program_id};
use crate::running::reach;
use crate::running::typed::typed;

/// Detaches, and removes the pins with the last interface unless they are to be kept.
pub fn run(global: &Global, args: &Detach, out: &mut Output) -> Outcome {
    let named = links(args)?;
    while let Some(loaded) = Loaded::meant(&global.bpffs, &global.policy_name, &named)? {
        if let Some((loaded, _lock)) = loaded.locked(&global.bpffs)? {
            return detach_object(loaded, &named, args, out);
        }
    }
    let (at, _locks) = chain::to_take_out(&global.bpffs, &global.policy_name)?;
    let mut detached = Vec::new();
    let mut left = Vec::new();
    let (mut behind, mut stays): (Vec<Name>, Vec<Name>) = (Vec::new(), Vec::new());
    let mut unreached: Vec<Name> = Vec::new();
    if let Some(program) = at.program()? {
        // A meta that cannot be read keeps nobody from detaching.
        if let Ok(meta) = Meta::open(&at.dir) {
            meta.of_this_namespace(&at.name)?;
        }
        let id = program_id(&program)?;
        // Taking the lock may have undone a trial, and with it what the interfaces carry.
        let carriers = if args.all { carriers_of(id)? } else { carriers(&links(args)?, id)? };
        for carrier in &carriers {
            detach(carrier, &program)?;
            let name = &carrier.link.name;
            out.say(format_args!("policy `{}` detached from {}", at.name, human::printable(name)))?;
            detached.push(name.clone());
        }
        if args.all {
            behind = chain::take_out(&at, &program)?;
        }
        for front in &behind {
            out.say(format_args!("policy `{}` taken from behind policy `{front}`", at.name))?;
        }
        left.extend(carriers_of(id)?.into_iter().map(|carrier| carrier.link.name));
        stays = fronts::fronts(&at, &[id])?.into_iter().map(|front| front.policy).collect();
        if left.is_empty() && behind.is_empty() {
            // It is told; what cannot be told keeps nobody from detaching.
            unreached = reach::unreached_behind(&at, &program).unwrap_or_default();
        }
    }
    let kept = args.keep || !left.is_empty() || !stays.is_empty();
    out.json(&json!({
        "policy": at.name.as_str(), "detached": detached, "remaining": left, "kept": kept,
        "behind": names(&behind), "remaining_behind": names(&stays),
        "unreached": names(&unreached),
    }))?;
    let name = at.name.clone();
    if !kept {
        at.remove()?;
        out.say(format_args!("policy `{name}` removed"))?;
    } else if let Some(front) = stays.first() {
        out.say(format_args!(
            "policy `{name}` stays behind policy `{front}`; `detach --all` takes it from there too"
        ))?;
    } else if left.is_empty() {
        out.say(format_args!("policy `{name}` is attached nowhere; its sets are kept"))?;
    }
    for policy in &unreached {
        out.say(format_args!(
            "no packet comes to policy `{policy}` any more, which came behind: NOTHING IS FILTERED by it; `{}` puts it there",
            typed(policy, "attach DEV")
        ))?;
    }
    Ok(())
}

fn names(policies: &[Name]) -> Vec<&str> {
    policies.iter().map(Name::as_str).collect()
}

/// Takes an object off interfaces, and removes its pins with the last one unless they are to be kept.
fn detach_object(loaded: Loaded, named: &[Link], args: &Detach, out: &mut Output) -> Outcome {
    let name = loaded.at.name.clone();
    loaded.facts.of_this_namespace(&name)?;
    let mut detached = Vec::new();
    if let Some(program) = &loaded.program {
        let all = loaded.interfaces()?;
        let carriers = if args.all { all } else { carriers(named, program_id(program)?)? };
        for carrier in &carriers {
            detach(carrier, program)?;
            let device = &carrier.link.name;
            out.say(format_args!("object `{name}` detached from {}", human::printable(device)))?;
            detached.push(device.clone());
        }
    }
    let left: Vec<String> =
        loaded.interfaces()?.into_iter().map(|carrier| carrier.link.name).collect();
    let kept = args.keep || !left.is_empty();
    out.json(&json!({
        "object": name.as_str(), "detached": detached, "remaining": left, "kept": kept
    }))?;
    if !kept {
        loaded.at.remove()?;
        out.say(format_args!("object `{name}` removed"))?;
    } else if left.is_empty() {
        out.say(format_args!("object `{name}` is attached nowhere; its maps are kept"))?;
    }
    Ok(())
}

/// The interfaces that are named, as they are now.
fn links(args: &Detach) -> Outcome<Vec<Link>> {
    Ok(args.devices.iter().map(|name| link::by_name(name)).collect::<Result<_, _>>()?)
}

/// The interfaces that are named, each carrying our program.
fn carriers(named: &[Link], id: u32) -> Outcome<Vec<Carrier>> {
    let mut carriers: Vec<Carrier> = Vec::new();
    for link in named {
        let name = &link.name;
        match link.xdp {
            None => return Err(Failure::no(format!("{name} carries no XDP program"))),
            Some(attached) => match attached.mode_of(id) {
                None => return Err(not_ours(name, attached)),
                Some(mode) if carriers.iter().all(|c| c.link.index != link.index) => {
                    carriers.push(Carrier { link: link.clone(), mode });
                }
                Some(_) => {}
            },
        }
    }
    Ok(carriers)
}

fn not_ours(name: &str, attached: Attached) -> Failure {
    Failure::refused(format!("{name} carries an XDP program that is not of this policy"))
        .note(
            "found",
            format!("{} in {} mode", describe_program(attached.program_id), attached.mode),
        )
        .note("help", "nothing was detached; whoever attached it has to take it off")
}

fn detach(Carrier { link, mode }: &Carrier, program: &Program) -> Outcome {
    match xdp::detach(link.index, *mode, Expect::program(program)) {
        Ok(()) => Ok(()),
        // What is gone carries nothing.
        Err(error) if error.reason() == Reason::NoDevice => Ok(()),
        Err(error) => Err(Failure::from(error)
            .because(format!("cannot detach from {}", link.name))
            .note("help", "`palisade mode off` lets everything pass meanwhile; it asks no driver")),
    }
}
