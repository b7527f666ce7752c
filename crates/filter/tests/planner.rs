//! What the planner makes of rules: that a packet meets only those that can match it, that what
//! neighbours share is tested once, that long lists are looked up, and that dead rules are named.

mod compiled;

use compiled::{compiled, listing, part};
use expect_test::expect;
use palisade_filter::{Buffers, ByteOrder, Dead, Target};

const TARGET: Target =
    Target { order: ByteOrder::Little, buffers: Buffers::Multi, ..Target::FLOOR };

/// The instructions that one line of the policy asked for, wherever they stand.
fn of_line(text: &str, line: u32) -> Vec<String> {
    let listing = listing(text, TARGET);
    let mut found = Vec::new();
    let mut inside = false;
    for row in listing.lines() {
        match row.strip_prefix("; ") {
            Some(note) => inside = note.starts_with(&format!("{line}: ")),
            None if inside && row.starts_with("  ") => found.push(row.trim().to_owned()),
            None => {}
        }
    }
    found
}

#[test]
fn a_packet_meets_only_rules_of_its_family_and_protocol() {
    let text = "drop tcp dport 22\ndrop udp dport 53\ndrop icmp type 8\ndrop ip6 tcp dport 80\ndefault pass";
    // Once over IPv4 and once over IPv6, each in the lane of its protocol alone.
    let compares = |line, number: &str| {
        of_line(text, line).iter().filter(|row| row.contains(&format!("!= {number} "))).count()
    };
    assert_eq!(compares(1, "0x16"), 2);
    assert_eq!(compares(2, "0x35"), 2);
    assert_eq!(compares(3, "0x8"), 1);
    assert_eq!(compares(4, "0x50"), 1);
    let protocol = of_line(text, 1).iter().any(|row| row.contains("!= 0x6 "));
    assert!(!protocol, "the lane has told the protocol");
}

#[test]
fn what_no_rule_names_is_not_looked_at() {
    let text = "drop src 192.0.2.1\ndefault pass";
    let program = listing(text, TARGET);
    assert!(!program.contains("ip6") && !program.contains("0xdd86"), "{program}");
    assert!(!program.contains("short-l4") && !program.contains("udp"), "{program}");
    // The tags are stepped over, their identifiers not read.
    assert!(!program.contains("&= 4095"), "{program}");
    assert!(listing("drop vlan 5\ndefault pass", TARGET).contains("&= 4095"));
}

#[test]
fn ten_thousand_lines_of_one_address_are_one_look_up() {
    let lines = |n: u32| -> String {
        (0..n).map(|i| format!("drop src 10.{}.{}.7\n", i / 200, i % 200)).collect()
    };
    let many = compiled(&(lines(10_000) + "default pass"), TARGET);
    let one = compiled(&(lines(1) + "default pass"), TARGET);
    let tables: Vec<_> = many.maps.iter().filter(|m| m.name == "_tables").collect();
    assert_eq!(tables.len(), 1);
    assert_eq!(many.fillings.len(), 1);
    assert_eq!(many.fillings[0].entries[0].1.len(), tables[0].value_size as usize);
    let more = many.program.insns().len() - one.program.insns().len();
    assert!(more < 120, "{more} instructions more than for one line");
    assert!(many.dead.is_empty());
}

#[test]
fn a_few_addresses_are_compared_and_need_no_table() {
    let few = compiled("drop src { 10.0.0.1, 10.0.0.3, 10.0.0.5 }\ndefault pass", TARGET);
    assert!(few.fillings.is_empty());
}

