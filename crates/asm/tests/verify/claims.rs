//! One claim a test: what makes an access, a call or an end good, and its near misses.

use palisade_asm::verify::{Kernel, Reason, Rules, Scope};
use palisade_asm::{R0, R2, R3, R6, R9};

use super::{NEW, accepted, accepted_by, refused, refused_by};

/// Packet in r7, end in r8, context in r6, and a way out.
fn packet(body: &str) -> String {
    format!("r6 = r1\n r7 = *(u32 *)(r1 +0)\n r8 = *(u32 *)(r1 +4)\n{body}\nout:\n r0 = 2\n exit\n")
}

/// The value of `hash` under the key 1 in r0, and a way out.
fn value(body: &str) -> String {
    format!(
        "r6 = r1\n *(u32 *)(r10 -4) = 1\n r1 = map[hash]\n r2 = r10\n r2 += -4\n \
         call bpf_map_lookup_elem#1\n{body}\nout:\n r0 = 2\n exit\n"
    )
}

#[test]
fn bytes_of_the_packet_are_read_once_they_were_shown() {
    for check in [
        "r1 = r7\n r1 += 14\n if r1 > r8 goto out",
        "r1 = r7\n r1 += 14\n if r8 < r1 goto out",
        "r1 = r7\n r1 += 15\n if r1 >= r8 goto out",
        "r1 = r7\n r1 += 14\n if r1 <= r8 goto in\n goto out\nin:",
        "r1 = r7\n r1 += 14\n if r8 >= r1 goto in\n goto out\nin:",
    ] {
        accepted(&packet(&format!("{check}\n r2 = *(u16 *)(r7 +12)")));
        let reason = refused(&packet(&format!("{check}\n r2 = *(u16 *)(r7 +13)")));
        assert!(matches!(reason, Reason::PacketRange { off: 13, .. }), "{check}: {reason}");
    }
    let unseen = refused(&packet("r2 = *(u8 *)(r7 +0)\n if r2 > 1 goto out"));
    assert!(matches!(unseen, Reason::PacketRange { range: 0, .. }));
    let wrong_side = packet("r1 = r7\n r1 += 14\n if r1 < r8 goto out\n r2 = *(u8 *)(r7 +0)");
    assert!(matches!(refused(&wrong_side), Reason::PacketRange { range: 0, .. }));
}

#[test]
fn a_pointer_moved_by_a_number_has_to_be_shown_anew() {
    let moved = |mask: &str, check: &str| {
        packet(&format!(
            "r1 = r7\n r1 += 14\n if r1 > r8 goto out\n r2 = *(u8 *)(r7 +0)\n {mask}\n \
             r3 = r7\n r3 += r2\n {check}\n r4 = *(u8 *)(r3 +0)"
        ))
    };
    accepted(&moved("r2 &= 15", "r5 = r3\n r5 += 1\n if r5 > r8 goto out"));
    let reason = refused(&moved("r2 &= 15", ""));
    assert!(matches!(reason, Reason::PacketRange { reg: R3, .. }), "{reason}");
    let reason = refused(&moved("r2 -= 1", "r5 = r3\n r5 += 1\n if r5 > r8 goto out"));
    assert!(matches!(reason, Reason::MayBeNegative { .. } | Reason::Unbounded { .. }), "{reason}");
}

#[test]
fn a_call_that_moves_the_packet_makes_its_pointers_void() {
    let body = "r1 = r7\n r1 += 14\n if r1 > r8 goto out\n r1 = r6\n r2 = 4\n call CALL\n r2 = *(u8 *)(r7 +0)";
    accepted(&packet(&body.replace("r1 = r6\n r2 = 4\n call CALL", "call bpf_jiffies64#118")));
    for call in ["bpf_xdp_adjust_head#44", "bpf_xdp_adjust_tail#65", "bpf_xdp_adjust_meta#54"] {
        let reason = refused(&packet(&body.replace("CALL", call)));
        assert!(matches!(reason, Reason::Unwritten { .. }), "{call}: {reason}");
    }
}

