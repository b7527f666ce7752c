//! `attach` and `detach` as a user meets them: which mode, which program, whose program, and what
//! becomes of real packets.

use std::net::{IpAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use palisade_loader::xdp;
use palisade_tests::engine::Engine;
use palisade_tests::lab::{BPFFS, FENCE, Host, Lab, NEAR};
use palisade_tests::packet::{ACK, Packet, SYN, eth, ipv4, ipv6, tcp, udp, vlan};
use palisade_tests::privilege::Kernel;
use serde_json::{Value, json};

const ATTACKER4: &str = "192.0.2.66";
const ATTACKER6: &str = "2001:db8:0:1::66";
const FRIEND4: &str = "192.0.2.10";
const FRIEND6: &str = "2001:db8:0:1::10";
const SOON: Duration = Duration::from_secs(5);

/// What another program prints, if it is installed.
fn tool(name: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(name).args(args).output().ok()?;
    assert!(
        output.status.success(),
        "{name} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).expect("it prints UTF-8"))
}

/// A policy that is attached from its text.
fn attach_text(lab: &Lab, text: &str, more: &[&str]) -> String {
    let args = [&["attach", NEAR, "-p", "/dev/stdin"], more].concat();
    lab.palisade_with(&args, text).ok()
}

fn status(lab: &Lab) -> Value {
    lab.palisade(&["-j", "status"]).json()
}

/// The program and its mode on an interface, as the kernel tells.
fn attached(lab: &Lab) -> Option<xdp::Attached> {
    xdp::query(lab.near_index()).expect("the interface is there")
}

/// The names in the lab's bpffs that are ours to make.
fn pins() -> Vec<String> {
    let dir = palisade_loader::PinDir::open_root(BPFFS.as_ref()).expect("a bpffs");
    dir.names().expect("its names")
}

/// A stranger's program, attached in a mode.
fn stranger(lab: &Lab, kernel: &Kernel, mode: xdp::Mode) -> Engine {
    let engine = Engine::load(kernel, "drop udp dport 666\ndefault pass\n", kernel.best());
    xdp::attach(lab.near_index(), engine.program(), mode, xdp::Expect::Empty).expect("attached");
    engine
}

fn in_modes(test: impl Fn(&Lab, &'static str) + Send + Sync) {
    for mode in ["native", "generic"] {
        Lab::run(|lab| test(lab, mode));
    }
}

#[test]
fn a_program_is_attached_in_the_mode_that_was_asked_for_under_its_name() {
    for (mode, in_ip, in_bpftool) in
        [("native", "prog/xdp id", "driver id"), ("generic", "xdpgeneric", "generic id")]
    {
        Lab::run(|lab| {
            let said = lab.palisade(&["attach", NEAR, "--mode", mode]).ok();
            assert_eq!(said, format!("policy `main` attached to {NEAR} in {mode} mode\n"));
            let status = status(lab);
            assert_eq!(status["interfaces"][0]["name"], NEAR);
            assert_eq!(status["interfaces"][0]["mode"], mode);
            assert_eq!(status["interfaces"][0]["ifindex"], lab.near_index().number());
            assert_eq!(status["program"]["name"], "palisade_main");
            let on = attached(lab).expect("a program");
            assert_eq!(status["program"]["id"], on.program_id);
            assert_eq!(on.mode.to_string(), mode);
            if let Some(shown) = tool("ip", &["-d", "link", "show", NEAR]) {
                assert!(shown.contains(in_ip), "{shown}");
                assert!(shown.contains("name palisade_main"), "{shown}");
            }
            if let Some(shown) = tool("bpftool", &["net"]) {
                let line = format!("{NEAR}({}) {in_bpftool} {}", lab.near_index(), on.program_id);
                assert!(shown.contains(&line), "{shown}");
            }
            lab.palisade(&["detach", NEAR]).ok();
            assert_eq!(attached(lab), None);
        });
    }
}

#[test]
fn auto_takes_native_mode_where_there_is_one_and_else_generic_and_says_why() {
    Lab::run(|lab| {
        let said = lab.palisade(&["attach", NEAR]).ok();
        assert!(said.contains("in native mode"), "{said}");
        let said = lab.palisade(&["attach", "lo"]).ok();
        assert!(said.contains("policy `main` attached to lo in generic mode"), "{said}");
        let note = said.lines().find(|line| line.starts_with("note: ")).expect("a note");
        assert!(note.contains("EOPNOTSUPP") && note.contains("does not support XDP"), "{note}");
        let modes: Vec<Value> = status(lab)["interfaces"]
            .as_array()
            .expect("interfaces")
            .iter()
            .map(|i| json!([i["name"], i["mode"]]))
            .collect();
        assert_eq!(modes, [json!(["lo", "generic"]), json!([NEAR, "native"])]);
        let error = lab.palisade(&["--policy-name", "b", "attach", "lo", "--mode", "native"]);
        let error = error.failed(3);
        assert!(error.contains("carries the policy `main`"), "{error}");
        assert!(error.contains("--behind main") && error.contains("--take-over"), "{error}");
    });
    Lab::run(|lab| {
        let error = lab.palisade(&["attach", "lo", "--mode", "native"]).failed(3);
        assert!(error.contains("EOPNOTSUPP") && error.contains("does not support XDP"), "{error}");
        assert!(error.contains("help:"), "{error}");
        assert_eq!(pins(), [""; 0], "what failed leaves nothing");
    });
}

#[test]
fn the_json_of_attach_status_and_detach_has_the_documented_shape() {
    Lab::run(|lab| {
        let said = lab.palisade(&["-j", "attach", NEAR]).json();
        let interface = json!({"name": NEAR, "mode": "native", "already": false});
        let want = json!({
            "policy": "main", "mode": "enforce", "interfaces": [interface], "replaced": [],
            "behind": [], "next": null,
        });
        assert_eq!(said, want);
        let said = lab.palisade(&["-j", "attach", NEAR]).json();
        assert_eq!(said["interfaces"][0]["already"], true);

        let status = status(lab);
        assert_eq!(status["policy"], "main");
        assert!(status["program"]["id"].as_u64().is_some_and(|id| id > 0));
        assert_eq!(status["program"]["tag"].as_str().map(str::len), Some(16));
        assert!(status["program"]["instructions"].as_u64().is_some_and(|n| n > 0));
        let block = &status["sets"]["block"];
        assert_eq!((&block["type"], &block["entries"]), (&json!("net"), &json!(0)));
        assert_eq!(block["max"], 1_048_576);
        assert!(block["structure"].is_string() && block["memory"].is_u64(), "{block}");
        for verdict in ["aborted", "drop", "pass", "tx", "redirect"] {
            assert!(status["verdicts"][verdict]["packets"].is_u64(), "{verdict}: {status}");
            assert!(status["verdicts"][verdict]["bytes"].is_u64(), "{verdict}: {status}");
        }
        let said = lab.palisade(&["-j", "detach", NEAR]).json();
        let wanted = json!({
            "policy": "main", "detached": [NEAR], "remaining": [], "kept": false,
            "behind": [], "remaining_behind": [], "unreached": [],
        });
        assert_eq!(said, wanted);
    });
}

/// The entry of a set in `list -j`.
fn entry(lab: &Lab, set: &str, item: &str) -> Value {
    let list = lab.palisade(&["-j", "list", "--set", set]).json();
    let entries = list["sets"][set]["entries"].as_array().expect("entries").clone();
    let found = entries.into_iter().find(|entry| entry["item"] == item);
    found.unwrap_or_else(|| panic!("no {item} in {list}"))
}

/// Packets counted by the rule of that text.
fn rule(lab: &Lab, text: &str) -> u64 {
    let stats = lab.palisade(&["-j", "stats", "--interval", "10ms", "--count", "1"]).json();
    let rules = stats["rules"].as_array().expect("rules").clone();
    let rule = rules.into_iter().find(|rule| rule["text"] == text);
    rule.unwrap_or_else(|| panic!("no `{text}` in {stats}"))["packets"].as_u64().expect("a number")
}

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

fn from4(src: &str, above: impl Into<palisade_tests::packet::Layer>) -> Vec<u8> {
    (eth() / ipv4().src(src) / above).build()
}

fn from6(src: &str, above: impl Into<palisade_tests::packet::Layer>) -> Vec<u8> {
    (eth() / ipv6().src(src) / above).build()
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
fn a_strangers_program_is_neither_replaced_nor_detached() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for mode in [xdp::Mode::Native, xdp::Mode::Generic] {
        Lab::run(|lab| {
            let engine = stranger(lab, &kernel, mode);
            let id = engine.program().info().expect("described").id;
            let stays = || assert_eq!(attached(lab).expect("a program").program_id, id);
            for asked in ["auto", "native", "generic"] {
                let error = lab.palisade(&["attach", NEAR, "--mode", asked]).failed(3);
                assert!(error.contains("carries an XDP program of somebody else"), "{error}");
                assert!(error.contains(&format!("program {id} «")), "{error}");
                assert!(error.contains(&format!("in {mode} mode")), "{error}");
                assert!(error.contains("--take-over"), "{error}");
                stays();
                assert_eq!(pins(), [""; 0], "what was refused leaves nothing");
            }
            lab.palisade(&["detach", NEAR]).failed(2);
            lab.palisade(&["detach", "--all"]).failed(2);
            stays();
            // With a policy of ours elsewhere there is something to detach, but not here.
            lab.palisade(&["attach", "lo"]).ok();
            let error = lab.palisade(&["detach", NEAR]).failed(3);
            assert!(error.contains("not of this policy"), "{error}");
            assert!(error.contains(&format!("program {id} «")), "{error}");
            let error = lab.palisade(&["detach", "lo", NEAR]).failed(3);
            assert!(error.contains("nothing was detached"), "{error}");
            assert_eq!(status(lab)["interfaces"][0]["name"], "lo");
            let error = lab.palisade(&["status", NEAR]).failed(1);
            assert!(error.contains(&format!("program {id} «")), "{error}");
            lab.palisade(&["detach", "--all"]).ok();
            stays();
        });
    }
}

#[test]
fn take_over_replaces_a_strangers_program_also_across_modes() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for there in [xdp::Mode::Native, xdp::Mode::Generic] {
        for asked in ["native", "generic"] {
            Lab::run(|lab| {
                let _engine = stranger(lab, &kernel, there);
                let args = ["attach", NEAR, "--take-over", "--mode", asked];
                let said = lab.palisade(&args).ok();
                assert!(said.contains(&format!("in {asked} mode")), "{there} to {asked}: {said}");
                let on = attached(lab).expect("a program");
                assert_eq!(status(lab)["program"]["id"], on.program_id);
                assert_eq!(on.mode.to_string(), asked);
                lab.palisade(&["detach", NEAR]).ok();
                assert_eq!(attached(lab), None);
            });
        }
    }
}

#[test]
fn a_strangers_program_is_put_back_when_the_take_over_fails() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        let engine = Engine::load(&kernel, "drop udp dport 666\ndefault pass\n", kernel.best());
        let lo = palisade_loader::link::by_name("lo").expect("there is one").index;
        xdp::attach(lo, engine.program(), xdp::Mode::Generic, xdp::Expect::Empty)
            .expect("attached");
        // The loopback interface has no native mode.
        lab.palisade(&["attach", "lo", "--take-over", "--mode", "native"]).failed(3);
        let on = xdp::query(lo).expect("asked").map(|on| on.program_id);
        assert_eq!(on, Some(engine.program().info().expect("described").id));
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn a_strangers_program_is_put_back_in_its_mode_when_another_interface_fails() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for there in [xdp::Mode::Native, xdp::Mode::Generic] {
        Lab::run(|lab| {
            let engine = stranger(lab, &kernel, there);
            let before = attached(lab);
            // The loopback interface has no native mode.
            lab.palisade(&["attach", NEAR, "lo", "--take-over", "--mode", "native"]).failed(3);
            assert_eq!(attached(lab), before, "{there}");
            assert_eq!(pins(), [""; 0]);
            drop(engine);
        });
    }
}

#[test]
fn a_stranger_that_took_our_place_is_left_alone_by_detach() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let engine = Engine::load(&kernel, "drop udp dport 666\ndefault pass\n", kernel.best());
        let anything = xdp::Expect::Anything;
        xdp::attach(lab.near_index(), engine.program(), xdp::Mode::Native, anything)
            .expect("attached");
        let id = engine.program().info().expect("described").id;
        let error = lab.palisade(&["detach", NEAR]).failed(3);
        assert!(error.contains(&format!("program {id} «")), "{error}");
        let status = status(lab);
        assert_eq!(status["interfaces"], json!([]), "status claims nothing");
        let said = lab.palisade(&["status"]).ok();
        assert!(said.contains("NOTHING IS FILTERED"), "{said}");
        lab.palisade(&["attach", NEAR]).failed(3);
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(attached(lab).map(|on| on.program_id), Some(id));
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn entries_survive_detach_with_keep_and_attach() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["add", "203.0.113.5", "udp/53"]).ok();
        let frames = [from4("203.0.113.5", udp(4000, 4001)), from4("203.0.113.6", udp(4000, 53))];
        assert_eq!(lab.through(&frames), [false, false]);
        let said = lab.palisade(&["detach", NEAR, "--keep"]).ok();
        assert!(said.contains("its sets are kept"), "{said}");
        assert_eq!(attached(lab), None);
        assert_eq!(lab.through(&frames), [true, true]);
        assert_eq!(entry(lab, "block", "203.0.113.5")["packets"], 1);
        lab.palisade(&["add", "203.0.113.7"]).ok();
        lab.palisade(&["attach", NEAR, "--mode", "generic"]).ok();
        let third = from4("203.0.113.7", udp(4000, 4001));
        assert_eq!(lab.through(&frames), [false, false]);
        assert_eq!(lab.through(&[third]), [false]);
        assert_eq!(entry(lab, "block", "203.0.113.5")["packets"], 2);
        assert_eq!(entry(lab, "ports", "udp/53")["packets"], 2);
        lab.palisade(&["detach", NEAR]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn interfaces_share_the_sets_and_the_last_detach_removes_the_pins_not_one_before() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "lo"]).ok();
        lab.palisade(&["add", "203.0.113.5", "127.0.0.5"]).ok();
        assert_eq!(lab.through(&[from4("203.0.113.5", udp(4000, 4001))]), [false]);
        let socket = lab.udp(5002);
        let local = std::net::UdpSocket::bind("127.0.0.5:0").expect("a loopback address");
        local.send_to(b"local", "127.0.0.1:5002").expect("sent");
        assert_eq!(socket.next(Duration::from_millis(30)), None);
        assert_eq!(rule(lab, "drop src in block"), 2);
        let said = lab.palisade(&["-j", "detach", NEAR]).json();
        assert_eq!((&said["remaining"], &said["kept"]), (&json!(["lo"]), &json!(true)));
        assert_eq!(pins(), ["palisade"]);
        assert_eq!(lab.through(&[from4("203.0.113.5", udp(4000, 4001))]), [true]);
        assert_eq!(entry(lab, "block", "127.0.0.5")["packets"], 1);
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn two_policies_live_side_by_side_under_their_names() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["--policy-name", "second-one", "attach", "lo"]).ok();
        lab.palisade(&["add", "203.0.113.5"]).ok();
        let other = lab.palisade(&["-j", "--policy-name", "second-one", "list"]).json();
        assert_eq!(other["policy"], "second-one");
        assert_eq!(other["sets"]["block"]["entries"], json!([]));
        let other = lab.palisade(&["-j", "--policy-name", "second-one", "status"]).json();
        assert_eq!(other["interfaces"][0]["name"], "lo");
        assert_ne!(other["program"]["id"], status(lab)["program"]["id"]);
        let error = lab.palisade(&["--policy-name", "second-one", "attach", NEAR]).failed(3);
        assert!(error.contains("palisade_main"), "{error}");
        lab.palisade(&["--policy-name", "second-one", "detach", "--all"]).ok();
        assert_eq!(pins(), ["palisade"]);
        assert_eq!(lab.through(&[from4("203.0.113.5", udp(4000, 4001))]), [false]);
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn modes_of_the_program_take_effect_at_once_without_attaching() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["add", "203.0.113.5"]).ok();
        let frame = [from4("203.0.113.5", udp(4000, 4001))];
        for (mode, passes) in [("shadow", true), ("off", true), ("enforce", false)] {
            lab.palisade(&["mode", mode]).ok();
            assert_eq!(lab.through(&frame), [passes], "{mode}");
        }
        assert_eq!(status(lab)["would_drop"]["packets"], 1);
    });
}

