//! Logs of the verifier, of kernels that are and are to come.

use palisade_loader::VerifierLog;

/// What a kernel writes behind the reason.
const STATISTICS: &str = "\nprocessed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n";

/// What is told of a log stands in it; it is told whatever went before, and whatever is counted
/// behind.
pub fn log(bytes: &[u8]) {
    let log = VerifierLog::from_bytes(bytes);
    assert!(!log.text().contains('\0'));
    let (summary, blamed) = (log.summary(), log.blamed());
    for part in summary.iter().flat_map(|summary| summary.split("; ")) {
        assert!(log.text().contains(part), "{part:?} of\n{log}");
    }
    if let Some(slot) = blamed {
        assert!(log.text().contains(&slot.to_string()), "{slot} of\n{log}");
        if let Some(text) = log.instruction(slot) {
            assert!(log.text().contains(text), "{text:?} of\n{log}");
        }
    }

    let counted = VerifierLog::from_bytes(format!("{log}{STATISTICS}").as_bytes());
    assert_eq!(counted.summary(), summary, "with statistics behind\n{log}");
    assert_eq!(counted.blamed(), blamed, "with statistics behind\n{log}");

    let longer = VerifierLog::from_bytes(format!("0: (b7) r0 = 0\n{log}").as_bytes());
    assert_eq!(longer.summary(), summary, "with an instruction before\n{log}");
    assert_eq!(longer.blamed(), blamed.or(Some(0)), "with an instruction before\n{log}");
}
