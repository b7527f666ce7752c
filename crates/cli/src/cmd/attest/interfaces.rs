//! The interfaces: which program each of them carries.

use palisade_loader::{Link, MapHandle, Program, link};

use super::Found;
use super::report::{Check, Report};
use crate::failure::Outcome;
use crate::running::pins::MAPS;
use crate::running::program::{describe_program, program_id};
use crate::running::reach::{self, Front, Reach};

/// Why a program stands where another one is to stand.
const UNDONE: &str = "a trial has ended unconfirmed, and its program hands on to the one that is attested; the next command that edits puts that in its place";
const COMING: &str = "a change of the policy is under way, or was cut short";

/// Whether packets come to a policy from the slots of others alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FromSlots {
    /// No interface carries it.
    Only,
    /// An interface does.
    Besides,
}

impl Found<'_> {
    /// Compares the program of one interface, or of all that carry the policy, with the pinned one.
    pub(super) fn interfaces(&self, device: Option<&Link>, report: &mut Report) {
        let (Some(meta), Some(info)) = (&self.meta, &self.info) else { return };
        if let Err(failure) = meta.of_this_namespace(&self.at.name) {
            return report.push(Check::untold("interfaces", failure.headline()));
        }
        if let Some(device) = device {
            let check = self.carried(device, info.id).unwrap_or_else(|| {
                let why = match device.xdp {
                    Some(_) => "it carries another program",
                    None => "nothing is filtered there",
                };
                let expected = format_args!("program {}", info.id);
                Check::differs(interface(device), why).between(carried(device), expected)
            });
            return report.push(check);
        }
        let links = match link::list() {
            Ok(links) => links,
            Err(error) => return report.push(Check::untold("interfaces", error)),
        };
        let checks: Vec<Check> =
            links.iter().filter_map(|link| self.carried(link, info.id)).collect();
        let fronts = self
            .fronts(info.id, if checks.is_empty() { FromSlots::Only } else { FromSlots::Besides });
        if checks.is_empty() && fronts.is_empty() {
            report.push(Check::differs(
                "interfaces",
                "none carries the program: nothing is filtered",
            ));
        }
        report.extend(checks);
        report.extend(fronts);
        let maps = self.map_numbers();
        report.extend(links.iter().filter_map(|link| self.astray(link, &maps, info.id)));
    }

    /// The slots of policies in force that hold the program, or one that leads to it or is about to take
    /// its place.
    fn fronts(&self, id: u32, from: FromSlots) -> Vec<Check> {
        let undone = self.at.undone_program();
        let coming = self.at.on_the_way().unwrap_or_default();
        let coming = coming.iter().filter_map(|program| program_id(program).ok());
        let beside: Vec<u32> = undone.into_iter().chain(coming).collect();
        let found = reach::fronts_in_force(self.at, &[&[id], beside.as_slice()].concat());
        let found = found.and_then(|found| {
            let with_reach = |front: Front| Ok((front.reach()?, front));
            found.into_iter().map(with_reach).collect::<Outcome<Vec<_>>>()
        });
        let found = match found {
            Ok(found) => found,
            Err(failure) => return vec![Check::untold("slots", failure.headline())],
        };
        let reached = found.iter().any(|(reach, _)| *reach == Reach::Reached);
        let check = |(reach, front): (Reach, Front)| {
            let what = format!("behind policy {}", front.at.name);
            match front.slot.holds() {
                Ok(Some(held)) if held == id => match reach {
                    Reach::Nowhere if from == FromSlots::Only && !reached => Check::differs(
                        what,
                        "no interface leads to that policy: nothing is filtered",
                    ),
                    Reach::Nowhere => Check::ok(
                        what,
                        format_args!("program {id}, in its slot, to which no interface leads"),
                    ),
                    Reach::Reached => Check::ok(what, format_args!("program {id}, in its slot")),
                },
                Ok(held) => {
                    let why = if held.is_some() && held == undone { UNDONE } else { COMING };
                    let held = held.map_or("nothing".to_owned(), describe_program);
                    Check::untold(what, why).between(held, format_args!("program {id}"))
                }
                Err(failure) => Check::untold(what, failure.headline()),
            }
        };
        found.into_iter().map(check).collect()
    }

    /// Whether an interface carries the program, or one that leads to it or is about to take its
    /// place.
    fn carried(&self, link: &Link, id: u32) -> Option<Check> {
        let what = interface(link);
        let attached = link.xdp?;
        if let Some(mode) = attached.mode_of(id) {
            return Some(Check::ok(what, format_args!("program {id}, {mode} mode")));
        }
        if let Some(undone) = self.at.undone_program()
            && attached.mode_of(undone).is_some()
        {
            return Some(
                Check::untold(what, UNDONE).between(carried(link), format_args!("program {id}")),
            );
        }
        let coming = self.at.on_the_way().ok()?;
        let numbers = coming.iter().filter_map(|program| program_id(program).ok());
        let coming = numbers.into_iter().any(|coming| attached.mode_of(coming).is_some());
        let check =
            || Check::untold(what, COMING).between(carried(link), format_args!("program {id}"));
        coming.then(check)
    }

    /// An interface that carries another program with maps of this policy: an old one, or one that
    /// somebody has changed. Whoever may not open programs by number does not see it.
    fn astray(&self, link: &Link, maps: &[u32], id: u32) -> Option<Check> {
        let other = link.xdp?.program_id;
        if self.carried(link, id).is_some() {
            return None;
        }
        let used = Program::by_id(other).and_then(|program| program.info()).ok()?.map_ids;
        let shares = used.iter().any(|used| maps.contains(used));
        let why = "its program uses maps of this policy and is not the pinned one";
        let check = || Check::differs(interface(link), why);
        shares.then(|| check().between(carried(link), format_args!("program {id}")))
    }

    /// The numbers of the maps that the program uses, and of those that are pinned.
    fn map_numbers(&self) -> Vec<u32> {
        let used = self.info.iter().flat_map(|info| info.map_ids.iter().copied());
        let dir = self.at.dir.subdir(MAPS).ok().flatten();
        let names = dir.as_ref().and_then(|dir| dir.names().ok()).unwrap_or_default();
        let number =
            |name: String| Some(MapHandle::open(dir.as_ref()?, &name).ok()?.info().ok()?.id);
        used.chain(names.into_iter().filter_map(number)).collect()
    }
}

fn interface(link: &Link) -> String {
    format!("interface {}", link.name)
}

/// What an interface carries, in words.
fn carried(link: &Link) -> String {
    match link.xdp {
        Some(attached) => {
            format!("{}, {} mode", describe_program(attached.program_id), attached.mode)
        }
        None => "no XDP program".to_owned(),
    }
}
