//! `palisade bench`: it measures, writes what it found, needs nobody else's tools, and leaves nothing.

use std::fs;
use std::process::{Command, Stdio};

use palisade_loader::{Capabilities, Capability, Features, Support, link};
use palisade_tests::dir::Dir;
use palisade_tests::lab::{Lab, Output, binary};
use palisade_tests::nobody;
use palisade_tests::privilege::{self, Feature, Found, Kernel, Reason, is_installed, need};
use serde_json::Value;

/// Whether floods can be sent here; says that the test is skipped where not.
fn may_flood() -> bool {
    may_measure()
        && need(Feature::LIVE_FRAMES, Found::from(Features::probe().live_frames == Support::Yes))
}

/// Whether programs can be run and namespaces made here.
fn may_measure() -> bool {
    let wanted = [Capability::SysAdmin, Capability::NetAdmin, Capability::Bpf];
    let held = Capabilities::current().map(|held| held.missing(&wanted));
    if held.is_ok_and(|missing| missing.is_empty()) {
        return Kernel::or_skip().is_some();
    }
    let said = "`bench` takes it".to_owned();
    privilege::skip(&Reason::Right { name: "root".to_owned(), said });
    false
}

fn bench(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg("bench").args(args).env_remove("PALISADE_BPFFS").stdin(Stdio::null());
    command
}

/// The median of every contender of every group.
fn medians(document: &Value) -> Vec<(String, String, f64)> {
    let groups = document["groups"].as_array().expect("groups");
    let of = |group: &Value| -> Vec<(String, String, f64)> {
        let what = group["what"].as_str().expect("a name").to_owned();
        let contenders = group["contenders"].as_array().expect("contenders");
        let one = |line: &Value| {
            let name = line["contender"].as_str().expect("a name").to_owned();
            (what.clone(), name, line["median"].as_f64().expect("a number"))
        };
        contenders.iter().map(one).collect()
    };
    groups.iter().flat_map(of).collect()
}

