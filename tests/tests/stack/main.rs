//! The stack as judge: what Linux delivers, and what of it gets past a filter that blocks it.
//!
//! Hundreds of sets of odd frames are sent to a UDP and to a TCP port: without a filter, behind rules that
//! block them in native and in generic mode, and behind default-deny policies that allow them. Of
//! what the stack delivers nothing may get past a block, and all that is ordinary must get past an
//! allow. `docs/evasion.md` has the tables, and the command that prints them.

mod judge;
mod page;
mod peers;
mod rules;
mod set;
mod sets;
mod table;

use std::sync::OnceLock;

use judge::{Delivered, Judgement, Mtu, delivered, judged};
use palisade_tests::privilege::{Kernel, is_installed, leave_out};
use rules::{ALLOW, About, BLOCK, Mode, Rule};
use set::{Reading, Set, Source};
use table::{Column, Results};

/// At least so many sets must be deliverable, or the run shows nothing.
const DELIVERABLE: usize = 1500;

/// All sets, and which of them are delivered without a filter; once for all tests, each of which
/// says so where some cannot be delivered at all.
#[track_caller]
fn bare() -> Option<(&'static [Set], &'static Delivered)> {
    static BARE: OnceLock<Option<(Vec<Set>, Judgement)>> = OnceLock::new();
    if !is_installed("ip") || Kernel::or_skip().is_none() {
        return None;
    }
    let found = BARE.get_or_init(|| {
        let sets = sets::all();
        let judgement = judged(&sets, Mtu::Jumbo, |_| Some(()))?;
        Some((sets, judgement))
    });
    let (sets, Judgement { delivered, without_vlans }) = found.as_ref()?;
    if let Some(reason) = without_vlans {
        leave_out(reason);
    }
    Some((sets, delivered))
}

/// Whether rules of that kind are about the set.
fn is_about(about: About, set: &Set) -> bool {
    about == About::Ports || set.source == Source::Told
}

fn behind(rule: &'static Rule, mode: Mode, sets: &[Set]) -> Option<Column> {
    let delivered = delivered(sets, Mtu::Jumbo, |lab| {
        rule.attach(lab, mode);
        Some(())
    })?;
    let about = sets.iter().filter(|set| is_about(rule.about, set)).map(|set| set.number).collect();
    Some(Column { title: rule.name.to_owned(), delivered, about })
}

fn columns(rules: &'static [Rule], mode: Mode, sets: &[Set]) -> Option<Vec<Column>> {
    rules.iter().map(|rule| behind(rule, mode, sets)).collect()
}

/// The sets that a column should not have as it has them, with their frames.
fn named<'a>(sets: impl Iterator<Item = &'a Set>) -> Vec<String> {
    let hex = |frame: &Vec<u8>| palisade_tests::engine::hex(frame);
    sets.map(|set| {
        format!(
            "row {}: {}: {:?}",
            set.row,
            set.name,
            set.frames.iter().map(hex).collect::<Vec<_>>()
        )
    })
    .collect()
}

#[test]
fn nothing_that_linux_delivers_gets_past_a_block_and_all_that_is_ordinary_past_an_allow() {
    let Some((sets, bare)) = bare() else { return };
    let results = || {
        let (native, generic) = (Mode::Native, Mode::Generic);
        let allow = [columns(&ALLOW, native, sets)?, columns(&ALLOW, generic, sets)?];
        Some(Results {
            sets,
            bare: bare.clone(),
            native: columns(&BLOCK, native, sets)?,
            generic: columns(&BLOCK, generic, sets)?,
            allow: allow.into_iter().flatten().collect(),
        })
    };
    let Some(results) = results() else { return };
    for table in [results.by_row(), results.by_rule()] {
        println!("{table}");
        page::bless(&table);
    }
    let mut wrong = Vec::new();
    for column in results.native.iter().chain(&results.generic) {
        let evading = sets.iter().filter(|set| {
            column.about.contains(&set.number) && column.delivered.contains(&set.number)
        });
        let evading = named(evading).into_iter();
        wrong.extend(evading.map(|set| format!("gets past a block by {}: {set}", column.title)));
    }
    for column in &results.allow {
        let held = sets.iter().filter(|set| {
            let wanted = set.reading == Reading::Whole && results.bare_has(set);
            wanted && column.about.contains(&set.number) && !column.delivered.contains(&set.number)
        });
        let held = named(held).into_iter();
        wrong
            .extend(held.map(|set| format!("held back though allowed by {}: {set}", column.title)));
    }
    assert!(wrong.is_empty(), "{} sets:\n{}", wrong.len(), wrong.join("\n"));
    assert!(bare.len() >= DELIVERABLE, "only {} sets are deliverable", bare.len());
}
