//! `doctor`: every finding, each shortcoming with the command that mends it.

use nix::mount::{MntFlags, umount2};
use palisade_loader::netns::VethOptions;
use palisade_loader::xdp::{self, Expect, Mode};
use palisade_tests::engine::Engine;
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::nobody;
use palisade_tests::privilege::Kernel;
use serde_json::Value;

use super::finish;

/// The findings of `doctor` about a subject.
fn findings(told: &Value, subject: &str) -> Vec<(String, String, Option<String>)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().map(str::to_owned);
    let all = told["findings"].as_array().expect("findings");
    all.iter()
        .filter(|finding| finding["subject"].as_str().is_some_and(|s| s.starts_with(subject)))
        .map(|f| {
            (text(f, "grade").expect("a grade"), text(f, "text").expect("a text"), text(f, "mend"))
        })
        .collect()
}

#[test]
fn doctor_tells_of_all_that_the_filter_needs() {
    Lab::run(|lab| {
        let told = lab.palisade(&["-j", "doctor"]).json();
        for subject in ["capabilities", "JIT", "bpffs", "memory limit", "kernel"] {
            let found = findings(&told, subject);
            assert_eq!(found.len(), 1, "{subject}: {told}");
            assert_eq!(found[0].0, "ok", "{subject}: {told}");
        }
        assert!(findings(&told, "capabilities")[0].1.contains("CAP_BPF, CAP_NET_ADMIN"));
        assert!(findings(&told, "bpffs")[0].1.contains("mounted"));
        // A veth takes tags off; that it does so is one of the findings, with its command.
        let near = findings(&told, NEAR);
        assert!(near.iter().any(|(_, text, _)| text.contains("no XDP program")), "{near:?}");
        let vlan = near.iter().find(|(_, text, _)| text.contains("rx-vlan-offload is on"));
        let (grade, _, mend) = vlan.expect("a veth has it on");
        assert_eq!(
            (grade.as_str(), mend.as_deref()),
            ("mind", Some("ethtool -K pal0 rx-vlan-offload off"))
        );
        for finding in told["findings"].as_array().expect("findings") {
            assert!(finding["grade"] == "ok" || finding["mend"].is_string(), "{finding}");
        }
        let text = lab.palisade(&["doctor", NEAR]).ok();
        assert!(text.contains("mend it: ethtool -K pal0 rx-vlan-offload off"), "{text}");
        assert!(!text.contains("lo:"), "{text}");
        lab.palisade(&["doctor", "nope"]).failed(2);

        lab.filter();
        let near = findings(&lab.palisade(&["-j", "doctor"]).json(), NEAR);
        assert!(near.iter().any(|(g, text, _)| g == "ok" && text.contains("native mode active")));
    });
}

#[test]
fn doctor_tells_that_no_bpffs_is_mounted_and_how_to_mount_it() {
    Lab::run(|lab| {
        umount2(BPFFS, MntFlags::MNT_DETACH).expect("the lab has mounted one");
        // What lies below is the host's, if it has one at all.
        let empty = env!("CARGO_TARGET_TMPDIR");
        let output = lab.palisade(&["-j", "--bpffs", empty, "doctor"]);
        let told: Value = serde_json::from_str(&output.stdout).expect("JSON beside the answer no");
        let (grade, _, mend) = &findings(&told, "bpffs")[0];
        assert_eq!(
            (grade.as_str(), mend.clone()),
            ("bad", Some(format!("mount -t bpf bpf {empty}")))
        );
        output.failed(1);
        let output = lab.palisade(&["--bpffs", "/no/such/dir", "doctor"]);
        assert!(output.stdout.contains("mkdir -p /no/such/dir && mount -t bpf bpf /no/such/dir"));
        output.failed(1);
        let said = lab.palisade(&["--bpffs", empty, "attach", NEAR]).failed(3);
        assert!(said.contains(&format!("mount -t bpf bpf {empty}")), "{said}");
    });
}

#[test]
fn doctor_tells_of_large_mtus_generic_mode_and_strangers() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let options = VethOptions { mtu: 9000, ..VethOptions::default() };
    Lab::run_with(options, |lab| {
        let near = || findings(&lab.palisade(&["-j", "doctor", NEAR]).json(), NEAR);
        let has = |found: &[(String, String, Option<String>)], text: &str, mend: &str| {
            let finding = found.iter().find(|(_, said, _)| said.contains(text));
            let (grade, _, command) = finding.unwrap_or_else(|| panic!("`{text}` in {found:?}"));
            assert_eq!(grade, "mind");
            assert!(command.as_ref().is_some_and(|c| c.contains(mend)), "`{mend}` in {found:?}");
        };
        has(&near(), "MTU 9000", "ip link set pal0 mtu ");

        lab.palisade(&["attach", "--mode", "generic", NEAR]).ok();
        has(&near(), "generic mode", "palisade attach --mode native pal0");
        lab.palisade(&["detach", NEAR]).ok();

        lab.palisade(&["attach", "--mode", "native", NEAR]).ok();
        let texts: Vec<String> = near().into_iter().map(|(_, text, _)| text).collect();
        assert!(texts.iter().any(|text| text.contains("native mode active")), "{texts:?}");
        assert!(!texts.iter().any(|text| text.contains("MTU")), "it works as it is: {texts:?}");
        lab.palisade(&["detach", NEAR]).ok();

        let engine = Engine::load(&kernel, "default pass\n", kernel.best());
        xdp::attach(lab.near_index(), engine.program(), Mode::Generic, Expect::Empty)
            .expect("attached");
        has(&near(), "not of a policy here", "--take-over");
        let said = lab.palisade(&["status", NEAR]).failed(2);
        assert!(said.contains("found:") && said.contains("generic mode"), "{said}");
    });
}

#[test]
fn doctor_tells_an_ordinary_user_what_is_missing() {
    let output = finish(&mut nobody::palisade(&["-j", "doctor"]));
    let told: Value = serde_json::from_str(&output.stdout).expect("JSON beside the answer no");
    let (grade, text, mend) = &findings(&told, "capabilities")[0];
    assert_eq!(grade, "bad");
    assert!(text.contains("CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON missing"), "{text}");
    assert!(mend.as_ref().is_some_and(|mend| mend.contains("sudo")), "{mend:?}");
    let (grade, text, _) = &findings(&told, "kernel")[0];
    assert_eq!(grade, "unknown", "{text}");
    assert!(text.contains("EPERM"), "who was not allowed to ask does not know: {text}");
    output.failed(1);
}
