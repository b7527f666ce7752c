//! Whoever reads beside a change sees one policy or the other.

use std::process::{Child, Stdio};

use palisade_tests::lab::{Lab, NEAR};

use crate::{Files, attach};

/// Two policies with sets and counters of their own.
const ONE: &str = "set a net { max 16 }\ndrop ip4 src in a\ncount arp\ndefault pass\n";
const TWO: &str = "set b net { max 32 }\ncount udp\ncount tcp\ndrop ip4 dst in b\ndefault pass\n";

/// Applies one and the other, and calls `read` again and again while that goes on.
fn beside_applies(lab: &Lab, mut read: impl FnMut()) {
    attach(lab, ONE);
    let files = Files::new();
    let texts = [files.write("two.pal", TWO), files.write("one.pal", ONE)];
    for text in texts.iter().cycle().take(16) {
        let mut apply = lab.command(&["apply", text]);
        let mut apply = apply.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("started");
        while is_alive(&mut apply) {
            read();
        }
        assert!(apply.wait().expect("waited for").success());
    }
}

fn is_alive(child: &mut Child) -> bool {
    child.try_wait().expect("asked").is_none()
}

#[test]
fn status_beside_applies_always_answers_and_tells_of_one_policy() {
    Lab::run(|lab| {
        let mut texts = Vec::new();
        beside_applies(lab, || {
            let found = lab.palisade(&["-j", "status", NEAR]).json();
            let sets: Vec<&String> = found["sets"].as_object().expect("sets").keys().collect();
            match found["text"].as_str() {
                Some(ONE) => assert_eq!(sets, ["a"]),
                Some(TWO) => assert_eq!(sets, ["b"]),
                other => panic!("{other:?}"),
            }
            assert_eq!(found["interfaces"].as_array().map(Vec::len), Some(1), "{found}");
            texts.push(found["text"].clone());
        });
        texts.dedup();
        assert!(texts.len() > 4, "both were seen, in turn: {texts:?}");
    });
}

#[test]
fn every_reader_beside_applies_answers() {
    Lab::run(|lab| {
        let all: [&[&str]; 6] = [
            &["mode", "shadow"],
            &["mode"],
            &["list"],
            &["-j", "export"],
            &["stats", "--interval", "10ms", "--count", "1"],
            &["-j", "dump"],
        ];
        let mut next = all.iter().cycle();
        beside_applies(lab, || {
            lab.palisade(next.next().expect("a cycle")).ok();
        });
        // `mode` reached the program that stayed.
        assert_eq!(lab.palisade(&["mode"]).ok(), "shadow\n");
    });
}
