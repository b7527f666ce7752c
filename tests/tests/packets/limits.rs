//! Limits and bans in captures: `replay` and `explain` keep them by the times of the packets, and say
//! what a limit made of each.

use std::time::Duration;

use palisade_filter::capture::{Captured, Writer};
use palisade_tests::dir::Dir;
use palisade_tests::packet::{eth, ipv4, udp};

use super::{documents, ordinary};

const POLICY: &str = "\
set banned host { timeout 1m }
drop src in banned as out
limit 2/m burst 2 per src ban set banned udp dport 9
limit 1/s burst 1 drop udp dport 53 as queries
default pass
";

/// A capture of packets from a host to a port, each at a millisecond.
fn capture(packets: &[(u64, u8, u16)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for (millisecond, host, port) in packets {
        let frame =
            (eth() / ipv4().src(format!("198.51.100.{host}").as_str()) / udp(4000, *port)).build();
        let wire = u32::try_from(frame.len()).expect("short");
        let time = Some(Duration::from_secs(1_790_000_000) + Duration::from_millis(*millisecond));
        writer.write(&Captured { frame: &frame, wire, time }).expect("memory");
    }
    writer.into_inner()
}

const PACKETS: [(u64, u8, u16); 11] = [
    (0, 7, 9),
    (1, 7, 9),
    (2, 7, 9),
    (3, 7, 80),
    (4, 8, 53),
    (5, 9, 53),
    (1004, 9, 53),
    (900, 9, 53),
    (59_999, 7, 80),
    (60_002, 7, 80),
    (60_003, 7, 9),
];

#[test]
fn replay_says_over_and_under_which_limit_each_packet_is_by_the_times_of_the_capture() {
    let dir = Dir::new("replay-limits");
    let (policy, pcap) = (dir.write("p.pal", POLICY), dir.write("p.pcap", capture(&PACKETS)));
    let text = ordinary(&["replay", "--pcap", &pcap, "-p", &policy], b"").ok();
    let ends = [
        ("line 5, `default pass`", "], under 2/m burst 2 per src of line 3"),
        ("line 5, `default pass`", "], under 2/m burst 2 per src of line 3"),
        ("line 3, ", "], over 2/m burst 2 per src"),
        ("line 2, `drop src in banned as out`", "]"),
        ("line 5, `default pass`", "], under 1/s burst 1 of line 4"),
        ("line 4, ", "], over 1/s burst 1"),
        ("line 5, `default pass`", "], under 1/s burst 1 of line 4"),
        // A time that goes back stands still.
        ("line 4, ", "], over 1/s burst 1"),
        ("line 2, `drop src in banned as out`", "]"),
        ("line 5, `default pass`", "]"),
        ("line 5, `default pass`", "], under 2/m burst 2 per src of line 3"),
    ];
    for (line, (by, end)) in text.lines().zip(ends) {
        assert!(line.contains(by) && line.ends_with(end), "{line}\n{text}");
    }
    let printed = ordinary(&["replay", "--pcap", &pcap, "-p", &policy, "-j"], b"").ok();
    let all = documents(&printed);
    assert_eq!(all[0]["under"], serde_json::json!([3]), "{printed}");
    assert_eq!(all[2]["over"], "2/m burst 2 per src", "{printed}");
    assert!(all[3].get("over").is_none() && all[3].get("under").is_none(), "{printed}");
}

#[test]
fn explain_says_what_a_limit_made_of_a_packet_and_of_those_before_it() {
    let dir = Dir::new("explain-limits");
    let (policy, pcap) = (dir.write("p.pal", POLICY), dir.write("p.pcap", capture(&PACKETS)));
    let explain = |more: &[&str]| ordinary(&[&["explain", "-p", &policy], more].concat(), b"").ok();
    let text = explain(&["udp from 198.51.100.7 to 192.0.2.1:53"]);
    let want = "
  line 4 does not match: limit 1/s burst 1 drop udp dport 53 as queries
    yes, udp: the protocol is udp
    yes, dport 53: dport is 53
    no, limit 1/s burst 1: the packet is under it
verdict: pass, by line 5, `default pass`
";
    assert!(text.ends_with(want), "{text}");
    let text = explain(&["--pcap", &pcap, "--packet", "3"]);
    assert!(text.contains("    yes, limit 2/m burst 2 per src: the packet is over it\n"), "{text}");
    assert!(
        text.contains("    no, src in banned: src is 198.51.100.7, covered by no entry\n"),
        "{text}"
    );
    assert!(text.contains("verdict: drop, by line 3, "), "{text}");
    let text = explain(&["--pcap", &pcap, "--packet", "4"]);
    let named = "    yes, src in banned: src is 198.51.100.7, covered by the entry 198.51.100.7\n";
    assert!(text.contains(named), "{text}");
    let printed = explain(&["--pcap", &pcap, "--packet", "6", "-j"]);
    let asked = documents(&printed)[0]["asked"].clone();
    let limit = serde_json::json!({"limit": "1/s burst 1", "over": true});
    assert_eq!(asked[2]["limit"], limit, "{asked}");
    assert_eq!(asked[2]["matches"], true, "{asked}");
}
