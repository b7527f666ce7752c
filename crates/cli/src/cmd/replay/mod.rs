//! `replay`: the packets of a capture put to a policy, with no kernel and no privilege.
//!
//! What was read before a capture turns out to be broken is told all the same, totals and all.

mod totals;

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use palisade_filter::Verdict;
use palisade_filter::capture::{Captured, Writer};
use palisade_filter::oracle::{Declared, Reading};
use serde_json::json;

use crate::args::Replay;
use crate::failure::{Failure, Kind, Outcome};
use crate::judging::{self, Capture, Certainty, Deciding, Judge, Judged};
use crate::output::{Form, Output};
use totals::Totals;

/// Replays a capture.
pub fn run(args: &Replay, out: &mut Output) -> Outcome {
    if [&args.pcap, &args.policy].into_iter().all(|path| path == Path::new("-")) {
        return Err(Failure::usage("standard input cannot be capture and policy in one"));
    }
    let source = judging::read_policy(&args.policy)?;
    let lists = judging::declared(&source)?;
    let policy = &source.policy;
    let mut judge = Judge::new(policy, &source.text, lists.contents(policy), |set| {
        let own = policy.sets().get(set.index()).map_or(&[][..], |set| lists.of(&set.name));
        own.iter().map(|item| (*item, 0))
    })?;
    let mut capture = Capture::open(&args.pcap)?;
    let dropped = args.write_dropped.as_deref();
    let mut dropped = dropped.map(|to| Dropped::create(to, &args.pcap)).transpose()?;
    let mut lines = Lines::of(&judge, out.form());
    let mut totals = Totals::of(judge.rows());
    let ended = all(&mut capture, &mut judge, &mut lines, &mut totals, dropped.as_mut(), out);
    if ended.as_ref().is_err_and(|failure| failure.kind != Kind::Usage) {
        return ended;
    }
    totals.tell(judge.rows(), out)?;
    if let Some(dropped) = dropped {
        dropped.finish()?;
    }
    ended
}

/// Puts every packet of a capture to a policy.
fn all(
    capture: &mut Capture,
    judge: &mut Judge<'_, Declared>,
    lines: &mut Lines,
    totals: &mut Totals,
    mut dropped: Option<&mut Dropped>,
    out: &mut Output,
) -> Outcome {
    while let Some(captured) = capture.next()? {
        let frame = judging::whole(&captured);
        let reading = Reading::of(&frame);
        let judged = judge.judge(&frame, &reading, captured.frame.len())?;
        totals.count(&judged, &captured);
        lines.print(totals.packets(), &judged, &captured, &reading, out)?;
        if let Some(dropped) = &mut dropped
            && matches!(judged.verdict, Verdict::Drop | Verdict::Aborted)
        {
            dropped.write(&captured)?;
        }
    }
    Ok(())
}

/// What is printed of a packet besides its number: of each row once, for there are millions of
/// packets.
struct Lines {
    form: Form,
    by_row: Vec<String>,
}

impl Lines {
    fn of(judge: &Judge<'_, Declared>, form: Form) -> Self {
        let row = |row: &palisade_filter::Row| {
            let by = Deciding::of_row(row);
            let verdict = row.verdict.map_or("", Verdict::word);
            if form != Form::Json {
                return format!("{verdict:<7}  {}", shortened(by.to_string()));
            }
            // The braces go: a number stands before it, and something may follow.
            let text = json!({"line": by.line, "rule": by.text}).to_string();
            format!("\"verdict\":\"{verdict}\",{}", &text[1..text.len() - 1])
        };
        Self { form, by_row: judge.rows().iter().map(row).collect() }
    }

    fn print(
        &self,
        number: u64,
        judged: &Judged,
        captured: &Captured<'_>,
        reading: &Reading,
        out: &mut Output,
    ) -> Outcome {
        let row = self.by_row.get(judged.row.index()).map_or("", String::as_str);
        let to = out.writer();
        match self.form {
            Form::Quiet => Ok(()),
            Form::Json => {
                write!(to, "{{\"packet\":{number},{row}")?;
                if captured.is_cut() {
                    write!(
                        to,
                        ",\"captured\":{},\"length\":{}",
                        captured.frame.len(),
                        captured.wire
                    )?;
                }
                if judged.certainty == Certainty::Uncertain {
                    write!(to, ",\"uncertain\":true")?;
                }
                Ok(writeln!(to, "}}")?)
            }
            Form::Text => {
                write!(to, "{number:>6}  {row}  [{reading}]")?;
                if captured.is_cut() {
                    write!(to, "  {} of {} bytes", captured.frame.len(), captured.wire)?;
                }
                if judged.certainty == Certainty::Uncertain {
                    write!(to, ", UNCERTAIN")?;
                }
                Ok(writeln!(to)?)
            }
        }
    }
}

/// A rule is shown up to so many characters beside each packet.
const LONGEST_RULE: usize = 100;

fn shortened(mut rule: String) -> String {
    if let Some((cut, _)) = rule.char_indices().nth(LONGEST_RULE) {
        rule.truncate(cut);
        rule.push('…');
    }
    rule
}

/// A capture of what is dropped.
struct Dropped {
    name: String,
    writer: Writer<BufWriter<File>>,
}

impl Dropped {
    /// Makes the file, which must not be the capture that is read.
    fn create(path: &Path, read: &Path) -> Outcome<Self> {
        let name = path.display().to_string();
        let inode = |path: &Path| path.metadata().ok().map(|of| (of.dev(), of.ino()));
        if inode(path).is_some_and(|to| inode(read) == Some(to)) {
            return Err(Failure::usage(format!("{name} is the capture that is read")));
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path);
        let file = file.map_err(|error| unwritten(&name, &error))?;
        let writer = Writer::new(BufWriter::with_capacity(1 << 16, file));
        Ok(Self { writer: writer.map_err(|error| unwritten(&name, &error))?, name })
    }

    fn write(&mut self, captured: &Captured<'_>) -> Outcome {
        self.writer.write(captured).map_err(|error| unwritten(&self.name, &error))
    }

    fn finish(self) -> Outcome {
        self.writer.into_inner().flush().map_err(|error| unwritten(&self.name, &error))
    }
}

fn unwritten(name: &str, error: &std::io::Error) -> Failure {
    let errno = palisade_loader::Errno::from_io(error);
    Failure::refused(format!("cannot write {name}: {errno}"))
}
