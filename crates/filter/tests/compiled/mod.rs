//! What the tests of the compiler ask of a policy: its program, the listing, and a part of that.

use expect_test::Expect;
use palisade_filter::{Artifact, Policy, Target, compile, parse};

/// The policy, which must be sound.
pub fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)))
}

/// What it compiles to.
pub fn compiled(text: &str, target: Target) -> Artifact {
    compile(&policy(text), target).unwrap_or_else(|error| panic!("{error}"))
}

/// Its listing.
pub fn listing(text: &str, target: Target) -> String {
    compiled(text, target).program.listing().to_string()
}

/// Compares a part of a listing: from the line that begins with `from` up to the one that contains
/// `to`.
pub fn part(listing: &str, from: &str, to: &str, want: Expect) {
    let lines = listing.lines().skip_while(|line| !line.starts_with(from));
    let part: Vec<&str> = lines.take_while(|line| !line.contains(to)).collect();
    want.assert_eq(&format!("{}\n", part.join("\n")));
}
