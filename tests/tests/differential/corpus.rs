//! The cases of `tests/corpus/`, which once told two judges apart, or which bugs of others suggest.

use std::path::Path;

use palisade_tests::floor;
use palisade_tests::judges::{Case, Judges};
use palisade_tests::privilege::Kernel;

#[test]
fn every_case_of_the_corpus_is_judged_alike_and_as_it_says() {
    let kernel = Kernel::or_skip();
    let targets = kernel.as_ref().map(|kernel| kernel.targets.clone());
    let bench = kernel.as_ref().zip(targets.as_deref());
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut frames = 0;
    for entry in std::fs::read_dir(&dir).expect("the folder of cases") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let name = path.display();
        let case = Case::read(&text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        let judges = Judges::of(bench, &case.made);
        let mut judges = judges.unwrap_or_else(|why| panic!("{name}: {why:?}"));
        for (verdict, frame) in &case.frames {
            let expected = judges.judge(frame).unwrap_or_else(|how| panic!("{name}: {how}"));
            assert_eq!(expected.decision.verdict, *verdict, "{name}");
            frames += 1;
        }
        judges.settle().unwrap_or_else(|how| panic!("{name}: {how}"));
    }
    assert!(frames >= floor::least("corpus frames"), "only {frames} frames");
}
