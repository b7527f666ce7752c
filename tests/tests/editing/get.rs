//! `get` tells what decides about an item: the longest prefix, the narrowest service.

use std::time::{SystemTime, UNIX_EPOCH};

use palisade_tests::lab::Lab;

#[test]
fn get_tells_the_longest_prefix_that_covers() {
    Lab::run(|lab| {
        lab.filter();
        let four = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.0/31"];
        let six = ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::7"];
        lab.palisade(&[&["add"], four.as_slice(), six.as_slice()].concat()).ok();
        for (asked, entry) in [
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.4", "10.1.0.0/16"),
            ("10.1.2.1", "10.1.2.0/31"),
            ("10.2.0.0", "10.0.0.0/8"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.0/24", "10.1.0.0/16"),
            ("10.0.0.0/15", "10.0.0.0/8"),
            ("2001:db8:1::7", "2001:db8:1::7"),
            ("2001:db8:1::8", "2001:db8:1::/48"),
            ("2001:db8:2::", "2001:db8::/32"),
        ] {
            let found = lab.palisade(&["get", "-j", asked]).json();
            assert_eq!(found["item"], asked);
            assert_eq!(found["matches"][0]["entry"], entry, "{asked}: {found}");
            assert_eq!(found["matches"][0]["set"], "block");
            let said = lab.palisade(&["get", asked]).ok();
            assert!(said.contains(&format!(": {entry}, added ")), "{asked}: {said}");
        }
        for asked in ["11.0.0.0", "10.0.0.0/7", "0.0.0.0/0", "::a01:203", "2001:db9::", "::/0"] {
            let said = lab.palisade(&["get", asked]).failed(1);
            assert!(said.contains(asked), "{said}");
        }
    });
}

#[test]
fn get_tells_the_narrowest_service_that_covers() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "any/0-65535", "any/50-60", "tcp/40-90", "tcp/80", "any/80"]).ok();
        for (asked, entry) in [
            ("tcp/80", "tcp/80"),
            ("udp/80", "any/80"),
            ("tcp/41", "tcp/40-90"),
            ("udp/41", "any/0-65535"),
            ("tcp/50-60", "any/50-60"),
            ("tcp/79-80", "tcp/40-90"),
            ("any/40-90", "any/0-65535"),
            ("sctp/0", "any/0-65535"),
        ] {
            let found = lab.palisade(&["get", "-j", asked]).json();
            assert_eq!(found["matches"][0]["entry"], entry, "{asked}");
        }
        lab.palisade(&["del", "any/0-65535"]).ok();
        for asked in ["tcp/39", "any/40-90", "udp/81", "tcp/80-91"] {
            lab.palisade(&["get", asked]).failed(1);
        }
    });
}

#[test]
fn get_tells_every_set_that_covers_and_since_when() {
    Lab::run(|lab| {
        lab.filter();
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let before = now();
        lab.palisade(&["add", "10.0.0.0/8"]).ok();
        lab.palisade(&["add", "--set", "allow", "10.0.0.1"]).ok();
        let found = lab.palisade(&["get", "-j", "10.0.0.1"]).json();
        let matches = found["matches"].as_array().expect("matches");
        let of = |i: usize| (matches[i]["set"].as_str(), matches[i]["entry"].as_str());
        assert_eq!(matches.len(), 2);
        assert_eq!(of(0), (Some("allow"), Some("10.0.0.1")));
        assert_eq!(of(1), (Some("block"), Some("10.0.0.0/8")));
        for found in matches {
            let added = found["added"].as_u64().expect("a time");
            assert!((before..=now()).contains(&added), "{added}");
            assert_eq!(found["packets"], 0);
            assert_eq!(found["bytes"], 0);
            assert!(found["expires"].is_null());
        }
        let one = lab.palisade(&["get", "-j", "--set", "block", "10.0.0.1"]).json();
        assert_eq!(one["matches"].as_array().map(Vec::len), Some(1));
        lab.palisade(&["get", "--set", "allow", "10.0.0.2"]).failed(1);
    });
}
