//! What policies compile to: that nothing is emitted that no rule asks for, that bytes depend on
//! policy and target alone, and that what the kernel would refuse is refused before.

use byteorder::LittleEndian;
use expect_test::{Expect, expect};
use palisade_asm::Isa;
use palisade_filter::{
    Access, Artifact, BUILTIN, Buffers, ByteOrder, PlanError, Policy, Target, compile, parse,
};

const TARGET: Target = Target { order: ByteOrder::Little, ..Target::FLOOR };

fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)))
}

fn compiled(text: &str, target: Target) -> Artifact {
    compile(&policy(text), target).expect("the policy compiles")
}

fn listing(text: &str) -> String {
    compiled(text, TARGET).program.listing().to_string()
}

/// The listing from the line that begins with `from` up to the one that begins with `to`.
fn part(text: &str, from: &str, to: &str, want: Expect) {
    let listing = listing(text);
    let lines = listing.lines().skip_while(|line| !line.starts_with(from));
    let part: Vec<&str> = lines.take_while(|line| !line.starts_with(to)).collect();
    want.assert_eq(&format!("{}\n", part.join("\n")));
}

#[test]
fn a_policy_that_looks_at_no_header_has_no_parser() {
    expect![[r#"
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
          r8 = 2
          *(u32 *)(r10 -196) = r7
          r1 = map[_counters]
          r2 = r10
          r2 += -196
          call bpf_map_lookup_elem#1
          if r0 == 0x0 goto done
          r1 = *(u64 *)(r0 +0)
          r1 += 1
          *(u64 *)(r0 +0) = r1
          r1 = *(u64 *)(r0 +8)
          r1 += r9
          *(u64 *)(r0 +8) = r1
        done:
          r0 = r8
          exit
    "#]]
    .assert_eq(&listing("default pass"));
}

#[test]
fn a_version_of_ip_that_no_rule_is_about_is_not_parsed() {
    let v4 = listing("drop src 10.0.0.0/8\ndefault pass");
    assert!(v4.contains("\nip4:\n") && !v4.contains("ip6"), "{v4}");
    assert!(!v4.contains("short-l4"), "nothing of layer 4 is asked for:\n{v4}");
    let v6 = listing("drop src 2001:db8::/32 tcp dport 22\ndefault pass");
    assert!(v6.contains("\nip6:\n") && !v6.contains("ip4"), "{v6}");
    let arp = listing("keep arp\ndefault drop");
    assert!(
        !arp.contains("ip4") && !arp.contains("malformed") && !arp.contains("short-l2"),
        "{arp}"
    );
}

#[test]
fn rules_behind_one_that_always_decides_are_left_out() {
    let text = listing("drop ip4\npass src 10.0.0.1\ndrop ip6\ndefault pass");
    assert!(!text.contains("pass src 10.0.0.1"), "{text}");
}

#[test]
fn a_prefix_is_compared_by_its_fixed_bits() {
    part(
        "drop src 10.0.0.0/9\ndefault pass",
        "; 1: drop",
        "; default",
        expect![[r#"
            ; 1: drop src 10.0.0.0/9
              r1 = *(u32 *)(r10 -148)
              w1 &= 33023
              if w1 != 0xa goto past line 1
              r7 = 11
              goto drop
            past line 1:
            ; 2: default pass
              r7 = 12
              goto pass
            other:
              r7 = 12
              goto pass
            short-l2:
            ; short-l2
              r7 = 1
              goto drop
            vlan-too-deep:
            ; vlan-too-deep
              r7 = 2
              goto drop
            short-l3:
            ; short-l3
              r7 = 3
              goto drop
            bad-version:
            ; bad-version
              r7 = 4
              goto drop
            bad-ihl:
            ; bad-ihl
              r7 = 5
              goto drop
            bad-length:
            ; bad-length
              r7 = 6
              goto drop
            off:
            ; off
              r7 = 0
              goto pass
            drop:
            ; verdict
              r8 = 1
              if r6 != 0x0 goto shadow
            count:
              *(u32 *)(r10 -196) = r7
              r1 = map[_counters]
              r2 = r10
              r2 += -196
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto done
              r1 = *(u64 *)(r0 +0)
              r1 += 1
              *(u64 *)(r0 +0) = r1
              r1 = *(u64 *)(r0 +8)
              r1 += r9
              *(u64 *)(r0 +8) = r1
            done:
              r0 = r8
              exit
            shadow:
              r7 += 13
            pass:
              r8 = 2
              goto count
        "#]],
    );
    part(
        "drop dst 2001:db8::/33\ndefault pass",
        "; 1: drop",
        "; default",
        expect![[r#"
            ; 1: drop dst 2001:db8::/33
              r1 = *(u32 *)(r10 -168)
              if w1 != 0xb80d0120 goto past line 1
              r1 = *(u32 *)(r10 -164)
              w1 &= 128
              if w1 != 0x0 goto past line 1
              r7 = 11
              goto drop
            past line 1:
            ; 2: default pass
              r7 = 12
              goto pass
            other:
              r7 = 12
              goto pass
            short-l2:
            ; short-l2
              r7 = 1
              goto drop
            vlan-too-deep:
            ; vlan-too-deep
              r7 = 2
              goto drop
            short-l3:
            ; short-l3
              r7 = 3
              goto drop
            bad-version:
            ; bad-version
              r7 = 4
              goto drop
            bad-length:
            ; bad-length
              r7 = 6
              goto drop
            off:
            ; off
              r7 = 0
              goto pass
            drop:
            ; verdict
              r8 = 1
              if r6 != 0x0 goto shadow
            count:
              *(u32 *)(r10 -196) = r7
              r1 = map[_counters]
              r2 = r10
              r2 += -196
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto done
              r1 = *(u64 *)(r0 +0)
              r1 += 1
              *(u64 *)(r0 +0) = r1
              r1 = *(u64 *)(r0 +8)
              r1 += r9
              *(u64 *)(r0 +8) = r1
            done:
              r0 = r8
              exit
            shadow:
              r7 += 13
            pass:
              r8 = 2
              goto count
        "#]],
    );
}

#[test]
fn cheap_tests_come_before_look_ups_and_hits_wait_for_the_whole_rule() {
    part(
        "set a net\nset w service\ndrop dst in a service in w sport 1024-65535\ndefault pass",
        "; 3: drop",
        "; default",
        expect![[r#"
            ; 3: drop dst in a service in w sport 1024-65535
              r1 = *(u32 *)(r10 -220)
              if r1 < 0x400 goto past line 3
              r1 = map[w]
              r2 = r10
              r2 += -228
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r0 = *(u64 *)(r0 +0)
              if r0 == 0x0 goto past line 3
              r1 = *(u32 *)(r10 -212)
              if r1 == 0x6 goto service cell
              r0 >>= 16
              if r1 == 0x11 goto service cell
              r0 >>= 16
            service cell:
              r0 &= 65535
              if r0 == 0x0 goto past line 3
              *(u32 *)(r10 -196) = r0
              r1 = map[w:items]
              r2 = r10
              r2 += -196
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
              r0 = *(u32 *)(r10 -196)
              *(u64 *)(r10 -40) = r0
              r1 = map[a:fill]+0
              r1 = *(u64 *)(r1 +0)
              if r1 == 0x0 goto no such host
              r1 = map[a]
              r2 = r10
              r2 += -172
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto no such host
              r1 = *(u64 *)(r0 +24)
              if r1 == 0x0 goto in set
              *(u64 *)(r10 -16) = r0
              call bpf_jiffies64#118
              r3 = map[_control]+0
              r1 = *(u64 *)(r3 +8)
              r2 = *(u64 *)(r3 +16)
              r0 -= r1
              r0 *= r2
              r2 = r0
              r0 = *(u64 *)(r10 -16)
              r1 = *(u64 *)(r0 +24)
              if r1 > r2 goto in set
            no such host:
              r1 = map[a:fill]+16
              r1 = *(u64 *)(r1 +0)
              if r1 == 0x0 goto past line 3
              r1 = map[a:net4]
              r2 = r10
              r2 += -176
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3
              r1 = *(u64 *)(r0 +24)
              if r1 == 0x0 goto in set
              *(u64 *)(r10 -16) = r0
              call bpf_jiffies64#118
              r3 = map[_control]+0
              r1 = *(u64 *)(r3 +8)
              r2 = *(u64 *)(r3 +16)
              r0 -= r1
              r0 *= r2
              r2 = r0
              r0 = *(u64 *)(r10 -16)
              r1 = *(u64 *)(r0 +24)
              if r1 > r2 goto in set
              goto past line 3
            in set:
              *(u64 *)(r10 -48) = r0
              r0 = *(u64 *)(r10 -40)
              *(u32 *)(r10 -196) = r0
              r1 = map[w:hits]
              r2 = r10
              r2 += -196
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
              r1 = 1
              lock *(u64 *)(r0 +0) += r1
              lock *(u64 *)(r0 +8) += r9
              r7 = 11
              goto drop
            past line 3:
            ; 4: default pass
              r7 = 12
              goto pass
            careful:
            ; ethernet
              r1 = r7
              r1 += 14
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +12)
              r7 += 14
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan
              if r2 != 0xa888 goto other
            vlan:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan.2
              if r2 != 0xa888 goto other
            vlan.2:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan.3
              if r2 != 0xa888 goto other
            vlan.3:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan.4
              if r2 != 0xa888 goto other
            vlan.4:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan.5
              if r2 != 0xa888 goto other
            vlan.5:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan.6
              if r2 != 0xa888 goto other
            vlan.6:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan.7
              if r2 != 0xa888 goto other
            vlan.7:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan.8
              if r2 != 0xa888 goto other
            vlan.8:
              r1 = r7
              r1 += 4
              if r1 > r8 goto short-l2
              r2 = *(u16 *)(r7 +2)
              r7 += 4
              if r2 == 0x8 goto ip4
              if r2 == 0xdd86 goto ip6
              if r2 == 0x81 goto vlan-too-deep
              if r2 == 0xa888 goto vlan-too-deep
              goto other
            ip4:
            ; ip4
              r1 = r7
              r1 += 20
              if r1 > r8 goto short-l3
              r1 = *(u8 *)(r7 +0)
              if r1 != 0x45 goto ip4 unusual
              r1 = 20
              goto ip4 length
            ip4 unusual:
              r3 = r1
              r3 >>= 4
              if r3 != 0x4 goto bad-version
              r1 &= 15
              r1 <<= 2
              if r1 < 0x14 goto bad-ihl
              r3 = r7
              r3 += r1
              if r3 > r8 goto short-l3
            ip4 length:
              r2 = *(u16 *)(r7 +2)
              r2 = be16 r2
              if r2 < r1 goto bad-length
              r3 = r8
              r3 -= r7
              if r2 s> r3 goto bad-length
              r3 = *(u32 *)(r7 +16)
              *(u32 *)(r10 -172) = r3
              *(u32 *)(r10 -176) = 32
              r5 = *(u8 *)(r7 +9)
              *(u32 *)(r10 -212) = r5
              r3 = *(u16 *)(r7 +6)
              if r3 & 0xff1f goto icmp/other/later fragment rules
              r4 = r2
              r4 -= r1
              r7 += r1
            transport:
              if r5 == 0x11 goto udp
              if r5 == 0x6 goto tcp
              if r5 == 0x1 goto icmp
              if r5 == 0x84 goto sctp
              goto icmp/other/later fragment rules
            udp:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +0)
              r2 = be16 r2
              *(u32 *)(r10 -220) = r2
              r1 = *(u16 *)(r7 +2)
              r1 = be16 r1
              *(u32 *)(r10 -228) = r1
              goto tcp/udp/sctp rules
            tcp:
              if r4 < 0x14 goto short-l4
              r1 = r7
              r1 += 20
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +12)
              r1 >>= 4
              r1 <<= 2
              if r1 < 0x14 goto bad-offset
              if r1 > r4 goto bad-offset
              r2 = *(u16 *)(r7 +0)
              r2 = be16 r2
              *(u32 *)(r10 -220) = r2
              r1 = *(u16 *)(r7 +2)
              r1 = be16 r1
              *(u32 *)(r10 -228) = r1
              goto tcp/udp/sctp rules
            icmp:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              goto icmp/other/later fragment rules
            sctp:
              if r4 < 0xc goto short-l4
              r1 = r7
              r1 += 12
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +0)
              r2 = be16 r2
              *(u32 *)(r10 -220) = r2
              r1 = *(u16 *)(r7 +2)
              r1 = be16 r1
              *(u32 *)(r10 -228) = r1
              goto tcp/udp/sctp rules
            icmp/other/later fragment rules:
            ; 4: default pass
              r7 = 12
              goto pass
            ip6:
            ; ip6
              r1 = r7
              r1 += 40
              if r1 > r8 goto short-l3
              r1 = *(u8 *)(r7 +0)
              r1 >>= 4
              if r1 != 0x6 goto bad-version
              r2 = *(u16 *)(r7 +4)
              r2 = be16 r2
              if r2 == 0x0 goto bad-length
              r3 = r8
              r3 -= r7
              r3 -= 40
              if r2 s> r3 goto bad-length
              r3 = *(u64 *)(r7 +24)
              *(u64 *)(r10 -168) = r3
              r3 = *(u64 *)(r7 +32)
              *(u64 *)(r10 -160) = r3
              *(u32 *)(r10 -172) = 128
              *(u32 *)(r10 -260) = 0
              r5 = *(u8 *)(r7 +6)
              r3 = r7
              r0 = 40
              r7 += 40
              r4 = r2
              if r5 == 0x11 goto ip6 transport
              if r5 == 0x6 goto ip6 transport
              if r5 == 0x0 goto hop-by-hop
              if r5 == 0x3c goto destination options
              if r5 == 0x2b goto routing
              if r5 == 0x2c goto fragment
              if r5 == 0x33 goto authentication
              goto ip6 transport
            hop-by-hop:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header
            destination options:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header
            routing:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header
            fragment:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header
            authentication:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header
            next header:
              if r5 == 0x3c goto destination options.2
              if r5 == 0x2b goto routing.2
              if r5 == 0x2c goto fragment.2
              if r5 == 0x33 goto authentication.2
              if r5 == 0x0 goto bad-ext-hdr
              goto ip6 transport
            destination options.2:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.2
            routing.2:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.2
            fragment.2:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.2
            authentication.2:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.2
            next header.2:
              if r5 == 0x3c goto destination options.3
              if r5 == 0x2b goto routing.3
              if r5 == 0x2c goto fragment.3
              if r5 == 0x33 goto authentication.3
              if r5 == 0x0 goto bad-ext-hdr
              goto ip6 transport
            destination options.3:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.3
            routing.3:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.3
            fragment.3:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.3
            authentication.3:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.3
            next header.3:
              if r5 == 0x3c goto destination options.4
              if r5 == 0x2b goto routing.4
              if r5 == 0x2c goto fragment.4
              if r5 == 0x33 goto authentication.4
              if r5 == 0x0 goto bad-ext-hdr
              goto ip6 transport
            destination options.4:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.4
            routing.4:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.4
            fragment.4:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.4
            authentication.4:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.4
            next header.4:
              if r5 == 0x3c goto destination options.5
              if r5 == 0x2b goto routing.5
              if r5 == 0x2c goto fragment.5
              if r5 == 0x33 goto authentication.5
              if r5 == 0x0 goto bad-ext-hdr
              goto ip6 transport
            destination options.5:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.5
            routing.5:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.5
            fragment.5:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.5
            authentication.5:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.5
            next header.5:
              if r5 == 0x3c goto destination options.6
              if r5 == 0x2b goto routing.6
              if r5 == 0x2c goto fragment.6
              if r5 == 0x33 goto authentication.6
              if r5 == 0x0 goto bad-ext-hdr
              goto ip6 transport
            destination options.6:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.6
            routing.6:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.6
            fragment.6:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.6
            authentication.6:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.6
            next header.6:
              if r5 == 0x3c goto destination options.7
              if r5 == 0x2b goto routing.7
              if r5 == 0x2c goto fragment.7
              if r5 == 0x33 goto authentication.7
              if r5 == 0x0 goto bad-ext-hdr
              goto ip6 transport
            destination options.7:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.7
            routing.7:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.7
            fragment.7:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.7
            authentication.7:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.7
            next header.7:
              if r5 == 0x3c goto destination options.8
              if r5 == 0x2b goto routing.8
              if r5 == 0x2c goto fragment.8
              if r5 == 0x33 goto authentication.8
              if r5 == 0x0 goto bad-ext-hdr
              goto ip6 transport
            destination options.8:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.8
            routing.8:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u8 *)(r7 +3)
              if r2 != 0x0 goto bad-ext-hdr
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 1
              r1 <<= 3
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.8
            fragment.8:
              r1 = *(u32 *)(r10 -260)
              if r1 != 0x0 goto bad-ext-hdr
              *(u32 *)(r10 -260) = 1
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +2)
              if r2 & 0xf8ff goto icmp/other/later fragment rules.2
              r1 = 8
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = 8
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.8
            authentication.8:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              if r1 > r4 goto short-l4
              r4 -= r1
              r5 = *(u8 *)(r7 +0)
              r1 = *(u8 *)(r7 +1)
              r1 += 2
              r1 <<= 2
              r0 += r1
              *(u32 *)(r10 -100) = r0
              r0 = *(u32 *)(r10 -100)
              r0 &= 32767
              r7 = r3
              r7 += r0
              goto next header.8
            next header.8:
              if r5 == 0x0 goto bad-ext-hdr
              if r5 == 0x3c goto ext-hdr-too-deep
              if r5 == 0x2b goto ext-hdr-too-deep
              if r5 == 0x2c goto ext-hdr-too-deep
              if r5 == 0x33 goto ext-hdr-too-deep
            ip6 transport:
              *(u32 *)(r10 -212) = r5
              if r5 == 0x11 goto udp.2
              if r5 == 0x6 goto tcp.2
              if r5 == 0x3a goto icmp.2
              if r5 == 0x84 goto sctp.2
              goto icmp/other/later fragment rules.2
            udp.2:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +0)
              r2 = be16 r2
              *(u32 *)(r10 -220) = r2
              r1 = *(u16 *)(r7 +2)
              r1 = be16 r1
              *(u32 *)(r10 -228) = r1
              goto tcp/udp/sctp rules.2
            tcp.2:
              if r4 < 0x14 goto short-l4
              r1 = r7
              r1 += 20
              if r1 > r8 goto short-l4
              r1 = *(u8 *)(r7 +12)
              r1 >>= 4
              r1 <<= 2
              if r1 < 0x14 goto bad-offset
              if r1 > r4 goto bad-offset
              r2 = *(u16 *)(r7 +0)
              r2 = be16 r2
              *(u32 *)(r10 -220) = r2
              r1 = *(u16 *)(r7 +2)
              r1 = be16 r1
              *(u32 *)(r10 -228) = r1
              goto tcp/udp/sctp rules.2
            icmp.2:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              goto icmp/other/later fragment rules.2
            sctp.2:
              if r4 < 0xc goto short-l4
              r1 = r7
              r1 += 12
              if r1 > r8 goto short-l4
              r2 = *(u16 *)(r7 +0)
              r2 = be16 r2
              *(u32 *)(r10 -220) = r2
              r1 = *(u16 *)(r7 +2)
              r1 = be16 r1
              *(u32 *)(r10 -228) = r1
              goto tcp/udp/sctp rules.2
            tcp/udp/sctp rules.2:
            ; 3: drop dst in a service in w sport 1024-65535
              r1 = *(u32 *)(r10 -220)
              if r1 < 0x400 goto past line 3.2
              r1 = map[w]
              r2 = r10
              r2 += -228
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3.2
              r0 = *(u64 *)(r0 +0)
              if r0 == 0x0 goto past line 3.2
              r1 = *(u32 *)(r10 -212)
              if r1 == 0x6 goto service cell.2
              r0 >>= 16
              if r1 == 0x11 goto service cell.2
              r0 >>= 16
            service cell.2:
              r0 &= 65535
              if r0 == 0x0 goto past line 3.2
              *(u32 *)(r10 -196) = r0
              r1 = map[w:items]
              r2 = r10
              r2 += -196
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3.2
              r1 = *(u64 *)(r0 +16)
              if r1 == 0x0 goto service.2
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
              if r1 > r2 goto service.2
              goto past line 3.2
            service.2:
              r0 = *(u32 *)(r10 -196)
              *(u64 *)(r10 -40) = r0
              r1 = map[a:fill]+8
              r1 = *(u64 *)(r1 +0)
              if r1 == 0x0 goto no such host.2
              r1 = map[a:host6]
              r2 = r10
              r2 += -168
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto no such host.2
              r1 = *(u64 *)(r0 +24)
              if r1 == 0x0 goto in set.2
              *(u64 *)(r10 -16) = r0
              call bpf_jiffies64#118
              r3 = map[_control]+0
              r1 = *(u64 *)(r3 +8)
              r2 = *(u64 *)(r3 +16)
              r0 -= r1
              r0 *= r2
              r2 = r0
              r0 = *(u64 *)(r10 -16)
              r1 = *(u64 *)(r0 +24)
              if r1 > r2 goto in set.2
            no such host.2:
              r1 = map[a:fill]+24
              r1 = *(u64 *)(r1 +0)
              if r1 == 0x0 goto past line 3.2
              r1 = map[a:net6]
              r2 = r10
              r2 += -172
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto past line 3.2
              r1 = *(u64 *)(r0 +24)
              if r1 == 0x0 goto in set.2
              *(u64 *)(r10 -16) = r0
              call bpf_jiffies64#118
              r3 = map[_control]+0
              r1 = *(u64 *)(r3 +8)
              r2 = *(u64 *)(r3 +16)
              r0 -= r1
              r0 *= r2
              r2 = r0
              r0 = *(u64 *)(r10 -16)
              r1 = *(u64 *)(r0 +24)
              if r1 > r2 goto in set.2
              goto past line 3.2
            in set.2:
              *(u64 *)(r10 -48) = r0
              r0 = *(u64 *)(r10 -40)
              *(u32 *)(r10 -196) = r0
              r1 = map[w:hits]
              r2 = r10
              r2 += -196
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto service counted.2
              r1 = *(u64 *)(r0 +0)
              r1 += 1
              *(u64 *)(r0 +0) = r1
              r1 = *(u64 *)(r0 +8)
              r1 += r9
              *(u64 *)(r0 +8) = r1
            service counted.2:
              r0 = *(u64 *)(r10 -48)
              r1 = 1
              lock *(u64 *)(r0 +0) += r1
              lock *(u64 *)(r0 +8) += r9
              r7 = 11
              goto drop
            past line 3.2:
            ; 4: default pass
              r7 = 12
              goto pass
            icmp/other/later fragment rules.2:
              r7 = 12
              goto pass
            other:
              r7 = 12
              goto pass
            short-l2:
            ; short-l2
              r7 = 1
              goto drop
            vlan-too-deep:
            ; vlan-too-deep
              r7 = 2
              goto drop
            short-l3:
            ; short-l3
              r7 = 3
              goto drop
            bad-version:
            ; bad-version
              r7 = 4
              goto drop
            bad-ihl:
            ; bad-ihl
              r7 = 5
              goto drop
            bad-length:
            ; bad-length
              r7 = 6
              goto drop
            ext-hdr-too-deep:
            ; ext-hdr-too-deep
              r7 = 7
              goto drop
            bad-ext-hdr:
            ; bad-ext-hdr
              r7 = 8
              goto drop
            short-l4:
            ; short-l4
              r7 = 9
              goto drop
            bad-offset:
            ; bad-offset
              r7 = 10
              goto drop
            off:
            ; off
              r7 = 0
              goto pass
            drop:
            ; verdict
              r8 = 1
              if r6 != 0x0 goto shadow
            count:
              *(u32 *)(r10 -196) = r7
              r1 = map[_counters]
              r2 = r10
              r2 += -196
              call bpf_map_lookup_elem#1
              if r0 == 0x0 goto done
              r1 = *(u64 *)(r0 +0)
              r1 += 1
              *(u64 *)(r0 +0) = r1
              r1 = *(u64 *)(r0 +8)
              r1 += r9
              *(u64 *)(r0 +8) = r1
            done:
              r0 = r8
              exit
            shadow:
              r7 += 13
            pass:
              r8 = 2
              goto count
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
            artifact.program.encode(target.isa).expect("encodes").to_bytes::<LittleEndian>()
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
