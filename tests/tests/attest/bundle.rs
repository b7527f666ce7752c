//! The bundle is made of the policy and the target alone.

use std::process::Command;

use palisade_tests::lab::{Lab, NEAR, binary};
use palisade_tests::nobody;
use serde_json::Value;

use super::{files, status};

const POLICY: &str = "\
# Names of files and hosts are no part of it.
define here = 192.0.2.0/24
set block net { max 16 }
count ip6 as six
drop src in block
drop tcp dport { 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41 }
pass src here
drop udp
drop udp dport 9
default pass
";

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn bundle(path: &str, more: &[&str]) -> String {
    printed(Command::new(binary()).args(["dump", "--format", "bundle", "-p", path]).args(more))
}

#[test]
fn neither_directory_nor_environment_nor_user_nor_host_is_in_it() {
    let files = files();
    let (one, two) = (files.write("one.pal", POLICY), files.write("two.pal", POLICY));
    let first = bundle(&one, &[]);
    let mut elsewhere = Command::new(binary());
    elsewhere.args(["dump", "--format", "bundle", "-p", "two.pal"]).current_dir(files.as_path());
    elsewhere
        .env_clear()
        .env("LANG", "de_DE.UTF-8")
        .env("HOME", "/nowhere")
        .env("TZ", "Asia/Tokyo");
    assert_eq!(printed(&mut elsewhere), first);
    let args = ["dump", "--format", "bundle", "-p", "/dev/stdin"];
    let input = std::fs::File::open(&two).expect("it was written");
    assert_eq!(printed(nobody::palisade(&args).current_dir("/").stdin(input)), first);
    assert!(!first.contains(".pal"), "{first}");
}

#[test]
fn it_says_where_every_instruction_comes_from() {
    let files = files();
    let document: Value =
        serde_json::from_str(&bundle(&files.write("a.pal", POLICY), &[])).expect("JSON");
    assert_eq!(document["schema"], 1);
    assert_eq!(document["policy"]["text"], POLICY);
    let canonical = document["canonical"]["text"].as_str().expect("text");
    assert!(canonical.contains("pass src 192.0.2.0/24"), "{canonical}");
    assert_eq!(document["dead"][0]["line"], 9, "{}", document["dead"]);
    let insns = document["instructions"].as_array().expect("a list");
    let slots: usize = insns.iter().map(|i| i["bytes"].as_str().expect("digits").len() / 16).sum();
    assert_eq!(insns.last().expect("one")["slot"].as_u64().expect("a number") as usize, slots - 1);
    for line in [4, 5, 6, 7, 8] {
        assert!(insns.iter().any(|insn| insn["line"] == line), "line {line}");
    }
    let maps = document["maps"].as_array().expect("a list");
    let constant: Vec<&str> = maps
        .iter()
        .filter(|map| !map["constant"].is_null())
        .map(|map| map["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(constant, ["_tables"]);
    let rows = document["rows"].as_array().expect("a list");
    assert!(rows.iter().any(|row| row["by"] == "count" && row["name"] == "six"), "{rows:?}");
}

#[test]
fn the_digests_are_those_that_other_tools_make() {
    let files = files();
    let path = files.write("a.pal", POLICY);
    let document: Value = serde_json::from_str(&bundle(&path, &[])).expect("JSON");
    let sum = printed(Command::new("sha256sum").arg(&path));
    assert_eq!(document["policy"]["sha256"], sum.split(' ').next().expect("digits"));
    assert!(document["tags"]["sha1"] != document["tags"]["sha256"]);
}

#[test]
fn targets_differ_and_what_is_no_target_is_refused() {
    let files = files();
    let path = files.write("a.pal", POLICY);
    let of = |target| bundle(&path, &["--target", target]);
    let plain = bundle(&path, &[]);
    assert_eq!(of("v3,multi,pointers"), plain);
    assert_eq!(of("v3,multi,pointers,little"), plain);
    let mut all: Vec<String> =
        ["v3,single,pointers", "v3,multi,helpers", "v4,multi,pointers", "v3,multi,pointers,big"]
            .map(of)
            .to_vec();
    all.push(plain);
    let mut tags: Vec<Value> = all
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).expect("JSON")["tags"]["sha256"].clone())
        .collect();
    tags.sort_by_key(Value::to_string);
    tags.dedup();
    // Without a far jump v4 is v3.
    assert_eq!(tags.len(), 4, "{tags:?}");
    for wrong in
        ["", "v3", "v1,multi,pointers", "v3,multi,pointers,middle", "v3,multi,pointers,big,x"]
    {
        let args = ["dump", "--format", "bundle", "-p", &path, "--target", wrong];
        let output = Command::new(binary()).args(args).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn the_bundle_of_the_running_policy_is_that_of_its_file_and_has_the_kernels_tag() {
    Lab::run(|lab| {
        let path = files();
        let file = path.write("a.pal", POLICY);
        lab.palisade(&["attach", NEAR, "-p", &file]).ok();
        let running = lab.palisade(&["dump", "--format", "bundle"]).ok();
        let here = ["dump", "--format", "bundle", "-p", &file, "--target", "machine"];
        assert_eq!(running, lab.palisade(&here).ok());
        let document: Value = serde_json::from_str(&running).expect("JSON");
        let tags = document["tags"].as_object().expect("tags");
        let found = &status(lab)["program"];
        assert!(tags.values().any(|tag| *tag == found["tag"]), "{tags:?} {found}");
        assert_eq!(document["image_sha256"], found["digest"]);
        // The same policy under another name, and on trial.
        lab.palisade(&["attach", "lo", "-p", &file, "--policy-name", "other"]).ok();
        let other = lab.palisade(&["dump", "--format", "bundle", "--policy-name", "other"]).ok();
        assert_eq!(other, running);
        lab.palisade_with(&["apply", "-", "--confirm", "60s"], "default pass\n").ok();
        let trial = lab.palisade(&["dump", "--format", "bundle"]).json();
        assert_eq!(trial["target"]["tenure"], "on trial");
    });
}
