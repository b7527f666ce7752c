//! What a line of the verifier's log is: a listed instruction, a reason, or one of the many words
//! around them.
//!
//! The forms are those of Linux 5.10 to 7.2. A line that none of them fits is taken for a reason,
//! so that a message of a kernel to come is shown and not lost.

/// How lines begin that sum up the verifier's work; they say nothing about a refusal.
#[rustfmt::skip] // In the order of the log.
const STATISTICS: &[&str] = &[
    "verification time ", "stack depth ", "insns processed ", "processed ", "max_states_per_insn ", "peak_states ",
];

/// How lines begin that tell how the verifier came to a place, and not what is wrong there:
/// changes of function and path, the search for what must be known exactly, tables of a log of
/// level 2, and the line of the source that a kernel knows from type information.
#[rustfmt::skip] // By subject.
const WALK: &[&str] = &[
    "caller:", "callee:", "returning from callee:", "to caller at ", "from ", "cur state:", "old state:",
    "last_idx ", "regs=", "parent ", "mark_precise: ", "propagating ",
    "func#", "stack use/def ", "Live regs before insn:", "Validating ", "Func#",
    "; ",
];

/// A line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// An instruction, as the verifier comes to it.
    Instruction {
        /// Its slot.
        slot: usize,
        /// Its text, without the registers that kernels since 5.17 put behind it.
        text: &'a str,
    },
    /// What is wrong, or a part of it.
    Reason(&'a str),
    /// Anything else.
    Other,
}

impl<'a> Line<'a> {
    /// Reads a line.
    pub(super) fn of(line: &'a str) -> Self {
        if let Some((slot, text)) = instruction(line) {
            return Self::Instruction { slot, text };
        }
        let line = without_statistics(line).trim();
        let other = line.is_empty()
            || STATISTICS.iter().chain(WALK).any(|start| line.starts_with(start))
            || is_state(line);
        if other { Self::Other } else { Self::Reason(line) }
    }
}

/// The slot and text of `57: (69) r2 = *(u16 *)(r8 +2)`, or of `2: BUG_ld_00`, which is how kernels
/// before 6.1 list a second half that they come upon.
fn instruction(line: &str) -> Option<(usize, &str)> {
    let (slot, rest) = line.split_once(": ")?;
    let slot = number(slot)?;
    if rest.starts_with("BUG_") {
        return Some((slot, rest.trim()));
    }
    let (opcode, text) = rest.strip_prefix('(')?.split_once(") ")?;
    let is_opcode = opcode.len() == 2 && opcode.bytes().all(|b| b.is_ascii_hexdigit());
    is_opcode.then(|| (slot, without_state(text)))
}

/// The text of an instruction alone. Behind it there may be a comment, or, where a path is taken up
/// on the same line, the registers at the next instruction: `if r2 > r7 goto pc+3 8: R1=ctx()`.
fn without_state(text: &str) -> &str {
    let text = text.split(" ;").next().unwrap_or(text);
    match text.split_once(": ") {
        Some((before, _)) => before.trim_end_matches(|c: char| c.is_ascii_digit()).trim(),
        None => text.trim(),
    }
}

/// Whether a line has states of registers and stack: `R1=ctx() R10=fp0`, the same behind the slot or
/// the frame; or belongs to a slot otherwise, as `8: safe` and the rows of a table of level 2 do.
fn is_state(line: &str) -> bool {
    let rest = match line.split_once(": ") {
        Some((slot, _)) if number(slot).is_some() => return true,
        Some((frame, rest)) if frame.strip_prefix("frame").and_then(number).is_some() => rest,
        _ => line,
    };
    let first = rest.split_whitespace().next().unwrap_or_default();
    first.split_once('=').is_some_and(|(name, _)| is_register(name) || name.starts_with("fp-"))
}

/// Whether it is `R6`, or `R6_w`, `R6_rw` and so on, which say how the register is alive.
fn is_register(name: &str) -> bool {
    let name = name.split('_').next().unwrap_or(name);
    name.strip_prefix('R').is_some_and(|digits| number(digits).is_some())
}

/// The line without the statistics that follow a message whose line break the kernel forgot.
fn without_statistics(line: &str) -> &str {
    match line.split_once("processed ") {
        Some((message, rest)) if rest.contains(" insns (limit ") => message,
        _ => line,
    }
}

/// The slot that a reason names, as `unreachable insn 2` does.
pub(super) fn named(reason: &str) -> Option<usize> {
    let (_, rest) = reason.split_once("insn ")?;
    number(rest.split(|c: char| !c.is_ascii_digit()).next()?)
}

fn number(digits: &str) -> Option<usize> {
    if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
}
