//! Names: whose they are, and that no command takes an object for a policy or the other way round.

use std::fs;

use palisade_asm::{MapDecl, MapFlags, MapKind};
use palisade_loader::{Map, MapHandle, xdp};
use palisade_tests::lab::{BPFFS, FAR, Lab, NEAR};

use super::{compiled, pins};

const NO_POLICY: &str = "`lb` is a loaded object, not a policy";

#[test]
fn every_command_that_needs_a_policy_says_that_it_is_an_object() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        lab.palisade(&["load", object.path(), NEAR, "--name", "lb"]).ok();
        let file = format!("{}.pal", object.path());
        fs::write(&file, "drop udp dport 7\ndefault pass\n").expect("written");
        let commands: [&[&str]; 17] = [
            &["add", "192.0.2.1"],
            &["del", "192.0.2.1"],
            &["get", "192.0.2.1"],
            &["list"],
            &["flush"],
            &["import", "-"],
            &["export"],
            &["stats", "--count", "1"],
            &["mode"],
            &["mode", "off"],
            &["dump"],
            &["attest"],
            &["confirm"],
            &["rollback"],
            &["apply", &file],
            &["diff", &file],
            &["attach", NEAR, "--take-over"],
        ];
        for command in commands {
            let args = [&["--policy-name", "lb"], command].concat();
            let error = lab.palisade(&args).failed(2);
            assert!(error.contains(NO_POLICY), "{command:?}: {error}");
        }
        let on = xdp::query(lab.near_index()).expect("asked").expect("it is there still");
        let status = lab.palisade(&["-j", "status", NEAR]).json();
        assert_eq!(status["program"]["id"], on.program_id);
    });
}

#[test]
fn a_name_is_taken_once() {
    let (Some(whole), Some(other)) = (compiled("whole.c", &[]), compiled("stats.c", &[])) else {
        return;
    };
    Lab::run(|lab| {
        lab.palisade(&["attach", "lo"]).ok();
        let error = lab.palisade(&["load", whole.path(), NEAR, "--name", "main"]).failed(2);
        assert!(error.contains("the name `main` is taken by a policy"), "{error}");
        lab.palisade(&["load", whole.path(), NEAR, "--name", "lb"]).ok();
        let load = ["load", other.path(), NEAR, "--section", "xdp_drop_func", "--name", "lb"];
        let error = lab.palisade(&load).failed(2);
        assert!(error.contains("the name `lb` is taken by another loaded object"), "{error}");
        assert!(error.contains("whole.o") && error.contains("detach --all"), "{error}");
        let load = ["--policy-name", "x", "load", whole.path(), NEAR, "--name", "lb"];
        let error = lab.palisade(&load).failed(2);
        assert!(error.contains("contradict each other"), "{error}");

        // The policy beside it is as it was.
        lab.palisade(&["add", "192.0.2.9"]).ok();
        let status = lab.palisade(&["-j", "status"]).json();
        assert_eq!(
            (&status["policy"], &status["sets"]["block"]["entries"]),
            (&"main".into(), &1.into())
        );
        assert_eq!(status["objects"][0]["policy"], "lb");
        assert_eq!(status["interfaces"][0]["name"], "lo");
        let text = lab.palisade(&["status"]).ok();
        assert!(text.contains(&format!("  lb (whole.o), attached to {NEAR}")), "{text}");
    });
}

#[test]
fn a_file_gives_a_name_that_it_can_have() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        for (file, name) in [("XDP_Filter.v2.o", "xdp_filter-v2"), ("7-of-9.bpf.o", "of-9-bpf")] {
            let path = object.0.with_file_name(file);
            fs::copy(&object.0, &path).expect("copied");
            lab.palisade(&["load", path.to_str().expect("UTF-8"), NEAR]).ok();
            let status = lab.palisade(&["-j", "status", NEAR]).json();
            assert_eq!(
                (&status["policy"], &status["object"]["file"]),
                (&name.into(), &file.into())
            );
            lab.palisade(&["detach", NEAR]).ok();
        }
        let path = object.0.with_file_name("123.o");
        fs::copy(&object.0, &path).expect("copied");
        let error = lab.palisade(&["load", path.to_str().expect("UTF-8"), NEAR]).failed(2);
        assert!(error.contains("gives the object no name") && error.contains("--name"), "{error}");
    });
}

