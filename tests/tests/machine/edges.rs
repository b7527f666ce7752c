//! What chance does not bring: functions, the limits of moving a packet, frames in several
//! buffers, redirects; each put to both.

use palisade_asm::{
    Assembler, Cond, FP, Helper, MapDecl, MapFlags, MapKind, Program, R0, R1, R2, R3, R4, R6, R7,
    Size,
};
use palisade_loader::{Buffers, LoadOptions, MapHandle, Program as Loaded, TestRun, TestRunResult};
use palisade_tests::privilege::{Feature, Found, Kernel, need};

use crate::both::Both;

fn built(build: impl FnOnce(&mut Assembler)) -> Program {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

/// Builds a program and runs it on a frame in both.
#[track_caller]
fn agreed(
    kernel: &Kernel,
    buffers: Buffers,
    frame: &[u8],
    build: impl FnOnce(&mut Assembler),
) -> u32 {
    both_answer(kernel, buffers, frame, &built(build))
}

#[track_caller]
fn both_answer(kernel: &Kernel, buffers: Buffers, frame: &[u8], program: &Program) -> u32 {
    let both = Both::load(program, kernel.best().isa, buffers);
    let mut both = both.unwrap_or_else(|log| panic!("{log}"));
    both.run(frame).unwrap_or_else(|how| panic!("{how}\n{program}"))
}

#[test]
fn functions_have_stacks_and_registers_of_their_own() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let value = agreed(&kernel, Buffers::Single, &[0; 64], |a| {
        let (outer, inner) = (a.label("outer"), a.label("inner"));
        a.store(Size::D, FP - 8, 1).mov(R6, 1000).mov(R1, FP).add(R1, -8).call_sub(outer);
        a.load(Size::D, R1, FP - 8).add(R0, R1).add(R0, R6).exit();
        a.place(outer);
        a.mov(R6, R1).store(Size::D, FP - 8, 50).mov(R1, FP).add(R1, -8).mov(R2, R6);
        a.call_sub(inner);
        a.load(Size::D, R1, FP - 8).add(R0, R1).exit();
        a.place(inner);
        a.load(Size::D, R3, R1 + 0).add(R3, 7).store(Size::D, R1 + 0, R3);
        a.store(Size::D, R2 + 0, 3).mov(R0, 10_000).exit();
    });
    assert_eq!(value, 10_000 + 57 + 3 + 1000);
}

/// What the kernel alone makes of a helper that is told a number, on 64 bytes.
fn answered(kernel: &Kernel, helper: Helper, number: i32) -> TestRunResult {
    let program = built(|a| {
        a.mov(R2, number).call(helper).exit();
    });
    let image = program.encode(kernel.best().isa).expect("it can be encoded");
    let options = LoadOptions { name: "asked", license: c"GPL", buffers: Buffers::Single };
    let loaded = Loaded::load(&image, &[], &options).unwrap_or_else(|error| panic!("{error}"));
    let run = TestRun { packet: &[7; 64], repeat: 1, ingress: None };
    loaded.test_run(&run).expect("it runs")
}

#[test]
fn the_ends_of_a_packet_move_as_far_and_no_further() {
    let Some(kernel) = Kernel::or_skip() else { return };
    // What the kernel keeps before a packet grew when packets were given several buffers.
    let before = answered(&kernel, Helper::XDP_ADJUST_HEAD, -220).retval;
    if !need(Feature::MULTI_BUFFER, Found::from(before != 0)) {
        return;
    }
    let mut ends =
        vec![(Helper::XDP_ADJUST_HEAD, [-216, 50]), (Helper::XDP_ADJUST_TAIL, [-50, 3456])];
    let wide = answered(&kernel, Helper::XDP_ADJUST_META, -216).retval;
    if need(Feature::WIDE_METADATA, Found::from(wide == 0)) {
        ends.push((Helper::XDP_ADJUST_META, [-216, 0]));
    }
    let (mut moved, mut refused, least) = (0, 0, 7 * ends.len() - 1);
    for (helper, around) in ends {
        for by in around.into_iter().flat_map(|at| at - 5..=at + 5) {
            let value = agreed(&kernel, Buffers::Single, &[7; 64], |a| {
                a.mov(R2, by).call(helper).exit();
            });
            if value == 0 { moved += 1 } else { refused += 1 }
        }
    }
    assert!(moved > least && refused > least, "{moved} moved, {refused} refused");
}

