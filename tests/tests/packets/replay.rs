//! `replay`: each packet by verdict and rule, the totals, and what is done with packets that are cut.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use palisade_filter::capture::Reader;
use palisade_tests::dir::Dir;
use palisade_tests::lab::Output;
use palisade_tests::mixed::mixed;
use palisade_tests::nobody;
use palisade_tests::packet::{eth, filler, ipv4, ipv6, tcp, udp};
use palisade_tests::random::{Chance, frame};
use serde_json::{Value, json};

use super::{POLICY, Taken, capture, documents, files, one_of_each, ordinary, taken};

#[test]
fn each_packet_is_told_with_its_verdict_and_its_rule_and_all_add_up() {
    let dir = Dir::new("replay-each");
    let (policy, pcap) = files(&dir);
    let printed = ordinary(&["replay", "--pcap", &pcap, "-p", &policy, "-j"], b"").ok();
    let all = documents(&printed);
    let (totals, packets) = all.split_last().expect("the totals at least");
    for (at, (packet, (_, line))) in packets.iter().zip(one_of_each()).enumerate() {
        assert_eq!(packet["packet"], at + 1, "{packet}");
        assert_eq!(packet["line"], line, "{packet}");
    }
    assert_eq!(
        packets[1],
        json!({"packet": 2, "verdict": "drop", "line": 5, "rule": "drop src in block tcp dport 22"})
    );
    assert_eq!(
        packets[6],
        json!({"packet": 7, "verdict": "drop", "line": null, "rule": "malformed: bad-ihl"})
    );
    assert_eq!(totals["packets"], 7);
    assert_eq!(totals["verdicts"]["drop"]["packets"], 4);
    assert_eq!(totals["verdicts"]["pass"]["packets"], 3);
    let sum = |of: &str| -> u64 {
        let rules = totals["rules"].as_array().expect("a list");
        rules.iter().filter_map(|rule| rule[of].as_u64()).sum()
    };
    assert_eq!(
        (Value::from(sum("packets")), Value::from(sum("bytes"))),
        (totals["packets"].clone(), totals["bytes"].clone())
    );

    let text = ordinary(&["replay", "--pcap", &pcap, "-p", &policy], b"").ok();
    let line = "     2  drop     line 5, `drop src in block tcp dport 22`  [tcp flags syn from 198.51.100.7:4000 to 192.0.2.1:22]";
    assert!(text.lines().any(|own| own == line), "{text}");
    assert!(text.contains("\n7 packets, "), "{text}");
    let quiet = ordinary(&["replay", "--pcap", &pcap, "-p", &policy, "-q"], b"").ok();
    assert!(text.ends_with(&quiet) && quiet.starts_with("7 packets, "), "{quiet}");
}

#[test]
fn the_packets_of_a_capture_come_in_on_the_queue_that_is_said() {
    let dir = Dir::new("replay-queue");
    let (_, pcap) = files(&dir);
    let policy = dir.write("q.pal", "drop queue 3\ndefault pass\n");
    let verdicts = |queue: &[&str]| {
        let args = [&["replay", "--pcap", &pcap, "-p", &policy, "-j"], queue].concat();
        let totals = documents(&ordinary(&args, b"").ok()).pop().expect("the totals at least");
        totals["verdicts"].clone()
    };
    assert_eq!(verdicts(&[])["pass"]["packets"], 7);
    assert_eq!(verdicts(&["--queue", "3"])["drop"]["packets"], 7);
}

#[test]
fn a_capture_and_a_policy_may_come_from_standard_input() {
    let dir = Dir::new("replay-stdin");
    let (policy, pcap) = files(&dir);
    let bytes = fs::read(&pcap).expect("the capture");
    let named = ordinary(&["replay", "--pcap", &pcap, "-p", &policy], b"").ok();
    assert_eq!(ordinary(&["replay", "--pcap", "-", "-p", &policy], &bytes).ok(), named);
    assert_eq!(ordinary(&["replay", "--pcap", &pcap, "-p", "-"], POLICY.as_bytes()).ok(), named);
}

#[test]
fn what_is_dropped_is_written_as_it_was_captured() {
    let dir = Dir::new("replay-dropped");
    let (policy, pcap) = files(&dir);
    let out = writable(&dir, "dropped.pcap", "");
    ordinary(&["replay", "--pcap", &pcap, "-p", &policy, "--write-dropped", &out], b"").ok();
    let all = one_of_each();
    let dropped: Vec<_> =
        [1, 2, 4, 6].map(|at: usize| (all[at].0.frame.clone(), at as u64 + 1)).into();
    assert_eq!(written(&out), dropped);
}

