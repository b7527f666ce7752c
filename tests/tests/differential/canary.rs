//! Before any run: a wrong expectation is planted, and must be found and made small.

use palisade_tests::judges::{Judges, shrink};
use palisade_tests::random::Made;

use crate::round::by_chance;

/// Judges whose oracle is told that a port is another one.
fn misled(made: &Made) -> Option<Judges> {
    let told = made.text.replace("udp dport 53\n", "udp dport 54\n");
    Judges::misled(None, made, &told).ok()
}

/// The oracle is told another policy than the interpreter: they must disagree on some frame, and
/// what is left of policy and frame is one rule and little more than a UDP header.
#[test]
pub fn a_wrong_expectation_is_found() {
    let (mut made, mut frames) = by_chance(7);
    made.text.insert_str(0, "drop udp dport 53\n");
    let frame = palisade_tests::packet::eth()
        / palisade_tests::packet::ipv4()
        / palisade_tests::packet::udp(4000, 53)
        / b"planted";
    frames.push(frame.build());
    let mut judges = misled(&made).expect("a policy that can be judged");
    let found = frames.iter().find(|frame| judges.judge(frame).is_err());
    let frame = found.expect("the planted mistake is found").clone();
    let doubt =
        |made: &Made, frame: &[u8]| misled(made).is_some_and(|mut own| own.judge(frame).is_err());
    let (made, frame) = shrink(made, &frame, doubt);
    let lines: Vec<&str> = made.text.lines().collect();
    assert!(
        matches!(lines.as_slice(), ["drop udp dport 53", "default pass" | "default drop"]),
        "{}",
        made.text
    );
    // Lengths in headers keep a frame from becoming shorter, but most of it are zeros.
    let bytes = frame.iter().filter(|byte| **byte != 0).count();
    assert!(frame.len() < 200 && bytes < 14, "{bytes} of {} bytes", frame.len());
}
