//! The gate of `palisade_tests::leak` catches what a test leaves behind, each kind of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::Duration;

use palisade_loader::netns::NetNs;
use palisade_loader::{MapHandle, PinDir, Program, xdp};
use palisade_tests::engine::Engine;
use palisade_tests::lab::{BPFFS, Lab};
use palisade_tests::leak::{self, machine};
use palisade_tests::privilege::Kernel;

const POLICY: &str = "set block net\ndrop src in block\ndefault pass\n";

/// What the gate says of a test, which must fail by it.
#[track_caller]
fn caught(test: impl FnOnce()) -> String {
    leak::wait_at_most(Duration::from_secs(2));
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("the gate lets it through");
    said(&*panic)
}

fn said(panic: &dyn Any) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    owned
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

#[test]
fn a_program_that_outlives_its_engine_is_caught_with_its_maps() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let engine = Engine::load(&kernel, POLICY, kernel.best());
    let kept = engine.program().try_clone().expect("a descriptor");
    let id = kept.info().expect("told").id;
    let said = caught(|| drop(engine));
    assert!(said.contains(&format!("program {id} `palisade_test`")), "{said}");
    assert!(said.contains("map "), "a program keeps its maps: {said}");
    drop(kept);
}

#[test]
fn a_program_that_outlives_the_lab_it_was_attached_in_is_caught() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let kept: Mutex<Option<Program>> = Mutex::default();
    let said = caught(|| {
        Lab::run(|lab| {
            let engine = Engine::load(&kernel, POLICY, kernel.best());
            let index = lab.near_index();
            xdp::attach(index, engine.program(), xdp::Mode::Generic, xdp::Expect::Empty)
                .expect("attached");
            *kept.lock().expect("ours") = engine.program().try_clone().ok();
        });
    });
    assert!(said.contains("`palisade_test`"), "{said}");
}

#[test]
fn a_map_of_the_tool_that_somebody_keeps_is_caught() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let kept: Mutex<Option<MapHandle>> = Mutex::default();
    let said = caught(|| {
        Lab::run(|lab| {
            lab.palisade(&["attach", palisade_tests::lab::NEAR]).ok();
            let root = PinDir::open_root(BPFFS.as_ref()).expect("a bpffs");
            let down = |dir: PinDir, name| dir.subdir(name).expect("ours").expect("there");
            let maps = down(down(down(root, "palisade"), "main"), "maps");
            let name = maps.names().expect("names").remove(0);
            *kept.lock().expect("ours") = MapHandle::open(&maps, &name).ok();
        });
    });
    assert!(said.contains("leaves behind: map "), "{said}");
}

#[test]
fn a_process_that_stays_in_a_lab_is_caught() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let child: Mutex<Option<Child>> = Mutex::default();
    let said = caught(|| {
        Lab::run(|_| {
            *child.lock().expect("ours") = Command::new("sleep").arg("120").spawn().ok();
        });
    });
    let mut child = child.lock().expect("ours").take().expect("it was started");
    assert!(said.contains(&format!("process {} `sleep`", child.id())), "{said}");
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
}

#[test]
fn a_descriptor_that_keeps_a_namespace_is_caught() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let kept: Mutex<Option<NetNs>> = Mutex::default();
    let said = caught(|| {
        Lab::run(|_| *kept.lock().expect("ours") = NetNs::current().ok());
    });
    assert!(said.contains("descriptor ") && said.contains(" of net:["), "{said}");
}

#[test]
fn a_failure_of_the_test_itself_is_told_first() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let said = caught(|| Lab::run(|_| panic!("on purpose")));
    assert_eq!(said, "on purpose");
}

#[test]
fn what_a_run_leaves_in_the_kernel_is_new_on_the_machine() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let before = machine::now().expect("the kernel tells");
    let engine = Engine::load(&kernel, POLICY, kernel.best());
    let id = engine.program().info().expect("told").id;
    let program = format!("program {id}");
    let during = machine::now().expect("the kernel tells");
    assert!(!before.contains(&program) && during.contains(&program), "{during:?}");
    let maps = during.difference(&before).filter(|line| line.starts_with("map ")).count();
    assert!(maps >= 6, "{maps} maps are new");
    drop(engine);
    assert!(!machine::now().expect("the kernel tells").contains(&program));
}
