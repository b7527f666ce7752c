//! One measurement: rates and totals of every row, as a table and as a document.
//!
//! Every event that is counted has at least one line, so that an event which did not happen is told
//! from one that nobody looks at.

use palisade_loader::Errno;
use serde_json::{Value, json};

use super::counts::{Reading, Row, Watch};
use super::events::Event;
use super::programs::Counts;
use crate::output::human;

/// How much is shown of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The sums over all CPUs.
    Sums,
    /// These, and each CPU that has counted something.
    EachCpu,
}

/// What has been counted in all, and what is new of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Growth {
    total: Counts,
    new: Counts,
}

impl Growth {
    fn and(self, other: Self) -> Self {
        let sum = |one: Counts, other: Counts| {
            std::array::from_fn(|i| u64::wrapping_add(one[i], other[i]))
        };
        Self { total: sum(self.total, other.total), new: sum(self.new, other.new) }
    }
}

/// A row and its growth on each CPU.
struct Line {
    row: Row,
    cpus: Vec<Growth>,
}

impl Line {
    fn sum(&self) -> Growth {
        self.cpus.iter().fold(Growth::default(), |sum, one| sum.and(*one))
    }

    /// The CPUs that have counted something, with their numbers.
    fn busy<'a>(&'a self, numbers: &'a [usize]) -> impl Iterator<Item = (usize, Growth)> + 'a {
        let each = numbers.iter().copied().zip(self.cpus.iter().copied());
        each.filter(|(_, growth)| growth.total != [0; 3])
    }
}

/// One measurement.
pub struct Sample {
    lines: Vec<Line>,
    period: f64,
}

impl Sample {
    /// What is in a reading, and new since the one before, so many seconds ago.
    pub fn new(now: &Reading, before: &Reading, period: f64) -> Self {
        let lines = now.iter().map(|(row, counts)| {
            let mut past = before.get(row).into_iter().flat_map(|counts| counts.iter());
            let mut growth = |total: &Counts| {
                let past = past.next().copied().unwrap_or_default();
                let new = std::array::from_fn(|i| total[i].wrapping_sub(past[i]));
                Growth { total: *total, new }
            };
            Line { row: *row, cpus: counts.iter().map(&mut growth).collect() }
        });
        Self { lines: lines.collect(), period }
    }

    fn per_second(&self, number: u64) -> u64 {
        (number as f64 / self.period).round() as u64
    }

    /// The table, with its head.
    pub fn table(&self, watch: &Watch, detail: Detail) -> Vec<String> {
        let counted: Vec<Event> = watch.events().collect();
        human::table(&self.cells(&counted, &watch.cpus, detail), &[3, 4, 5, 6])
    }

    fn cells(&self, counted: &[Event], cpus: &[usize], detail: Detail) -> Vec<Vec<String>> {
        let heads = ["event", "action", "error", "pps", "drop-pps", "packets", "drops"];
        let mut cells = vec![heads.map(str::to_owned).to_vec()];
        for event in counted {
            let lines: Vec<&Line> = self.lines.iter().filter(|l| l.row.event == *event).collect();
            if lines.is_empty() {
                let nothing = [event.name().to_owned(), String::new(), String::new()];
                cells.push(self.numbers(nothing, Growth::default()));
            }
            for line in lines {
                cells.push(self.numbers(named(line.row), line.sum()));
                if detail == Detail::EachCpu {
                    let cpu = |cpu: usize| [format!("  CPU {cpu}"), String::new(), String::new()];
                    cells.extend(line.busy(cpus).map(|(at, one)| self.numbers(cpu(at), one)));
                }
            }
        }
        cells
    }

    fn numbers(&self, names: [String; 3], Growth { total, new }: Growth) -> Vec<String> {
        let [packets, drops, _] = new.map(|number| self.per_second(number));
        let numbers = [packets, drops, total[0], total[1]];
        names.into_iter().chain(numbers.map(|number| number.to_string())).collect()
    }

    /// The document.
    pub fn json(&self, watch: &Watch, detail: Detail) -> Value {
        let counted: Vec<&str> = watch.events().map(Event::name).collect();
        let missing: Vec<&str> = watch.missing.iter().map(|event| event.name()).collect();
        let rows: Vec<Value> =
            self.lines.iter().map(|l| self.row(l, &watch.cpus, detail)).collect();
        json!({
            "interval": (self.period * 1000.0).round() / 1000.0,
            "counted": counted,
            "missing": missing,
            "rows": rows,
        })
    }

    fn row(&self, line: &Line, cpus: &[usize], detail: Detail) -> Value {
        let mut row = self.rates(line.sum());
        row["event"] = line.row.event.name().into();
        row["action"] = match line.row.action() {
            Some(Ok(word)) => word.into(),
            Some(Err(number)) => number.into(),
            None => Value::Null,
        };
        row["error"] = line.row.error().map(error_word).into();
        row["to_cpu"] = line.row.to_cpu().into();
        row["others"] = line.row.about.is_none().into();
        if detail == Detail::EachCpu {
            let each = line.busy(cpus).map(|(cpu, growth)| {
                let mut rates = self.rates(growth);
                rates["cpu"] = cpu.into();
                rates
            });
            row["cpus"] = each.collect();
        }
        row
    }

