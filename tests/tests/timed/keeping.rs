//! Times survive export, import and the change of a set's maps; and the time that a set gives by
//! itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::Group;
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::nobody;
use palisade_tests::privilege::{self, Reason};
use serde_json::Value;

use super::{SHORT, dropped, from, wait};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Items with the seconds when they end, as a listing tells them.
fn ends(listing: &Value, set: &str) -> Vec<(String, Option<u64>)> {
    let entries = listing["sets"][set]["entries"].as_array().expect("entries");
    let pair = |entry: &Value| {
        (entry["item"].as_str().expect("an item").to_owned(), entry["expires"].as_u64())
    };
    entries.iter().map(pair).collect()
}

/// How far the ends of two listings are apart at most; the items and what lasts must be alike.
#[track_caller]
fn apart(one: &[(String, Option<u64>)], other: &[(String, Option<u64>)]) -> u64 {
    assert_eq!(one.len(), other.len(), "{one:?}, {other:?}");
    let pairs = one.iter().zip(other).map(|((a, one), (b, other))| {
        assert_eq!((a, one.is_some()), (b, other.is_some()));
        one.unwrap_or(0).abs_diff(other.unwrap_or(0))
    });
    pairs.max().unwrap_or(0)
}

#[test]
fn an_export_is_imported_with_the_same_times() {
    Lab::run(|lab| {
        let policy = "set block net { timeout 1d }\nset ports service\nset macs mac\ndrop src in block\n\
                      drop service in ports\ndrop ether src in macs\ndefault pass\n";
        lab.filter_by(policy);
        lab.palisade(&["add", "10.0.0.1", "10.1.0.0/16", "udp/53", "--timeout", "1h"]).ok();
        lab.palisade(&["add", "2001:db8::1", "udp/54", "02:00:5e:10:00:0f"]).ok();
        lab.palisade(&["add", "02:00:5e:10:00:10", "--timeout", "30m"]).ok();
        let exported = lab.palisade(&["export"]).ok();
        let before: Value = serde_json::from_str(&exported).expect("JSON");
        let same = lab.palisade_with(&["import", "-j", "-"], &exported).json();
        assert_eq!(
            same["sets"]["block"],
            serde_json::json!({"added": 0, "present": 3, "retimed": 0})
        );
        for set in ["block", "ports", "macs"] {
            lab.palisade(&["flush", "--set", set]).ok();
        }
        lab.palisade_with(&["import", "-"], &exported).ok();
        let behind = lab.palisade(&["list", "-j"]).json();
        lab.palisade_with(&["import", "--replace", "-"], &exported).ok();
        let replaced = lab.palisade(&["list", "-j"]).json();
        for set in ["block", "ports", "macs"] {
            assert!(apart(&ends(&before, set), &ends(&behind, set)) <= 1, "{before}\n{behind}");
            assert!(apart(&ends(&before, set), &ends(&replaced, set)) <= 1, "{replaced}");
        }
    });
}

#[test]
fn an_import_keeps_the_times_of_the_file_and_gives_the_others_its_own() {
    Lab::run(|lab| {
        lab.filter();
        let saved = "create a hash:ip timeout 300\nadd a 10.0.0.1 timeout 600\n\
                     add a 10.0.0.2 timeout 0\nadd a 10.0.0.3\n";
        lab.palisade_with(&["import", "--timeout", "2h", "-"], saved).ok();
        let listing = lab.palisade(&["list", "-j"]).json();
        let want = [("10.0.0.1", Some(600)), ("10.0.0.2", None), ("10.0.0.3", Some(7200))];
        let want = want.map(|(item, left)| (item.to_owned(), left.map(|left| now() + left)));
        assert!(apart(&ends(&listing, "block"), &want) <= 10, "{listing}");
        let said = lab.palisade_with(&["import", "--timeout", "3h", "-"], saved).ok();
        assert!(said.contains("3 already there") && said.ends_with(" with a new time\n"), "{said}");
        let past = now() - 5;
        let list = format!(
            r#"{{"sets":{{"block":{{"type":"net","entries":[{{"item":"10.0.0.8","expires":{past}}},{{"item":"10.0.0.9","expires":null}}]}}}}}}"#
        );
        let said = lab.palisade_with(&["import", "--timeout", "2h", "-"], &list).ok();
        assert!(said.contains("time is past: 1\n"), "{said}");
        assert!(said.contains("added 1 to `block`"), "{said}");
        let listing = lab.palisade(&["list", "-j"]).json();
        let last = ends(&listing, "block").pop();
        assert_eq!(last, Some(("10.0.0.9".to_owned(), None)));
    });
}

