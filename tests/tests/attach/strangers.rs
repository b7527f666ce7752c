//! Programs of somebody else: left alone, or taken over when it is asked for, and put back when that fails.

use palisade_loader::xdp;
use palisade_tests::engine::Engine;
use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::privilege::Kernel;
use serde_json::json;

use crate::{attached, pins, status, stranger};

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
