//! The policy language as text: what is read, what is refused and how, and that printing is stable.

use expect_test::{Expect, expect};
use palisade_filter::{BUILTIN, parse};
use proptest::prelude::*;

/// The text prints as `want`, and what is printed prints the same again.
fn prints(text: &str, want: Expect) {
    let policy = parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)));
    let printed = policy.to_string();
    want.assert_eq(&printed);
    let again = parse(&printed).expect("what was printed is a policy");
    assert_eq!(again.to_string(), printed);
}

/// The text is refused with this report.
fn refuses(text: &str, want: Expect) {
    let wrong = parse(text).expect_err("the text is not a policy");
    want.assert_eq(&wrong.report("test.pal", text).to_string());
}

#[test]
fn the_builtin_policy_prints_in_canonical_form() {
    prints(
        BUILTIN,
        expect![[r#"
            set allow net
            set block net
            set ports service
            keep arp
            keep nd
            pass src in allow
            drop src in block
            drop service in ports
            default pass
        "#]],
    );
}

#[test]
fn every_statement_and_term_of_the_core_is_read() {
    prints(
        "# a comment
        drop  src in bad   # used before it is declared
        set bad net { max 1000
                      counters off }
        set web service { max 16 }
        keep arp
        keep ip6 nd
        pass ip4 src 10.1.2.3/8 dst 192.0.2.1 tcp sport 1024-65535 dport 22
        pass ip6 icmp6
        drop icmp
        drop proto 47
        drop sctp dst in bad \\
             service in web
        drop src 2001:db8::/32 udp dport 53-53
        on malformed pass
        on fragment drop
        default drop
        ",
        expect![[r#"
            set bad net { max 1000 counters off }
            set web service { max 16 }
            keep arp
            keep ip6 nd
            drop src in bad
            pass ip4 src 10.0.0.0/8 dst 192.0.2.1 tcp sport 1024-65535 dport 22
            pass ip6 icmp6
            drop icmp
            drop proto 47
            drop sctp dst in bad service in web
            drop src 2001:db8::/32 udp dport 53
            on malformed pass
            on fragment drop
            default drop
        "#]],
    );
}

#[test]
fn a_rule_knows_its_line_and_its_text() {
    let policy = parse("\n\ndrop   udp dport 53 # dns\ndefault pass").expect("a policy");
    let rule = &policy.rules()[0];
    assert_eq!((rule.line, rule.text.as_str()), (3, "drop udp dport 53"));
    assert_eq!(policy.default().line, Some(4));
}

#[test]
fn all_mistakes_of_a_text_are_reported_at_once() {
    refuses(
        "set block net
set block net
set drop net
set Web service
set m mac
dorp src in block
drop src in blok
drop src block
drop service in block
drop src 1.2.3
drop src 10.0.0.0/33
drop dport 80x
drop dport 90-80
drop udp tcp
drop ip4 src ::1
drop src
keep
limit 1000/s
drop not tcp
drop src { 1.1.1.1 }
set big net { max 0 }
default pass
default drop
default maybe
",
        expect![[r#"
            error: the set `block` is in line 1 already
             --> test.pal:2:5
              |
            2 | set block net
              |     ^^^^^

            error: `drop` is a word of the language
             --> test.pal:3:5
              |
            3 | set drop net
              |     ^^^^

            error: `Web` is not a name: one to 31 of a-z, 0-9, `_` and `-`, the first of them a letter
             --> test.pal:4:5
              |
            4 | set Web service
              |     ^^^

            error: `mac` is part of the language but not of this version
             --> test.pal:5:7
              |
            5 | set m mac
              |       ^^^

            error: unexpected `dorp`
             --> test.pal:6:1
              |
            6 | dorp src in block
              | ^^^^ did you mean `drop`?

            error: there is no set `blok`
             --> test.pal:7:13
              |
            7 | drop src in blok
              |             ^^^^ did you mean `block`?

            error: `block` is a set
             --> test.pal:8:10
              |
            8 | drop src block
              |          ^^^^^ write `src in block`

            error: `block` is a net set; a service set is needed
             --> test.pal:9:17
              |
            9 | drop service in block
              |                 ^^^^^

            error: `1.2.3` is not an IPv4 or IPv6 address
              --> test.pal:10:10
               |
            10 | drop src 1.2.3
               |          ^^^^^

            error: `33` is not a prefix length from 0 to 32
              --> test.pal:11:10
               |
            11 | drop src 10.0.0.0/33
               |          ^^^^^^^^^^^

            error: `80x` is not a port from 0 to 65535
              --> test.pal:12:12
               |
            12 | drop dport 80x
               |            ^^^

            error: the range `90-80` ends before it starts
              --> test.pal:13:12
               |
            13 | drop dport 90-80
               |            ^^^^^

            error: no packet is all of this at once: the terms are about different protocols
              --> test.pal:14:1
               |
            14 | drop udp tcp
               | ^^^^^^^^^^^^

            error: no packet is all of this at once: the terms are about different kinds of frames
              --> test.pal:15:1
               |
            15 | drop ip4 src ::1
               | ^^^^^^^^^^^^^^^^

            error: expected an address, a prefix, or `in` and a set
              --> test.pal:16:9
               |
            16 | drop src
               |         ^

            error: `keep` without a match would keep everything
              --> test.pal:17:1
               |
            17 | keep
               | ^^^^ say what to keep, or use `default pass`

            error: `limit` is part of the language but not of this version
              --> test.pal:18:1
               |
            18 | limit 1000/s
               | ^^^^^

            error: `not` is part of the language but not of this version
              --> test.pal:19:6
               |
            19 | drop not tcp
               |      ^^^

            error: `{` is part of the language but not of this version
              --> test.pal:20:10
               |
            20 | drop src { 1.1.1.1 }
               |          ^

            error: `0` is not a number from 1 to 67108864
              --> test.pal:21:19
               |
            21 | set big net { max 0 }
               |                   ^

            and 2 more
        "#]],
    );
}

#[test]
fn an_empty_policy_does_not_mean_pass() {
    refuses(
        "",
        expect![[r#"
            error: the policy does not say what becomes of the rest
             --> test.pal:1:1
              |
            1 | 
              | ^ add `default pass` or `default drop`
        "#]],
    );
}

#[test]
fn a_policy_without_default_is_refused() {
    refuses(
        "drop udp\n",
        expect![[r#"
            error: the policy does not say what becomes of the rest
             --> test.pal:1:9
              |
            1 | drop udp
              |         ^ add `default pass` or `default drop`
        "#]],
    );
}

proptest! {
    #[test]
    fn text_of_any_content_gets_an_answer(text in ".{0,200}") {
        if let Err(wrong) = parse(&text) {
            prop_assert!(!wrong.report("f", &text).to_string().is_empty());
        }
    }

    #[test]
    fn words_of_the_language_in_any_order_get_an_answer(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "set", "a", "net", "service", "{", "}", "max", "9", "counters", "off", "keep", "arp",
                "nd", "drop", "pass", "src", "dst", "in", "10.0.0.0/8", "::1", "tcp", "udp", "dport",
                "53", "1-9", "proto", "default", "on", "malformed", "fragment", "\n", "\\\n", "#", "\"",
            ]),
            0..40,
        )
    ) {
        let text = words.join(" ");
        match parse(&text) {
            Ok(policy) => {
                let printed = policy.to_string();
                prop_assert_eq!(parse(&printed).expect("printed").to_string(), printed);
            }
            Err(wrong) => prop_assert!(wrong.iter().count() > 0),
        }
    }
}
