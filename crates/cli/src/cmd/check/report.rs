//! What `check` prints, for people and as a document.

use palisade_filter::Dead;
use serde_json::{Value, json};

use super::warnings::Warning;
use super::{Findings, Kept, Proof};
use crate::cmd::dump::target_json;
use crate::failure::{Failure, Mistake, Outcome};
use crate::judging::{Deciding, Expected};
use crate::machine::{self, ASSUMED};
use crate::output::{Output, human};

/// The document about a text that is no policy.
pub fn mistakes(failure: &Failure) -> Value {
    let mistake = |one: &Mistake| {
        json!({
            "file": one.file, "line": one.place.line, "column": one.place.column,
            "message": one.message, "help": one.help,
        })
    };
    let errors: Vec<Value> = match failure.mistakes() {
        [] => vec![json!({"line": null, "column": null, "message": failure.headline()})],
        mistakes => mistakes.iter().map(mistake).collect(),
    };
    json!({
        "ok": false, "instructions": null, "longest_path": null, "maps": [], "expects": [],
        "errors": errors,
    })
}

impl Findings {
    /// All of it as a document.
    pub fn json(&self) -> Value {
        let maps: Vec<Value> = (self.cost.maps.iter())
            .map(|map| json!({"name": map.name, "kind": map.kind, "max": map.max, "bytes": map.bytes}))
            .collect();
        let expects: Vec<Value> = self.expects.iter().map(expect_json).collect();
        let keeps: Vec<Value> = self.keeps.iter().map(keep_json).collect();
        let dead: Vec<Value> = (self.dead.iter())
            .map(|dead| json!({"line": dead.line, "text": dead.text, "by": dead.by}))
            .collect();
        let warnings: Vec<Value> = (self.warnings.iter())
            .map(|warning| json!({"line": warning.line, "message": warning.message}))
            .collect();
        json!({
            "ok": self.ok(),
            "file": self.source.name,
            "target": target_json(ASSUMED, "assumed"),
            "instructions": self.cost.instructions,
            "longest_path": self.cost.longest_path,
            "memory": self.cost.memory(),
            "maps": maps,
            "expects": expects,
            "keeps": keeps,
            "dead": dead,
            "warnings": warnings,
            "errors": [],
        })
    }

    /// All of it for people.
    pub fn say(&self, out: &mut Output) -> Outcome {
        told(self.warnings.iter().map(warning_text), "warnings", out)?;
        told(self.dead.iter().map(dead_text), "rules that never decide", out)?;
        told(self.keeps.iter().map(keep_text), "`keep`s", out)?;
        told(self.expects.iter().map(expect_text), "expectations", out)?;
        self.say_cost(out)
    }

    fn say_cost(&self, out: &mut Output) -> Outcome {
        out.say(format_args!(
            "{} instructions, at most {} for one packet ({})",
            human::grouped(self.cost.instructions as u64),
            human::grouped(self.cost.longest_path as u64),
            machine::target_text(ASSUMED)
        ))?;
        out.say(format_args!("about {} for maps:", human::bytes(self.cost.memory())))?;
        let rows: Vec<Vec<String>> = (self.cost.maps.iter())
            .map(|map| {
                let (max, bytes) = (human::grouped(map.max.into()), human::bytes(map.bytes));
                vec![format!("  {}", map.name), map.kind.to_owned(), max, bytes]
            })
            .collect();
        human::table(&rows, &[2, 3]).iter().try_for_each(|line| out.say(line))
    }
}

/// More of a kind than this are counted instead of told.
const MOST_TOLD: usize = 20;

fn told(lines: impl ExactSizeIterator<Item = String>, what: &str, out: &mut Output) -> Outcome {
    let more = lines.len().saturating_sub(MOST_TOLD);
    lines.take(MOST_TOLD).try_for_each(|line| out.say(line))?;
    match more {
        0 => Ok(()),
        more => out.say(format_args!("and {} more {what}", human::grouped(more as u64))),
    }
}

fn warning_text(warning: &Warning) -> String {
    match warning.line {
        Some(line) => format!("warning: line {line}: {}", warning.message),
        None => format!("warning: {}", warning.message),
    }
}

fn dead_text(Dead { line, text, by }: &Dead) -> String {
    format!("warning: line {line}: `{text}` never decides: {}", shadows(by))
}

/// How it comes that a rule never decides.
fn shadows(by: &[u32]) -> String {
    match by {
        [] => "nothing is left for it".to_owned(),
        [line] => format!("line {line} leaves nothing for it"),
        [lines @ .., last] => {
            let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
            format!("lines {} and {last} leave nothing for it", lines.join(", "))
        }
    }
}

fn keep_text(keep: &Kept) -> String {
    let (line, text) = (keep.line, &keep.text);
    match &keep.proof {
        Proof::Holds(packets) => {
            let packets = human::counted(*packets as u64, "packet", "packets");
            format!("line {line}: {text}: holds for {packets}")
        }
        Proof::Fails { packet, by } => {
            format!("line {line}: {text}: FAILS, by {by}, for this packet: {}", human::hex(packet))
        }
        Proof::Unsought => format!("line {line}: {text}: not tried"),
    }
}

fn expect_text(expect: &Expected) -> String {
    let result = if expect.ok { "ok" } else { "FAILS" };
    format!("line {}: {}: {result}, by {}", expect.line, expect.text, expect.by)
}

fn expect_json(expect: &Expected) -> Value {
    json!({
        "line": expect.line, "ok": expect.ok, "text": expect.text,
        "wanted": expect.wanted.word(), "got": expect.got.word(), "by": deciding_json(&expect.by),
    })
}

fn deciding_json(by: &Deciding) -> Value {
    json!({"line": by.line, "text": by.text})
}

fn keep_json(keep: &Kept) -> Value {
    let (line, text) = (keep.line, &keep.text);
    match &keep.proof {
        Proof::Holds(packets) => {
            json!({"line": line, "text": text, "ok": true, "packets": packets})
        }
        Proof::Fails { packet, by } => {
            let (witness, by) = (human::hex(packet), deciding_json(by));
            json!({"line": line, "text": text, "ok": false, "witness": witness, "by": by})
        }
        Proof::Unsought => json!({"line": line, "text": text, "ok": null}),
    }
}
