//! Who may do what: a group that edits sets, a user who may do nothing, and the fewest capabilities
//! that suffice.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use palisade_loader::{Gid, xdp};
use palisade_tests::examples::EXAMPLES;
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::nobody;
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::{self, Reason};
use palisade_tests::skip::{Feature, Found, Release, need};

/// A user who owns nothing.
const NOBODY: u32 = 65534;

/// Runs the tool as an ordinary user in a group; the exit code, and what it said.
fn ordinary(gid: u32, args: &[&str]) -> (Option<i32>, String) {
    said(nobody::palisade(args).gid(gid).current_dir("/"))
}

/// How a command ended, and all that it said.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("UTF-8"))
}

/// A group that is not root's, by name and number.
fn group() -> Option<(&'static str, u32)> {
    let names = ["nogroup", "nobody", "users", "daemon"];
    let found = names.into_iter().find_map(|name| match Gid::by_name(name) {
        Ok(Some(Gid(number))) if number != 0 => Some((name, number)),
        _ => None,
    });
    if found.is_none() {
        privilege::skip(&Reason::Machine {
            name: "group",
            said: "root has the only one".to_owned(),
        });
    }
    found
}

/// Lets everybody pass through the root of the bpffs, as `mount -t bpf` does unless told otherwise.
fn open_bpffs() {
    fs::set_permissions(BPFFS, fs::Permissions::from_mode(0o755)).expect("the lab's own");
}

fn blocked(lab: &Lab, address: &str) -> bool {
    lab.through(&[(eth() / ipv4().src(address) / udp(1, 2)).build()]) == [false]
}

fn permissions(path: impl AsRef<Path>) -> (u32, u32, u32) {
    let path = Path::new(BPFFS).join("palisade").join(path);
    let meta = fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    (meta.mode() & 0o7777, meta.uid(), meta.gid())
}

#[test]
fn a_group_gets_the_maps_of_sets_and_the_way_to_them_and_nothing_else() {
    let Some((name, gid)) = group() else { return };
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "--group", name]).ok();
        for dir in ["", "main", "main/maps"] {
            assert_eq!(permissions(dir), (0o750, 0, gid), "`{dir}`");
        }
        for set in ["block", "block:nodes", "block:fill", "allow", "ports", "ports:items"] {
            assert_eq!(permissions(Path::new("main/maps").join(set)), (0o660, 0, gid), "{set}");
        }
        for own in ["main/prog", "main/meta", "main/maps/_control", "main/maps/_counters"] {
            let (mode, uid, _) = permissions(own);
            assert_eq!((mode, uid), (0o600, 0), "{own}");
        }
        // It stays so over a replace that makes new maps for a set, and for new sets.
        let text = "set block net\nset more net\nset ports service { max 16 }\ndrop src in block\n\
                    drop src in more\ndrop service in ports\ndefault pass\n";
        lab.palisade_with(&["attach", NEAR, "-p", "/dev/stdin"], text).ok();
        lab.palisade_with(&["import", "--replace", "--set", "block", "-"], "203.0.113.5\n").ok();
        for set in ["block", "block:hosts6", "more", "more:fill", "ports", "ports:hits"] {
            assert_eq!(permissions(Path::new("main/maps").join(set)), (0o660, 0, gid), "{set}");
        }
        for own in ["main/prog", "main/meta", "main/maps/_control", "main/maps/_counters"] {
            assert_eq!(permissions(own).0, 0o600, "{own}");
        }
    });
}

#[test]
fn another_policy_stays_closed_to_the_group_of_the_first() {
    let Some((name, gid)) = group() else { return };
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "--group", name]).ok();
        lab.palisade(&["--policy-name", "second", "attach", "lo"]).ok();
        assert_eq!(permissions("second").0, 0o700);
        assert_eq!(permissions("second/maps/block").0, 0o600);
        open_bpffs();
        let args = ["--policy-name", "second", "add", "203.0.113.5"];
        assert_eq!(ordinary(gid, &args).0, Some(3));
        assert_eq!(ordinary(gid, &["add", "203.0.113.5"]).0, Some(0));
    });
}

