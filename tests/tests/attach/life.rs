//! Interfaces and policies that come and go: what the others do meanwhile, and what is left.

use std::time::Duration;

use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::packet::udp;
use serde_json::json;

use crate::{attached, entry, from4, pins, rule, status};

#[test]
fn entries_survive_detach_with_keep_and_attach() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["add", "203.0.113.5", "udp/53"]).ok();
        let frames = [from4("203.0.113.5", udp(4000, 4001)), from4("203.0.113.6", udp(4000, 53))];
        assert_eq!(lab.through(&frames), [false, false]);
        let said = lab.palisade(&["detach", NEAR, "--keep"]).ok();
        assert!(said.contains("its sets are kept"), "{said}");
        assert_eq!(attached(lab), None);
        assert_eq!(lab.through(&frames), [true, true]);
        assert_eq!(entry(lab, "block", "203.0.113.5")["packets"], 1);
        lab.palisade(&["add", "203.0.113.7"]).ok();
        lab.palisade(&["attach", NEAR, "--mode", "generic"]).ok();
        let third = from4("203.0.113.7", udp(4000, 4001));
        assert_eq!(lab.through(&frames), [false, false]);
        assert_eq!(lab.through(&[third]), [false]);
        assert_eq!(entry(lab, "block", "203.0.113.5")["packets"], 2);
        assert_eq!(entry(lab, "ports", "udp/53")["packets"], 2);
        lab.palisade(&["detach", NEAR]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn interfaces_share_the_sets_and_the_last_detach_removes_the_pins_not_one_before() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "lo"]).ok();
        lab.palisade(&["add", "203.0.113.5", "127.0.0.5"]).ok();
        assert_eq!(lab.through(&[from4("203.0.113.5", udp(4000, 4001))]), [false]);
        let socket = lab.udp(5002);
        let local = std::net::UdpSocket::bind("127.0.0.5:0").expect("a loopback address");
        local.send_to(b"local", "127.0.0.1:5002").expect("sent");
        assert_eq!(socket.next(Duration::from_millis(30)), None);
        assert_eq!(rule(lab, "drop src in block"), 2);
        let said = lab.palisade(&["-j", "detach", NEAR]).json();
        assert_eq!((&said["remaining"], &said["kept"]), (&json!(["lo"]), &json!(true)));
        assert_eq!(pins(), ["palisade"]);
        assert_eq!(lab.through(&[from4("203.0.113.5", udp(4000, 4001))]), [true]);
        assert_eq!(entry(lab, "block", "127.0.0.5")["packets"], 1);
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn two_policies_live_side_by_side_under_their_names() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["--policy-name", "second-one", "attach", "lo"]).ok();
        lab.palisade(&["add", "203.0.113.5"]).ok();
        let other = lab.palisade(&["-j", "--policy-name", "second-one", "list"]).json();
        assert_eq!(other["policy"], "second-one");
        assert_eq!(other["sets"]["block"]["entries"], json!([]));
        let other = lab.palisade(&["-j", "--policy-name", "second-one", "status"]).json();
        assert_eq!(other["interfaces"][0]["name"], "lo");
        assert_ne!(other["program"]["id"], status(lab)["program"]["id"]);
        let error = lab.palisade(&["--policy-name", "second-one", "attach", NEAR]).failed(3);
        assert!(error.contains("palisade_main"), "{error}");
        lab.palisade(&["--policy-name", "second-one", "detach", "--all"]).ok();
        assert_eq!(pins(), ["palisade"]);
        assert_eq!(lab.through(&[from4("203.0.113.5", udp(4000, 4001))]), [false]);
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn modes_of_the_program_take_effect_at_once_without_attaching() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["add", "203.0.113.5"]).ok();
        let frame = [from4("203.0.113.5", udp(4000, 4001))];
        for (mode, passes) in [("shadow", true), ("off", true), ("enforce", false)] {
            lab.palisade(&["mode", mode]).ok();
            assert_eq!(lab.through(&frame), [passes], "{mode}");
        }
        assert_eq!(status(lab)["would_drop"]["packets"], 1);
    });
}

#[test]
fn an_interface_that_is_not_there_is_the_users_mistake_and_leaves_nothing() {
    Lab::run(|lab| {
        for args in [&["attach", "nosuch0"][..], &["attach", NEAR, "nosuch0"]] {
            let error = lab.palisade(args).failed(2);
            assert!(error.contains("there is no interface `nosuch0`"), "{error}");
            assert!(error.contains("ip -br link"), "{error}");
            assert_eq!(attached(lab), None);
            assert_eq!(pins(), [""; 0]);
        }
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["detach", "nosuch0"]).failed(2);
        lab.palisade(&["detach", NEAR, "nosuch0"]).failed(2);
        assert_eq!(status(lab)["interfaces"][0]["name"], NEAR);
        let error = lab.palisade(&["detach", "lo"]).failed(1);
        assert!(error.contains("lo carries no XDP program"), "{error}");
    });
}

#[test]
fn an_interface_that_vanishes_takes_its_program_along_and_the_rest_goes_on() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "lo"]).ok();
        lab.palisade(&["add", "203.0.113.5"]).ok();
        lab.here().delete(lab.near_index()).expect("removed");
        let status = status(lab);
        assert_eq!(status["interfaces"].as_array().map(Vec::len), Some(1));
        lab.palisade(&["detach", NEAR]).failed(2);
        lab.palisade(&["detach", "lo", "--keep"]).ok();
        let said = lab.palisade(&["status"]).ok();
        assert!(said.contains("NOTHING IS FILTERED"), "{said}");
        assert_eq!(entry(lab, "block", "203.0.113.5")["packets"], 0);
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn no_command_on_a_policy_that_is_not_in_force_does_anything_but_say_so() {
    Lab::run(|lab| {
        let commands: [&[&str]; 12] = [
            &["detach", NEAR],
            &["detach", "--all"],
            &["add", "203.0.113.5"],
            &["del", "203.0.113.5"],
            &["get", "203.0.113.5"],
            &["list"],
            &["flush", "--set", "block"],
            &["import", "/dev/null"],
            &["export"],
            &["status"],
            &["stats", "--count", "1"],
            &["mode", "off"],
        ];
        for args in commands {
            let error = lab.palisade(args).failed(2);
            assert!(error.contains("no policy `main` is in force"), "{args:?}: {error}");
            assert!(error.contains("palisade attach"), "{args:?}: {error}");
        }
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn of_interfaces_that_forward_nothing_a_policy_that_routes_says_so() {
    Lab::run(|lab| {
        let forward = |switches: [&str; 2]| {
            for (family, switch) in ["ipv4", "ipv6"].iter().zip(switches) {
                let path = format!("/proc/sys/net/{family}/conf/{NEAR}/forwarding");
                std::fs::write(path, switch).expect("it is ours");
            }
        };
        let said = |text: &str| lab.palisade_with(&["attach", NEAR, "-p", "-"], text).ok();
        forward(["0", "0"]);
        let told = said("route ip4\ndefault pass\n");
        assert!(told.contains(&format!("forwarding is off on {NEAR}")), "{told}");
        assert!(told.contains("net.ipv4.ip_forward=1"), "{told}");
        assert!(!said("drop ip4\ndefault pass\n").contains("forwarding"));
        for switches in [["1", "0"], ["0", "1"]] {
            forward(switches);
            let told = said(&format!("# {switches:?}\nroute ip4\ndefault pass\n"));
            assert!(!told.contains("forwarding"), "{switches:?}: {told}");
        }
    });
}