#[test]
fn metadata_moves_with_the_head() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let shown = answered(&kernel, Helper::XDP_ADJUST_META, -8).packet.len();
    if !need(Feature::TEST_CONTEXT, Found::from(shown == 72)) {
        return;
    }
    for by in [-20, 0, 14, 30] {
        agreed(&kernel, Buffers::Single, &[7; 64], |a| {
            let end = a.label("end");
            a.mov(R6, R1).mov(R2, -8).call(Helper::XDP_ADJUST_META);
            a.load(Size::W, R2, R6 + 8).load(Size::W, R3, R6 + 0).mov(R1, R2).add(R1, 8);
            a.mov(R0, 1).jump_if(R1, Cond::Gt, R3, end);
            a.store(Size::W, R2 + 0, 0x1234_5678).store(Size::W, R2 + 4, -2);
            a.mov(R1, R6).mov(R2, by).call(Helper::XDP_ADJUST_HEAD);
            a.load(Size::W, R2, R6 + 8).load(Size::W, R3, R6 + 0).mov(R1, R2).add(R1, 8);
            a.mov(R0, 2).jump_if(R1, Cond::Gt, R3, end);
            a.load(Size::W, R0, R2 + 0).load(Size::W, R7, R2 + 4).add(R0, R7);
            a.place(end);
            a.exit();
        });
    }
}

#[test]
fn frames_in_several_buffers_are_measured_copied_and_cut() {
    let Some(kernel) = Kernel::or_skip() else { return };
    if !need(Feature::MULTI_BUFFER, Found::from(kernel.multi().next().is_some())) {
        return;
    }
    let frame: Vec<u8> = (0..=255).cycle().take(9000).collect();
    let len = agreed(&kernel, Buffers::Multi, &frame, |a| {
        a.call(Helper::XDP_GET_BUFF_LEN).exit();
    });
    assert_eq!(len, 9000);
    let linear = agreed(&kernel, Buffers::Multi, &frame, |a| {
        a.load(Size::W, R0, R1 + 4).load(Size::W, R1, R1 + 0).sub(R0, R1).exit();
    });
    assert_eq!(linear, 3520);
    for at in [0, 3512, 3516, 3520, 7610, 8992, 8993, 9000, 65535, 65536] {
        for helper in [Helper::XDP_LOAD_BYTES, Helper::XDP_STORE_BYTES] {
            agreed(&kernel, Buffers::Multi, &frame, |a| {
                a.store(Size::D, FP - 8, 0x0505_0505);
                a.mov(R2, at).mov(R3, FP).add(R3, -8).mov(R4, 8).call(helper);
                a.mov(R6, R0).load(Size::W, R0, FP - 8).load(Size::W, R1, FP - 4);
                a.xor(R0, R1).add(R0, R6).exit();
            });
        }
    }
    for by in [-1, -1300, -5480, -5481, -8986, -8987, 9, 2712, 2713] {
        agreed(&kernel, Buffers::Multi, &frame, |a| {
            a.mov(R2, by).call(Helper::XDP_ADJUST_TAIL).exit();
        });
    }
}

/// A redirect to a target that is not there.
fn redirected(kind: MapKind, flags: i32) -> Program {
    built(|a| {
        let map = a.map(MapDecl {
            name: "targets".to_owned(),
            kind,
            key_size: 4,
            value_size: 4,
            max_entries: 2,
            flags: MapFlags::NONE,
        });
        a.load_map(R1, map).mov(R2, 1).mov(R3, flags).call(Helper::REDIRECT_MAP).exit();
    })
}

#[test]
fn what_redirects_answer_without_a_target() {
    let Some(kernel) = Kernel::or_skip() else { return };
    // What a flag for every target is answered tells whether the kernel knows it.
    let to_all = redirected(MapKind::DevMap, 8);
    let image = to_all.encode(kernel.best().isa).expect("it can be encoded");
    let targets = [MapHandle::create(&to_all.maps()[0]).expect("a map")];
    let options = LoadOptions { name: "to_all", license: c"GPL", buffers: Buffers::Single };
    let loaded = Loaded::load(&image, &targets, &options).expect("it loads");
    let run = TestRun { packet: &[0; 64], repeat: 1, ingress: None };
    let known = loaded.test_run(&run).expect("it runs").retval != 0;
    let broadcast = need(Feature::BROADCAST, Found::from(known));
    for kind in [MapKind::DevMap, MapKind::DevMapHash, MapKind::CpuMap, MapKind::XskMap] {
        for flags in [0, 1, 2, 3, 4, 8, 9, 16, 32] {
            if broadcast || flags & 8 == 0 {
                both_answer(&kernel, Buffers::Single, &[0; 64], &redirected(kind, flags));
            }
        }
    }
    for flags in [0, 1] {
        agreed(&kernel, Buffers::Single, &[0; 64], |a| {
            a.mov(R1, 1).mov(R2, flags).call(Helper::REDIRECT).exit();
        });
    }
}
