//! Whatever a file holds, reading it ends with items or with mistakes at places inside of it.

use palisade_filter::diag::{Diagnostics, place};
use palisade_filter::import::{Counters, Format, Imported, read};
use palisade_filter::value::{Item, PortRange, Prefix, Service, Transport};
use proptest::prelude::*;

/// Reads in every format; places must lie inside the text, and the report must be printable.
fn sane(text: &[u8]) {
    for format in Format::EACH {
        match read(text, format) {
            Ok(imported) => {
                for group in &imported.groups {
                    let counted = group.counters.len();
                    assert!(counted == 0 || counted == group.items.len());
                }
            }
            Err(all) => {
                assert!(all.iter().count() > 0);
                assert!(all.iter().all(|d| d.span.start <= d.span.end));
                assert!(all.iter().all(|d| d.span.start <= text.len()));
                let text = String::from_utf8_lossy(text);
                assert!(all.report("input", &text).to_string().starts_with("error: "));
            }
        }
    }
}

fn list(text: &str) -> Result<Imported, Diagnostics> {
    sane(text.as_bytes());
    read(text.as_bytes(), Format::List)
}

#[test]
fn hostile_lines_are_mistakes_at_their_place() {
    for (line, column) in [
        ("0/0", 1),
        ("1.2.3.4/33", 9),
        ("1.2.3.4/-1", 9),
        ("1.2.3.4/08", 9),
        ("1.2.3.4/", 9),
        ("1.2.3.4/255.255.255.0", 9),
        ("::/129", 4),
        ("01.2.3.4", 1),
        ("1.2.3", 1),
        ("1.2.3.4.5", 1),
        ("0x7f.1", 1),
        ("2130706433", 1),
        ("256.0.0.1", 1),
        ("fe80::1%eth0", 1),
        ("[::1]", 1),
        ("1::2::3", 1),
        ("tcp/65536", 5),
        ("tcp/-1", 5),
        ("tcp/0x50", 5),
        ("tcp/080", 5),
        ("tcp/", 5),
        ("tcp/90-80", 5),
        ("tcp/80-", 5),
        ("tcp/99999999999999999999", 5),
        ("TCP/80", 1),
        ("80/tcp", 1),
        ("1.2.3.9-1.2.3.4", 1),
        ("1.2.3.4-", 9),
        ("-1.2.3.4", 1),
        ("1.2.3.4-1.2.3.5-1.2.3.6", 9),
        ("1.2.3.0/24-1.2.4.0/24", 9),
        ("1.2.3.4-::1", 1),
        ("1.2.3.4 x", 9),
        ("1.2.3.4,", 1),
        ("1.2.3.4\r5.6.7.8", 9),
        ("1.2.3.4\u{a0}", 1),
        ("\u{661}.2.3.4", 1),
        ("1.2.3.\u{664}", 1),
        ("tcp/\u{668}\u{660}", 5),
        ("\u{feff}1.2.3.4", 1),
        ("\u{1b}[2J", 1),
    ] {
        let text = format!("10.0.0.1\r\n{line}\r\n10.0.0.2\n");
        let all = list(&text).expect_err(line);
        let one = all.iter().next().expect("a mistake");
        assert_eq!(all.iter().count(), 1, "{line}");
        let at = place(&text, one.span.start);
        assert_eq!((at.line, at.column), (2, column), "{line}: {}", one.message);
    }
}

