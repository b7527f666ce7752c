//! Items of every kind go in and out, and each command says what it did.

use palisade_tests::lab::Lab;

use super::{from4, from6, items, sorted};

#[test]
fn items_of_every_kind_are_added_found_and_deleted() {
    Lab::run(|lab| {
        lab.filter();
        let nets = [
            "192.0.2.66",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "198.51.100.2/31",
            "2001:db8::5",
            "::/0",
            "2001:db8:7::/48",
            "2001:db8::8/127",
            "::ffff:192.0.2.1",
            "255.255.255.255",
            "0.0.0.0",
        ];
        let services = [
            "tcp/80",
            "udp/53",
            "sctp/7",
            "any/443",
            "tcp/8000-8099",
            "tcp/0",
            "udp/65535",
            "any/0-65535",
        ];
        let all: Vec<&str> = nets.iter().chain(&services).copied().collect();
        let said = lab.palisade(&[&["add"], all.as_slice()].concat()).ok();
        assert_eq!(said.lines().filter(|line| line.starts_with("added ")).count(), all.len());
        assert_eq!(items(lab, "block"), sorted(&nets));
        assert_eq!(items(lab, "ports"), sorted(&services));
        for item in &all {
            let found = lab.palisade(&["get", "-j", item]).json();
            assert_eq!(found["matches"][0]["entry"], *item, "{found}");
        }
        lab.palisade(&[&["del"], all.as_slice()].concat()).ok();
        assert_eq!(lab.items("block"), Vec::<String>::new());
        assert_eq!(lab.items("ports"), Vec::<String>::new());
    });
}

#[test]
fn host_bits_and_full_lengths_do_not_make_another_item() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.1.2.3/16", "192.0.2.1/32", "2001:db8::1/128"]).ok();
        assert_eq!(items(lab, "block"), sorted(&["10.1.0.0/16", "192.0.2.1", "2001:db8::1"]));
        let said = lab.palisade(&["add", "10.1.255.0/16", "192.0.2.1"]).ok();
        assert_eq!(said, "10.1.0.0/16 is in `block` already\n192.0.2.1 is in `block` already\n");
    });
}

#[test]
fn adding_what_is_there_says_so_and_succeeds() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.0.0.1", "udp/53"]).ok();
        let said = lab.palisade(&["add", "10.0.0.1", "10.0.0.2", "udp/53"]).ok();
        assert!(said.contains("10.0.0.1 is in `block` already"), "{said}");
        assert!(said.contains("added 10.0.0.2 to `block`"), "{said}");
        assert!(said.contains("udp/53 is in `ports` already"), "{said}");
        let said = lab.palisade(&["add", "-j", "10.0.0.2", "10.0.0.3"]).json();
        assert_eq!(said["added"], serde_json::json!(["10.0.0.3"]));
        assert_eq!(said["present"], serde_json::json!(["10.0.0.2"]));
        assert_eq!(said["policy"], "main");
    });
}

#[test]
fn an_item_named_twice_is_one_entry() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.0.0.1", "10.0.0.1/32", "10.0.0.1", "tcp/80", "tcp/80"]).ok();
        assert_eq!(lab.items("block"), ["10.0.0.1"]);
        assert_eq!(lab.items("ports"), ["tcp/80"]);
        let status = lab.palisade(&["status", "-j"]).json();
        assert_eq!(status["sets"]["block"]["entries"], 1);
        lab.palisade(&["del", "10.0.0.1", "10.0.0.1"]).ok();
        assert_eq!(lab.palisade(&["status", "-j"]).json()["sets"]["block"]["entries"], 0);
    });
}

#[test]
fn deleting_what_is_absent_answers_no_and_deletes_the_others() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.0.0.0/8", "10.0.0.1", "tcp/80", "tcp/81"]).ok();
        let absent = ["10.0.0.0/9", "10.0.0.2", "tcp/80-81", "udp/80"];
        let said =
            lab.palisade(&[&["del", "10.0.0.0/8", "tcp/81"], absent.as_slice()].concat()).failed(1);
        for item in absent {
            assert!(said.contains(item), "{item} is not in: {said}");
        }
        assert_eq!(lab.items("block"), ["10.0.0.1"]);
        assert_eq!(lab.items("ports"), ["tcp/80"]);
        let said = lab.palisade(&["-j", "del", "10.0.0.1", "10.0.0.9"]);
        let document: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
        assert_eq!(document["deleted"], serde_json::json!(["10.0.0.1"]));
        said.failed(1);
        assert_eq!(lab.items("block"), Vec::<String>::new());
    });
}

#[test]
fn flush_empties_one_set_and_asks_which_where_there_are_several() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.66", "198.51.100.96/28", "2001:db8::66", "udp/53"]).ok();
        let said = lab.palisade(&["flush"]).failed(2);
        assert!(said.contains("allow, block, ports"), "{said}");
        assert_eq!(lab.items("block").len(), 3);
        let frames =
            [from4("198.51.100.66", 9), from6("2001:db8::66", 9), from4("198.51.100.1", 53)];
        assert_eq!(lab.through(&frames), [false; 3]);
        assert_eq!(lab.palisade(&["flush", "--set", "block"]).ok(), "deleted 3 from `block`\n");
        assert_eq!(lab.items("block"), Vec::<String>::new());
        assert_eq!(lab.items("ports"), ["udp/53"]);
        assert_eq!(lab.through(&frames), [true, true, false]);
        let said = lab.palisade(&["-j", "flush", "--set", "ports"]).json();
        assert_eq!((&said["set"], &said["deleted"]), (&"ports".into(), &1.into()));
        assert_eq!(lab.through(&frames), [true; 3]);
        assert_eq!(lab.palisade(&["flush", "--set", "ports"]).ok(), "deleted 0 from `ports`\n");
    });
}

#[test]
fn the_only_set_of_a_policy_needs_no_name_to_be_flushed() {
    Lab::run(|lab| {
        lab.filter_by("set bad net\ndrop src in bad\ndefault pass\n");
        let said = lab.palisade(&["add", "10.0.0.1"]).failed(2);
        assert!(said.contains("--set: bad"), "{said}");
        lab.palisade(&["add", "--set", "bad", "10.0.0.1"]).ok();
        assert_eq!(lab.palisade(&["flush"]).ok(), "deleted 1 from `bad`\n");
    });
}

#[test]
fn list_shows_all_sets_or_the_one_that_is_named() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.0.0.1", "10.0.0.0/8", "tcp/80"]).ok();
        let said = lab.palisade(&["list"]).ok();
        for line in ["allow (net): 0 of", "block (net): 2 of", "ports (service): 1 of"] {
            assert!(said.contains(line), "{said}");
        }
        let said = lab.palisade(&["list", "--set", "ports"]).ok();
        assert!(said.contains("tcp/80") && !said.contains("10.0.0.1"), "{said}");
        let document = lab.palisade(&["list", "-j", "--set", "ports"]).json();
        assert_eq!(document["sets"].as_object().map(|sets| sets.len()), Some(1));
    });
}
