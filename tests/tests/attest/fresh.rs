//! What is in force attests, however it came to be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use palisade_filter::parse;
use palisade_loader::Gid;
use palisade_tests::examples::names;
use palisade_tests::lab::{BPFFS, Lab, NEAR, Output, binary};
use palisade_tests::nobody;
use palisade_tests::privilege::{Reason, skip};

use super::{Attested, attach, attest, attest_with, status};

const OLD: &str = "set s net { max 16 }\ndrop src in s\ndrop udp dport 1001\ndefault pass\n";
const NEW: &str = "set s net { max 16 }\ndrop src in s\ndrop udp dport 1002\ndefault pass\n";

#[test]
fn the_built_in_policy_and_every_example_attest_when_they_are_attached() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        attest(lab).is_whole();
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        for name in names() {
            lab.palisade(&["detach", "--all"]).ok();
            let path = examples.join(format!("{name}.pal"));
            let path = path.to_str().expect("UTF-8");
            let text = fs::read_to_string(path).expect("an example");
            for device in parse(&text).expect("a policy").outlets() {
                lab.wire(device.as_str(), &format!("far-{device}"));
            }
            lab.palisade(&["attach", NEAR, "--force", "-p", path]).ok();
            let attested = attest(lab);
            attested.is_whole();
            assert_eq!(attested.document["program"]["tag"], status(lab)["program"]["tag"]);
            assert_eq!(attested.check("instructions")["ok"], true, "{name}: {attested}");
        }
    });
}

#[test]
fn what_sets_hold_the_mode_and_a_new_interface_change_nothing() {
    Lab::run(|lab| {
        attach(lab, OLD);
        lab.palisade(&["add", "--set", "s", "203.0.113.5", "2001:db8::/48"]).ok();
        lab.palisade(&["attach", "lo"]).ok();
        let attested = attest(lab);
        attested.is_whole();
        let both = attested.answered(Some(true));
        for interface in [format!("interface {NEAR}"), "interface lo".to_owned()] {
            assert!(both.contains(&interface), "{attested}");
        }
        attest_with(lab, &["lo"]).is_whole();
        lab.palisade(&["mode", "off"]).ok();
        let attested = attest(lab);
        attested.is_whole();
        assert_eq!(attested.document["mode"], "off");
        assert!(lab.palisade(&["attest"]).ok().contains("NOTHING IS DROPPED"));
        lab.palisade_with(&["import", "--replace", "--set", "s", "-"], "203.0.113.9\n").ok();
        attest(lab).is_whole();
    });
}

#[test]
fn a_policy_attests_on_trial_and_after_it_however_that_ends() {
    Lab::run(|lab| {
        attach(lab, OLD);
        lab.palisade_with(&["apply", "-"], NEW).ok();
        attest(lab).is_whole();
        lab.palisade_with(&["apply", "-", "--confirm", "60s"], OLD).ok();
        let attested = attest(lab);
        attested.is_whole();
        assert_eq!(attested.document["compiled"]["tenure"], "on trial");
        assert_eq!(attested.check("way back from the trial")["ok"], true);
        lab.palisade(&["confirm"]).ok();
        let attested = attest(lab);
        attested.is_whole();
        assert_eq!(attested.document["compiled"]["tenure"], "standing");
        lab.palisade(&["rollback"]).ok();
        attest(lab).is_whole();
        // Past the deadline the program of the trial hands on; until somebody writes, it is there.
        lab.palisade_with(&["apply", "-", "--confirm", "1s"], OLD).ok();
        sleep(Duration::from_millis(1300));
        let attested = attest(lab);
        assert_eq!(attested.code, Some(3), "{attested}");
        assert_eq!(attested.answered(None), [format!("interface {NEAR}")], "{attested}");
        assert!(attested.document["attested"].is_null());
        lab.palisade(&["add", "--set", "s", "203.0.113.7"]).ok();
        attest(lab).is_whole();
    });
}