#[test]
fn a_value_is_read_where_it_is_not_null() {
    accepted(&value("if r0 == 0 goto out\n r1 = *(u64 *)(r0 +16)"));
    accepted(&value("if r0 != 0 goto in\n goto out\nin:\n r1 = *(u64 *)(r0 +16)"));
    accepted(&value(
        "r9 = r0\n *(u64 *)(r10 -16) = r0\n if r9 == 0 goto out\n r1 = *(u64 *)(r10 -16)\n r1 = *(u8 *)(r1 +0)",
    ));
    let reason = refused(&value("r1 = *(u64 *)(r0 +16)\n if r1 > 1 goto out"));
    assert_eq!(reason.to_string(), "R0 invalid mem access 'map_value_or_null'");
    let reason = refused(&value("if r0 != 0 goto out\n r1 = *(u64 *)(r0 +0)"));
    assert!(matches!(reason, Reason::NotMemory { reg: R0, .. }), "{reason}");
    let reason = refused(&value("if r0 == 0 goto out\n r1 = *(u64 *)(r0 +17)"));
    assert!(matches!(reason, Reason::MapRange { off: 17, value_size: 24, .. }), "{reason}");
}

#[test]
fn a_place_in_a_value_is_one_of_so_many() {
    let at = |bound: &str| {
        value(&format!(
            "if r0 == 0 goto out\n r1 = *(u64 *)(r0 +0)\n {bound}\n r0 += r1\n r2 = *(u8 *)(r0 +8)"
        ))
    };
    accepted(&at("r1 &= 15"));
    accepted(&at("if r1 > 15 goto out"));
    accepted(&at("if r1 s> 15 goto out\n if r1 s< 0 goto out"));
    accepted(&at("r1 >>= 60"));
    assert!(matches!(refused(&at("if r1 > 16 goto out")), Reason::MapRange { .. }));
    assert!(matches!(refused(&at("r1 &= 16")), Reason::MapRange { .. }));
    assert!(matches!(refused(&at("if r1 s> 15 goto out")), Reason::Unbounded { .. }));
    assert!(matches!(refused(&at("")), Reason::Unbounded { .. }));
}

#[test]
fn the_stack_is_read_where_it_was_written() {
    accepted("*(u64 *)(r10 -8) = 1\n r0 = *(u32 *)(r10 -4)\n exit");
    for (text, wanted) in [
        ("r0 = *(u64 *)(r10 -8)\n exit", Reason::StackUnwritten { off: -8, size: 8 }),
        (
            "*(u32 *)(r10 -8) = 1\n r0 = *(u64 *)(r10 -8)\n exit",
            Reason::StackUnwritten { off: -8, size: 8 },
        ),
        ("*(u64 *)(r10 -520) = 1\n r0 = 2\n exit", Reason::StackRange { off: -520, size: 8 }),
        ("*(u64 *)(r10 +0) = 1\n r0 = 2\n exit", Reason::StackRange { off: 0, size: 8 }),
        (
            "*(u64 *)(r10 -8) = r1\n r0 = *(u32 *)(r10 -8)\n exit",
            Reason::StackPointer { off: -8, size: 4 },
        ),
    ] {
        assert_eq!(refused(text), wanted, "{text}");
    }
    assert!(matches!(refused("*(u64 *)(r10 -12) = 1\n r0 = 2\n exit"), Reason::Misaligned { .. }));
}

#[test]
fn what_was_written_on_one_way_alone_is_not_written() {
    let text = "r1 = *(u32 *)(r1 +12)\n if r1 > 5 goto over\n r0 = 1\nover:\n exit";
    let refusal = refused_by(&NEW, text);
    assert_eq!((refusal.at, &refusal.why), (3, &Reason::Unwritten { reg: R0 }));
    assert_eq!((refusal.path.len(), refusal.path[0].at, refusal.path[0].taken), (1, 1, true));
}

#[test]
fn the_context_is_read_word_by_word_and_never_written() {
    accepted("r0 = *(u32 *)(r1 +16)\n exit");
    for text in [
        "r0 = *(u32 *)(r1 +20)\n exit",
        "r0 = *(u32 *)(r1 +24)\n exit",
        "r0 = *(u16 *)(r1 +12)\n exit",
        "*(u32 *)(r1 +12) = 1\n r0 = 2\n exit",
    ] {
        assert!(matches!(refused(text), Reason::Context { .. }), "{text}");
    }
}

