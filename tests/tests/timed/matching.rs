//! What the program makes of times, whoever wrote them into the maps.

use std::time::Duration;

use palisade_filter::value::Prefix;
use palisade_tests::engine::{Engine, Stay};
use palisade_tests::packet::{eth, ipv4, ipv6, tcp, udp};
use palisade_tests::privilege::Kernel;

const POLICY: &str = "set block net\nset ports service\nset macs mac\n\
                      drop src in block\ndrop service in ports\ndrop ether src in macs\ndefault pass\n";
const HOUR: Duration = Duration::from_secs(3600);
/// More than the kernel's ticks are behind the clock.
const SOON: Duration = Duration::from_millis(300);

fn from4(address: &str) -> Vec<u8> {
    (eth() / ipv4().src(address) / udp(4000, 9)).build()
}

fn from6(address: &str) -> Vec<u8> {
    (eth() / ipv6().src(address) / udp(4000, 9)).build()
}

#[track_caller]
fn drops(engine: &mut Engine, frame: &[u8]) -> bool {
    let outcome = engine.run(frame).unwrap_or_else(|fault| panic!("{fault}"));
    outcome.row.text.starts_with("drop")
}

#[test]
fn an_entry_matches_until_its_time_and_not_behind_it() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let mac = [0x02, 0, 0x5e, 0, 0x53, 9];
    let cases = [
        ("block", "192.0.2.66", from4("192.0.2.66")),
        ("block", "10.0.0.0/8", from4("10.9.9.9")),
        ("block", "2001:db8::66", from6("2001:db8::66")),
        ("block", "2001:db8:7::/48", from6("2001:db8:7::1")),
        ("ports", "tcp/80", (eth() / ipv4() / tcp(9, 80)).build()),
        ("ports", "any/50-60", (eth() / ipv6() / udp(9, 55)).build()),
        ("macs", "02:00:5e:00:53:09", (eth().src(mac) / ipv4() / udp(9, 9)).build()),
    ];
    for target in kernel.two() {
        for (set, item, frame) in &cases {
            for (stay, matches) in [
                (Stay::For(HOUR), true),
                (Stay::Ended(Duration::from_nanos(1) + SOON), false),
                (Stay::Ended(HOUR), false),
            ] {
                let mut engine = Engine::load(&kernel, POLICY, target);
                engine.add_for(set, item, stay);
                assert_eq!(drops(&mut engine, frame), matches, "{item} {stay:?}");
                assert_eq!(engine.hits(set, item)[0], u64::from(matches), "hits of {item}");
            }
            let mut engine = Engine::load(&kernel, POLICY, target);
            engine.add_for(set, item, Stay::For(SOON));
            assert!(drops(&mut engine, frame), "{item} is alive");
            std::thread::sleep(2 * SOON);
            assert!(!drops(&mut engine, frame), "{item} has ended while nothing was done");
        }
    }
}

#[test]
fn behind_a_host_that_has_ended_the_prefixes_are_asked() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for target in kernel.two() {
        for (host, prefix) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut engine = Engine::load(&kernel, POLICY, target);
            let stay = |alive| if alive { Stay::For(HOUR) } else { Stay::Ended(HOUR) };
            engine.add_for("block", "192.0.2.66", stay(host));
            engine.add_for("block", "192.0.2.0/24", stay(prefix));
            engine.add_for("block", "2001:db8::66", stay(host));
            engine.add_for("block", "2001:db8::/64", stay(prefix));
            assert_eq!(drops(&mut engine, &from4("192.0.2.66")), host || prefix);
            assert_eq!(drops(&mut engine, &from6("2001:db8::66")), host || prefix);
            assert_eq!(drops(&mut engine, &from4("192.0.2.67")), prefix);
        }
    }
}

/// Every choice of lasting, lasting for an hour and past, for four prefixes, three of them inside
/// each other.
#[test]
fn an_address_is_in_the_set_as_long_as_any_prefix_around_it() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let prefixes = ["10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.2.0.0/16"];
    let addresses = ["10.1.1.1", "10.1.2.1", "10.2.0.1", "10.3.0.1", "11.0.0.1"];
    // Small, for it is loaded 256 times.
    let policy = "set block net\ndrop ip4 src in block\ndefault pass\n";
    let target = kernel.best();
    let mut choice = [0usize; 4];
    loop {
        let mut engine = Engine::load(&kernel, policy, target);
        for (prefix, choice) in prefixes.iter().zip(choice) {
            match choice {
                0 => engine.add("block", &[prefix]),
                1 => engine.add_for("block", prefix, Stay::For(HOUR)),
                2 => engine.add_for("block", prefix, Stay::Ended(HOUR)),
                _ => {}
            }
        }
        for address in addresses {
            let mut alive = prefixes.iter().zip(choice).filter(|(_, choice)| *choice < 2);
            let inside = |text: &str| {
                let prefix: Prefix = text.parse().expect("a prefix");
                prefix.contains(address.parse().expect("an address"))
            };
            let covered = alive.any(|(prefix, _)| inside(prefix));
            assert_eq!(drops(&mut engine, &from4(address)), covered, "{address} {choice:?}");
        }
        let Some(at) = choice.iter().position(|choice| *choice < 3) else { break };
        choice[..at].fill(0);
        choice[at] += 1;
    }
}

#[test]
fn a_port_is_in_the_set_as_long_as_any_item_around_it() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let (narrow, wide) = ("udp/53", "any/50-60");
    let stays = [Some(Stay::For(HOUR)), Some(Stay::Ended(HOUR)), None];
    let alive = |stay: Option<Stay>| !matches!(stay, Some(Stay::Ended(_)));
    for first in stays {
        for second in stays {
            let mut engine = Engine::load(&kernel, POLICY, kernel.best());
            for (item, stay) in [(narrow, first), (wide, second)] {
                match stay {
                    Some(stay) => engine.add_for("ports", item, stay),
                    None => engine.add("ports", &[item]),
                }
            }
            let frame = |port| (eth() / ipv4() / udp(4000, port)).build();
            let either = alive(first) || alive(second);
            assert_eq!(drops(&mut engine, &frame(53)), either, "{first:?} {second:?}");
            assert_eq!(drops(&mut engine, &frame(54)), alive(second), "{first:?} {second:?}");
        }
    }
}
