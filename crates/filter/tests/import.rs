//! Each format as its program writes it, read into the items that it means.

use std::fmt::Write;

use expect_test::{Expect, expect};
use palisade_filter::import::{Format, Group, Imported, Stay, read};
use palisade_filter::value::Timeout;

/// Reads `text` in `format` and by its looks, and compares what both found.
fn check(format: Format, text: &str, found: &Expect) {
    for format in [format, Format::Auto] {
        match read(text.as_bytes(), format) {
            Ok(imported) => found.assert_eq(&shown(&imported)),
            Err(all) => panic!("{format}:\n{}", all.report("input", text)),
        }
    }
}

fn shown(imported: &Imported) -> String {
    let mut out = String::new();
    for group in &imported.groups {
        let name = group.set.as_ref().map_or("-".to_owned(), ToString::to_string);
        writeln!(out, "{name}:").expect("a string");
        for (i, item) in group.items.iter().enumerate() {
            match group.counters.get(i) {
                Some(c) => writeln!(out, "  {item} {} {}", c.packets, c.bytes),
                None => writeln!(out, "  {item}"),
            }
            .expect("a string");
        }
        assert!(group.counters.is_empty() || group.counters.len() == group.items.len());
    }
    for note in &imported.notes {
        writeln!(out, "note: {note}").expect("a string");
    }
    out
}