#[test]
fn a_member_of_the_group_edits_sets_and_can_do_nothing_else() {
    let Some((name, gid)) = group() else { return };
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "--group", name]).ok();
        open_bpffs();
        let done = |args: &[&str]| {
            let (code, said) = ordinary(gid, args);
            assert_eq!(code, Some(0), "{args:?}: {said}");
            said
        };
        done(&["add", "203.0.113.5", "203.0.113.64/26", "udp/53"]);
        assert!(blocked(lab, "203.0.113.5") && blocked(lab, "203.0.113.65"));
        let list = done(&["list"]);
        assert!(list.contains("203.0.113.64/26") && list.contains("udp/53"), "{list}");
        done(&["get", "203.0.113.5"]);
        done(&["del", "203.0.113.5", "udp/53"]);
        assert!(!blocked(lab, "203.0.113.5") && blocked(lab, "203.0.113.65"));
        done(&["export"]);
        done(&["flush", "--set", "block"]);
        assert!(!blocked(lab, "203.0.113.65"));
        lab.palisade(&["add", "203.0.113.7"]).ok();
        let program = xdp::query(lab.near_index()).expect("asked");
        let forbidden: [&[&str]; 7] = [
            &["mode", "off"],
            &["mode", "shadow"],
            &["attach", NEAR],
            &["attach", "lo"],
            &["detach", NEAR],
            &["detach", "--all"],
            &["attach", NEAR, "--group", "root"],
        ];
        for args in forbidden {
            let (code, said) = ordinary(gid, args);
            assert_eq!(code, Some(3), "{args:?}: {said}");
            assert!(said.contains("EACCES") || said.contains("EPERM"), "{args:?}: {said}");
        }
        assert_eq!(lab.palisade(&["mode"]).ok(), "enforce\n");
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), program);
        assert!(blocked(lab, "203.0.113.7"));
        lab.palisade(&["detach", NEAR]).ok();
    });
}

#[test]
fn a_member_of_the_group_edits_nothing_that_a_trial_may_take_back_unseen() {
    let Some((name, gid)) = group() else { return };
    Lab::run(|lab| {
        let text = "set block net\ndrop src in block\ndefault pass\n";
        lab.palisade_with(&["attach", NEAR, "--group", name, "-p", "-"], text).ok();
        open_bpffs();
        let on_trial = text.replace("default", "count arp\ndefault");
        lab.palisade_with(&["apply", "-", "--confirm", "60s"], &on_trial).ok();
        let (code, said) = ordinary(gid, &["add", "203.0.113.5"]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("on trial") && said.contains("confirmed or rolled back"), "{said}");
        for ends in ["confirm", "rollback"] {
            let (code, said) = ordinary(gid, &[ends]);
            assert_eq!(code, Some(3), "{said}");
            assert!(said.contains("its owner has to end"), "{said}");
            assert!(!said.contains("cut short"), "nothing was: {said}");
        }
        for (settle, address) in [("confirm", "203.0.113.5"), ("rollback", "203.0.113.6")] {
            lab.palisade(&[settle]).ok();
            assert_eq!(ordinary(gid, &["add", address]).0, Some(0), "{settle}");
            assert!(blocked(lab, address));
        }
    });
}

#[test]
fn whoever_is_not_in_the_group_can_do_nothing() {
    let Some((name, gid)) = group() else { return };
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "--group", name]).ok();
        open_bpffs();
        for args in [&["add", "203.0.113.5"][..], &["list"], &["status"], &["mode", "off"]] {
            let (code, said) = ordinary(gid - 1, args);
            assert_eq!(code, Some(3), "{args:?}: {said}");
            assert!(said.contains("EACCES"), "{args:?}: {said}");
            assert!(said.contains("help:"), "{args:?}: {said}");
        }
        assert!(!blocked(lab, "203.0.113.5"));
    });
}

#[test]
fn an_unknown_group_is_the_users_mistake_and_leaves_nothing() {
    Lab::run(|lab| {
        let error = lab.palisade(&["attach", NEAR, "--group", "no-such-group"]).failed(2);
        assert!(error.contains("no group `no-such-group`"), "{error}");
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
        assert!(!Path::new(BPFFS).join("palisade").exists());
    });
}

#[test]
fn a_user_without_rights_is_told_what_is_missing() {
    Lab::run(|lab| {
        for open in [false, true] {
            if open {
                open_bpffs();
            }
            let (code, said) = ordinary(NOBODY, &["attach", NEAR]);
            assert_eq!(code, Some(3), "{said}");
            assert!(said.contains("EACCES") || said.contains("EPERM"), "{said}");
            assert!(said.contains("CAP_BPF") && said.contains("CAP_NET_ADMIN"), "{said}");
            assert!(said.contains("root"), "{said}");
        }
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
        assert!(!Path::new(BPFFS).join("palisade").exists());
    });
}

