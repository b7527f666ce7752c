//! Probes: what they say with every capability, and what without.

use std::os::unix::process::CommandExt;
use std::process::Command;

use palisade_asm::{Assembler, FP, Isa, R0, R1, R2, R3, Size, Swap};
use palisade_loader::{Capabilities, Capability, Errno, Features, Support};

use crate::ground::{built_for, kernel, load};
use crate::skip::{Feature, Found, need};

#[test]
fn with_every_capability_no_answer_is_unknown() {
    kernel(|_| {
        let features = Features::probe();
        let answers = [
            features.atomic_fetch,
            features.packet_access,
            features.pointer_subtraction,
            features.multi_buffer,
            features.buff_len,
            features.live_frames,
            features.jit,
            features.batch_hash,
            features.batch_lpm,
            features.batch_per_cpu_array,
        ];
        for answer in answers {
            assert!(matches!(answer, Support::Yes | Support::No), "{features:?}");
        }
        // What every kernel that is supported has.
        assert_eq!((features.packet_access, features.batch_hash), (Support::Yes, Support::Yes));
        assert!(features.isa >= Isa::V3, "{features:?}");
        // They came with the same version.
        assert_eq!(features.multi_buffer, features.buff_len);
        let held = Capabilities::current().expect("told");
        assert_eq!(held.missing(&[Capability::Bpf, Capability::NetAdmin]), []);
    });
}

#[test]
fn every_feature_is_there_since_its_version() {
    kernel(|_| {
        let features = Features::probe();
        let probed = [
            (Feature::ATOMICS, features.atomic_fetch),
            (Feature::BATCH_LPM, features.batch_lpm),
            (Feature::BATCH_PER_CPU, features.batch_per_cpu_array),
            (Feature::MULTI_BUFFER, features.multi_buffer),
            (Feature::BUFF_LEN, features.buff_len),
            (Feature::LIVE_FRAMES, features.live_frames),
        ];
        for (feature, support) in probed {
            need(feature, Found::from(support == Support::Yes));
        }
        need(Feature::ISA_V4, Found::from(features.isa == Isa::V4));
        assert_eq!(features.pointer_subtraction, Support::Yes, "every kernel lets root subtract");
    });
}

/// The long jump came to Linux 6.1 without its sisters.
#[test]
fn a_version_of_the_instruction_set_is_told_only_where_all_of_it_loads() {
    kernel(|_| {
        if !need(Feature::ISA_V4, Found::from(Features::probe().isa == Isa::V4)) {
            return;
        }
        let pieces: [fn(&mut Assembler); 4] = [
            |a| _ = a.load_signed(Size::W, R3, FP - 8),
            |a| _ = a.mov_signed(Size::B, R3, R2),
            |a| _ = a.sdiv(R2, 3),
            |a| _ = a.swap(Swap::Bswap64, R2),
        ];
        for piece in pieces {
            let image = built_for(Isa::V4, |a| {
                a.mov(R0, 2).load(Size::W, R2, R1 + 12).store(Size::D, FP - 8, R2);
                piece(a);
                a.exit();
            });
            load(&image, "piece").unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

/// Set for the child of the test below, which runs as nobody.
const AS_NOBODY: &str = "PALISADE_TEST_AS_NOBODY";

#[test]
fn whoever_may_not_ask_is_told_unknown_and_not_no() {
    if std::env::var_os(AS_NOBODY).is_some() {
        return nobody_is_told_unknown();
    }
    kernel(|_| {
        // The same test once more, by a path that leads through no directory closed to others.
        let output = Command::new("/proc/self/exe")
            .args(["--exact", "features::whoever_may_not_ask_is_told_unknown_and_not_no"])
            .env(AS_NOBODY, "1")
            .uid(65_534)
            .gid(65_534)
            .output()
            .expect("ran");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    });
}

fn nobody_is_told_unknown() {
    let features = Features::probe();
    let answers = [
        features.atomic_fetch,
        features.packet_access,
        features.pointer_subtraction,
        features.multi_buffer,
        features.buff_len,
        features.live_frames,
        features.jit,
    ];
    assert_eq!(answers, [Support::Unknown(Errno::EPERM); 7]);
    let wanted = [Capability::Bpf, Capability::NetAdmin];
    assert_eq!(Capabilities::current().expect("told").missing(&wanted), wanted);
}
