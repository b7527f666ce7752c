//! `redirect` on packets: what leaves through which interface, byte by byte, and what becomes of
//! packets whose interface is not there, does not take them, or vanishes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use palisade_filter::Verdict;
use palisade_loader::link;
use palisade_loader::netdev::{TakesFrames, takes_frames};
use palisade_tests::examples::text;
use palisade_tests::judges::Judges;
use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::packet::{
    ARP_REQUEST, BROADCAST, Mac, Packet, arp, eth, icmp6, ipv4, ipv6, tcp, udp, vlan,
};
use palisade_tests::privilege::{Kernel, Reason, leave_out};
use palisade_tests::random::Made;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(300);
const FRAMES: usize = 50;

const LEFT: Mac = [2, 0, 0x5e, 0x10, 0, 1];
const RIGHT: Mac = [2, 0, 0x5e, 0x10, 0, 2];

fn says(text: &str) -> Packet {
    eth() / ipv4() / udp(4000, 53) / text.as_bytes()
}

/// Packets and verdict of the row with a name.
fn row(lab: &Lab, verdict: &str) -> u64 {
    let status = lab.palisade(&["-j", "status"]).json();
    status["verdicts"][verdict]["packets"].as_u64().unwrap_or_else(|| panic!("{status:#}"))
}

#[test]
fn a_frame_is_sent_as_it_came_or_to_a_station_by_every_judge() {
    let kernel = Kernel::or_skip();
    let bench = kernel.as_ref().map(|kernel| (kernel, kernel.targets.as_slice()));
    let frames: [fn(palisade_tests::packet::Eth) -> Packet; 5] = [
        |eth| eth / ipv4() / udp(4000, 53) / b"four",
        |eth| eth / vlan(7) / ipv6() / tcp(4000, 80),
        |eth| eth / arp(ARP_REQUEST),
        |eth| eth.ethertype(0x88b5) / &[1; 50],
        |eth| eth / ipv6() / icmp6(128, 0) / b"ping",
    ];
    for (rule, to) in
        [("redirect out0", None), ("redirect out0 mac 02:00:5e:10:00:02", Some(RIGHT))]
    {
        let text = format!("{rule}\ndefault drop\n");
        let mut judges = Judges::of(bench, &Made { text, entries: Vec::new() }).expect("judges");
        for frame in frames {
            for dst in [LEFT, BROADCAST] {
                let before = frame(eth().dst(dst)).build();
                let after = frame(eth().dst(to.unwrap_or(dst))).build();
                let told = judges.judge(&before).unwrap_or_else(|how| panic!("{rule}: {how}"));
                assert_eq!(told.decision.verdict, Verdict::Redirect, "{rule}");
                assert_eq!(told.out(0), after, "{rule}");
                judges.in_other_modes(&before).unwrap_or_else(|how| panic!("{rule}: {how}"));
            }
        }
        judges.settle().unwrap_or_else(|how| panic!("{rule}: {how}"));
    }
}

#[test]
fn frames_between_two_interfaces_leave_both_ways_for_the_station_there() {
    Lab::run(|lab| {
        lab.wire("left", "far-left");
        lab.wire("right", "far-right");
        lab.palisade_with(&["attach", "left", "right", "-p", "-"], text("redirect")).ok();
        let ways = [("far-left", LEFT, "far-right", RIGHT), ("far-right", RIGHT, "far-left", LEFT)];
        for (from, source, to, station) in ways {
            let (sender, tap) = (lab.sender_on(from), lab.far_tap_on(to));
            let bodies: [fn(palisade_tests::packet::Eth) -> Packet; 3] = [
                |eth| eth / ipv4().ttl(1) / udp(4000, 53) / b"a query",
                |eth| eth / ipv6().hop_limit(1) / tcp(4000, 80),
                |eth| eth / arp(ARP_REQUEST),
            ];
            for body in bodies {
                let before = body(eth().src(source).dst(BROADCAST)).build();
                sender.send(&before);
                let after = body(eth().src(source).dst(station)).build();
                assert!(tap.arrives(&after, PATIENCE), "{from}: {before:02x?}");
            }
            // Somebody else's frame goes to the stack.
            let stranger = (eth().src([2, 9, 9, 9, 9, 9]) / ipv4() / udp(1, 2)).build();
            sender.send(&stranger);
            assert!(!tap.arrives(&stranger, QUIET), "{from}");
        }
        assert_eq!(row(lab, "redirect"), 6);
        assert!(row(lab, "pass") >= 2);
        lab.palisade(&["attest"]).ok();
        lab.palisade(&["mode", "shadow"]).ok();
        let (sender, tap) = (lab.sender_on("far-left"), lab.far_tap_on("far-right"));
        let frame = (eth().src(LEFT).dst(RIGHT) / ipv4() / udp(1, 2)).build();
        sender.send(&frame);
        assert!(!tap.arrives(&frame, QUIET), "nothing leaves in shadow");
        lab.palisade(&["detach", "--all"]).ok();
    });
}

