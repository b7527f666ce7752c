//! `attach` and `detach` as a user meets them: which mode, which program, whose program, and what
//! becomes of real packets.

mod files;
mod life;
mod packets;
mod strangers;

use std::process::Command;
use std::time::Duration;

use palisade_loader::xdp;
use palisade_tests::engine::Engine;
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::packet::{eth, ipv4, ipv6};
use palisade_tests::privilege::Kernel;
use serde_json::{Value, json};

const ATTACKER4: &str = "192.0.2.66";
const ATTACKER6: &str = "2001:db8:0:1::66";
const FRIEND4: &str = "192.0.2.10";
const FRIEND6: &str = "2001:db8:0:1::10";
const SOON: Duration = Duration::from_secs(5);

/// What another program prints, if it is installed.
fn tool(name: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(name).args(args).output().ok()?;
    assert!(
        output.status.success(),
        "{name} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).expect("it prints UTF-8"))
}

/// A policy that is attached from its text.
fn attach_text(lab: &Lab, text: &str, more: &[&str]) -> String {
    let args = [&["attach", NEAR, "-p", "/dev/stdin"], more].concat();
    lab.palisade_with(&args, text).ok()
}

fn status(lab: &Lab) -> Value {
    lab.palisade(&["-j", "status"]).json()
}

/// The program and its mode on an interface, as the kernel tells.
fn attached(lab: &Lab) -> Option<xdp::Attached> {
    xdp::query(lab.near_index()).expect("the interface is there")
}

/// The names in the lab's bpffs that are ours to make.
fn pins() -> Vec<String> {
    let dir = palisade_loader::PinDir::open_root(BPFFS.as_ref()).expect("a bpffs");
    dir.names().expect("its names")
}

/// A stranger's program, attached in a mode.
fn stranger(lab: &Lab, kernel: &Kernel, mode: xdp::Mode) -> Engine {
    let engine = Engine::load(kernel, "drop udp dport 666\ndefault pass\n", kernel.best());
    xdp::attach(lab.near_index(), engine.program(), mode, xdp::Expect::Empty).expect("attached");
    engine
}

/// The entry of a set in `list -j`.
fn entry(lab: &Lab, set: &str, item: &str) -> Value {
    let list = lab.palisade(&["-j", "list", "--set", set]).json();
    let entries = list["sets"][set]["entries"].as_array().expect("entries").clone();
    let found = entries.into_iter().find(|entry| entry["item"] == item);
    found.unwrap_or_else(|| panic!("no {item} in {list}"))
}

/// Packets counted by the rule of that text.
fn rule(lab: &Lab, text: &str) -> u64 {
    let stats = lab.palisade(&["-j", "stats", "--interval", "10ms", "--count", "1"]).json();
    let rules = stats["rules"].as_array().expect("rules").clone();
    let rule = rules.into_iter().find(|rule| rule["text"] == text);
    rule.unwrap_or_else(|| panic!("no `{text}` in {stats}"))["packets"].as_u64().expect("a number")
}

fn from4(src: &str, above: impl Into<palisade_tests::packet::Layer>) -> Vec<u8> {
    (eth() / ipv4().src(src) / above).build()
}

fn from6(src: &str, above: impl Into<palisade_tests::packet::Layer>) -> Vec<u8> {
    (eth() / ipv6().src(src) / above).build()
}

fn in_modes(test: impl Fn(&Lab, &'static str) + Send + Sync) {
    for mode in ["native", "generic"] {
        Lab::run(|lab| test(lab, mode));
    }
}

#[test]
fn a_program_is_attached_in_the_mode_that_was_asked_for_under_its_name() {
    for (mode, in_ip, in_bpftool) in
        [("native", "prog/xdp id", "driver id"), ("generic", "xdpgeneric", "generic id")]
    {
        Lab::run(|lab| {
            let said = lab.palisade(&["attach", NEAR, "--mode", mode]).ok();
            assert_eq!(said, format!("policy `main` attached to {NEAR} in {mode} mode\n"));
            let status = status(lab);
            assert_eq!(status["interfaces"][0]["name"], NEAR);
            assert_eq!(status["interfaces"][0]["mode"], mode);
            assert_eq!(status["interfaces"][0]["ifindex"], lab.near_index().number());
            assert_eq!(status["program"]["name"], "palisade_main");
            let on = attached(lab).expect("a program");
            assert_eq!(status["program"]["id"], on.program_id);
            assert_eq!(on.mode.to_string(), mode);
            if let Some(shown) = tool("ip", &["-d", "link", "show", NEAR]) {
                assert!(shown.contains(in_ip), "{shown}");
                assert!(shown.contains("name palisade_main"), "{shown}");
            }
            if let Some(shown) = tool("bpftool", &["net"]) {
                let line = format!("{NEAR}({}) {in_bpftool} {}", lab.near_index(), on.program_id);
                assert!(shown.contains(&line), "{shown}");
            }
            lab.palisade(&["detach", NEAR]).ok();
            assert_eq!(attached(lab), None);
        });
    }
}

#[test]
fn auto_takes_native_mode_where_there_is_one_and_else_generic_and_says_why() {
    Lab::run(|lab| {
        let said = lab.palisade(&["attach", NEAR]).ok();
        assert!(said.contains("in native mode"), "{said}");
        let said = lab.palisade(&["attach", "lo"]).ok();
        assert!(said.contains("policy `main` attached to lo in generic mode"), "{said}");
        let note = said.lines().find(|line| line.starts_with("note: ")).expect("a note");
        assert!(note.contains("EOPNOTSUPP") && note.contains("does not support XDP"), "{note}");
        let modes: Vec<Value> = status(lab)["interfaces"]
            .as_array()
            .expect("interfaces")
            .iter()
            .map(|i| json!([i["name"], i["mode"]]))
            .collect();
        assert_eq!(modes, [json!(["lo", "generic"]), json!([NEAR, "native"])]);
        let error = lab.palisade(&["--policy-name", "b", "attach", "lo", "--mode", "native"]);
        let error = error.failed(3);
        assert!(error.contains("carries the policy `main`"), "{error}");
        assert!(error.contains("--behind main") && error.contains("--take-over"), "{error}");
    });
    Lab::run(|lab| {
        let error = lab.palisade(&["attach", "lo", "--mode", "native"]).failed(3);
        assert!(error.contains("EOPNOTSUPP") && error.contains("does not support XDP"), "{error}");
        assert!(error.contains("help:"), "{error}");
        assert_eq!(pins(), [""; 0], "what failed leaves nothing");
    });
}

#[test]
fn the_json_of_attach_status_and_detach_has_the_documented_shape() {
    Lab::run(|lab| {
        let said = lab.palisade(&["-j", "attach", NEAR]).json();
        let interface = json!({"name": NEAR, "mode": "native", "already": false});
        let want = json!({
            "policy": "main", "mode": "enforce", "interfaces": [interface], "replaced": [],
            "behind": [], "next": null,
        });
        assert_eq!(said, want);
        let said = lab.palisade(&["-j", "attach", NEAR]).json();
        assert_eq!(said["interfaces"][0]["already"], true);

        let status = status(lab);
        assert_eq!(status["policy"], "main");
        assert!(status["program"]["id"].as_u64().is_some_and(|id| id > 0));
        assert_eq!(status["program"]["tag"].as_str().map(str::len), Some(16));
        assert!(status["program"]["instructions"].as_u64().is_some_and(|n| n > 0));
        let block = &status["sets"]["block"];
        assert_eq!((&block["type"], &block["entries"]), (&json!("net"), &json!(0)));
        assert_eq!(block["max"], 1_048_576);
        assert!(block["structure"].is_string() && block["memory"].is_u64(), "{block}");
        for verdict in ["aborted", "drop", "pass", "tx", "redirect"] {
            assert!(status["verdicts"][verdict]["packets"].is_u64(), "{verdict}: {status}");
            assert!(status["verdicts"][verdict]["bytes"].is_u64(), "{verdict}: {status}");
        }
        let said = lab.palisade(&["-j", "detach", NEAR]).json();
        let wanted = json!({
            "policy": "main", "detached": [NEAR], "remaining": [], "kept": false,
            "behind": [], "remaining_behind": [], "unreached": [],
        });
        assert_eq!(said, wanted);
    });
}
