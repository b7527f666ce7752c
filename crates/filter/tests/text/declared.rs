//! What a policy declares and is refused: sets, defines, its default, its tests.

use expect_test::expect;

use crate::{refused, refuses};

#[test]
fn the_default_must_be_said() {
    refuses(
        "",
        expect![[r#"
        error: the policy does not say what becomes of the rest
         --> test.pal:1:1
          |
        1 | 
          | ^ add `default pass` or `default drop`
    "#]],
    );
    refuses(
        "drop udp\n",
        expect![[r#"
        error: the policy does not say what becomes of the rest
         --> test.pal:1:9
          |
        1 | drop udp
          |         ^ add `default pass` or `default drop`
    "#]],
    );
    refuses(
        "  # nothing\n\n",
        expect![[r#"
        error: the policy does not say what becomes of the rest
         --> test.pal:1:12
          |
        1 |   # nothing
          |            ^ add `default pass` or `default drop`
    "#]],
    );
    refuses(
        "defualt pass\n",
        expect![[r#"
        error: unexpected `defualt`
         --> test.pal:1:1
          |
        1 | defualt pass
          | ^^^^^^^ did you mean `default`?
    "#]],
    );
    refuses(
        "drop tpc\n",
        expect![[r#"
        error: unexpected `tpc`
         --> test.pal:1:6
          |
        1 | drop tpc
          |      ^^^ did you mean `tcp`?

        error: the policy does not say what becomes of the rest
         --> test.pal:1:9
          |
        1 | drop tpc
          |         ^ add `default pass` or `default drop`
    "#]],
    );
}

#[test]
fn sets() {
    refused(
        "set
set a
set b nett
set Big net
set a net
set c net max 5
set d net { max 5, counters on }
set e net { max 0 timeout 0s counters maybe }
set f net { max 67108865 timeout 300 max 5 }
set g service { max 65536 elements { tcp/80 10.0.0.1 udp/70000 icmp/1 } }
set h net { elements { tcp/80, 10.0.0.1, nosuch, 02:00:5e:10:00:0f, 80 } }
set i mac { elements { 10.0.0.1 } }
set j net { elements { } }
set k net { elements 10.0.0.1 }
set l net { file list.txt }
set m net { file \"\" }
set n net { file \"a\tb\" }
set o net { file }
set p net { entries { 10.0.0.1 } }
set q net { max 2 elements { 10.0.0.1 10.0.0.2 10.0.0.1 10.0.0.3 } }
set r net { } x
set s net { elements { 10.0.0.1 }
drop src in r",
        expect![[r#"
            1:4 [] expected a name
            2:6 [] expected `net`, `service`, `mac` or `host`
            3:7 [nett] unexpected `nett` (did you mean `net`?)
            4:5 [Big] `Big` is not a name: one to 31 of a-z, 0-9, `_` and `-`, the first of them a letter
            5:5 [a] the set `a` is in line 2 already
            6:11 [max] expected `{` and options, or the end of the statement, found `max`
            7:18 [,] expected an option or `}`, found `,`
            8:17 [0] `0` is not a number from 1 to 67108864
            8:27 [0s] `0s` is not a time such as 90s, 15m, 1h or 7d, of ten years at most
            8:39 [maybe] unexpected `maybe` (expected one of: on, off)
            9:17 [67108865] `67108865` is not a number from 1 to 67108864
            9:34 [300] `300` is not a time such as 90s, 15m, 1h or 7d, of ten years at most (in seconds: `300s`)
            9:38 [max] `max` is said twice
            10:21 [65536] `65536` is not a number from 1 to 65535
            10:45 [10.0.0.1] `10.0.0.1` is not a service such as tcp/80 (it belongs into a net set)
            10:54 [udp/70000] `70000` is not a port from 0 to 65535
            10:64 [icmp/1] `icmp/1` is not a service such as tcp/80
            11:24 [tcp/80] `tcp/80` is a service (it belongs into a service set)
            11:42 [nosuch] there is no define `nosuch` (expected an address, a prefix or a range)
            11:50 [02:00:5e:10:00:0f] `02:00:5e:10:00:0f` is not an IPv4 or IPv6 address (it belongs into a mac set)
            11:69 [80] `80` is not an IPv4 or IPv6 address
            12:24 [10.0.0.1] `10.0.0.1` is not an Ethernet address such as 02:00:5e:10:00:0f (it belongs into a net set)
            13:22 [{ }] the list is empty
            14:22 [10.0.0.1] expected `{` and entries, found `10.0.0.1`
            15:18 [list.txt] expected a path in double quotes, found `list.txt` (write `"list.txt"`)
            16:18 [""] a path is not empty
            17:18 ["a	b"] a path holds no control characters
            18:18 [}] expected a path in double quotes, found `}`
            19:13 [entries] unexpected `entries` (expected one of: timeout, max, counters, file, elements)
            20:11 [{ max 2 elements { 10.0.0.1 10.0.0.2 10.0.0.1 10.0.0.3 } }] 3 entries are more than the set takes: 2
            21:15 [x] the statement should end here
            22:11 [{] this `{` is not closed
        "#]],
    );
}

#[test]
fn a_set_with_a_mistake_is_still_a_set() {
    refused(
        "set a nett\nset b net { max 0 }\ndrop src in a\ndrop src in b\ndrop service in a\ndrop src a",
        expect![[r#"
            1:7 [nett] unexpected `nett` (did you mean `net`?)
            2:17 [0] `0` is not a number from 1 to 67108864
        "#]],
    );
}

#[test]
fn defines() {
    refused(
        "set block net
define
define a
define a = 10.0.0.1
define tcp = 6
define block = 10.0.0.1
define b 10.0.0.1
define c = 
define d = 10.0.0.1 10.0.0.2
define e = 80, 443
define f = { 80, 10.0.0.1 }
define g = { }
define h = tcp/80
define i = 10.0.0.0/40
define j = block
define k = nosuch
define l = drop
define m = 99999999999
define n = n
define o = p
define p = { 1, q }
define q = o
define r = { 80, a2 }
define a2 = 10.0.0.1
define s = 0xfffff
define t = 90-80
drop src o dport n proto b",
        expect![[r#"
            2:7 [] expected a name
            3:9 [] expected `=` and a value
            4:8 [a] the define `a` is in line 3 already
            5:8 [tcp] `tcp` is a word of the language
            6:8 [block] the set `block` is in line 1 already
            7:10 [10.0.0.1] expected `=` and a value, found `10.0.0.1`
            8:11 [] expected a value or a list
            9:21 [10.0.0.2] the statement should end here (a list stands in braces: `{ a, b }`)
            10:14 [,] the statement should end here (a list stands in braces: `{ a, b }`)
            11:18 [10.0.0.1] `f` stands for an address and before it a number (the values of a list are of one sort)
            12:12 [{ }] the list is empty
            13:12 [tcp/80] `tcp/80` is a service, which no define can stand for (services belong into a service set)
            14:12 [10.0.0.0/40] `40` is not a prefix length from 0 to 32
            15:12 [block] `block` is a set; a define stands for values
            16:12 [nosuch] there is no define `nosuch` (a define stands for addresses, numbers or ports)
            17:12 [drop] expected a value, found `drop`
            18:12 [99999999999] `99999999999` is no value of the language
            19:12 [n] `n` stands for itself (n → n)
            22:12 [o] `o` stands for itself (o → p → q → o)
            23:18 [a2] `r` stands for an address and before it a number (the values of a list are of one sort)
            25:12 [0xfffff] `0xfffff` is no value of the language
            26:12 [90-80] the range `90-80` ends before it starts
        "#]],
    );
}

#[test]
fn expects() {
    refused(
        "expect
expect abort from 10.0.0.1
expect drop
expect drop to 10.0.0.1
expect drop from 10.0.0.0/8
expect drop from 10.0.0.1-10.0.0.2
expect drop from 10.0.0.1 to ::1
expect drop from 10.0.0.1 dport 80
expect drop from 10.0.0.1 icmp dport 80
expect drop from 10.0.0.1 proto 47 sport 80
expect drop from 10.0.0.1 icmp6
expect drop from ::1 icmp
expect drop from ::1 tcp udp
expect drop from ::1 tcp dport 80 dport 81
expect drop from ::1 tcp dport 70000
expect drop from ::1 from ::2
expect drop from ::1 tcp dport 80-90
expect drop from ::1 flags syn
expect drop from in block
expect drop from ::1 proto 256 as it",
        expect![[r#"
            1:7 [] expected `drop` or `pass`
            2:8 [abort] unexpected `abort` (expected one of: drop, pass)
            3:12 [] expected `from` and an address
            4:13 [to] expected `from` and an address, found `to`
            5:18 [10.0.0.0/8] a packet has one address, not a prefix of them
            6:18 [10.0.0.1-10.0.0.2] `10.0.0.1-10.0.0.2` is not an IPv4 or IPv6 address
            7:30 [::1] a packet goes from and to addresses of one family
            8:27 [dport] `dport` needs a protocol with ports before it (`tcp dport 80`, for one)
            9:32 [dport] `dport` needs a protocol with ports before it (`tcp dport 80`, for one)
            10:36 [sport] `sport` needs a protocol with ports before it (`tcp sport 80`, for one)
            11:27 [icmp6] `icmp6` is not of the family of these addresses (write `icmp`)
            12:22 [icmp] `icmp` is not of the family of these addresses (write `icmp6`)
            13:26 [udp] a packet has one protocol
            14:35 [dport] `dport` is said twice
            15:32 [70000] `70000` is not a number from 0 to 65535
            16:22 [from] `from` is said twice
            17:32 [80-90] `80-90` is not a number from 0 to 65535
            18:22 [flags] unexpected `flags` (expected one of: from, to, tcp, udp, sctp, icmp, icmp6, proto, sport, dport)
            19:18 [in] expected an address, found `in`
            20:28 [256] `256` is not a number from 0 to 255
            20:32 [as] unexpected `as` (expected one of: from, to, tcp, udp, sctp, icmp, icmp6, proto, sport, dport)
        "#]],
    );
}
