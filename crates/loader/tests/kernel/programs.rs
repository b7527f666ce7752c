//! Programs: loading, refusals with the verifier's reason, test runs, and live frames.

use std::time::Duration;

use palisade_asm::{
    Assembler, AtomicOp, Cond, FP, Helper, Isa, MapKind, Note, R0, R1, R2, R3, R6, R7, Size,
};
use palisade_loader::netns::{NetNs, VethEnd, VethOptions, veth_pair};
use palisade_loader::xdp::{Expect, Mode, attach};
use palisade_loader::{
    Buffers, Errno, Features, LiveRun, LoadError, LoadOptions, MapHandle, PerCpuMap, Program,
    Support, TestRun,
};

use crate::ground::{built, constant, decl, kernel, load, program};
use crate::skip::{Feature, Found, need};

/// Reads a byte of the packet without looking whether it is there.
fn careless(a: &mut Assembler) {
    a.note(Note::new("prologue")).load(Size::W, R6, R1 + 0);
    a.note(Note::line(14, "drop tcp dport in blocked")).load(Size::H, R2, R6 + 36);
    a.note(Note::new("verdict")).mov(R0, 2).exit();
}

#[test]
fn the_kernel_tells_what_was_loaded() {
    kernel(|_| {
        let info = program("a_filter").info().expect("told");
        assert_eq!((info.name.as_str(), info.instructions, info.uid), ("a_filter", 2, 0));
        assert!(info.id > 0 && info.jited_len > 0 && info.loaded_at > Duration::ZERO);
        assert_eq!(info.map_ids, []);
        let same = program("another").info().expect("told");
        assert_eq!(same.tag, info.tag, "the name is no part of the digest");
        let other = load(&constant(1), "a_filter").expect("loaded").info().expect("told");
        assert_ne!(other.tag, info.tag);
        assert!(matches!(Program::by_id(u32::MAX), Err(Errno::ENOENT)));
    });
}

#[test]
fn a_refusal_names_the_instruction_its_line_and_the_kernels_words() {
    kernel(|_| {
        let error = load(&built(careless), "careless").expect_err("refused");
        assert_eq!(error.errno(), Some(Errno::EACCES));
        let LoadError::Refused { blamed, .. } = &error else { panic!("{error}") };
        let blamed = blamed.as_ref().expect("blamed");
        assert_eq!(blamed.slot, 1);
        assert_eq!(blamed.text.as_deref(), Some("r2 = *(u16 *)(r6 +36)"));
        assert_eq!(blamed.note.as_ref().and_then(|note| note.line), Some(14));
        let text = error.to_string();
        assert!(text.contains("(line 14: drop tcp dport in blocked)"), "{text}");
        assert!(text.contains("invalid access to packet"), "{text}");
    });
}

#[test]
fn a_refusal_whose_log_is_long_is_read_to_its_end() {
    kernel(|_| {
        let image = built(|a| {
            a.load(Size::W, R6, R1 + 0);
            for _ in 0..6000 {
                a.mov(R0, 2).mov(R2, R0);
            }
            a.load(Size::H, R2, R6 + 36).exit();
        });
        let error = load(&image, "long").expect_err("refused");
        let log = error.log().expect("a log").text();
        assert!(log.len() > 64 * 1024, "{} bytes of log are not many", log.len());
        assert!(error.to_string().contains("invalid access to packet"), "{error}");
        let LoadError::Refused { blamed: Some(blamed), .. } = &error else { panic!("{error}") };
        assert_eq!(blamed.slot, 12_001);
    });
}

#[test]
fn a_refusal_whose_log_no_buffer_holds_still_has_its_reason() {
    kernel(|_| {
        let image = built(|a| {
            let again = a.label("again");
            a.mov(R0, 2).mov(R6, 0);
            a.place(again);
            a.add(R6, 1).jump_if(R6, Cond::Ne, 700_000, again);
            a.exit();
        });
        let error = load(&image, "endless").expect_err("refused");
        assert_eq!(error.errno(), Some(Errno::E2BIG));
        let log = error.log().expect("a log");
        let reason = log.summary().expect("a reason");
        assert!(reason.starts_with("BPF program is too large"), "{reason}");
        // Where the end of the path was kept, it is in the loop.
        assert!(log.blamed().is_none_or(|slot| slot == 2 || slot == 3), "{error}");
    });
}

