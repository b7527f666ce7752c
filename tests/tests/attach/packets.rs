//! What becomes of real packets behind a policy that was attached, in either mode.

use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use palisade_tests::lab::{FENCE, Host, Lab, NEAR};
use palisade_tests::packet::{ACK, Packet, SYN, eth, ipv4, tcp, udp, vlan};
use palisade_tests::privilege::Kernel;
use serde_json::{Value, json};

use crate::{
    ATTACKER4, ATTACKER6, FRIEND4, FRIEND6, SOON, attach_text, entry, from4, from6, in_modes, rule,
    status,
};

/// Every host says who it is over UDP; who was heard when the last one, who is not blocked, was.
fn heard(lab: &Lab, hosts: &[(Host<'_>, &str)]) -> Vec<String> {
    let socket = lab.udp(5000);
    for (host, name) in hosts {
        host.says(5000, name.as_bytes());
    }
    hosts.last().expect("a host").0.says(5000, b"end");
    let next = || socket.next(SOON).map(|payload| String::from_utf8(payload).expect("a name"));
    std::iter::from_fn(next).take_while(|name| name != "end").collect()
}

#[test]
fn an_attacker_is_dropped_and_counted_a_friend_passes_and_del_lets_the_attacker_in_again() {
    in_modes(|lab, mode| {
        let names = ["attacker4", "attacker6", "friend6", "friend4"];
        let [a4, a6, f6, f4] = [ATTACKER4, ATTACKER6, FRIEND6, FRIEND4].map(|a| lab.host(a));
        let hosts = [(a4, names[0]), (a6, names[1]), (f6, names[2]), (f4, names[3])];
        lab.palisade(&["attach", NEAR, "--mode", mode]).ok();
        let _listener = TcpListener::bind("[::]:5001").expect("a free port");
        assert_eq!(heard(lab, &hosts), names, "nobody is blocked yet");
        assert!(hosts.iter().all(|(host, _)| host.connects(5001)));

        lab.palisade(&["add", ATTACKER4, ATTACKER6]).ok();
        let before = status(lab)["verdicts"]["drop"].clone();
        assert_eq!(before, json!({"packets": 0, "bytes": 0}));
        assert_eq!(heard(lab, &hosts), names[2..], "{mode}");
        // Of 14 + 20 + 8 bytes before the payload, and of 14 + 40 + 8.
        let (four, six) = (42 + names[0].len(), 62 + names[1].len());
        let counts = |entry: Value| (entry["packets"].clone(), entry["bytes"].clone());
        assert_eq!(counts(entry(lab, "block", ATTACKER4)), (json!(1), json!(four)));
        assert_eq!(counts(entry(lab, "block", ATTACKER6)), (json!(1), json!(six)));
        assert_eq!(rule(lab, "drop src in block"), 2);
        let drop = status(lab)["verdicts"]["drop"].clone();
        assert_eq!(drop, json!({"packets": 2, "bytes": four + six}));
        assert!(!a4.connects(5001) && !a6.connects(5001));
        assert!(f4.connects(5001) && f6.connects(5001));

        lab.palisade(&["del", ATTACKER4, ATTACKER6]).ok();
        assert_eq!(heard(lab, &hosts), names, "{mode}");
        assert!(a4.connects(5001) && a6.connects(5001));
    });
}

#[test]
fn a_prefix_blocks_its_addresses_and_no_other() {
    in_modes(|lab, mode| {
        lab.palisade(&["attach", NEAR, "--mode", mode]).ok();
        lab.palisade(&["add", "203.0.113.64/26", "2001:db8:66::/47"]).ok();
        let any = || udp(4000, 4001);
        let frames = [
            from4("203.0.113.63", any()),
            from4("203.0.113.64", any()),
            from4("203.0.113.127", any()),
            from4("203.0.113.128", any()),
            from6("2001:db8:65:ffff::1", any()),
            from6("2001:db8:66::", any()),
            from6("2001:db8:67:ffff:ffff:ffff:ffff:ffff", any()),
            from6("2001:db8:68::", any()),
        ];
        let wanted = [true, false, false, true, true, false, false, true];
        assert_eq!(lab.through(&frames), wanted, "{mode}");
        assert_eq!(entry(lab, "block", "203.0.113.64/26")["packets"], 2);
        assert_eq!(entry(lab, "block", "2001:db8:66::/47")["packets"], 2);
    });
}

#[test]
fn a_service_blocks_its_protocol_and_port_and_no_other() {
    in_modes(|lab, mode| {
        lab.palisade(&["attach", NEAR, "--mode", mode]).ok();
        lab.palisade(&["add", "udp/53", "tcp/80"]).ok();
        let f = "203.0.113.5";
        let syn = |port| tcp(4000, port).flags(SYN);
        let frames = [
            from4(f, udp(4000, 53)),
            from4(f, syn(53)),
            from4(f, udp(4000, 80)),
            from4(f, syn(80)),
            from4(f, tcp(4000, 80).flags(ACK)),
            from4(f, udp(53, 4000)),
            from4(f, udp(4000, 54)),
            from4(f, syn(81)),
            (eth() / vlan(5) / ipv4().src(f) / udp(4000, 53)).build(),
            from6("2001:db8::5", udp(4000, 53)),
            from6("2001:db8::5", syn(53)),
            from6("2001:db8::5", syn(80)),
        ];
        let wanted = [false, true, true, false, false, true, true, true, false, false, true, false];
        assert_eq!(lab.through(&frames), wanted, "{mode}");
        assert_eq!(entry(lab, "ports", "udp/53")["packets"], 3);
        assert_eq!(entry(lab, "ports", "tcp/80")["packets"], 3);
        lab.palisade(&["del", "udp/53"]).ok();
        assert_eq!(lab.through(&frames[..4]), [true, true, true, false], "{mode}");
    });
}

#[test]
fn a_blocked_service_is_out_of_reach_over_real_sockets_and_its_neighbour_is_not() {
    in_modes(|lab, mode| {
        let (four, six) = (lab.host(FRIEND4), lab.host(FRIEND6));
        let _listeners = [80, 53].map(|p| TcpListener::bind(("::", p)).expect("a free port"));
        lab.palisade(&["attach", NEAR, "--mode", mode]).ok();
        lab.palisade(&["add", "tcp/80", "udp/53"]).ok();
        for host in [four, six] {
            assert!(!host.connects(80), "{mode} {host:?}");
            assert!(host.connects(53), "{mode} {host:?}");
            let (blocked, open) = (lab.udp(53), lab.udp(80));
            host.says(53, b"blocked");
            host.says(80, b"open");
            assert_eq!(open.next(SOON).as_deref(), Some(&b"open"[..]));
            assert_eq!(blocked.next(Duration::from_millis(10)), None, "{mode} {host:?}");
        }
    });
}

#[test]
fn hosts_find_each_other_under_a_policy_that_drops_by_default_and_keeps_arp_and_nd() {
    // The kernel asks for a neighbour three times, a second apart.
    let reach = |keep: &str, patience: Duration| {
        let text = format!("{keep}pass tcp dport 5001\ndefault drop\n");
        let reached = std::sync::Mutex::new(Vec::new());
        Lab::run(|lab| {
            attach_text(lab, &text, &[]);
            let _listener = TcpListener::bind("[::]:5001").expect("a free port");
            for near in ["192.0.2.11", "2001:db8:0:1::11"] {
                // Addresses that no neighbour table has heard of, on either side.
                let near: IpAddr = near.parse().expect("an address");
                let (far, len) = match near {
                    IpAddr::V4(_) => ("192.0.2.12".parse().expect("an address"), 24),
                    IpAddr::V6(_) => ("2001:db8:0:1::12".parse().expect("an address"), 64),
                };
                lab.here().add_address(lab.near_index(), near, len).expect("a free address");
                lab.far().add_address(lab.far_index(), far, len).expect("a free address");
                let connected = lab.in_far(|| {
                    let to = std::net::SocketAddr::new(near, 5001);
                    std::net::TcpStream::connect_timeout(&to, patience).is_ok()
                });
                reached.lock().expect("no panic").push(connected);
            }
        });
        reached.into_inner().expect("no panic")
    };
    if Kernel::or_skip().is_none() {
        return;
    }
    assert_eq!(reach("keep arp\nkeep nd\n", SOON), [true, true]);
    assert_eq!(
        reach("", Duration::from_millis(600)),
        [false, false],
        "without them nobody is found: the test can fail"
    );
}

#[test]
fn frames_of_other_protocols_meet_the_default() {
    in_modes(|lab, mode| {
        let text = format!("pass udp dport {FENCE}\ndrop src 203.0.113.5\ndefault drop\n");
        attach_text(lab, &text, &["--mode", mode]);
        let lldp: Packet = eth().ethertype(0x88cc) / b"a frame that is not IP, and long enough";
        assert_eq!(lab.through(&[lldp.build()]), [false], "{mode}");
        attach_text(
            lab,
            &format!("{text}# again\n").replace("default drop", "default pass"),
            &["--mode", mode],
        );
        assert_eq!(lab.through(&[lldp.build()]), [true], "{mode}");
    });
}