#[test]
fn a_condition_that_neighbours_share_is_tested_once() {
    part(
        &listing("drop tcp dport 22 ttl < 9\ndrop tcp dport 22 ttl > 200\ndefault pass", TARGET),
        "tcp rules:",
        ": default ",
        expect![[r#"
            tcp rules:
            ; 1: drop tcp dport 22 ttl < 9
              r1 = *(u32 *)(r10 -276)
              if r1 != 0x16 goto not under
              r1 = *(u32 *)(r10 -324)
              if r1 >= 0x9 goto past line 1
              r7 = 11
              goto drop
            past line 1:
            ; 2: drop tcp dport 22 ttl > 200
              r1 = *(u32 *)(r10 -324)
              if r1 <= 0xc8 goto past line 2
              r7 = 12
              goto drop
            not under:
            past line 2:
        "#]],
    );
}

#[test]
fn a_test_that_an_earlier_rule_has_decided_is_not_repeated() {
    let text = "drop tcp dport 22\npass tcp not dport 22 sport 9\ndefault drop";
    assert!(!of_line(text, 2).iter().any(|row| row.contains("0x16")), "{:?}", of_line(text, 2));
    assert!(of_line(text, 2).iter().any(|row| row.contains("0x9")));
}

#[test]
fn the_short_way_of_a_packet_to_its_only_rule_is_at_most_30_instructions() {
    let text = "drop udp dport 9\ndefault pass";
    let program = listing(text, TARGET);
    let mut steps = Vec::new();
    for row in program.lines().take_while(|row| !row.contains("goto drop")) {
        if row.starts_with("  ") {
            steps.push(row.trim());
        }
    }
    // These stand in between, on the way of TCP.
    let others = ["r4 = r2", "r4 -= 34", "goto transport"];
    let path: Vec<_> = steps.iter().filter(|step| !others.contains(*step)).collect();
    assert_eq!(steps.len() - path.len(), others.len());
    assert!(path.len() <= 30, "{} instructions: {path:#?}", path.len());
}

#[track_caller]
fn dead(text: &str, want: &[(u32, &[u32])]) {
    let found = compiled(text, TARGET).dead;
    let found: Vec<(u32, Vec<u32>)> =
        found.into_iter().map(|Dead { line, by, .. }| (line, by)).collect();
    let want: Vec<(u32, Vec<u32>)> = want.iter().map(|(line, by)| (*line, by.to_vec())).collect();
    assert_eq!(found, want, "{text}");
}

#[test]
fn a_rule_that_earlier_ones_leave_nothing_is_dead_and_they_are_named() {
    dead("drop src 10.0.0.0/8\npass src 10.1.1.1\ndefault pass", &[(2, &[1])]);
    dead(
        "drop tcp\ndrop udp\npass src 10.0.0.1 dport { 1, 2 } not proto 132\ndefault pass",
        &[(3, &[1, 2])],
    );
    dead("drop dport 20-30\npass tcp dport 22 src 10.0.0.1\ndefault pass", &[(2, &[1])]);
    dead("keep src 10.0.0.0/8\ndrop src 10.0.0.1\ndefault pass", &[(2, &[1])]);
    dead("drop ip4\ndrop ip6\npass tcp\ndefault pass", &[(3, &[1, 2])]);
    dead("drop\npass arp\ndefault pass", &[(2, &[1])]);
    dead("drop flags syn\ndrop flags syn,!ack\ndefault pass", &[(2, &[1])]);
}

#[test]
fn all_rules_that_together_leave_a_rule_nothing_are_named() {
    let sets = "set p service\n";
    let text = "drop src 10.0.0.1\ndrop service in p not src 10.0.0.1\ndrop service in p not src 10.0.0.2\ndefault pass";
    dead(&format!("{sets}{text}"), &[(4, &[2, 3])]);
}

/// How often the listing loads a map.
fn asks(text: &str, map: &str) -> usize {
    text.matches(&format!("map[{map}]\n")).count()
}

/// How often an IPv6 address is looked up in the set `s`.
fn calls(text: &str) -> usize {
    text.matches("call look up in s\n").count()
}

#[test]
fn a_look_up_that_many_rules_begin_with_is_done_once() {
    let rules: String =
        (1..9).map(|n| format!("pass src in s ( ttl = {n} or ttl > 250 )\n")).collect();
    let text = listing(&format!("set s net\n{rules}default drop"), TARGET);
    // For counting it is known which entry was hit.
    assert_eq!((calls(&text), asks(&text, "s:hits")), (1, 2), "{text}");
}

#[test]
fn a_packet_that_fails_the_cheap_conditions_of_a_few_rules_is_not_looked_up() {
    let rules: String = (1..9).map(|n| format!("pass tcp src in s dport {n}\n")).collect();
    let text = listing(&format!("set s net\n{rules}default drop"), TARGET);
    assert_eq!(calls(&text), 8, "{text}");
    // In the one function, in two buckets.
    assert_eq!(asks(&text, "s:hosts6"), 2, "{text}");
}

#[test]
fn a_rule_that_still_has_packets_is_not_dead() {
    dead("pass src 10.1.1.1\ndrop src 10.0.0.0/8\ndefault pass", &[]);
    dead("drop tcp dport 22\ndrop dport 22\ndefault pass", &[]);
    dead("count src 10.0.0.0/8\ndrop src 10.1.1.1\ndefault pass", &[]);
    dead("set a net\ndrop src in a\ndrop src 10.0.0.1\ndefault pass", &[]);
}

#[test]
fn a_rule_whose_addresses_earlier_lines_of_its_list_have_is_dead() {
    let list: String = (0..20).map(|i| format!("drop src 10.0.{i}.0/24\n")).collect();
    dead(&format!("{list}drop src 10.0.7.7\ndrop src 10.1.0.0/24\ndefault pass"), &[(21, &[8])]);
}

#[test]
fn ten_times_the_lines_take_some_ten_times_as_long() {
    let took = |lines: u32| {
        let rule = |i: u32| format!("drop src 10.{}.{}.{}\n", i >> 16, i >> 8 & 255, i & 255);
        let text = (0..lines).map(rule).collect::<String>() + "default pass";
        let start = std::time::Instant::now();
        assert!(compiled(&text, TARGET).dead.is_empty());
        start.elapsed()
    };
    let (few, many) = (took(10_000), took(100_000));
    // A hundred times as long would be quadratic; the machine may be busy.
    assert!(many < few * 70, "{few:?} and {many:?}");
}

#[test]
fn the_verifier_is_shown_the_end_of_a_long_lane_before_it_walks_the_rules() {
    let rule = |n: u32| format!("drop src 10.0.{}.{} udp dport {}\n", n / 200, n % 200, n + 1);
    let rules = |count: u32| (0..count).map(rule).collect::<String>();
    assert!(!listing(&(rules(20) + "default pass\n"), TARGET).contains("end of the rules"));
    for end in ["default pass\n", "drop udp\ndefault pass\n"] {
        let program = listing(&(rules(100) + end), TARGET);
        part(
            &program,
            "end of the rules:",
            "; 101: ",
            expect![[r#"
                end of the rules:
                past line 100:
                ; shown to the verifier
                  r1 = *(u32 *)(r10 -276)
                  r1 = *(u32 *)(r10 -204)
            "#]],
        );
        assert!(program.contains("  if r6 != 0x2 goto rules\n"), "{program}");
    }
}
