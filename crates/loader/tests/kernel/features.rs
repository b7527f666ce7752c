//! Probes: what they say with every capability, and what without.

use std::os::unix::process::CommandExt;
use std::process::Command;

use palisade_asm::Isa;
use palisade_loader::{Capabilities, Capability, Errno, Features, Support};

use crate::ground::kernel;

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