#[test]
fn an_interface_that_is_not_there_is_the_users_mistake_and_leaves_nothing() {
    Lab::run(|lab| {
        for args in [&["attach", "nosuch0"][..], &["attach", NEAR, "nosuch0"]] {
            let error = lab.palisade(args).failed(2);
            assert!(error.contains("there is no interface `nosuch0`"), "{error}");
            assert!(error.contains("ip -br link"), "{error}");
            assert_eq!(attached(lab), None);
            assert_eq!(pins(), [""; 0]);
        }
        lab.palisade(&["attach", NEAR]).ok();
        lab.palisade(&["detach", "nosuch0"]).failed(2);
        lab.palisade(&["detach", NEAR, "nosuch0"]).failed(2);
        assert_eq!(status(lab)["interfaces"][0]["name"], NEAR);
        let error = lab.palisade(&["detach", "lo"]).failed(1);
        assert!(error.contains("lo carries no XDP program"), "{error}");
    });
}

#[test]
fn an_interface_that_vanishes_takes_its_program_along_and_the_rest_goes_on() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "lo"]).ok();
        lab.palisade(&["add", "203.0.113.5"]).ok();
        lab.here().delete(lab.near_index()).expect("removed");
        let status = status(lab);
        assert_eq!(status["interfaces"].as_array().map(Vec::len), Some(1));
        lab.palisade(&["detach", NEAR]).failed(2);
        lab.palisade(&["detach", "lo", "--keep"]).ok();
        let said = lab.palisade(&["status"]).ok();
        assert!(said.contains("NOTHING IS FILTERED"), "{said}");
        assert_eq!(entry(lab, "block", "203.0.113.5")["packets"], 0);
        lab.palisade(&["detach", "--all"]).ok();
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn no_command_on_a_policy_that_is_not_in_force_does_anything_but_say_so() {
    Lab::run(|lab| {
        let commands: [&[&str]; 12] = [
            &["detach", NEAR],
            &["detach", "--all"],
            &["add", "203.0.113.5"],
            &["del", "203.0.113.5"],
            &["get", "203.0.113.5"],
            &["list"],
            &["flush", "--set", "block"],
            &["import", "/dev/null"],
            &["export"],
            &["status"],
            &["stats", "--count", "1"],
            &["mode", "off"],
        ];
        for args in commands {
            let error = lab.palisade(args).failed(2);
            assert!(error.contains("no policy `main` is in force"), "{args:?}: {error}");
            assert!(error.contains("palisade attach"), "{args:?}: {error}");
        }
        assert_eq!(pins(), [""; 0]);
    });
}

