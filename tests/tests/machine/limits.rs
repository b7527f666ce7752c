//! Limits and bans by chance: the program in the interpreter keeps them as the oracle does, whenever
//! packets come.

use palisade_filter::{Access, Buffers, Mode, Target, compile, parse};
use palisade_tests::limited::Limited;
use palisade_tests::random::Chance;

use crate::number;

const POLICIES: u64 = 60;
const PACKETS: usize = 600;
/// The interval of most limits that are made.
const INTERVAL: u64 = 1_000_000;

#[test]
fn limits_by_chance_are_kept_without_a_kernel_as_the_oracle_keeps_them() {
    let first = number("PALISADE_SEED").unwrap_or(1);
    let policies = number("PALISADE_POLICIES").unwrap_or(POLICIES);
    let (mut runs, mut modes) = (0, [Mode::Enforce, Mode::Enforce, Mode::Shadow].iter().cycle());
    for seed in first..first + policies {
        let (mut chance, mode) = (Chance::new(seed), *modes.next().expect("a circle"));
        let text = policy(&mut chance);
        let policy = parse(&text).unwrap_or_else(|wrong| panic!("{}", wrong.report("p", &text)));
        let artifact = compile(&policy, target(&mut chance)).expect("a program");
        let mut limited = Limited::new(&policy, &artifact, &artifact.program, mode);
        let met = limited.meet(seed, INTERVAL, PACKETS);
        runs += met.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}\nof:\n{text}"));
    }
    assert_eq!(runs as u64, policies * PACKETS as u64);
}

fn target(chance: &mut Chance) -> Target {
    let buffers = chance.one(&[Buffers::Single, Buffers::Multi]);
    let access = chance.one(&[Access::Pointers, Access::Helpers]);
    Target { buffers, access, ..Target::FLOOR }
}

fn policy(chance: &mut Chance) -> String {
    let mut text =
        "set banned host { timeout 1m }\nset nets net { elements { 192.0.2.2 } }\n".to_owned();
    for _ in 0..1 + chance.below(4) {
        text += &rule(chance);
    }
    if chance.once_in(2) {
        text += "drop src in banned\n";
    }
    text + chance.one(&["default pass\n", "default drop\n"])
}

fn rule(chance: &mut Chance) -> String {
    const RATES: [&str; 6] = [
        "1000/s burst 3",
        "1000/s burst 1",
        "60k/m",
        "333/s burst 2",
        "1mbit/s burst 8kbit",
        "3mbit/s burst 9999bit",
    ];
    const KEYS: [&str; 9] = [
        "",
        "",
        "per src",
        "per dst",
        "per src/24/64",
        "per src/31/127",
        "per src/9/33",
        "per dst/32/128 size 1024",
        "per flow",
    ];
    const ACTIONS: [&str; 10] = [
        "",
        "drop",
        "pass",
        "abort",
        "count",
        "event",
        "drop event",
        "reflect",
        "ban set banned",
        "ban 1s set banned",
    ];
    const MATCHES: [&str; 10] = [
        "",
        "udp",
        "not udp",
        "dport 53",
        "ip4",
        "ip6 udp",
        "src in nets",
        "( udp dport 54 or tcp )",
        "src in banned",
        "not src in banned",
    ];
    let [rate, key, action, matching] =
        [RATES.as_slice(), &KEYS, &ACTIONS, &MATCHES].map(|all| all[chance.below(all.len())]);
    let limit = if chance.once_in(6) && !action.is_empty() {
        String::new()
    } else {
        format!("limit {rate} {key}")
    };
    format!("{limit} {action} {matching}\n")
}
