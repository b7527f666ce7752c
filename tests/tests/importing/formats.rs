//! Every format is read, from a file and from standard input, and goes to the sets it means.

use palisade_tests::lab::Lab;

use super::{file, from4, items, sorted};

/// The formats, each with a file of it and the items that it means.
pub const FORMATS: [(&str, &str, &str, &[&str]); 9] = [
    (
        "plain list",
        "list",
        "# ours\r\n\r\n192.0.2.1 ; one\r\n  192.0.2.77/24 # host bits\n\t2001:db8::/32\nudp/53\n",
        &["192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "udp/53"],
    ),
    (
        "ranges and services",
        "list",
        "198.51.100.1-198.51.100.4\n2001:db8::-2001:db8::1\ntcp/80\nany/53\ntcp/8000-8099\nsctp/0\n",
        &[
            "198.51.100.1",
            "198.51.100.2/31",
            "198.51.100.4",
            "2001:db8::/127",
            "tcp/80",
            "any/53",
            "tcp/8000-8099",
            "sctp/0",
        ],
    ),
    (
        "firehol",
        "list",
        "#\n# example_level1\n#\n# ipv4 hash:net ipset\n#\n# Entries : 2 subnets, 257 unique IPs\n\
         192.0.2.0/24\n198.51.100.7\n",
        &["192.0.2.0/24", "198.51.100.7"],
    ),
    (
        "spamhaus text",
        "list",
        "; Spamhaus DROP List 2026/11/20 - (c) 2026 The Spamhaus Project\n\
         192.0.2.0/25 ; SBL256894\n198.51.100.0/24 ; SBL459831\n",
        &["192.0.2.0/25", "198.51.100.0/24"],
    ),
    (
        "spamhaus json",
        "json",
        "{\"cidr\":\"192.0.2.0/25\",\"sblid\":\"SBL1\",\"rir\":\"apnic\"}\n\
         {\"type\":\"metadata\",\"timestamp\":1732000000,\"size\":1,\"records\":1}\n",
        &["192.0.2.0/25"],
    ),
    (
        "our json",
        "json",
        r#"{"policy":"main","sets":{
            "block":{"type":"net","max":9,"entries":[{"item":"10.10.10.10","packets":12,"bytes":720,"expires":null}]},
            "ports":{"type":"service","max":9,"entries":[{"item":"udp/53","packets":0,"bytes":0,"expires":null}]}}}"#,
        &["10.10.10.10", "udp/53"],
    ),
    (
        "the talk's json",
        "json",
        "{\n \"216.239.59.128\" : 12024134,\n \"64.68.90.1\" : 67809613,\n \"22\" : {\n\t\"TCP\" : 0\n },\n \
         \"80\" : {\n\t\"TCP\" : 10,\n\t\"UDP\" : 4216804996\n }\n}\n",
        &["216.239.59.128", "64.68.90.1", "tcp/22", "tcp/80", "udp/80"],
    ),
    (
        "ipset save",
        "ipset",
        "create a hash:net family inet hashsize 1024 maxelem 65536 counters comment bucketsize 12\n\
         add a 192.0.2.0/24 packets 5 bytes 100 comment \"hello # world\"\n\
         create b hash:ip family inet6 hashsize 1024 maxelem 65536\nadd b 2001:db8::1\n\
         create p bitmap:port range 0-65535\nadd p 443-445\n",
        &["192.0.2.0/24", "2001:db8::1", "tcp/443-445", "udp/443-445"],
    ),
    (
        "nft -j",
        "nft",
        r#"{"nftables":[{"metainfo":{"version":"1.0.6","json_schema_version":1}},
            {"set":{"family":"inet","name":"b","table":"t","type":"ipv4_addr","flags":["interval"],
             "elem":[{"prefix":{"addr":"10.0.0.0","len":8}},"192.0.2.1",{"range":["192.0.2.4","192.0.2.6"]}]}},
            {"set":{"family":"inet","name":"p","table":"t","type":["inet_proto","inet_service"],
             "elem":[{"concat":["tcp",80]}]}}]}"#,
        &["10.0.0.0/8", "192.0.2.1", "192.0.2.4/31", "192.0.2.6", "tcp/80"],
    ),
];

#[test]
fn every_format_is_read_from_a_file_and_from_standard_input() {
    Lab::run(|lab| {
        lab.filter();
        for (i, (name, format, text, expected)) in FORMATS.iter().enumerate() {
            let path = file(&format!("format-{i}"), text);
            let runs: [(&[&str], &str); 3] = [
                (&["import", &path], ""),
                (&["import", "-"], text),
                (&["import", "--format", format, "-"], text),
            ];
            for (args, input) in runs {
                lab.palisade_with(args, input).ok();
                assert_eq!(items(lab), sorted(expected), "{name}: {args:?}");
                lab.palisade(&["flush", "--set", "block"]).ok();
                lab.palisade(&["flush", "--set", "ports"]).ok();
            }
        }
    });
}

#[test]
fn counters_of_a_file_come_with_its_entries() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade_with(&["import", "-"], FORMATS[6].2).ok();
        assert_eq!(lab.hits("block", "64.68.90.1").0, 67_809_613);
        assert_eq!(lab.hits("ports", "udp/80").0, 4_216_804_996);
        lab.palisade_with(&["import", "-"], FORMATS[5].2).ok();
        assert_eq!(lab.hits("block", "10.10.10.10"), (12, 720));
        lab.palisade_with(&["import", "-"], FORMATS[7].2).ok();
        assert_eq!(lab.hits("block", "192.0.2.0/24"), (5, 100));
    });
}

#[test]
fn what_is_imported_takes_effect_on_the_next_packet() {
    Lab::run(|lab| {
        lab.filter();
        let frames =
            [from4("198.51.100.66", 9), from4("198.51.100.1", 53), from4("198.51.100.1", 54)];
        assert_eq!(lab.through(&frames), [true; 3]);
        lab.palisade_with(&["import", "-"], "198.51.100.64/30\nudp/53\n").ok();
        assert_eq!(lab.through(&frames), [false, false, true]);
        lab.palisade_with(&["import", "--set", "allow", "-"], "198.51.100.66\n").ok();
        assert_eq!(lab.through(&frames), [true, false, true]);
        lab.palisade_with(&["import", "--replace", "-"], "198.51.100.1\n").ok();
        assert_eq!(lab.through(&frames), [true, false, false]);
    });
}

#[test]
fn what_was_left_out_of_a_file_is_told_in_text_and_in_json() {
    Lab::run(|lab| {
        lab.filter();
        let note = "comments of entries left out: 1";
        let said = lab.palisade_with(&["import", "-"], FORMATS[7].2).ok();
        assert!(said.contains(&format!("note: {note}")), "{said}");
        let told = lab.palisade_with(&["-j", "import", "-"], FORMATS[7].2).json();
        let notes = told["notes"].as_array().expect("notes");
        assert!(notes.iter().any(|told| told == note), "{told}");
        let told = lab.palisade_with(&["-j", "import", "-"], "10.0.0.1\n").json();
        assert!(told["notes"].as_array().is_none_or(Vec::is_empty), "{told}");
    });
}