/// The tool as root with these capabilities alone; nothing where `setpriv` is not installed.
#[track_caller]
fn with_capabilities(lab: &Lab, capabilities: &str, args: &[&str]) -> Option<Command> {
    let there = Command::new("setpriv").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        privilege::skip(&Reason::Tool("setpriv"));
        return None;
    }
    let tool = lab.command(args);
    let mut command = Command::new("setpriv");
    command.arg(format!("--bounding-set=-all,{capabilities}"));
    command.arg(format!("--inh-caps=-all,{capabilities}"));
    command.arg(tool.get_program()).args(tool.get_args()).env_remove("PALISADE_BPFFS");
    // Where a refused program would be described.
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    Some(command)
}

#[test]
fn everything_works_and_counts_the_same_with_the_fewest_capabilities_and_with_perfmon() {
    let mut counts = Vec::new();
    for capabilities in ["+bpf,+net_admin", "+bpf,+net_admin,+perfmon"] {
        Lab::run(|lab| {
            let run = |args: &[&str]| {
                let mut command = with_capabilities(lab, capabilities, args)?;
                let (code, said) = said(&mut command);
                assert_eq!(code, Some(0), "{args:?} with {capabilities}: {said}");
                Some(said)
            };
            if run(&["attach", NEAR]).is_none() {
                return;
            }
            run(&["add", "203.0.113.5", "203.0.113.64/26", "udp/53"]);
            let frames = [("203.0.113.5", 1), ("203.0.113.65", 2), ("203.0.113.9", 53)]
                .map(|(src, port)| (eth() / ipv4().src(src) / udp(4, port) / b"padding").build());
            assert_eq!(lab.through(&frames), [false; 3], "{capabilities}");
            let list = run(&["-j", "list"]).expect("it ran before");
            let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
            let status = run(&["-j", "status"]).expect("it ran before");
            let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
            assert_eq!(status["interfaces"][0]["name"], NEAR);
            let entries = |set: &str| {
                let entries = list["sets"][set]["entries"].as_array().expect("a list").clone();
                let told = ["item", "packets", "bytes"];
                let told = |entry: &serde_json::Value| told.map(|key| entry[key].clone());
                entries.iter().map(told).collect::<Vec<_>>()
            };
            counts.push((["block", "ports"].map(entries), status["verdicts"]["drop"].clone()));
            run(&["stats", "--count", "1", "--interval", "10ms"]);
            run(&["mode", "shadow"]);
            run(&["mode", "enforce"]);
            // A replace of our own program needs its pin and no more.
            let list = std::env::temp_dir().join(format!("palisade-list-{}", std::process::id()));
            fs::write(&list, "203.0.113.5\n").expect("written");
            let path = list.to_str().expect("UTF-8");
            run(&["import", "--replace", "--set", "block", path]);
            fs::remove_file(&list).expect("removed");
            assert_eq!(lab.through(&frames), [false, true, false], "{capabilities}");
            run(&["del", "203.0.113.5"]);
            // So does a trial, which reads the kernel's clock besides.
            let text = "set allow net\nset block net\nset ports service\ndrop src in block\ndefault pass\n";
            let policy = std::env::temp_dir().join(format!("palisade-{}.pal", std::process::id()));
            fs::write(&policy, text).expect("written");
            let path = policy.to_str().expect("UTF-8");
            run(&["apply", path, "--confirm", "60s"]);
            run(&["confirm"]);
            run(&["rollback"]);
            fs::remove_file(&policy).expect("removed");
            run(&["detach", NEAR]);
            assert!(!Path::new(BPFFS).join("palisade").exists());
        });
    }
    if let [fewest, more] = counts.as_slice() {
        assert_eq!(fewest, more);
        assert_eq!(fewest.1["packets"], 3);
        assert_eq!(fewest.1["bytes"], 3 * (14 + 20 + 8 + 7));
    }
}

/// Attaches a policy with the fewest capabilities; how that ended, where `setpriv` is installed.
fn attached_with_the_fewest(lab: &Lab, text: &str) -> Option<(Option<i32>, String)> {
    // Without CAP_PERFMON packets are read by helpers that came together with this one.
    if !need(Feature::BUFF_LEN, Found::from(Release::running() >= Release(5, 18))) {
        return None;
    }
    let args = ["attach", NEAR, "-p", "-"];
    let mut command = with_capabilities(lab, "+bpf,+net_admin", &args)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.code(), String::from_utf8(said).expect("UTF-8")))
}

/// The text of an example.
fn example(name: &str) -> &'static str {
    let found = EXAMPLES.iter().find(|(own, _)| *own == name);
    found.unwrap_or_else(|| panic!("no example `{name}`")).1
}