#[test]
fn too_many_branches_are_not_taken_for_a_bad_address() {
    kernel(|_| {
        let image = built(|a| {
            let out = a.label("out");
            a.mov(R6, R1);
            for _ in 0..8200 {
                a.load(Size::W, R0, R6 + 12).jump_if(R0, Cond::Eq, 7, out);
            }
            a.place(out);
            a.mov(R0, 2).exit();
        });
        let error = load(&image, "branches").expect_err("refused");
        // The number is the second from Linux 7.2 on.
        assert!(matches!(error.errno(), Some(Errno::EFAULT | Errno::E2BIG)), "{error}");
        assert!(error.help().is_some_and(|help| help.contains("8192")));
        assert!(error.to_string().contains("too complex"), "{error}");
    });
}

#[test]
fn a_program_without_its_maps_is_refused_here() {
    kernel(|_| {
        let image = built(|a| {
            let map = a.map(decl("counts", MapKind::Array, 4, 1));
            a.load_map(R1, map).mov(R0, 2).exit();
        });
        let error = load(&image, "mapless").expect_err("refused");
        assert!(matches!(error, LoadError::Maps { wanted: 1, given: 0 }), "{error}");
        assert!(error.errno().is_none() && error.log().is_none());
    });
}

/// Counts packets in element 1 of a per-CPU array, and drops them.
fn counting() -> (Program, PerCpuMap<u32, u64>) {
    let declared = decl("counts", MapKind::PerCpuArray, 4, 4);
    let image = built(|a| {
        let (map, miss) = (a.map(declared.clone()), a.label("miss"));
        a.mov(R7, 1).store(Size::W, FP - 4, 1);
        a.load_map(R1, map).mov(R2, FP).add(R2, -4).call(Helper::MAP_LOOKUP_ELEM);
        a.jump_if(R0, Cond::Eq, 0, miss);
        a.atomic(AtomicOp::Add, Size::D, R0 + 0, R7);
        a.place(miss);
        a.mov(R0, 1).exit();
    });
    let map = MapHandle::create(&declared).expect("a map");
    let options = LoadOptions { name: "counting", license: c"GPL", buffers: Buffers::Single };
    let maps = [map.try_clone().expect("a clone")];
    let program = Program::load(&image, &maps, &options).expect("loaded");
    assert_eq!(program.info().expect("told").map_ids, [map.info().expect("told").id]);
    (program, PerCpuMap::new(map).expect("typed"))
}

fn count(counts: &PerCpuMap<u32, u64>) -> u64 {
    counts.get(&1).expect("read").expect("there").sum()
}

#[test]
fn a_test_run_gives_the_result_the_packet_and_the_effects_on_maps() {
    kernel(|_| {
        let (program, counts) = counting();
        let packet = [7; 60];
        let run = TestRun { packet: &packet, repeat: 10, ingress: None };
        let result = program.test_run(&run).expect("ran");
        assert_eq!((result.retval, result.packet.as_slice()), (1, packet.as_slice()));
        assert_eq!(count(&counts), 10);
    });
}

#[test]
fn a_test_run_takes_no_frame_without_an_ethernet_header() {
    kernel(|_| {
        let runt = TestRun { packet: &[7; 13], repeat: 1, ingress: None };
        let result = program("runt").test_run(&runt);
        if need(Feature::RUNTS_REFUSED, Found::from(result.is_err())) {
            assert_eq!(result, Err(Errno::EINVAL));
        }
    });
}

#[test]
fn a_test_run_shows_a_packet_that_grew() {
    kernel(|_| {
        let image = built(|a| {
            a.mov(R2, -8).call(Helper::XDP_ADJUST_HEAD).mov(R0, 3).exit();
        });
        let program = load(&image, "growing").expect("loaded");
        let run = TestRun { packet: &[9; 60], repeat: 1, ingress: None };
        let result = program.test_run(&run).expect("ran");
        assert_eq!((result.retval, result.packet.len()), (3, 68));
        assert_eq!(result.packet.get(8..), Some([9; 60].as_slice()));
    });
}

