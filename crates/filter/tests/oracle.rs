//! What the oracle says of whole policies: who decides, what is counted on the way, how far a policy
//! minds what is wrong with a frame, and the frames that it is asked about by name.

use std::net::SocketAddr;

use palisade_filter::oracle::{
    Decider, Decision, Declared, arp_request, decide, expected_frame, neighbour_solicitation,
    proves, session_frame, witnesses,
};
use palisade_filter::policy::Flaw;
use palisade_filter::{BUILTIN, Item, Policy, Verdict, parse};

fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)))
}

fn decided(text: &str, frame: &[u8]) -> Decision {
    let policy = policy(text);
    decide(&policy, &Declared::of(&policy), frame)
}

/// The frame of an `expect`.
fn frame(expect: &str) -> Vec<u8> {
    let text = format!("expect drop from {expect}\ndefault pass\n");
    expected_frame(&policy(&text).expects()[0])
}

fn hex(frame: &[u8]) -> String {
    frame.iter().map(|byte| format!("{byte:02x}")).collect()
}

const MACS: &str = "020000000002020000000001";

#[test]
fn the_first_match_decides_and_counts_go_on() {
    let text = "\
        default drop\n\
        count tcp\n\
        keep dst 192.0.2.9\n\
        pass tcp dport 22\n\
        count dport 80\n\
        drop tcp dport 80\n\
        abort dport 81\n\
        pass tcp dport 80\n";
    for (expect, decider, verdict, counted, line) in [
        ("10.0.0.1 tcp dport 22", Decider::Rule(1), Verdict::Pass, vec![0], 4),
        ("10.0.0.1 tcp dport 80", Decider::Rule(3), Verdict::Drop, vec![0, 2], 6),
        ("10.0.0.1 udp dport 81", Decider::Rule(4), Verdict::Aborted, vec![], 7),
        ("10.0.0.1 udp dport 80", Decider::Default, Verdict::Drop, vec![2], 1),
        ("10.0.0.1", Decider::Default, Verdict::Drop, vec![], 1),
        ("10.0.0.1 to 192.0.2.9 tcp dport 80", Decider::Keep(0), Verdict::Pass, vec![], 3),
    ] {
        let (reported, line) = (Vec::new(), Some(line));
        let want = Decision { decider, verdict, counted, reported, under: Vec::new(), line };
        assert_eq!(decided(text, &frame(expect)), want, "{expect}");
    }
}

#[test]
fn later_fragments_that_no_rule_decides_are_on_fragments() {
    let mut later = frame("10.0.0.1 udp dport 53");
    later[14 + 7] = 1;
    for (text, decider, line) in [
        ("drop src 10.0.0.1\non fragment pass\ndefault drop", Decider::Rule(0), Some(1)),
        ("drop dport 53\non fragment pass\ndefault drop", Decider::Fragment, Some(2)),
        ("drop dport 53\ndefault drop", Decider::Default, Some(2)),
    ] {
        let got = decided(text, &later);
        assert_eq!((got.decider, got.line), (decider, line), "{text}");
    }
    let whole = decided("on fragment pass\ndefault drop", &frame("10.0.0.1 udp dport 53"));
    assert_eq!(whole.decider, Decider::Default);
}

/// Frames with one flaw each.
fn flawed() -> [(Flaw, Vec<u8>); 6] {
    let tcp = frame("10.0.0.1 tcp");
    let mut tags = tcp[..12].to_vec();
    tags.extend([0x81, 0, 0, 5].repeat(9));
    let mut ip6 = frame("2001:db8::2 tcp");
    let cut6 = ip6[..30].to_vec();
    ip6[14 + 40 + 12] = 0x40;
    let mut offset = tcp.clone();
    offset[14 + 20 + 12] = 0xf0;
    [
        (Flaw::ShortL2, tcp[..13].to_vec()),
        (Flaw::VlanTooDeep, tags),
        (Flaw::ShortL3, tcp[..20].to_vec()),
        (Flaw::BadOffset, offset),
        (Flaw::ShortL3, cut6),
        (Flaw::BadOffset, ip6),
    ]
}

