//! What cannot be imported whole is not imported at all, and every mistake is told with its place.

use palisade_tests::lab::Lab;

use super::formats::FORMATS;
use super::{file, items};

/// A net set and a service set that take few entries.
const SMALL: &str = "set block net { max 4 }\nset ports service { max 2 }\n\
                     drop src in block\ndrop service in ports\ndefault pass\n";

#[test]
fn mistakes_are_all_told_with_their_places_and_nothing_is_imported() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.9.9.9", "tcp/9"]).ok();
        let before = lab.palisade(&["export"]).ok();
        let path = file("bad-lines", "10.0.0.1\n1.2.3\ntcp/80\n  tcp/80x\n# fine\n1.2.3.4/33\n");
        for args in [&["import", &path] as &[&str], &["import", "--replace", &path]] {
            let said = lab.palisade(args).failed(2);
            let told = format!(
                "error: `1.2.3` is not an IPv4 or IPv6 address\n --> {path}:2:1\n  |\n2 | 1.2.3\n  | ^^^^^"
            );
            assert!(said.contains(&told), "{said}");
            for place in [":4:7\n", ":6:9\n"] {
                assert!(said.contains(&format!("{path}{place}")), "{place}: {said}");
            }
            assert!(said.contains("4 |   tcp/80x\n  |       ^^^"), "{said}");
            assert_eq!(said.matches("error: ").count(), 3, "{said}");
            assert_eq!(lab.palisade(&["export"]).ok(), before);
        }
        let said = lab.palisade_with(&["import", "-"], "10.0.0.1\nnonsense\n").failed(2);
        assert!(said.contains("standard input:2:1"), "{said}");
        for (_, format, text, _) in &FORMATS[5..] {
            let cut = &text[..text.len() * 2 / 3];
            let broken = cut.trim_end_matches(|c| c != ' ').to_owned() + "nonsense";
            let said = lab.palisade_with(&["import", "--format", format, "-"], &broken).failed(2);
            assert!(said.contains("standard input:") && said.contains('^'), "{format}: {said}");
        }
        assert_eq!(lab.palisade(&["export"]).ok(), before);
    });
}

#[test]
fn an_import_that_does_not_fit_changes_nothing() {
    Lab::run(|lab| {
        lab.filter_by(SMALL);
        lab.palisade(&["add", "10.0.0.1", "10.0.0.2", "tcp/80"]).ok();
        let before = lab.palisade(&["export"]).ok();
        let five = "10.0.0.1\n10.0.0.3\n10.1.0.0/16\n2001:db8::1\n";
        for (list, filled, more) in [
            (five.to_owned(), "2 of 4", "3 more"),
            ("tcp/81\ntcp/82\n".to_owned(), "1 of 2", "2 more"),
            // The first set could take its part, and gives it back.
            ("10.0.0.3\ntcp/81\ntcp/82\n".to_owned(), "1 of 2", "2 more"),
        ] {
            for dry in [&["import", "-"] as &[&str], &["import", "--dry-run", "-"]] {
                let said = lab.palisade_with(dry, &list).failed(3);
                assert!(said.contains(filled) && said.contains(more), "{said}");
                assert_eq!(lab.palisade(&["export"]).ok(), before);
            }
        }
        let six = "10.3.0.1\n10.3.0.2\n10.3.0.3\n10.3.0.4\n10.3.0.5\n10.3.0.6\n";
        let said = lab.palisade_with(&["import", "--replace", "-"], six).failed(3);
        assert!(said.contains("of 4"), "{said}");
        assert_eq!(lab.palisade(&["export"]).ok(), before);
        lab.palisade_with(&["import", "-"], "10.0.0.1\n10.0.0.2\n10.0.0.3\n10.0.0.4\ntcp/80\n")
            .ok();
        assert_eq!(lab.items("block").len(), 4);
        let status = lab.palisade(&["status", "-j"]).json();
        assert_eq!(status["sets"]["block"]["entries"], 4);
    });
}

#[test]
fn what_is_no_readable_text_is_refused_by_name() {
    Lab::run(|lab| {
        lab.filter();
        let dir = env!("CARGO_TARGET_TMPDIR");
        let said = lab.palisade(&["import", dir]).failed(2);
        assert!(said.contains(dir) && said.contains("EISDIR"), "{said}");
        let said = lab.palisade(&["import", "no/such/file"]).failed(2);
        assert!(said.contains("no/such/file") && said.contains("ENOENT"), "{said}");
        let binary: Vec<u8> = (0..=255).cycle().take(4096).collect();
        let path = file("binary", &binary);
        let said = lab.palisade(&["import", &path]).failed(2);
        assert!(said.contains(&format!("{path}:")) && said.contains("UTF-8"), "{said}");
        let said = lab.palisade(&["import", &file("gzip", b"\x1f\x8b\x08\0")]).failed(2);
        assert!(said.contains("gunzip"), "{said}");
        let said = lab.palisade(&["import", &file("nul", b"10.0.0.1\n\0\n")]).failed(2);
        assert!(said.contains("nul:2:1") && said.contains("NUL"), "{said}");
        let long = "1".repeat(1 << 20);
        for text in [long.clone(), format!("10.0.0.1\n{long}\n"), format!("{{\"{long}")] {
            let said = lab.palisade(&["import", &file("long-line", text)]).failed(2);
            assert!(said.contains("long-line:") && said.len() < 4096, "{} bytes", said.len());
        }
        let said = lab.palisade_with(&["import", "--format", "csv", "-"], "").failed(2);
        assert!(said.contains("csv") && said.contains("auto, list, json, ipset, nft"), "{said}");
        let said = lab.palisade_with(&["import", "--format", "json", "-"], "10.0.0.1\n").failed(2);
        assert!(said.contains("standard input:1:1"), "{said}");
        assert_eq!(items(lab), Vec::<String>::new());
    });
}

#[test]
fn items_that_a_set_cannot_hold_are_refused_with_the_whole_file() {
    Lab::run(|lab| {
        lab.filter();
        let said =
            lab.palisade_with(&["import", "--set", "block", "-"], "10.0.0.1\ntcp/80\n").failed(2);
        assert!(said.contains("`block`") && said.contains("`tcp/80`"), "{said}");
        let said =
            lab.palisade_with(&["import", "--set", "ports", "-"], "tcp/80\n10.0.0.1\n").failed(2);
        assert!(said.contains("`ports`") && said.contains("`10.0.0.1`"), "{said}");
        let other = FORMATS[5].2.replace("\"ports\"", "\"doors\"");
        let said = lab.palisade_with(&["import", "-"], &other).failed(2);
        assert!(said.contains("no set `doors`") && said.contains("allow, block, ports"), "{said}");
        let swapped = FORMATS[5].2.replace("udp/53", "10.0.0.3");
        lab.palisade_with(&["import", "-"], &swapped).failed(2);
        for set in ["allow", "block", "ports"] {
            assert_eq!(lab.items(set), Vec::<String>::new());
        }
    });
}