#[test]
fn a_test_run_comes_from_the_interface_it_is_told() {
    kernel(|_| {
        let image = built(|a| {
            a.load(Size::W, R0, R1 + 12).exit();
        });
        let program = load(&image, "ingress").expect("loaded");
        let loopback = palisade_loader::IfIndex::new(1);
        let run = TestRun { packet: &[0; 60], repeat: 1, ingress: loopback };
        let result = program.test_run(&run).map(|result| result.retval);
        if need(Feature::TEST_CONTEXT, Found::from(result != Err(Errno::EINVAL))) {
            assert_eq!(result, Ok(1));
        }
    });
}

#[test]
fn live_frames_arrive_at_the_other_end_of_a_pair() {
    kernel(|ground| {
        if !need(Feature::LIVE_FRAMES, Found::from(Features::probe().live_frames == Support::Yes)) {
            return;
        }
        let far = NetNs::new().expect("a namespace");
        let ends = (VethEnd { ns: &ground.ns, name: "near" }, VethEnd { ns: &far, name: "far" });
        let (near, other) = veth_pair(ends.0, ends.1, VethOptions::default()).expect("a pair");
        ground.ns.set_up(near).expect("up");
        far.set_up(other).expect("up");
        let (counter, counts) = counting();
        far.run(|| attach(other, &counter, Mode::Native, Expect::Empty))
            .expect("ran")
            .expect("attached");
        // What is sent out of the near end arrives at the far one, which takes it as it has a program.
        let out = built(|a| {
            a.mov(R1, i32::try_from(near.number()).expect("small")).mov(R2, 0).mov(R3, 0);
            a.call(Helper::REDIRECT).exit();
        });
        let sender = load(&out, "sender").expect("loaded");
        // A pair keeps 256 frames: where one CPU does both, the far end takes them only afterwards.
        let run = LiveRun { packet: &[0xff; 64], repeat: 200, batch: 64, ingress: None };
        for sent in [200, 400, 600, 800, 1000] {
            sender.run_live(&run).expect("ran");
            let deadline = std::time::Instant::now() + Duration::from_secs(5);
            while count(&counts) < sent && std::time::Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(count(&counts) >= sent, "{} of {sent} arrived", count(&counts));
        }
    });
}

#[test]
fn a_far_jump_loads_both_as_a_long_jump_and_over_trampolines() {
    kernel(|_| {
        let mut a = Assembler::new();
        let out = a.label("out");
        a.mov(R0, 2).load(Size::W, R2, R1 + 12).jump_if(R2, Cond::Eq, 1, out);
        for _ in 0..70_000 {
            a.mov(R0, 1);
        }
        a.place(out);
        a.exit();
        let program = a.finish().expect("a program");
        for isa in [Isa::V3, Isa::V4] {
            if isa == Isa::V4
                && !need(Feature::ISA_V4, Found::from(Features::probe().isa == Isa::V4))
            {
                continue;
            }
            let image = program.encode(isa).expect("an image");
            let loaded = load(&image, "far").expect("loaded");
            let run = TestRun { packet: &[0; 60], repeat: 1, ingress: None };
            assert_eq!(loaded.test_run(&run).map(|result| result.retval), Ok(2), "{isa}");
            let run = TestRun { ingress: palisade_loader::IfIndex::new(1), ..run };
            let result = loaded.test_run(&run).map(|result| result.retval);
            if need(Feature::TEST_CONTEXT, Found::from(result != Err(Errno::EINVAL))) {
                assert_eq!(result, Ok(2), "{isa}");
            }
        }
    });
}

#[test]
fn a_program_for_several_buffers_loads_where_the_kernel_has_them() {
    kernel(|_| {
        let options = LoadOptions { name: "multi", license: c"GPL", buffers: Buffers::Multi };
        match palisade_loader::Features::probe().multi_buffer {
            palisade_loader::Support::Yes => {
                Program::load(&constant(2), &[], &options).expect("loaded");
            }
            _ => {
                Program::load(&constant(2), &[], &options).expect_err("refused");
            }
        }
    });
}
