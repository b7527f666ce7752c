//! Plots as SVG: lines of cost against size, and bars. Shapes and text alone, in a font that every
//! viewer has; whatever a contender is called, it stays text.

use std::fmt::Write as _;

/// What is plotted.
pub struct Chart<'a> {
    pub title: &'a str,
    /// What the values are.
    pub unit: &'a str,
    /// What the sizes are of.
    pub of: &'a str,
    pub series: Vec<Series<'a>>,
}

/// A contender, with its value at each size.
pub struct Series<'a> {
    pub name: &'a str,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 800.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 580.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 380.0;
/// Colours that also those tell apart who do not see all colours (Okabe and Ito).
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];

fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

impl Chart<'_> {
    /// As lines over a logarithmic axis of sizes; as bars where there is but one size.
    pub fn svg(&self) -> String {
        match self.sizes()[..] {
            [least, .., most] => self.lines(least.log10(), most.log10()),
            [_] | [] => self.bars(),
        }
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.series.iter().flat_map(|series| series.points.iter().copied())
    }

    /// The sizes that were measured, each once.
    fn sizes(&self) -> Vec<f64> {
        let mut sizes: Vec<f64> = self.points().map(|(size, _)| size).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        sizes
    }

    /// The axis of values: logarithmic where the largest would flatten the least.
    fn axis(&self) -> Axis {
        let values = || self.points().map(|(_, value)| value);
        let most = values().fold(0.0, f64::max);
        let least = values().filter(|value| *value > 0.0).fold(f64::MAX, f64::min);
        if most > least * WIDE {
            let (first, last) = (least.log10().floor(), most.log10().ceil());
            return Axis { first, last, form: Form::Logarithmic };
        }
        Axis { first: 0.0, last: rounded_up(most).0, form: Form::Linear }
    }

    fn lines(&self, first: f64, last: f64) -> String {
        let axis = self.axis();
        let x =
            |size: f64| LEFT + (size.max(1.0).log10() - first) / (last - first) * (RIGHT - LEFT);
        let y = |value: f64| BOTTOM - axis.part(value) * (BOTTOM - TOP);
        let mut svg = Svg::new(self.title, BOTTOM + 60.0);
        for value in axis.marks() {
            svg.line((LEFT, y(value)), (RIGHT, y(value)), "#dddddd");
            svg.text((LEFT - 8.0, y(value) + 4.0), Anchor::End, &mark(value));
        }
        for size in self.sizes() {
            svg.line((x(size), BOTTOM), (x(size), BOTTOM + 5.0), "#333333");
            svg.text((x(size), BOTTOM + 20.0), Anchor::Middle, &short(size));
        }
        svg.line((LEFT, BOTTOM), (RIGHT, BOTTOM), "#333333");
        svg.line((LEFT, TOP), (LEFT, BOTTOM), "#333333");
        svg.text(((LEFT + RIGHT) / 2.0, BOTTOM + 42.0), Anchor::Middle, self.of);
        svg.text((LEFT, TOP - 10.0), Anchor::Start, self.unit);
        for (at, series) in self.series.iter().enumerate() {
            let points: Vec<_> = series.points.iter().map(|(s, v)| (x(*s), y(*v))).collect();
            svg.path(&points, colour(at));
            let legend = TOP + 22.0 * at as f64;
            svg.rect((RIGHT + 16.0, legend), (12.0, 12.0), colour(at));
            svg.text((RIGHT + 34.0, legend + 10.0), Anchor::Start, series.name);
        }
        svg.end()
    }

    fn bars(&self) -> String {
        const NAMES: f64 = 300.0;
        const ROW: f64 = 26.0;
        // A bar is as long as what it stands for.
        let most = self.points().map(|(_, value)| value).fold(0.0, f64::max);
        let axis = Axis { first: 0.0, last: rounded_up(most).0, form: Form::Linear };
        let bottom = TOP + ROW * self.series.len() as f64;
        let x = |value: f64| NAMES + axis.part(value) * (WIDTH - 90.0 - NAMES);
        let mut svg = Svg::new(self.title, bottom + 60.0);
        for value in axis.marks() {
            svg.line((x(value), TOP - 4.0), (x(value), bottom), "#dddddd");
            svg.text((x(value), bottom + 18.0), Anchor::Middle, &mark(value));
        }
        for (at, series) in self.series.iter().enumerate() {
            let top = TOP + ROW * at as f64;
            let value = series.points.first().map_or(0.0, |(_, value)| *value);
            svg.rect((NAMES, top), (x(value) - NAMES, ROW - 8.0), colour(at));
            svg.text((NAMES - 8.0, top + 13.0), Anchor::End, series.name);
            svg.text((x(value) + 6.0, top + 13.0), Anchor::Start, &written(value));
        }
        svg.line((NAMES, TOP - 4.0), (NAMES, bottom), "#333333");
        svg.text(((NAMES + WIDTH) / 2.0, bottom + 42.0), Anchor::Middle, self.unit);
        svg.end()
    }
}