#[test]
fn an_interface_that_is_not_there_is_an_error_and_the_filter_stays() {
    Lab::run(|lab| {
        let lost = "redirect nowhere udp dport 9 as away\ndefault pass\n";
        lab.palisade_with(&["check", "-"], lost).ok();
        let told = lab.palisade_with(&["attach", NEAR, "-p", "-"], lost).failed(2);
        assert!(told.contains("there is no interface `nowhere`; line 1 redirects to it"), "{told}");
        assert!(lab.palisade(&["status"]).code != Some(0), "nothing is in force");
        lab.attach("drop udp dport 9\ndefault pass\n");
        for args in
            [&["apply", "-"][..], &["apply", "--dry-run", "-"], &["attach", NEAR, "-p", "-"]]
        {
            let told = lab.palisade_with(args, lost).failed(2);
            assert!(told.contains("`nowhere`"), "{told}");
        }
        let text = lab.palisade(&["-j", "status"]).json()["text"].clone();
        assert_eq!(text, "drop udp dport 9\ndefault pass\n");
        assert_eq!(lab.through(&[(eth() / ipv4() / udp(1, 9)).build()]), [false]);
        lab.palisade(&["attest"]).ok();
    });
}

#[test]
fn an_interface_that_takes_no_frames_is_an_error_but_in_generic_mode() {
    Lab::run(|lab| {
        let index = lab.deaf_wire("out", "far-out");
        let text = "redirect out udp dport 53\ndefault pass\n";
        match takes_frames(index).expect("the kernel answers") {
            TakesFrames::No => {}
            TakesFrames::Yes => panic!("its peer has neither a program nor GRO"),
            TakesFrames::Untold => {
                let said = "the kernel does not tell".to_owned();
                return leave_out(&Reason::Machine { name: "xdp-features", said });
            }
        }
        lab.attach("default pass\n");
        let told = lab.palisade_with(&["apply", "-"], text).failed(3);
        assert!(told.contains("out takes no frames from another interface; line 1"), "{told}");
        assert!(told.contains("ethtool -K PEER gro on"), "{told}");
        lab.palisade(&["detach", "--all"]).ok();

        lab.palisade_with(&["attach", NEAR, "--mode", "generic", "-p", "-"], text).ok();
        let tap = lab.far_tap_on("far-out");
        let frame = says("by the stack's own hands").build();
        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE));
        lab.palisade(&["detach", "--all"]).ok();

        lab.in_far(|| link::gather_received("far-out")).expect("a veth can");
        assert_eq!(takes_frames(index), Ok(TakesFrames::Yes));
        lab.attach(text);
        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE));
        lab.palisade(&["detach", "--all"]).ok();
    });
}

