//! What is said of files that cannot be read: every mistake, with its place.

use std::fmt::Write;

use expect_test::{Expect, expect};
use palisade_filter::diag::place;
use palisade_filter::import::{Format, read};

/// Compares the mistakes of `text`, one a line: place, the bytes that are meant, what is said.
fn check(format: Format, text: &str, said: Expect) {
    let all = read(text.as_bytes(), format).expect_err("a mistake");
    let mut out = String::new();
    for one in all.iter() {
        let at = place(text, one.span.start);
        let meant = text.get(one.span.clone()).expect("a span of whole characters");
        let help = one.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
        writeln!(out, "{}:{} [{meant}] {}{help}", at.line, at.column, one.message)
            .expect("a string");
    }
    said.assert_eq(&out);
}

#[test]
fn every_bad_line_of_a_list_is_reported() {
    let text = "# a list\r\n192.0.2.1\r\n192.0.2.1/33\r\n  192.0.2 # short\r\n198.51.100.9-198.51.100.3\r\n\
         tcp/80x\r\n80\r\n192.0.2.1 192.0.2.2\r\nicmp/8\r\n192.0.2.1 - ::1\r\nbad-host.example\r\n";
    let all = read(text.as_bytes(), Format::Auto).expect_err("mistakes");
    expect![[r#"
        error: `33` is not a prefix length from 0 to 32
         --> input:3:11
          |
        3 | 192.0.2.1/33
          |           ^^ (the file was read as a plain list)

        error: `192.0.2` is not an IPv4 or IPv6 address
         --> input:4:3
          |
        4 |   192.0.2 # short
          |   ^^^^^^^

        error: the range ends before it starts
         --> input:5:1
          |
        5 | 198.51.100.9-198.51.100.3
          | ^^^^^^^^^^^^^^^^^^^^^^^^^

        error: `80x` is not a port from 0 to 65535
         --> input:6:5
          |
        6 | tcp/80x
          |     ^^^

        error: `80` is not an address, a prefix, a service or an Ethernet address
         --> input:7:1
          |
        7 | 80
          | ^^ a port needs its protocol: `tcp/80` or `udp/80`

        error: unexpected text behind `192.0.2.1`
         --> input:8:11
          |
        8 | 192.0.2.1 192.0.2.2
          |           ^^^^^^^^^ write one item a line, and comments behind `#`

        error: `icmp` is not one of tcp, udp, sctp, any
         --> input:9:1
          |
        9 | icmp/8
          | ^^^^

        error: the range starts with one version of IP and ends with the other
          --> input:10:1
           |
        10 | 192.0.2.1 - ::1
           | ^^^^^^^^^^^^^^^

        error: `bad-host.example` is not an IPv4 or IPv6 address
          --> input:11:1
           |
        11 | bad-host.example
           | ^^^^^^^^^^^^^^^^
    "#]]
    .assert_eq(&all.report("input", text).to_string());
}

#[test]
fn a_file_of_another_kind_is_given_up() {
    let text = "<tr><td>not a list</td></tr>\n".repeat(1000);
    let all = read(text.as_bytes(), Format::List).expect_err("mistakes");
    assert_eq!(all.iter().count(), 101);
    let last = all.iter().last().expect("the last");
    assert_eq!(last.message, "more than 100 mistakes; the rest of the file was not looked at");
}

#[test]
fn mistakes_of_our_json_are_reported_together() {
    check(
        Format::Json,
        r#"{"policy":"main","sets":{
 "block":{"type":"net","entries":[
  {"item":"10.10.10.300","packets":12},
  {"item":"tcp/80"},
  {"packets":1},
  {"item":"10.0.0.1","packets":-1,"bytes":1.5},
  {"item":"10.0.0.2","item":"10.0.0.3"},
  {"item":"10.0.0.4","expires":"2026-12-01T00:00:00Z"},
  "10.0.0.5",
  {"item":"10.0.0.0/40"}]},
 "Block":{"type":"net","entries":[]},
 "block":{"type":"net","entries":[]},
 "hosts":{"type":"hash","entries":[{"item":"x"}]}, "macs":{"type":"mac","entries":[{"item":"::1"}]},
 "bare":{}, "one":{"type":"net"}, "many":{"type":"net","entries":7}}}"#,
        expect![[r#"
            3:12 [10.10.10.300] `10.10.10.300` is not an IPv4 or IPv6 address; (the file was read as JSON of `palisade list`)
            4:12 [tcp/80] `tcp/80` does not fit into a set of type `net`
            5:3 [{] the entry has no `item`
            6:32 [-1] a count is a whole number from 0 to 18446744073709551615
            6:43 [1.5] a count is a whole number from 0 to 18446744073709551615
            7:22 ["item"] a second `item` in the same object
            8:32 ["2026-12-01T00:00:00Z"] expected seconds since 1970, or null, found a string
            9:3 ["10.0.0.5"] expected an object with an `item`, found a string
            10:21 [40] `40` is not a prefix length from 0 to 32
            11:2 ["Block"] `Block` is not a name: one to 31 of a-z, 0-9, `_` and `-`, the first of them a letter
            12:2 ["block"] a second `block` in the same object
            13:18 ["hash"] sets that can be imported are of type `net`, `service`, `mac` or `host`
            13:45 [x] `x` is not an address, a prefix, a service or an Ethernet address
            13:93 [::1] `::1` does not fit into a set of type `mac`
            14:2 ["bare"] the set has no `type`
            14:13 ["one"] the set has no `entries`
            14:66 [7] expected an array of entries, found a number
        "#]],
    );
    check(
        Format::Json,
        r#"{"policy":"main"}"#,
        expect![[r#"
        1:1 [{] the object has no `sets`; (the file was read as JSON of `palisade list`)
    "#]],
    );
    check(
        Format::Json,
        r#"{"sets":{"a":{"type":"net","entries":[{"item":"10.0.0.1"},]}}}"#,
        expect![[r#"
        1:59 []] expected something behind the comma, found `]`; (the file was read as JSON of `palisade list`)
    "#]],
    );
    check(
        Format::Json,
        "[1]",
        expect![[r#"
        1:1 [[] expected an object with `sets`, found an array; (the file was read as JSON of `palisade list`)
    "#]],
    );
}

#[test]
fn the_first_tools_listing_is_loose_in_commas_alone() {
    check(
        Format::Auto,
        "{ \"10.0.0.1\" : -1, \"10.0.0.0/8\" : 1, \"65536\" : {\"TCP\":1}, \"080\" : {\"TCP\":1},\n\
         \"80\" : {\"TCP\":1,\"TCP\":2}, \"81\" : {}, \"82\" : {\"SCTP\":1}, \"83\" : 4 }",
        expect![[r#"
            1:16 [-1] a count is a whole number from 0 to 18446744073709551615; (the file was read as JSON of the blacklist tool's `--list`)
            1:20 ["10.0.0.0/8"] a key is an IPv4 address or a port from 0 to 65535
            1:38 ["65536"] a key is an IPv4 address or a port from 0 to 65535
            1:59 ["080"] a key is an IPv4 address or a port from 0 to 65535
            2:17 ["TCP"] a second `TCP` in the same object
            2:27 ["81"] the port has neither `TCP` nor `UDP`
            2:46 ["SCTP"] a protocol here is `TCP` or `UDP`
            2:64 [4] expected an object with `TCP` or `UDP`, found a number
        "#]],
    );
    check(
        Format::Auto,
        "{ \"10.0.0.1\" 1 }",
        expect![[r#"
            1:14 [1] expected `:`, found `1`; (the file was read as JSON of the blacklist tool's `--list`)
        "#]],
    );
    check(
        Format::Auto,
        "{ \"10.0.0.1\" : 1 ",
        expect![[r#"
        1:18 [] expected a key in double quotes, but the file ends here; (the file was read as JSON of the blacklist tool's `--list`)
    "#]],
    );
}

#[test]
fn ipset_lines_that_a_set_cannot_hold_are_refused_by_name() {
    check(
        Format::Auto,
        "create pairs hash:ip,port family inet\nadd pairs 1.2.3.4,tcp:80\n\
         create macs hash:mac\n\
         create n hash:net family inet\nadd n 10.0.0.0/8\nadd n 10.1.0.0/16 nomatch\n\
         add n 10.2.0.0/16 timeout 400000000\nadd n 2001:db8::/32\nadd n 10.3.0.0/33\nadd n\n\
         add n 10.4.0.0/16 skbmark 0x1\nadd n 10.5.0.0/16 packets -1\n\
         create m hash:ip family inet\nadd m 192.0.2.1\nadd m 192.0.2.2\n\
         create n hash:net\nadd lost 10.0.0.1\nadd lost 10.0.0.2\n\
         create p bitmap:port range 0-1024\nadd p 0x50\nadd p 90-80\nadd p tcp:80\n\
         swap a b\ncreate x hash:ip family inet7\ncreate y hash:ip netmask 33\ncreate\n",
        expect![[r#"
            1:14 [hash:ip,port] sets of this type cannot be imported; these can: hash:ip, hash:net, bitmap:ip, bitmap:port (the file was read as output of `ipset save`)
            3:13 [hash:mac] sets of this type cannot be imported; these can: hash:ip, hash:net, bitmap:ip, bitmap:port
            6:19 [nomatch] a set here has no exceptions; put this prefix into an allow list instead
            7:27 [400000000] an entry stays for ten years at most; make it 0 to keep the entry for good
            8:7 [2001:db8::/32] this does not fit into a set of IPv4 addresses
            9:16 [33] `33` is not a prefix length from 0 to 32
            10:6 [] expected an entry here
            11:19 [skbmark] this option cannot be imported
            12:27 [-1] expected a whole number from 0 to 18446744073709551615
            14:5 [m] a second set of IPv4 addresses, beside `n`; save and import one set at a time: `ipset save NAME`
            16:8 [n] this set was created before
            17:5 [lost] no line creates this set; `ipset save` prints one, and it tells the type
            20:7 [0x50] `0x50` is not a port from 0 to 65535
            21:7 [90-80] the range `90-80` ends before it starts
            22:7 [tcp:80] `tcp:80` is not a port from 0 to 65535
            23:1 [swap] a line starts with `create` or `add`
            24:25 [inet7] a family is `inet` or `inet6`
            25:26 [33] a netmask is a number from 1 to 32
            26:7 [] expected the name of a set here
        "#]],
    );
}

#[test]
fn adds_without_a_create_are_still_taken_for_ipset() {
    check(
        Format::Auto,
        "# saved\nadd block 10.0.0.1\n",
        expect![[r#"
        2:5 [block] no line creates this set; `ipset save` prints one, and it tells the type (the file was read as output of `ipset save`)
    "#]],
    );
}

#[test]
fn nft_sets_that_cannot_be_held_are_refused_by_name() {
    check(
        Format::Auto,
        r#"{"nftables": [
 {"set": {"name": "p", "type": "inet_service", "elem": [80]}},
 {"set": {"name": "c", "type": ["ipv4_addr", "inet_service"], "elem": [{"concat": ["1.2.3.4", 80]}]}},
 {"set": {"name": "b", "type": "ipv4_addr", "elem": ["192.0.2.1",
  {"elem": {"val": "192.0.2.2", "timeout": 400000000, "expires": "soon"}},
  "2001:db8::1", 7, {"range": ["192.0.2.9", "192.0.2.3"]}, {"range": ["192.0.2.9"]}, {"range": ["192.0.2.1", "192.0.2.3", "192.0.2.4"]},
  {"prefix": {"addr": "192.0.2.0", "len": 33}}, {"prefix": {"addr": "192.0.2.0"}},
  {"elem": {"val": "192.0.2.3", "quota": {"val": 5}}}, {"elem": {"comment": "x"}}, {}, {"concat": ["tcp", 1]}]}},
 {"set": {"name": "b2", "type": "ipv4_addr", "elem": ["192.0.2.77"]}},
 {"set": {"name": "s", "type": ["inet_proto", "inet_service"], "elem": [
  {"concat": ["icmp", 80]}, {"concat": ["tcp", 65536]}, {"concat": ["tcp", {"range": [9, 8]}]}, {"concat": ["tcp"]}, "tcp"]}},
 {"set": {"name": "untyped", "elem": []}}]}"#,
        expect![[r#"
            2:32 ["inet_service"] the ports of this set have no protocol; import them as a list of lines like `tcp/80` (the file was read as output of `nft -j list`)
            3:32 [[] sets of this type cannot be imported; these can: ipv4_addr, ipv6_addr, inet_proto . inet_service
            5:44 [4] an entry stays for ten years at most; make it 0 to keep the entry for good
            5:66 ["soon"] expected a count, found a string
            6:4 [2001:db8::1] this does not fit into a set of IPv4 addresses
            6:18 [7] expected an address in double quotes, found a number
            6:31 [[] the range ends before it starts
            6:70 [[] expected two values here
            6:96 [[] expected two values here
            7:14 [{] the `len` of this prefix is not from 0 to 32
            7:60 [{] the prefix lacks `addr` or `len`
            8:33 ["quota"] an element with this cannot be imported
            8:65 [{] the element has no `val`
            8:84 [{] the element is empty
            8:89 ["concat"] this does not fit into a set of IPv4 addresses
            9:20 [b2] a second set of IPv4 addresses, beside `b`; list and import one set at a time: `nft -j list set FAMILY TABLE NAME`
            11:15 ["icmp"] expected one of `tcp`, `udp`, `sctp`
            11:48 [65536] expected a port from 0 to 65535
            11:86 [[] the range ends before it starts
            11:108 [[] expected two values here
            11:118 ["tcp"] expected a `concat` of protocol and port, found a string
            12:3 ["set"] the set has no `type`
        "#]],
    );
    check(
        Format::Nft,
        r#"{"sets":{}}"#,
        expect![[r#"
        1:1 [{] the object has no `nftables`
    "#]],
    );
}

#[test]
fn spamhaus_objects_need_a_prefix() {
    check(
        Format::Auto,
        "{\"cidr\":\"1.10.16.0/20\"}\n{\"cidr\":\"1.10.16.0/200\"}\n{\"rir\":\"apnic\"}\n{\"cidr\":\"tcp/80\"}\n{\"cidr\":7}\n[]",
        expect![[r#"
            2:20 [200] `200` is not a prefix length from 0 to 32; (the file was read as JSON of Spamhaus DROP)
            3:1 [{] the object has no `cidr`
            4:10 [tcp/80] expected a prefix, found an item of a service set
            5:9 [7] expected a prefix in double quotes, found a number
            6:1 [[] expected `{`, found `[`
        "#]],
    );
}

#[test]
fn what_is_no_text_is_refused_at_its_first_byte() {
    for (bytes, at, message, help) in [
        (&b"10.0.0.1\n10.0\0.0.2\n\0"[..], 13, "a NUL byte, which no text has", None),
        (b"10.0.0.1\n\xff", 9, "this is not text in UTF-8", None),
        (b"10.0.0.1 # caf\xe9\n", 14, "this is not text in UTF-8", None),
        (b"\xff\xfe1\0", 0, "this is not text in UTF-8", Some("convert the file from UTF-16")),
        (b"\x1f\x8b\x08\0", 1, "this is not text in UTF-8", Some("unpack the file with gunzip")),
        (b"\xe2\x82", 0, "this is not text in UTF-8", None),
    ] {
        for format in Format::EACH {
            let all = read(bytes, format).expect_err("no text");
            let found: Vec<_> =
                all.iter().map(|d| (d.span.start, d.message.as_str(), d.help.as_deref())).collect();
            assert_eq!(found, [(at, message, help)], "{format}");
        }
    }
}
