//! `bench update`: what it takes to edit a set, as whole commands: process, list and kernel.
//!
//! Each round empties the set, imports a list, adds and deletes one entry beside it, and replaces all
//! by another list. Lists lie in memory that ends with this process; a policy of its own is in force
//! at an interface of a private namespace.

mod commands;
mod lists;

use palisade_filter::value::Family;

use super::entries::{self, Kind};
use super::figures::{Figures, in_turns};
use super::peers;
use super::place;
use super::random::Random;
use super::report::{Group, Line, Remarks, Report, Unit};
use super::{Order, refused};
use crate::args::Peer;
use crate::failure::Outcome;
use commands::{Editor, OPERATIONS, Turn};
use lists::Lists;

/// Measures every sort of list at every size.
pub fn measure(order: &Order) -> Outcome<Report> {
    let here = place::enter()?;
    let mut remarks = Remarks::default();
    let peers = with_sets(order, &mut remarks);
    let device = commands::interface(&here)?;
    let sizes = order.sizes(&[1000, 100_000, 1_000_000], &[1000]);
    let sorts =
        [(Family::V4, Kind::Exact), (Family::V4, Kind::Prefixes), (Family::V6, Kind::Prefixes)];
    let mut groups = Vec::new();
    for (family, kind) in sorts {
        for size in &sizes {
            let case = Case { order, family, kind, size: *size };
            groups.extend(case.measure(&device, &peers, &mut remarks)?);
        }
    }
    let of = "entries in the list";
    Ok(Report { subject: "update", of, unit: Unit::Millis, groups, remarks })
}

/// Those of the peers that have sets to edit.
fn with_sets(order: &Order, remarks: &mut Remarks) -> Vec<Peer> {
    let mut peers = peers::installed(&order.against, remarks);
    peers.retain(|peer| {
        let able = matches!(peer, Peer::Ipset | Peer::Nft);
        if !able {
            let name = peers::name(*peer);
            remarks.note(format!("{name}: takes no part, it has no sets that are imported"));
        }
        able
    });
    peers
}

/// Lists of one sort and size.
struct Case<'a> {
    order: &'a Order,
    family: Family,
    kind: Kind,
    size: usize,
}

impl Case<'_> {
    /// The turns of all who edit, by what they do.
    fn measure(&self, device: &str, peers: &[Peer], remarks: &mut Remarks) -> Outcome<Vec<Group>> {
        let mut random = Random::new(self.size as u64);
        let mut draw = || entries::draw(self.family, self.kind, self.size, &mut random);
        let lists = Lists::new(draw(), draw())?;
        let mut editors = vec![Editor::palisade(device, &lists)?];
        for editor in peers.iter().map(|peer| Editor::peer(*peer)) {
            match editor.turn(&lists) {
                Ok(_) => editors.push(editor),
                Err(why) => {
                    let (name, title) = (editor.name(), self.title());
                    remarks.note(format!("{name}, {} {title}: left out, {why}", self.size));
                }
            }
        }
        let rounds = self.order.rounds(5, 1);
        let turns = in_turns(&mut editors, rounds, |editor| {
            editor.turn(&lists).map_err(|why| refused("edit a set", why))
        })?;
        commands::detach(device)?;
        Ok(self.groups(&editors, &turns))
    }

    fn groups(&self, editors: &[Editor], turns: &[Vec<Turn>]) -> Vec<Group> {
        let group = |(at, operation): (usize, &str)| {
            let line = |(editor, turns): (&Editor, &Vec<Turn>)| {
                Line::new(editor.name(), Figures::of(turns.iter().map(|turn| turn[at])))
            };
            let what = format!("{operation}, {}", self.title());
            let lines = editors.iter().zip(turns).map(line).collect();
            Group { what, size: Some(self.size), lines }.with_ratios()
        };
        OPERATIONS.into_iter().enumerate().map(group).collect()
    }

    fn title(&self) -> String {
        entries::title(self.family, self.kind)
    }
}
