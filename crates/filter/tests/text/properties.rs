//! What holds of any text: it gets an answer, and what is printed is the same policy.

use palisade_filter::parse;
use palisade_filter::policy::{Policy, Rule};
use proptest::prelude::*;

/// The words of the language, with values that make sense behind some of them.
#[rustfmt::skip] // A table.
const WORDS: &[&str] = &[
    "set a net", "set b service", "set c mac", "set a net { max 9 timeout 1h elements { 10.0.0.1 ::/8 } }",
    "set b service { counters off elements { tcp/80 any/1-9 } }", "set c mac { file \"x\" }",
    "{", "}", "(", ")", ",", "or", "not", "as", "in", "a", "b", "c", "d", "e",
    "define d = 10.0.0.0/8", "define e = { 1, 5-9 }", "keep", "drop", "pass", "abort", "count",
    "ip4", "ip6", "arp", "nd", "dhcp", "tcp", "udp", "sctp", "icmp", "icmp6", "proto 47", "ethertype 0x88cc",
    "src", "dst", "host", "src in a", "host in a", "dst 10.0.0.1", "src ::1-::7", "host { d 192.0.2.1 }",
    "sport", "dport", "port", "sport 53", "dport e", "port { 1 9-10 }", "service in b",
    "type 8", "type 3 code 4", "flags syn,!ack", "ttl < 5", "length > 1000", "dscp = 46", "fragment", "options",
    "vlan 7", "inner-vlan 0", "ether src 02:00:5e:10:00:0f", "ether dst in c",
    "default pass", "default drop", "on malformed pass", "on fragment drop", "limit", "event",
    "expect", "drop from 10.0.0.1", "pass from ::1 to ::2 tcp dport 22", "from", "to",
    "10.0.0.0/8", "::1", "53", "1-9", "02:00:5e:10:00:0f", "\n", "\n", "\n", "\\\n", "#", "\"", "<", "=", "!",
];

/// A term of which most are about different things, so that many matches can be met.
fn term() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "ip4",
        "ip6",
        "tcp",
        "udp",
        "src in a",
        "dst 10.0.0.0/8",
        "src ::1-::7",
        "dport 53",
        "sport e",
        "port { 1 9-10 }",
        "service in b",
        "type 8 code 0",
        "flags syn,!ack",
        "ttl < 5",
        "fragment",
        "vlan 7",
        "ether src in c",
        "host d",
        "proto 47",
        "ethertype 0x88cc",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let all = prop::collection::vec(inner.clone(), 1..3).prop_map(|all| all.join(" "));
        prop_oneof![
            prop::collection::vec(all, 1..4).prop_map(|all| format!("( {} )", all.join(" or "))),
            inner.prop_map(|term| match term.strip_prefix("not ") {
                Some(term) => term.to_owned(),
                None => format!("not {term}"),
            }),
        ]
    })
}

/// What a rule means, without where and how it was written.
fn meaning(rule: &Rule) -> impl PartialEq + std::fmt::Debug + '_ {
    (&rule.action, &rule.matching, &rule.name)
}

/// Both policies mean the same.
fn assert_same(one: &Policy, other: &Policy) {
    assert_eq!(one.sets().len(), other.sets().len());
    for (a, b) in one.sets().iter().zip(other.sets()) {
        assert_eq!((&a.name, a.kind, a.max, a.counters), (&b.name, b.kind, b.max, b.counters));
        assert_eq!((a.timeout, &a.elements), (b.timeout, &b.elements));
        let path = |set: &palisade_filter::policy::Set| set.file.as_ref().map(|f| f.path.clone());
        assert_eq!(path(a), path(b));
    }
    assert!(one.keeps().iter().map(meaning).eq(other.keeps().iter().map(meaning)));
    assert!(one.rules().iter().map(meaning).eq(other.rules().iter().map(meaning)));
    assert_eq!(one.malformed().verdict, other.malformed().verdict);
    assert_eq!(one.fragment().map(|f| f.verdict), other.fragment().map(|f| f.verdict));
    assert_eq!(one.default().verdict, other.default().verdict);
    assert_eq!(one.expects().len(), other.expects().len());
    for (a, b) in one.expects().iter().zip(other.expects()) {
        assert_eq!((a.verdict, a.from, a.to), (b.verdict, b.from, b.to));
        assert_eq!((a.protocol, a.sport, a.dport), (b.protocol, b.sport, b.dport));
    }
}

/// A policy and its print are the same, and print the same.
fn check(policy: &Policy) {
    let printed = policy.to_string();
    let again = parse(&printed).unwrap_or_else(|wrong| panic!("{}", wrong.report("f", &printed)));
    assert_same(policy, &again);
    assert_eq!(again.to_string(), printed);
}

proptest! {
    #[test]
    fn text_of_any_content_gets_an_answer(text in ".{0,200}") {
        match parse(&text) {
            Ok(policy) => check(&policy),
            Err(wrong) => prop_assert!(!wrong.report("f", &text).to_string().is_empty()),
        }
    }

    #[test]
    fn words_of_the_language_in_any_order_get_an_answer(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..60),
    ) {
        let text = words.join(" ");
        match parse(&text) {
            Ok(policy) => check(&policy),
            Err(wrong) => {
                for mistake in wrong.iter() {
                    prop_assert!(mistake.span.end <= text.len());
                    prop_assert!(text.is_char_boundary(mistake.span.start));
                    prop_assert!(text.is_char_boundary(mistake.span.end));
                }
                prop_assert!(!wrong.report("f", &text).to_string().is_empty());
            }
        }
    }

    #[test]
    fn what_is_printed_is_the_same_policy(
        matches in prop::collection::vec(prop::collection::vec(term(), 0..3), 1..6),
        named in any::<bool>(),
    ) {
        let mut text = String::from(
            "set a net\nset b service\nset c mac\ndefine d = { 10.0.0.0/9, ::/3 }\ndefine e = { 1, 5-9 }\n\
             expect drop from 10.0.0.1 icmp\ndefault pass\n",
        );
        for (i, terms) in matches.iter().enumerate() {
            let name = if named { format!(" as r{i}") } else { String::new() };
            // Two terms may be about different kinds of packets; such a rule is left out.
            let rule = format!("drop {}{name}\n", terms.join(" "));
            if parse(&format!("{text}{rule}")).is_ok() {
                text.push_str(&rule);
            }
        }
        check(&parse(&text).expect("a policy"));
    }
}
