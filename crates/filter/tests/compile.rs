//! What policies compile to: that nothing is emitted that no rule asks for, that bytes depend on
//! policy and target alone, and that what the kernel would refuse is refused before.

mod compiled;

use compiled::{compiled, listing, part, policy};
use expect_test::expect;
use palisade_asm::Isa;
use palisade_filter::{Access, BUILTIN, Buffers, ByteOrder, PlanError, Target, compile};

const TARGET: Target = Target { order: ByteOrder::Little, ..Target::FLOOR };

#[test]
fn a_policy_that_looks_at_no_header_has_no_parser() {
    expect![[r#"
        .map _control array key 4 value 24 max 1
        .map _counters percpu_array key 4 value 16 max 24
        ; start
          *(u64 *)(r10 -8) = r1
          r7 = *(u32 *)(r1 +0)
          r8 = *(u32 *)(r1 +4)
          r9 = r8
          r9 -= r7
          r1 = map[_control]+0
          r6 = *(u64 *)(r1 +0)
          if r6 == 0x2 goto off
        ; 1: default pass
          r7 = 11
          goto pass
        off:
        ; off
          r7 = 0
          goto pass
        pass:
        ; verdict
          *(u32 *)(r10 -244) = r7
          r1 = map[_counters]
          r2 = r10
          r2 += -244
          call bpf_map_lookup_elem#1
          if r0 == 0x0 goto done
          r1 = *(u64 *)(r0 +0)
          r1 += 1
          *(u64 *)(r0 +0) = r1
          r1 = *(u64 *)(r0 +8)
          r1 += r9
          *(u64 *)(r0 +8) = r1
        done:
          r0 = 2
          exit
    "#]]
    .assert_eq(&listing("default pass", TARGET));
}

#[test]
fn a_version_of_ip_that_no_rule_is_about_is_not_parsed() {
    let v4 = listing("drop src 10.0.0.0/8\ndefault pass", TARGET);
    assert!(v4.contains("\nip4:\n") && !v4.contains("ip6"), "{v4}");
    assert!(!v4.contains("short-l4"), "nothing of layer 4 is asked for:\n{v4}");
    let v6 = listing("drop src 2001:db8::/32 tcp dport 22\ndefault pass", TARGET);
    assert!(v6.contains("\nip6:\n") && !v6.contains("ip4"), "{v6}");
    let arp = listing("keep arp\ndefault drop", TARGET);
    assert!(
        !arp.contains("ip4") && !arp.contains("malformed") && !arp.contains("short-l2"),
        "{arp}"
    );
}

#[test]
fn rules_behind_one_that_always_decides_are_left_out() {
    let text = listing("drop ip4\npass src 10.0.0.1\ndrop ip6\ndefault pass", TARGET);
    assert!(!text.contains("pass src 10.0.0.1"), "{text}");
}

#[test]
fn a_prefix_is_compared_by_its_fixed_bits() {
    part(
        &listing("drop src 10.0.0.0/9\ndefault pass", TARGET),
        "; 1: drop",
        ": default ",
        expect![[r#"
            ; 1: drop src 10.0.0.0/9
              r1 = *(u32 *)(r10 -204)
              w1 &= 33023
              if w1 != 0xa goto past line 1
              r7 = 11
              goto drop
            past line 1:
        "#]],
    );
    part(
        &listing("drop dst 2001:db8::/33\ndefault pass", TARGET),
        "; 1: drop",
        ": default ",
        expect![[r#"
            ; 1: drop dst 2001:db8::/33
              r1 = *(u32 *)(r10 -224)
              if w1 != 0xb80d0120 goto past line 1
              r1 = *(u32 *)(r10 -220)
              w1 &= 128
              if w1 != 0x0 goto past line 1
              r7 = 11
              goto drop
            past line 1:
        "#]],
    );
}

#[test]
fn cheap_tests_come_before_look_ups_and_hits_wait_for_the_whole_rule() {
    let text =
        "set a net\nset w service\ndrop dst in a service in w sport 1024-65535\ndefault pass";
    part(
        &listing(text, TARGET),
        "; 3: drop",
        ": default ",
        expect![[r#"
            ; 3: drop dst in a service in w sport 1024-65535
              r1 = *(u32 *)(r10 -268)
              if r1 < 0x400 goto past line 3
              r1 = map[w]
              r2 = r10
              r2 += -276
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r0 = *(u64 *)(r0 +0)
              if r0 == 0x0 goto past line 3
              r1 = *(u32 *)(r10 -260)
              if r1 == 0x6 goto service cell
              r0 >>= 16
              if r1 == 0x11 goto service cell
              r0 >>= 16
            service cell:
              r0 &= 65535
              if r0 == 0x0 goto past line 3
              *(u32 *)(r10 -244) = r0
              r1 = map[w:items]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = *(u64 *)(r0 +16)
              if r1 == 0x0 goto service
              *(u64 *)(r10 -16) = r0
              call bpf_jiffies64#118
              r3 = map[_control]+0
              r1 = *(u64 *)(r3 +8)
              r2 = *(u64 *)(r3 +16)
              r0 -= r1
              r0 *= r2
              r2 = r0
              r0 = *(u64 *)(r10 -16)
              r1 = *(u64 *)(r0 +16)
              if r1 > r2 goto service
              goto past line 3
            service:
              r0 = *(u32 *)(r10 -244)
              *(u64 *)(r10 -40) = r0
              r3 = map[a:fill]+0
              r1 = *(u64 *)(r3 +0)
              r2 = *(u64 *)(r3 +16)
              r1 |= r2
              if r1 == 0x0 goto past line 3
              r8 = *(u32 *)(r10 -220)
              r8 = be32 r8
              r1 = *(u64 *)(r3 +80)
              r0 = r8
              r0 >>= r1
              r2 = 64
              r2 -= r1
              r8 <<= r2
              *(u32 *)(r10 -244) = r0
              r1 = map[a:nodes]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = r8
              r1 >>= 57
              r1 &= 120
              r0 += r1
              r8 <<= 4
              r0 = *(u64 *)(r0 +0)
              if r0 s< 0x0 goto node
              goto leaf
            node:
              *(u32 *)(r10 -244) = r0
              r1 = map[a:nodes]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = r8
              r1 >>= 57
              r1 &= 120
              r0 += r1
              r8 <<= 4
              r0 = *(u64 *)(r0 +0)
              if r0 s< 0x0 goto node.2
              goto leaf
            node.2:
              *(u32 *)(r10 -244) = r0
              r1 = map[a:nodes]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = r8
              r1 >>= 57
              r1 &= 120
              r0 += r1
              r8 <<= 4
              r0 = *(u64 *)(r0 +0)
              if r0 s< 0x0 goto node.3
              goto leaf
            node.3:
              *(u32 *)(r10 -244) = r0
              r1 = map[a:nodes]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = r8
              r1 >>= 57
              r1 &= 120
              r0 += r1
              r8 <<= 4
              r0 = *(u64 *)(r0 +0)
              if r0 s< 0x0 goto node.4
              goto leaf
            node.4:
              *(u32 *)(r10 -244) = r0
              r1 = map[a:nodes]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = r8
              r1 >>= 57
              r1 &= 120
              r0 += r1
              r8 <<= 4
              r0 = *(u64 *)(r0 +0)
              if r0 s< 0x0 goto node.5
              goto leaf
            node.5:
              *(u32 *)(r10 -244) = r0
              r1 = map[a:nodes]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = r8
              r1 >>= 57
              r1 &= 120
              r0 += r1
              r8 <<= 4
              r0 = *(u64 *)(r0 +0)
              if r0 s< 0x0 goto node.6
              goto leaf
            node.6:
              goto past line 3
            leaf:
              if r0 & 0x10000000 goto lone
            found:
              if r0 & 0x8000000 goto timed
              r0 &= 134217727
              if r0 != 0x0 goto in set
              goto past line 3
            timed:
              r0 &= 134217727
              *(u64 *)(r10 -24) = r0
              *(u32 *)(r10 -244) = r0
              r1 = map[a]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = *(u64 *)(r0 +16)
              if r1 == 0x0 goto alive
              *(u64 *)(r10 -16) = r1
              call bpf_jiffies64#118
              r3 = map[_control]+0
              r1 = *(u64 *)(r3 +8)
              r2 = *(u64 *)(r3 +16)
              r0 -= r1
              r0 *= r2
              r1 = *(u64 *)(r10 -16)
              if r1 <= r0 goto past line 3
            alive:
              r0 = *(u64 *)(r10 -24)
              goto in set
            lone:
              r1 = r8
              r1 >>= 1
              r1 ^= r0
              r2 = r0
              r2 >>= 32
              r2 &= 63
              r1 >>= r2
              if r1 == 0x0 goto found
              if r0 & 0x20000000 goto covered
              goto past line 3
            covered:
              r0 &= 134217727
              *(u32 *)(r10 -244) = r0
              r1 = map[a]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r0 = *(u64 *)(r0 +40)
              w0 = w0
              goto found
            in set:
              *(u64 *)(r10 -48) = r0
              r0 = *(u64 *)(r10 -40)
              *(u32 *)(r10 -244) = r0
              r1 = map[w:hits]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto service counted
              r1 = *(u64 *)(r0 +0)
              r1 += 1
              *(u64 *)(r0 +0) = r1
              r1 = *(u64 *)(r0 +8)
              r1 += r9
              *(u64 *)(r0 +8) = r1
            service counted:
              r0 = *(u64 *)(r10 -48)
              *(u32 *)(r10 -244) = r0
              call bpf_get_smp_processor_id#8
              r3 = map[a:fill]+0
              r1 = *(u64 *)(r3 +112)
              r0 &= r1
              r1 = *(u64 *)(r3 +104)
              r0 *= r1
              r2 = *(u32 *)(r10 -244)
              r0 += r2
              *(u32 *)(r10 -244) = r0
              r1 = map[a:hits]
              r2 = r10
              r2 += -244
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto entry counted
              r3 = map[a:fill]+0
              r1 = *(u64 *)(r3 +120)
              if r1 != 0x0 goto shared
              r1 = *(u64 *)(r0 +0)
              r1 += 1
              *(u64 *)(r0 +0) = r1
              r1 = *(u64 *)(r0 +8)
              r1 += r9
              *(u64 *)(r0 +8) = r1
              goto entry counted
            shared:
              r1 = 1
              lock *(u64 *)(r0 +0) += r1
              lock *(u64 *)(r0 +8) += r9
            entry counted:
              r7 = 11
              goto drop
            past line 3:
        "#]],
    );
}

#[test]
fn constants_of_the_packet_follow_the_byte_order_of_the_machine() {
    let big = Target { order: ByteOrder::Big, ..TARGET };
    let text = compiled("drop src 10.0.0.0/9\ndefault pass", big).program.to_string();
    assert!(text.contains("== 0x800 goto"), "{text}");
    assert!(text.contains("w1 != 0xa000000 goto"), "{text}");
}

#[test]
fn the_same_policy_gives_the_same_bytes() {
    for target in targets() {
        let bytes = || {
            let artifact = compiled(BUILTIN, target);
            artifact.program.encode(target.isa).expect("encodes").to_bytes(ByteOrder::Little)
        };
        assert_eq!(bytes(), bytes());
    }
}

#[test]
fn the_length_is_asked_of_the_kernel_only_where_the_target_says_so() {
    for target in targets() {
        let text = compiled(BUILTIN, target).program.to_string();
        let asks = text.contains("xdp_get_buff_len");
        let subtracts = text.contains("r9 -= r7");
        let pointers = target.access == Access::Pointers;
        assert_eq!(asks, target.buffers == Buffers::Multi || !pointers);
        assert_eq!(subtracts, pointers);
    }
}

fn targets() -> Vec<Target> {
    let mut all = Vec::new();
    for buffers in [Buffers::Single, Buffers::Multi] {
        for access in [Access::Pointers, Access::Helpers] {
            all.push(Target { buffers, access, isa: Isa::V3, ..TARGET });
        }
    }
    all
}

#[test]
fn more_branches_than_the_verifier_follows_are_refused_with_the_rule() {
    let rules: String = (0..9000)
        .map(|i| format!("drop src 10.{}.{}.1 ttl = {}\n", i / 256, i % 256, i % 250))
        .collect();
    let text = format!("{rules}default pass\n");
    let refused = compile(&policy(&text), TARGET).expect_err("too many branches");
    let PlanError::TooManyBranches { line, limit, .. } = refused else { panic!("{refused}") };
    assert_eq!(limit, 8192);
    assert!((1000..9000).contains(&line), "line {line}");
}

#[test]
fn more_maps_than_a_program_may_use_are_refused() {
    let sets: String = (0..20).map(|i| format!("set s{i} net\n")).collect();
    let refused = compile(&policy(&format!("{sets}default pass")), TARGET);
    let refused = refused.expect_err("too many");
    assert!(matches!(refused, PlanError::TooManyMaps { line: 13, limit: 64, .. }), "{refused}");
}

#[test]
fn more_sets_in_one_rule_than_there_is_room_for_are_refused() {
    let terms = "src in s dst in s ".repeat(5);
    let text = format!("set s net\ndrop {terms}\ndefault pass");
    let refused = compile(&policy(&text), TARGET).expect_err("too many");
    assert!(matches!(refused, PlanError::TooManySets { line: 2, sets: 10, limit: 8, .. }));
}
