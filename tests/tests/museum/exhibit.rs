//! An exhibit: a bug that somebody had, put into our own work, and the judge that must see it.
//!
//! The judges are those of the suite's other tests, called with the same frames. The intact work
//! must pass the judge that the exhibit fails before, so that nothing is killed for another reason.

use std::borrow::Cow;

use palisade_asm::verify::Rules;
use palisade_asm::{Isa, Program};
use palisade_filter::oracle::{Decider, Declared, decide};
use palisade_filter::{
    Access, Artifact, Buffers, ByteOrder, Mode, Neighbours, Next, Policy, Target, Tenure, compile,
    compile_as, parse,
};
use palisade_loader::{LoadOptions, MapHandle, Program as Loaded};
use palisade_tests::agree::{Entry, Life, Readings, contents};
use palisade_tests::interpreted::Interpreted;
use palisade_tests::limited::Limited;
use palisade_tests::near;
use palisade_tests::odd::judge::{by_policy, can_show, disagreements, told_by};
use palisade_tests::privilege::Kernel;

use crate::patch::{Patch, patched};

/// What the tool compiles for on a new kernel.
pub const TARGET: Target = Target {
    isa: Isa::V4,
    order: ByteOrder::HOST,
    buffers: Buffers::Multi,
    access: Access::Pointers,
};

/// A bug, and how it is made.
pub struct Exhibit {
    /// The bug, in plain words.
    pub bug: &'static str,
    /// Where it was seen.
    pub seen: &'static str,
    /// How it is made.
    pub made: Made,
}

/// An entry of a set: the set, the item, how long it stays.
pub type Held = (&'static str, &'static str, Life);

/// A policy, and what its sets hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The text.
    pub text: &'static str,
    /// The entries.
    pub entries: &'static [Held],
}

