//! One line of a listing, a little other.

/// A line that is changed.
pub struct Change {
    /// The line of the listing.
    pub line: usize,
    /// The instruction on it.
    pub at: usize,
    /// The line as it becomes.
    pub by: String,
}

impl Change {
    /// How it is written down: the program, the note above the line, the line and what it became.
    /// Copies of a block differ in the numbers of their labels, which are left out.
    pub fn written(&self, program: &str, lines: &[String]) -> String {
        let note = self.note(lines);
        let [from, to] = [lines[self.line].as_str(), &self.by].map(|line| unnumbered(line.trim()));
        format!("{program} | {note} | {from} -> {to}")
    }

    /// The note above the line.
    pub fn note<'a>(&self, lines: &'a [String]) -> &'a str {
        let mut above = lines[..self.line].iter().rev();
        above.find_map(|line| line.strip_prefix("; ")).unwrap_or_default()
    }

    /// The label that the line stands behind, which tells copies apart.
    pub fn label<'a>(&self, lines: &'a [String]) -> &'a str {
        let mut above = lines[..self.line].iter().rev();
        above.find_map(|line| line.strip_suffix(':')).unwrap_or_default()
    }
}

/// A line without the number of the label in it.
pub fn unnumbered(line: &str) -> &str {
    let label = line.strip_suffix(':').unwrap_or(line);
    let bare = label.trim_end_matches(|c: char| c.is_ascii_digit());
    if line.contains("goto ") || label.len() < line.len() {
        bare.strip_suffix('.').unwrap_or(label)
    } else {
        line
    }
}

/// All changes of a listing.
pub fn changes(lines: &[String]) -> Vec<Change> {
    let mut all = Vec::new();
    let mut at = 0;
    for (line, text) in lines.iter().enumerate() {
        let is_insn = text.starts_with("  ");
        if is_insn {
            all.extend(others(text.trim()).into_iter().map(|by| Change { line, at, by }));
            at += 1;
        }
    }
    all
}

/// What a line may become.
fn others(line: &str) -> Vec<String> {
    if let Some((test, to)) = line.strip_prefix("if ").and_then(|rest| rest.split_once(" goto ")) {
        let mut parts = test.split(' ');
        let (Some(left), Some(mark), Some(right)) = (parts.next(), parts.next(), parts.next())
        else {
            return Vec::new();
        };
        let marks =
            other_marks(mark).iter().map(|mark| format!("  if {left} {mark} {right} goto {to}"));
        let values = beside(right).into_iter();
        let values = values.map(|value| format!("  if {left} {mark} {value} goto {to}"));
        return marks.chain(values).collect();
    }
    let Some((left, right)) = line.rsplit_once("= ") else { return Vec::new() };
    beside(right).into_iter().map(|value| format!("  {left}= {value}")).collect()
}

/// The opposite of a comparison, and the one that differs where both sides are equal.
fn other_marks(mark: &str) -> &'static [&'static str] {
    match mark {
        "==" => &["!="],
        "!=" => &["=="],
        ">" => &["<=", ">="],
        ">=" => &["<", ">"],
        "<" => &[">=", "<="],
        "<=" => &[">", "<"],
        "s>" => &["s<=", "s>="],
        "s>=" => &["s<", "s>"],
        "s<" => &["s>=", "s<="],
        "s<=" => &["s>", "s<"],
        "&" => &["=="],
        _ => &[],
    }
}

/// The numbers beside a constant that fit into its place.
fn beside(value: &str) -> Vec<String> {
    let number = match value.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    };
    let Some(number) = number else { return Vec::new() };
    let near = [number - 1, number + 1];
    near.into_iter()
        .filter(|near| i32::try_from(*near).is_ok())
        .map(|near| near.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_its_neighbours() {
        assert_eq!(
            others("if r1 < 0x43 goto past line 13.2"),
            [
                "  if r1 >= 0x43 goto past line 13.2",
                "  if r1 <= 0x43 goto past line 13.2",
                "  if r1 < 66 goto past line 13.2",
                "  if r1 < 68 goto past line 13.2",
            ]
        );
        assert_eq!(others("w1 &= 15"), ["  w1 &= 14", "  w1 &= 16"]);
        assert_eq!(
            others("*(u32 *)(r10 -216) = 32"),
            ["  *(u32 *)(r10 -216) = 31", "  *(u32 *)(r10 -216) = 33",]
        );
        assert!(others("r1 = map[_control]+0").is_empty() && others("exit").is_empty());
        assert_eq!(unnumbered("if r1 < 0x43 goto udp.12"), "if r1 < 0x43 goto udp");
        assert_eq!(unnumbered("if r1 < 0x43 goto past line 12"), "if r1 < 0x43 goto past line 12");
    }
}