/// Without CAP_PERFMON headers are copied, changed and put back, which the verifier judges otherwise.
#[test]
fn packets_are_changed_with_the_fewest_capabilities() {
    Lab::run(|lab| {
        let names = lab.udp(5353);
        for name in [
            "icmp-echo",
            "mac-swap",
            "vlan-swap",
            "port-patch",
            "icmp-balancer",
            "ip-tunnel",
            "router",
        ] {
            let Some((code, said)) = attached_with_the_fewest(lab, example(name)) else { return };
            assert_eq!(code, Some(0), "{name}: {said}");
            if name == "port-patch" {
                lab.send(&(eth() / ipv4() / udp(4000, 53) / b"query").build());
                assert!(names.next(Duration::from_secs(5)).is_some(), "its checksum is right");
            }
            lab.palisade(&["detach", NEAR]).ok();
        }
        for text in [
            "rewrite dst 192.0.2.7, src 192.0.2.8, sport 5, dport 53 ip4\ndefault pass\n",
            "rewrite dst 2001:db8::7, src 2001:db8::8, sport 5, dport 53 ip6\ndefault pass\n",
            "balance 2001:db8::7, 2001:db8::8, 2001:db8::9 round-robin\ndefault pass\n",
            "reply icmp6\ndefault pass\n",
        ] {
            let Some((code, said)) = attached_with_the_fewest(lab, text) else { return };
            assert_eq!(code, Some(0), "{text}: {said}");
            lab.palisade(&["detach", NEAR]).ok();
        }
    });
}

/// The same place of the stack holds one key after the other, of which some kernels let nothing be
/// changed in part.
#[test]
fn keys_are_made_one_after_the_other_with_the_fewest_capabilities() {
    let flows = "limit 1000/s per flow udp\nlimit 100/s per flow tcp\nlimit 10/s per flow\n\
                 default pass\n";
    let prefixes = "set banned host\nset known host\nset block net\ndrop src in banned\n\
                    drop dst in known\nlimit 1000/s per src/24/64 udp\nlimit 10/s per dst icmp\n\
                    limit 100/s per src ban 1h set banned tcp\ndrop src in block\n\
                    route ttl > 9 src in known\ndefault pass\n";
    let one_family = |family: &str| {
        format!(
            "limit 100/s per flow {family} udp dport 53\nlimit 9/s per src {family} tcp\n\
             limit 8/s per flow {family} src in known\nroute {family}\nset known host\n\
             default pass\n"
        )
    };
    let (ip4, ip6) = (one_family("ip4"), one_family("ip6"));
    Lab::run(|lab| {
        let texts = [example("ban"), example("rate-limit"), flows, prefixes, &ip4, &ip6];
        for text in texts {
            let Some((code, said)) = attached_with_the_fewest(lab, text) else { return };
            assert_eq!(code, Some(0), "{text}\n{said}");
            lab.palisade(&["detach", NEAR]).ok();
        }
    });
}

#[test]
fn a_capability_that_is_missing_is_named_and_nothing_is_left() {
    Lab::run(|lab| {
        for (capabilities, missing) in [("+net_admin", "CAP_BPF"), ("+bpf", "CAP_NET_ADMIN")] {
            let Some(mut command) = with_capabilities(lab, capabilities, &["attach", NEAR]) else {
                return;
            };
            let (code, said) = said(&mut command);
            assert_eq!(code, Some(3), "{capabilities}: {said}");
            assert!(said.contains(missing), "{capabilities}: {said}");
            assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
            assert!(!Path::new(BPFFS).join("palisade").exists(), "{capabilities}");
        }
    });
}

#[test]
fn a_strangers_program_is_taken_over_only_by_who_may_open_it() {
    let Some(kernel) = privilege::Kernel::or_skip() else { return };
    Lab::run(|lab| {
        let engine = palisade_tests::engine::Engine::load(&kernel, "default pass\n", kernel.best());
        xdp::attach(lab.near_index(), engine.program(), xdp::Mode::Native, xdp::Expect::Empty)
            .expect("attached");
        let before = xdp::query(lab.near_index()).expect("asked");
        let args = ["attach", NEAR, "--take-over"];
        let Some(mut command) = with_capabilities(lab, "+bpf,+net_admin,+perfmon", &args) else {
            return;
        };
        let (code, said) = said(&mut command);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("CAP_SYS_ADMIN"), "{said}");
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), before);
    });
}