/// How many times the least value the largest may be on a linear axis.
const WIDE: f64 = 100.0;

/// An axis of values; on a logarithmic one, its ends are logarithms.
struct Axis {
    first: f64,
    last: f64,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Linear,
    Logarithmic,
}

impl Axis {
    /// Where a value lies between the ends, which it does not leave.
    fn part(&self, value: f64) -> f64 {
        let at = match self.form {
            Form::Linear => value,
            Form::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
        };
        ((at - self.first) / (self.last - self.first)).clamp(0.0, 1.0)
    }

    fn marks(&self) -> Vec<f64> {
        match self.form {
            Form::Linear => {
                let (end, step) = rounded_up(self.last);
                (0..=(end / step).round() as u32).map(|n| f64::from(n) * step).collect()
            }
            Form::Logarithmic => {
                powers(self.first, self.last).map(|power| 10_f64.powi(power)).collect()
            }
        }
    }
}

/// The end of a linear axis for values up to `most`, and the distance of its marks.
fn rounded_up(most: f64) -> (f64, f64) {
    let most = most.max(1e-3);
    let rough = most / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
    let step = steps.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power);
    ((most / step * 0.999).ceil() * step, step)
}

/// The powers of ten between two logarithms.
fn powers(first: f64, last: f64) -> std::ops::RangeInclusive<i32> {
    (first - 1e-9).ceil() as i32..=(last + 1e-9).floor() as i32
}

/// A value with three digits that count.
pub fn written(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => format!("{value:.0}"),
        middle if middle >= 9.995 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}

/// A value as it stands at an axis: without zeros that say nothing.
fn mark(value: f64) -> String {
    let text = written(value);
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A size as it is asked for: `10k`, `1m`.
pub fn short(size: f64) -> String {
    match size {
        size if size >= 1e6 && size % 1e5 == 0.0 => format!("{}m", size / 1e6),
        size if size >= 1e3 && size % 1e2 == 0.0 => format!("{}k", size / 1e3),
        size => format!("{size}"),
    }
}

#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture in the making. Writing to a string succeeds.
struct Svg {
    out: String,
}

impl Svg {
    fn new(title: &str, height: f64) -> Self {
        let title = escaped(title);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <title>{title}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        let _ = writeln!(
            out,
            "<text x=\"20\" y=\"26\" font-size=\"16\" fill=\"#222222\">{title}</text>"
        );
        Self { out }
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        let _ = writeln!(
            self.out,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222222\">{text}</text>"
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let _ = writeln!(
            self.out,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        let _ = writeln!(
            self.out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        );
    }

    /// A line through points, each of them marked.
    fn path(&mut self, points: &[(f64, f64)], colour: &str) {
        let list: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            self.out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            list.join(" ")
        );
        for (x, y) in points {
            let _ = writeln!(
                self.out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
            );
        }
    }

    fn end(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sizes_are_lines_with_their_names_and_one_size_is_bars() {
        let chart = |sizes: &[f64]| {
            let points: Vec<_> = sizes.iter().map(|size| (*size, 7.5)).collect();
            let series = vec![Series { name: "a < b", points }];
            Chart { title: "cost & size", unit: "ns", of: "entries", series }.svg()
        };
        let lines = chart(&[1.0, 1000.0]);
        for part in
            ["cost &amp; size", "a &lt; b", ">ns<", ">entries<", ">1k<", "<polyline", "</svg>"]
        {
            assert!(lines.contains(part), "{part}: {lines}");
        }
        let bars = chart(&[1.0]);
        assert!(bars.contains(">7.50<") && !bars.contains("<polyline"), "{bars}");
    }

    #[test]
    fn an_axis_of_values_is_logarithmic_where_they_are_far_apart() {
        let chart = |values: [f64; 2]| {
            let points = vec![(1.0, values[0]), (10.0, values[1])];
            let series = vec![Series { name: "a", points }];
            Chart { title: "", unit: "", of: "", series }.axis().marks()
        };
        assert_eq!(chart([3.0, 9.0]), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(chart([3.0, 4000.0]), [1.0, 10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(rounded_up(10.0), (10.0, 2.0));
    }

    #[test]
    fn numbers_are_short_and_still_tell_apart_what_differs() {
        assert_eq!([2.0, 0.5, 100.0].map(mark), ["2", "0.5", "100"]);
        assert_eq!(
            [0.0, 0.123, 9.99, 14.26, 812.4].map(written),
            ["0", "0.12", "9.99", "14.3", "812"]
        );
        assert_eq!(
            [1.0, 999.0, 1e3, 65_536.0, 1e5, 1e6].map(short),
            ["1", "999", "1k", "65536", "100k", "1m"]
        );
    }
}
