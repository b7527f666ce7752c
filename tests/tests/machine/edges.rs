//! What chance does not bring: functions, the limits of moving a packet, frames in several
//! buffers, redirects; each put to both.

use palisade_asm::{Assembler, Cond, FP, Helper, Program, R0, R1, R2, R3, R4, R6, R7, Size};
use palisade_loader::Buffers;
use palisade_tests::privilege::Kernel;

use crate::both::Both;

fn built(build: impl FnOnce(&mut Assembler)) -> Program {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a program on a frame in both.
#[track_caller]
fn agreed(
    kernel: &Kernel,
    buffers: Buffers,
    frame: &[u8],
    build: impl FnOnce(&mut Assembler),
) -> u32 {
    let program = built(build);
    let both = Both::load(&program, kernel.best().isa, buffers);
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

#[test]
fn the_ends_of_a_packet_move_as_far_and_no_further() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let (mut moved, mut refused) = (0, 0);
    for (helper, around) in [
        (Helper::XDP_ADJUST_HEAD, [-216, 50]),
        (Helper::XDP_ADJUST_TAIL, [-50, 3456]),
        (Helper::XDP_ADJUST_META, [-216, 0]),
    ] {
        for by in around.into_iter().flat_map(|at| at - 5..=at + 5) {
            let value = agreed(&kernel, Buffers::Single, &[7; 64], |a| {
                a.mov(R2, by).call(helper).exit();
            });
            if value == 0 { moved += 1 } else { refused += 1 }
        }
    }
    assert!(moved > 20 && refused > 20, "{moved} moved, {refused} refused");
}

#[test]
fn metadata_moves_with_the_head() {
    let Some(kernel) = Kernel::or_skip() else { return };
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
    if kernel.multi().next().is_none() {
        return palisade_tests::privilege::skip(&"this kernel has no frames in several buffers");
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

#[test]
fn what_redirects_answer_without_a_target() {
    let Some(kernel) = Kernel::or_skip() else { return };
    use palisade_asm::{MapDecl, MapFlags, MapKind};
    for kind in [MapKind::DevMap, MapKind::DevMapHash, MapKind::CpuMap, MapKind::XskMap] {
        for flags in [0, 1, 2, 3, 4, 8, 9, 16, 32] {
            agreed(&kernel, Buffers::Single, &[0; 64], |a| {
                let map = a.map(MapDecl {
                    name: "targets".to_owned(),
                    kind,
                    key_size: 4,
                    value_size: 4,
                    max_entries: 2,
                    flags: MapFlags::NONE,
                });
                a.load_map(R1, map).mov(R2, 1).mov(R3, flags).call(Helper::REDIRECT_MAP).exit();
            });
        }
    }
    for flags in [0, 1] {
        agreed(&kernel, Buffers::Single, &[0; 64], |a| {
            a.mov(R1, 1).mov(R2, flags).call(Helper::REDIRECT).exit();
        });
    }
}
