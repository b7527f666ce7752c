//! What a policy of one rule makes of packets: all judges are asked, the oracle, the interpreter for
//! every target, and the kernel.

use palisade_filter::Verdict;

use crate::judges::Judges;
use crate::packet::Packet;
use crate::privilege::Kernel;
use crate::random::Made;

/// Frames before and after a policy, and the verdict on them.
pub type Case = (Packet, Verdict, Packet);

/// Every judge makes the second packet of the first.
pub fn becomes(rule: &str, cases: &[Case]) {
    let text = format!("{rule}\ndefault pass\n");
    let made = Made { text, entries: Vec::new() };
    let kernel = Kernel::or_skip();
    let bench = kernel.as_ref().map(|kernel| (kernel, kernel.targets.as_slice()));
    let mut judges = Judges::of(bench, &made).unwrap_or_else(|why| panic!("{why:?}"));
    for (before, verdict, after) in cases {
        let expected = judges.judge(&before.build()).unwrap_or_else(|how| panic!("{rule}: {how}"));
        assert_eq!(expected.decision.verdict, *verdict, "{rule}: {before:?}");
        assert_eq!(expected.out(0), after.build(), "{rule}: {before:?}");
        let modes = judges.in_other_modes(&before.build());
        modes.unwrap_or_else(|how| panic!("{rule}: {how}"));
    }
}

/// Packets that the rule leaves as they are.
pub fn stay(rule: &str, packets: impl IntoIterator<Item = Packet>) {
    let all = packets.into_iter().map(|packet| (packet.clone(), Verdict::Pass, packet));
    becomes(rule, &all.collect::<Vec<_>>());
}
