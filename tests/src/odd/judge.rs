//! The judge of the table: whether a reading gives each odd frame the verdict it must get, and says
//! of a malformed one what is wrong with it.

use std::collections::BTreeMap;

use palisade_filter::plan::Decider;
use palisade_filter::{Access, Buffers, Row, Target, Verdict};

use super::{Odd, Want, all};
use crate::engine::{Half, hex};
use crate::outcome::{Outcome, Runs};

/// The first buffer of a test run: a page less the kernel's head and tail room.
pub const FIRST_BUFFER: usize = 3520;

/// A frame, and the verdict it must get under a policy.
pub type Case = (Odd, Want);

/// What a reading says of a frame: its verdict, and what is wrong with it if it is malformed.
pub type Told = (Verdict, Option<&'static str>);

/// All frames by the policies that they are put to.
pub fn by_policy() -> BTreeMap<String, Vec<Case>> {
    let mut policies: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for odd in all() {
        for (policy, want) in [(odd.flow.blocked(), odd.blocked), (odd.flow.allowed(), odd.allowed)]
        {
            policies.entry(policy).or_default().push((odd.clone(), want));
        }
    }
    policies
}

/// Whether the frame shows to a program what a driver would: not where it would not hand it out in
/// one piece, nor where padding lies in a further buffer, whose bytes are another test's subject.
pub fn can_show(odd: &Odd, target: Target) -> bool {
    let fits = odd.frame.len() <= FIRST_BUFFER;
    match (target.buffers, target.access) {
        (Buffers::Single, _) => fits,
        (Buffers::Multi, Access::Pointers) => fits || !odd.name.contains("padded"),
        (Buffers::Multi, Access::Helpers) => true,
    }
}

/// What each frame gets that does not get its verdict, one at a time.
pub fn disagreements<'a>(
    cases: impl IntoIterator<Item = &'a Case>,
    mut ask: impl FnMut(&[u8]) -> Result<Told, String>,
) -> impl Iterator<Item = String> {
    cases.into_iter().filter_map(move |(odd, want)| {
        let got = match ask(&odd.frame) {
            Ok(told) if told == want.told() => return None,
            Ok((verdict, class)) => format!("{verdict}, {}", class.unwrap_or("sound")),
            Err(fault) => fault,
        };
        Some(format!("{}: wanted {want:?}, got {got}\n  {}", odd.name, hex(&odd.frame)))
    })
}

/// What a program that runs says of a frame.
pub fn told_by(program: &mut impl Runs, frame: &[u8]) -> Result<Told, String> {
    match program.run(frame) {
        Ok(Outcome { verdict, row, half: Half::Enforced, .. }) => Ok((verdict, class_of(&row))),
        Ok(outcome) => Err(outcome.to_string()),
        Err(fault) => Err(fault.to_string()),
    }
}

/// The class of malformed frames that a row counts, if it does.
pub fn class_of(row: &Row) -> Option<&'static str> {
    match row.decider {
        Decider::Malformed(class) => Some(class.name()),
        _ => None,
    }
}

impl Want {
    /// What a reading must say.
    pub fn told(self) -> Told {
        match self {
            Self::Pass => (Verdict::Pass, None),
            Self::Drop => (Verdict::Drop, None),
            Self::Malformed(class) => (Verdict::Drop, Some(class.name())),
        }
    }
}
