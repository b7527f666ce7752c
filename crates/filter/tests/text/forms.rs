//! Every form of the grammar, and its canonical print.

use expect_test::expect;
use palisade_filter::policy::{Action, EntryCounters, Protocol};
use palisade_filter::{BUILTIN, Verdict};

use crate::{policy, prints, read};

#[test]
fn the_builtin_policy_prints_in_canonical_form() {
    prints(
        BUILTIN,
        expect![[r#"
        set allow net
        set block net
        set ports service
        keep arp
        keep nd
        pass src in allow
        drop src in block
        drop service in ports
        default pass
    "#]],
    );
}

#[test]
fn the_parts_of_a_policy_print_in_one_order() {
    prints(
        "# a comment
        expect drop from 192.0.2.7 # may stand anywhere
        default drop
        drop  src in bad   # used before it is declared
        on fragment drop
        set bad net { max 1000
                      counters off }
        on malformed pass
        keep arp
        drop sctp dst in bad \\
             service in web as both
        set web service { max 16 }
        keep ip6 nd
        ",
        expect![[r#"
            set bad net { max 1000 counters off }
            set web service { max 16 }
            keep arp
            keep ip6 nd
            drop src in bad
            drop sctp dst in bad service in web as both
            on malformed pass
            on fragment drop
            default drop
            expect drop from 192.0.2.7
        "#]],
    );
}

#[test]
fn sets_print_their_options_in_one_order() {
    read(
        "set a net { elements { 10.0.0.1 10.1.2.3/8, 10.0.0.1, 192.0.2.0-192.0.2.2,
                                2001:db8::/32, } file \"lists/a b#c.txt\" counters off
                     max 9 timeout 90m }
         set b service { elements { tcp/80, any/53 } counters on }
         set c mac { timeout 60s elements { 02:00:5E:10:00:0f } max 65536 }
         set d net { }
         set drop net
         drop src in drop
         pass ether src in c",
        expect![[r#"
            set a net { timeout 90m max 9 counters off file "lists/a b#c.txt" elements { 10.0.0.1, 10.0.0.0/8, 192.0.2.0/31, 192.0.2.2, 2001:db8::/32 } }
            set b service { elements { tcp/80, any/53 } }
            set c mac { timeout 1m elements { 02:00:5e:10:00:0f } }
            set d net
            set drop net
            drop src in drop
            pass ether src in c
            default pass
        "#]],
    );
}

#[test]
fn a_set_is_what_its_declaration_says() {
    let policy =
        policy("\nset a net { file \"x\" elements { 10.0.0.1 } timeout 1d }\ndefault pass");
    let set = policy.set("a").expect("a set");
    assert_eq!((set.line, set.max, set.counters), (2, 1 << 20, EntryCounters::On));
    assert_eq!(set.timeout.expect("a timeout").as_secs(), 86400);
    let file = set.file.as_ref().expect("a file");
    assert_eq!((file.path.as_str(), file.span.clone()), ("x", 18..21));
    assert_eq!(set.elements, ["10.0.0.1".parse().expect("an item")]);
}

#[test]
fn every_action_has_its_word() {
    read(
        "drop\npass tcp\nabort udp dport 9\ncount ip6\ncount as all\ndrop arp as drop",
        expect![[r#"
            drop
            pass tcp
            abort udp dport 9
            count ip6
            count as all
            drop arp as drop
            default pass
        "#]],
    );
    let actions: Vec<Action> = policy("drop\npass\nabort\ncount\ndefault pass")
        .rules()
        .iter()
        .map(|rule| rule.action.clone())
        .collect();
    assert_eq!(actions, [Action::Drop, Action::Pass, Action::Abort, Action::Count]);
}

#[test]
fn changes_print_what_they_do_without_what_they_imply() {
    read(
        "reflect\nreply icmp dst 10.0.0.1 as ping\nreply not fragment\nrewrite dport 8080 tcp dport 80
         rewrite sport 1 , dport 65535\nrewrite dst 10.0.0.1, src 10.0.0.2, dport 53 udp
         rewrite src 2001:DB8::1 ip6\nvlan pop\nvlan pop vlan any vlan 7\nvlan push 4094 not vlan any
         drop ether src unicast\ndrop inner-vlan any\ncount not ether dst unicast",
        expect![[r#"
            reflect
            reply icmp dst 10.0.0.1 as ping
            reply
            rewrite dport 8080 tcp dport 80
            rewrite sport 1, dport 65535
            rewrite src 10.0.0.2, dst 10.0.0.1, dport 53 udp
            rewrite src 2001:db8::1
            vlan pop
            vlan pop vlan 7
            vlan push 4094 not vlan any
            drop ether src unicast
            drop inner-vlan any
            count not ether dst unicast
            default pass
        "#]],
    );
}

#[test]
fn backends_print_with_what_they_are_chosen_by() {
    read(
        "balance 10.0.0.1\nbalance 10.0.0.1 mac 02:00:5E:10:00:01,10.0.0.2 round-robin icmp as p
         balance 2001:DB8::1 , 2001:db8::2 hash src ip6\nbalance 10.0.0.1, 10.0.0.2 hash flow udp
         balance 10.0.0.1, 10.0.0.2 src 10.0.0.0/8
         balance 10.0.0.1 mac 02:00:5e:10:00:01, 10.0.0.1 mac 02:00:5e:10:00:02",
        expect![[r#"
            balance 10.0.0.1
            balance 10.0.0.1 mac 02:00:5e:10:00:01, 10.0.0.2 round-robin icmp as p
            balance 2001:db8::1, 2001:db8::2 hash src
            balance 10.0.0.1, 10.0.0.2 udp
            balance 10.0.0.1, 10.0.0.2 src 10.0.0.0/8
            balance 10.0.0.1 mac 02:00:5e:10:00:01, 10.0.0.1 mac 02:00:5e:10:00:02
            default pass
        "#]],
    );
}

#[test]
fn routes_print_what_is_theirs_and_tunnels_a_length_that_is_not_the_usual() {
    read(
        "route dst 10.0.0.0/8 as ways\nroute ttl > 1 not options\nroute ttl > 5
         tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:5E:10:00:01 udp dport 53 as names
         tunnel 2001:DB8::1 to 2001:db8::2 mac 02:00:5e:10:00:01 mtu 1280 ip4
         tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:5e:10:00:01 mtu 1500 length > 100",
        expect![[r#"
            route dst 10.0.0.0/8 as ways
            route
            route ttl > 5
            tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:5e:10:00:01 udp dport 53 as names
            tunnel 2001:db8::1 to 2001:db8::2 mac 02:00:5e:10:00:01 mtu 1280 ip4
            tunnel 10.0.0.1 to 10.0.0.2 mac 02:00:5e:10:00:01 length > 100
            default pass
        "#]],
    );
}

#[test]
fn kinds_of_packets() {
    read(
        "drop ip4\ndrop ip6\ndrop arp\ndrop nd\ndrop dhcp\ndrop tcp\ndrop udp\ndrop sctp\ndrop icmp
         drop icmp6\ndrop proto 47\ndrop proto 6\ndrop proto 1\ndrop proto 0\ndrop proto 255
         drop ethertype 0x88cc\ndrop ethertype 2048\ndrop ethertype 0x600\ndrop ethertype 0xFFFF
         drop fragment\ndrop options",
        expect![[r#"
            drop ip4
            drop ip6
            drop arp
            drop nd
            drop dhcp
            drop tcp
            drop udp
            drop sctp
            drop icmp
            drop icmp6
            drop proto 47
            drop tcp
            drop proto 1
            drop proto 0
            drop proto 255
            drop ethertype 0x88cc
            drop ethertype 0x0800
            drop ethertype 0x0600
            drop ethertype 0xffff
            drop fragment
            drop options
            default pass
        "#]],
    );
}

#[test]
fn addresses() {
    read(
        "set n net
         drop src 10.1.2.3
         drop dst 10.1.2.3/8
         drop host 10.0.0.1-10.0.0.5
         drop src 10.0.0.0-10.0.0.255
         drop src { 10.0.0.1, 10.0.0.2 10.0.0.3, ::1 , }
         drop src 0.0.0.0/0
         drop src 1.2.3.4/0
         drop src ::ffff:1.2.3.4
         drop src 2001:DB8::/32
         drop src in n
         drop dst in n
         drop host in n",
        expect![[r#"
            set n net
            drop src 10.1.2.3
            drop dst 10.0.0.0/8
            drop host 10.0.0.1-10.0.0.5
            drop src 10.0.0.0/24
            drop src { 10.0.0.1-10.0.0.3, ::1 }
            drop src 0.0.0.0/0
            drop src 0.0.0.0/0
            drop src ::ffff:1.2.3.4
            drop src 2001:db8::/32
            drop src in n
            drop dst in n
            drop host in n
            default pass
        "#]],
    );
}

#[test]
fn ports_services_types_and_flags() {
    read(
        "set w service
         drop sport 53
         drop dport 0
         drop port 65535
         drop dport 53-53
         drop dport 0-65535
         drop dport { 80 443, 8000-8099, 81, }
         drop service in w
         drop type 8
         drop icmp type 3 code 4
         drop flags syn
         drop flags ack,!syn,ack
         drop flags ! fin , !syn,!rst,!psh,!ack,!urg,!ece,!cwr,!ae",
        expect![[r#"
            set w service
            drop sport 53
            drop dport 0
            drop port 65535
            drop dport 53
            drop dport 0-65535
            drop dport { 80-81, 443, 8000-8099 }
            drop service in w
            drop type 8
            drop icmp type 3 code 4
            drop flags syn
            drop flags !syn,ack
            drop flags !fin,!syn,!rst,!psh,!ack,!urg,!ece,!cwr,!ae
            default pass
        "#]],
    );
}

#[test]
fn numbers_of_headers_and_tags() {
    read(
        "drop ttl < 5\ndrop ttl<5\ndrop ttl = 0\ndrop ttl > 254
         drop length > 1500\ndrop length = 65575\ndrop dscp = 46\ndrop dscp < 63
         drop vlan 0\ndrop vlan 4094\ndrop vlan 7 inner-vlan 9",
        expect![[r#"
            drop ttl < 5
            drop ttl < 5
            drop ttl = 0
            drop ttl > 254
            drop length > 1500
            drop length = 65575
            drop dscp = 46
            drop dscp < 63
            drop vlan 0
            drop vlan 4094
            drop vlan 7 inner-vlan 9
            default pass
        "#]],
    );
}

#[test]
fn ethernet_addresses() {
    read(
        "set m mac\ndrop ether src 02:00:5e:10:00:0F\ndrop ether dst ff:ff:ff:ff:ff:ff
         drop ether src in m\ndrop ether dst in m",
        expect![[r#"
            set m mac
            drop ether src 02:00:5e:10:00:0f
            drop ether dst ff:ff:ff:ff:ff:ff
            drop ether src in m
            drop ether dst in m
            default pass
        "#]],
    );
}

#[test]
fn not_binds_to_the_next_term() {
    read(
        "drop not tcp dport 53
         drop not src 10.0.0.0/8 not dst { ::1 ::2 }
         drop not ( tcp )
         drop not ( tcp dport 53 )
         drop not ( tcp or udp )
         drop not ( not tcp )
         drop not ( not ( tcp or udp ) )",
        expect![[r#"
            drop not tcp dport 53
            drop not src 10.0.0.0/8 not dst ::1-::2
            drop not tcp
            drop not ( tcp dport 53 )
            drop not ( tcp or udp )
            drop tcp
            drop ( tcp or udp )
            default pass
        "#]],
    );
}

#[test]
fn alternatives_stand_in_parentheses_and_may_span_lines() {
    read(
        "pass ( tcp dport 22 or udp dport 53 ) src 10.0.0.0/8
         pass (tcp or udp)
         pass ( tcp ) ( dport 22 )
         pass ( ( tcp or udp ) )
         pass ( tcp ( dport 1 or sport 1 ) or icmp )
         pass (
            tcp dport 22 # one
            or icmp      # two
         ) as many",
        expect![[r#"
            pass ( tcp dport 22 or udp dport 53 ) src 10.0.0.0/8
            pass ( tcp or udp )
            pass tcp dport 22
            pass ( tcp or udp )
            pass ( tcp ( dport 1 or sport 1 ) or icmp )
            pass ( tcp dport 22 or icmp ) as many
            default pass
        "#]],
    );
}

#[test]
fn a_define_is_put_in_place() {
    read(
        "drop src bad            # before it is defined
         define bad = 192.0.2.66
         define mgmt = { 10.0.0.0/24 bad, 2001:db8::/48 }
         define web = { 80, 443 }
         define more = { web 8000-8099 }
         define high = 1024-65535
         define gre = 47
         define hops = 5
         define office = 7
         define lldp = 0x88cc
         define router = 02:00:5e:10:00:0f
         set s net { elements { mgmt 198.51.100.1 } max gre }
         set m mac { elements { router } }
         pass src mgmt dst { mgmt 192.0.2.1 } tcp dport more
         pass udp sport high dport { web, 53 }
         drop proto gre
         drop ttl < hops
         drop vlan office
         drop type hops code office
         drop ethertype lldp
         drop ether dst router
         expect drop from bad to bad tcp sport hops dport office",
        expect![[r#"
            set s net { max 47 elements { 10.0.0.0/24, 192.0.2.66, 2001:db8::/48, 198.51.100.1 } }
            set m mac { elements { 02:00:5e:10:00:0f } }
            drop src 192.0.2.66
            pass src { 10.0.0.0/24, 192.0.2.66, 2001:db8::/48 } dst { 10.0.0.0/24, 192.0.2.1, 192.0.2.66, 2001:db8::/48 } tcp dport { 80, 443, 8000-8099 }
            pass udp sport 1024-65535 dport { 53, 80, 443 }
            drop proto 47
            drop ttl < 5
            drop vlan 7
            drop type 5 code 7
            drop ethertype 0x88cc
            drop ether dst 02:00:5e:10:00:0f
            default pass
            expect drop from 192.0.2.66 to 192.0.2.66 tcp sport 5 dport 7
        "#]],
    );
}

#[test]
fn what_becomes_of_the_rest() {
    prints(
        "on malformed drop\non fragment pass\ndefault drop",
        expect![[r#"
        on malformed drop
        on fragment pass
        default drop
    "#]],
    );
    let policy = policy("\non fragment drop\ndefault pass");
    assert_eq!((policy.malformed().verdict, policy.malformed().line), (Verdict::Drop, None));
    assert_eq!(policy.fragment().expect("said").line, Some(2));
    assert_eq!((policy.default().verdict, policy.default().line), (Verdict::Pass, Some(3)));
}

#[test]
fn expects() {
    read(
        "expect drop from 192.0.2.7
         expect pass from ::1 to ::2
         expect pass from 192.0.2.7 to 192.0.2.1 tcp
         expect pass from 192.0.2.7 tcp dport 22
         expect pass from 192.0.2.7 udp dport 53 sport 1024
         expect drop from 192.0.2.7 icmp
         expect drop from 2001:db8::1 icmp6
         expect drop from 192.0.2.7 proto 47
         expect drop from 192.0.2.7 proto 58
         expect drop from 192.0.2.7 proto 132 dport 0
         expect drop from 192.0.2.7/32 sctp to 192.0.2.8",
        expect![[r#"
            default pass
            expect drop from 192.0.2.7
            expect pass from ::1 to ::2
            expect pass from 192.0.2.7 to 192.0.2.1 tcp
            expect pass from 192.0.2.7 tcp dport 22
            expect pass from 192.0.2.7 udp sport 1024 dport 53
            expect drop from 192.0.2.7 icmp
            expect drop from 2001:db8::1 icmp6
            expect drop from 192.0.2.7 proto 47
            expect drop from 192.0.2.7 proto 58
            expect drop from 192.0.2.7 sctp dport 0
            expect drop from 192.0.2.7 to 192.0.2.8 sctp
        "#]],
    );
    let policy = policy("expect  drop  from 192.0.2.7  udp dport 53 # dns\ndefault pass");
    let one = &policy.expects()[0];
    assert_eq!((one.verdict, one.line), (Verdict::Drop, 1));
    assert_eq!((one.protocol, one.sport, one.dport), (Some(Protocol::UDP), None, Some(53)));
    assert_eq!(one.text, "expect drop from 192.0.2.7 udp dport 53");
}

#[test]
fn a_rule_knows_its_line_its_name_and_its_text() {
    let policy = policy(
        "define web = { 80, 443 }\n\ndrop   udp dport web # dns\n\
         pass (  tcp\tflags syn,!ack # new\n  or ttl<5 ) \\\n as  it\nkeep   arp\ndefault pass",
    );
    let [first, second] = policy.rules() else { panic!("two rules") };
    assert_eq!((first.line, first.text.as_str()), (3, "drop udp dport web"));
    assert_eq!(first.name, None);
    assert_eq!(
        (second.line, second.text.as_str()),
        (4, "pass ( tcp flags syn,!ack or ttl<5 ) as it")
    );
    assert_eq!(second.name.as_ref().map(|name| name.as_str()), Some("it"));
    assert_eq!((policy.keeps()[0].line, policy.keeps()[0].text.as_str()), (7, "keep arp"));
    assert_eq!(policy.default().line, Some(8));
}

#[test]
fn a_name_of_a_set_may_be_any_word() {
    read(
        "set tcp net\nset in net\nset default service\nset as net\nset or net
         drop tcp src in tcp dst in in\npass service in default as tcp
         drop ( src in or or dst in as ) as as",
        expect![[r#"
            set tcp net
            set in net
            set default service
            set as net
            set or net
            drop tcp src in tcp dst in in
            pass service in default as tcp
            drop ( src in or or dst in as ) as as
            default pass
        "#]],
    );
}

#[test]
fn line_ends_and_a_byte_order_mark_do_not_matter() {
    prints(
        "\u{feff}drop tcp\r\n\r\n# x\r\ndrop \\\r\n udp\r\ndefault pass",
        expect![[r#"
        drop tcp
        drop udp
        default pass
    "#]],
    );
    prints(
        "default pass",
        expect![[r#"
        default pass
    "#]],
    );
}

#[test]
fn what_is_sent_elsewhere_prints_where() {
    read(
        "redirect eth0\nredirect eth0.100 mac 02:00:5E:10:00:0f udp as out\nredirect \"eth0\" tcp
         redirect \"udp\" udp\nredirect \"wlan@0\" mac 02:00:5e:10:00:01\nredirect 7 not arp",
        expect![[r#"
            redirect eth0
            redirect eth0.100 mac 02:00:5e:10:00:0f udp as out
            redirect eth0 tcp
            redirect "udp" udp
            redirect "wlan@0" mac 02:00:5e:10:00:01
            redirect 7 not arp
            default pass
        "#]],
    );
}

#[test]
fn what_is_delivered_prints_its_queue_once() {
    read(
        "deliver\ndeliver udp dport 53 as names\ndeliver 0\ndeliver 255 tcp\ndeliver 3 queue 3
         drop queue 65535\ncount not queue 7 ip4",
        expect![[r#"
            deliver
            deliver udp dport 53 as names
            deliver 0
            deliver 255 tcp
            deliver 3
            drop queue 65535
            count not queue 7 ip4
            default pass
        "#]],
    );
}