#[test]
fn a_packet_that_was_cut_is_judged_as_long_as_it_was_and_marked() {
    let dir = Dir::new("replay-cut");
    let whole = taken(eth() / ipv4() / tcp(4000, 22) / filler(1000)).frame;
    let cut = |len: usize| Taken {
        frame: whole[..len].to_vec(),
        cut: u32::try_from(whole.len() - len).expect("short"),
    };
    // All of its headers are there; then the last byte of TCP's is missing; then half of IP's.
    let pcap = dir.write("cut.pcap", capture(&[cut(54), cut(53), cut(24)]));
    let policy = dir.write("p.pal", "drop tcp dport 22\ndefault pass\n");
    let printed = ordinary(&["replay", "--pcap", &pcap, "-p", &policy, "-j"], b"").ok();
    let all = documents(&printed);
    let length = whole.len();
    assert_eq!(
        all[0],
        json!({"packet": 1, "verdict": "drop", "line": 1, "rule": "drop tcp dport 22", "captured": 54, "length": length})
    );
    assert_eq!(
        all[1],
        json!({"packet": 2, "verdict": "drop", "line": 1, "rule": "drop tcp dport 22", "captured": 53, "length": length, "uncertain": true})
    );
    assert_eq!((&all[2]["uncertain"], &all[2]["captured"]), (&json!(true), &json!(24)));
    assert_eq!((&all[3]["cut"], &all[3]["uncertain"]), (&json!(3), &json!(2)));
    let text = ordinary(&["replay", "--pcap", &pcap, "-p", &policy], b"").ok();
    assert_eq!(text.matches(", UNCERTAIN\n").count(), 2, "{text}");
    assert!(text.contains("]  54 of 1054 bytes\n"), "{text}");
    assert!(text.contains("3 packets were cut by the capture"), "{text}");
    assert!(text.contains("2 verdicts are UNCERTAIN"), "{text}");
}

#[test]
fn a_thousand_rules_decide_packets_by_chance_and_both_readings_agree() {
    let dir = Dir::new("replay-mixed");
    let mut chance = Chance::new(11);
    let frames: Vec<Taken> =
        (0..2000).map(|_| Taken { frame: frame(&mut chance), cut: 0 }).collect();
    let (policy, pcap) = (dir.write("m.pal", mixed(1000)), dir.write("m.pcap", capture(&frames)));
    let printed = ordinary(&["replay", "--pcap", &pcap, "-p", &policy, "-j", "-q"], b"").ok();
    assert_eq!(documents(&printed).len(), 2001);
}

#[test]
fn a_reader_who_goes_away_is_no_failure() {
    let dir = Dir::new("replay-pipe");
    let frame = taken(eth() / ipv4() / udp(1, 2)).frame;
    let packets: Vec<Taken> = (0..20_000).map(|_| Taken { frame: frame.clone(), cut: 0 }).collect();
    let (policy, pcap) = (dir.write("p.pal", POLICY), dir.write("p.pcap", capture(&packets)));
    for args in [
        &["replay", "--pcap", &pcap, "-p", &policy][..],
        &["explain", "--pcap", &pcap, "-p", &policy],
    ] {
        let mut command = nobody::palisade(args);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0]).expect("something is printed");
        drop(out);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), &b""[..]),
            "{args:?}"
        );
    }
}

/// The capture at `path`: each frame, and at which second.
fn written(path: &str) -> Vec<(Vec<u8>, u64)> {
    let file = fs::read(path).expect("it was written");
    let (mut reader, mut read) = (Reader::new(file.as_slice()).expect("a capture"), Vec::new());
    while let Some(one) = reader.next().expect("it is whole") {
        read.push((one.frame.to_vec(), one.time.expect("times are told").as_secs()));
    }
    read
}

/// A file that the ordinary user may write, in a directory that is not his.
fn writable(dir: &Dir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = dir.write(name, content);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("it is ours");
    path
}