#[test]
fn no_pointer_leaves() {
    assert!(matches!(refused("r0 = r1\n exit"), Reason::Leak { reg: R0 }));
    let stored = value("if r0 == 0 goto out\n *(u64 *)(r0 +0) = r6");
    assert!(matches!(refused(&stored), Reason::Leak { .. }));
}

#[test]
fn memory_for_helpers_is_there_and_written() {
    let load = |size: &str| {
        format!(
            "r2 = 0\n r3 = r10\n r3 += -16\n r4 = {size}\n call bpf_xdp_load_bytes#189\n r0 = *(u64 *)(r10 -16)\n exit"
        )
    };
    accepted(&load("16"));
    accepted(&load("8"));
    assert!(matches!(refused(&load("4")), Reason::StackUnwritten { .. }));
    assert!(matches!(refused(&load("17")), Reason::StackRange { .. }));
    assert!(matches!(refused(&load("0")), Reason::Argument { .. }));
    let key = "r1 = map[hash]\n r2 = r10\n r2 += -4\n call bpf_map_lookup_elem#1\n r0 = 2\n exit";
    assert!(matches!(refused(key), Reason::StackUnwritten { off: -4, size: 4 }));
    let other = "*(u32 *)(r10 -4) = 1\n r1 = map[calls]\n r2 = r10\n r2 += -4\n call bpf_map_lookup_elem#1\n r0 = 2\n exit";
    assert!(matches!(refused(other), Reason::MapKind { .. }));
}

#[test]
fn a_map_that_programs_may_only_read_is_only_read() {
    accepted("r1 = map[table]+8\n r0 = *(u32 *)(r1 +288)\n exit");
    assert!(matches!(
        refused("r1 = map[table]+8\n *(u32 *)(r1 +288) = 1\n r0 = 2\n exit"),
        Reason::MapAccess { .. }
    ));
}

#[test]
fn what_is_newer_than_the_oldest_kernel_is_refused_with_the_kernel_that_has_it() {
    let atomic =
        "r2 = 1\n r1 = map[only]+0\n r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)\n r0 = 2\n exit";
    accepted_by(&Rules::since(5, 12), atomic);
    let since = Kernel { major: 5, minor: 12 };
    let why = refused_by(&Rules::ROOT, atomic).why;
    assert_eq!(why, Reason::Newer { since, oldest: Rules::ROOT.oldest });
    let helper = "call bpf_xdp_get_buff_len#188\n r0 = 2\n exit";
    accepted_by(&Rules::since(5, 18), helper);
    assert!(matches!(refused_by(&Rules::ROOT, helper).why, Reason::Newer { .. }));
    let signed = "r0 = *(s8 *)(r10 -1)\n exit";
    assert!(matches!(refused_by(&Rules::ROOT, signed).why, Reason::Newer { .. }));
}

#[test]
fn a_function_is_given_numbers_and_gives_one() {
    let sum = "\nsum:\n r0 = r1\n r0 += r2\n exit";
    accepted(&format!("r1 = 1\n r2 = 2\n call sum\n r0 &= 3\n exit{sum}"));
    let unwritten = refused(&format!("r1 = 1\n call sum\n exit{sum}"));
    assert_eq!(unwritten, Reason::Unwritten { reg: R2 });
    let pointer = refused(&format!("r2 = 1\n call sum\n exit{sum}"));
    assert_eq!(pointer, Reason::OutOfScope(Scope::Functions), "the context");
    let gives = refused("call sub\n r0 = 2\n exit\nsub:\n r0 = r10\n exit");
    assert!(matches!(gives, Reason::Leak { .. }), "{gives}");
}

