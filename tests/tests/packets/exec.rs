//! `exec --pcap`: every packet of a capture through code of any origin.

use palisade_tests::dir::Dir;
use palisade_tests::packet::{arp, eth, filler, ipv4, tcp, udp};
use serde_json::json;

use super::{capture, documents, ordinary, taken};

/// Drops UDP over IPv4, passes the rest; frames are not measured.
const CODE: &str = "r2 = *(u32 *)(r1 +4)\nr1 = *(u32 *)(r1 +0)\nr3 = r1\nr3 += 34\nr0 = 2\nif r3 > r2 goto end\nr4 = *(u8 *)(r1 +23)\nif r4 != 17 goto end\nr0 = 1\nend:\nexit\n";

#[test]
fn each_packet_is_told_and_the_verdicts_add_up() {
    let dir = Dir::new("exec-pcap");
    let packets = [
        taken(eth() / ipv4() / udp(1, 2)),
        taken(eth() / ipv4() / tcp(1, 2)),
        taken(eth() / arp(1)),
    ];
    let (code, pcap) = (dir.write("c.s", CODE), dir.write("c.pcap", capture(&packets)));
    let text = ordinary(&["exec", &code, "--pcap", &pcap], b"").ok();
    assert_eq!(
        text,
        "     1  drop (1), after 10 instructions\n     2  pass (2), after 9 instructions\n     3  pass (2), after 9 instructions\n\
         3 packets\n  drop (1): 1\n  pass (2): 2\n"
    );
    let all = documents(&ordinary(&["exec", &code, "--pcap", &pcap, "-j"], b"").ok());
    for (at, (document, taken)) in all.iter().zip(&packets).enumerate() {
        let frame: String = taken.frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let alone = ordinary(&["exec", &code, "--packet", &frame, "-j"], b"").ok();
        let mut alone = documents(&alone).remove(0);
        assert_eq!(alone["packet"], frame);
        alone["number"] = json!(at + 1);
        assert_eq!(*document, alone);
    }
    assert_eq!(
        all[3],
        json!({"packets": 3, "verdicts": {"drop": {"packets": 1}, "pass": {"packets": 2}}, "trapped": 0})
    );
    let traced = ordinary(&["exec", &code, "--pcap", &pcap, "--trace"], b"").ok();
    assert_eq!(traced.matches("if r4 != 0x11 goto end").count(), 3, "{traced}");
    assert!(traced.contains("\n     2      0: r2 = *(u32 *)(r1 +4) "), "{traced}");
    let traced = ordinary(&["exec", &code, "--pcap", &pcap, "--trace", "-j"], b"").ok();
    let traced = documents(&traced);
    let second: Vec<_> = traced.iter().filter(|one| one["number"] == 2).collect();
    assert_eq!(second.len(), 10, "nine instructions and the end");
    assert!(second[..9].iter().all(|one| one["instruction"].is_number()), "{second:?}");
}

#[test]
fn a_packet_on_which_it_traps_is_told_and_the_next_one_goes_on() {
    let dir = Dir::new("exec-trap");
    let long = || taken(eth() / ipv4() / udp(1, 2) / filler(10));
    let packets = [long(), taken(eth() / arp(1)), long()];
    let pcap = dir.write("c.pcap", capture(&packets));
    // Reads beyond the end of a short frame.
    let code = dir.write("c.s", "r1 = *(u32 *)(r1 +0)\nr4 = *(u8 *)(r1 +45)\nr0 = 2\nexit\n");
    let output = ordinary(&["exec", &code, "--pcap", &pcap], b"");
    assert!(
        output
            .stdout
            .contains("     2  trapped at instruction 1, r4 = *(u8 *)(r1 +45): reads 1 byte"),
        "{output:?}"
    );
    assert!(output.stdout.ends_with("3 packets\n  pass (2): 2\n  trapped: 1\n"), "{output:?}");
    let wrong = output.failed(1);
    assert!(wrong.contains("the program trapped on 1 packet"), "{wrong}");
}

#[test]
fn maps_stay_from_packet_to_packet() {
    let dir = Dir::new("exec-maps");
    let packets: Vec<_> = (0..3).map(|_| taken(eth() / ipv4() / udp(1, 2))).collect();
    let pcap = dir.write("c.pcap", capture(&packets));
    // Returns how many packets there were before.
    let code = ".map n array key 4 value 8 max 1\n  r1 = map[n]+0\n  r0 = *(u64 *)(r1 +0)\n  r2 = r0\n  r2 += 1\n  *(u64 *)(r1 +0) = r2\n  exit\n";
    let code = dir.write("c.s", code);
    let all = documents(&ordinary(&["exec", &code, "--pcap", &pcap, "-j"], b"").ok());
    let values: Vec<_> = all[..3].iter().map(|one| one["value"].clone()).collect();
    assert_eq!(values, [json!(0), json!(1), json!(2)]);
}
