//! The policy language as text: `parse` reads it, `Display` of a policy prints it.
//!
//! All mistakes of a text are reported together. What is printed is canonical:
//! `parse(print(parse(x)))` equals `parse(x)` but for lines and places, and prints the same again.

#![warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod lex;
mod mistakes;
mod parse;
mod print;

pub use parse::parse;
pub use print::term;

/// Whether a name is written without quotes: the lexer takes it for one word, and the language has
/// none like it.
pub(crate) fn is_plain(name: &str) -> bool {
    name.chars().all(lex::is_word) && !WORDS.contains(&name)
}

/// A text of more bytes is refused unread; a longer list belongs into a set's `file`.
pub const MOST_BYTES: usize = 16 << 20;

/// The words that begin a statement.
#[rustfmt::skip] // A table.
pub const STATEMENTS: &[&str] = &[
    "set", "define", "keep", "drop", "pass", "abort", "count", "default", "on", "option", "expect",
    "limit", "event", "reflect", "reply", "redirect", "deliver", "route", "balance", "rewrite", "tunnel",
    "ban",
];

/// The words of the language, which a `define` cannot bear as its name: it stands where they do.
/// The name of a set always follows `in` or `set`, so that a set may bear any.
#[rustfmt::skip] // A table.
pub const WORDS: &[&str] = &[
    "set", "define", "keep", "drop", "pass", "abort", "count", "default", "on", "option", "expect",
    "limit", "event", "reflect", "reply", "redirect", "deliver", "route", "balance", "rewrite", "tunnel", "ban",
    "burst", "per", "size", "snap", "events", "rate",
    "net", "service", "mac", "timeout", "max", "counters", "file", "elements", "off",
    "not", "or", "in", "as",
    "ip4", "ip6", "arp", "nd", "dhcp", "tcp", "udp", "sctp", "icmp", "icmp6", "proto", "ethertype",
    "src", "dst", "host", "sport", "dport", "port", "type", "code", "flags",
    "ttl", "length", "dscp", "fragment", "options", "vlan", "inner-vlan", "ether", "queue",
    "malformed", "from", "to", "any", "unicast", "push", "pop", "round-robin", "hash", "flow", "mtu",
];
