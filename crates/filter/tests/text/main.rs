//! The policy language as text: what is read, what is refused and how, and that printing is stable.

mod actions;
mod bounds;
mod declared;
mod forms;
mod mistakes;
mod properties;

use expect_test::Expect;
use palisade_filter::{Policy, parse};

/// The policy in `text`.
fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)))
}

/// The text prints as `want`, and what is printed is the same policy and prints the same again.
fn prints(text: &str, want: Expect) {
    let printed = policy(text).to_string();
    want.assert_eq(&printed);
    assert_eq!(policy(&printed).to_string(), printed);
}

/// The statements, beside a default, print as `want`.
fn read(statements: &str, want: Expect) {
    prints(&format!("{statements}\ndefault pass\n"), want);
}

/// The text is refused with this report.
fn refuses(text: &str, want: Expect) {
    let wrong = parse(text).expect_err("the text is not a policy");
    want.assert_eq(&wrong.report("test.pal", text).to_string());
}

/// The statements, beside a default, are refused: each mistake on a line, with its place, what is
/// pointed at, and the advice.
fn refused(statements: &str, want: Expect) {
    let text = format!("{statements}\ndefault pass\n");
    let wrong = parse(&text).expect_err("the text is not a policy");
    let lines = wrong.iter().map(|mistake| {
        let place = palisade_filter::diag::place(&text, mistake.span.start);
        let pointed = text[mistake.span.clone()].split('\n').next().unwrap_or("");
        let help = mistake.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
        format!("{}:{} [{pointed}] {}{help}\n", place.line, place.column, mistake.message)
    });
    want.assert_eq(&lines.collect::<String>());
}
