//! docs/policy.md keeps its word: every example compiles, every form of the grammar has one, and
//! the grammar names the words that the language has.

use std::collections::BTreeSet;

use palisade_filter::oracle::{Declared, decide, expected_frame};
use palisade_filter::policy::{
    Action, Change, Choice, End, EntryCounters, Limit, LimitKey, Policy, Prefixes, Protocol,
    Quantity, Rate, Relation, Report, Tag, Term, Test, Verdict,
};
use palisade_filter::text::WORDS;
use palisade_filter::value::Family;
use palisade_filter::{SetKind, Target, compile, parse};

const DOCUMENT: &str = include_str!("../../../docs/policy.md");

/// The blocks of a kind, with the line of each.
fn blocks(kind: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = DOCUMENT.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let body: String = body.flat_map(|line| [line, "\n"]).collect();
        if info == kind {
            found.push((at + 2, body));
        }
    }
    found
}

/// The policies of all examples; those that do not say what becomes of the rest pass it.
fn examples() -> Vec<Policy> {
    let policy = |(line, text): (usize, String)| {
        let said = text.lines().any(|line| line.starts_with("default "));
        let text = if said { text } else { format!("{text}default pass\n") };
        match parse(&text) {
            Ok(policy) => policy,
            Err(wrong) => panic!("behind line {line}:\n{}", wrong.report("policy.md", &text)),
        }
    };
    blocks("pal").into_iter().map(policy).collect()
}

fn shape(values: impl ExactSizeIterator) -> &'static str {
    if values.len() == 1 { "one" } else { "list" }
}

/// What a test is an example of; a new kind of test must be named here.
fn form(test: &Test) -> String {
    match test {
        Test::Family(Family::V4) => "ip4".into(),
        Test::Family(Family::V6) => "ip6".into(),
        Test::Arp => "arp".into(),
        Test::EtherType(_) => "ethertype".into(),
        Test::Nd => "nd".into(),
        Test::Dhcp => "dhcp".into(),
        Test::Protocol(Protocol::TCP) => "tcp".into(),
        Test::Protocol(Protocol::UDP) => "udp".into(),
        Test::Protocol(Protocol::SCTP) => "sctp".into(),
        Test::Protocol(_) => "proto".into(),
        Test::Icmp => "icmp".into(),
        Test::Icmp6 => "icmp6".into(),
        Test::Address(end, all) => {
            let all: Vec<_> = all.ranges().collect();
            let range = all.iter().any(|range| range.as_prefix().is_none());
            let range = if range { " range" } else { "" };
            format!("{} {}{range}", end.word(), shape(all.iter()))
        }
        Test::AddressIn(end, _) => format!("{} in", end.word()),
        Test::Port(end, all) => {
            let all: Vec<_> = all.ranges().collect();
            let range = if all.iter().any(|range| range.count() > 1) { " range" } else { "" };
            format!("{} {}{range}", end.port_word(), shape(all.iter()))
        }
        Test::ServiceIn(_) => "service in".into(),
        Test::IcmpType { code: None, .. } => "type".into(),
        Test::IcmpType { code: Some(_), .. } => "code".into(),
        Test::Flags(flags) if flags.value() == flags.mask() => "flags set".into(),
        Test::Flags(_) => "flags clear".into(),
        Test::Number(quantity, relation, _) => format!("{} {}", quantity.word(), relation.mark()),
        Test::Fragment => "fragment".into(),
        Test::Options => "options".into(),
        Test::Vlan(Tag::Outer, _) => "vlan".into(),
        Test::Vlan(Tag::Inner, _) => "inner-vlan".into(),
        Test::Tagged(tag) => format!("{} any", tag.word()),
        Test::Queue(_) => "queue".into(),
        Test::Unicast(end) => format!("ether {} unicast", end.word()),
        Test::Mac(end, _) => format!("ether {}", end.word()),
        Test::MacIn(end, _) => format!("ether {} in", end.word()),
    }
}