#[test]
#[rustfmt::skip] // One line per policy.
fn a_flaw_is_minded_as_far_as_rules_look() {
    // Of the frames above: tags cut, tags too deep, IPv4 cut, TCP over IPv4, IPv6 cut, TCP over IPv6.
    for (text, minded) in [
        ("default pass", "......"),
        ("drop arp\ndefault pass", "......"),
        ("drop vlan 7\ndrop ether src 02:00:00:00:00:09\ndefault pass", "......"),
        ("drop ethertype 0x88cc\ndefault pass", "......"),
        ("drop not arp\ndefault pass", "......"),
        ("drop ethertype 0x0800\ndefault pass", "xxx..."),
        ("drop ip4\ndefault pass", "xxx..."),
        ("drop src 10.0.0.0/8\ndefault pass", "xxx..."),
        ("drop src 2001:db8:9::/48\ndefault pass", "xx..x."),
        ("drop ttl < 5\ndefault pass", "xxx.x."),
        ("drop tcp\ndefault pass", "xxxxxx"),
        ("drop ip4 dport 22\ndefault pass", "xxxx.."),
        ("drop icmp6\ndefault pass", "xx..xx"),
        ("drop not icmp6\ndefault pass", "xxx.xx"),
        ("drop nd\ndefault pass", "xx..xx"),
        ("drop ip4 fragment\ndefault pass", "xxx..."),
        ("drop fragment\ndefault pass", "xxx.xx"),
        ("drop dhcp\ndefault pass", "xxxxxx"),
        ("keep type 8\ndefault pass", "xxxxxx"),
        ("on fragment drop\ndefault pass", "xxxxxx"),
        ("drop\npass tcp\ndefault pass", "......"),
        ("drop ip4\npass tcp\ndefault pass", "xxx.xx"),
        ("count ip4\ndrop ip4 tcp\ndefault pass", "xxxx.."),
        ("drop (ip4 or ip6)\npass tcp\ndefault pass", "xxx.x."),
        ("drop (tcp or not tcp)\npass src 10.0.0.1\ndefault pass", "xxxxxx"),
    ] {
        for ((flaw, frame), minded) in flawed().into_iter().zip(minded.chars()) {
            let decider = decided(text, &frame).decider;
            let want = minded != '.';
            assert_eq!(decider == Decider::Malformed(flaw), want, "{text}: {} {}", flaw.name(), hex(&frame));
        }
    }
}

#[test]
fn what_is_not_minded_meets_the_rules_as_it_is() {
    for (text, at, decider) in [
        ("drop\ndefault pass", 0, Decider::Rule(0)),
        ("drop vlan 5 inner-vlan 5\ndefault pass", 1, Decider::Rule(0)),
        ("drop arp\ndrop ethertype 0x8101\ndefault pass", 1, Decider::Default),
        ("drop ether src 02:00:00:00:00:01\ndefault pass", 0, Decider::Default),
        ("drop not ether src 02:00:00:00:00:01\ndefault pass", 0, Decider::Rule(0)),
        ("drop ether src 02:00:00:00:00:01\ndefault pass", 2, Decider::Rule(0)),
        ("drop src 10.0.0.1\ndefault pass", 3, Decider::Rule(0)),
        ("drop not src 10.0.0.1\ndefault pass", 3, Decider::Default),
        ("drop not icmp6\ndefault pass", 3, Decider::Rule(0)),
        // The second term is false of all of IPv4, so none of it is read.
        ("drop ether src 02:00:00:00:00:01 not src 0.0.0.0/0\ndefault pass", 2, Decider::Default),
    ] {
        let (flaw, frame) = &flawed()[at];
        assert_eq!(decided(text, frame).decider, decider, "{text}: {}", flaw.name());
    }
}

#[test]
fn malformed_frames_meet_their_own_verdict_before_any_keep() {
    let cut = &frame("10.0.0.1 tcp")[..40];
    let got = decided("keep ip4\npass tcp\non malformed pass\ndefault drop", cut);
    let flaw = Decider::Malformed(Flaw::BadLength);
    assert_eq!((got.decider, got.verdict, got.line), (flaw, Verdict::Pass, Some(3)));
    let got = decided("keep ip4\npass tcp\ndefault pass", cut);
    assert_eq!((got.decider, got.verdict, got.line), (flaw, Verdict::Drop, None));
}

