//! An explanation as a document.

use palisade_asm::Program;
use palisade_filter::oracle::{self, Answer, Layer, Minded, Question, Reading, Standing};
use palisade_filter::policy::Outlet;
use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::text;
use serde_json::{Map, Value, json};

use super::Explained;
use crate::cmd::dump::target_json;
use crate::judging::{Certainty, Deciding};
use crate::output::human;

impl Explained<'_> {
    /// All of it.
    pub fn document(&self, program: &Program) -> Value {
        let (trace, captured) = (&self.trace, self.captured);
        let by = Deciding::of(&self.subject.policy, &trace.decision);
        let rules = self.subject.policy.rules();
        let counted: Vec<u32> =
            trace.decision.counted.iter().filter_map(|at| Some(rules.get(*at)?.line)).collect();
        let reported: Vec<u32> =
            trace.decision.reported.iter().filter_map(|at| Some(rules.get(*at)?.line)).collect();
        let malformed = trace.flaw.map(|(flaw, minded)| {
            json!({
                "kind": flaw.name(),
                "meaning": flaw.meaning(),
                "decides": minded == Minded::Yes,
            })
        });
        let mut document = json!({
            "packet": self.number,
            "policy": self.subject.name,
            "mode": self.subject.mode.word(),
            "summary": self.reading.to_string(),
            "hex": human::hex(captured.frame),
            "length": captured.wire,
            "layers": trace.layers.iter().map(layer).collect::<Vec<_>>(),
            "malformed": malformed,
            "asked": trace.asked.iter().map(|one| self.question_json(one)).collect::<Vec<_>>(),
            "verdict": trace.decision.verdict.word(),
            "line": by.line,
            "rule": by.text,
            "counted": counted,
            "reported": reported,
            "uncertain": self.judged.certainty == Certainty::Uncertain,
            "executed": self.judged.steps,
        });
        if let (Some(changed), Some(map)) = (&self.judged.changed, document.as_object_mut()) {
            let becomes = json!({
                "summary": Reading::of(changed).to_string(),
                "hex": human::hex(changed),
            });
            map.insert("becomes".to_owned(), becomes);
        }
        let outlet = oracle::outlet(&self.subject.policy, &trace.decision);
        if let (Some(outlet), Some(map)) = (outlet, document.as_object_mut()) {
            map.insert("leaves_by".to_owned(), outlet_json(outlet));
        }
        if let (Some(path), Some(map)) = (&self.path, document.as_object_mut()) {
            map.insert("target".to_owned(), target_json(Rehearsal::TARGET, "interpreter"));
            map.insert("path".to_owned(), path.json(program));
        }
        document
    }

    fn question_json(&self, question: &Question<'_>) -> Value {
        let Question { rule, holds, limit, answers, .. } = question;
        let terms = self.answers_json(answers);
        let matches = *holds && *limit != Some(Standing::Under);
        let mut question =
            json!({"line": rule.line, "rule": rule.text, "matches": matches, "terms": terms});
        if let (Some(standing), Some(limit), Some(map)) =
            (limit, &rule.limit, question.as_object_mut())
        {
            let over = *standing == Standing::Over;
            map.insert("limit".to_owned(), json!({"limit": limit.to_string(), "over": over}));
        }
        question
    }

    fn answers_json(&self, answers: &[Answer<'_>]) -> Value {
        answers.iter().map(|answer| self.answer_json(answer)).collect()
    }

    fn answer_json(&self, answer: &Answer<'_>) -> Value {
        let term = text::term(&self.subject.policy, answer.term);
        if answer.parts.is_empty() {
            return json!({"term": term, "holds": answer.holds, "found": answer.found});
        }
        let parts: Vec<Value> = answer.parts.iter().map(|part| self.answers_json(part)).collect();
        json!({"term": term, "holds": answer.holds, "parts": parts})
    }
}

/// Where a packet goes, if neither to the stack nor back.
pub fn outlet_json(outlet: Outlet<'_>) -> Value {
    match outlet {
        Outlet::Device(device) => json!({"interface": device.as_str()}),
        Outlet::Socket => json!({"socket": "of its receive queue"}),
    }
}

fn layer(layer: &Layer) -> Value {
    let fields: Map<_, _> = layer
        .fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect();
    json!({"name": layer.name, "fields": fields})
}
