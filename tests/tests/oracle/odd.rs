//! Every odd frame, runts and frames of 70000 bytes among them, under the policy that blocks its
//! flow and the one that allows it.

use palisade_filter::policy::Flaw;
use palisade_tests::odd::Malformed;
use palisade_tests::odd::judge::{by_policy, disagreements};

use crate::{decided, flaw, policy};

#[test]
fn every_odd_frame_gets_its_verdict() {
    let (mut runs, mut wrong) = (0, Vec::new());
    for (text, cases) in by_policy() {
        runs += cases.len();
        let policy = policy(&text);
        let found = disagreements(&cases, |frame| {
            let decision = decided(&policy, frame);
            Ok((decision.verdict, flaw(&decision)))
        });
        wrong.extend(found.map(|what| format!("under {text:?}: {what}")));
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
