//! What `check` prints, for people and as a document.

use serde_json::{Value, json};

use super::{Findings, Kept, Proof};
use crate::cmd::dump::{target_json, target_text};
use crate::failure::{Failure, Mistake, Outcome};
use crate::judging::{Deciding, Expected};
use crate::machine::ASSUMED;
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
        for warning in &self.warnings {
            match warning.line {
                Some(line) => {
                    out.say(format_args!("warning: line {line}: {}", warning.message))?;
                }
                None => out.say(format_args!("warning: {}", warning.message))?,
            }
        }
        for dead in &self.dead {
            out.say(format_args!(
                "warning: line {}: `{}` never decides: {}",
                dead.line,
                dead.text,
                shadows(&dead.by)
            ))?;
        }
        self.keeps.iter().try_for_each(|keep| say_keep(keep, out))?;
        self.expects.iter().try_for_each(|expect| say_expect(expect, out))?;
        self.say_cost(out)
    }

    fn say_cost(&self, out: &mut Output) -> Outcome {
        out.say(format_args!(
            "{} instructions, at most {} for one packet ({})",
            human::grouped(self.cost.instructions as u64),
            human::grouped(self.cost.longest_path as u64),
            target_text(ASSUMED)
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

fn say_keep(keep: &Kept, out: &mut Output) -> Outcome {
    let (line, text) = (keep.line, &keep.text);
    match &keep.proof {
        Proof::Holds(packets) => out.say(format_args!(
            "line {line}: {text}: holds for {}",
            human::counted(*packets as u64, "packet", "packets")
        )),
        Proof::Fails { packet, by } => {
            out.say(format_args!("line {line}: {text}: FAILS, this packet meets {by}"))?;
            out.say(format_args!("  {}", human::hex(packet)))
        }
    }
}

fn say_expect(expect: &Expected, out: &mut Output) -> Outcome {
    let result = if expect.ok { "ok" } else { "FAILS" };
    out.say(format_args!("line {}: {}: {result}, by {}", expect.line, expect.text, expect.by))
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
            json!({"line": line, "text": text, "ok": false, "witness": human::hex(packet), "by": deciding_json(by)})
        }
    }
}
