//! Ethernet addresses: every command takes them, and they have a set of their own.

use palisade_tests::lab::Lab;
use palisade_tests::packet::{arp, eth, ipv4, ipv6, udp};

/// A `mac` set of few entries beside another set.
const POLICY: &str = "set block net\nset macs mac { max 3 }\ndrop ether src in macs\n\
                      drop src in block\ndefault pass\n";

#[test]
fn ethernet_addresses_are_added_found_listed_and_deleted() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        let said = lab.palisade(&["add", "02:00:5E:10:00:0f", "02:00:5e:10:00:10"]).ok();
        assert_eq!(said, "added 02:00:5e:10:00:0f to `macs`\nadded 02:00:5e:10:00:10 to `macs`\n");
        let said = lab.palisade(&["add", "02:00:5e:10:00:10"]).ok();
        assert_eq!(said, "02:00:5e:10:00:10 is in `macs` already\n");
        assert_eq!(lab.items("macs"), ["02:00:5e:10:00:0f", "02:00:5e:10:00:10"]);
        let said = lab.palisade(&["list", "--set", "macs"]).ok();
        assert!(said.starts_with("macs (mac): 2 of 3 entries\n"), "{said}");
        let found = lab.palisade(&["get", "-j", "02:00:5e:10:00:0f"]).json();
        assert_eq!(found["matches"][0]["entry"], "02:00:5e:10:00:0f");
        assert_eq!(found["matches"][0]["set"], "macs");
        lab.palisade(&["get", "02:00:5e:10:00:11"]).failed(1);
        let status = lab.palisade(&["status", "-j"]).json();
        assert_eq!(status["sets"]["macs"]["type"], "mac");
        assert_eq!(status["sets"]["macs"]["entries"], 2);
        lab.palisade(&["del", "02:00:5e:10:00:0f"]).ok();
        let said = lab.palisade(&["del", "02:00:5e:10:00:0f"]).failed(1);
        assert!(said.contains("no 02:00:5e:10:00:0f in `macs`"), "{said}");
        let gone = lab.palisade(&["flush", "-j", "--set", "macs"]).json();
        assert_eq!(gone["deleted"], 1);
        assert_eq!(lab.items("macs"), Vec::<String>::new());
    });
}

#[test]
fn frames_of_any_kind_meet_the_set_and_are_counted() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        let of = |last: u8| eth().src([2, 0, 0x5e, 0x10, 0, last]);
        let frames = [
            (of(1) / ipv4() / udp(1, 2)).build(),
            (of(1) / ipv6() / udp(1, 2)).build(),
            (of(2) / ipv4() / udp(1, 2)).build(),
            (of(1) / arp(1)).build(),
        ];
        assert_eq!(lab.through(&frames), [true; 4]);
        lab.palisade(&["add", "02:00:5e:10:00:01"]).ok();
        assert_eq!(lab.through(&frames), [false, false, true, false]);
        lab.expect_hits("macs", "02:00:5e:10:00:01", 3);
        let bytes: usize = [0, 1, 3].iter().map(|i| frames[*i].len()).sum();
        assert_eq!(lab.hits("macs", "02:00:5e:10:00:01").1, bytes as u64);
        lab.palisade(&["del", "02:00:5e:10:00:01"]).ok();
        assert_eq!(lab.through(&frames), [true; 4]);
    });
}

#[test]
fn a_mac_set_is_filled_and_replaced_from_files_and_says_when_it_is_full() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        let list = "10.0.0.1\n02:00:5e:10:00:01 # one\n02:00:5e:10:00:02\n";
        let said = lab.palisade_with(&["import", "-"], list).ok();
        assert!(said.contains("added 2 to `macs`"), "{said}");
        assert_eq!(lab.items("block"), ["10.0.0.1"]);
        let exported = lab.palisade(&["export", "--format", "list", "--set", "macs"]).ok();
        assert_eq!(exported, "02:00:5e:10:00:01\n02:00:5e:10:00:02\n");
        let said = lab.palisade(&["add", "02:00:5e:10:00:03", "02:00:5e:10:00:04"]).failed(3);
        assert!(said.contains("2 of 3 entries, 2 more do not fit"), "{said}");
        assert_eq!(lab.items("macs").len(), 2);
        let new = "02:00:5e:10:00:02\n02:00:5e:10:00:09\n";
        lab.palisade_with(&["import", "--replace", "--set", "macs", "-"], new).ok();
        assert_eq!(lab.items("macs"), ["02:00:5e:10:00:02", "02:00:5e:10:00:09"]);
        let said = lab.palisade(&["add", "--set", "macs", "10.0.0.1"]).failed(2);
        assert!(said.contains("`macs` is a mac set and cannot hold `10.0.0.1`"), "{said}");
        let said = lab.palisade(&["add", "--set", "block", "02:00:5e:10:00:02"]).failed(2);
        assert!(said.contains("`block` is a net set"), "{said}");
    });
}

#[test]
fn without_a_set_called_macs_the_set_has_to_be_named() {
    Lab::run(|lab| {
        lab.filter_by("set hosts mac\ndrop ether dst in hosts\ndefault pass\n");
        let said = lab.palisade(&["add", "02:00:5e:10:00:01"]).failed(2);
        assert!(said.contains("no set `macs`") && said.contains("hosts"), "{said}");
        lab.palisade(&["add", "02:00:5e:10:00:01", "--set", "hosts"]).ok();
        assert_eq!(lab.items("hosts"), ["02:00:5e:10:00:01"]);
    });
}