#[test]
fn odd_but_plain_lines_are_items() {
    for (line, item) in [
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("1.2.3.4/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ("tcp/0", "tcp/0"),
        ("tcp/65535", "tcp/65535"),
        ("FFFF::0001", "ffff::1"),
        ("0.0.0.0-255.255.255.255", "0.0.0.0/0"),
        ("1.2.3.4-1.2.3.4", "1.2.3.4"),
    ] {
        let found = list(line).expect(line);
        let items: Vec<_> = found.groups[0].items.iter().map(ToString::to_string).collect();
        assert_eq!(items, [item], "{line}");
    }
}

#[test]
fn a_long_line_is_not_repeated_in_its_message() {
    let long = "1".repeat(1 << 20);
    for text in [
        long.clone(),
        format!("1.2.3.4-{long}"),
        format!("é{long}"),
        format!("create a hash:net\nadd a {long}"),
        format!("create a bitmap:port\nadd a {long}"),
        format!(
            r#"{{"sets":{{"{long}":{{}},"a":{{"type":"net","entries":[{{"item":"{long}"}}]}}}}}}"#
        ),
        format!(r#"{{"1.2.3.4":{long},"{long}":1}}"#),
        format!(r#"{{"nftables":[{{"set":{{"type":"ipv4_addr","elem":["{long}",{long}]}}}}]}}"#),
        format!(r#"{{"cidr":"{long}","cidr":1,"{long}":1,"{long}":2}}"#),
    ] {
        let all = read(text.as_bytes(), Format::Auto).expect_err("a mistake");
        assert!(all.iter().all(|d| d.message.len() < 300), "{}", &text[..40]);
    }
}

#[test]
fn nesting_and_huge_numbers_are_mistakes() {
    for (text, message) in [
        ("{\"x\":".repeat(10_000), "nested deeper than 100 levels"),
        (format!("{{\"x\":{}", "[".repeat(10_000)), "nested deeper than 100 levels"),
        (format!("{{\"nftables\":{}", "[".repeat(10_000)), "nested deeper than 100 levels"),
        (
            "{\"1.2.3.4\":18446744073709551616}".to_owned(),
            "a count is a whole number from 0 to 18446744073709551615",
        ),
        (
            format!("{{\"1.2.3.4\":1e{}}}", "9".repeat(1000)),
            "a count is a whole number from 0 to 18446744073709551615",
        ),
    ] {
        sane(text.as_bytes());
        let all = read(text.as_bytes(), Format::Auto).expect_err("a mistake");
        assert!(all.iter().any(|d| d.message == message), "{all:?}");
    }
}

#[test]
fn one_bad_line_spoils_the_whole_file() {
    let mut text = "10.0.0.1\n".repeat(10_000);
    assert_eq!(list(&text).expect("items").groups[0].items.len(), 10_000);
    text.push_str("10.0.0.1x");
    assert!(list(&text).is_err());
}

/// Files to be damaged: one of each format.
const SAMPLES: [&str; 6] = [
    "\u{feff}# x\r\n192.0.2.1\r\n2001:db8::/32 ; y\r\n10.0.0.1 - 10.0.0.9\ntcp/80-90\n",
    r#"{"policy":"main","sets":{"b":{"type":"net","entries":[{"item":"::1","packets":1,"bytes":2,"expires":null}]}}}"#,
    "{\n \"10.0.0.1\" : 1,\n \"80\" : {\n\t\"TCP\" : 10,\n\t\"UDP\" : 4\n }\n}\n",
    "{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL2\"}\n{\"type\":\"metadata\",\"size\":1}\n",
    "create a hash:ip family inet counters comment\nadd a 1.2.3.4 packets 5 bytes 1 comment \"é\"\n\
     create p bitmap:port range 0-9\nadd p 5\n",
    r#"{"nftables":[{"set":{"name":"b","type":"ipv4_addr","elem":[{"elem":{"val":{"range":["1.2.3.4","1.2.3.9"]},"counter":{"packets":0,"bytes":0}}},{"prefix":{"addr":"10.0.0.0","len":8}}]}}]}"#,
];

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    for sample in SAMPLES {
        assert!(read(sample.as_bytes(), Format::Auto).is_ok(), "{sample}");
        for end in 0..sample.len() {
            sane(&sample.as_bytes()[..end]);
        }
    }
}

fn item() -> impl Strategy<Value = Item> {
    let v4 = (any::<u32>(), 0u8..=32).prop_map(|(bits, len)| {
        Item::Net(Prefix::new(std::net::Ipv4Addr::from(bits).into(), len).expect("a length"))
    });
    let v6 = (any::<u128>(), 0u8..=128).prop_map(|(bits, len)| {
        Item::Net(Prefix::new(std::net::Ipv6Addr::from(bits).into(), len).expect("a length"))
    });
    let transport = prop_oneof![
        Just(Transport::Tcp),
        Just(Transport::Udp),
        Just(Transport::Sctp),
        Just(Transport::Any)
    ];
    let service = (transport, any::<u16>(), any::<u16>()).prop_map(|(transport, a, b)| {
        let ports = PortRange::new(a.min(b), a.max(b)).expect("in order");
        Item::Service(Service { transport, ports })
    });
    prop_oneof![v4, v6, service]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        sane(&bytes);
    }

    #[test]
    fn any_text_of_the_signs_of_the_formats_is_read_or_refused(text in r#"[{}\[\]",:0-9a-f./;# \n\\é-]{0,80}"#) {
        sane(text.as_bytes());
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(
        sample in prop::sample::select(&SAMPLES[..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte & 0x7f,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        sane(&bytes);
    }

    #[test]
    fn a_list_of_printed_items_is_read_back(items in prop::collection::vec(item(), 1..40)) {
        let text: String = items.iter().map(|item| format!("{item}\n")).collect();
        for format in [Format::List, Format::Auto] {
            let found = read(text.as_bytes(), format).expect("a list");
            prop_assert_eq!(&found.groups[0].items, &items);
            prop_assert!(found.groups[0].counters.is_empty());
        }
    }

    #[test]
    fn a_printed_listing_is_read_back(entries in prop::collection::vec((item(), any::<u64>(), any::<u64>()), 0..40)) {
        let mut text = r#"{"policy":"main","sets":{"#.to_owned();
        for (name, kind) in [("block", "net"), ("ports", "service")] {
            let printed: Vec<String> = entries
                .iter()
                .filter(|(item, ..)| item.kind().word() == kind)
                .map(|(item, packets, bytes)| {
                    format!(r#"{{"item":"{item}","packets":{packets},"bytes":{bytes},"expires":null}}"#)
                })
                .collect();
            let comma = if name == "block" { "" } else { "," };
            text += &format!(r#"{comma}"{name}":{{"type":"{kind}","max":9,"entries":[{}]}}"#, printed.join(","));
        }
        text += "}}";
        let found = read(text.as_bytes(), Format::Auto).expect("a listing");
        for (group, kind) in found.groups.iter().zip(["net", "service"]) {
            let wanted: Vec<_> = entries
                .iter()
                .filter(|(item, ..)| item.kind().word() == kind)
                .map(|&(item, packets, bytes)| (item, Counters { packets, bytes, added: None }))
                .collect();
            let read: Vec<_> =
                group.items.iter().copied().zip(group.counters.iter().copied()).collect();
            prop_assert_eq!(read, wanted);
        }
        prop_assert_eq!(found.groups.len(), 2);
    }
}
