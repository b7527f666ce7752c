//! `dump`: listing, bytes, document and graph are of one program, and of the one that runs.

use std::collections::BTreeSet;

use palisade_tests::lab::{Lab, NEAR, Output};
use serde_json::Value;

use super::{Dir, ordinary};

const POLICY: &str = "\
set block net
drop src in block
pass tcp dport 22
drop udp dport 9 as discard
default pass
";

fn dump(more: &[&str]) -> String {
    let args = [&["dump", "-p", "-"], more].concat();
    ordinary(&args, POLICY).ok()
}

#[test]
fn each_part_of_the_listing_is_under_the_line_that_asked_for_it() {
    let listing = dump(&[]);
    for line in ["2: drop src in block", "3: pass tcp dport 22", "4: drop udp dport 9"] {
        assert!(listing.contains(&format!("; {line}")), "{line}: {listing}");
    }
    assert!(listing.contains("; target v3, "), "{listing}");
    assert!(listing.contains("cannot be asked"), "{listing}");
    assert!(listing.contains(".map block array key 4 value 48 "), "{listing}");
    assert!(listing.contains("  exit\n"), "{listing}");
}

#[test]
fn numbers_bytes_hex_and_json_agree() {
    let document: Value = serde_json::from_str(&dump(&["--format", "json"])).expect("JSON");
    let again: Value = serde_json::from_str(&dump(&["-j"])).expect("JSON");
    assert_eq!(document, again);
    let hex: Vec<String> = dump(&["--format", "hex"]).lines().map(str::to_owned).collect();
    let listing = dump(&["--numbers", "--bytes"]);
    let mut slot = 0;
    for insn in document["instructions"].as_array().expect("a list") {
        assert_eq!(insn["slot"], slot);
        let bytes = insn["bytes"].as_str().expect("digits");
        let slots = bytes.len() / 16;
        assert_eq!(hex[slot..slot + slots].concat(), bytes);
        let pairs: Vec<&str> = (0..8).map(|i| &bytes[2 * i..2 * i + 2]).collect();
        let line = format!("{slot:>5}: {}  {}\n", pairs.join(" "), insn["text"].as_str().unwrap());
        assert!(listing.contains(&line), "{line}: {listing}");
        slot += slots;
    }
    assert_eq!(slot, hex.len());
    assert!(hex.iter().all(|line| line.len() == 16), "{hex:?}");
    let lines: BTreeSet<u64> = document["instructions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|insn| insn["line"].as_u64())
        .collect();
    assert!(lines.is_superset(&BTreeSet::from([2, 3, 4])), "{lines:?}");
    assert_eq!(document["digest"].as_str().expect("digits").len(), 64);
    assert!(listing.contains(document["digest"].as_str().expect("digits")));
    assert_eq!(document["maps"][0]["name"], "_control");
}

/// The text as it stands between the tags of a graph.
fn marked(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn the_graph_has_every_instruction_once_and_every_jump() {
    let graph = dump(&["--format", "dot"]);
    let picture = dump(&["--format", "svg"]);
    let document: Value = serde_json::from_str(&dump(&["-j"])).expect("JSON");
    let (mut jumps, mut exits) = (0, 0);
    for insn in document["instructions"].as_array().expect("a list") {
        let text = insn["text"].as_str().expect("text");
        let (slot, shown) = (insn["slot"].as_u64().expect("a number"), marked(text));
        let line = format!(">{slot}: {shown}<br");
        assert_eq!(graph.matches(&line).count(), 1, "{line}: {graph}");
        let line = format!(">{slot:>4}  </tspan><tspan>{shown}</tspan>");
        assert_eq!(picture.matches(&line).count(), 1, "{line}");
        jumps += usize::from(text.starts_with("if "));
        exits += usize::from(text == "exit");
    }
    assert!(graph.trim_end().ends_with('}') && graph.contains("digraph"), "{graph}");
    assert_eq!(graph.matches("label=\"taken\"").count(), jumps);
    assert_eq!(graph.matches("label=\"not taken\"").count(), jumps);
    assert!(exits > 0);
}

#[test]
fn the_picture_says_what_a_reader_must_know_and_colours_the_rules() {
    let picture = dump(&["--format", "svg"]);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(picture.contains(">note: this machine cannot be asked"), "{picture}");
    for line in ["2: drop src in block", "3: pass tcp dport 22", "4: drop udp dport 9 as discard"] {
        assert!(picture.contains(&format!(" style=\"fill:#1b2733\">{line}</text>")), "{line}");
    }
    for verdict in ["→ drop, unless changed below", "→ pass"] {
        assert!(picture.contains(&format!(" style=\"fill:#ffffff\">{verdict}</text>")));
    }
}

#[test]
fn graphviz_reads_the_graph() {
    if !palisade_tests::privilege::is_installed("dot") {
        return;
    }
    // What a policy of addresses and ports becomes takes Graphviz long to lay out.
    let args = ["dump", "-p", "-", "--format", "dot"];
    let graph = ordinary(&args, "drop arp\ndefault pass\n").ok();
    let drawn = Output::of(std::process::Command::new("dot").arg("-Tsvg"), graph.as_bytes()).ok();
    let (edges, nodes): (Vec<&str>, Vec<&str>) =
        graph.lines().filter(|line| line.starts_with("  s")).partition(|line| line.contains("->"));
    assert_eq!(drawn.matches("class=\"node\"").count(), nodes.len());
    assert_eq!(drawn.matches("class=\"edge\"").count(), edges.len());
}

#[test]
fn the_running_program_is_dumped_as_it_was_loaded() {
    Lab::run(|lab| {
        lab.palisade_with(&["attach", NEAR, "-p", "-"], POLICY).ok();
        let running = lab.palisade(&["dump", "-j"]).json();
        assert_eq!(running["as_loaded"], true);
        assert_eq!(running["target"]["from"], "machine");
        let dir = Dir::new("dump");
        let path = dir.write("policy.pal", POLICY);
        let file = lab.palisade(&["dump", "-j", "-p", &path]).json();
        assert_eq!(file["instructions"], running["instructions"]);
        assert_eq!(file["digest"], running["digest"]);
        let listing = lab.palisade(&["dump"]).ok();
        assert!(listing.starts_with("; main\n") && !listing.contains("note:"), "{listing}");
        // On trial it has a deadline besides, which is the program's own.
        let other = dir.write("other.pal", POLICY.replace("dport 9", "dport 19"));
        lab.palisade(&["apply", "--confirm", "10m", &other]).ok();
        let trial = lab.palisade(&["dump", "-j"]).json();
        assert_eq!(trial["as_loaded"], true);
        assert!(
            trial["maps"].as_array().expect("a list").iter().any(|map| map["name"] == "_deadline")
        );
        lab.palisade(&["detach", "--all"]).ok();
        lab.palisade(&["dump"]).failed(2);
    });
}