#[test]
#[rustfmt::skip] // One line per frame.
fn the_frame_of_an_expect_is_the_shortest_of_its_kind() {
    let v4 = |length: &str, protocol: &str, from: &str, to: &str| {
        format!("{MACS}08004500{length}0001000040{protocol}0000{from}{to}")
    };
    let v6 = |length: &str, next: &str, to: &str| {
        format!("{MACS}86dd60000000{length}{next}4020010db8000000000000000000000009{to}")
    };
    let (from, to) = ("0a000001", "c0000201");
    let to6 = "20010db8000000000000000000000001";
    let empty = "3b00000000000000000000000000000000000000";
    let tcp = |ports: &str| format!("{ports}00000001000000015002ffff00000000");
    for (expect, bytes) in [
        ("10.0.0.1", v4("0028", "fd", from, to) + empty),
        ("10.0.0.1 to 10.0.0.2 tcp dport 22", v4("0028", "06", from, "0a000002") + &tcp("c0000016")),
        ("10.0.0.1 udp sport 1 dport 2", v4("001c", "11", from, to) + "0001000200080000"),
        ("10.0.0.1 sctp", v4("0020", "84", from, to) + "c000c0000000000100000000"),
        ("10.0.0.1 icmp", v4("001c", "01", from, to) + "0800000000010001"),
        ("10.0.0.1 proto 47", v4("0028", "2f", from, to) + empty),
        ("2001:db8::9", v6("0014", "fd", to6) + empty),
        ("2001:db8::9 to 2001:db8::1 tcp sport 1", v6("0014", "06", to6) + &tcp("0001c000")),
        ("2001:db8::9 icmp6", v6("0008", "3a", to6) + "8000000000010001"),
        ("2001:db8::9 proto 1", v6("0014", "01", to6) + empty),
        ("2001:db8::9 proto 60", v6("0014", "3c", to6) + empty),
    ] {
        assert_eq!(hex(&frame(expect)), bytes, "{expect}");
    }
}

#[test]
fn every_expected_frame_is_sound() {
    for number in 0..=255 {
        for from in ["10.0.0.1", "2001:db8::9"] {
            let got = decided("pass tcp\ndefault pass", &frame(&format!("{from} proto {number}")));
            assert!(!matches!(got.decider, Decider::Malformed(_)), "{from} {number}: {got:?}");
        }
    }
}

#[test]
fn a_session_is_told_by_its_ends_and_an_ack() {
    let end = |text: &str| -> SocketAddr { text.parse().expect(text) };
    let frame = |from, to| session_frame(end(from), end(to));
    let text = "\
        pass tcp src 198.51.100.7 sport 4000 dst 192.0.2.22 dport 22 flags ack,!syn\n\
        pass tcp src 2001:db8::7 sport 4000 dst 2001:db8::22 dport 22 flags ack,!syn\n\
        default drop\n";
    for (at, from, to) in [
        (0, "198.51.100.7:4000", "192.0.2.22:22"),
        (1, "[2001:db8::7]:4000", "[2001:db8::22]:22"),
        (0, "[::ffff:198.51.100.7]:4000", "[::ffff:192.0.2.22]:22"),
        (0, "[::ffff:198.51.100.7]:4000", "192.0.2.22:22"),
    ] {
        assert_eq!(decided(text, &frame(from, to)).decider, Decider::Rule(at), "{from} {to}");
    }
    let other = frame("198.51.100.7:22", "192.0.2.22:4000");
    assert_eq!(decided(text, &other).decider, Decider::Default);
}

#[test]
fn neighbours_questions_are_arp_and_nd() {
    let text = "keep arp\nkeep nd\ndefault drop\n";
    assert_eq!(decided(text, &arp_request()).decider, Decider::Keep(0));
    assert_eq!(decided(text, &neighbour_solicitation()).decider, Decider::Keep(1));
    assert_eq!(
        decided("keep arp\ndefault drop\n", &neighbour_solicitation()).verdict,
        Verdict::Drop
    );
    assert_eq!(
        decided("drop arp\ndefault pass\n", &arp_request()).decider,
        Decider::Rule(0),
        "a request is a whole frame"
    );
}