#[test]
fn a_function_knows_nothing_of_what_calls_it() {
    let with = |body: &str| format!("r6 = 1\n call sub\n exit\nsub:\n{body}\n exit");
    assert_eq!(refused(&with("r0 = r6")), Reason::Unwritten { reg: R6 });
    let stack = "*(u64 *)(r10 -8) = 1\n call sub\n exit\nsub:\n r0 = *(u64 *)(r10 -8)\n exit";
    assert!(matches!(refused(stack), Reason::StackUnwritten { off: -8, .. }));
    // Nor does what calls it keep its scratch registers.
    assert_eq!(
        refused("r3 = 1\n call sub\n r0 = r3\n exit\nsub:\n r0 = 2\n exit"),
        Reason::Unwritten { reg: R3 }
    );
    accepted("r6 = 1\n call sub\n r0 = r6\n exit\nsub:\n r0 = 2\n exit");
}

#[test]
fn function_and_program_share_the_stack() {
    let text = |outer: i32, inner: i32| {
        format!(
            "*(u64 *)(r10 {outer:+}) = 1\n call sub\n exit\nsub:\n *(u64 *)(r10 {inner:+}) = 1\n r0 = 2\n exit"
        )
    };
    accepted(&text(-352, -160));
    let refused = refused(&text(-352, -168));
    assert_eq!(refused, Reason::Stacks { bytes: 544, most: 512 });
}

#[test]
fn functions_that_call_others_and_callbacks_are_not_judged() {
    for text in [
        "call sub\n exit\nsub:\n call next\n exit\nnext:\n r0 = 2\n exit",
        "call sub\n exit\nsub:\n call sub\n exit",
        "r2 = subprog[back]\n r0 = 2\n exit\nback:\n r0 = 0\n exit",
    ] {
        assert_eq!(refused(text), Reason::OutOfScope(Scope::Functions), "{text}");
    }
}

#[test]
fn numbers_that_hang_together_are_forgotten_as_linux_6_12_forgets_them() {
    // r2 is r1 and 4; comparing r2 makes Linux 6.12 conclude r1 anew, and less well.
    let text = |again: &str| {
        value(&format!(
            "if r0 == 0 goto out\n r1 = *(u64 *)(r0 +0)\n r1 &= 15\n r2 = r1\n r2 += 4\n \
             r3 = *(u64 *)(r0 +8)\n if r2 > r3 goto out\n {again}\n r0 += r1\n r2 = *(u8 *)(r0 +8)"
        ))
    };
    accepted(&text("r1 &= 15"));
    assert!(matches!(refused(&text("")), Reason::Unbounded { .. }));
}

#[test]
fn a_number_far_from_one_that_it_hangs_together_with_moves_no_pointer() {
    // Linux 6.12 and later say "pkt pointer offset 536870912 is not allowed".
    let text = |by: i32, bound: &str| {
        packet(&format!(
            "r1 = r7\n r1 += 14\n if r1 > r8 goto out\n r2 = *(u64 *)(r7 +0)\n r3 = r2\n \
             r3 += {by}\n {bound}\n r1 = r7\n r1 += r3"
        ))
    };
    accepted(&text(0x1fff_ffff, "if r3 > 4 goto out"));
    for bound in [
        "if r3 > 4 goto out",
        "r3 &= 7",
        "r3 >>= 60",
        "*(u64 *)(r10 -8) = r3\n r3 = *(u8 *)(r10 -8)",
    ] {
        let reason = refused(&text(0x2000_0000, bound));
        assert!(matches!(reason, Reason::Unbounded { .. }), "{bound}: {reason}");
    }
}

#[test]
fn a_half_is_shifted_by_a_number_that_is_known_whole() {
    // The lower half of r1 is zero, and its upper half is 0 or 2: kernels give up on such a shift,
    // and do not even conclude that the upper half of the result is zero.
    let text = |half: &str| {
        value(&format!(
            "if r0 == 0 goto out\n r1 = *(u64 *)(r0 +0)\n r1 &= 4\n r1 <<= 31\n {half}\n \
             r2 = *(u64 *)(r0 +8)\n w2 >>= w1\n if w2 > 7 goto out\n r0 += r2\n r3 = *(u8 *)(r0 +8)"
        ))
    };
    accepted(&text("w1 = w1"));
    let reason = refused(&text(""));
    assert!(matches!(reason, Reason::Unbounded { .. }), "{reason}");
}

