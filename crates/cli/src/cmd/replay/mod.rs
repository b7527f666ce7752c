//! `replay`: the packets of a capture put to a policy, with no kernel and no privilege.
//!
//! What was read before a capture turns out to be broken is told all the same, totals and all. Where
//! the packets that are dropped are written, all of them are, also when nobody reads what is printed.

mod dropped;
mod totals;

use std::io::Write;

use palisade_filter::Verdict;
use palisade_filter::capture::Captured;
use palisade_filter::oracle::{Declared, Reading};
use palisade_filter::policy::Change;
use serde_json::json;

use super::explain::outlet_json;
use crate::args::Replay;
use crate::failure::{Kind, Outcome};
use crate::judging::{self, Capture, Certainty, Deciding, Judge, Judged, Standings};
use crate::output::{Form, Output, human};
use dropped::{Dropped, Inputs};
use totals::Totals;

/// Replays a capture.
pub fn run(args: &Replay, out: &mut Output) -> Outcome {
    judging::apart(&args.pcap, &args.policy, "policy")?;
    let source = judging::read_policy(&args.policy)?;
    let lists = judging::declared(&source)?;
    let policy = &source.policy;
    let mut judge = Judge::new(policy, &source.text, lists.contents(policy), |set| {
        let own = policy.sets().get(set.index()).map_or(&[][..], |set| lists.of(&set.name));
        own.iter().map(|item| (*item, 0))
    })?;
    judge.set_queue(args.queue);
    let mut capture = Capture::open(&args.pcap)?;
    let inputs = Inputs::of(&args.policy, &source);
    let dropped = args.write_dropped.as_deref();
    let mut dropped = dropped.map(|to| Dropped::create(to, &capture, &inputs)).transpose()?;
    let mut lines = Lines::of(&judge, out.form());
    let mut totals = Totals::of(judge.rows());
    let ended = all(&mut capture, &mut judge, &mut lines, &mut totals, dropped.as_mut(), out);
    if ended.as_ref().is_err_and(|failure| failure.kind != Kind::Usage) {
        return ended;
    }
    let told = totals.tell(judge.rows(), out);
    if let Some(dropped) = dropped {
        dropped.finish()?;
    }
    ended.and(told)
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
    let mut is_read = true;
    while let Some(captured) = capture.next()? {
        let frame = judging::whole(&captured);
        let reading = judge.read(&frame);
        judge.at(captured.time);
        let judged = judge.judge(&frame, &reading, captured.frame.len())?;
        totals.count(&judged, &captured);
        if is_read {
            match lines.print(totals.packets(), &judged, &captured, &reading, out) {
                Err(gone) if gone.kind == Kind::ClosedPipe && dropped.is_some() => is_read = false,
                printed => printed?,
            }
        }
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
            let mut text = json!({"line": by.line, "rule": by.text});
            if let Some(outlet) = row.change.as_ref().and_then(Change::outlet) {
                text["leaves_by"] = outlet_json(outlet);
            }
            let text = text.to_string();
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
                if let Some(changed) = &judged.changed {
                    write!(to, ",\"becomes\":\"{}\"", human::hex(changed))?;
                }
                if !judged.reported.is_empty() {
                    write!(to, ",\"reported\":{:?}", judged.reported)?;
                }
                let Standings { over, under } = &judged.limits;
                if let Some(limit) = over {
                    write!(to, ",\"over\":\"{limit}\"")?;
                }
                if !under.is_empty() {
                    let lines: Vec<u32> = under.iter().map(|(line, _)| *line).collect();
                    write!(to, ",\"under\":{lines:?}")?;
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
                if let Some(changed) = &judged.changed {
                    write!(to, "  becomes [{}]", Reading::of(changed))?;
                }
                if let [first, more @ ..] = judged.reported.as_slice() {
                    write!(to, ", reported by line {first}")?;
                    more.iter().try_for_each(|line| write!(to, " and {line}"))?;
                }
                let Standings { over, under } = &judged.limits;
                if let Some(limit) = over {
                    write!(to, ", over {limit}")?;
                }
                for (line, limit) in under {
                    write!(to, ", under {limit} of line {line}")?;
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
