//! `attest`: whether the kernel runs exactly what the policy says.
//!
//! The text that `meta` keeps is compiled again, and what comes of it is compared with what is there,
//! from both ends: the program by its tag, which is predicted, and by its instructions, as far as the
//! kernel shows them; the maps by their numbers, which the program names, and by their shapes; the
//! constant tables by what they hold; the interfaces by the program that they carry. What sets hold is
//! not part of it, nor which program gets what passes: both are edited while the policy runs.
//!
//! Nothing is changed, and no lock is taken.

mod interfaces;
mod maps;
mod program;
mod report;

use palisade_filter::{Policy, Tenure};
use palisade_loader::{
    Errno, Frozen, Link, MapError, MapHandle, PinError, Program, ProgramInfo, link,
};

use crate::args::{Attest, Global};
use crate::failure::Outcome;
use crate::output::{Output, human};
use crate::running::compiled::Compiled;
use crate::running::home::PolicyDir;
use crate::running::look::look;
use crate::running::meta::{self, Meta};
use crate::running::pins::{META, PROGRAM};
use crate::running::recompiled;
use report::{Check, Report};

/// Compares and prints; the exit code says what came of it.
pub fn run(global: &Global, args: &Attest, out: &mut Output) -> Outcome {
    let device = args.device.as_deref().map(link::by_name).transpose()?;
    let report = look(global, |at, _| Ok(attest(at, device.as_ref())))?;
    report.print(out)?;
    report.outcome()
}

/// What is found of a policy; `None` is what could not be opened, which a check has told.
struct Found<'a> {
    at: &'a PolicyDir,
    meta: Option<Meta>,
    policy: Option<Policy>,
    program: Option<Program>,
    info: Option<ProgramInfo>,
    /// What the text compiles to.
    made: Option<Compiled>,
}

fn attest(at: &PolicyDir, device: Option<&Link>) -> Report {
    let mut report = Report::new(&at.name);
    report.mode = at.mode().ok();
    let meta = facts(at, &mut report);
    let policy = meta.as_ref().and_then(|meta| policy(meta, &mut report));
    let (program, info) = pinned(at, &mut report);
    let mut found = Found { at, meta, policy, program, info, made: None };
    found.made = found.policy.as_ref().and_then(|policy| found.recompiled(policy, &mut report));
    if let Some(made) = &found.made {
        report.compared_with(made);
    }
    found.program(&mut report);
    found.maps(&mut report);
    found.interfaces(device, &mut report);
    report
}

/// What `meta` holds.
fn facts(at: &PolicyDir, report: &mut Report) -> Option<Meta> {
    let what = "meta";
    let opened = MapHandle::open(&at.dir, META).and_then(|handle| handle.info());
    let info = match opened {
        Ok(info) => info,
        Err(error) => {
            report.push(unopened(what, &error));
            return None;
        }
    };
    match Meta::open(&at.dir) {
        Ok(facts) => {
            let check = match info.frozen {
                Frozen::Yes => Check::ok(what, format_args!("frozen, by {}", facts.build)),
                Frozen::No => Check::differs(what, "it is not frozen"),
                Frozen::Unknown => Check::untold(what, "whether it is frozen").spare(),
            };
            report.push(check);
            Some(facts)
        }
        Err(failure) => {
            report.push(Check::differs(what, failure.headline()));
            None
        }
    }
}

fn policy(meta: &Meta, report: &mut Report) -> Option<Policy> {
    match palisade_filter::parse(&meta.text) {
        Ok(policy) => Some(policy),
        Err(_) => {
            report.push(Check::differs("text", "the text in meta is no policy"));
            None
        }
    }
}

/// The program under its pin.
fn pinned(at: &PolicyDir, report: &mut Report) -> (Option<Program>, Option<ProgramInfo>) {
    let what = "program";
    let program = match Program::open(&at.dir, PROGRAM) {
        Ok(program) => program,
        Err(error) => {
            report.push(unopened(what, &MapError::Pin(error)));
            return (None, None);
        }
    };
    match program.info() {
        Ok(info) => (Some(program), Some(info)),
        Err(errno) => {
            report.push(Check::untold(what, format_args!("cannot describe it: {errno}")));
            (Some(program), None)
        }
    }
}

/// Why something under a pin cannot be compared: nobody may look, or it is not what it has to be.
fn unopened(what: impl Into<String>, error: &MapError) -> Check {
    match error {
        MapError::Pin(PinError::Refused { errno: Errno::EACCES | Errno::EPERM, .. })
        | MapError::Refused { .. } => Check::untold(what, error),
        _ => Check::differs(what, error),
    }
}

impl Found<'_> {
    /// The text, compiled to the program that `meta` tells of; else to the one that is pinned; else
    /// in the way of this machine.
    fn recompiled(&self, policy: &Policy, report: &mut Report) -> Option<Compiled> {
        let kept = self.meta.as_ref()?.digest;
        let what = "text";
        if let Some(made) = recompiled::of_digest(policy, kept) {
            let of = format_args!("compiles to the program recorded with it, {}", short(&kept));
            report.push(Check::ok(what, of));
            return Some(made);
        }
        let by_tag = self.info.as_ref().and_then(|info| {
            recompiled::find(policy, |image| program::predicted(image).contains(&info.tag))
        });
        let made = by_tag.or_else(|| recompiled::find(policy, |_| true));
        let check = Check::differs(
            what,
            "the text in meta does not compile to the program recorded with it, for no target",
        );
        report.push(match &made {
            Some(made) => check.between(short(&kept), short(&meta::digest(&made.image))),
            None => check,
        });
        made
    }
}

/// The beginning of a digest, enough to tell two apart by eye.
fn short(digest: &[u8; 32]) -> String {
    let mut digits = human::hex(digest);
    digits.truncate(16);
    format!("SHA-256 {digits}…")
}

impl Compiled {
    /// Whether it is on trial: as documents say it, and in words.
    fn tenure_words(&self) -> (&'static str, &'static str) {
        match self.neighbours.tenure {
            Tenure::Standing => ("standing", "to stay"),
            Tenure::OnTrial => ("on trial", "on trial"),
        }
    }
}
