//! The catalogue, docs/museum.md: made of the exhibits, and kept true by a test.
//!
//! `PALISADE_BLESS=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::path::Path;

use crate::HALLS;
use crate::exhibit::Exhibit;

const PUBLISHED: &str = include_str!("../../../docs/museum.md");

/// The tests that exhibits name, with the sources that they stand in.
const TESTS: [(&str, &str); 5] = [
    ("machine::limits", include_str!("../machine/limits.rs")),
    ("machine::odd", include_str!("../machine/odd.rs")),
    ("machine::oracle", include_str!("../machine/oracle.rs")),
    ("oracle::odd", include_str!("../oracle/odd.rs")),
    ("verify::own", include_str!("../verify/own.rs")),
];

const HEAD: &str = "\
# The museum of bugs

A suite that is green shows little by itself: it may be green because it looks at nothing. So the bugs of other filters, and likely
ones, are put into ours, one after the other, and the judge of a test that belongs to the suite for its own sake must see each of them.
What it says of the work without the bug must be good, and a bug that is not seen is a failure.

Nothing of this is in the product: a bug is made in `tests/tests/museum` of the listing that the generator emits, of the policy that it
is given, of the contents of tables and sets, or of what the oracle is told.

`cargo test -p palisade-tests --test museum -- --nocapture` shows each bug and the frame by which it is seen. This table is made of the
exhibits; `PALISADE_BLESS=1` before the command writes it anew.
";

const TAIL: &str = "
## Every comparison, a little other

Besides, each conditional jump of four programs is turned round, and made weaker or stricter by one, and each constant is one more and one
less. The judges are program against oracle, on frames that are made of the policy, in each mode, and the offline verifier. Of the
changes that make another program, 95 in a hundred must be seen. The others are written down in `tests/tests/museum/survivors.txt`, with
the reason; so are those that make the same program again, as one more in a bound that nothing comes near.
";

/// What the halls show, as the documentation tells it.
fn catalogue() -> String {
    let tests: BTreeSet<&str> = exhibits().map(|exhibit| exhibit.made.test()).collect();
    let number: BTreeMap<&str, usize> = tests.into_iter().zip(1..).collect();
    let mut text = HEAD.to_owned();
    let all = exhibits().count();
    writeln!(text, "\nThere are {all} bugs, and the judges of these tests see them:\n")
        .expect("a string");
    for (test, number) in &number {
        writeln!(text, "{number}. `{test}`").expect("a string");
    }
    for (name, hall) in HALLS {
        writeln!(text, "\n## {name}\n\n| bug | seen where | test |\n|---|---|---|")
            .expect("a string");
        for Exhibit { bug, seen, made } in hall {
            writeln!(text, "| {bug} | {seen} | {} |", number[made.test()]).expect("a string");
        }
    }
    text + TAIL
}

fn exhibits() -> impl Iterator<Item = &'static Exhibit> {
    HALLS.into_iter().flat_map(|(_, hall)| hall)
}

#[test]
fn the_catalogue_is_published_as_it_is() {
    let text = catalogue();
    if std::env::var_os("PALISADE_BLESS").is_some_and(|value| value == "1") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/museum.md");
        std::fs::write(path, &text).expect("the catalogue can be written");
        return;
    }
    eprintln!("{text}");
    assert!(text == PUBLISHED, "docs/museum.md is another; PALISADE_BLESS=1 writes it anew");
}

#[test]
fn no_bug_is_shown_twice_and_each_has_a_place_where_it_was_seen() {
    let mut bugs = HashSet::new();
    for Exhibit { bug, seen, .. } in exhibits() {
        assert!(bugs.insert(*bug), "twice: {bug}");
        assert!(!seen.is_empty() && !bug.ends_with('.'), "{bug}");
    }
    assert!(bugs.len() >= 100, "{} bugs", bugs.len());
}

#[test]
fn the_tests_that_see_bugs_are_there() {
    for exhibit in exhibits() {
        let (module, name) = exhibit.made.test().rsplit_once("::").expect("a path");
        let found = TESTS.iter().find(|(own, _)| *own == module);
        let (_, source) = found.unwrap_or_else(|| panic!("no source of `{module}`"));
        assert!(source.contains(&format!("#[test]\nfn {name}() {{")), "no test `{name}`");
    }
}
