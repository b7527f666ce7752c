//! Whole policies by chance.
//!
//! Rules come one by one, in crowds, and in runs: rules that differ in one value, that share a condition, or
//! that repeat an earlier one, which are what a planner may put together or leave out.

use std::collections::HashSet;

use palisade_filter::parse;

use super::Chance;
use super::term::{address, kin, matching, net, port_range};
use super::values::{mac_text, port, v4, v6};
use crate::agree::{Entry, Life};

/// A policy, and what is in its sets.
#[derive(Clone, Debug)]
pub struct Made {
    /// The text.
    pub text: String,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// What every policy may declare.
const DECLARATIONS: &str = "\
define here = { 10.0.0.1, 10.0.0.4/30, 2001:db8::1-2001:db8::3 }
define there = 10.0.0.2
define web = { 80, 443, 8080 }
set nets net { max 64 }
set uncounted net { max 64 counters off }
set ports service { max 16 }
set macs mac { max 16 }
set hosts host { max 16 }
set banned host { max 64 }
";

/// The most rules of a policy that have limits.
const MOST_LIMITS: usize = 12;

/// What rules do that report. No snap is longer than every target takes.
const REPORTING: [&str; 8] = [
    "event",
    "event",
    "event 1/3",
    "event snap 5",
    "event snap 64",
    "drop event",
    "pass event 1/2 snap 27",
    "abort event snap 200",
];

/// A policy with entries in its sets.
pub fn policy(chance: &mut Chance) -> Made {
    let mut text = String::new();
    for _ in 0..chance.one(&[0, 0, 0, 1, 2]) {
        push(&mut text, format!("keep {}", matching(chance, 1)));
    }
    let mut limits = if chance.once_in(4) { MOST_LIMITS } else { 0 };
    for rule in rules(chance) {
        let limited = limits > 0 && chance.once_in(3);
        let limit = if limited { limit(chance) } else { String::new() };
        limits -= usize::from(limited);
        push(&mut text, limit + &rule);
    }
    if chance.once_in(3) {
        text.push_str(chance.one(&["on malformed pass\n", "on malformed drop\n"]));
    }
    if chance.once_in(4) {
        text.push_str(chance.one(&["on fragment pass\n", "on fragment drop\n"]));
    }
    if chance.once_in(3) {
        text.push_str(chance.one(&["option events rate 10M/s\n", "option events rate 5/s\n"]));
    }
    text.push_str(chance.one(&["default pass\n", "default drop\n"]));
    let used = |line: &&str| {
        let name = line.split(' ').nth(1).expect("a name");
        let named = |word: &str| text.contains(&format!(" {word} {name}"));
        !line.starts_with("set ") || named("in") || named("set")
    };
    let declared: Vec<&str> = DECLARATIONS.lines().filter(used).collect();
    let entries = entries(chance);
    let entries = entries.into_iter().filter(|e| text.contains(&format!(" in {}", e.set)));
    Made { entries: entries.collect(), text: format!("{}\n{text}", declared.join("\n")) }
}

/// Some rules, of which the parser may refuse some.
pub fn rules(chance: &mut Chance) -> Vec<String> {
    let mut rules: Vec<String> = if chance.once_in(12) { crowd(chance) } else { Vec::new() };
    let groups = if chance.once_in(8) { 20 } else { 6 };
    for _ in 0..1 + chance.below(groups) {
        match chance.below(9) {
            8 => {
                let (change, matching) = (change(chance), kin(chance, 1).remove(0));
                rules.push(format!("{change} {matching}"));
            }
            0 => rules.extend(run(chance)),
            1 => rules.extend(family(chance)),
            2 => rules.extend(kindred(chance)),
            3 => rules.extend(neighbours(chance)),
            4 if !rules.is_empty() => {
                let again = chance.below(rules.len());
                let (_, terms) = rules[again].split_once(' ').unwrap_or_default();
                let rule = format!("{} {terms} {}", action(chance), matching(chance, 0));
                rules.push(rule);
            }
            _ => {
                let (action, matching) = (action(chance), matching(chance, 2));
                rules.push(format!("{action} {matching}"));
            }
        }
    }
    rules
}

fn action(chance: &mut Chance) -> String {
    if chance.once_in(4) {
        return change(chance);
    }
    if chance.once_in(10) {
        return chance.one(&REPORTING).to_owned();
    }
    if chance.once_in(12) {
        // Nobody looks into that set: what becomes of a frame depends on none before it.
        return "ban 1h set banned".to_owned();
    }
    chance.one(&["drop", "drop", "drop", "pass", "pass", "abort", "count"]).to_owned()
}

/// A limit that frames are over which are longer than its burst, and others under: at the fastest rate
/// a frame is paid for before the next one comes. So what it does depends on no frame before.
fn limit(chance: &mut Chance) -> String {
    const KEYS: [&str; 6] = ["", "src", "dst", "src/24/64", "dst/9/33", "flow"];
    let burst = 8 * (64 + chance.below(64));
    match chance.one(&KEYS) {
        "" => format!("limit 1000gbit/s burst {burst}bit "),
        // The kernel makes room for all keys at once, which takes its time.
        key => format!("limit 1000gbit/s burst {burst}bit per {key} size 1024 "),
    }
}

/// An action that changes packets.
fn change(chance: &mut Chance) -> String {
    match chance.below(12) {
        6 | 7 => balance(chance),
        11 => "route".to_owned(),
        8 => tunnel(chance),
        9 => redirect(chance),
        10 => chance.one(&["deliver", "deliver", "deliver 0", "deliver 1"]).to_owned(),
        0 => "reflect".to_owned(),
        1 => "reply".to_owned(),
        2 => "vlan pop".to_owned(),
        3 => format!("vlan push {}", 1 + chance.below(3)),
        _ => format!("rewrite {}", fields(chance)),
    }
}

/// One of three interfaces, for a station or as the frame came.
fn redirect(chance: &mut Chance) -> String {
    let device = chance.one(&["out0", "out1", "\"udp\""]);
    if chance.once_in(2) {
        return format!("redirect {device}");
    }
    // A station's, however it looks: its first byte says so.
    format!("redirect {device} mac {}", mac_text(chance))
}

/// Backends of one family, some with Ethernet addresses, chosen in any way.
fn balance(chance: &mut Chance) -> String {
    let v4_too = chance.once_in(2);
    let most = chance.one(&[1, 2, 3, 4, 9]);
    let backend = |at: u64, chance: &mut Chance| {
        let addr = if v4_too { format!("10.0.0.{at}") } else { format!("2001:db8::{at:x}") };
        let mac =
            if chance.once_in(3) { format!(" mac 02:00:00:00:00:{at:02x}") } else { String::new() };
        addr + &mac
    };
    let backends: Vec<String> = (1..=most).map(|at| backend(at, chance)).collect();
    let choice = chance.one(&["", " round-robin", " hash src", " hash flow"]);
    format!("balance {}{choice}", backends.join(", "))
}

/// A tunnel over either family, for packets of many lengths or few.
fn tunnel(chance: &mut Chance) -> String {
    let ends = chance.one(&["10.0.0.1 to 10.0.0.9", "2001:db8::1 to 2001:db8::9"]);
    let mtu = match ends.contains(':') {
        true => chance.one(&["", " mtu 1280", " mtu 65535"]),
        false => chance.one(&["", " mtu 68", " mtu 100", " mtu 1400"]),
    };
    format!("tunnel {ends} mac 02:00:00:00:00:09{mtu}")
}

/// One to four fields with new values, of one family.
fn fields(chance: &mut Chance) -> String {
    let v4_too = chance.once_in(2);
    let mut all = Vec::new();
    for field in ["dst", "dport", "src", "sport"] {
        let addr = if v4_too { v4(chance).to_string() } else { v6(chance).to_string() };
        let value = match field {
            "dst" | "src" => addr,
            _ => chance.one(&[1, 53, 80, 8080, 0xfffe, 0xffff]).to_string(),
        };
        all.extend(chance.once_in(3).then(|| format!("{field} {value}")));
    }
    if all.is_empty() { "dport 8080".to_owned() } else { all.join(", ") }
}

/// More rules than are walked without a preview, each about few packets.
fn crowd(chance: &mut Chance) -> Vec<String> {
    let rule = |chance: &mut Chance| {
        let (action, end) = (action(chance), chance.one(&["src", "dst"]));
        let (address, port) = (address(chance), port(chance));
        format!("{action} {end} {address} dport {port} {}", matching(chance, 0))
    };
    (0..250).map(|_| rule(chance)).collect()
}

/// Rules that differ in one value.
fn run(chance: &mut Chance) -> Vec<String> {
    let (action, shared) = (action(chance), matching(chance, 0));
    let key = chance.one(&["src", "dst", "sport", "dport"]);
    let one = |chance: &mut Chance| match key {
        "src" | "dst" => address(chance),
        _ if chance.once_in(3) => port_range(chance),
        _ => port(chance).to_string(),
    };
    (0..3 + chance.below(20)).map(|_| format!("{action} {shared} {key} {}", one(chance))).collect()
}

/// Rules of one kind of test.
fn kindred(chance: &mut Chance) -> Vec<String> {
    let matches = 3 + chance.below(8);
    let matches = kin(chance, matches);
    matches.into_iter().map(|matching| format!("{} {matching}", action(chance))).collect()
}

/// Rules that ask for the same look-up.
fn neighbours(chance: &mut Chance) -> Vec<String> {
    const LOOK_UPS: [&str; 6] = [
        "src in nets",
        "src in hosts",
        "host in nets",
        "dst in uncounted",
        "service in ports",
        "ether src in macs",
    ];
    let shared = chance.one(&LOOK_UPS);
    let rule = |chance: &mut Chance| {
        let not = if chance.once_in(3) { "not " } else { "" };
        format!("{} {not}{shared} {}", action(chance), matching(chance, 0))
    };
    (0..3 + chance.below(8)).map(|_| rule(chance)).collect()
}

/// Rules that share their first terms.
fn family(chance: &mut Chance) -> Vec<String> {
    let shared = matching(chance, 1);
    let rule = |chance: &mut Chance| {
        let action = action(chance);
        format!("{action} {shared} {}", matching(chance, 1))
    };
    (0..2 + chance.below(4)).map(|_| rule(chance)).collect()
}

/// Adds a statement, unless the parser refuses it: no packet may match it, or too many.
fn push(text: &mut String, statement: String) {
    if parse(&format!("{DECLARATIONS}{statement}\ndefault pass\n")).is_ok() {
        text.push_str(&statement);
        text.push('\n');
    }
}

fn entries(chance: &mut Chance) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut entries = Vec::new();
    for (set, most) in [("nets", 12), ("uncounted", 6), ("ports", 6), ("macs", 3), ("hosts", 6)] {
        for _ in 0..chance.below(most + 1) {
            let life = chance.one(&[Life::Lasting, Life::Lasting, Life::Timed, Life::Over]);
            let item = item(chance, set);
            let parsed: palisade_filter::Item = item.parse().expect("an item");
            if seen.insert((set, parsed.to_string())) {
                entries.push(Entry { set: set.to_owned(), item, life });
            }
        }
    }
    entries
}

fn item(chance: &mut Chance, set: &str) -> String {
    match set {
        "nets" | "uncounted" => net(chance),
        "macs" => mac_text(chance),
        "hosts" if chance.once_in(2) => v6(chance).to_string(),
        "hosts" => v4(chance).to_string(),
        _ => format!("{}/{}", chance.one(&["tcp", "udp", "sctp", "any"]), port_range(chance)),
    }
}
