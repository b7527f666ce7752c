//! Long policies: what the plan takes, the verifier takes too, and jumps reach across it.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};

use palisade_filter::{BUILTIN, PlanError, Target, compile, parse};
use palisade_tests::engine::Engine;
use palisade_tests::packet::{eth, ipv4, ipv6, udp};
use palisade_tests::privilege::Kernel;

use crate::decided;

/// Instructions that the verifier walked through before it took the program; the kernel's limit
/// is a million.
fn walked(engine: &Engine) -> u64 {
    let fd = engine.program().as_fd().as_raw_fd();
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).expect("the kernel tells");
    let line = info.lines().find_map(|line| line.strip_prefix("verified_insns:"));
    line.map_or(0, |number| number.trim().parse().expect("a number"))
}

#[test]
fn the_builtin_policy_leaves_the_verifier_most_of_its_limit() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in &kernel.targets {
        let engine = Engine::load(&kernel, BUILTIN, *target);
        let (walked, len) = (walked(&engine), engine.image().len());
        eprintln!("{:?}, {:?}: {len} instructions, {walked} walked", target.buffers, target.access);
        assert!(walked < 200_000, "{walked} walked of {len} instructions");
    }
}

fn address(rule: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc612_0000 + rule)
}

#[test]
fn the_last_of_a_thousand_rules_is_reached_and_its_verdict_too() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let rules = (0..1000u32).map(|rule| format!("drop src {} dport {}\n", address(rule), rule + 1));
    let policy = rules.collect::<String>() + "default pass\n";
    for target in kernel.two() {
        let mut engine = Engine::load(&kernel, &policy, target);
        for rule in [0u16, 1, 500, 998, 999] {
            let from = ipv4().src(address(rule.into()));
            let text = format!("drop src {} dport {}", address(rule.into()), rule + 1);
            assert_eq!(decided(&mut engine, eth() / from.clone() / udp(1, rule + 1)), text);
            assert_eq!(decided(&mut engine, eth() / from / udp(1, 0)), "default pass");
        }
        assert_eq!(decided(&mut engine, eth() / ipv6() / udp(1, 1000)), "default pass");
        assert_eq!(decided(&mut engine, eth().ethertype(0x88cc) / b""), "default pass");
    }
}

/// A policy of `count` rules of one shape.
fn of(shape: &str, count: u32) -> String {
    let rule = |n: u32| {
        let [a, b] = u16::try_from(n).expect("few rules").to_be_bytes();
        let rule = shape.replace("{4}", &format!("10.{a}.{b}.1"));
        rule.replace("{6}", &format!("2001:db8:{a:x}{b:02x}::"))
            .replace("{n}", &(n + 1).to_string())
            + "\n"
    };
    let rules: String = (0..count).map(rule).collect();
    format!("set a net {{ max 8 }}\nset p service {{ max 8 }}\n{rules}default pass\n")
}

fn is_planned(policy: &str, target: Target) -> bool {
    match compile(&parse(policy).expect("a policy"), target) {
        Ok(_) => true,
        Err(
            error @ (PlanError::TooManyBranches { .. } | PlanError::TooManyInstructions { .. }),
        ) => {
            assert!(error.to_string().starts_with("line "), "{error}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// The longest policy of a shape that the plan takes.
fn longest(shape: &str, target: Target) -> u32 {
    let (mut taken, mut refused) = (1, 10_000);
    assert!(!is_planned(&of(shape, refused), target), "`{shape}` is never refused");
    while taken + 1 < refused {
        let middle = taken.midpoint(refused);
        if is_planned(&of(shape, middle), target) { taken = middle } else { refused = middle }
    }
    taken
}

#[test]
fn the_longest_policies_that_the_plan_takes_are_taken_by_the_verifier() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for shape in [
        "drop length = {n} src {4}",
        "drop src {4} dport {n}",
        "drop src {6}/127 dst {6}",
        "drop service in p length = {n}",
        "drop src in a dst in a service in p length = {n}",
    ] {
        let count = longest(shape, kernel.best());
        let policy = of(shape, count);
        let start = std::time::Instant::now();
        let loaded = Engine::try_load(&kernel, &policy, kernel.best());
        let took = start.elapsed();
        match loaded {
            Ok(engine) => eprintln!(
                "{count} × `{shape}`: {} instructions, {} walked, {took:?}",
                engine.image().len(),
                walked(&engine)
            ),
            Err(error) => panic!("{count} × `{shape}`: {error}"),
        }
    }
}
