//! `stats`: packets per second by verdict and by rule, live.
//!
//! It ends by itself after `--count` measurements, and cleanly on SIGINT and SIGTERM. When the
//! policy is replaced meanwhile, it goes on with the new one.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use palisade_filter::plan::Decider;
use palisade_filter::{Row, Verdict};
use serde_json::{Map, Value, json};

use super::status::{by_verdict, in_shadow, row_name, would_drop};
use crate::args::{Global, Stats};
use crate::failure::Outcome;
use crate::output::{Form, Output, human};
use crate::running::counters::{Count, Counters, Reading};
use crate::running::home::PolicyDir;
use crate::running::in_force::Running;
use crate::running::look::look;
use crate::stop::Stop;

/// Measures until told to stop.
pub fn run(global: &Global, args: &Stats, out: &mut Output) -> Outcome {
    let stop = Stop::new()?;
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        look(global, |at, look| {
            let mut watched = Watched::open(at)?;
            look.confirm()?;
            while left > 0 {
                if stop.within(args.interval)? {
                    left = 0;
                } else if watched.is_replaced(global)? {
                    break;
                } else {
                    watched.measure(out)?;
                    left -= 1;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The policy that is measured, and its last reading.
struct Watched<'a> {
    running: Running<'a>,
    counters: Counters,
    last: Reading,
    at: Instant,
}

impl<'a> Watched<'a> {
    fn open(at: &'a PolicyDir) -> Outcome<Self> {
        let running = Running::get(at)?;
        let counters = running.counters()?;
        let last = counters.read()?;
        Ok(Self { running, counters, last, at: Instant::now() })
    }

    /// Whether another map of counters is in force; an error if the policy is gone.
    fn is_replaced(&self, global: &Global) -> Outcome<bool> {
        let now = look(global, |at, _| Ok(Running::get(at)?.counters()?.id))
            .map_err(|failure| failure.because("the policy was removed while it was measured"))?;
        Ok(now != self.counters.id)
    }

    fn measure(&mut self, out: &mut Output) -> Outcome {
        let sample = self.sample()?;
        match out.form() {
            Form::Json => out.json(&sample.json(&self.running))?,
            Form::Text | Form::Quiet => sample.say(&self.running, out)?,
        }
        out.flush()
    }

    fn sample(&mut self) -> Outcome<Sample> {
        let (reading, at) = (self.counters.read()?, Instant::now());
        let sample = Sample {
            total: reading.clone(),
            new: since(&reading, &self.last),
            period: at.duration_since(self.at).as_secs_f64(),
        };
        (self.last, self.at) = (reading, at);
        Ok(sample)
    }
}

fn since(now: &Reading, before: &Reading) -> Reading {
    let each = |now: &[Count], before: &[Count]| {
        now.iter().zip(before).map(|(now, before)| now.since(*before)).collect()
    };
    Reading {
        enforced: each(&now.enforced, &before.enforced),
        shadowed: each(&now.shadowed, &before.shadowed),
    }
}

/// One measurement.
struct Sample {
    total: Reading,
    new: Reading,
    period: f64,
}

impl Sample {
    fn per_second(&self, number: u64) -> u64 {
        (number as f64 / self.period).round() as u64
    }

    fn rates(&self, total: Count, new: Count) -> Value {
        json!({
            "packets": total.packets,
            "bytes": total.bytes,
            "pps": self.per_second(new.packets),
            "bps": self.per_second(new.bytes * 8),
        })
    }

    fn json(&self, running: &Running<'_>) -> Value {
        let totals =
            by_verdict(running, &self.total).into_iter().zip(by_verdict(running, &self.new));
        let verdicts: Map<String, Value> = totals
            .map(|((verdict, total), (_, new))| (verdict.word().to_owned(), self.rates(total, new)))
            .collect();
        let rules: Vec<Value> = self
            .rows(running)
            .filter(|(row, ..)| is_statement(row))
            .map(|(row, total, new)| {
                json!({
                    "line": row.line,
                    "text": row.text,
                    "verdict": row.verdict.map(Verdict::word),
                    "packets": total.packets,
                    "bytes": total.bytes,
                    "pps": self.per_second(new.packets),
                })
            })
            .collect();
        let malformed: Map<String, Value> = self
            .rows(running)
            .filter_map(|(row, total, _)| match row.decider {
                Decider::Malformed(class) => Some((class.name().to_owned(), json!(total.packets))),
                Decider::Off
                | Decider::Count
                | Decider::Keep
                | Decider::Rule
                | Decider::Unrouted(_)
                | Decider::Fragment
                | Decider::Default => None,
            })
            .collect();
        json!({
            "interval": (self.period * 1000.0).round() / 1000.0,
            "verdicts": verdicts,
            "rules": rules,
            "malformed": malformed,
            "would_drop": self.rates(would_drop(&self.total), would_drop(&self.new)),
        })
    }

    /// Each row with its total and what is new, in whatever mode it was counted.
    fn rows<'a>(
        &'a self,
        running: &'a Running<'_>,
    ) -> impl Iterator<Item = (&'a Row, Count, Count)> {
        running.rows.iter().enumerate().map(|(i, row)| {
            let of = |reading: &Reading| reading.enforced[i] + reading.shadowed[i];
            (row, of(&self.total), of(&self.new))
        })
    }

    fn say(&self, running: &Running<'_>, out: &mut Output) -> Outcome {
        if std::io::stdout().is_terminal() {
            write!(out.writer(), "\x1b[H\x1b[2J")?;
        }
        let period = format!("{:.6}", self.period);
        let line = |name: String, pps: u64| {
            vec![name, pps.to_string(), human::grouped(pps), period.clone()]
        };
        let heads = ["action", "pps", "pps-human-readable", "period/sec"];
        let mut lines = vec![heads.map(str::to_owned).to_vec()];
        for (verdict, new) in by_verdict(running, &self.new) {
            if matches!(verdict, Verdict::Aborted | Verdict::Drop | Verdict::Pass | Verdict::Tx)
                || new.packets > 0
            {
                lines.push(line(verdict.word().to_owned(), self.per_second(new.packets)));
            }
        }
        let shadowed = would_drop(&self.new);
        if shadowed.packets > 0 {
            let name = format!("pass ({})", in_shadow(running));
            lines.push(line(name, self.per_second(shadowed.packets)));
        }
        for (row, total, new) in self.rows(running) {
            if is_statement(row) || total.packets > 0 {
                lines.push(line(format!("  {}", row_name(row)), self.per_second(new.packets)));
            }
        }
        for line in human::table(&lines, &[1, 2, 3]) {
            out.say(line)?;
        }
        out.say("")
    }
}

fn is_statement(row: &Row) -> bool {
    matches!(
        row.decider,
        Decider::Keep | Decider::Rule | Decider::Unrouted(_) | Decider::Fragment | Decider::Default
    )
}
