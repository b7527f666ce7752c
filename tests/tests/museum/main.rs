//! The museum of bugs: what others got wrong, put into our own work, and the suite must see it.
//!
//! No hook of the product serves it. A bug is made of what the generator emits or is given: other
//! lines in its listing, another policy to compile, other contents of tables and sets; or of what
//! the oracle is told. Each is judged by the judge of a test of the suite, which is named in the
//! catalogue, docs/museum.md. A bug that nobody sees is a failure, and so is one that has nothing to
//! hang on.
//!
//! Besides, every comparison and constant of some programs is changed a little ([`operators`]).

mod behind;
mod catalogue;
mod changes;
mod exhibit;
mod forwarding;
mod frames;
mod limits;
mod operators;
mod oracle;
mod outlets;
mod patch;
mod planner;
mod rules;
mod sets;

use exhibit::{Exhibit, first_line, intact};

/// The halls, in the order of the catalogue, and what is shown there.
pub const HALLS: [(&str, &[Exhibit]); 10] = [
    ("Reading frames", frames::HALL),
    ("Comparing and counting", rules::HALL),
    ("Changing packets", changes::HALL),
    ("Sending packets on", forwarding::HALL),
    ("Sending elsewhere", outlets::HALL),
    ("Handing on", behind::HALL),
    ("Holding limits", limits::HALL),
    ("Looking up", sets::HALL),
    ("Planning", planner::HALL),
    ("The oracle", oracle::HALL),
];

/// Puts every bug of a hall to its judge.
fn visit(hall: &[Exhibit]) {
    let (mut wrong, mut good) = (Vec::new(), Vec::new());
    for Exhibit { bug, made, .. } in hall {
        if let Some((case, mode)) = made.case().filter(|case| !good.contains(case)) {
            good.push((case, mode));
            match intact(case, mode) {
                Err(found) => wrong.push(format!("without the bug `{bug}`: {found}")),
                Ok(frames) => assert!(frames > 2000, "{frames} frames for `{bug}`"),
            }
        }
        match std::panic::catch_unwind(|| made.judged()) {
            Ok(Err(found)) => eprintln!("{bug}\n    {}", first_line(&found)),
            Ok(Ok(passed)) => wrong.push(format!("survives, {passed} judged: {bug}")),
            Err(_) => wrong.push(format!("cannot be made: {bug}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_bug_of_reading_frames_is_seen() {
    visit(frames::HALL);
}

#[test]
fn every_bug_of_comparing_and_counting_is_seen() {
    visit(rules::HALL);
}

#[test]
fn every_bug_of_changing_packets_is_seen() {
    visit(changes::HALL);
}

#[test]
fn every_bug_of_sending_elsewhere_is_seen() {
    visit(outlets::HALL);
}

#[test]
fn every_bug_of_sending_packets_on_is_seen() {
    visit(forwarding::HALL);
}

#[test]
fn every_bug_of_holding_limits_is_seen() {
    visit(limits::HALL);
}

#[test]
fn every_bug_of_handing_on_is_seen() {
    visit(behind::HALL);
}

#[test]
fn every_bug_of_looking_up_is_seen() {
    visit(sets::HALL);
}

#[test]
fn every_bug_of_planning_is_seen() {
    visit(planner::HALL);
}

#[test]
fn every_bug_of_the_oracle_is_seen() {
    visit(oracle::HALL);
}