/// A file of these bytes that only this test uses.
fn file(name: &str, bytes: &[u8]) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("the target directory can be written");
    path.into_os_string().into_string().expect("a path in UTF-8")
}

#[test]
fn every_mistake_of_a_policy_is_shown_with_its_place_and_the_old_policy_stays() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        // A late report of the interface's own may be counted at any time.
        let in_force = || ["program", "text", "interfaces"].map(|key| status(lab)[key].clone());
        let before = in_force();
        let text = "set block net\ndrop src in blok\npass tcp dport 99999\ndefault maybe\n";
        let path = file("mistakes.pal", text.as_bytes());
        let error = lab.palisade(&["attach", NEAR, "-p", &path]).failed(2);
        for (line, column, shown) in
            [(2, 13, "drop src in blok"), (3, 16, "pass tcp dport 99999"), (4, 9, "default maybe")]
        {
            let place = format!("{path}:{line}:{column}");
            assert!(error.contains(&place), "{place} in:\n{error}");
            let mut lines = error.lines().skip_while(|l| !l.contains(shown));
            let (source, caret) = (lines.next(), lines.next());
            let at = source.and_then(|s| s.find(shown)).map(|at| at + column - 1);
            assert_eq!(caret.and_then(|c| c.find('^')), at, "{error}");
        }
        assert_eq!(in_force(), before);
    });
}