#[test]
fn sets_hold_what_they_declare_and_what_their_files_bring() {
    let text = "\
        set nets net { elements { 10.0.0.0/8, 2001:db8::/32, 192.0.2.1 } }\n\
        set ports service { elements { tcp/22, udp/53-54, any/443 } }\n\
        set macs mac { elements { 02:00:00:00:00:01 } }\n\
        set other net\n\
        drop src in nets\n\
        drop service in ports\n\
        drop src in other\n\
        default pass\n";
    let policy = policy(text);
    let declared = Declared::with(&policy, |set| match set.name.as_str() {
        "other" => vec!["172.16.0.0/12".parse::<Item>().expect("an item")],
        _ => Vec::new(),
    });
    for (expect, decider) in [
        ("10.255.255.255", Decider::Rule(0)),
        ("11.0.0.0", Decider::Default),
        ("192.0.2.1", Decider::Rule(0)),
        ("192.0.2.2", Decider::Default),
        ("2001:db8:ffff::1", Decider::Rule(0)),
        ("::10.0.0.1", Decider::Default),
        ("172.31.0.1", Decider::Rule(2)),
        ("11.0.0.1 tcp dport 22", Decider::Rule(1)),
        ("11.0.0.1 udp dport 22", Decider::Default),
        ("11.0.0.1 udp dport 54", Decider::Rule(1)),
        ("11.0.0.1 udp dport 55", Decider::Default),
        ("11.0.0.1 sctp dport 443", Decider::Rule(1)),
        ("11.0.0.1 tcp sport 443", Decider::Default),
        ("11.0.0.1 proto 47", Decider::Default),
    ] {
        assert_eq!(decide(&policy, &declared, &frame(expect)).decider, decider, "{expect}");
    }
    let bare = decide(&policy, &Declared::of(&policy), &frame("172.31.0.1"));
    assert_eq!(bare.decider, Decider::Default, "the file was not read");
}

#[test]
fn a_keep_has_witnesses_even_while_its_sets_are_empty() {
    let text = "\
        set nets net\n\
        set ports service\n\
        set macs mac\n\
        keep arp\n\
        keep nd\n\
        keep src in nets\n\
        keep service in ports\n\
        keep ether src in macs\n\
        keep tcp dport 22 src 198.51.100.0/24 not fragment\n\
        keep vlan 5 inner-vlan 6 (ttl < 3 or length > 1000) flags ack,!syn\n\
        keep inner-vlan 5 not vlan 1\n\
        keep port 60-69 not port { 0-64, 66-65535 }\n\
        keep length = 100 ttl = 3 dscp = 46\n\
        keep not src in nets dst { 192.0.2.1, 2001:db8::/32 }\n\
        drop\n\
        default drop\n";
    let policy = policy(text);
    let contents = Declared::of(&policy);
    for keep in 0..policy.keeps().len() {
        let proved = proves(&policy, &contents, keep);
        assert!(proved.as_ref().is_ok_and(|count| *count > 0), "{keep}: {proved:?}");
    }
    assert_eq!(proves(&policy, &contents, policy.keeps().len()), Ok(0));
}

#[test]
fn witnesses_go_to_the_ends_of_what_is_tested() {
    let text = "keep udp src 10.0.0.4-10.0.0.9 dport 100-200\ndefault drop\n";
    let policy = policy(text);
    let found = witnesses(&policy.keeps()[0].matching, &Declared::of(&policy));
    let corner = |addr: u8, port: u8| {
        found
            .iter()
            .any(|f| f[14 + 12..14 + 16] == [10, 0, 0, addr] && f[34 + 2..34 + 4] == [0, port])
    };
    for (addr, port) in [(4, 100), (4, 200), (9, 100), (9, 200)] {
        assert!(corner(addr, port), "{addr} {port}");
    }
    assert!(!corner(3, 100) && !corner(4, 99));
}

#[test]
fn the_builtin_policy_keeps_what_it_says() {
    let policy = policy(BUILTIN);
    let contents = Declared::of(&policy);
    for keep in 0..policy.keeps().len() {
        assert!(proves(&policy, &contents, keep).is_ok_and(|count| count > 0));
    }
    assert_eq!(decide(&policy, &contents, &frame("10.10.10.10")).decider, Decider::Default);
}