#[test]
fn a_plain_list_holds_all_that_can_be_an_item() {
    check(
        Format::List,
        "\u{feff}# ours\r\n\r\n192.0.2.1\r\n  192.0.2.77/24 # host bits\r\n\t2001:db8::5/32\n\
         198.51.100.1-198.51.100.4\n198.51.100.6 - 198.51.100.7 ; two\n2001:db8::-2001:db8::1\n\
         tcp/80\nudp/53;dns\nany/53\ntcp/8000-8099\nsctp/0\n::ffff:1.2.3.4\n1.2.3.4#close\n::1",
        &expect![[r#"
            -:
              192.0.2.1
              192.0.2.0/24
              2001:db8::/32
              198.51.100.1
              198.51.100.2/31
              198.51.100.4
              198.51.100.6/31
              2001:db8::/127
              tcp/80
              udp/53
              any/53
              tcp/8000-8099
              sctp/0
              ::ffff:1.2.3.4
              1.2.3.4
              ::1
        "#]],
    );
}

#[test]
fn firehol_and_spamhaus_texts_are_plain_lists() {
    check(
        Format::List,
        "#\n# example_level1\n#\n# ipv4 hash:net ipset\n#\n# Entries      : 2 subnets, 257 unique IPs\n\
         #\n192.0.2.0/24\n198.51.100.7\n",
        &expect![[r#"
            -:
              192.0.2.0/24
              198.51.100.7
        "#]],
    );
    check(
        Format::List,
        "; Spamhaus DROP List 2026/11/20 - (c) 2026 The Spamhaus Project\n\
         ; Last-Modified: Fri, 20 Nov 2026 11:11:11 GMT\n\
         1.10.16.0/20 ; SBL256894\n2.56.192.0/22 ; SBL459831\n",
        &expect![[r#"
            -:
              1.10.16.0/20
              2.56.192.0/22
        "#]],
    );
}

#[test]
fn an_empty_file_holds_nothing_in_any_format() {
    for text in ["", "\u{feff}", "\n\r\n \t\n", "# nothing\n; here"] {
        for format in [Format::Auto, Format::List] {
            assert_eq!(read(text.as_bytes(), format), Ok(Imported::default()), "{text:?}");
        }
    }
    for (text, format) in [("", Format::Ipset), ("# x\n", Format::Ipset), ("{ }", Format::Json)] {
        assert_eq!(read(text.as_bytes(), format), Ok(Imported::default()), "{text:?}");
    }
    for format in [Format::Json, Format::Nft] {
        assert!(read(b"", format).is_err(), "no text is no JSON");
    }
}

#[test]
fn our_json_gives_each_set_with_its_counters() {
    check(
        Format::Json,
        r#"{"policy":"main","sets":{
            "block":{"type":"net","max":1048576,"structure":{"kind":["hash"]},"entries":[
                {"item":"10.10.10.10","packets":12,"bytes":720,"expires":null},
                {"item":"2001:db8::/32","packets":18446744073709551615,"bytes":0,"expires":null,"new":1},
                {"item":"10.0.0.\u0031\/31"}]},
            "ports":{"type":"service","max":65536,"entries":[{"item":"udp/53","packets":1,"bytes":60,"expires":null}]},
            "allow":{"type":"net","max":1024,"entries":[]}}}"#,
        &expect![[r#"
            block:
              10.10.10.10 12 720
              2001:db8::/32 18446744073709551615 0
              10.0.0.0/31 0 0
            ports:
              udp/53 1 60
            allow:
        "#]],
    );
}

#[test]
fn keys_of_our_json_come_in_any_order() {
    check(
        Format::Json,
        r#"{"sets":{"block":{"entries":[{"bytes":5,"packets":2,"item":"10.0.0.1"}],"type":"net"}},"policy":"main"}"#,
        &expect![[r#"
            block:
              10.0.0.1 2 5
        "#]],
    );
}

/// What the tool printed, with the commas of each of its faults.
#[test]
fn the_listing_of_the_first_blacklist_tool_is_read_with_its_odd_commas() {
    let found = expect![[r#"
        -:
          216.239.59.128 12024134 0
          64.68.90.1 67809613 0
          tcp/22 0 0
          tcp/80 10 0
          udp/80 4216804996 0
    "#]];
    let ports = "\n \"22\" : {\n\t\"TCP\" : 0\n },\n \"80\" : {\n\t\"TCP\" : 10,\n\t\"UDP\" : 4216804996\n }";
    let addrs = "\n \"216.239.59.128\" : 12024134,\n \"64.68.90.1\" : 67809613";
    for text in [
        format!("{{{addrs},{ports}\n}}\n"),
        format!("{{ {addrs}{ports}\n}}\n"),
        format!("{{,{addrs},,{ports},\n}}\n"),
        format!("{{{addrs},{ports}\n}}").replace("10,", "10"),
    ] {
        check(Format::Json, &text, &found);
    }
    check(
        Format::Json,
        "{\n \"0.0.0.0\" : 1,\n}\n",
        &expect![[r#"
        -:
          0.0.0.0 1 0
    "#]],
    );
    check(Format::Json, "{,\n}\n", &expect![""]);
}

#[test]
fn the_json_of_spamhaus_drop_is_one_object_a_line() {
    check(
        Format::Json,
        "{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}\n\
         {\"cidr\":\"2001:db8::/29\",\"sblid\":\"SBL1\",\"rir\":\"ripencc\"}\n\
         {\"type\":\"metadata\",\"timestamp\":1732000000,\"size\":2,\"records\":2,\"copyright\":\"(c)\"}\n",
        &expect![[r#"
            -:
              1.10.16.0/20
              2001:db8::/29
        "#]],
    );
}

/// Printed by ipset 7.17, names and entries shortened.
#[test]
fn ipset_save_gives_addresses_prefixes_and_ports() {
    check(
        Format::Ipset,
        "create a hash:ip family inet hashsize 1024 maxelem 65536 timeout 0 counters comment bucketsize 12 initval 0x4d590e67\n\
         add a 1.2.3.4 timeout 0 packets 5 bytes 100 comment \"hello # world\"\n\
         add a 1.2.3.5 timeout 0 packets 0 bytes 0\n\
         create empty hash:net family inet hashsize 1024 maxelem 65536\n\
         create b hash:net family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x978405e8\n\
         add b 2001:db8::/32\n\
         create p bitmap:port range 0-65535\n\
         add p 80\n\
         add p 443-445\n",
        &expect![[r#"
            -:
              1.2.3.4 5 100
              1.2.3.5 0 0
              2001:db8::/32 0 0
              tcp/80 0 0
              udp/80 0 0
              tcp/443-445 0 0
              udp/443-445 0 0
            note: the sets `a`, `b`, `p` were read as one
            note: entries of the port set `p` read as both tcp and udp: 2
            note: comments of entries left out: 1
        "#]],
    );
}

#[test]
fn a_netmask_of_an_ipset_widens_its_entries() {
    check(
        Format::Ipset,
        "create bi bitmap:ip range 192.168.0.0-192.168.255.255 netmask 24\nadd bi 192.168.5.0\n",
        &expect![[r#"
            -:
              192.168.5.0/24
        "#]],
    );
    check(
        Format::Ipset,
        "create hi hash:ip family inet6 netmask 64\nadd hi 2001:db8::1\nadd hi 2001:db8:1::/48\n",
        &expect![[r#"
            -:
              2001:db8::/64
              2001:db8:1::/48
        "#]],
    );
}

#[test]
fn an_ipset_range_becomes_prefixes_and_counts_once() {
    check(
        Format::Ipset,
        "create a hash:net counters\nadd a 10.0.0.1-10.0.0.4 packets 7 bytes 70\nadd a 10.1.0.0\n",
        &expect![[r#"
            -:
              10.0.0.1 7 70
              10.0.0.2/31 0 0
              10.0.0.4 0 0
              10.1.0.0 0 0
            note: entries that became several items, with their counts at the first: 1
        "#]],
    );
}

/// Printed by nft 1.0.6.
#[test]
fn nft_sets_give_addresses_prefixes_and_ranges() {
    check(
        Format::Nft,
        r#"{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": "t", "handle": 1}},
        {"set": {"family": "inet", "name": "b4", "table": "t", "type": "ipv4_addr", "handle": 1, "flags": ["interval"],
          "elem": [{"elem": {"val": {"prefix": {"addr": "10.0.0.0", "len": 8}}, "counter": {"packets": 3, "bytes": 180}}},
                   {"elem": {"val": "192.0.2.1", "counter": {"packets": 0, "bytes": 0}, "comment": "x"}},
                   {"elem": {"val": {"range": ["198.51.100.3", "198.51.100.9"]}, "counter": {"packets": 4, "bytes": 9}}}],
          "stmt": [{"counter": null}]}},
        {"set": {"family": "inet", "name": "b6", "table": "t", "type": "ipv6_addr", "handle": 2, "elem": ["2001:db8::1"]}},
        {"set": {"family": "inet", "name": "none", "table": "t", "type": "ipv4_addr", "handle": 7}},
        {"set": {"family": "inet", "name": "ps", "table": "t", "type": ["inet_proto", "inet_service"], "handle": 4, "flags": ["interval"],
          "elem": [{"concat": ["tcp", 80]}, {"concat": ["udp", {"range": [5000, 5010]}]}, {"concat": [132, 7]}]}},
        {"map": {"family": "inet", "name": "m", "table": "t", "type": "ipv4_addr", "handle": 9, "map": "verdict"}},
        {"chain": {"family": "inet", "table": "t", "name": "c", "handle": 7}},
        {"rule": {"family": "inet", "table": "t", "chain": "c", "handle": 8, "expr": [{"drop": null}]}}]}"#,
        &expect![[r#"
            -:
              10.0.0.0/8 3 180
              192.0.2.1 0 0
              198.51.100.3 4 9
              198.51.100.4/30 0 0
              198.51.100.8/31 0 0
              2001:db8::1 0 0
              tcp/80 0 0
              udp/5000-5010 0 0
              sctp/7 0 0
            note: the sets `b4`, `b6`, `ps` were read as one
            note: comments of entries left out: 1
            note: only sets were read; rules, chains, maps and others left out: 3
            note: entries that became several items, with their counts at the first: 1
        "#]],
    );
}

#[test]
fn the_elements_of_an_nft_set_may_come_before_its_type() {
    check(
        Format::Nft,
        r#"{"nftables":[{"set":{"elem":["192.0.2.1",{"prefix":{"len":24,"addr":"198.51.100.0"}}],"name":"b","type":"ipv4_addr"}}]}"#,
        &expect![[r#"
            -:
              192.0.2.1
              198.51.100.0/24
        "#]],
    );
}

/// How long each item stays.
fn stays(format: Format, text: &str) -> Vec<(String, Stay)> {
    let imported = read(text.as_bytes(), format).unwrap_or_else(|all| panic!("{all:?}"));
    let pairs = |group: &Group| {
        assert!(group.stays.is_empty() || group.stays.len() == group.items.len());
        let stay = |i: usize| group.stays.get(i).copied().unwrap_or_default();
        let items = group.items.iter().enumerate();
        items.map(|(i, item)| (item.to_string(), stay(i))).collect::<Vec<_>>()
    };
    imported.groups.iter().flat_map(pairs).collect()
}

#[test]
fn what_a_file_tells_of_an_entrys_time_is_kept() {
    let seconds = |n| Stay::For(Timeout::seconds(n).expect("a time"));
    let of = |pairs: &[(&str, Stay)]| -> Vec<(String, Stay)> {
        pairs.iter().map(|(item, stay)| ((*item).to_owned(), *stay)).collect()
    };
    assert_eq!(
        stays(
            Format::Json,
            r#"{"sets":{"b":{"type":"net","entries":[{"item":"10.0.0.1"},{"item":"10.0.0.2","expires":null},{"item":"10.0.0.3","expires":1790000000}]}}}"#
        ),
        of(&[
            ("10.0.0.1", Stay::Unsaid),
            ("10.0.0.2", Stay::Forever),
            ("10.0.0.3", Stay::Until(1_790_000_000)),
        ])
    );
    assert_eq!(
        stays(
            Format::Ipset,
            "create a hash:ip timeout 300\nadd a 10.0.0.1\nadd a 10.0.0.2-10.0.0.4 timeout 59\nadd a 10.0.0.9 timeout 0\n"
        ),
        of(&[
            ("10.0.0.1", Stay::Unsaid),
            ("10.0.0.2/31", seconds(59)),
            ("10.0.0.4", seconds(59)),
            ("10.0.0.9", Stay::Forever),
        ])
    );
    assert_eq!(
        stays(
            Format::Nft,
            r#"{"nftables":[{"set":{"name":"b","type":"ipv4_addr","elem":["10.0.0.1",{"elem":{"val":"10.0.0.2","timeout":600,"expires":599}},{"elem":{"val":"10.0.0.3","timeout":600}}]}}]}"#
        ),
        of(&[("10.0.0.1", Stay::Unsaid), ("10.0.0.2", seconds(599)), ("10.0.0.3", seconds(600))])
    );
    assert_eq!(stays(Format::List, "10.0.0.1\n"), of(&[("10.0.0.1", Stay::Unsaid)]));
}

#[test]
fn ethernet_addresses_come_from_lists_and_our_json() {
    check(
        Format::Auto,
        "02:00:5e:10:00:0f # a printer\n02:00:5E:10:00:10\n",
        &expect![[r#"
            -:
              02:00:5e:10:00:0f
              02:00:5e:10:00:10
        "#]],
    );
    check(
        Format::Json,
        r#"{"sets":{"macs":{"type":"mac","entries":[{"item":"02:00:5e:10:00:0f","packets":1,"bytes":60}]}}}"#,
        &expect![[r#"
            macs:
              02:00:5e:10:00:0f 1 60
        "#]],
    );
}

#[test]
fn a_format_prints_as_it_is_written() {
    for format in Format::EACH {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let unknown = "csv".parse::<Format>().expect_err("no format");
    assert_eq!(unknown.to_string(), "`csv` is not one of auto, list, json, ipset, nft");
}
