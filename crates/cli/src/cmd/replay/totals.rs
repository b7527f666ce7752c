//! What became of all packets of a capture, by verdict and by rule.

use std::io::Write;

use palisade_filter::capture::Captured;
use palisade_filter::{Row, Verdict};
use serde_json::{Map, Value, json};

use crate::failure::Outcome;
use crate::judging::{Certainty, Deciding, Judged};
use crate::output::{Form, Output, human};

/// Packets, and their bytes on the wire.
#[derive(Clone, Copy, Default)]
struct Count {
    packets: u64,
    bytes: u64,
}

/// The counts of a capture.
pub struct Totals {
    by_row: Vec<Count>,
    all: Count,
    cut: u64,
    uncertain: u64,
    steps: u64,
}

impl Count {
    fn add(&mut self, packets: u64, bytes: u64) {
        self.packets += packets;
        self.bytes += bytes;
    }

    fn json(self) -> Value {
        json!({"packets": self.packets, "bytes": self.bytes})
    }
}

impl Totals {
    /// No packet yet.
    pub fn of(rows: &[Row]) -> Self {
        let by_row = vec![Count::default(); rows.len()];
        Self { by_row, all: Count::default(), cut: 0, uncertain: 0, steps: 0 }
    }

    /// Counts a packet.
    pub fn count(&mut self, judged: &Judged, captured: &Captured<'_>) {
        let bytes = u64::from(captured.wire).max(captured.frame.len() as u64);
        if let Some(count) = self.by_row.get_mut(judged.row.index()) {
            count.add(1, bytes);
        }
        self.all.add(1, bytes);
        self.cut += u64::from(captured.is_cut());
        self.uncertain += u64::from(judged.certainty == Certainty::Uncertain);
        self.steps += judged.steps;
    }

    /// How many packets there were.
    pub fn packets(&self) -> u64 {
        self.all.packets
    }

    /// Prints them: also where only errors are wanted, for they are what is left to print then.
    pub fn tell(&self, rows: &[Row], out: &mut Output) -> Outcome {
        if out.form() == Form::Json {
            return out.json(&self.json(rows));
        }
        let to = out.writer();
        let packets = human::counted(self.all.packets, "packet", "packets");
        writeln!(to, "{packets}, {}", human::bytes(self.all.bytes))?;
        for line in self.tables(rows) {
            writeln!(to, "{line}")?;
        }
        if self.cut > 0 {
            let cut = human::counted(self.cut, "packet was", "packets were");
            writeln!(to, "{cut} cut by the capture; what is missing was taken for zeros")?;
        }
        if self.uncertain > 0 {
            let verdicts = human::counted(self.uncertain, "verdict is", "verdicts are");
            writeln!(to, "{verdicts} UNCERTAIN: the headers go on beyond what was captured")?;
        }
        Ok(())
    }

    fn by_verdict(&self, rows: &[Row]) -> Vec<(Verdict, Count)> {
        let mut verdicts = Vec::new();
        for verdict in Verdict::ALL {
            let own = rows.iter().zip(&self.by_row).filter(|(row, _)| row.verdict == Some(verdict));
            let mut sum = Count::default();
            own.for_each(|(_, count)| sum.add(count.packets, count.bytes));
            if sum.packets > 0 {
                verdicts.push((verdict, sum));
            }
        }
        verdicts
    }

    /// The rows that decided some packet.
    fn met<'a>(&'a self, rows: &'a [Row]) -> impl Iterator<Item = (&'a Row, Count)> {
        rows.iter().zip(self.by_row.iter().copied()).filter(|(_, count)| count.packets > 0)
    }

    fn tables(&self, rows: &[Row]) -> Vec<String> {
        let cells = |count: Count| [human::grouped(count.packets), human::bytes(count.bytes)];
        let verdict = |(verdict, count): (Verdict, Count)| {
            let [packets, bytes] = cells(count);
            vec![format!("  {verdict}"), packets, bytes]
        };
        let rule = |(row, count): (&Row, Count)| {
            let [packets, bytes] = cells(count);
            let verdict = row.verdict.map_or("", Verdict::word);
            vec![format!("  {verdict}"), packets, bytes, Deciding::of_row(row).to_string()]
        };
        let verdicts: Vec<_> = self.by_verdict(rows).into_iter().map(verdict).collect();
        let rules: Vec<_> = self.met(rows).map(rule).collect();
        let mut lines = human::table(&verdicts, &[1, 2]);
        if !rules.is_empty() {
            lines.push("by rule:".to_owned());
        }
        lines.extend(human::table(&rules, &[1, 2]));
        lines
    }

    fn json(&self, rows: &[Row]) -> Value {
        let verdicts: Map<_, _> = self
            .by_verdict(rows)
            .into_iter()
            .map(|(verdict, count)| (verdict.word().to_owned(), count.json()))
            .collect();
        let rule = |(row, count): (&Row, Count)| {
            let by = Deciding::of_row(row);
            json!({
                "line": by.line,
                "rule": by.text,
                "name": row.name.as_ref().map(ToString::to_string),
                "verdict": row.verdict.map(Verdict::word),
                "packets": count.packets,
                "bytes": count.bytes,
            })
        };
        json!({
            "packets": self.all.packets,
            "bytes": self.all.bytes,
            "verdicts": verdicts,
            "rules": self.met(rows).map(rule).collect::<Vec<_>>(),
            "cut": self.cut,
            "uncertain": self.uncertain,
            "executed": self.steps,
        })
    }
}