/// What a change is an example of.
fn shape_of(change: &Change) -> &'static str {
    match change {
        Change::Reflect => "reflect",
        Change::Reply => "reply",
        Change::Rewrite(rewrite) => match (rewrite.has_ports(), rewrite.family()) {
            (true, None) => "rewrite port",
            (true, Some(_)) => "rewrite both",
            (false, _) => "rewrite address",
        },
        Change::Pop => "vlan pop",
        Change::Push(_) => "vlan push",
        Change::Route => "route",
        Change::Redirect(redirect) => match redirect.mac {
            Some(_) => "redirect mac",
            None => "redirect",
        },
        Change::Deliver(Some(_)) => "deliver queue",
        Change::Deliver(None) => "deliver",
        Change::Tunnel(tunnel) => match tunnel.family() {
            Family::V4 => "tunnel of 4",
            Family::V6 => "tunnel of 6",
        },
        Change::Balance(balance) => match balance.choice() {
            Choice::Turns => "balance round-robin",
            Choice::Source => "balance hash src",
            Choice::Flow => "balance hash flow",
        },
    }
}

fn forms_of_term(term: &Term, seen: &mut BTreeSet<String>) {
    match term {
        Term::Test(test) => drop(seen.insert(form(test))),
        Term::Not(term) => {
            seen.insert("not".into());
            forms_of_term(term, seen);
        }
        Term::Any(all) => {
            seen.insert("or".into());
            all.iter().flat_map(|m| m.terms()).for_each(|term| forms_of_term(term, seen));
        }
    }
}

/// Every form that the examples show.
fn forms_seen() -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for policy in examples() {
        for set in policy.sets() {
            seen.insert(format!("set {}", set.kind.word()));
            let elements = !set.elements.is_empty();
            let options = [
                ("timeout", set.timeout.is_some()),
                ("counters off", set.counters == EntryCounters::Off),
                ("file", set.file.is_some()),
                ("elements", elements),
            ];
            seen.extend(options.iter().filter(|(_, is)| *is).map(|(name, _)| (*name).into()));
            if elements {
                seen.insert(format!("elements {}", set.kind.word()));
            }
        }
        for rule in policy.rules() {
            seen.extend(rule.report.is_none().then(|| rule.action.word().into()));
            seen.extend(rule.report.map(|report| event(&rule.action, report)));
            seen.extend(rule.action.change().map(|change| shape_of(change).to_owned()));
            seen.extend(rule.limit.map(|limit| limit_form(&limit)));
            seen.extend(rule.name.as_ref().map(|_| "as".into()));
            seen.extend(rule.matching.terms().is_empty().then(|| "every packet".into()));
        }
        seen.extend(policy.keeps().iter().map(|_| "keep".into()));
        for rule in policy.keeps().iter().chain(policy.rules()) {
            rule.matching.terms().iter().for_each(|term| forms_of_term(term, &mut seen));
        }
        seen.extend(policy.events().line.map(|_| "option events rate".into()));
        seen.extend(policy.malformed().line.map(|_| "on malformed".into()));
        seen.extend(policy.fragment().map(|_| "on fragment".into()));
        seen.insert(format!("default {}", policy.default().verdict));
        for expect in policy.expects() {
            seen.insert(format!("expect {}", expect.verdict));
            let protocol = expect.protocol.map(|protocol| format!("expect proto {}", protocol.0));
            seen.extend(protocol);
            seen.extend(expect.to.map(|_| "expect to".into()));
            seen.extend(expect.sport.map(|_| "expect sport".into()));
            seen.extend(expect.dport.map(|_| "expect dport".into()));
        }
    }
    seen
}

/// What a rule that reports is an example of.
fn event(action: &Action, report: Report) -> String {
    let terminal = action.verdict().map_or(String::new(), |verdict| format!("{verdict} "));
    let sampled = if report.one_in() > 1 { " 1/N" } else { "" };
    let snap = if report.snap() > 0 { " snap" } else { "" };
    format!("{terminal}event{sampled}{snap}")
}

/// What a limit is an example of.
fn limit_form(limit: &Limit) -> String {
    let rate = match limit.rate() {
        Rate::Packets { .. } => "packets",
        Rate::Bits(_) => "bits",
    };
    let burst = if limit.burst() == limit.rate().usual_burst() { "" } else { " burst" };
    let size = if limit.size() == Limit::USUAL_SIZE { "" } else { " size" };
    let key = match limit.key() {
        LimitKey::Whole => "",
        LimitKey::Source(Prefixes::HOSTS) => " per src",
        LimitKey::Source(_) => " per src bits",
        LimitKey::Destination(_) => " per dst",
        LimitKey::Flow => " per flow",
    };
    format!("limit {rate}{burst}{key}{size}")
}

