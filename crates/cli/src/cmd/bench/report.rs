//! What a run found: as a table, as JSON, and as plots.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::chart::{Chart, Series, short, written};
use super::figures::{Figures, QUIET};
use super::refused;
use crate::failure::Outcome;
use crate::output::{Form, Output, human};

/// What the figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Packets a second; a ratio is to the limit in the same round, and more is better.
    Rate,
    /// Nanoseconds a packet above the limit; a ratio is to palisade's median, and less is better.
    Nanos,
    /// Milliseconds; likewise.
    Millis,
}

impl Unit {
    fn words(self) -> &'static str {
        match self {
            Self::Rate => "million packets a second",
            Self::Nanos => "ns a packet above the limit",
            Self::Millis => "ms",
        }
    }

    fn scaled(self, figure: f64) -> f64 {
        match self {
            Self::Rate => figure / 1e6,
            Self::Nanos | Self::Millis => figure,
        }
    }

    fn ratio(self) -> &'static str {
        match self {
            Self::Rate => "ratio: to the first line, the median over the rounds",
            Self::Nanos | Self::Millis => "×: to palisade in the same line, of medians",
        }
    }
}

/// A run's findings.
pub struct Report {
    pub subject: &'static str,
    /// What sizes are of.
    pub of: &'static str,
    pub unit: Unit,
    pub groups: Vec<Group>,
    pub remarks: Remarks,
}

/// What else is to be said of a run.
#[derive(Default)]
pub struct Remarks {
    notes: Vec<String>,
    /// Where the machine was not quiet: where the turns of the limit itself were far apart.
    noisy: Vec<(String, f64)>,
}

impl Remarks {
    /// Says something, once.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Looks at the turns of the limit in a measurement, and remembers if they were far apart.
    pub fn look_at(&mut self, limit: &[f64], what: &str) {
        let spread = Figures::of(limit.iter().copied()).spread();
        if spread > QUIET {
            self.noisy.push((what.to_owned(), spread));
        }
    }

    fn noise(&self) -> Option<String> {
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        let (worst, spread) = self.noisy.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(format!(
            "the machine was too noisy in {} of these: the limit's own turns spread by up to {} of their median \
             ({worst}), and {} is quiet; repeat it when less goes on",
            self.noisy.len(),
            percent(*spread),
            percent(QUIET),
        ))
    }

    fn noisy(&self) -> Value {
        let one = |(what, spread): &(String, f64)| json!({"what": what, "spread": spread});
        self.noisy.iter().map(one).collect()
    }
}

/// Contenders that did the same.
pub struct Group {
    pub what: String,
    pub size: Option<usize>,
    pub lines: Vec<Line>,
}

/// A contender.
pub struct Line {
    pub contender: String,
    pub figures: Figures,
    pub ratio: Option<f64>,
    /// What else is known of it, for the document.
    pub facts: Vec<(&'static str, Value)>,
}

impl Line {
    pub fn new(contender: impl Into<String>, figures: Figures) -> Self {
        Self { contender: contender.into(), figures, ratio: None, facts: Vec::new() }
    }
}

impl Group {
    /// Gives every line its ratio to the first one. What is lost in the noise has none.
    pub fn with_ratios(mut self) -> Self {
        let first = self.lines.first().map_or(0.0, |line| line.figures.median());
        for line in &mut self.lines {
            let median = line.figures.median();
            line.ratio = (first > 0.0 && median > 0.0).then(|| median / first);
        }
        self
    }
}

impl Report {
    /// Prints the table, or the document.
    pub fn print(&self, out: &mut Output) -> Outcome {
        if out.form() == Form::Json {
            return out.json(&self.json());
        }
        out.say(format_args!("{}, {}", self.subject, self.unit.words()))?;
        for (what, groups) in self.by_what() {
            out.say("")?;
            let (rows, right) = match self.unit {
                Unit::Rate => (self.list(what, &groups), vec![1, 2, 3, 4, 5]),
                Unit::Nanos | Unit::Millis => self.matrix(what, &groups),
            };
            for line in human::table(&rows, &right) {
                out.say(line)?;
            }
        }
        out.say(format_args!("\n{}", self.unit.ratio()))?;
        self.remarks.notes.iter().chain(&self.remarks.noise()).try_for_each(|line| out.say(line))
    }

    /// The groups that differ in size alone, together.
    fn by_what(&self) -> Vec<(&str, Vec<&Group>)> {
        let mut all: Vec<(&str, Vec<&Group>)> = Vec::new();
        for group in &self.groups {
            match all.iter_mut().find(|(what, _)| *what == group.what) {
                Some((_, groups)) => groups.push(group),
                None => all.push((&group.what, vec![group])),
            }
        }
        all
    }

