//! Sound objects that ask for what is not to be had.

use std::io;

use palisade_loader::foreign::{self, KernelTypes};
use palisade_tests::lab::{BPFFS, Lab, NEAR};

use super::{compiled, read};

/// Why an object with one map is refused.
fn refusal(more: &[&str]) -> Option<String> {
    let object = compiled("maps.c", more)?;
    Some(read(&object.bytes(), None).expect_err("refused").to_string())
}

#[test]
fn maps_that_are_not_made_here_are_refused_by_name() {
    for (more, want) in [
        (&["-DKIND=STACK_TRACE", "-DMOST=2"][..], "map `one` is of kind 7, which is not supported"),
        (&["-DKIND=77", "-DMOST=2"], "map `one` is of kind 77, which is not supported"),
        (
            &["-DKIND=ARRAY_OF_MAPS", "-DINNER"],
            "map `one` holds other maps, which have to be made for it, which is not supported",
        ),
        (
            &["-DKIND=BLOOM_FILTER", "-DMOST=2", "-DEXTRA=3"],
            "map `one` has a setting besides its flags, which is not supported",
        ),
    ] {
        let Some(refused) = refusal(more) else { return };
        assert_eq!(refused, want);
    }
}

#[test]
fn what_the_object_does_not_define_is_named() {
    let Some(refused) = refusal(&["-DKIND=ARRAY", "-DMOST=2", "-DKFUNC"]) else { return };
    assert!(
        refused.starts_with("xdp refers to `the_kernels_own`, which the object does not"),
        "{refused}"
    );
}

#[test]
fn objects_for_other_machines_are_refused() {
    let order = if cfg!(target_endian = "little") { "bpfeb" } else { "bpfel" };
    for (target, want) in [
        ("x86_64", "this is no object file: it is for another machine than eBPF"),
        ("i386", "this is no object file: it is a 32-bit ELF file, and eBPF is of 64 bits"),
        (order, "-endian machines, and this one is not"),
    ] {
        let more = ["-target", target, "-DKIND=ARRAY", "-DMOST=2"];
        let Some(refused) = refusal(&more) else { return };
        assert!(refused.contains(want), "{target}: {refused}");
    }
}

#[test]
fn places_that_only_the_kernel_tells_need_the_kernels_types() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    let missing = || Err(io::Error::from(io::ErrorKind::NotFound));
    let error =
        foreign::read(&object.bytes(), None, KernelTypes::In(&missing)).expect_err("refused");
    assert!(error.to_string().contains("only the kernel's type information tells"), "{error}");
    // A program that depends on nothing of the kernel asks for nothing.
    let Some(object) = compiled("stats.c", &[]) else { return };
    foreign::read(&object.bytes(), Some("xdp.frags"), KernelTypes::In(&missing)).expect("read");
}

#[test]
fn a_refusal_of_the_verifier_names_the_line_of_the_source_and_leaves_nothing() {
    let Some(object) = compiled("bad.c", &[]) else { return };
    Lab::run(|lab| {
        let error = lab.palisade(&["load", object.path(), NEAR]).failed(3);
        assert!(error.contains("the kernel refused program `reads_too_far`: EACCES"), "{error}");
        // Its words are shown, and do not reach the terminal as commands.
        let line = "return data[100]; // \u{fffd}[31mred";
        assert!(error.contains(&format!("(line 8: {line})")), "{error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
        assert!(!error.contains("as root"), "no capability would help: {error}");
        assert!(error.contains("invalid access to packet"), "{error}");
        assert!(std::fs::read_dir(format!("{BPFFS}/palisade")).is_err(), "nothing is left");
    });
}
