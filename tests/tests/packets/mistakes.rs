//! What is no capture, no packet and no use of the commands: the message, and exit code 2.

use palisade_tests::dir::Dir;

use super::{POLICY, capture, files, one_of_each, ordinary};

#[test]
fn what_is_no_capture_is_refused_with_the_reason_by_every_command() {
    let dir = Dir::new("mistakes-capture");
    let (policy, _) = files(&dir);
    let code = dir.write("c.s", "r0 = 2\nexit\n");
    let whole = capture(&[one_of_each().remove(0).0]);
    let mut cooked = whole.clone();
    cooked[20] = 113;
    let cases: [(&str, &[u8], &str); 5] = [
        ("empty.pcap", b"", "empty.pcap: the capture is empty"),
        ("text.pcap", b"no capture at all, but some text", "this is neither pcap nor pcapng"),
        ("head.pcap", &whole[..10], "the capture ends inside its head"),
        ("cut.pcap", &whole[..60], "the capture ends inside a packet, which begins at byte 24"),
        ("cooked.pcap", &cooked, "link type 113 (Linux cooked capture) are not read"),
    ];
    let mut paths: Vec<(String, &str)> =
        cases.iter().map(|(name, bytes, why)| (dir.write(name, bytes), *why)).collect();
    paths.push((dir.path(""), "is a directory, not a file"));
    paths.push((dir.path("none.pcap"), "ENOENT"));
    for (path, why) in &paths {
        for command in [
            &["replay", "--pcap", path, "-p", &policy][..],
            &["explain", "--pcap", path, "-p", &policy],
            &["exec", &code, "--pcap", path],
        ] {
            let wrong = ordinary(command, b"").failed(2);
            assert!(wrong.contains(why), "{command:?}: {wrong}");
        }
    }
}

#[test]
fn what_came_before_the_end_of_a_broken_capture_is_told() {
    let dir = Dir::new("mistakes-broken");
    let packets: Vec<_> = one_of_each().into_iter().map(|(packet, _)| packet).collect();
    let whole = capture(&packets);
    let (policy, pcap) =
        (dir.write("p.pal", POLICY), dir.write("b.pcap", &whole[..whole.len() - 1]));
    let output = ordinary(&["replay", "--pcap", &pcap, "-p", &policy], b"");
    assert!(output.stdout.contains("\n6 packets, "), "{output:?}");
    assert!(output.failed(2).contains("the capture ends inside a packet"));
}

#[test]
fn what_is_no_packet_is_refused_with_the_word_that_is_wrong() {
    let dir = Dir::new("mistakes-words");
    let policy = dir.write("p.pal", POLICY);
    for (words, why) in [
        ("", "the packet is empty"),
        (":", "the packet is empty"),
        ("0", "the last byte has one digit only"),
        ("00zz", "`00zz` is no word of a packet"),
        ("udp form 192.0.2.1", "`form` is no word of a packet"),
        ("udp", "`from` and an address are missing"),
        (
            "udp from",
            "behind `from` an address, with a port as in 192.0.2.1:53 or [2001:db8::1]:53 is missing",
        ),
        ("udp from 192.0.2.300", "`192.0.2.300` behind `from` is not an address"),
        ("udp from 192.0.2.1:70000", "`192.0.2.1:70000` behind `from` is not an address"),
        (
            "udp from 192.0.2.1 to 2001:db8::1",
            "192.0.2.1 and 2001:db8::1 are not of one version of IP",
        ),
        ("icmp from 192.0.2.1:53", "ports have only tcp, udp and sctp"),
        ("icmp from 2001:db8::1", "icmp has only IPv4"),
        ("udp from 192.0.2.1 flags syn", "flags have only tcp"),
        ("tcp from 192.0.2.1 flags syn,ush", "`syn,ush` behind `flags` is not flags"),
        ("tcp from 192.0.2.1 type 8", "a type has only icmp and icmp6"),
        ("tcp from 2001:db8::1 options", "options have only IPv4"),
        ("proto 256 from 192.0.2.1", "`256` behind `proto` is not a number that fits"),
        ("tcp from 192.0.2.1 ttl 256", "`256` behind `ttl` is not a number that fits"),
        ("tcp from 192.0.2.1 dscp 64", "`64` behind `dscp` is not a number from 0 to 63"),
        ("vlan 4096 arp", "`4096` behind `vlan` is not a number from 0 to 4095"),
        ("arp from 192.0.2.1", "addresses have only an IP packet"),
        ("ethertype 0x5ff", "`0x5ff` behind `ethertype` is not a number"),
        ("arp ether source 02:00:00:00:00:01", "`source` behind `ether` is not `src` or `dst`"),
        (
            "udp from 192.0.2.1 fragment second",
            "`second` behind `fragment` is not `first` or `later`",
        ),
    ] {
        let wrong = ordinary(&["explain", "-p", &policy, words], b"").failed(2);
        assert!(wrong.contains(why), "{words}: {wrong}");
    }
}

#[test]
fn commands_that_cannot_be_meant_are_refused() {
    let dir = Dir::new("mistakes-use");
    let (policy, pcap) = files(&dir);
    for (args, why) in [
        (&["explain", "-p", &policy][..], "<PACKET>..."),
        (&["explain", "arp", "--pcap", &pcap, "-p", &policy], "cannot be used with"),
        (&["explain", "arp", "--packet", "1", "-p", &policy], "cannot be used with"),
        (&["explain", "--pcap", &pcap, "--packet", "0", "-p", &policy], "0 is not in 1.."),
        (
            &["explain", "--pcap", &pcap, "--packet", "8", "-p", &policy],
            "has no packet 8: it has 7",
        ),
        (
            &["explain", "--pcap", "-", "-p", "-"],
            "standard input cannot be capture and policy in one",
        ),
        (
            &["replay", "--pcap", "-", "-p", "-"],
            "standard input cannot be capture and policy in one",
        ),
        (
            &["replay", "--pcap", "/dev/stdin", "-p", "-"],
            "standard input cannot be capture and policy in one",
        ),
        (
            &["explain", "--pcap", "-", "-p", "/dev/stdin"],
            "standard input cannot be capture and policy in one",
        ),
        (
            &["exec", "-", "--pcap", "/dev/stdin"],
            "standard input cannot be capture and code in one",
        ),
        (&["exec", "-", "--pcap", "-"], "standard input cannot be capture and code in one"),
        (&["replay", "--pcap", &pcap], "--policy <FILE.pal>"),
        (&["exec", "x.s", "--packet", "00", "--pcap", &pcap], "cannot be used with"),
    ] {
        let wrong = ordinary(args, b"").failed(2);
        assert!(wrong.contains(why), "{args:?}: {wrong}");
    }
    let wrong = dir.write("wrong.pal", "drop src in nowhere\ndefault pass\n");
    for args in [&["replay", "--pcap", &pcap, "-p", &wrong][..], &["explain", "arp", "-p", &wrong]]
    {
        assert!(ordinary(args, b"").failed(2).contains("wrong.pal:1:"), "{args:?}");
    }
}

#[test]
fn without_a_policy_in_force_explain_says_so() {
    let said = ordinary(&["explain", "arp"], b"");
    assert!(said.code == Some(2) || said.code == Some(3), "{said:?}");
    assert!(said.stderr.contains("/nonexistent"), "{said:?}");
}