/// How a bug is made.
pub enum Made {
    /// The programs for the odd frames have other lines.
    Reading(&'static [Patch]),
    /// The program of a policy has other lines.
    Program(Case, &'static [Patch]),
    /// The same, and it is seen in this mode.
    Moded(Mode, Case, &'static [Patch]),
    /// The same, and it is seen by packets that come in time.
    Timed(Mode, Case, &'static [Patch]),
    /// The program of a policy with a slot has other lines.
    Behind(Case, &'static [Patch]),
    /// The program is not safe.
    Unsafe(Case, &'static [Patch]),
    /// Another policy is compiled than the one that was written; rules keep their lines.
    Planned(Case, &'static str),
    /// The tables of constants hold something else.
    Tables(Case, fn(&mut [u8])),
    /// The sets of the program hold something else.
    Filled(Case, &'static [Held]),
    /// The oracle reads each frame as another one.
    Misread(fn(&[u8]) -> Vec<u8>),
    /// The oracle reads another policy; rules keep their lines.
    Misjudged(Case, &'static str),
    /// The oracle takes something else to be in the sets.
    Misinformed(Case, &'static [Held]),
}

/// What a judge says: how many frames passed, or what it found.
pub type Judged = Result<usize, String>;

impl Made {
    /// The test whose judge must see it.
    pub fn test(&self) -> &'static str {
        match self {
            Self::Reading(_) => "machine::odd::every_odd_frame_gets_its_verdict_without_a_kernel",
            Self::Program(..) | Self::Planned(..) | Self::Tables(..) | Self::Filled(..) => {
                "machine::oracle::policies_by_chance_decide_without_a_kernel_as_the_oracle_does"
            }
            Self::Moded(Mode::Off, ..) => {
                "machine::oracle::what_is_off_passes_and_counts_in_a_row_of_its_own"
            }
            Self::Moded(..) => {
                "machine::oracle::in_shadow_what_would_be_dropped_passes_and_is_counted_apart"
            }
            Self::Timed(..) => {
                "machine::limits::limits_by_chance_are_kept_without_a_kernel_as_the_oracle_keeps_them"
            }
            Self::Behind(..) => {
                "machine::oracle::what_passes_goes_on_to_the_program_behind_and_nothing_else_does"
            }
            Self::Unsafe(..) => "verify::own::every_example_is_accepted_for_every_target",
            Self::Misread(_) => "oracle::odd::every_odd_frame_gets_its_verdict",
            Self::Misjudged(..) | Self::Misinformed(..) => {
                "machine::oracle::policies_by_chance_decide_without_a_kernel_as_the_oracle_does"
            }
        }
    }

    /// What the bug is shown on, and in which mode; nothing where it is the table of odd frames,
    /// about which the judge's own test is, or a program that the judge looks at itself, also without
    /// the bug.
    pub fn case(&self) -> Option<(Case, Mode)> {
        match self {
            Self::Reading(_) | Self::Misread(_) | Self::Timed(..) | Self::Behind(..) => None,
            Self::Program(case, _)
            | Self::Unsafe(case, _)
            | Self::Planned(case, _)
            | Self::Tables(case, _)
            | Self::Filled(case, _)
            | Self::Misjudged(case, _)
            | Self::Misinformed(case, _) => Some((*case, Mode::Enforce)),
            Self::Moded(mode, case, _) => Some((*case, *mode)),
        }
    }

    /// What the judge says of the bug.
    pub fn judged(&self) -> Judged {
        match self {
            Self::Reading(patches) => odd_frames(patches),
            Self::Program(case, patches) => Bench::of(*case).patched(patches).judge(Mode::Enforce),
            Self::Moded(mode, case, patches) => Bench::of(*case).patched(patches).judge(*mode),
            Self::Timed(mode, case, patches) => in_time(*mode, *case, patches),
            Self::Behind(case, patches) => behind(*case, patches),
            Self::Unsafe(case, patches) => {
                unsafe_is_refused(&Bench::of(*case).patched(patches).artifact.program)
            }
            Self::Planned(case, text) => {
                let planned = Bench::of(Case { text, ..*case });
                Bench { program: planned.program, ..Bench::of(*case) }.judge_verdicts()
            }
            Self::Tables(case, change) => Bench::of(*case).with_tables(*change).judge_verdicts(),
            Self::Filled(case, entries) => {
                let filled = Bench::of(Case { entries, ..*case });
                Bench { program: filled.program, ..Bench::of(*case) }.judge_verdicts()
            }
            Self::Misread(change) => misread(*change),
            Self::Misjudged(case, text) => {
                let other = Bench::of(Case { text, ..*case });
                let own = Bench::of(*case);
                Bench { policy: other.policy, contents: other.contents, ..own }.judge_verdicts()
            }
            Self::Misinformed(case, entries) => {
                let other = Bench::of(Case { entries, ..*case });
                Bench { contents: other.contents, ..Bench::of(*case) }.judge_verdicts()
            }
        }
    }
}

/// Whether packets in time fare as the oracle says; they must, without the patches.
fn in_time(mode: Mode, case: Case, patches: &[Patch]) -> Judged {
    const INTERVAL: u64 = 1_000_000;
    let policy = parse(case.text).unwrap_or_else(|why| panic!("{why:?}\nof:\n{}", case.text));
    let artifact = compile(&policy, TARGET).unwrap_or_else(|why| panic!("{why}"));
    let judged =
        |program: &Program| Limited::new(&policy, &artifact, program, mode).meet(1, INTERVAL, 4000);
    safe(&artifact.program).and_then(|_| judged(&artifact.program)).expect("it is without the bug");
    let (program, hung) = patched(&artifact.program, patches);
    assert_hung(patches, &hung);
    judged(&program)
}

/// What the judges say of a case without a bug.
pub fn intact(case: Case, mode: Mode) -> Judged {
    let bench = Bench::of(case);
    safe(&bench.artifact.program)?;
    bench.judge(mode)
}

/// A program, and the oracle beside it.
struct Bench {
    artifact: Artifact,
    program: Interpreted,
    policy: Policy,
    contents: Declared,
    frames: Vec<Vec<u8>>,
}

impl Bench {
    fn of(case: Case) -> Self {
        Self::beside(case, Tenure::Standing.into())
    }

    fn beside(case: Case, neighbours: Neighbours) -> Self {
        let policy = parse(case.text).unwrap_or_else(|why| panic!("{why:?}\nof:\n{}", case.text));
        let artifact = compile_as(&policy, TARGET, neighbours);
        let artifact = artifact.unwrap_or_else(|why| panic!("{why}"));
        let entries: Vec<Entry> = case.entries.iter().map(entry).collect();
        let program = Interpreted::new(&policy, &artifact, &entries);
        let contents = contents(&policy, &entries);
        let frames = near::frames(&policy, &contents, 3);
        Self { artifact, program, policy, contents, frames }
    }

    fn patched(mut self, patches: &[Patch]) -> Self {
        let (program, hung) = patched(&self.artifact.program, patches);
        assert_hung(patches, &hung);
        self.program = self.program.under(&program).expect("the maps are the same");
        self.artifact.program = program;
        self
    }

    fn with_empty_slot(self) -> Self {
        Self { program: self.program.with_empty_slot(), ..self }
    }

    fn with_tables(mut self, change: fn(&mut [u8])) -> Self {
        assert!(!self.artifact.fillings.is_empty(), "there is nothing to hang on: no table");
        let values = self.artifact.fillings.iter_mut().flat_map(|filling| &mut filling.entries);
        values.for_each(|(_, value)| change(value));
        self.program = Interpreted::new(&self.policy, &self.artifact, &[]);
        self
    }

    /// Whether program and oracle agree on all frames, in verdicts and in all that is counted.
    fn judge(self, mode: Mode) -> Judged {
        let Self { program, policy, contents, frames, .. } = self;
        let mut readings = Readings::with(program, policy, contents);
        readings.switch(mode);
        for frame in &frames {
            let decision = match mode {
                Mode::Off => readings.decide(frame),
                Mode::Enforce | Mode::Shadow => readings.decide_and_count(frame),
            };
            decision.map_err(|difference| difference.to_string())?;
        }
        Ok(frames.len())
    }

    /// The same, but only another verdict is a difference: that rules of another policy are others
    /// shows nothing.
    fn judge_verdicts(self) -> Judged {
        let Self { program, policy, contents, frames, .. } = self;
        let mut readings = Readings::with(program, policy, contents);
        let decided = frames.iter().map(|frame| readings.decide(frame));
        let mut differences = decided.filter_map(Result::err);
        match differences.find(|difference| difference.is_of_verdicts()) {
            Some(difference) => Err(difference.to_string()),
            None => Ok(frames.len()),
        }
    }
}

/// Whether a policy with a slot hands on what passes and nothing else, and decides the rest as it
/// should, with a program in the slot and without.
fn behind(case: Case, patches: &[Patch]) -> Judged {
    let slot = Neighbours { tenure: Tenure::Standing, next: Next::Slot };
    let bench = || Bench::beside(case, slot);
    for intact in [bench(), bench().with_empty_slot()] {
        let frames = intact.judge(Mode::Enforce).unwrap_or_else(|found| panic!("intact: {found}"));
        assert!(frames > 2000, "{frames} frames");
    }
    bench().patched(patches).judge(Mode::Enforce)?;
    bench().patched(patches).with_empty_slot().judge(Mode::Enforce)
}

fn entry(&(set, item, life): &Held) -> Entry {
    Entry { set: set.to_owned(), item: item.to_owned(), life }
}

fn assert_hung(patches: &[Patch], hung: &[bool]) {
    for (patch, hung) in patches.iter().zip(hung) {
        assert!(hung, "the exhibit has nothing to hang on: {patch:?}");
    }
}

/// Whether the odd frames get their verdicts from the programs that have lines to replace.
fn odd_frames(patches: &[Patch]) -> Judged {
    let (mut passed, mut wrong) = (0, None);
    let mut hung = vec![false; patches.len()];
    for (text, cases) in by_policy() {
        let policy = parse(&text).expect("a policy");
        let artifact = compile(&policy, TARGET).expect("it compiles");
        let (program, found) = patched(&artifact.program, patches);
        hung.iter_mut().zip(&found).for_each(|(hung, found)| *hung |= found);
        if wrong.is_some() || !found.contains(&true) {
            continue;
        }
        let intact = Interpreted::new(&policy, &artifact, &[]);
        let mut program = intact.under(&program).expect("the maps are the same");
        let cases = cases.iter().filter(|(odd, _)| can_show(odd, TARGET));
        passed += cases.clone().count();
        let mut found = disagreements(cases, |frame| told_by(&mut program, frame));
        wrong = found.next().map(|what| format!("under {text:?}: {what}"));
    }
    assert_hung(patches, &hung);
    wrong.map_or(Ok(passed), Err)
}

/// Whether the odd frames get their verdicts from an oracle that reads others.
fn misread(change: fn(&[u8]) -> Vec<u8>) -> Judged {
    let mut asked = 0;
    for (text, cases) in by_policy() {
        let policy = parse(&text).expect("a policy");
        let declared = Declared::of(&policy);
        let mut found = disagreements(&cases, |frame| {
            let decision = decide(&policy, &declared, &change(frame));
            let class = match decision.decider {
                Decider::Malformed(flaw) => Some(flaw.name()),
                _ => None,
            };
            Ok((decision.verdict, class))
        });
        asked += cases.len();
        if let Some(what) = found.next() {
            return Err(format!("under {text:?}: {what}"));
        }
    }
    Ok(asked)
}

/// What the offline verifier says of a program, and the kernel where it may be asked.
fn verified(program: &Program) -> (Judged, Option<Judged>) {
    let report = program.verify(&Rules::since(6, 6));
    let offline = report.map(|report| report.processed).map_err(|refusal| refusal.to_string());
    let kernel = Kernel::or_skip().filter(|kernel| kernel.targets.contains(&TARGET));
    (offline, kernel.map(|_| loaded(program)))
}

fn loaded(program: &Program) -> Judged {
    let image = program.encode(TARGET.isa).expect("the program can be encoded");
    let create = |decl| MapHandle::create(decl).unwrap_or_else(|error| panic!("{error}"));
    let maps: Vec<MapHandle> = image.maps.iter().map(create).collect();
    let buffers = palisade_loader::Buffers::Multi;
    let options = LoadOptions { name: "palisade_bug", license: c"Dual MIT/GPL", buffers };
    let loaded = Loaded::load(&image, &maps, &options);
    loaded.map(|_| image.len()).map_err(|error| error.to_string())
}

/// A program is good if every verifier takes it.
fn safe(program: &Program) -> Judged {
    let (offline, kernel) = verified(program);
    offline.and_then(|processed| kernel.unwrap_or(Ok(processed)))
}

/// A bug is seen if every verifier refuses it.
fn unsafe_is_refused(program: &Program) -> Judged {
    let (offline, kernel) = verified(program);
    kernel.map_or(offline.clone(), |kernel| kernel.or(offline))
}

/// The first line of what a judge found.
pub fn first_line(found: &str) -> Cow<'_, str> {
    found.lines().next().unwrap_or_default().into()
}
