//! Texts without end: time in proportion to their length, memory too, and no stack that overflows.

use std::fmt::Write;
use std::time::{Duration, Instant};

use expect_test::expect;
use palisade_filter::text::MOST_BYTES;
use palisade_filter::{Policy, diag::Diagnostics, parse};

use crate::{policy, refused, refuses};

/// The answer to a text, which must come in a time that nothing but a quadratic reader needs; the
/// bound is for a build without optimisation on a busy machine.
fn soon(text: &str) -> Result<Policy, Diagnostics> {
    let start = Instant::now();
    let answer = parse(text);
    if let Err(wrong) = &answer {
        assert!(wrong.report("test.pal", text).to_string().len() < 1 << 16);
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{} bytes took {took:?}", text.len());
    answer
}

fn many(count: u32, line: impl Fn(u32) -> String) -> String {
    (0..count).fold(String::from("default pass\n"), |mut text, i| {
        writeln!(text, "{}", line(i)).expect("a string takes all");
        text
    })
}

fn address(i: u32) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from_bits(i.wrapping_mul(2_654_435_761))
}

#[test]
fn a_hundred_thousand_rules_are_read() {
    let text =
        many(100_000, |i| format!("drop src {} tcp dport {} as r{i}", address(i), i % 65536));
    let policy = soon(&text).expect("a policy");
    assert_eq!(policy.rules().len(), 100_000);
    assert_eq!(policy.rules()[99_999].line, 100_001);
}

#[test]
fn a_hundred_thousand_elements_are_read() {
    let all: Vec<String> = (0..100_000).map(|i| address(i).to_string()).collect();
    let text = format!("set a net {{\n elements {{ {} }}\n}}\ndefault pass", all.join(",\n"));
    assert_eq!(soon(&text).expect("a policy").sets()[0].elements.len(), 100_000);
    let text = format!("drop src {{ {} }}\ndefault pass", all.join(" "));
    assert_eq!(soon(&text).expect("a policy").rules().len(), 1);
}

#[test]
fn names_by_the_thousand_are_read() {
    let text = many(20_000, |i| format!("set s{i} net\ndrop src in s{}", 19_999 - i));
    assert_eq!(soon(&text).expect("a policy").sets().len(), 20_000);
    let text = many(20_000, |i| format!("define d{i} = 10.0.0.1\ndrop src d{}", 19_999 - i));
    assert_eq!(soon(&text).expect("a policy").rules().len(), 20_000);
}

#[test]
fn a_chain_of_defines_as_long_as_the_text_is_resolved() {
    let text = many(100_000, |i| format!("define d{i} = d{}", i + 1));
    let text = format!("{text}define d100000 = 10.0.0.1\ndrop src d0");
    let printed = soon(&text).expect("a policy").to_string();
    assert_eq!(printed, "drop src 10.0.0.1\ndefault pass\n");
}

#[test]
fn a_circle_of_defines_as_long_as_the_text_is_told() {
    let text = many(30_000, |i| format!("define d{i} = d{}", (i + 1) % 30_000));
    let wrong = soon(&text).expect_err("a circle");
    let first = wrong.iter().next().expect("a mistake");
    assert_eq!(first.message, "`d0` stands for itself");
    assert_eq!(first.help.as_deref(), Some("d0 → d1 → d2 → d3 → d4 → … → d0"));
}

#[test]
fn defines_of_defines_do_not_grow_without_end() {
    let doubled = many(40, |i| format!("define d{} = {{ d{i}, d{i} }}", i + 1));
    let wrong =
        soon(&format!("{doubled}define d0 = 80\ndrop tcp dport d40")).expect_err("too much");
    let first = wrong.iter().next().expect("a mistake");
    assert_eq!(first.message, "the defines stand for more than 1048576 values together");
    let grown = many(5_000, |i| format!("define d{} = {{ d{i}, {} }}", i + 1, address(i)));
    let wrong = soon(&format!("{grown}define d0 = 10.0.0.1")).expect_err("too much");
    assert_eq!(wrong.iter().count(), 1, "what uses the one that is too long is not reported");
}

#[test]
fn parentheses_are_nested_as_deep_as_a_person_may_need() {
    let nested =
        |depth| format!("drop {}tcp{}\ndefault pass", "( ".repeat(depth), " )".repeat(depth));
    assert_eq!(policy(&nested(32)).rules().len(), 1);
    let wrong = soon(&nested(33)).expect_err("too deep");
    let first = wrong.iter().next().expect("a mistake");
    assert_eq!(first.message, "more than 32 parentheses, one within another");
    assert_eq!(first.span, 5 + 64..5 + 65);
    for deep in [
        format!("drop {}tcp{}\ndefault pass", "(".repeat(1 << 19), ")".repeat(1 << 19)),
        format!("drop {}\ndefault pass", "not ( tcp ".repeat(100_000)),
        format!("drop {}\ndefault pass", "not ".repeat(1 << 19)),
        format!("drop src {}\ndefault pass", "{".repeat(1 << 19)),
        format!("drop {}\ndefault pass", ")".repeat(1 << 19)),
        format!("set a net {}\ndefault pass", "{ elements ".repeat(100_000)),
    ] {
        assert!(soon(&deep).is_err());
    }
}

