//! `explain`: why a packet fares as it does, by a policy in a file or by the one in force.
//!
//! What is told of fields and statements is the oracle's; the program is run beside it, and must
//! come to the same end.

mod document;
mod entries;
mod path;
mod told;

use std::path::Path;

use palisade_filter::capture::Captured;
use palisade_filter::oracle::{Listed, Reading, Trace, frame_of_words};
use palisade_filter::policy::Set;
use palisade_filter::{Item, Mode, Policy};

use crate::args::{Explain, Global, bytes_of_hex};
use crate::failure::{Failure, Outcome};
use crate::judging::{self, Capture, Judge, Judged};
use crate::output::{Form, Output};
use crate::running::in_force::Running;
use crate::running::look::look;
pub use document::outlet_json;
use entries::Rivals;
use path::Path as Executed;

/// Explains the packets that are asked about.
pub fn run(global: &Global, args: &Explain, out: &mut Output) -> Outcome {
    if let (Some(capture), Some(policy)) = (&args.pcap, &args.policy) {
        judging::apart(capture, policy, "policy")?;
    }
    // A mistake in the words is told before the policy is looked for.
    let frame = if args.pcap.is_none() { Some(frame_of(&args.words)?) } else { None };
    let subject = match &args.policy {
        Some(file) => Subject::of_file(file)?,
        None => Subject::in_force(global)?,
    };
    let mut explainer = Explainer::of(&subject, args)?;
    match (frame, &args.pcap) {
        (Some(frame), _) => {
            let wire = u32::try_from(frame.len()).unwrap_or(u32::MAX);
            let captured = Captured { frame: &frame, wire, time: None };
            explainer.explain(None, &captured, out)
        }
        (None, Some(path)) => explainer.explain_all(&mut Capture::open(path)?, args.packet, out),
        (None, None) => Err(Failure::usage("there is no packet")),
    }
}

/// The frame that is meant: digits, or words.
fn frame_of(words: &[String]) -> Outcome<Vec<u8>> {
    let words: Vec<&str> = words.iter().flat_map(|word| word.split_whitespace()).collect();
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == ':';
    if words.iter().all(|word| word.chars().all(is_hex)) {
        let frame = bytes_of_hex(&words.concat())
            .map_err(|why| Failure::usage(format!("no packet in hexadecimal: {why}")))?;
        return match frame.is_empty() {
            true => Err(Failure::usage("the packet is empty").note("help", HELP)),
            false => Ok(frame),
        };
    }
    frame_of_words(&words).map_err(|why| Failure::usage(why.to_string()).note("help", HELP))
}

const HELP: &str =
    "a packet is hexadecimal digits, or words such as `udp from 198.51.100.7:4000 to 192.0.2.1:53`";

/// Where a policy is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    File,
    InForce,
}

/// The policy that is asked.
struct Subject {
    origin: Origin,
    /// What it is called.
    name: String,
    text: String,
    policy: Policy,
    /// What is in its sets, in their order, with when it ends.
    entries: Vec<Vec<(Item, u64)>>,
    /// What the running program does with its verdicts.
    mode: Mode,
}

impl Subject {
    fn of_file(file: &Path) -> Outcome<Self> {
        let source = judging::read_policy(file)?;
        let lists = judging::declared(&source)?;
        let held = |set: &Set| lists.of(&set.name).iter().map(|item| (*item, 0)).collect();
        let entries = source.policy.sets().iter().map(held).collect();
        let judging::Source { name, text, policy, .. } = source;
        Ok(Self { origin: Origin::File, name, text, policy, entries, mode: Mode::Enforce })
    }

