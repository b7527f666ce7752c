//! What was delivered, as tables.

use std::fmt::Write;

use crate::judge::Delivered;
use crate::set::{Reading, Set};
use crate::sets::ROWS;

/// The head of the table by rows.
pub const ROW_HEAD: &str = "| row | what is odd | sets | delivered | behind a block, native | generic | \
                            ordinary | arrive behind an allow |";
/// The head of the table by rules.
pub const RULE_HEAD: &str = "| blocked by | sets | deliverable | delivered, native | generic |";

/// The deliveries behind one filter.
pub struct Column {
    /// What the table calls it.
    pub title: String,
    /// What arrived.
    pub delivered: Delivered,
    /// Whether the filter is about a set.
    pub about: Delivered,
}

impl Column {
    /// How many of the sets that satisfy `of` it is about, and how many of these arrived.
    fn count(&self, of: impl Fn(&Set) -> bool, sets: &[Set]) -> [usize; 2] {
        let about = sets.iter().filter(|set| self.about.contains(&set.number) && of(set));
        let (arrived, held): (Vec<_>, Vec<_>) =
            about.partition(|set| self.delivered.contains(&set.number));
        [arrived.len() + held.len(), arrived.len()]
    }
}

/// What the stack delivers without a filter, and behind those that block and those that allow.
pub struct Results<'a> {
    /// All sets.
    pub sets: &'a [Set],
    /// What arrives without a filter.
    pub bare: Delivered,
    /// Behind a filter that blocks, in native mode.
    pub native: Vec<Column>,
    /// The same in generic mode.
    pub generic: Vec<Column>,
    /// Behind default-deny filters that allow, in both modes.
    pub allow: Vec<Column>,
}

impl Results<'_> {
    /// One line for each row of odd packets.
    pub fn by_row(&self) -> String {
        let mut text = format!("{ROW_HEAD}\n|---|---|---|---|---|---|---|---|\n");
        let rows = ROWS.iter().map(|(row, title)| (Some(*row), *title));
        for (row, title) in rows.chain([(None, "all")]) {
            let of = |set: &Set| row.is_none_or(|row| set.row == row);
            let sets = self.sets.iter().filter(|set| of(set)).count();
            let plain = |set: &Set| of(set) && set.reading == Reading::Whole && self.bare_has(set);
            let ordinary = self.sets.iter().filter(|set| plain(set)).count();
            let bare = self.sets.iter().filter(|set| of(set) && self.bare_has(set)).count();
            let most = |columns: &[Column]| {
                columns.iter().map(|column| column.count(of, self.sets)[1]).max().unwrap_or(0)
            };
            let arrived = self.allow.iter().filter(|column| column.about.len() == self.sets.len());
            let arrived =
                arrived.map(|column| column.count(plain, self.sets)[1]).min().unwrap_or(0);
            let number = match row {
                Some(row) if row < 100 => row.to_string(),
                Some(_) => "mixed".to_owned(),
                None => String::new(),
            };
            writeln!(
                text,
                "| {number} | {title} | {sets} | {bare} | {} | {} | {ordinary} | {arrived} |",
                most(&self.native),
                most(&self.generic),
            )
            .expect("a string takes it");
        }
        text
    }

    /// One line for each rule that blocks.
    pub fn by_rule(&self) -> String {
        let mut text = format!("{RULE_HEAD}\n|---|---|---|---|---|\n");
        for (native, generic) in self.native.iter().zip(&self.generic) {
            let [sets, arrived] = native.count(|_| true, self.sets);
            let [deliverable, _] = native.count(|set| self.bare_has(set), self.sets);
            let [_, also] = generic.count(|_| true, self.sets);
            writeln!(text, "| {} | {sets} | {deliverable} | {arrived} | {also} |", native.title)
                .expect("a string takes it");
        }
        text
    }

    /// Whether the stack delivers the set when nothing stands before it.
    pub fn bare_has(&self, set: &Set) -> bool {
        self.bare.contains(&set.number)
    }
}
