//! The reason and the instruction, out of logs that a kernel (6.18) wrote for refused programs.

use palisade_loader::VerifierLog;

fn reason(log: &str) -> (Option<String>, Option<usize>) {
    let log = VerifierLog::from_bytes(log.as_bytes());
    (log.summary(), log.blamed())
}

macro_rules! golden {
    ($($name:ident, $file:literal, $summary:literal, $slot:literal;)*) => {
        $(
            #[test]
            fn $name() {
                let log = include_str!(concat!("logs/", $file, ".log"));
                assert_eq!(reason(log), (Some($summary.to_owned()), Some($slot)));
            }
        )*
    };
}

#[rustfmt::skip] // One line per log.
golden! {
    a_read_beyond_the_packet, "packet", "invalid access to packet, off=36 size=2, R6(id=0,off=36,r=0); R6 offset is outside of the packet", 1;
    a_store_to_the_context, "context_store", "invalid bpf_context access off=0 size=4", 1;
    a_result_that_was_never_set, "exit_code", "R0 !read_ok", 0;
    a_register_that_was_never_set, "uninitialised", "R3 !read_ok", 0;
    a_helper_given_a_number_for_a_map, "helper", "R1 type=scalar expected=map_ptr", 1;
    a_read_beyond_the_stack, "stack", "invalid read from stack R10 off=-600 size=8", 0;
    code_that_is_never_reached, "unreachable", "unreachable insn 2", 2;
    a_loop_that_is_too_long_in_a_log_cut_at_its_head, "endless", "BPF program is too large. Processed 1000001 insn", 1;
}

#[test]
fn a_log_that_is_empty_or_strange_gives_no_reason_and_no_panic() {
    assert_eq!(reason(""), (None, None));
    assert_eq!(reason("\n\n \n"), (None, None));
    assert_eq!(reason("processed 2 insns (limit 1000000)\n"), (None, None));
    assert_eq!(reason("\tat last\n"), (Some("at last".into()), None));
    assert_eq!(reason("99999999999999999999999: (95) exit\n").1, None);
    assert_eq!(reason("R\u{e9}: (").1, None);
    let bytes = b"\xff\xfe: (95) exit\ninsn \xff\n\0behind the zero";
    assert_eq!(VerifierLog::from_bytes(bytes).blamed(), None);
    assert_eq!(VerifierLog::from_bytes(&[]).text(), "");
}

#[test]
fn a_log_cut_anywhere_or_with_any_byte_changed_never_panics() {
    let log = include_bytes!("logs/packet.log");
    for cut in 0..log.len() {
        let mut changed = log.to_vec();
        changed[cut] ^= 0x55;
        for bytes in [&log[..cut], &changed] {
            let log = VerifierLog::from_bytes(bytes);
            let _ = (log.summary(), log.blamed(), log.instruction(1));
        }
    }
}

#[test]
fn the_text_of_an_instruction_comes_without_the_registers_behind_it() {
    let log = VerifierLog::from_bytes(include_bytes!("logs/packet.log"));
    assert_eq!(log.instruction(0), Some("r6 = *(u32 *)(r1 +0)"));
    assert_eq!(log.instruction(1), Some("r2 = *(u16 *)(r6 +36)"));
    assert_eq!(log.instruction(2), None);
}
