//! `explain`: why a packet fares as it does, by a file and by the policy in force.

use palisade_filter::oracle::{Reading, frame_of_words};
use palisade_tests::dir::Dir;
use palisade_tests::lab::{Lab, NEAR};
use serde_json::{Value, json};

use super::{POLICY, documents, files, one_of_each, ordinary};

/// What is printed about a packet by the usual policy.
#[track_caller]
fn explained(dir: &Dir, words: &str) -> String {
    let policy = dir.write("p.pal", POLICY);
    ordinary(&["explain", words, "-p", &policy], b"").ok()
}

#[test]
fn the_fields_the_statements_and_the_entry_are_told() {
    let dir = Dir::new("explain-all");
    let text = explained(&dir, "tcp flags syn from 198.51.100.7:4000 to 192.0.2.1:22");
    let want = "\
packet: tcp flags syn from 198.51.100.7:4000 to 192.0.2.1:22, 54 bytes
  ethernet  src 02:00:00:00:00:01  dst 02:00:00:00:00:02  ethertype 0x0800
  ip4       src 198.51.100.7  dst 192.0.2.1  length 40  ttl 64  dscp 0  proto 6 (tcp)
  tcp       sport 4000  dport 22  flags syn
asked in order:
  line 3 does not match: keep arp
    no, arp: the frame is IPv4
  line 4 matches: count tcp flags syn,!ack as attempts
    yes, tcp: the protocol is tcp
    yes, flags syn,!ack: the flags are syn
  line 5 matches: drop src in block tcp dport 22
    yes, src in block: src is 198.51.100.7, covered by the entry 198.51.100.0/24
    yes, tcp: the protocol is tcp
    yes, dport 22: dport is 22
verdict: drop, by line 5, `drop src in block tcp dport 22`
";
    assert_eq!(text, want);
    let text = explained(&dir, "udp from 198.51.100.9 to 192.0.2.1:53");
    assert!(text.contains("no, tcp: the protocol is udp\n"), "{text}");
    assert!(text.contains("src is 198.51.100.9, covered by the entry 198.51.100.9\n"), "{text}");
    assert!(
        text.contains(
            "yes, service in ports: the packet is for udp/53, covered by the entry udp/53\n"
        ),
        "{text}"
    );
}

#[test]
fn a_packet_comes_in_on_the_queue_that_is_said() {
    let dir = Dir::new("explain-queue");
    let policy = dir.write("p.pal", "drop queue 3\ndeliver udp\ndefault pass\n");
    let words = "udp from 198.51.100.7:4000 to 192.0.2.1:53";
    let explained =
        |more: &[&str]| ordinary(&[&["explain", words, "-p", &policy], more].concat(), b"").ok();
    assert!(explained(&["--queue", "3"]).contains("verdict: drop, by line 1, `drop queue 3`\n"));
    let text = explained(&[]);
    assert!(
        text.contains(
            "line 1 does not match: drop queue 3\n    no, queue 3: it came in on queue 0\n"
        ),
        "{text}"
    );
    assert!(explained(&["--queue", "2"]).contains("no, queue 3: it came in on queue 2\n"));
    let refused = ordinary(&["explain", words, "-p", &policy, "--queue", "65536"], b"");
    assert!(refused.failed(2).contains("65536"));
}

#[test]
fn malformed_is_told_with_its_meaning_and_whether_it_matters() {
    let dir = Dir::new("explain-malformed");
    // IPv4 that says its header has 16 bytes.
    let frame = format!("{}0800{}", "02".repeat(12), "44".to_owned() + &"00".repeat(27));
    let text = explained(&dir, &frame);
    assert!(
        text.contains("malformed (bad-ihl): the IPv4 header says that it is shorter than 20 bytes"),
        "{text}"
    );
    assert!(text.ends_with("verdict: drop, by `malformed: bad-ihl`\n"), "{text}");
    let layer2 = dir.write("l2.pal", "drop vlan 5\ndefault pass\n");
    let text = ordinary(&["explain", &frame, "-p", &layer2], b"").ok();
    assert!(text.contains("no statement that could match looks that far"), "{text}");
    assert!(text.ends_with("verdict: pass, by line 2, `default pass`\n"), "{text}");
}

