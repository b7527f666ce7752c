//! JSON has the keys that DESIGN.md promises, and the numbers that text tells.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::packet::eth;
use serde_json::Value;

use super::{from4, wait};

const VERDICTS: [&str; 5] = ["aborted", "drop", "pass", "tx", "redirect"];

#[track_caller]
fn keys(value: &Value, wanted: &[&str]) {
    for key in wanted {
        assert!(value.get(key).is_some(), "there is no `{key}` in {value}");
    }
}

#[track_caller]
fn counts(value: &Value, wanted: &[&str]) {
    for key in wanted {
        assert!(value[key].is_u64(), "`{key}` is no count in {value}");
    }
}

#[test]
fn list_and_export_in_json_have_the_promised_keys() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.10.10.10", "2001:db8::/32", "tcp/80"]).ok();
        for args in [&["list", "-j"] as &[&str], &["export"], &["-j", "export"]] {
            let told = lab.palisade(args).json();
            assert_eq!(told["policy"], "main");
            for (name, kind, max) in
                [("allow", "net", 1 << 20), ("block", "net", 1 << 20), ("ports", "service", 4096)]
            {
                assert_eq!(told["sets"][name]["type"], kind);
                assert_eq!(told["sets"][name]["max"], max);
                assert!(told["sets"][name]["entries"].is_array());
            }
            let entry = &told["sets"]["block"]["entries"][0];
            assert_eq!(entry["item"], "10.10.10.10");
            counts(entry, &["packets", "bytes"]);
            assert!(entry["expires"].is_null() && entry.get("expires").is_some());
        }
        let list = lab.palisade(&["export", "--format", "list", "--set", "block"]).ok();
        assert_eq!(list, "10.10.10.10\n2001:db8::/32\n");
    });
}

#[test]
fn status_in_json_has_the_promised_keys() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.66", "10.0.0.0/8", "udp/53"]).ok();
        let frames = [from4("198.51.100.66", 9), from4("198.51.100.1", 9)];
        assert_eq!(lab.through(&frames), [false, true]);
        for args in [&["status", "-j"] as &[&str], &["-j", "status", NEAR]] {
            let told = lab.palisade(args).json();
            assert_eq!(told["policy"], "main");
            counts(&told["program"], &["id", "instructions"]);
            assert_eq!(told["program"]["tag"].as_str().map(str::len), Some(16));
            let interface = &told["interfaces"][0];
            assert_eq!((&interface["name"], &interface["mode"]), (&NEAR.into(), &"native".into()));
            assert_eq!(interface["ifindex"], lab.near_index().number());
            for (name, kind, entries) in
                [("allow", "net", 0), ("block", "net", 2), ("ports", "service", 1)]
            {
                let set = &told["sets"][name];
                assert_eq!((&set["type"], &set["entries"]), (&kind.into(), &entries.into()));
                counts(set, &["max", "memory"]);
                assert!(set["memory"].as_u64() > Some(0));
                assert!(set["structure"].as_str().is_some_and(|text| !text.is_empty()));
            }
            for verdict in VERDICTS {
                counts(&told["verdicts"][verdict], &["packets", "bytes"]);
            }
            assert_eq!(told["verdicts"]["drop"]["packets"], 1);
            assert_eq!(told["verdicts"]["drop"]["bytes"], frames[0].len());
            // The lab's fence passes too, and what the far end says of itself.
            assert!(told["verdicts"]["pass"]["packets"].as_u64() >= Some(2));
        }
        lab.palisade(&["status", "lo"]).failed(1);
        lab.palisade(&["status", "nope"]).failed(2);
    });
}

#[test]
fn get_in_json_has_what_text_tells() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.64/28"]).ok();
        assert_eq!(lab.through(&[from4("198.51.100.66", 9)]), [false]);
        lab.expect_hits("block", "198.51.100.64/28", 1);
        let told = lab.palisade(&["get", "-j", "198.51.100.66"]).json();
        keys(&told, &["policy", "item", "matches"]);
        keys(&told["matches"][0], &["set", "entry", "packets", "bytes", "added", "expires"]);
        assert_eq!(told["matches"][0]["packets"], 1);
        let text = lab.palisade(&["get", "198.51.100.66"]).ok();
        assert!(text.contains("198.51.100.64/28") && text.contains("1 packet, 42 B"), "{text}");
        let no = lab.palisade(&["get", "-j", "203.0.113.1"]);
        let told: Value = serde_json::from_str(&no.stdout).expect("JSON beside the answer no");
        assert_eq!(told["matches"], serde_json::json!([]));
        no.failed(1);
    });
}

#[test]
fn stats_in_json_is_a_document_a_line_with_the_promised_keys() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.66"]).ok();
        let (start, args) =
            (Instant::now(), ["stats", "-j", "--count", "3", "--interval", "200ms"]);
        let mut child = lab.command(&args).stdout(Stdio::piped()).spawn().expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut next = || -> Value {
            let line = lines.next().expect("a line").expect("UTF-8");
            serde_json::from_str(&line).expect("JSON")
        };
        next();
        let odd = (eth().ethertype(0x0800) / [0x45, 0].as_slice()).build();
        let frames = [vec![from4("198.51.100.66", 9); 20], vec![odd]].concat();
        assert_eq!(lab.through(&frames), [false; 21]);
        let (second, third) = (next(), next());
        assert!(lines.next().is_none());
        assert_eq!(wait(&mut child), Some(0));
        assert!(start.elapsed() >= Duration::from_millis(600));

        keys(&third, &["interval", "verdicts", "rules", "malformed"]);
        let interval = third["interval"].as_f64().expect("seconds");
        assert!((0.2..2.0).contains(&interval), "{interval}");
        for verdict in VERDICTS {
            keys(&third["verdicts"][verdict], &["packets", "bytes", "pps", "bps"]);
        }
        assert_eq!(third["verdicts"]["drop"]["packets"], 21);
        assert_eq!(third["malformed"]["short-l3"], 1);
        let rule = |sample: &Value| {
            let rules = sample["rules"].as_array().expect("rules");
            rules.iter().find(|rule| rule["text"] == "drop src in block").expect("the rule").clone()
        };
        keys(&rule(&third), &["line", "text", "packets", "bytes", "pps"]);
        assert_eq!((&rule(&third)["line"], &rule(&third)["packets"]), (&7.into(), &20.into()));
        assert_eq!(rule(&third)["bytes"], 20 * frames[0].len());
        let rates = [&second, &third].map(|sample| rule(sample)["pps"].as_f64().expect("a rate"));
        let periods = [&second, &third].map(|sample| sample["interval"].as_f64().expect("seconds"));
        let packets = rates[0] * periods[0] + rates[1] * periods[1];
        assert!((19.0..21.0).contains(&packets), "{rates:?} a second for {periods:?} seconds");
    });
}