    fn in_force(global: &Global) -> Outcome<Self> {
        look(global, |at, _| {
            let Running { meta, policy, .. } = Running::get(at)?;
            let mut entries = Vec::new();
            for set in policy.sets() {
                let held = at.set(&set.name)?.entries()?;
                entries.push(held.iter().map(|entry| (entry.item, entry.ends.word())).collect());
            }
            let name = format!("the policy `{}` in force", at.name);
            Ok(Self {
                origin: Origin::InForce,
                name,
                text: meta.text,
                policy,
                entries,
                mode: at.mode()?,
            })
        })
    }

    fn judge(&self) -> Outcome<Judge<'_, Listed>> {
        let contents = Listed::of(&self.policy, self.entries.clone());
        // None of the entries has ended when this clock, which stands at 0, says so.
        Judge::new(&self.policy, &self.text, contents, |id| {
            self.entries.get(id.index()).into_iter().flatten().copied()
        })
    }
}

/// Everything that is known of a packet and of how it fared.
struct Explained<'a> {
    /// Which packet of a capture it is.
    number: Option<u64>,
    subject: &'a Subject,
    captured: &'a Captured<'a>,
    frame: &'a [u8],
    reading: &'a Reading,
    trace: Trace<'a>,
    judged: Judged,
    path: Option<Executed>,
}

struct Explainer<'a> {
    subject: &'a Subject,
    judge: Judge<'a, Listed>,
    bytecode: bool,
}

impl<'a> Explainer<'a> {
    fn of(subject: &'a Subject, args: &Explain) -> Outcome<Self> {
        let mut judge = subject.judge()?;
        judge.set_queue(args.queue);
        Ok(Self { subject, judge, bytecode: args.bytecode })
    }

    /// The packets of a capture: one, or all.
    fn explain_all(
        &mut self,
        capture: &mut Capture,
        wanted: Option<u64>,
        out: &mut Output,
    ) -> Outcome {
        let mut number = 0;
        while let Some(captured) = capture.next()? {
            number += 1;
            if wanted.is_none_or(|wanted| wanted == number) {
                self.explain(Some(number), &captured, out)?;
            } else if self.has_limits() {
                // What limits say of the one that is wanted depends on those before it.
                self.meet(&captured)?;
            }
            if wanted == Some(number) {
                return Ok(());
            }
        }
        match wanted {
            Some(wanted) => Err(Failure::usage(format!(
                "{} has no packet {wanted}: it has {number}",
                capture.name()
            ))),
            None => Ok(()),
        }
    }

    fn has_limits(&self) -> bool {
        self.subject.policy.rules().iter().any(|rule| rule.limit.is_some())
    }

    /// Puts a packet to the policy of which nothing is told.
    fn meet(&mut self, captured: &Captured<'_>) -> Outcome {
        let frame = judging::whole(captured);
        self.judge.at(captured.time);
        let reading = self.judge.read(&frame);
        self.judge.judge(&frame, &reading, captured.frame.len()).map(|_| ())
    }

    fn explain(
        &mut self,
        number: Option<u64>,
        captured: &Captured<'_>,
        out: &mut Output,
    ) -> Outcome {
        let (frame, there) = (judging::whole(captured), captured.frame.len());
        let reading = self.judge.read(&frame);
        let rivals = Rivals::of(&reading, &self.judge, &self.subject.policy);
        let mut executed = Executed::default();
        self.judge.at(captured.time);
        let judged = if self.bytecode {
            self.judge.judge_watched(&frame, &reading, there, &mut executed)?
        } else {
            self.judge.judge(&frame, &reading, there)?
        };
        rivals.check(&self.judge)?;
        let decision = judged.decision.clone();
        let trace = reading.trace_of(&self.subject.policy, self.judge.contents(), decision);
        let path = self.bytecode.then_some(executed);
        let (subject, reading, frame) = (self.subject, &reading, &*frame);
        let explained =
            Explained { number, subject, captured, frame, reading, trace, judged, path };
        match out.form() {
            Form::Json => out.json(&explained.document(self.judge.program())),
            Form::Text | Form::Quiet => explained.tell(self.judge.program(), out),
        }
    }
}