#[test]
fn a_packet_is_digits_or_words_in_one_argument_or_several() {
    let dir = Dir::new("explain-forms");
    let policy = dir.write("p.pal", POLICY);
    let of = |args: &[&str]| ordinary(&[&["explain", "-p", &policy], args].concat(), b"").ok();
    let words = "udp from 198.51.100.7:4000 to 192.0.2.1:53";
    let one = of(&[words]);
    assert_eq!(of(&words.split(' ').collect::<Vec<_>>()), one);
    let frame = frame_of_words(&words.split(' ').collect::<Vec<_>>()).expect("a packet");
    let digits: Vec<String> = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(of(&[&digits.concat()]), one);
    assert_eq!(of(&[&digits.join(":")]), one);
    assert_eq!(of(&digits.iter().map(String::as_str).collect::<Vec<_>>()), one);
}

#[test]
fn the_summary_of_a_packet_is_words_for_it() {
    for words in [
        "udp from 198.51.100.7:4000 to 192.0.2.1:53",
        "tcp flags syn from [2001:db8::7]:4000 to [2001:db8:1::1]:443",
        "tcp flags none from 198.51.100.7:1 to 192.0.2.1:2",
        "tcp flags fin,psh,ack,ae from 198.51.100.7:1 to 192.0.2.1:2 fragment first",
        "icmp type 8 code 0 from 198.51.100.7 to 192.0.2.1",
        "icmp6 type 135 code 0 from 2001:db8::7 to 2001:db8::1",
        "vlan 5 inner-vlan 4095 tag 0 sctp from 198.51.100.7:1 to 192.0.2.1:2",
        "proto 47 from 198.51.100.7 to 192.0.2.1",
        "udp from 198.51.100.7 to 192.0.2.1 fragment later",
        "ip6 from 2001:db8::7 to 2001:db8::1 fragment later",
        "arp",
        "vlan 1 ethertype 0x88cc",
    ] {
        // Which protocol a later fragment of IPv6 is of, nobody is told.
        let said = words.strip_prefix("ip6 ").unwrap_or(words);
        let frame = frame_of_words(&said.split(' ').collect::<Vec<_>>());
        let frame = frame.unwrap_or_else(|why| panic!("{words}: {why}"));
        assert_eq!(Reading::of(&frame).to_string(), words);
    }
}

#[test]
fn every_word_says_what_it_says() {
    let dir = Dir::new("explain-words");
    let policy = dir.write("p.pal", POLICY);
    let of = |words: &str| -> Value {
        documents(&ordinary(&["explain", "-j", "-p", &policy, words], b"").ok()).remove(0)
    };
    let document = of(
        "icmp type 3 code 4 ttl 7 dscp 46 length 100 options from 198.51.100.7 ether src 00:00:5e:00:53:07 ether dst ff:ff:ff:ff:ff:ff",
    );
    assert_eq!(
        document["layers"],
        json!([
            {"name": "ethernet", "fields": {"src": "00:00:5e:00:53:07", "dst": "ff:ff:ff:ff:ff:ff", "ethertype": "0x0800"}},
            {"name": "ip4", "fields": {"src": "198.51.100.7", "dst": "192.0.2.1", "ttl": "7", "dscp": "46", "length": "100", "options": "yes", "proto": "1 (icmp)"}},
            {"name": "icmp", "fields": {"type": "3", "code": "4"}},
        ])
    );
    assert_eq!(document["summary"], "icmp type 3 code 4 from 198.51.100.7 to 192.0.2.1");
}

#[test]
fn words_against_each_other_are_refused_and_not_left_out() {
    let dir = Dir::new("explain-against");
    let policy = dir.write("p.pal", POLICY);
    let of = |words: &str| ordinary(&["explain", "-p", &policy, words], b"").failed(2);
    let told = of("tcp udp from 198.51.100.7");
    assert!(
        told.contains("word 2, `udp`: what it says is said already, by word 1, `tcp`"),
        "{told}"
    );
    let told = of("udp from 198.51.100.7 length 10");
    assert!(told.contains("word 4, `length`: the headers of this packet alone have 28"), "{told}");
}

