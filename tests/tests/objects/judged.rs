//! What other loaders load from an object filters as what the tool loads.

use palisade_filter::oracle::{Given, change_of, decide, frame_out, outlet, witnesses};
use palisade_filter::policy::{Change, Outlet};
use palisade_filter::{Policy, Verdict, parse};
use palisade_loader::{PinDir, Program, TestRun};
use palisade_tests::agree::contents;
use palisade_tests::judges::routes;
use palisade_tests::lab::{BPFFS, Lab};
use palisade_tests::odd;
use palisade_tests::packet::{eth, ipv4, ipv6, tcp, udp};
use palisade_tests::privilege::Kernel;

use super::{Dir, is_installed, ok, policies, tables, text};

/// Frames of every sort: odd ones, what the rules of a policy match, and flows beside them.
fn frames(policy: &Policy) -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = odd::all().into_iter().map(|odd| odd.frame).collect();
    let nothing = contents(policy, &[]);
    for rule in policy.keeps().iter().chain(policy.rules()) {
        frames.extend(witnesses(&rule.matching, &nothing));
    }
    frames.retain(|frame| frame.len() >= 14);
    for port in [22, 53, 80, 443, 2000, 2003, 2004, 2597, 2600, 8080] {
        for src in ["10.0.1.1", "10.199.1.15", "10.199.1.16", "10.200.1.1", "192.0.2.10"] {
            frames.push((eth() / ipv4().src(src) / udp(4000, port) / b"data").build());
            frames.push((eth() / ipv4().src(src) / tcp(4000, port)).build());
        }
        for dst in ["2001:db8:0:1::1", "2001:db8:c7::1", "2001:db8:c8::1"] {
            frames.push((eth() / ipv6().dst(dst) / udp(4000, port) / b"data").build());
        }
    }
    frames
}

/// The verdict on a frame, which must leave as one of `outs`.
fn verdict(program: &Program, frame: &[u8], outs: &[Vec<u8>]) -> Option<Verdict> {
    let run = TestRun { packet: frame, repeat: 1, ingress: None };
    let result = program.test_run(&run).expect("it runs");
    assert!(outs.contains(&result.packet), "{frame:02x?} leaves as {:02x?}", result.packet);
    Verdict::ALL.into_iter().find(|v| u32::try_from(v.code()) == Ok(result.retval))
}

/// Loads the object of a policy as bpftool does; its program, with its maps pinned in `maps`.
fn loaded(dir: &Dir, name: &str, policy: &str) -> Program {
    let file = dir.write(&format!("{name}.pal"), policy);
    let object = dir.object(name, &file);
    let [pin, maps] = [format!("{BPFFS}/{name}"), format!("{BPFFS}/{name}-maps")];
    ok("bpftool", &["prog", "load", text(&object), &pin, "type", "xdp", "pinmaps", &maps]);
    let root = PinDir::open_root(BPFFS.as_ref()).expect("the root of the bpffs");
    Program::open(&root, name).expect("an XDP program")
}

#[test]
fn an_object_decides_every_frame_as_the_policy_says() {
    if !is_installed("bpftool") || Kernel::or_skip().is_none() {
        return;
    }
    Lab::run(|_| {
        let dir = Dir::new("judged");
        let mut all: Vec<(String, String)> = policies()
            .into_iter()
            .map(|(name, path)| (name, std::fs::read_to_string(path).expect("a policy")))
            // An object holds no entries of sets.
            .filter(|(_, text)| !text.contains("file \"") && !text.contains("elements"))
            // A limit remembers.
            .filter(|(_, text)| !text.contains("\nlimit "))
            // What the kernel's routes say is none of the object's.
            .filter(|(_, text)| parse(text).is_ok_and(|policy| !routes(&policy)))
            .collect();
        all.push(("tables".to_owned(), tables()));
        assert!(all.len() > 4, "{}", all.len());
        for (name, policy) in &all {
            let program = loaded(&dir, name, policy);
            let policy = parse(policy).expect("a policy");
            let nothing = contents(&policy, &[]);
            let mut seen = [0, 0];
            for frame in &frames(&policy) {
                let decision = decide(&policy, &nothing, frame);
                let turns = change_of(&policy, &decision).map_or(1, Change::turns);
                let out = |turn| frame_out(&policy, &decision, frame, &Given::behind(turn));
                let outs: Vec<Vec<u8>> = (0..turns).map(out).collect();
                // Nobody has filled the maps of an object.
                let want = match outlet(&policy, &decision) {
                    Some(Outlet::Device(_)) => Verdict::Aborted,
                    Some(Outlet::Socket) => policy.default().verdict,
                    None => decision.verdict,
                };
                assert_eq!(verdict(&program, frame, &outs), Some(want), "{name}: {frame:02x?}");
                let untouched = decision.verdict == Verdict::Pass && outs == [frame.clone()];
                seen[usize::from(untouched)] += 1;
            }
            // Of one that changes tags alone no frame need be left as it is.
            assert!(seen[0] > 0 && (seen[1] > 0 || name == "vlan-swap"), "{name}: {seen:?}");
        }
    });
}

#[test]
fn entries_that_another_tool_puts_into_the_maps_are_found() {
    if !is_installed("bpftool") || Kernel::or_skip().is_none() {
        return;
    }
    Lab::run(|_| {
        let dir = Dir::new("entries");
        let policy = "set macs mac\ndrop ether src in macs\ndefault pass\n";
        let program = loaded(&dir, "sets", policy);
        let from = |last| (eth().src([2, 0, 0, 0, 0, last]) / ipv4() / udp(1, 2)).build();
        let [listed, near] = [9, 8].map(from);
        let both = |want: [Verdict; 2]| {
            for (frame, want) in [&listed, &near].into_iter().zip(want) {
                assert_eq!(verdict(&program, frame, std::slice::from_ref(frame)), Some(want));
            }
        };
        both([Verdict::Pass; 2]);
        let map = format!("{BPFFS}/sets-maps/macs");
        let zeros = "0 ".repeat(40);
        let words = format!("map update pinned {map} key 2 0 0 0 0 9 value {zeros}");
        ok("bpftool", &words.split_whitespace().collect::<Vec<_>>());
        both([Verdict::Drop, Verdict::Pass]);
        let hits = ok("bpftool", &["map", "dump", "pinned", &map]);
        assert!(hits.contains("\"packets\": 1"), "{hits}");
    });
}