#[test]
fn an_interface_without_the_policy_is_a_no_and_one_that_is_not_there_a_mistake() {
    Lab::run(|lab| {
        lab.palisade(&["attest"]).failed(2);
        attach(lab, OLD);
        attest_with(lab, &["lo"]).differs_in(&["interface lo"]);
        lab.palisade(&["attest", "nosuch0"]).failed(2);
        lab.palisade(&["attest", "--policy-name", "other"]).failed(2);
        lab.palisade(&["detach", NEAR, "--keep"]).ok();
        attest(lab).differs_in(&["interfaces"]);
    });
}

#[test]
fn what_may_not_be_read_is_said_to_be_so() {
    Lab::run(|lab| {
        attach(lab, OLD);
        let output = nobody::palisade(&["attest"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("cannot open") && said.contains("EACCES"), "{said}");
    });
}

#[test]
fn a_group_that_may_edit_sets_learns_what_it_may_not_see() {
    Lab::run(|lab| {
        let Ok(Some(Gid(gid))) = Gid::by_name("daemon") else {
            return skip(&Reason::Machine { name: "group", said: "no `daemon`".to_owned() });
        };
        lab.palisade_with(&["attach", NEAR, "-p", "-", "--group", "daemon"], OLD).ok();
        attest(lab).is_whole();
        // As `mount -t bpf` leaves it unless told otherwise.
        fs::set_permissions(BPFFS, fs::Permissions::from_mode(0o755)).expect("the lab's own");
        let mut command = nobody::palisade(&["-j", "attest"]);
        let output = command.gid(gid).current_dir("/").output().expect("it runs");
        let attested = Attested::of(Output {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        });
        assert_eq!(attested.code, Some(3), "{attested}");
        assert_eq!(attested.answered(Some(false)), Vec::<String>::new(), "{attested}");
        assert_eq!(attested.answered(None)[..2], ["meta", "program"], "{attested}");
        assert!(attested.stderr.contains("cannot be told"), "{attested}");
    });
}

#[test]
fn who_attests_may_have_other_capabilities_than_who_attached() {
    if Command::new("setpriv").arg("--version").output().is_err() {
        return skip(&Reason::Tool("setpriv"));
    }
    Lab::run(|lab| {
        let bounded = |capabilities: &str, args: &[&str]| {
            let mut command = Command::new("setpriv");
            command.arg(format!("--bounding-set=-all{capabilities}"));
            command.arg(format!("--inh-caps=-all{capabilities}"));
            command.arg(binary()).args(args).env_remove("PALISADE_BPFFS");
            let output = command.output().expect("it runs");
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
            let (stdout, stderr) = (text(output.stdout), text(output.stderr));
            Output { code: output.status.code(), stdout, stderr }
        };
        let (few, attest_here) = (",+bpf,+net_admin", ["-j", "attest"]);
        bounded(few, &["attach", NEAR]).ok();
        let attested = attest(lab);
        attested.is_whole();
        assert_eq!(attested.document["compiled"]["access"], "helpers");
        Attested::of(bounded(few, &attest_here)).is_whole();
        lab.palisade(&["detach", "--all"]).ok();
        lab.palisade(&["attach", NEAR]).ok();
        let attested = Attested::of(bounded(few, &attest_here));
        attested.is_whole();
        assert_eq!(attested.document["compiled"]["access"], "pointers");
        // Who may not load programs cannot ask how tags are made; either way is proof.
        let attested = Attested::of(bounded("", &attest_here));
        attested.is_whole();
        assert_eq!(attested.answered(None), ["instructions"], "{attested}");
        assert!(bounded("", &["attest"]).ok().contains("as far as it shows"));
    });
}

#[test]
fn the_lines_say_what_was_compared_and_with_what_result() {
    Lab::run(|lab| {
        attach(lab, OLD);
        let said = lab.palisade(&["attest"]).ok();
        let tag = status(lab)["program"]["tag"].as_str().expect("a tag").to_owned();
        for line in ["meta", "text", "instructions", "map s:nodes", "map _counters", "interface"] {
            let begins = format!("ok  {line}");
            assert!(said.lines().any(|said| said.starts_with(&begins)), "{line}: {said}");
        }
        assert!(said.contains(&tag) && said.contains("attested: "), "{said}");
        assert_eq!(lab.palisade(&["-q", "attest"]).ok(), "");
    });
}
