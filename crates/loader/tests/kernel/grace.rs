//! After the wait no program runs that ran before it: none has the old value in its hands.

use std::sync::atomic::{AtomicBool, Ordering};

use palisade_asm::{Assembler, AtomicOp, Cond, MapId, R0, R1, R6, R7, R8, Size};
use palisade_loader::{Mapped, Waited, wait_for_running_programs};

use crate::ground::kernel;
use crate::mapped::{array, created, program, run};

/// Reads which of two counts is meant, dawdles, and adds to that one.
fn dawdle(a: &mut Assembler, maps: &[MapId]) {
    let (again, first) = (a.label("again"), a.label("first"));
    a.load_map_value(R1, maps[0], 0).load(Size::D, R6, R1 + 0).mov(R8, 0);
    a.place(again);
    a.add(R8, 1).jump_if(R8, Cond::Ne, 20_000, again);
    a.load_map_value(R7, maps[1], 0).mov(R8, 1).jump_if(R6, Cond::Eq, 0, first);
    a.add(R7, 8);
    a.place(first);
    a.atomic(AtomicOp::Add, Size::D, R7 + 0, R8).mov(R0, 1).exit();
}

#[test]
fn after_the_wait_no_program_goes_on_with_what_it_read_before() {
    kernel(|_| {
        let (which, counts) = (array("which", 1, 1), array("counts", 2, 1));
        let (which_map, counts_map) = (created(&which), created(&counts));
        let program = program(&[(&which, &which_map), (&counts, &counts_map)], dawdle);
        let which = Mapped::edit(&which_map).expect("a view");
        let counts = Mapped::read(&counts_map).expect("a view");
        let [first, second] = counts.words() else { panic!("{} words", counts.len()) };

        let stop = AtomicBool::new(false);
        let late = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    run(&program, 1);
                }
            });
            let mut late = 0;
            for round in 0..40u64 {
                let (now, before) = if round % 2 == 0 { (1, first) } else { (0, second) };
                which.words()[0].store(now);
                wait_for_running_programs();
                let settled = before.load();
                // Long enough for one that was put aside to go on.
                std::thread::sleep(std::time::Duration::from_millis(5));
                late += before.load() - settled;
            }
            stop.store(true, Ordering::Relaxed);
            late
        });
        assert_eq!(late, 0, "of {} and {}", first.load(), second.load());
        assert!(first.load() > 0 && second.load() > 0, "the program ran throughout");
    });
}

#[test]
fn the_wait_says_whether_the_kernel_gave_its_word() {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/online").expect("a list");
    let waited = wait_for_running_programs();
    if list.trim() == "0" {
        assert_eq!(waited, Waited::Slept, "a kernel with one CPU waits for nothing");
    }
}
