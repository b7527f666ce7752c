//! Every odd frame, runts and frames of 70000 bytes among them, in the interpreter.

use palisade_filter::{Access, Buffers, Target, compile, parse};
use palisade_tests::interpreted::Interpreted;
use palisade_tests::odd::judge::{by_policy, can_show, disagreements, told_by};

#[test]
fn every_odd_frame_gets_its_verdict_without_a_kernel() {
    let (mut runs, mut wrong) = (0, Vec::new());
    for (buffers, access) in [
        (Buffers::Single, Access::Pointers),
        (Buffers::Multi, Access::Pointers),
        (Buffers::Multi, Access::Helpers),
    ] {
        let target = Target { buffers, access, ..Target::FLOOR };
        for (text, cases) in by_policy() {
            let policy = parse(&text).expect("a policy");
            let artifact = compile(&policy, target).expect("it compiles");
            let mut program = Interpreted::new(&policy, &artifact, &[]);
            let cases = cases.iter().filter(|(odd, _)| can_show(odd, target));
            let found = disagreements(cases.clone(), |frame| told_by(&mut program, frame));
            wrong.extend(found.map(|what| format!("under {text:?} with {target:?}: {what}")));
            runs += cases.count();
        }
    }
    assert!(wrong.is_empty(), "{} of {runs}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs > 12_000, "{runs} runs");
}