/// Every form that the language has.
fn forms() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = [
        "ip4",
        "ip6",
        "arp",
        "ethertype",
        "nd",
        "dhcp",
        "tcp",
        "udp",
        "sctp",
        "proto",
        "icmp",
        "icmp6",
        "service in",
        "type",
        "code",
        "flags set",
        "flags clear",
        "ttl <",
        "length >",
        "dscp =",
        "fragment",
        "options",
        "vlan",
        "inner-vlan",
        "vlan any",
        "inner-vlan any",
        "reflect",
        "reply",
        "rewrite port",
        "rewrite address",
        "rewrite both",
        "vlan pop",
        "vlan push",
        "route",
        "redirect",
        "redirect mac",
        "deliver",
        "deliver queue",
        "queue",
        "tunnel of 4",
        "tunnel of 6",
        "balance round-robin",
        "balance hash src",
        "balance hash flow",
        "ban",
        "limit packets",
        "limit packets per src",
        "limit packets burst per src bits",
        "limit packets per src size",
        "limit bits per dst",
        "limit bits burst",
        "limit packets burst per flow",
        "not",
        "or",
        "as",
        "every packet",
        "keep",
        "on malformed",
        "on fragment",
        "default drop",
        "default pass",
        "timeout",
        "event",
        "event 1/N",
        "event snap",
        "event 1/N snap",
        "drop event",
        "pass event",
        "option events rate",
        "counters off",
        "file",
        "elements",
        "expect to",
        "expect sport",
        "expect dport",
        "expect drop",
        "expect pass",
        "src one",
        "dst one",
        "host one range",
        "src list range",
        "sport one",
        "dport one range",
        "port one",
        "dport list range",
    ]
    .map(str::to_owned)
    .into();
    for end in [End::Source, End::Destination, End::Either] {
        all.insert(format!("{} in", end.word()));
    }
    for end in [End::Source, End::Destination] {
        all.insert(format!("ether {}", end.word()));
        all.insert(format!("ether {} in", end.word()));
        all.insert(format!("ether {} unicast", end.word()));
    }
    for kind in SetKind::ALL {
        all.insert(format!("set {}", kind.word()));
        all.insert(format!("elements {}", kind.word()));
    }
    for action in [Action::Drop, Action::Pass, Action::Abort, Action::Count] {
        all.insert(action.word().into());
    }
    for protocol in [1, 6, 17, 47, 58, 132] {
        all.insert(format!("expect proto {protocol}"));
    }
    all
}

#[test]
fn every_example_compiles_and_prints_in_canonical_form() {
    let all = examples();
    assert!(all.len() > 10, "{} examples", all.len());
    for policy in all {
        let printed = policy.to_string();
        assert_eq!(parse(&printed).expect("a policy").to_string(), printed);
        compile(&policy, Target::FLOOR).expect("a program");
    }
}

#[test]
fn the_example_of_the_readme_is_a_policy() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("### The language").expect("a section");
    let example = section.split("```").nth(1).expect("an example");
    if let Err(wrong) = parse(example) {
        panic!("{}", wrong.report("README.md", example));
    }
}

#[test]
fn what_the_examples_expect_holds() {
    for policy in examples() {
        let contents = Declared::of(&policy);
        for expect in policy.expects() {
            let decision = decide(&policy, &contents, &expected_frame(expect));
            let dropped = decision.verdict != Verdict::Pass;
            assert_eq!(dropped, expect.verdict == Verdict::Drop, "{}: {decision:?}", expect.text);
        }
    }
}

#[test]
fn every_form_has_an_example() {
    let seen = forms_seen();
    let missing: Vec<_> = forms().into_iter().filter(|form| !seen.contains(form)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for quantity in [Quantity::Ttl, Quantity::Length, Quantity::Dscp] {
        assert!(seen.iter().any(|form| form.starts_with(quantity.word())));
    }
    for relation in [Relation::Below, Relation::Above, Relation::Is] {
        assert!(seen.iter().any(|form| form.ends_with(relation.mark())));
    }
}

#[test]
fn the_grammar_names_the_words_of_the_language() {
    let [(_, grammar)] = blocks("text").try_into().expect("one grammar");
    let quoted: BTreeSet<&str> = grammar.split('"').skip(1).step_by(2).collect();
    for word in WORDS {
        // It is a protocol of services.
        let known = *word == "any";
        assert!(known || quoted.contains(word), "`{word}` is not in the grammar");
    }
    for word in quoted.iter().filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
        assert!(WORDS.contains(word), "`{word}` is no word of the language");
    }
}