#[test]
fn packets_of_a_capture_are_explained_one_or_all() {
    let dir = Dir::new("explain-pcap");
    let (policy, pcap) = files(&dir);
    let all = ordinary(&["explain", "--pcap", &pcap, "-p", &policy, "-j"], b"").ok();
    let all = documents(&all);
    assert_eq!(all.len(), one_of_each().len());
    for (at, (document, (_, line))) in all.iter().zip(one_of_each()).enumerate() {
        assert_eq!((&document["packet"], &document["line"]), (&json!(at + 1), &line), "{document}");
        let asked = document["asked"].as_array().expect("a list");
        // The last one that was asked decides, unless none does.
        let last = asked.last().filter(|asked| asked["matches"] == true);
        let decides = last.filter(|_| line != 9).map_or(Value::Null, |last| last["line"].clone());
        let by_rule = if line == 9 { Value::Null } else { line };
        assert_eq!(decides, by_rule, "{document}");
    }
    let third = ordinary(&["explain", "--pcap", &pcap, "--packet", "3", "-p", &policy, "-j"], b"");
    assert_eq!(documents(&third.ok()), [all[2].clone()]);
    let quiet = ordinary(&["explain", "--pcap", &pcap, "-p", &policy, "-q"], b"").ok();
    assert_eq!(quiet.lines().count(), 7, "{quiet}");
    assert!(quiet.lines().all(|line| line.starts_with("verdict: ")), "{quiet}");
}

#[test]
fn the_path_is_the_instructions_that_were_executed() {
    let dir = Dir::new("explain-path");
    let policy = dir.write("p.pal", POLICY);
    let args = ["explain", "udp from 198.51.100.7 to 192.0.2.1:53", "-p", &policy, "--bytecode"];
    let document = documents(&ordinary(&[&args[..], &["-j"]].concat(), b"").ok()).remove(0);
    let path = document["path"].as_array().expect("a list");
    assert_eq!(
        document["target"],
        json!({"isa": "v3", "buffers": "multi", "access": "pointers", "from": "interpreter"})
    );
    assert_eq!(json!(path.len()), document["executed"]);
    // Numbers and texts are those that `dump` lists for the same target.
    let listing = ["dump", "-p", &policy, "--target", "v3,multi,pointers", "--numbers"];
    let listing = ordinary(&listing, b"").ok();
    for step in path {
        let (at, text) =
            (step["instruction"].as_u64().expect("a number"), step["text"].as_str().expect("text"));
        assert!(listing.contains(&format!("\n{at:5}: {text}\n")), "{step}");
    }
    let of: Vec<&Value> = path.iter().filter_map(|step| step["of"].get("line")).collect();
    assert!(of.contains(&&json!(6)), "{of:?}");
    let text = ordinary(&args, b"").ok();
    assert!(text.contains("\n  ; 6: drop service in ports as served\n"), "{text}");
    assert!(!text.contains("the running program"), "{text}");
}

#[test]
fn the_policy_in_force_is_asked_with_what_its_sets_hold() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let explain = || lab.palisade(&["explain", "udp from 198.51.100.7 to 192.0.2.1:53"]).ok();
        assert!(explain().contains("src is 198.51.100.7, covered by no entry\n"));
        lab.palisade(&["add", "198.51.100.0/24", "--timeout", "1h"]).ok();
        lab.palisade(&["add", "203.0.113.0/24"]).ok();
        let text = explain();
        assert!(text.contains("covered by the entry 198.51.100.0/24\n"), "{text}");
        assert!(text.contains("\nverdict: drop, by line "), "{text}");
        let path = lab.palisade(&["explain", "arp", "--bytecode"]).ok();
        assert_eq!(path.matches("; the running program may differ\n").count(), 1, "{path}");
        lab.palisade(&["add", "198.51.100.6/31", "--timeout", "1s"]).ok();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let text = explain();
        assert!(text.contains("covered by the entry 198.51.100.0/24\n"), "past its time: {text}");
        lab.palisade(&["mode", "shadow"]).ok();
        assert!(explain().contains("the policy is in mode shadow: the packet passes"));
        lab.palisade(&["mode", "off"]).ok();
        assert!(explain().contains("mode off: every packet passes unseen"));
        lab.palisade(&["mode", "enforce"]).ok();
        lab.palisade(&["add", "198.51.100.0/24", "--timeout", "1s"]).ok();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(explain().contains("\nverdict: pass, by line "), "an entry past its time is none");
    });
}

#[test]
fn of_services_in_force_the_one_that_ends_last_is_named() {
    Lab::run(|lab| {
        let dir = Dir::new("explain-service");
        let text = "set s service\ndrop service in s\ndefault pass\n";
        lab.palisade(&["attach", NEAR, "-p", &dir.write("s.pal", text)]).ok();
        lab.palisade(&["add", "--set", "s", "tcp/57", "--timeout", "1h"]).ok();
        lab.palisade(&["add", "--set", "s", "tcp/50-60"]).ok();
        let text = lab.palisade(&["explain", "tcp from 198.51.100.7 to 192.0.2.1:57"]).ok();
        assert!(text.contains("covered by the entry tcp/50-60\n"), "{text}");
    });
}
