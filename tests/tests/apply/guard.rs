//! The lock-out guard: nobody is cut off by his own policy unasked.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use palisade_tests::lab::{FAR_ADDRESSES, Lab, NEAR, Output};
use palisade_tests::packet::TO4;

use crate::{Files, passes, status};

const CUTS: &str = "keep arp\npass udp dport 7\ndrop tcp dport 22\ndefault pass\n";
const OPEN: &str = "drop udp dport 1001\ndefault pass\n";

/// Runs the tool as whoever is logged in from the far end would.
fn from_far(lab: &Lab, args: &[&str]) -> Output {
    let client = FAR_ADDRESSES[0].0;
    from(lab, &format!("{client} 50000 {TO4} 22"), args)
}

fn from(lab: &Lab, session: &str, args: &[&str]) -> Output {
    let mut command = lab.command(args);
    let output = command.env("SSH_CONNECTION", session).stdin(Stdio::null()).output();
    let output = output.expect("it starts");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

#[test]
fn a_policy_that_cuts_off_the_callers_session_is_refused_unless_that_is_asked_for() {
    Lab::run(|lab| {
        let files = Files::new();
        let (cuts, open) = (files.write("cuts.pal", CUTS), files.write("open.pal", OPEN));
        let said = from_far(lab, &["attach", NEAR, "-p", &cuts]).failed(1);
        assert!(said.contains("cut off your own session"), "{said}");
        assert!(said.contains("line 3, `drop tcp dport 22`"), "{said}");
        lab.palisade(&["status"]).failed(2);
        from_far(lab, &["attach", NEAR, "-p", &open]).ok();
        let said = from_far(lab, &["apply", &cuts]).failed(1);
        assert!(said.contains("--confirm") && said.contains("--force"), "{said}");
        assert_eq!(status(lab)["text"], OPEN);
        from_far(lab, &["apply", &cuts, "--confirm", "60s"]).ok();
        lab.palisade(&["rollback"]).ok();
        from_far(lab, &["apply", &cuts, "--force"]).ok();
        assert_eq!(status(lab)["text"], CUTS);
    });
}

#[test]
fn what_the_sets_hold_counts_whoever_put_it_there() {
    Lab::run(|lab| {
        let files = Files::new();
        let sets = "set allow net { max 16 }\nset block net { max 16 ELEMENTS }\n";
        let old = files.write(
            "old.pal",
            format!(
                "{}pass src in allow\ndrop udp src in block\ndefault pass\n",
                sets.replace("ELEMENTS", "")
            ),
        );
        let blocks = format!("{sets}pass src in allow\ndrop src in block\ndefault pass\n");
        let new = files.write("new.pal", blocks.replace("ELEMENTS", ""));
        let client = FAR_ADDRESSES[0].0.to_string();
        from_far(lab, &["attach", NEAR, "-p", &old]).ok();
        from_far(lab, &["apply", &new]).ok();
        from_far(lab, &["apply", &old]).ok();
        lab.palisade(&["add", "--set", "block", &client]).ok();
        from_far(lab, &["apply", &new]).failed(1);
        lab.palisade(&["add", "--set", "allow", &client]).ok();
        from_far(lab, &["apply", &new]).ok();
        lab.palisade(&["del", "--set", "allow", &client]).ok();
        lab.palisade(&["del", "--set", "block", &client]).ok();
        let elements = blocks.replace("ELEMENTS", &format!("elements {{ {client} }}"));
        let said = from_far(lab, &["apply", &files.write("elements.pal", elements)]).failed(1);
        assert!(said.contains("drop src in block"), "{said}");
    });
}

/// Only the entries that cover the session are looked for in the new list, of however many.
#[test]
fn a_long_list_that_no_longer_covers_the_session_is_judged_at_once() {
    Lab::run(|lab| {
        let files = Files::new();
        let file = files.write(
            "p.pal",
            "set s net { max 65536 file \"list.txt\" }\ncount src in s\ndefault pass\n",
        );
        let all: String = (0..40_000).map(|i| format!("10.1.{}.{}\n", i / 256, i % 256)).collect();
        files.write("list.txt", format!("{}/24\n{all}", FAR_ADDRESSES[0].0));
        lab.palisade(&["attach", NEAR, "-p", &file]).ok();
        files.write("list.txt", all);
        let start = Instant::now();
        let said = from_far(lab, &["apply", &file]).ok();
        assert!(said.contains("1 entry less"), "{said}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    });
}

#[test]
fn a_policy_that_lets_no_neighbour_ask_for_this_host_cuts_off_too() {
    Lab::run(|lab| {
        let files = Files::new();
        let file = files.write("p.pal", "pass ip4\ndefault drop\n");
        let said = from_far(lab, &["attach", NEAR, "-p", &file]).failed(1);
        assert!(said.contains("ARP"), "{said}");
        let file = files.write("p.pal", "keep arp\npass ip4\ndefault drop\n");
        from_far(lab, &["attach", NEAR, "-p", &file]).ok();
    });
}

#[test]
fn nobody_is_guarded_who_cannot_be_cut_off() {
    Lab::run(|lab| {
        let files = Files::new();
        let (cuts, open) = (files.write("cuts.pal", CUTS), files.write("open.pal", OPEN));
        lab.palisade(&["attach", NEAR, "-p", &open]).ok();
        // From this host itself, to an address that is none of this namespace, from nowhere.
        for session in ["127.0.0.1 50000 127.0.0.1 22", "203.0.113.9 50000 198.51.100.77 22", ""] {
            from(lab, session, &["apply", &cuts]).ok();
            from(lab, session, &["apply", &open]).ok();
        }
        // Nothing is dropped in shadow mode; it is said.
        lab.palisade(&["mode", "shadow"]).ok();
        let said = from_far(lab, &["apply", &cuts]).ok();
        assert!(said.contains("would be cut off"), "{said}");
        assert_eq!(passes(lab, [22]), [true]);
    });
}

#[test]
fn a_session_that_standard_input_comes_from_is_guarded() {
    Lab::run(|lab| {
        let files = Files::new();
        let file = files.write("p.pal", "keep arp\ndrop tcp dport 2222\ndefault pass\n");
        let here = SocketAddr::new(IpAddr::V4(TO4), 2222);
        let listener = TcpListener::bind(here).expect("the port is free in a lab");
        let far = lab.in_far(|| TcpStream::connect(here).expect("connected"));
        let (near, _) = listener.accept().expect("accepted");
        let mut command = lab.command(&["attach", NEAR, "-p", &file]);
        let near = std::os::fd::OwnedFd::from(near);
        let output = command.env_remove("SSH_CONNECTION").stdin(near).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        drop(far);
    });
}