#[test]
fn a_signed_bound_on_both_sides_of_zero_is_forgotten_with_an_unsigned_one() {
    // Linux 6.18 knows r0 up to 0xffff behind the two, and follows the way that 5.10 rules out.
    let text = |first: &str| {
        format!(
            "r6 = r1\n call bpf_get_prandom_u32\n r1 = 0\n r0 <<= 3\n {first}\n \
             if r0 > 0xffff goto end\n if r0 < 8 goto end\n r2 = *(u8 *)(r1 +0)\nend:\n r0 = 2\n exit"
        )
    };
    accepted(&text("if r0 > 6 goto end"));
    let reason = refused(&text("r0 *= r0\n if r0 s> 6 goto end"));
    assert!(matches!(reason, Reason::NotMemory { .. }), "{reason}");
}

#[test]
fn a_shift_that_may_reach_the_top_bit_forgets_the_least_number() {
    // Kernels give the interval up where the number may be above half of what would fit.
    let text = |most: u32| {
        format!(
            "r2 = *(u32 *)(r1 +12)\n r0 = 2\n if r2 < 24 goto end\n if r2 > {most} goto end\n \
             w2 <<= 1\n if w2 > 7 goto end\n r3 = *(u8 *)(r3 +0)\nend:\n exit"
        )
    };
    accepted(&text(0x4000_0000));
    let reason = refused(&text(0x4000_0017));
    assert!(matches!(reason, Reason::Unwritten { .. }), "{reason}");
}

#[test]
fn an_atomic_access_to_a_value_is_at_a_place_that_is_known() {
    // Kernels may know less of the lower bits of the unknown part.
    let text = |moved: &str| {
        value(&format!(
            "if r0 == 0 goto out\n r1 = *(u32 *)(r0 +0)\n r1 &= 8\n {moved}\n r2 = 1\n \
             lock *(u64 *)(r0 +0) += r2"
        ))
    };
    accepted(&text("r0 += 8"));
    let reason = refused(&text("r0 += r1"));
    assert!(matches!(reason, Reason::Misaligned { .. }), "{reason}");
}

#[test]
fn a_way_that_is_never_taken_is_not_looked_at() {
    let text = "r0 = 0\n r2 = 0\n if r0 == 0 goto end\n r2 = *(u8 *)(r2 +0)\nend:\n exit";
    accepted(text);
    let other = refused(&text.replace("r0 == 0", "r0 != 0"));
    assert!(matches!(other, Reason::NotMemory { reg: R2, .. }), "{other}");
}

#[test]
fn what_is_accepted_for_all_kernels_is_accepted_for_each_that_remembers_more() {
    // The way behind both tests is never taken. Where nothing is remembered of r2, it is 256 behind
    // the first one, and the second is known; where it is remembered to be small, it is anything.
    let text = "r2 = *(u32 *)(r1 +12)\n r2 &= 255\n *(u64 *)(r10 -8) = r2\n r2 = *(u64 *)(r10 -8)\n \
                if r2 != 256 goto out\n if r2 != 4 goto out\n r0 = *(u64 *)(r9 +0)\n\
                out:\n r0 = 2\n exit";
    for rules in [Rules::since(7, 2), Rules::since(5, 12), Rules::ROOT] {
        let reason = refused_by(&rules, text).why;
        assert!(matches!(reason, Reason::Unwritten { reg: R9 }), "{rules:?}: {reason}");
    }
    accepted_by(&Rules::ROOT, &text.replace("&= 255", "&= 511"));
}

#[test]
fn paths_that_meet_in_the_same_state_are_followed_once() {
    let mut text = "r2 = *(u32 *)(r1 +12)\n".to_owned();
    for at in 0..200 {
        text += &format!("if r2 == {at} goto l{at}\n r3 = {at}\nl{at}:\n");
    }
    let report = accepted(&format!("{text} r0 = 2\n exit"));
    assert!(report.processed < 1500, "{report:?}");
    assert_eq!(report.jumps, 200);
}
