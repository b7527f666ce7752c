//! The verifier's log, and the one line of it that says why.
//!
//! The log of a refused program ends with the reason, after what may be thousands of lines of
//! register states, and before lines of statistics. It is the kernel's text: nothing here relies on
//! its form, and a log that is empty or strange gives no reason rather than a wrong one.

use std::fmt;

/// Lines by which the verifier sums up its work; they say nothing about a refusal.
const STATISTICS: &[&str] =
    &["processed ", "verification time ", "stack depth ", "max_states_per_insn ", "peak_states "];

/// What the verifier wrote about a program.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct VerifierLog {
    text: String,
}

impl VerifierLog {
    /// Takes the buffer that the kernel wrote, up to the first zero; what is not UTF-8 is replaced.
    pub fn from_bytes(buffer: &[u8]) -> Self {
        let text = buffer.split(|b| *b == 0).next().unwrap_or_default();
        VerifierLog { text: String::from_utf8_lossy(text).into_owned() }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its lines.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.lines()
    }

    /// The last useful line: the reason for a refusal. A line that only makes sense after the one
    /// before it is joined to that one.
    pub fn summary(&self) -> Option<String> {
        let mut back = self.lines().rev().filter(|line| is_useful(line));
        let last = back.next()?;
        match back.next() {
            Some(previous) if leans_on(last, previous) => {
                Some(format!("{}; {}", previous.trim(), last.trim()))
            }
            _ => Some(last.trim().to_owned()),
        }
    }

    /// The instruction at which verification ended, as an index into the loaded code.
    pub fn blamed(&self) -> Option<usize> {
        let mut back = self.lines().rev().filter(|line| is_useful(line));
        back.find_map(|line| listed(line).map(|(slot, _)| slot).or_else(|| named(line)))
    }

    /// The text of an instruction, as the verifier lists it.
    pub fn instruction(&self, slot: usize) -> Option<&str> {
        self.lines().rev().filter_map(listed).find(|(at, _)| *at == slot).map(|(_, text)| text)
    }
}

fn is_useful(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !STATISTICS.iter().any(|start| line.starts_with(start))
}

/// Whether a line only goes with the one before: a continuation, or a word on a register. The
/// listed instruction itself is no reason, and is told apart from it by
/// [`VerifierLog::instruction`].
fn leans_on(last: &str, previous: &str) -> bool {
    let register =
        last.strip_prefix('R').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    (register || last.starts_with('\t')) && !starts_with_index(previous)
}

/// Whether a line belongs to an instruction: its text, or the registers before it.
fn starts_with_index(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && line.get(digits..).is_some_and(|rest| rest.starts_with(": "))
}

/// The index and text of a listed instruction, `57: (69) r2 = *(u16 *)(r8 +2)`, without the
/// register states that kernels since 5.17 put behind it.
fn listed(line: &str) -> Option<(usize, &str)> {
    let (index, rest) = line.split_once(": (")?;
    let slot = index.trim().parse().ok()?;
    let (opcode, text) = rest.split_once(") ")?;
    if opcode.len() != 2 || !opcode.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some((slot, text.split(" ; ").next().unwrap_or(text).trim()))
}

/// The index in a line such as `unreachable insn 2`.
fn named(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once("insn ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

impl fmt::Display for VerifierLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for VerifierLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it is: a log with escaped line breaks is one that nobody reads.
        f.write_str(&self.text)
    }
}