#[test]
fn no_file_that_is_read_is_overwritten_whatever_it_is_called() {
    let dir = Dir::new("replay-same");
    let text = "set a net { file \"list.txt\" }\ndrop src in a\ndefault pass\n";
    let bytes = capture(&[one_of_each().remove(0).0]);
    let (policy, pcap) = (writable(&dir, "p.pal", text), writable(&dir, "p.pcap", &bytes));
    let list = writable(&dir, "list.txt", "198.51.100.0/24\n");
    let linked = dir.path("linked");
    fs::hard_link(&pcap, &linked).expect("a link");
    let all = [
        (&pcap, "the capture"),
        (&policy, "the policy"),
        (&list, "a list"),
        (&linked, "the capture"),
    ];
    let refused = |args: &[&str], input: Option<&str>, what: &str| {
        let mut command = nobody::palisade(args);
        command.current_dir("/").stdout(Stdio::piped()).stderr(Stdio::piped());
        let input = input.map(|path| fs::File::open(path).expect("it is there"));
        let output = command.stdin(input.map_or(Stdio::null(), Stdio::from)).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let wanted = format!("{what} that is read");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(&wanted), "{args:?}: {said}");
    };
    for (out, what) in all {
        refused(&["replay", "--pcap", &pcap, "-p", &policy, "--write-dropped", out], None, what);
    }
    for name in ["-", "/dev/stdin"] {
        let args = ["replay", "--pcap", name, "-p", &policy, "--write-dropped", &pcap];
        refused(&args, Some(&pcap), "the capture");
        // Of standard input the lists are relative to the working directory.
        let plain = writable(&dir, "plain.pal", "default drop\n");
        let args = ["replay", "--pcap", &pcap, "-p", name, "--write-dropped", &plain];
        refused(&args, Some(&plain), "the policy");
    }
    assert_eq!(fs::read(&pcap).expect("it is there"), bytes);
    assert_eq!(fs::read_to_string(&policy).expect("it is there"), text);
    assert_eq!(fs::read_to_string(&list).expect("it is there"), "198.51.100.0/24\n");
}

#[test]
fn what_is_no_file_and_no_place_for_one_is_refused_and_nobody_waits() {
    let dir = Dir::new("replay-place");
    let (policy, pcap) = files(&dir);
    let fifo = dir.path("fifo");
    nix::unistd::mkfifo(fifo.as_str(), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let slash = dir.path("new/");
    let beneath = format!("{pcap}/out.pcap");
    for (out, why) in [
        (fifo.as_str(), "is there, and is not a file"),
        ("/dev/null", "is there, and is not a file"),
        (&dir.path(""), "is there, and is not a file"),
        (&dir.path("none/out.pcap"), "ENOENT"),
        (&beneath, "ENOTDIR"),
        (&slash, "EISDIR"),
    ] {
        let args = ["replay", "--pcap", &pcap, "-p", &policy, "--write-dropped", out];
        let wrong = ordinary(&args, b"").failed(2);
        assert!(wrong.contains(why) && wrong.contains("help:"), "{out}: {wrong}");
    }
}

#[test]
fn what_is_dropped_is_written_whole_though_nobody_reads_on() {
    let dir = Dir::new("replay-gone");
    let frame = taken(eth() / ipv6() / udp(4000, 53)).frame;
    let packets: Vec<Taken> = (0..20_000).map(|_| Taken { frame: frame.clone(), cut: 0 }).collect();
    let (policy, pcap) = (dir.write("p.pal", POLICY), dir.write("p.pcap", capture(&packets)));
    let out = writable(&dir, "dropped.pcap", "");
    let args = ["replay", "--pcap", &pcap, "-p", &policy, "--write-dropped", &out];
    let mut command = nobody::palisade(&args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut printed = child.stdout.take().expect("a pipe");
    printed.read_exact(&mut [0]).expect("something is printed");
    drop(printed);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    assert_eq!(written(&out).len(), packets.len());
}

#[test]
fn a_file_that_takes_no_more_is_told_also_where_nobody_reads() {
    let dir = Dir::new("replay-full");
    let frame = taken(eth() / ipv6() / udp(4000, 53)).frame;
    let packets: Vec<Taken> = (0..20_000).map(|_| Taken { frame: frame.clone(), cut: 0 }).collect();
    let (policy, pcap) = (dir.write("p.pal", POLICY), dir.write("p.pcap", capture(&packets)));
    let out = writable(&dir, "dropped.pcap", "");
    for end in ["", " | head -n 1"] {
        let args = ["replay", "--pcap", &pcap, "-p", &policy, "--write-dropped", &out];
        let tool = nobody::palisade(&args);
        let mut command = Command::new("sh");
        let script =
            format!("trap '' XFSZ; {{ (ulimit -f 1; exec \"$0\" \"$@\"); echo $? >&2; }}{end}");
        command.args(["-c", &script]).arg(tool.get_program()).args(tool.get_args());
        if nix::unistd::Uid::effective().is_root() {
            command.uid(65534).gid(65534);
        }
        let wrong = Output::of(&mut command, b"").stderr;
        assert!(
            wrong.contains("dropped.pcap: EFBIG") && wrong.ends_with("\n3\n"),
            "{end}: {wrong}"
        );
    }
}