    fn rates(&self, Growth { total, new }: Growth) -> Value {
        json!({
            "packets": total[0],
            "pps": self.per_second(new[0]),
            "drops": total[1],
            "drop_pps": self.per_second(new[1]),
            "events": total[2],
        })
    }
}

/// Event, action and error of a row, in words.
fn named(row: Row) -> [String; 3] {
    let action = match (row.action(), row.to_cpu()) {
        (Some(Ok(word)), Some(cpu)) => format!("{word} to CPU {cpu}"),
        (Some(Ok(word)), None) => word.to_owned(),
        (Some(Err(number)), _) => number.to_string(),
        (None, _) => "others".to_owned(),
    };
    [row.event.name().to_owned(), action, row.error().map(error_word).unwrap_or_default()]
}

fn error_word(errno: Errno) -> String {
    errno.name().unwrap_or_else(|| format!("errno {}", errno.number()))
}

/// What the kernel lacks, in words; `None` where it lacks nothing.
pub fn note(missing: &[Event]) -> Option<String> {
    let names: Vec<String> = missing.iter().map(|event| format!("`{event}`")).collect();
    (!names.is_empty()).then(|| {
        format!("note: not counted, as this kernel has no such event: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use palisade_loader::PerCpu;

    use super::super::counts::About;
    use super::*;

    fn row(event: Event, subject: u32, error: u32) -> Row {
        Row { event, about: Some(About { subject, error }) }
    }

    /// A reading whose counts are all on the first CPU.
    fn reading(rows: &[(Row, Counts)]) -> Reading {
        let each = |(row, counts): &(Row, Counts)| {
            (*row, PerCpu::first(*counts, [0; 3]).expect("sysfs tells the CPUs"))
        };
        rows.iter().map(each).collect()
    }

    fn sample() -> Sample {
        let odd = row(Event::Exception, 42, 0);
        let sent = row(Event::DevmapXmit, 4, 0);
        let before = reading(&[(odd, [10, 0, 10])]);
        let now = reading(&[
            (odd, [30, 0, 30]),
            (row(Event::RedirectErr, 4, 22), [3, 0, 3]),
            (row(Event::CpumapEnqueue, 1, 0), [64, 8, 8]),
            (sent, [5, 1, 1]),
            (Row { event: Event::Exception, about: None }, [2, 0, 2]),
        ]);
        Sample::new(&now, &before, 2.0)
    }

    #[test]
    fn the_table_has_a_line_for_each_row_and_for_each_event_that_did_not_happen() {
        let counted = [
            Event::Exception,
            Event::Redirect,
            Event::RedirectErr,
            Event::CpumapEnqueue,
            Event::DevmapXmit,
        ];
        let lines = human::table(&sample().cells(&counted, &[], Detail::Sums), &[3, 4, 5, 6]);
        let wanted = "\
event               action             error   pps  drop-pps  packets  drops
xdp_exception       others                       1         0        2      0
xdp_exception       42                          10         0       30      0
xdp_redirect                                     0         0        0      0
xdp_redirect_err    redirect           EINVAL    2         0        3      0
xdp_cpumap_enqueue  redirect to CPU 1           32         4       64      8
xdp_devmap_xmit     redirect                     3         1        5      1
";
        assert_eq!(lines.join("\n") + "\n", wanted);
    }

    #[test]
    fn each_cpu_that_counted_has_a_line_with_its_number() {
        let cells = sample().cells(&[Event::DevmapXmit], &[7], Detail::EachCpu);
        let first: Vec<&str> = cells.iter().map(|line| line[0].as_str()).collect();
        assert_eq!(first, ["event", "xdp_devmap_xmit", "  CPU 7"]);
        assert_eq!(cells[1][3..], cells[2][3..]);
    }

    #[test]
    fn a_row_in_json_has_action_error_and_cpu_by_name_and_a_strange_action_by_number() {
        let sample = sample();
        let rows: Vec<Value> =
            sample.lines.iter().map(|l| sample.row(l, &[0], Detail::Sums)).collect();
        let of = |event: &str, what: &str| -> Vec<Value> {
            rows.iter().filter(|row| row["event"] == event).map(|row| row[what].clone()).collect()
        };
        assert_eq!(of("xdp_exception", "action"), [Value::Null, json!(42)]);
        assert_eq!(of("xdp_exception", "others"), [true, false]);
        assert_eq!(of("xdp_redirect_err", "error"), ["EINVAL"]);
        assert_eq!(of("xdp_cpumap_enqueue", "to_cpu"), [1]);
        assert_eq!(of("xdp_cpumap_enqueue", "drop_pps"), [4]);
        assert!(rows.iter().all(|row| row.get("cpus").is_none()));
    }

    #[test]
    fn what_the_kernel_lacks_is_named() {
        assert_eq!(note(&[]), None);
        let note = note(&[Event::RedirectMap, Event::RedirectMapErr]).expect("something");
        assert!(note.ends_with(": `xdp_redirect_map`, `xdp_redirect_map_err`"), "{note}");
    }
}