/// Reads what `monitor` counts until an event has happened so often.
fn until_counted(lab: &Lab, event: &str, action: &str, least: u64, send: impl Fn()) {
    let mut command = lab.command(&["monitor", "-j", "--interval", "50ms"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let counted = |line: String| -> u64 {
        let document: Value = serde_json::from_str(&line).expect("a document");
        let rows = document["rows"].as_array().expect("rows").iter();
        let own = rows.filter(|row| row["event"] == event && row["action"] == action);
        own.map(|row| row["packets"].as_u64().expect("a number")).sum()
    };
    let mut next = || counted(lines.next().expect("it goes on").expect("UTF-8"));
    let before = next();
    send();
    let end = Instant::now() + PATIENCE;
    let mut now = before;
    while now < before + least && Instant::now() < end {
        now = next();
    }
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    assert!(now >= before + least, "{event} {action}: {before}, then {now}");
}

#[test]
fn what_goes_to_a_vanished_interface_is_lost_and_told_of() {
    Lab::run(|lab| {
        let out = lab.wire("out", "far-out");
        lab.attach("redirect out udp dport 53 as away\ndefault pass\n");
        let frame = says("anybody there?").build();
        lab.here().set_down(out).expect("down");
        let (sender, errors) = (lab.sender(), "xdp_redirect_err");
        let send = || (0..FRAMES).for_each(|_| sender.send(&frame));
        until_counted(lab, errors, "redirect", FRAMES as u64, send);
        lab.here().delete(out).expect("it is ours");
        until_counted(lab, "xdp_exception", "aborted", FRAMES as u64, send);
        assert_eq!(row(lab, "redirect"), 2 * FRAMES as u64, "each is counted in its row");
        let told = lab.palisade(&["status"]).ok();
        assert!(told.contains("  out: NOT THERE, what goes there is lost"), "{told}");
        lab.palisade(&["attest"]).ok();
    });
}

#[test]
fn an_interface_that_comes_back_is_found_by_the_next_apply() {
    Lab::run(|lab| {
        let policy = "redirect out udp dport 53 as away\ndefault pass\n";
        let first = lab.wire("out", "far-out");
        lab.attach(policy);
        let frame = says("here again").build();
        lab.here().delete(first).expect("it is ours");
        let told = lab.palisade_with(&["apply", "-"], policy).failed(2);
        assert!(told.contains("there is no interface `out`"), "{told}");
        // Sets are edited all the same, and what goes there is lost.
        let second = lab.wire("out", "far-out");
        assert_ne!(first, second);
        let tap = lab.far_tap_on("far-out");
        lab.send(&frame);
        assert!(!tap.arrives(&frame, QUIET), "nobody has looked it up yet");
        let said = lab.palisade_with(&["apply", "-"], policy).ok();
        assert!(said.contains("replaced on pal0"), "{said}");
        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE));
        assert_eq!(row(lab, "redirect"), 2, "the counters go on");
        let said = lab.palisade_with(&["apply", "-"], policy).ok();
        assert!(said.contains("nothing changes"), "{said}");
        let said = lab.palisade(&["attach", NEAR]).ok();
        assert!(said.contains("already"), "{said}");
        lab.palisade(&["attest"]).ok();
    });
}

#[test]
fn a_return_looks_for_the_interfaces_of_the_policy_before() {
    Lab::run(|lab| {
        let policy = "set block net\ndrop src in block\nredirect out udp dport 53\ndefault pass\n";
        let out = lab.wire("out", "far-out");
        lab.attach(policy);
        lab.palisade_with(&["apply", "-"], "set block net\ndrop src in block\ndefault pass\n").ok();
        lab.here().delete(out).expect("it is ours");
        let told = lab.palisade(&["rollback"]).failed(2);
        assert!(told.contains("there is no interface `out`; line 3"), "{told}");
        let text = lab.palisade(&["-j", "status"]).json()["text"].clone();
        assert_eq!(text, "set block net\ndrop src in block\ndefault pass\n");
        lab.wire("out", "far-out");
        lab.palisade(&["rollback"]).ok();
        let (tap, frame) = (lab.far_tap_on("far-out"), says("back").build());
        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE));
        lab.palisade(&["attest"]).ok();
    });
}

#[test]
fn sets_are_edited_and_grow_while_an_interface_is_gone() {
    Lab::run(|lab| {
        let out = lab.wire("out", "far-out");
        lab.attach("set block net\ndrop src in block\nredirect out udp dport 53\ndefault pass\n");
        lab.here().delete(out).expect("it is ours");
        let list: String = (0..3000).map(|n| format!("203.{}.{}.1\n", n / 250, n % 250)).collect();
        let file = std::env::temp_dir().join(format!("palisade-redirect-{}", std::process::id()));
        fs::write(&file, list).expect("written");
        let path = file.display().to_string();
        let imported = lab.palisade(&["import", "--set", "block", &path]);
        fs::remove_file(&file).expect("it is ours");
        imported.ok();
        let told = lab.palisade(&["-j", "status"]).json();
        assert_eq!(told["sets"]["block"]["entries"], 3000, "{told:#}");
    });
}

#[test]
fn a_trial_redirects_and_what_was_before_is_back_behind_it() {
    Lab::run(|lab| {
        lab.wire("out", "far-out");
        lab.attach("default pass\n");
        let policy = "redirect out udp dport 53\ndefault pass\n";
        lab.palisade_with(&["apply", "--confirm", "60s", "-"], policy).ok();
        let (tap, frame) = (lab.far_tap_on("far-out"), says("on trial").build());
        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE));
        lab.palisade(&["confirm"]).ok();
        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE));
        lab.palisade(&["attest"]).ok();
        lab.palisade(&["rollback"]).ok();
        lab.send(&frame);
        assert!(!tap.arrives(&frame, QUIET));
    });
}
