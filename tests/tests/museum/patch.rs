//! A program with other lines: what the generator would emit if it had a bug.
//!
//! A patch names a part of the listing, by the note above its lines, and replaces every run of
//! lines there that looks as it says. `?` in the lines that are looked for stands for any text, and
//! `$1`, `$2` for what it was. What nothing leads to any more goes away, as it would in a generator.

use palisade_asm::{Program, Wrong, parse};

/// Lines that are replaced by others.
#[derive(Debug)]
pub struct Patch {
    /// With what the note begins under which the lines stand.
    pub under: &'static str,
    /// What is looked for.
    pub lines: &'static [&'static str],
    /// What takes its place.
    pub by: &'static [&'static str],
}

/// Lines under a note, and what takes their place.
pub const fn patch(
    under: &'static str,
    lines: &'static [&'static str],
    by: &'static [&'static str],
) -> Patch {
    Patch { under, lines, by }
}

/// A program with patches, and whether each of them found lines to replace.
pub fn patched(program: &Program, patches: &[Patch]) -> (Program, Vec<bool>) {
    let mut text: Vec<String> = program.listing().to_string().lines().map(str::to_owned).collect();
    let hung = patches.iter().map(|patch| replace(&mut text, patch)).collect();
    (assemble(text), hung)
}

fn replace(text: &mut Vec<String>, patch: &Patch) -> bool {
    if !leads_somewhere(text, patch) {
        return false;
    }
    let (mut note, mut at, mut out, mut found) = (String::new(), 0, Vec::new(), false);
    while at < text.len() {
        if let Some(step) = text[at].strip_prefix("; ") {
            step.clone_into(&mut note);
        }
        let run = text.get(at..at + patch.lines.len());
        match run.filter(|_| note.starts_with(patch.under)).and_then(|run| captures(run, patch)) {
            Some(caught) => {
                out.extend(patch.by.iter().map(|line| filled_in(line, &caught)));
                at += patch.lines.len();
                found = true;
            }
            None => {
                out.push(std::mem::take(&mut text[at]));
                at += 1;
            }
        }
    }
    *text = out;
    found
}

/// What the question marks of a patch stand for in lines that look as it says.
fn captures(run: &[String], patch: &Patch) -> Option<Vec<String>> {
    let mut caught = Vec::new();
    for (line, wanted) in run.iter().zip(patch.lines) {
        let mut pieces = wanted.split('?');
        let mut rest = line.trim().strip_prefix(pieces.next()?)?;
        let mut pieces = pieces.peekable();
        while let Some(piece) = pieces.next() {
            // The last piece ends the line.
            let last = pieces.peek().is_none();
            let end = if last { rest.strip_suffix(piece)?.len() } else { rest.find(piece)? };
            caught.push(rest[..end].to_owned());
            rest = &rest[end + piece.len()..];
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(caught)
}

/// Whether the lines that a patch puts lead to places that there are: other programs have other ones.
fn leads_somewhere(text: &[String], patch: &Patch) -> bool {
    let labels = || text.iter().map(|line| line.trim()).chain(patch.by.iter().copied());
    patch
        .by
        .iter()
        .filter_map(|line| Some(line.split_once("goto ")?.1))
        .all(|to| to.contains('$') || labels().any(|line| line.strip_suffix(':') == Some(to)))
}

fn filled_in(line: &str, caught: &[String]) -> String {
    let numbered = caught.iter().enumerate();
    numbered.fold(line.to_owned(), |line, (at, text)| line.replace(&format!("${}", at + 1), text))
}

/// The program of a text, without the lines that nothing leads to.
fn assemble(mut text: Vec<String>) -> Program {
    loop {
        let whole = text.join("\n");
        let wrong = match parse(&whole) {
            Ok(program) => return program,
            Err(wrong) => wrong,
        };
        for mistake in wrong {
            let unreachable = mistake.wrong == Wrong::Unreachable;
            assert!(unreachable, "a patch makes no program: {mistake:?}");
            text[mistake.line - 1].clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "; first\n  r0 = 1\n  if r0 == 0x1 goto end\n; second\n  r0 = 2\nend:\n  exit\n";

    fn text_of(patch: Patch) -> (String, bool) {
        let (program, hung) = patched(&parse(TEXT).expect("a program"), &[patch]);
        (program.listing().to_string(), hung[0])
    }

    #[test]
    fn lines_are_replaced_under_their_note_alone() {
        let other = patch("first", &["r0 = ?"], &["r0 = $13"]);
        assert_eq!(text_of(other), (TEXT.replacen("r0 = 1", "r0 = 13", 1), true));
        let (text, hung) = text_of(patch("third", &["r0 = ?"], &["r0 = 3"]));
        assert_eq!((text.as_str(), hung), (TEXT, false));
    }

    #[test]
    fn what_nothing_leads_to_goes_away() {
        let (text, hung) = text_of(patch("", &["if r0 == ? goto ?"], &["goto $2"]));
        assert!(hung && !text.contains("r0 = 2"), "{text}");
    }
}