/// Whether every tag of a text of XML is closed, by the right name and in the right order.
fn is_well_formed(xml: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut roots = 0;
    for tag in xml.split('<').skip(1) {
        let Some((tag, text)) = tag.split_once('>') else { return false };
        let stray = text.split('&').skip(1).any(|rest| {
            !["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|entity| rest.starts_with(entity))
        });
        if stray || tag.matches('"').count() % 2 != 0 || open.is_empty() && !text.trim().is_empty()
        {
            return false;
        }
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else {
            roots += usize::from(open.is_empty());
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    roots == 1 && open.is_empty()
}

#[test]
fn a_quick_flood_prints_its_table_and_writes_figures_and_plots_without_any_peer() {
    if !may_flood() {
        return;
    }
    Lab::run(|_| {
        let (dir, before) = (Dir::new("bench"), link::list().expect("interfaces"));
        let out = dir.path("found");
        let args = ["drop", "--quick", "--rounds", "1", "--sizes", "100", "--out", &out];
        let against = ["--against", "xdp-filter,iptables,ipset,nft"];
        let mut command = bench(&[&args[..], &against].concat());
        let said = Output::of(command.env("PATH", dir.as_path()), b"").ok();
        for line in [
            "blocked, one source",
            "mixed, a million sources",
            "palisade, 100 prefixes",
            "palisade, built-in policy, one address",
            "xdp-filter: left out, `xdp-filter` is not installed",
            "iptables: left out, `iptables` is not installed",
            "ipset: left out, `ipset` is not installed",
            "nft: left out, `nft` is not installed",
        ] {
            assert!(said.contains(line), "{line:?} is not in:\n{said}");
        }
        let text = fs::read_to_string(format!("{out}/drop.json")).expect("a document");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let medians = medians(&document);
        assert_eq!(medians.len(), 6 * 4, "{text}");
        assert!(medians.iter().all(|(_, _, rate)| *rate > 0.0), "{medians:?}");
        assert_eq!(document["groups"][0]["contenders"][0]["ratio"], 1.0);
        let pictures = fs::read_dir(&out).expect("a directory").map(|e| e.expect("a file").path());
        let pictures: Vec<_> =
            pictures.filter(|path| path.extension() == Some("svg".as_ref())).collect();
        assert_eq!(pictures.len(), 6, "{pictures:?}");
        for picture in pictures {
            let svg = fs::read_to_string(&picture).expect("a picture");
            assert!(is_well_formed(&svg) && svg.contains("<svg"), "{svg}");
            assert!(svg.contains(">palisade, one ") && svg.contains("a second<"), "{svg}");
        }
        assert_eq!(format!("{:?}", link::list().expect("interfaces")), format!("{before:?}"));
    });
}

/// Whether the peers drop what they should is seen to by the command itself.
#[test]
fn a_peer_that_is_installed_is_measured_in_the_same_run() {
    if !may_flood() || !is_installed("nft") {
        return;
    }
    let args = ["-j", "drop", "--quick", "--rounds", "1", "--sizes", "100", "--against", "nft"];
    let document = Output::of(&mut bench(&args), b"").json();
    let medians = medians(&document);
    for who in ["nft ingress, one address", "nft raw prerouting, 100 prefixes"] {
        let there =
            medians.iter().any(|(what, name, _)| what == "mixed, one source" && name == who);
        assert!(there, "{who}: {document}");
    }
}

#[test]
fn look_ups_and_rules_are_judged_and_measured() {
    if !may_measure() {
        return;
    }
    let args = ["-j", "lookup", "--quick", "--rounds", "1", "--sizes", "50"];
    let document = Output::of(&mut bench(&args), b"").json();
    let contenders: Vec<_> =
        medians(&document).into_iter().map(|(what, who, _)| (what, who)).collect();
    assert_eq!(contenders.len(), 2 * 2 * (4 + 3), "{contenders:?}");
    let has = |what: &str, who: &str| contenders.contains(&(what.to_owned(), who.to_owned()));
    assert!(has("IPv4 addresses, hit", "kernel hash"), "{contenders:?}");
    assert!(has("IPv6 prefixes, miss", "palisade"), "{contenders:?}");
    assert!(document["groups"][0]["contenders"][0]["memory"].as_u64() > Some(0), "{document}");
    let args = ["-j", "rules", "--quick", "--rounds", "1", "--sizes", "20"];
    let document = Output::of(&mut bench(&args), b"").json();
    assert_eq!(medians(&document).len(), 3, "{document}");
}

#[test]
fn edits_are_measured_as_whole_commands() {
    if !may_measure() {
        return;
    }
    let args = ["-j", "update", "--quick", "--rounds", "1", "--sizes", "100"];
    let document = Output::of(&mut bench(&args), b"").json();
    let medians = medians(&document);
    assert_eq!(medians.len(), 3 * 4, "{document}");
    assert!(medians.iter().all(|(_, _, ms)| *ms > 0.0), "{medians:?}");
}

#[test]
fn what_is_not_known_is_a_mistake() {
    let said = Output::of(&mut bench(&["drop", "--against", "nft,pf"]), b"").failed(2);
    assert!(said.contains("'pf'") && said.contains("xdp-filter"), "{said}");
    let said = Output::of(&mut bench(&["drop", "--sizes", "1,many"]), b"").failed(2);
    assert!(said.contains("'many'") && said.contains("64k"), "{said}");
    Output::of(&mut bench(&["drop", "--rounds", "0"]), b"").failed(2);
    Output::of(&mut bench(&["speed"]), b"").failed(2);
}

#[test]
fn without_rights_nothing_is_measured_and_it_says_why() {
    for subject in ["drop", "lookup", "update", "rules"] {
        let said = Output::of(&mut nobody::palisade(&["bench", subject, "--quick"]), b"").failed(3);
        assert!(said.contains("EPERM") && said.contains("root"), "{subject}: {said}");
    }
}

#[test]
fn xml_that_is_not_well_formed_is_told_from_xml_that_is() {
    assert!(is_well_formed("<a x=\"1\"><b/><c>&amp;</c></a>\n"));
    for wrong in ["<a>", "<a></b>", "<a/><b/>", "<a>&b</a>", "text<a/>more", "<a x=\"></a>"] {
        assert!(!is_well_formed(wrong), "{wrong}");
    }
}