#[test]
fn of_an_item_that_a_file_names_twice_the_first_one_counts() {
    Lab::run(|lab| {
        lab.filter();
        let (early, late) = (now() + 3600, now() + 7200);
        let entry = |item: &str, expires| format!(r#"{{"item":"{item}","expires":{expires}}}"#);
        let set = |kind: &str, item: &str, times: [u64; 2]| {
            let [first, second] = times.map(|time| entry(item, time));
            format!(r#"{{"type":"{kind}","entries":[{first},{second}]}}"#)
        };
        let [ports, block] =
            [set("service", "tcp/80", [late, early]), set("net", "10.0.0.1", [early, late])];
        let list = format!(r#"{{"sets":{{"ports":{ports},"block":{block}}}}}"#);
        for how in [&["import", "-"][..], &["import", "--replace", "-"]] {
            lab.palisade_with(how, &list).ok();
            let listing = lab.palisade(&["list", "-j"]).json();
            for (set, item, end) in [("ports", "tcp/80", late), ("block", "10.0.0.1", early)] {
                let wanted = [(item.to_owned(), Some(end))];
                assert!(apart(&ends(&listing, set), &wanted) <= 1, "{listing}");
                lab.palisade(&["flush", "--set", set]).ok();
            }
        }
    });
}

#[test]
fn new_maps_of_a_set_keep_what_is_left() {
    Lab::run(|lab| {
        let policy = |max: u32| {
            format!(
                "set block net {{ max {max} }}\nset macs mac {{ max {max} }}\nset ports service {{ max {max} }}\n\
                     drop src in block\ndrop ether src in macs\ndrop service in ports\ndefault pass\n"
            )
        };
        lab.filter_by(&policy(10));
        let items = ["10.0.0.1", "10.1.0.0/16", "02:00:5e:10:00:0f", "udp/53"];
        lab.palisade(&[&["add", "--timeout", "1h"], items.as_slice()].concat()).ok();
        lab.palisade(&["add", "10.1.1.0/24", "--timeout", SHORT]).ok();
        let before = lab.palisade(&["list", "-j"]).json();
        wait();
        lab.filter_by(&policy(20));
        let behind = lab.palisade(&["list", "-j"]).json();
        let mut nets = ends(&before, "block");
        nets.retain(|(item, _)| item != "10.1.1.0/24");
        assert!(apart(&nets, &ends(&behind, "block")) <= 1, "{before}\n{behind}");
        for set in ["macs", "ports"] {
            assert!(apart(&ends(&before, set), &ends(&behind, set)) <= 1, "{before}\n{behind}");
        }
        assert_eq!(dropped(lab, &[from("10.1.1.1"), from("10.0.0.1")]), [true, true]);
    });
}

#[test]
fn the_sets_own_time_is_that_of_every_entry_without_one() {
    Lab::run(|lab| {
        let policy = format!(
            "set block net {{ timeout {SHORT} }}\nset ports service {{ timeout 2h }}\nset macs mac {{ timeout 1d }}\n\
             drop src in block\ndrop service in ports\ndrop ether src in macs\ndefault pass\n"
        );
        lab.filter_by(&policy);
        let said = lab.palisade(&["add", "10.0.0.1", "udp/53", "02:00:5e:10:00:0f"]).ok();
        assert!(said.contains(&format!("added 10.0.0.1 to `block` for {SHORT}\n")), "{said}");
        assert!(said.contains("added udp/53 to `ports` for 2h\n"), "{said}");
        assert!(said.contains("added 02:00:5e:10:00:0f to `macs` for 1d\n"), "{said}");
        lab.palisade(&["add", "10.0.0.2", "--timeout", "1h"]).ok();
        lab.palisade_with(&["import", "-"], "10.0.0.3\n").ok();
        let frames = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(from);
        assert_eq!(dropped(lab, &frames), [true; 3]);
        wait();
        assert_eq!(dropped(lab, &frames), [false, true, false]);
    });
}

#[test]
fn a_member_of_the_group_adds_for_the_sets_own_time() {
    let names = ["nogroup", "nobody", "users", "daemon"];
    let group = names.into_iter().find_map(|name| Group::from_name(name).ok().flatten());
    let Some(group) = group.filter(|group| group.gid.as_raw() != 0) else {
        privilege::skip(&Reason::Machine {
            name: "group",
            said: "root has the only one".to_owned(),
        });
        return;
    };
    Lab::run(|lab| {
        let policy = "set block net { timeout 2h }\nset macs mac { timeout 2h }\n\
                      set ports service { timeout 2h }\ndrop src in block\n\
                      drop ether src in macs\ndrop service in ports\ndefault pass\n";
        let attach = ["attach", NEAR, "-p", "/dev/stdin", "--group", &group.name];
        lab.palisade_with(&attach, policy).ok();
        fs::set_permissions(BPFFS, fs::Permissions::from_mode(0o755)).expect("the lab's own");
        let items = ["10.0.0.1", "10.0.0.0/8", "02:00:5e:10:00:0f", "udp/53"];
        let mut command = nobody::palisade(&[&["add"], items.as_slice()].concat());
        let output = command.gid(group.gid.as_raw()).current_dir("/").output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said.matches(" for 2h\n").count(), items.len(), "{said}{output:?}");
        let listing = lab.palisade(&["list", "-j"]).json();
        for set in ["block", "macs", "ports"] {
            let ends = ends(&listing, set);
            assert!(!ends.is_empty());
            for (item, end) in ends {
                let left = end.expect("it ends").abs_diff(now());
                assert!((7100..=7201).contains(&left), "{item} stays {left} s");
            }
        }
    });
}
