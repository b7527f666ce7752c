//! What is said of entries that end.

use std::time::{SystemTime, UNIX_EPOCH};

use palisade_tests::lab::Lab;

use super::{SHORT, wait};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Items of every kind, with the set that takes each.
const ITEMS: [(&str, &str); 6] = [
    ("block", "10.0.0.1"),
    ("block", "10.0.0.0/8"),
    ("block", "2001:db8::1"),
    ("block", "2001:db8::/32"),
    ("ports", "udp/53"),
    ("macs", "02:00:5e:10:00:0f"),
];

const POLICY: &str = "set block net\nset ports service\nset macs mac\n\
                      drop src in block\ndrop service in ports\ndrop ether src in macs\ndefault pass\n";

#[test]
fn what_is_left_is_listed_and_what_is_past_is_not() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        let items = ITEMS.map(|(_, item)| item);
        let said = lab.palisade(&[&["add", "--timeout", "1h"], items.as_slice()].concat()).ok();
        assert!(said.contains("added 10.0.0.1 to `block` for 1h\n"), "{said}");
        let end = now() + 3600;
        for (set, item) in ITEMS {
            let listed = lab.palisade(&["list", "-j", "--set", set]).json();
            let entries = listed["sets"][set]["entries"].as_array().expect("entries").clone();
            let entry = entries.iter().find(|entry| entry["item"] == item).expect("it is listed");
            let expires = entry["expires"].as_u64().expect("it ends");
            assert!((end - 10..=end + 1).contains(&expires), "{item}: {expires}, {end}");
            let said = lab.palisade(&["list", "--set", set]).ok();
            let line = said.lines().find(|line| line.trim().starts_with(item)).expect("a line");
            assert!(line.contains("59m 5") && line.ends_with("s left"), "{line}");
            let said = lab.palisade(&["get", item]).ok();
            assert!(said.contains("59m 5") && said.contains("s left, 0 packets"), "{said}");
            let found = lab.palisade(&["get", "-j", item]).json();
            assert_eq!(found["matches"][0]["expires"], entry["expires"]);
        }
        let said = lab.palisade(&[&["add", "--timeout", SHORT], items.as_slice()].concat()).ok();
        assert_eq!(said.matches(&format!("already; it now stays {SHORT}\n")).count(), ITEMS.len());
        wait();
        let status = lab.palisade(&["status", "-j"]).json();
        for (set, item) in ITEMS {
            assert_eq!(lab.items(set), Vec::<String>::new(), "`{set}`");
            assert_eq!(status["sets"][set]["entries"], 0, "{status}");
            lab.palisade(&["get", item]).failed(1);
        }
        assert_eq!(lab.palisade(&["export", "--format", "list"]).ok(), "");
        let said = lab.palisade(&[&["del"], items.as_slice()].concat()).failed(1);
        assert_eq!(said.matches(" in `").count(), ITEMS.len(), "{said}");
        for set in ["block", "ports", "macs"] {
            let gone = lab.palisade(&["flush", "-j", "--set", set]).json();
            assert_eq!(gone["deleted"], 0);
        }
    });
}

#[test]
fn an_entry_that_is_added_again_gets_the_time_of_a_new_one_and_it_is_said() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        for (set, item) in ITEMS {
            let already = format!("{item} is in `{set}` already");
            lab.palisade(&["add", item]).ok();
            let said = lab.palisade(&["add", item, "--timeout", "90s"]).ok();
            assert_eq!(said, format!("{already}; it now stays 90s\n"));
            let said = lab.palisade(&["add", item, "--timeout", "2h"]).ok();
            assert_eq!(said, format!("{already}; it now stays 2h\n"));
            let said = lab.palisade(&["add", "-j", item]).json();
            assert_eq!(said["retimed"], serde_json::json!([item]));
            assert_eq!(said["present"], serde_json::json!([item]));
            let said = lab.palisade(&["add", item]).ok();
            assert_eq!(said, format!("{already}\n"));
            let found = lab.palisade(&["get", "-j", item]).json();
            assert!(found["matches"][0]["expires"].is_null(), "{found}");
        }
    });
}

#[test]
fn a_time_that_is_none_is_the_users_mistake() {
    Lab::run(|lab| {
        lab.filter_by(POLICY);
        for time in ["0s", "5", "1w", "11d11h", "-1s", "4000d"] {
            let said = lab.palisade(&["add", "10.0.0.1", &format!("--timeout={time}")]).failed(2);
            assert!(said.contains("is not a time such as"), "{said}");
        }
        assert_eq!(lab.items("block"), Vec::<String>::new());
    });
}