#[test]
fn a_policy_file_that_cannot_be_read_is_the_users_mistake() {
    Lab::run(|lab| {
        let directory = env!("CARGO_TARGET_TMPDIR");
        let missing = format!("{directory}/no-such.pal");
        let binary = file("latin1.pal", b"# caf\xe9\ndefault pass\n");
        for (path, wanted) in
            [(missing.as_str(), "ENOENT"), (directory, "a directory"), (binary.as_str(), "UTF-8")]
        {
            let error = lab.palisade(&["attach", NEAR, "-p", path]).failed(2);
            assert!(error.contains(wanted) && error.contains(path), "{error}");
        }
        assert_eq!(attached(lab), None);
        assert_eq!(pins(), [""; 0]);
    });
}

#[test]
fn an_empty_policy_is_not_taken_for_let_everything_in() {
    Lab::run(|lab| {
        for text in ["", "# nothing\n", "pass tcp dport 22\n"] {
            let args = ["attach", NEAR, "-p", "/dev/stdin"];
            lab.palisade_with(&args, text).failed(2);
            assert_eq!(attached(lab), None, "{text:?}");
        }
    });
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

#[test]
fn of_interfaces_that_forward_nothing_a_policy_that_routes_says_so() {
    Lab::run(|lab| {
        let forward = |switches: [&str; 2]| {
            for (family, switch) in ["ipv4", "ipv6"].iter().zip(switches) {
                let path = format!("/proc/sys/net/{family}/conf/{NEAR}/forwarding");
                std::fs::write(path, switch).expect("it is ours");
            }
        };
        let said = |text: &str| lab.palisade_with(&["attach", NEAR, "-p", "-"], text).ok();
        forward(["0", "0"]);
        let told = said("route ip4\ndefault pass\n");
        assert!(told.contains(&format!("forwarding is off on {NEAR}")), "{told}");
        assert!(told.contains("net.ipv4.ip_forward=1"), "{told}");
        assert!(!said("drop ip4\ndefault pass\n").contains("forwarding"));
        for switches in [["1", "0"], ["0", "1"]] {
            forward(switches);
            let told = said(&format!("# {switches:?}\nroute ip4\ndefault pass\n"));
            assert!(!told.contains("forwarding"), "{switches:?}: {told}");
        }
    });
}
