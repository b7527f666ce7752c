//! docs/evasion.md keeps its word: its tables have the sets that are sent, and claim nothing else.
//!
//! What the stack delivers differs between kernels and is not compared; how many sets there are, and
//! that nothing gets past a block and nothing ordinary is held back, is the same everywhere. With
//! `PALISADE_BLESS=1` the tables are put in place as they are measured.

use std::fs;
use std::sync::Mutex;

use crate::is_about;
use crate::rules::BLOCK;
use crate::set::{Set, Source};
use crate::sets::{self, ROWS};

const PAGE: &str = include_str!("../../../docs/evasion.md");
/// Where the page lies, for whoever writes it.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/evasion.md");

/// Puts a table into the page, in the place of the one with the same head, where that is asked for.
pub fn bless(table: &str) {
    if std::env::var_os("PALISADE_BLESS").is_none() {
        return;
    }
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().expect("nobody panics in there");
    let page = fs::read_to_string(PATH).expect("the page is there");
    let head = table.lines().next().expect("a table has a head");
    let old = table_of(&page, head);
    fs::write(PATH, page.replacen(&old, table.trim_end(), 1)).expect("the page can be written");
}

/// The table of the page that begins with a line.
fn table_of(page: &str, head: &str) -> String {
    let lines = page.lines().skip_while(|line| *line != head);
    let table: Vec<&str> = lines.take_while(|line| line.starts_with('|')).collect();
    assert!(table.len() > 2, "the page has no table `{head}`");
    table.join("\n")
}

/// The cells of a table, without its head.
fn cells(page: &str, head: &str) -> Vec<Vec<String>> {
    let row =
        |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table_of(page, head).lines().skip(2).map(row).collect()
}

#[test]
fn the_page_has_the_sets_that_are_sent_and_claims_that_none_gets_past() {
    let sets = sets::all();
    let rows = cells(PAGE, crate::table::ROW_HEAD);
    assert_eq!(rows.len(), ROWS.len() + 1, "a line for each row, and one for all");
    let mut deliverable = 0;
    for (cells, (row, title)) in rows.iter().zip(ROWS) {
        let count = sets.iter().filter(|set| set.row == *row).count();
        assert_eq!(cells[1..3], [(*title).to_owned(), count.to_string()]);
        deliverable += cells[3].parse::<usize>().expect("a number");
    }
    for cells in &rows {
        assert_eq!(cells[4..6], ["0", "0"], "past a block: {}", cells[1]);
        assert_eq!(cells[6], cells[7], "held back: {}", cells[1]);
    }
    let all = rows.last().expect("one for all");
    assert_eq!(all[2..4], [sets.len().to_string(), deliverable.to_string()]);
    let claim = format!("**0 of {deliverable}**");
    assert!(PAGE.contains(&claim), "the page says: {claim}");
}

#[test]
fn the_page_has_every_rule_with_the_sets_that_it_is_about() {
    let sets = sets::all();
    let rules = cells(PAGE, crate::table::RULE_HEAD);
    assert_eq!(rules.len(), BLOCK.len());
    for (cells, rule) in rules.iter().zip(&BLOCK) {
        let about = sets.iter().filter(|set| is_about(rule.about, set)).count();
        assert_eq!(cells[..2], [rule.name.to_owned(), about.to_string()]);
        assert_eq!(cells[3..], ["0", "0"], "past a block by {}", rule.name);
    }
    let elsewhere = |set: &&Set| set.source == Source::Other;
    assert!(sets.iter().filter(elsewhere).count() > 5, "rules on addresses have something to miss");
}
