//! Who was banned by a packet: seen with the time left, let in again, and no more of them than the
//! set takes.

use std::time::{SystemTime, UNIX_EPOCH};

use palisade_tests::lab::Lab;
use palisade_tests::packet::{eth, ipv4, ipv6, udp};

use super::{dropped, wait};

const POLICY: &str = "set banned host { timeout 1h max 3 }\ndrop src in banned as out\n\
                      limit 1/h burst 2 per src ban set banned udp dport 9 as flooders\n\
                      default pass\n";

/// Frames to a port from somebody, each another one.
fn from(address: &str, port: u16, count: u16) -> Vec<Vec<u8>> {
    let one = |sport| (eth() / ipv4().src(address) / udp(sport, port)).build();
    (4000..4000 + count).map(one).collect()
}

fn from6(address: &str, count: u16) -> Vec<Vec<u8>> {
    (4000..4000 + count)
        .map(|sport| (eth() / ipv6().src(address) / udp(sport, 9)).build())
        .collect()
}

#[test]
fn the_banned_are_listed_with_the_time_left_and_let_in_again() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        assert_eq!(dropped(lab, &from("198.51.100.1", 9, 4)), [false, false, true, true]);
        assert_eq!(dropped(lab, &from6("2001:db8:9::9", 3)), [false, false, true]);
        assert_eq!(dropped(lab, &from("198.51.100.1", 80, 2)), [true, true], "from everything");
        let said = lab.palisade(&["list", "--set", "banned"]).ok();
        assert!(said.starts_with("banned (host): 2 of 3 entries\n"), "{said}");
        let line = said.lines().find(|line| line.contains("198.51.100.1")).expect("it is listed");
        assert!(line.contains("3 packets") && line.contains("59m 5"), "{line}");
        let listed = lab.palisade(&["list", "-j", "--set", "banned"]).json();
        assert_eq!(listed["sets"]["banned"]["refused"], 0, "{listed}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        for entry in listed["sets"]["banned"]["entries"].as_array().expect("entries") {
            let [added, expires] =
                ["added", "expires"].map(|of| entry[of].as_u64().expect("a time"));
            assert!((now - 60..=now + 1).contains(&added), "{entry} at {now}");
            assert!((now + 3500..=now + 3601).contains(&expires), "{entry} at {now}");
        }
        let said = lab.palisade(&["get", "2001:db8:9::9"]).ok();
        assert!(said.contains("banned") && said.contains("left"), "{said}");
        let said = lab.palisade(&["status"]).ok();
        assert!(said.contains("banned"), "{said}");
        lab.palisade(&["del", "--set", "banned", "198.51.100.1"]).ok();
        assert_eq!(dropped(lab, &from("198.51.100.1", 80, 2)), [false, false], "let in again");
        assert_eq!(lab.items("banned"), ["2001:db8:9::9"]);
        assert_eq!(dropped(lab, &from("198.51.100.1", 9, 1)), [true], "and banned anew");
        lab.palisade(&["flush", "--set", "banned"]).ok();
        assert_eq!(lab.items("banned"), Vec::<String>::new());
    });
}

#[test]
fn a_full_set_says_how_many_bans_it_had_no_room_for_and_takes_them_again_when_it_has() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        let said = lab.palisade(&["add", "--set", "banned", "203.0.113.0/24"]).failed(2);
        assert!(said.contains("`banned` is a host set and cannot hold `203.0.113.0/24`"), "{said}");
        for address in ["203.0.113.1", "2001:db8::77"] {
            lab.palisade(&["add", "--set", "banned", address]).ok();
        }
        assert_eq!(dropped(lab, &from("203.0.113.1", 80, 1)), [true]);
        lab.palisade(&["add", "--set", "banned", "--timeout", super::SHORT, "203.0.113.3"]).ok();
        assert_eq!(dropped(lab, &from("198.51.100.2", 9, 4)), [false, false, true, true]);
        let said = lab.palisade(&["list", "--set", "banned"]).ok();
        assert!(said.starts_with("banned (host): 3 of 3 entries; no room for 2 bans\n"), "{said}");
        assert_eq!(dropped(lab, &from("198.51.100.2", 80, 1)), [false], "it is not banned");
        let said = lab.palisade(&["add", "--set", "banned", "203.0.113.4"]).failed(3);
        assert!(said.contains("is full"), "{said}");
        wait();
        // An edit takes out what is past its time.
        lab.palisade(&["del", "--set", "banned", "2001:db8::77"]).ok();
        assert_eq!(dropped(lab, &from("198.51.100.2", 9, 1)), [true]);
        assert_eq!(lab.items("banned"), ["198.51.100.2", "203.0.113.1"]);
    });
}

#[test]
fn the_banned_stay_when_the_policy_is_replaced_and_nobody_is_banned_in_shadow_mode() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        assert_eq!(dropped(lab, &from("198.51.100.1", 9, 3)), [false, false, true]);
        lab.palisade(&["mode", "shadow"]).ok();
        assert_eq!(dropped(lab, &from("198.51.100.2", 9, 4)), [false; 4]);
        assert_eq!(lab.items("banned"), ["198.51.100.1"]);
        lab.palisade(&["mode", "enforce"]).ok();
        let other = POLICY.replace("max 3", "max 300");
        lab.palisade_with(&["apply", "/dev/stdin"], &other).ok();
        assert_eq!(lab.items("banned"), ["198.51.100.1"]);
        assert_eq!(dropped(lab, &from("198.51.100.1", 80, 1)), [true]);
        assert_eq!(dropped(lab, &from("198.51.100.2", 9, 3)), [false, false, true], "begins anew");
    });
}