    /// A line for each contender.
    fn list(&self, what: &str, groups: &[&Group]) -> Vec<Vec<String>> {
        let head = [what, "median", "least", "most", "ratio", "alone"].map(str::to_owned).to_vec();
        let lines = groups.iter().flat_map(|group| &group.lines).map(|line| {
            let figures = &line.figures;
            let shown = [figures.median(), figures.least(), figures.most()];
            let mut row = vec![format!("  {}", line.contender)];
            row.extend(shown.map(|figure| format!("{:.2}", self.unit.scaled(figure))));
            row.push(line.ratio.map_or(String::new(), |ratio| format!("{ratio:.3}")));
            let alone = line.facts.iter().find(|(name, _)| *name == ALONE);
            row.push(alone.map_or(String::new(), |(_, ns)| format!("{ns} ns")));
            row
        });
        std::iter::once(head).chain(lines).collect()
    }

    /// A line for each size, a column for each contender.
    fn matrix(&self, what: &str, groups: &[&Group]) -> (Vec<Vec<String>>, Vec<usize>) {
        let contenders = contenders(groups);
        let mut head = vec![what.to_owned()];
        head.extend(contenders.iter().flat_map(|name| [(*name).to_owned(), String::new()]));
        let mut rows = vec![head];
        for group in groups {
            let mut row =
                vec![group.size.map_or(String::new(), |size| format!("  {}", short(size as f64)))];
            for name in &contenders {
                let line = group.lines.iter().find(|line| line.contender == *name);
                row.push(line.map_or("-".to_owned(), |line| {
                    written(self.unit.scaled(line.figures.median()))
                }));
                let ratio = line.and_then(|line| line.ratio);
                row.push(ratio.map_or(String::new(), |ratio| format!("{ratio:.1}×")));
            }
            rows.push(row);
        }
        (rows, (1..=2 * contenders.len()).collect())
    }

    fn json(&self) -> Value {
        let groups: Vec<Value> = self.groups.iter().map(|group| self.group_json(group)).collect();
        let system = nix::sys::utsname::uname().ok();
        let kernel = system.as_ref().map(|system| system.release().to_string_lossy().into_owned());
        json!({
            "bench": self.subject,
            "unit": self.unit.words(),
            "ratio": self.unit.ratio(),
            "kernel": kernel,
            "cpus": std::thread::available_parallelism().ok().map(usize::from),
            "version": env!("CARGO_PKG_VERSION"),
            "groups": groups,
            "notes": self.remarks.notes,
            "noisy": self.remarks.noisy(),
        })
    }

    fn group_json(&self, group: &Group) -> Value {
        let line = |line: &Line| {
            let Line { contender, figures, ratio, facts } = line;
            let mut all = Map::new();
            let of = |figure| json!(self.unit.scaled(figure));
            all.insert("contender".into(), json!(contender));
            all.insert("median".into(), of(figures.median()));
            all.insert("least".into(), of(figures.least()));
            all.insert("most".into(), of(figures.most()));
            all.insert("turns".into(), json!(figures.turns()));
            all.insert("ratio".into(), json!(ratio));
            all.extend(facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            Value::Object(all)
        };
        let contenders: Vec<Value> = group.lines.iter().map(line).collect();
        json!({"what": group.what, "size": group.size, "contenders": contenders})
    }

    /// Writes the document and a plot of each thing that was measured.
    pub fn write(&self, dir: &Path, out: &mut Output) -> Outcome {
        let write = |name: String, content: String, out: &mut Output| -> Outcome {
            let path = dir.join(name);
            let written = fs::write(&path, content);
            written.map_err(|error| refused(&format!("write {}", path.display()), error))?;
            out.say(format_args!("wrote {}", path.display()))
        };
        write(format!("{}.json", self.subject), format!("{:#}\n", self.json()), out)?;
        for (what, groups) in self.by_what() {
            let name = format!("{}-{}.svg", self.subject, file_name(what));
            write(name, self.chart(what, &groups), out)?;
        }
        Ok(())
    }

    fn chart(&self, what: &str, groups: &[&Group]) -> String {
        let series = contenders(groups).into_iter().map(|name| {
            let point = |group: &&Group| {
                let line = group.lines.iter().find(|line| line.contender == name)?;
                Some((group.size.unwrap_or(1) as f64, self.unit.scaled(line.figures.median())))
            };
            Series { name, points: groups.iter().filter_map(point).collect() }
        });
        let title = match groups {
            [Group { size: Some(size), .. }] => {
                format!("{}: {what}, {} {}", self.subject, short(*size as f64), self.of)
            }
            _ => format!("{}: {what}", self.subject),
        };
        let series = series.collect();
        Chart { title: &title, unit: self.unit.words(), of: self.of, series }.svg()
    }
}

/// The fact of a line that the table has: nanoseconds of the program alone.
pub const ALONE: &str = "alone_ns";

/// Every contender of the groups, in the order in which they come.
fn contenders<'a>(groups: &[&'a Group]) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for line in groups.iter().flat_map(|group| &group.lines) {
        if !all.contains(&line.contender.as_str()) {
            all.push(&line.contender);
        }
    }
    all
}

/// Words as a part of a file's name.
fn file_name(what: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = what.chars().map(plain).collect();
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Makes the directory that is written to.
pub fn directory(dir: &Path) -> Outcome {
    fs::create_dir_all(dir).map_err(|error| refused(&format!("make {}", dir.display()), error))
}
