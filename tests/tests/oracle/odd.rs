//! Every odd frame, runts and frames of 70000 bytes among them, under the policy that blocks its
//! flow and the one that allows it.

use palisade_filter::Verdict;
use palisade_filter::policy::Flaw;
use palisade_tests::odd::{self, Malformed, Want};

use crate::{decided, flaw, hex, policy};

#[test]
fn every_odd_frame_gets_its_verdict() {
    let (mut runs, mut wrong) = (0, Vec::new());
    for odd in odd::all() {
        for (text, want) in [(odd.flow.blocked(), odd.blocked), (odd.flow.allowed(), odd.allowed)] {
            runs += 1;
            let got = decided(&policy(&text), &odd.frame);
            let (verdict, class) = match want {
                Want::Pass => (Verdict::Pass, None),
                Want::Drop => (Verdict::Drop, None),
                Want::Malformed(class) => (Verdict::Drop, Some(class.name())),
            };
            if (got.verdict, flaw(&got)) != (verdict, class) {
                let frame = hex(&odd.frame);
                wrong
                    .push(format!("{} under {text:?}: {want:?}, got {got:?}\n  {frame}", odd.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {runs}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs > 4_000, "{runs} runs");
}

#[test]
fn flaws_bear_the_names_of_their_counters() {
    let flaws = [
        (Flaw::ShortL2, Malformed::ShortL2),
        (Flaw::VlanTooDeep, Malformed::VlanTooDeep),
        (Flaw::ShortL3, Malformed::ShortL3),
        (Flaw::BadVersion, Malformed::BadVersion),
        (Flaw::BadIhl, Malformed::BadIhl),
        (Flaw::BadLength, Malformed::BadLength),
        (Flaw::ExtHdrTooDeep, Malformed::ExtHdrTooDeep),
        (Flaw::BadExtHdr, Malformed::BadExtHdr),
        (Flaw::ShortL4, Malformed::ShortL4),
        (Flaw::BadOffset, Malformed::BadOffset),
    ];
    for (flaw, class) in flaws {
        assert_eq!(flaw.name(), class.name());
    }
}
