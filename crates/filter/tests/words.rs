//! Frames by words: all that is said is in the frame, and what cannot be is refused at its word.

use palisade_filter::oracle::{Reading, WordsError, frame_of_words};

fn frame(words: &str) -> Result<Vec<u8>, WordsError> {
    frame_of_words(&words.split(' ').collect::<Vec<_>>())
}

#[test]
fn tags_go_by_their_names_and_not_by_their_order() {
    for words in [
        "vlan 7 inner-vlan 8 tag 9 tag 10 udp from 192.0.2.3",
        "tag 9 inner-vlan 8 udp tag 10 vlan 7 from 192.0.2.3",
    ] {
        let summary = Reading::of(&frame(words).expect(words)).to_string();
        assert!(summary.starts_with("vlan 7 inner-vlan 8 tag 9 tag 10 udp from"), "{summary}");
    }
}

#[test]
fn a_word_that_the_others_leave_no_room_for_is_refused_with_its_place() {
    let again = "what it says is said already, by word";
    for (words, at, word, why) in [
        ("tcp udp from 192.0.2.3", 2, "udp", &*format!("{again} 1, `tcp`")),
        ("proto 6 tcp from 192.0.2.3", 3, "tcp", &format!("{again} 1, `proto`")),
        ("from 192.0.2.3 from 192.0.2.4", 3, "from", &format!("{again} 1, `from`")),
        ("arp ethertype 0x88cc", 2, "ethertype", &format!("{again} 1, `arp`")),
        ("arp ether src 02:00:00:00:00:07 ether src 02:00:00:00:00:08", 5, "ether", again),
        ("arp ether dst 02:00:00:00:00:07 ether dst 02:00:00:00:00:08", 5, "ether", again),
        ("arp vlan 1 vlan 2", 4, "vlan", again),
        ("arp inner-vlan 2", 2, "inner-vlan", "behind `vlan`"),
        ("arp vlan 1 tag 2", 4, "tag", "behind `vlan` and `inner-vlan`"),
        ("udp from 192.0.2.3 length 10", 4, "length", "alone have 28 bytes"),
        ("udp from 192.0.2.3 options length 31", 5, "length", "alone have 32 bytes"),
        ("tcp from 2001:db8::3 fragment first length 67", 6, "length", "alone have 68 bytes"),
        ("from 192.0.2.3 length 65536", 3, "length", "IPv4 packet has at most 65535 bytes"),
        ("from 2001:db8::3 length 65576", 3, "length", "IPv6 packet has at most 65575 bytes"),
        ("fragment later udp from 192.0.2.3:5", 4, "from", "no port"),
        ("udp from 192.0.2.3 to 192.0.2.4:5 fragment later", 4, "to", "no port"),
        ("tcp flags syn from 192.0.2.3 fragment later", 2, "flags", "no flags"),
        ("icmp type 3 from 192.0.2.3 fragment later", 2, "type", "no type"),
        ("icmp from 192.0.2.3 code 3 fragment later", 4, "code", "no code"),
        ("from 2001:db8::3 proto 0", 3, "proto", "0 is no protocol over IPv6"),
        ("from 2001:db8::3 proto 43", 3, "proto", "43 is no protocol over IPv6"),
        ("from 2001:db8::3 proto 44", 3, "proto", "44 is no protocol over IPv6"),
        ("from 2001:db8::3 proto 51", 3, "proto", "51 is no protocol over IPv6"),
        ("from 2001:db8::3 proto 60", 3, "proto", "60 is no protocol over IPv6"),
    ] {
        let told = frame(words).expect_err(words).to_string();
        assert!(told.starts_with(&format!("word {at}, `{word}`: ")), "{words}: {told}");
        assert!(told.contains(why), "{words}: {told}");
    }
}

#[test]
fn every_length_that_is_taken_is_the_length_of_the_frame() {
    for (words, length) in [
        ("udp from 192.0.2.3", 28),
        ("udp from 192.0.2.3", 65_535),
        ("udp from 192.0.2.3 fragment later", 21),
        ("tcp from 2001:db8::3 fragment first", 68),
        ("udp from 2001:db8::3", 65_575),
        ("proto 43 from 192.0.2.3", 30),
    ] {
        let frame = frame(&format!("{words} length {length}")).expect(words);
        assert_eq!(frame.len(), 14 + length, "{words}");
    }
}