#[test]
fn a_line_of_megabytes_is_read_or_refused() {
    let terms = "( tcp or udp ) ".repeat(30_000);
    assert_eq!(soon(&format!("drop {terms}\ndefault pass")).expect("a policy").rules().len(), 1);
    for wrong in [
        "x".repeat(2 << 20),
        format!("drop {}", "x".repeat(2 << 20)),
        format!("drop {}", "x ".repeat(1 << 19)),
        format!("drop src {{ {} }}", "x ".repeat(1 << 19)),
        format!("drop src {{ {} }}", "1.2.3 ".repeat(1 << 18)),
        format!("set a net {{ file \"{}", "x".repeat(2 << 20)),
        format!("set a net {{ {} }}", "max 0 ".repeat(1 << 18)),
        "expect drop from 10.0.0.1 ".to_owned() + &"tcp dport 1 ".repeat(1 << 16),
        format!("drop flags {}", "syn,!syn,".repeat(1 << 17)),
        "\0".repeat(2 << 20),
        "\0 ".repeat(1 << 19),
        "\u{2013}x".repeat(1 << 18),
        "\\".repeat(1 << 19),
        "\\ x".repeat(1 << 19),
        "\"".repeat((1 << 19) + 1),
    ] {
        assert!(soon(&wrong).is_err());
    }
}

#[test]
fn mistakes_of_a_file_of_something_else_are_bounded() {
    for line in
        ["x", "drop x", "drop src in x", "drop src x", "set x", "define x", "set 1 net", "}"]
    {
        let wrong = soon(&many(20_000, |_| line.to_owned())).expect_err("not a policy");
        assert_eq!(wrong.iter().count(), 1001, "{line}");
        let last = wrong.iter().last().expect("a mistake");
        assert_eq!(last.message, "more than 1000 mistakes; others are not looked for", "{line}");
    }
    let names = many(20_000, |i| format!("set some-name-{i} net\ndrop src in same-name-{i}"));
    assert!(soon(&names).is_err());
}

#[test]
fn a_text_too_long_is_refused_unread() {
    let text = "#".repeat(MOST_BYTES + 1);
    let wrong = soon(&text).expect_err("too long");
    let all: Vec<&str> = wrong.iter().map(|mistake| mistake.message.as_str()).collect();
    assert_eq!(all, ["the text is longer than 16 MiB"]);
}

#[test]
fn odd_values_are_refused_or_mean_what_they_say() {
    refused(
        "drop src 0/0
drop src 1.2.3.4/33
drop src 1.2.3.4/
drop src /8
drop src 1.2.3.4/-1
drop src +1.2.3.4
drop src 1.2.3.4/+8
drop src 0x01020304
drop src \u{661}.2.3.4
drop dport 65536
drop dport 0x50
drop dport 80-79
drop dport 1-2-3",
        expect![[r#"
            1:10 [0/0] `0` is not an IPv4 or IPv6 address
            2:10 [1.2.3.4/33] `33` is not a prefix length from 0 to 32
            3:10 [1.2.3.4/] `` is not a prefix length from 0 to 32
            4:10 [/8] `` is not an IPv4 or IPv6 address
            5:10 [1.2.3.4/-1] `1.2.3.4/` is not an IPv4 or IPv6 address
            6:10 [+] unexpected character `+`
            7:18 [+] unexpected character `+`
            8:10 [0x01020304] `0x01020304` is not an IPv4 or IPv6 address
            9:10 [١] unexpected character `١`
            10:12 [65536] `65536` is not a port from 0 to 65535
            11:12 [0x50] `0x50` is not a port from 0 to 65535
            12:12 [80-79] the range `80-79` ends before it starts
            13:12 [1-2-3] `2-3` is not a port from 0 to 65535
        "#]],
    );
    let printed = policy(
        "drop src ::ffff:1.2.3.4 tcp dport 0\ndrop src ::/0\ndrop src 0.0.0.0/0 udp sport 0-65535\ndefault pass",
    );
    expect![[r#"
        drop src ::ffff:1.2.3.4 tcp dport 0
        drop src ::/0
        drop src 0.0.0.0/0 udp sport 0-65535
        default pass
    "#]]
    .assert_eq(&printed.to_string());
}

#[test]
fn a_file_of_other_bytes_is_refused_with_a_place() {
    refuses(
        "\0",
        expect![[r#"
        error: unexpected character U+0000
         --> test.pal:1:1
          |
        1 | �
          | ^

        error: the policy does not say what becomes of the rest
         --> test.pal:1:2
          |
        1 | �
          |  ^ add `default pass` or `default drop`
    "#]],
    );
    refuses(
        "default pass\n\0\0\0",
        expect![[r#"
        error: unexpected character U+0000
         --> test.pal:2:1
          |
        2 | ���
          | ^^^
    "#]],
    );
    refuses(
        "\r\n\u{feff}default pass\r\n",
        expect![[r#"
        error: unexpected character U+FEFF
         --> test.pal:2:1
          |
        2 | default pass
          | ^
    "#]],
    );
    refuses(
        "\u{7f}ELF\u{2}\u{1}",
        expect![[r#"
        error: unexpected character U+007F
         --> test.pal:1:1
          |
        1 | �ELF��
          | ^

        error: unexpected character U+0002
         --> test.pal:1:5
          |
        1 | �ELF��
          |     ^^

        error: the policy does not say what becomes of the rest
         --> test.pal:1:7
          |
        1 | �ELF��
          |       ^ add `default pass` or `default drop`
    "#]],
    );
}