#[test]
fn a_program_of_somebody_else_is_replaced_only_where_that_is_said() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let error = lab.palisade(&["load", object.path(), NEAR]).failed(3);
        assert!(error.contains("somebody else") && error.contains("--take-over"), "{error}");
        let home = fs::read_dir(format!("{BPFFS}/palisade")).expect("a policy").count();
        assert_eq!(home, 1, "what was refused leaves no pins");
        lab.palisade(&["load", object.path(), NEAR, "--take-over"]).ok();
        let error = lab.palisade(&["attach", NEAR]).failed(3);
        assert!(error.contains("somebody else"), "{error}");
        let doctor = lab.palisade(&["doctor", NEAR]).stdout;
        assert!(doctor.contains("carries a program that is not of a policy here"), "{doctor}");
        lab.palisade(&["detach", NEAR]).ok();
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
    });
}

#[test]
fn an_object_stays_where_a_policy_of_another_name_is_to_leave() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        lab.palisade(&["load", object.path(), NEAR, "--name", "lb"]).ok();
        let error = lab.palisade(&["--policy-name", "edge", "detach", NEAR]).failed(2);
        assert!(error.contains("no policy `edge` is in force"), "{error}");
        lab.palisade(&["--policy-name", "edge", "status", NEAR]).failed(2);
        assert!(xdp::query(lab.near_index()).expect("asked").is_some(), "it is there still");
        lab.palisade(&["attach", "lo", "--policy-name", "edge"]).ok();
        let error = lab.palisade(&["--policy-name", "edge", "detach", NEAR]).failed(3);
        assert!(error.contains("not of this policy"), "{error}");
        lab.palisade(&["detach", NEAR]).ok();
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
    });
}

#[test]
fn an_object_goes_to_no_interface_of_another_network_namespace() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        lab.palisade(&["load", object.path(), NEAR, "--name", "lb"]).ok();
        lab.in_far(|| {
            let elsewhere = "the object `lb` belongs to another network namespace";
            for command in [&["load", object.path(), FAR, "--name", "lb"][..], &["detach", "--all"]]
            {
                let args = [&["--policy-name", "lb"], command].concat();
                let error = lab.palisade(&args).failed(3);
                assert!(error.contains(elsewhere), "{command:?}: {error}");
            }
            let text = lab.palisade(&["status"]).ok();
            assert!(text.contains(elsewhere) && !text.contains("nowhere"), "{text}");
            assert_eq!(xdp::query(lab.far_index()).expect("asked"), None);
        });
        assert!(xdp::query(lab.near_index()).expect("asked").is_some(), "it is there still");
    });
}

#[test]
fn an_object_that_cannot_be_read_is_no_hindrance_to_a_policy() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        lab.palisade(&["load", object.path(), NEAR, "--name", "lb"]).ok();
        lab.palisade(&["attach", "lo"]).ok();
        // As a version to come would write it: the magic, and another number behind it.
        let told: Map<u32, [u8; 512]> =
            Map::new(MapHandle::open(&pins("lb"), "meta").expect("it is pinned")).expect("chunks");
        let mut chunk = told.get(&0).expect("read").expect("there is one");
        chunk[8] ^= 0xff;
        let decl = MapDecl {
            name: "meta".into(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 512,
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        let newer = MapHandle::create(&decl).expect("a map");
        newer.fill(&[(vec![0; 4], chunk.to_vec())]).expect("filled");
        newer.freeze().expect("frozen");
        pins("lb").unlink("meta").expect("unlinked");
        newer.pin(&pins("lb"), "meta").expect("pinned");
        let error = lab.palisade(&["--policy-name", "lb", "status"]).failed(3);
        assert!(error.contains("is not written by this version"), "{error}");
        assert_eq!(lab.palisade(&["-j", "status"]).json()["interfaces"][0]["name"], "lo");
        lab.palisade(&["detach", "lo"]).ok();
    });
}

#[test]
fn a_load_that_was_cut_short_is_told_of_and_can_be_done_again_or_undone() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        for again in [true, false] {
            lab.palisade(&["load", object.path(), NEAR, "--name", "lb"]).ok();
            // As a kill between the pins of the maps and of the program leaves it.
            let on = xdp::query(lab.near_index()).expect("asked").expect("a program");
            let program = palisade_loader::Program::open(&pins("lb"), "prog").expect("a program");
            xdp::detach(lab.near_index(), on.mode, xdp::Expect::program(&program))
                .expect("detached");
            pins("lb").unlink("prog").expect("unlinked");
            let text = lab.palisade(&["status"]).ok();
            assert!(text.contains("its load was cut short"), "{text}");
            let error = lab.palisade(&["--policy-name", "lb", "list"]).failed(2);
            assert!(error.contains(NO_POLICY), "{error}");
            if again {
                lab.palisade(&["load", object.path(), NEAR, "--name", "lb"]).ok();
            }
            lab.palisade(&["--policy-name", "lb", "detach", "--all"]).ok();
            assert!(fs::read_dir(format!("{BPFFS}/palisade")).is_err(), "nothing is left");
        }
    });
}
