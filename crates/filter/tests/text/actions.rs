//! Actions that are refused, and the words in which they are.

use expect_test::expect;

use crate::refused;

#[test]
fn limits_and_bans_that_make_no_sense_are_refused_at_their_words() {
    refused(
        "set nets net
set banned host
set timed host { timeout 1h elements { 10.0.0.0/8 } }
limit 0/s
limit 10 udp
limit 10/d
limit 11M/s
limit 1kbit/m
limit 10bit/s
limit 2000gbit/s
limit udp
limit 10/s burst 0
limit 10/s burst 1mbit
limit 1mbit/s burst 100
limit 1mbit/s burst 500bit
limit 1/h burst 9000
limit 10/s per port
limit 10/s per src/24
limit 10/s per src/24 ip4 as fine
limit 10/s per dst/33 ip4
limit 10/s per dst/0/64
limit 10/s per src/24/129
limit 10/s per src/24/64/1
limit 10/s per flow/24
limit 10/s per src/x
limit 10/s per src arp
limit 10/s size 2000 udp
limit 10/s per src size 5 udp
limit 10/s per src burst 5 udp
limit 10/s keep udp
limit 10/s limit 5/s udp
limit
limit 10/s per
ban 1h udp
ban 1h set nets udp
ban 1h set none udp
ban set banned udp
ban 0s set banned udp
ban 1h set banned arp
ban set timed udp as fine-too
ban 1h event set banned udp
drop limit 10/s udp
limit 100/s burst 99999999999999
limit 10mbit/s burst 99999999999gbit",
        expect![[r#"
            3:38 [{ 10.0.0.0/8 }] `10.0.0.0/8` is no single address (it belongs into a net set)
            4:7 [0/s] `0/s` is not from 1 to 10M packets
            5:7 [10] `10` is not a rate such as 1000/s, 10/m or 10mbit/s (write `10/s`)
            6:7 [10/d] `10/d` is not a rate such as 1000/s, 10/m or 10mbit/s (a rate is a second, a minute or an hour: `/s`, `/m`, `/h`)
            7:7 [11M/s] `11M/s` is not from 1 to 10M packets
            8:7 [1kbit/m] `1kbit/m` is not a rate such as 1000/s, 10/m or 10mbit/s (bits are a second: `mbit/s`)
            9:7 [10bit/s] `10bit/s` is not from 1kbit/s to 1000gbit/s
            10:7 [2000gbit/s] `2000gbit/s` is not from 1kbit/s to 1000gbit/s
            11:7 [udp] `udp` is not a rate such as 1000/s, 10/m or 10mbit/s
            12:18 [0] `0` is not a burst of one packet or more
            13:18 [1mbit] `1mbit` is in bits, and the rate in packets
            14:21 [100] `100` is in packets, and the rate in bits (write a number of bits, as `1mbit`)
            15:21 [500bit] `500bit` is not a burst of 512bit or more: no frame fits
            16:17 [9000] such a burst would take more than a year to come back (at this rate, 8760 are the most)
            17:16 [port] unexpected `port` (expected one of: src, dst, flow)
            18:16 [src/24] `src/24` is for one family, and the rule for both (write the bits of IPv4 and IPv6, as `src/24/64`, or add `ip4` or `ip6`)
            20:16 [dst/33] an address of IPv4 has 1 to 32 bits
            21:16 [dst/0/64] an address of IPv4 has 1 to 32 bits
            22:16 [src/24/129] an address of IPv6 has 1 to 128 bits
            23:16 [src/24/64/1] `src/24/64/1` is no key of a limit (a key is `src`, `dst`, one of these with bits, as `src/24/64`, or `flow`)
            24:16 [flow/24] `flow/24` is no key of a limit (a key is `src`, `dst`, one of these with bits, as `src/24/64`, or `flow`)
            25:16 [src/x] `src/x` is no key of a limit (a key is `src`, `dst`, one of these with bits, as `src/24/64`, or `flow`)
            26:16 [src] `per src` is for packets of IP (the rule is about none: leave `per` out)
            27:12 [size] a limit as a whole has no size (`size` is how many keys of `per` are remembered)
            28:25 [5] `5` is not a number from 1024 to 16777216
            29:20 [burst] unexpected `burst` (no term begins with this word)
            30:12 [keep] unexpected `keep` (no term begins with this word)
            31:12 [limit] unexpected `limit` (the one limit of a rule stands before its action: `limit 10/s drop udp`)
            32:6 [] expected a rate such as 1000/s or 10mbit/s
            33:15 [] expected `src`, `dst` or `flow`
            34:8 [udp] expected `set` and the set that takes the banned, found `udp` (declare one, as `set banned host`: `ban 1h set banned`)
            35:12 [nets] `nets` is a net set; a host set is needed (its entries are found by `src in nets`)
            36:12 [none] there is no set `none` (declare it: `set none host`)
            37:9 [banned] neither the rule nor the set says for how long (write `ban 1h set …`, or give the set a `timeout`)
            38:5 [0s] `0s` is not a time such as 90s, 15m, 1h or 7d, of ten years at most
            39:1 [ban] a ban is for packets of IP (packets that the rule is about have no source to be banned)
            41:8 [event] expected `set` and the set that takes the banned, found `event` (declare one, as `set banned host`: `ban 1h set banned`)
            42:6 [limit] unexpected `limit` (the one limit of a rule stands before its action: `limit 10/s drop udp`)
            43:19 [99999999999999] `99999999999999` is too large a burst (at this rate, 3153600000 are the most)
            44:22 [99999999999gbit] `99999999999gbit` is too large a burst (at this rate, 315360000000000bit are the most)
        "#]],
    );
}

#[test]
fn changes_that_no_packet_can_meet_or_that_make_no_sense() {
    refused(
        "reply udp
reply arp as arps
reflect src 10.0.0.1 ip6
rewrite dport 80 sctp
rewrite dport 8080 icmp
rewrite dst 10.0.0.1 ip6
rewrite dst 2001:db8::1, dport 53 icmp6
rewrite dport 0 tcp
rewrite dst 10.0.0.0/8
rewrite dst 10.0.0.1, src 2001:db8::1
rewrite dport 80, dport 81 tcp
rewrite ttl 5
rewrite
vlan push 4095
vlan push
vlan 7 drop
vlan pop ) ip4",
        expect![[r#"
            1:1 [reply udp] `reply` is for no packet of these terms (it is for ICMP and ICMPv6 echo requests that are no fragments)
            2:1 [reply arp] `reply` is for no packet of these terms (it is for ICMP and ICMPv6 echo requests that are no fragments)
            3:1 [reflect src 10.0.0.1 ip6] no packet is all of this at once: the terms are about different kinds of frames
            4:1 [rewrite dport 80 sctp] `rewrite dport 80` is for no packet of these terms (it is for TCP and UDP packets that are no fragments)
            5:1 [rewrite dport 8080 icmp] `rewrite dport 8080` is for no packet of these terms (it is for TCP and UDP packets that are no fragments)
            6:1 [rewrite dst 10.0.0.1 ip6] `rewrite dst 10.0.0.1` is for no packet of these terms (it is for TCP, UDP and ICMP packets of the family of the new address)
            7:1 [rewrite dst 2001:db8::1, dport 53 icmp6] `rewrite dst 2001:db8::1, dport 53` is for no packet of these terms (it is for TCP and UDP packets of the family of the new address)
            8:15 [0] `0` is not a number from 1 to 65535
            9:13 [10.0.0.0/8] a packet is rewritten to one address, not to a prefix of them
            10:27 [2001:db8::1] a packet has addresses of one family
            11:19 [dport] `dport` is rewritten twice
            12:9 [ttl] unexpected `ttl` (expected one of: src, dst, sport, dport)
            13:8 [] expected `src`, `dst`, `sport` or `dport`
            14:11 [4095] `4095` is not a number from 1 to 4094
            15:10 [] expected a number
            16:1 [vlan] unexpected `vlan` (a rule begins with what it does: `drop`, `pass`, `abort`, `count` or `event`)
            17:10 [)] unexpected `)` (no parenthesis is open here)
        "#]],
    );
}

#[test]
fn what_an_event_says_is_within_bounds() {
    refused(
        "event 1/0 tcp
event 2/3 udp
drop event 1/1000001 snap 2049
event snap 1 1/2 tcp
count event tcp
keep event tcp
option events rate 0/s
option events rate 1000
option events rate 11M/s
option event rate 5/s
option events rate 5/s tcp
option events rate 5/s
option events rate 6/s",
        expect![[r#"
            1:7 [1/0] `1/0` is not one packet of so many (write `1/N`, with N from 1 to 1000000)
            2:7 [2/3] `2/3` is not one packet of so many (write `1/N`, with N from 1 to 1000000)
            3:12 [1/1000001] `1/1000001` is not one packet of so many (write `1/N`, with N from 1 to 1000000)
            3:27 [2049] `2049` is not a number from 0 to 2048
            4:14 [1/2] unexpected `1/2` (write what has this value: `dport 1/2`, for one)
            5:7 [event] unexpected `event` (no term begins with this word)
            6:6 [event] unexpected `event` (no term begins with this word)
            7:20 [0/s] `0/s` is not a rate from 1/s to 10M/s
            8:20 [1000] `1000` is not a rate from 1/s to 10M/s (write `1000/s`)
            9:20 [11M/s] `11M/s` is not a rate from 1/s to 10M/s
            10:8 [event] unexpected `event` (did you mean `events`?)
            11:24 [tcp] the statement should end here
            13:1 [option] `option events rate` is said twice; the first time in line 12
        "#]],
    );
}

#[test]
fn backends_that_do_not_fit_are_refused_at_their_words() {
    let many: Vec<String> = (1..=65).map(|at| format!("10.0.0.{at}")).collect();
    refused(
        &format!(
            "balance\nbalance udp\nbalance 10.0.0.1, tcp\nbalance 10.0.0.1, 10.0.0.1
balance 10.0.0.1 mac 02:00:00:00:00:01, 10.0.0.1 mac 02:00:00:00:00:01
balance 10.0.0.1, 2001:db8::1, 10.0.0.2
balance 10.0.0.0/24, 224.0.0.1, 0.0.0.0, 127.0.0.1, 255.255.255.255
balance ff02::1, ::1, ::
balance 10.0.0.1 mac 01:00:5e:00:00:01, 10.0.0.2 mac 00:00:00:00:00:00, 10.0.0.3 mac
balance 10.0.0.1 mac 02:00
balance 10.0.0.1 hash
balance 10.0.0.1 hash dst
balance 10.0.0.1 round_robin
balance 10.0.0.1 ip6
balance 2001:db8::1 icmp
balance 10.0.0.1 sctp
balance 10.0.0.1 udp round-robin
balance {} as all",
            many.join(", ")
        ),
        expect![[r#"
            1:8 [] expected an address
            2:9 [udp] expected an address, found `udp`
            3:19 [tcp] expected an address, found `tcp`
            4:19 [10.0.0.1] this backend stands there already
            5:41 [10.0.0.1 mac 02:00:00:00:00:01] this backend stands there already
            6:19 [2001:db8::1] the backends are of one family, and those before this are of the other
            7:9 [10.0.0.0/24] a backend is one address, not a prefix
            7:22 [224.0.0.1] no packet is sent to this address: it is no host's
            7:33 [0.0.0.0] no packet is sent to this address: it is no host's
            7:42 [127.0.0.1] no packet is sent to this address: it is no host's
            7:53 [255.255.255.255] no packet is sent to this address: it is no host's
            8:9 [ff02::1] no packet is sent to this address: it is no host's
            8:18 [::1] no packet is sent to this address: it is no host's
            8:23 [::] no packet is sent to this address: it is no host's
            9:22 [01:00:5e:00:00:01] this is not the Ethernet address of a station
            9:54 [00:00:00:00:00:00] this is not the Ethernet address of a station
            9:85 [] expected an Ethernet address
            10:22 [02:00] `02:00` is not an Ethernet address such as 02:00:5e:10:00:0f
            11:22 [] expected `src` or `flow`
            12:23 [dst] unexpected `dst` (expected one of: src, flow)
            13:18 [round_robin] unexpected `round_robin` (this is no term of the language)
            14:1 [balance 10.0.0.1 ip6] `balance 10.0.0.1` is for no packet of these terms (it is for TCP, UDP and ICMP packets over IPv4 between two stations)
            15:1 [balance 2001:db8::1 icmp] `balance 2001:db8::1` is for no packet of these terms (it is for TCP, UDP and ICMPv6 packets and fragments over IPv6 between two stations)
            16:1 [balance 10.0.0.1 sctp] `balance 10.0.0.1` is for no packet of these terms (it is for TCP, UDP and ICMP packets over IPv4 between two stations)
            17:22 [round-robin] unexpected `round-robin` (no term begins with this word)
            18:704 [10.0.0.65] 64 backends are the most
        "#]],
    );
}

#[test]
fn tunnels_that_lead_nowhere_are_refused_at_their_words() {
    refused(
        "tunnel
tunnel 10.0.0.1
tunnel 10.0.0.1 10.0.0.2
tunnel 10.0.0.1 to 10.0.0.2
tunnel 10.0.0.1 to 10.0.0.2 mac
tunnel 10.0.0.1 to 2001:db8::1 mac 02:00:00:00:00:01
tunnel 10.0.0.1 to 10.0.0.1 mac 02:00:00:00:00:01
tunnel 10.0.0.0/8 to 10.0.1.0/24 mac 01:00:5e:00:00:01 mtu 67
tunnel 10.0.0.1 to 224.0.0.1 mac 02:00:00:00:00:01
tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 mtu 65536
tunnel 2001:db8::1 to 2001:db8::2 mac 02:00:00:00:00:01 mtu 1279
tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 arp
tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 mtu",
        expect![[r#"
            1:7 [] expected an address
            2:16 [] expected `to`
            3:17 [10.0.0.2] expected `to`, found `10.0.0.2`
            4:28 [] expected `mac`
            5:32 [] expected an Ethernet address
            6:20 [2001:db8::1] the ends of a tunnel are of one family
            7:8 [10.0.0.1 to 10.0.0.1] a tunnel has two ends
            8:8 [10.0.0.0/8] a tunnel ends at one address, not a prefix
            8:22 [10.0.1.0/24] a tunnel ends at one address, not a prefix
            8:38 [01:00:5e:00:00:01] this is not the Ethernet address of a station
            8:60 [67] `67` is not a number from 68 to 65535
            9:20 [224.0.0.1] no packet is sent to this address: it is no host's
            10:55 [65536] `65536` is not a number from 68 to 65535
            11:61 [1279] `1279` is not a number from 1280 to 65535
            12:1 [tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 arp] `tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01` is for no packet of these terms (it is for IP packets without a VLAN tag that fit into the tunnel)
            13:54 [] expected a number
        "#]],
    );
}

#[test]
fn what_no_router_sends_on_is_refused() {
    refused(
        "route arp\nroute udp as ways\nroute src 10.0.0.0/8 via eth0\nroute ttl < 0",
        expect![[r#"
            1:1 [route arp] `route` is for no packet of these terms (it is for IP packets from a host, with hops left, without options and without a VLAN tag)
            3:22 [via] unexpected `via` (this is no term of the language)
            4:7 [ttl < 0] no packet has a `ttl` < 0
        "#]],
    );
}

#[test]
fn what_is_sent_elsewhere_needs_a_place() {
    refused(
        "redirect
redirect udp dport 53
redirect mac 02:00:5e:10:00:01
redirect an-interface-of-nobody udp
redirect eth0:1
redirect a/b udp
redirect \"a b\"
redirect \"\"
redirect ..
redirect { eth0 eth1 }
redirect eth0 mac
redirect eth0 mac 01:00:5e:00:00:01 udp
redirect eth0 mac 00:00:00:00:00:00
redirect eth0 mac 02:00:5e:10:00
redirect eth0 mac in boxes
redirect eth0 tcp udp
redirect eth0 eth1
redirekt eth0",
        expect![[r#"
            1:9 [] expected the name of an interface
            2:10 [udp] expected the name of an interface, found `udp` (write `redirect DEV udp …`; an interface that is called so stands in quotes: `redirect "udp"`)
            3:10 [mac] expected the name of an interface, found `mac` (an interface that is called so stands in quotes: `redirect "mac"`)
            4:10 [an-interface-of-nobody] `an-interface-of-nobody` is not the name of an interface: one to 15 characters, without blanks, quotes, `/` and `:`
            5:10 [eth0:1] `eth0:1` is not the name of an interface: one to 15 characters, without blanks, quotes, `/` and `:`
            6:10 [a/b] `a/b` is not the name of an interface: one to 15 characters, without blanks, quotes, `/` and `:`
            7:10 ["a b"] `a b` is not the name of an interface: one to 15 characters, without blanks, quotes, `/` and `:`
            8:10 [""] `` is not the name of an interface: one to 15 characters, without blanks, quotes, `/` and `:`
            9:10 [..] `..` is not the name of an interface: one to 15 characters, without blanks, quotes, `/` and `:`
            10:10 [{] expected the name of an interface, found `{`
            11:18 [] expected an Ethernet address
            12:19 [01:00:5e:00:00:01] this is not the Ethernet address of a station
            13:19 [00:00:00:00:00:00] this is not the Ethernet address of a station
            14:19 [02:00:5e:10:00] `02:00:5e:10:00` is not an Ethernet address such as 02:00:5e:10:00:0f
            15:19 [in] expected an Ethernet address, found `in`
            16:1 [redirect eth0 tcp udp] no packet is all of this at once: the terms are about different protocols
            17:15 [eth1] unexpected `eth1` (did you mean `ether`?)
            18:1 [redirekt] unexpected `redirekt` (did you mean `redirect`?)
        "#]],
    );
}

#[test]
fn what_is_delivered_comes_in_on_one_queue_that_a_socket_can_be_on() {
    refused(
        "deliver 256
deliver 3 queue 4
deliver 99999999999 udp
deliver -1
deliver eth0
deliver tcp udp
drop queue 1 queue 2
drop queue 65536
drop queue
drop queue any
delivr 3",
        expect![[r#"
            1:9 [256] `256` is not a number from 0 to 255
            2:1 [deliver 3 queue 4] `deliver 3` is for no packet of these terms (it is for frames that come in on that queue)
            3:9 [99999999999] `99999999999` is not a number from 0 to 255
            4:9 [-1] unexpected `-1` (this is no term of the language)
            5:9 [eth0] unexpected `eth0` (did you mean `ether`?)
            6:1 [deliver tcp udp] no packet is all of this at once: the terms are about different protocols
            7:1 [drop queue 1 queue 2] no packet is all of this at once: it comes in on one queue
            8:12 [65536] `65536` is not a number from 0 to 65535
            9:11 [] expected a number
            10:12 [any] expected a number, found `any`
            11:1 [delivr] unexpected `delivr` (did you mean `deliver`?)
        "#]],
    );
}

#[test]
fn an_action_whose_own_terms_contradict_what_it_implies_is_for_no_packet() {
    refused(
        "route vlan 5
route inner-vlan any
route ttl = 1
route src 127.0.0.0/8
route ( src 127.0.0.1 or src 224.0.0.0/4 )
tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 vlan any
tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 mtu 68 length > 60
reflect ether src ff:ff:ff:ff:ff:ff
reflect not ether dst unicast
deliver 3 not queue 3",
        expect![[r#"
            1:1 [route vlan 5] `route` is for no packet of these terms (it is for IP packets from a host, with hops left, without options and without a VLAN tag)
            2:1 [route inner-vlan any] `route` is for no packet of these terms (it is for IP packets from a host, with hops left, without options and without a VLAN tag)
            3:1 [route ttl = 1] `route` is for no packet of these terms (it is for IP packets from a host, with hops left, without options and without a VLAN tag)
            4:1 [route src 127.0.0.0/8] `route` is for no packet of these terms (it is for IP packets from a host, with hops left, without options and without a VLAN tag)
            5:1 [route ( src 127.0.0.1 or src 224.0.0.0/4 )] `route` is for no packet of these terms (it is for IP packets from a host, with hops left, without options and without a VLAN tag)
            6:1 [tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 vlan any] `tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01` is for no packet of these terms (it is for IP packets without a VLAN tag that fit into the tunnel)
            7:1 [tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 mtu 68 length > 60] `tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 mtu 68` is for no packet of these terms (it is for IP packets without a VLAN tag that fit into the tunnel)
            8:1 [reflect ether src ff:ff:ff:ff:ff:ff] `reflect` is for no packet of these terms (it is for frames between two stations)
            9:1 [reflect not ether dst unicast] `reflect` is for no packet of these terms (it is for frames between two stations)
            10:1 [deliver 3 not queue 3] `deliver 3` is for no packet of these terms (it is for frames that come in on that queue)
        "#]],
    );
    let fine = "route host 127.0.0.1\nroute ( src 127.0.0.1 or src 192.0.2.1 )\nroute ttl < 3\n\
                tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:00:00:00:01 mtu 68 length < 60\n\
                reflect ether src 02:00:00:00:00:01\nvlan pop vlan 5\ndeliver 3 not queue 4\n\
                route not vlan 5\ndefault pass\n";
    assert!(palisade_filter::parse(fine).is_ok());
}
