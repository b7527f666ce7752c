//! Compiled policies: the examples, and policies by chance with entries in their sets.

use palisade_asm::ByteOrder;
use palisade_filter::plan::{CONTROL, Control};
use palisade_filter::structure::NetPart;
use palisade_filter::structure::service::{self, Placed};
use palisade_filter::value::Mac;
use palisade_filter::{Buffers, Item, Mode, PlanError, Target, compile, parse};
use palisade_tests::agree::{Entry, Life};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::{Chance, frame, policy};

use crate::both::Both;
use crate::number;

const POLICIES: u64 = 40;
const FRAMES: usize = 60;

#[rustfmt::skip] // One line per example.
const EXAMPLES: [(&str, &str); 7] = [
    ("the built-in one", palisade_filter::BUILTIN),
    ("block-list", include_str!("../../../examples/block-list.pal")),
    ("block-pings", include_str!("../../../examples/block-pings.pal")),
    ("drop-8080", include_str!("../../../examples/drop-8080.pal")),
    ("resolver", include_str!("../../../examples/resolver.pal")),
    ("vlans", include_str!("../../../examples/vlans.pal")),
    ("web-server", include_str!("../../../examples/web-server.pal")),
];

/// A policy in both, its clock running; none where it asks for too much.
fn load(text: &str, target: Target) -> Option<Both> {
    let policy = parse(text).unwrap_or_else(|errors| panic!("{errors:?}\nof:\n{text}"));
    let artifact = match compile(&policy, target) {
        Ok(artifact) => artifact,
        Err(PlanError::TooManySets { .. }) => return None,
        Err(error) => panic!("{error}\nof:\n{text}"),
    };
    let buffers = match target.buffers {
        Buffers::Single => palisade_loader::Buffers::Single,
        Buffers::Multi => palisade_loader::Buffers::Multi,
    };
    let both = Both::load(&artifact.program, target.isa, buffers);
    let mut both = both.unwrap_or_else(|log| panic!("{log}\nof:\n{text}"));
    for (map, value) in artifact.values(&policy, ByteOrder::HOST) {
        both.put(map, &[0; 4], &value);
    }
    // The clocks differ, but what ends at 1 is over by both, and what ends at 2^62 by neither.
    let control = Control { mode: Mode::Enforce.code().into(), first_tick: 0, tick: 1 };
    let words = control.words().map(u64::to_ne_bytes).concat();
    let at = both.map(CONTROL);
    both.put(at, &[0; 4], &words);
    Some(both)
}

/// Puts the entries of a set into it.
fn fill(both: &mut Both, set: &str, entries: &[&Entry]) {
    let mut placed = Vec::new();
    for entry in entries {
        let until: u64 = match entry.life {
            Life::Lasting => 0,
            Life::Timed => 1 << 62,
            Life::Over => 1,
        };
        let value = [0, 0, 0, until, until].map(u64::to_ne_bytes).concat();
        match entry.item.parse().expect("an item") {
            Item::Net(prefix) => {
                let part = NetPart::of(&prefix);
                let map = both.map(&part.map_name(set));
                let address = match prefix.addr() {
                    std::net::IpAddr::V4(addr) => addr.octets().to_vec(),
                    std::net::IpAddr::V6(addr) => addr.octets().to_vec(),
                };
                let len = u32::from(prefix.len()).to_ne_bytes();
                let key =
                    if prefix.is_host() { address } else { [&len, address.as_slice()].concat() };
                both.put(map, &key, &value);
            }
            Item::Mac(Mac(addr)) => {
                let map = both.map(set);
                both.put(map, &addr, &value);
            }
            Item::Service(item) => {
                let slot = u16::try_from(placed.len() + 1).expect("few items");
                placed.push(Placed { slot, item, until });
            }
        }
    }
    if !placed.is_empty() {
        fill_services(both, set, &placed);
    }
}

fn fill_services(both: &mut Both, set: &str, placed: &[Placed]) {
    let items = both.map(&service::items_name(set));
    for Placed { slot, item, until } in placed {
        let value = [service::encode(item), 0, *until].map(u64::to_ne_bytes).concat();
        both.put(items, &u32::from(*slot).to_ne_bytes(), &value);
    }
    let table = both.map(set);
    for (port, cell) in (0u32..).zip(service::paint(placed)) {
        if cell != 0 {
            both.put(table, &port.to_ne_bytes(), &cell.to_ne_bytes());
        }
    }
}

#[test]
fn the_examples_decide_here_as_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let mut chance = Chance::new(number("PALISADE_SEED").unwrap_or(1));
    for (name, text) in EXAMPLES {
        let mut both = load(text, kernel.best()).expect("an example is within all limits");
        let mut results = std::collections::HashSet::new();
        for _ in 0..300 {
            let frame = frame(&mut chance);
            results.insert(both.run(&frame).unwrap_or_else(|how| panic!("{name}: {how}")));
        }
        both.compare_maps().unwrap_or_else(|how| panic!("{name}: {how}"));
        assert!(results.len() > 1, "{name}: every frame has the same verdict");
    }
}

#[test]
fn policies_by_chance_decide_here_as_in_the_kernel() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let first = number("PALISADE_SEED").unwrap_or(1);
    let (mut runs, mut dropped) = (0, 0);
    for seed in first..first + number("PALISADE_POLICIES").unwrap_or(POLICIES) {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        for target in kernel.two() {
            let Some(mut both) = load(&made.text, target) else { continue };
            for set in parse(&made.text).expect("a policy").sets() {
                let name = set.name.as_str();
                let of: Vec<&Entry> = made.entries.iter().filter(|e| e.set == name).collect();
                fill(&mut both, name, &of);
            }
            let shown = |how: String| format!("seed {seed}, {target:?}: {how}\n{}", made.text);
            for _ in 0..FRAMES {
                let frame = frame(&mut chance);
                let verdict = both.run(&frame).unwrap_or_else(|how| panic!("{}", shown(how)));
                runs += 1;
                dropped += usize::from(verdict == 1);
            }
            both.compare_maps().unwrap_or_else(|how| panic!("{}", shown(how)));
        }
    }
    eprintln!("{runs} runs, {dropped} dropped");
    assert!(dropped > runs / 20 && dropped < runs * 19 / 20, "{dropped} dropped of {runs}");
}
