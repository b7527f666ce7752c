//! What was probably meant by a word that does not belong where it stands.

use std::ops::Range;

use crate::diag::{Diagnostic, nearest};
use crate::policy::TCP_FLAGS;
use crate::text::{STATEMENTS, WORDS};

/// The words that begin a term.
#[rustfmt::skip] // A table.
pub const TERMS: &[&str] = &[
    "ip4", "ip6", "arp", "nd", "dhcp", "tcp", "udp", "sctp", "icmp", "icmp6", "proto", "ethertype",
    "src", "dst", "host", "sport", "dport", "port", "service", "type", "flags",
    "ttl", "length", "dscp", "fragment", "options", "vlan", "inner-vlan", "ether", "queue", "not",
];

/// Words of other filters, and ours.
#[rustfmt::skip] // A table.
const ELSEWHERE: &[(&str, &str)] = &[
    ("accept", "pass"), ("allow", "pass"), ("permit", "pass"), ("reject", "drop"),
    ("deny", "drop"), ("block", "drop"), ("discard", "drop"), ("policy", "default"),
    ("saddr", "src"), ("source", "src"), ("daddr", "dst"), ("dest", "dst"),
    ("destination", "dst"), ("addr", "host"), ("protocol", "proto"), ("inet", "ip4"),
    ("inet6", "ip6"), ("ipv4", "ip4"), ("ipv6", "ip6"), ("icmpv6", "icmp6"), ("hoplimit", "ttl"),
    ("len", "length"), ("frag", "fragment"), ("dst-port", "dport"), ("src-port", "sport"),
];

/// The one of `known` that was meant, where it can be told.
pub fn meant<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = word.to_ascii_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == lower).map(|(_, ours)| *ours);
    known
        .iter()
        .find(|k| Some(**k) == elsewhere)
        .copied()
        .or_else(|| nearest(&lower, known.iter().copied()))
}

/// A word that is none of `known`.
pub fn unknown(word: &str, span: Range<usize>, known: &[&str]) -> Diagnostic {
    let wrong = Diagnostic::new(span, format!("unexpected `{word}`"));
    match meant(word, known) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None => wrong.help(format!("expected one of: {}", known.join(", "))),
    }
}

/// A word at the start of a statement that begins none.
pub fn no_statement(word: &str, span: Range<usize>) -> Diagnostic {
    let wrong = Diagnostic::new(span, format!("unexpected `{word}`"));
    if TERMS.contains(&word) {
        return wrong
            .help("a rule begins with what it does: `drop`, `pass`, `abort`, `count` or `event`");
    }
    match meant(word, STATEMENTS) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None => wrong.help(
            "expected one of: set, define, keep, drop, pass, abort, count, event, limit, ban, reflect, \
             reply, rewrite, vlan push, vlan pop, balance, tunnel, route, redirect, deliver, default, on, \
             option, expect",
        ),
    }
}

/// A word or mark that begins no term.
pub fn no_term(word: &str, span: Range<usize>) -> Diagnostic {
    let wrong = Diagnostic::new(span, format!("unexpected `{word}`"));
    match word {
        "or" => wrong.help("alternatives stand in parentheses: `( a or b )`"),
        "and" => wrong.help("terms side by side must all be true; leave `and` out"),
        "," => wrong.help("a list stands in braces: `{ a, b }`"),
        "!" => wrong.help("write `not` before a term, and `,` between flags: `flags syn,!ack`"),
        "code" => wrong.help("`code` stands behind a type: `type 3 code 4`"),
        "in" => wrong.help("before `in` stands whose address: `src in NAME`"),
        ")" => wrong.help("no parenthesis is open here"),
        "}" => wrong.help("no brace is open here"),
        "-" => wrong.help("a range is written without blanks: `a-b`"),
        "limit" => {
            wrong.help("the one limit of a rule stands before its action: `limit 10/s drop udp`")
        }
        "as" => wrong.help("a rule's name is the last of it: `drop udp as NAME`"),
        word if TCP_FLAGS.iter().any(|(flag, _)| *flag == word) => {
            wrong.help(format!("flags are joined by commas: `flags syn,{word}`"))
        }
        word if word.starts_with(|c: char| c.is_ascii_digit()) => wrong.help(bare_value(word)),
        word => match meant(word, TERMS) {
            Some(near) => wrong.help(format!("did you mean `{near}`?")),
            None if word.contains('/') => wrong.help(bare_value(word)),
            None if WORDS.contains(&word) => wrong.help("no term begins with this word"),
            None => wrong.help("this is no term of the language"),
        },
    }
}

/// Advice for a value without the word that says what it is the value of.
fn bare_value(word: &str) -> String {
    match word.split_once('/') {
        Some((transport @ ("tcp" | "udp" | "sctp"), port)) => {
            format!("write `{transport} dport {port}`")
        }
        _ if word.contains(['.', ':']) => format!("write `src {word}` or `dst {word}`"),
        _ => format!("write what has this value: `dport {word}`, for one"),
    }
}
