//! What the planner makes of rules: that a packet meets only those that can match it, that what
//! neighbours share is tested once, that long lists are looked up, and that dead rules are named.

use expect_test::{Expect, expect};
use palisade_filter::{Artifact, Buffers, ByteOrder, Dead, Target, compile, parse};

const TARGET: Target =
    Target { order: ByteOrder::Little, buffers: Buffers::Multi, ..Target::FLOOR };

fn compiled(text: &str) -> Artifact {
    let policy = parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)));
    compile(&policy, TARGET).unwrap_or_else(|error| panic!("{error}"))
}

fn listing(text: &str) -> String {
    compiled(text).program.listing().to_string()
}

/// The instructions that one line of the policy asked for, wherever they stand.
fn of_line(text: &str, line: u32) -> Vec<String> {
    let listing = listing(text);
    let mut found = Vec::new();
    let mut inside = false;
    for row in listing.lines() {
        match row.strip_prefix("; ") {
            Some(note) => inside = note.starts_with(&format!("{line}: ")),
            None if inside && row.starts_with("  ") => found.push(row.trim().to_owned()),
            None => {}
        }
    }
    found
}

/// The part of the listing between the lines that begin with `from` and `to`.
fn part(text: &str, from: &str, to: &str, want: Expect) {
    let listing = listing(text);
    let lines = listing.lines().skip_while(|line| !line.starts_with(from));
    let part: Vec<&str> = lines.take_while(|line| !line.starts_with(to)).collect();
    want.assert_eq(&format!("{}\n", part.join("\n")));
}

#[test]
fn a_packet_meets_only_rules_of_its_family_and_protocol() {
    let text = "drop tcp dport 22\ndrop udp dport 53\ndrop icmp type 8\ndrop ip6 tcp dport 80\ndefault pass";
    // Once over IPv4 and once over IPv6, each in the lane of its protocol alone.
    let compares = |line, number: &str| {
        of_line(text, line).iter().filter(|row| row.contains(&format!("!= {number} "))).count()
    };
    assert_eq!(compares(1, "0x16"), 2);
    assert_eq!(compares(2, "0x35"), 2);
    assert_eq!(compares(3, "0x8"), 1);
    assert_eq!(compares(4, "0x50"), 1);
    let protocol = of_line(text, 1).iter().any(|row| row.contains("!= 0x6 "));
    assert!(!protocol, "the lane has told the protocol");
}

#[test]
fn what_no_rule_names_is_not_looked_at() {
    let text = "drop src 192.0.2.1\ndefault pass";
    let program = listing(text);
    assert!(!program.contains("ip6") && !program.contains("0xdd86"), "{program}");
    assert!(!program.contains("short-l4") && !program.contains("udp"), "{program}");
    // The tags are stepped over, their identifiers not read.
    assert!(!program.contains("&= 4095"), "{program}");
    assert!(listing("drop vlan 5\ndefault pass").contains("&= 4095"));
}

#[test]
fn ten_thousand_lines_of_one_address_are_one_look_up() {
    let lines = |n: u32| -> String {
        (0..n).map(|i| format!("drop src 10.{}.{}.7\n", i / 200, i % 200)).collect()
    };
    let many = compiled(&(lines(10_000) + "default pass"));
    let one = compiled(&(lines(1) + "default pass"));
    let tables: Vec<_> = many.maps.iter().filter(|m| m.name == "_tables").collect();
    assert_eq!(tables.len(), 1);
    assert_eq!(many.fillings.len(), 1);
    assert_eq!(many.fillings[0].entries[0].1.len(), tables[0].value_size as usize);
    let more = many.program.insns().len() - one.program.insns().len();
    assert!(more < 120, "{more} instructions more than for one line");
    assert!(many.dead.is_empty());
}

#[test]
fn a_few_addresses_are_compared_and_need_no_table() {
    let few = compiled("drop src { 10.0.0.1, 10.0.0.3, 10.0.0.5 }\ndefault pass");
    assert!(few.fillings.is_empty());
}

#[test]
fn a_condition_that_neighbours_share_is_tested_once() {
    part(
        "drop tcp dport 22 ttl < 9\ndrop tcp dport 22 ttl > 200\ndefault pass",
        "tcp rules:",
        "; default",
        expect![[r#"
            tcp rules:
            ; 1: drop tcp dport 22 ttl < 9
              r1 = *(u32 *)(r10 -228)
              if r1 != 0x16 goto not under
              r1 = *(u32 *)(r10 -276)
              if r1 >= 0x9 goto past line 1
              r7 = 11
              goto drop
            past line 1:
            ; 2: drop tcp dport 22 ttl > 200
              r1 = *(u32 *)(r10 -276)
              if r1 <= 0xc8 goto past line 2
              r7 = 12
              goto drop
            not under:
            past line 2:
            ; 3: default pass
              r7 = 13
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
              if r2 s<= r3 goto packet in frame.2
              *(u64 *)(r10 -16) = r1
              *(u64 *)(r10 -24) = r2
              *(u64 *)(r10 -32) = r3
              r1 = *(u64 *)(r10 -8)
              call bpf_xdp_get_buff_len#188
              r1 = *(u64 *)(r10 -16)
              r2 = *(u64 *)(r10 -24)
              r3 = *(u64 *)(r10 -32)
              r3 += r0
              r3 -= r9
              r9 = r0
              if r2 s> r3 goto bad-length
            packet in frame.2:
              r3 = *(u8 *)(r7 +7)
              *(u32 *)(r10 -276) = r3
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r2 & 0xf8ff goto udp/sctp/icmp/other/later fragment rules.2
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
              if r5 == 0x11 goto udp.2
              if r5 == 0x6 goto tcp.2
              if r5 == 0x3a goto icmp.2
              if r5 == 0x84 goto sctp.2
              goto udp/sctp/icmp/other/later fragment rules.2
            udp.2:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              goto udp/sctp/icmp/other/later fragment rules.2
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
              r1 = *(u16 *)(r7 +2)
              r1 = be16 r1
              *(u32 *)(r10 -228) = r1
              goto tcp rules.2
            icmp.2:
              if r4 < 0x8 goto short-l4
              r1 = r7
              r1 += 8
              if r1 > r8 goto short-l4
              goto udp/sctp/icmp/other/later fragment rules.2
            sctp.2:
              if r4 < 0xc goto short-l4
              r1 = r7
              r1 += 12
              if r1 > r8 goto short-l4
              goto udp/sctp/icmp/other/later fragment rules.2
            tcp rules.2:
            ; 1: drop tcp dport 22 ttl < 9
              r1 = *(u32 *)(r10 -228)
              if r1 != 0x16 goto not under.2
              r1 = *(u32 *)(r10 -276)
              if r1 >= 0x9 goto past line 1.2
              r7 = 11
              goto drop
            past line 1.2:
            ; 2: drop tcp dport 22 ttl > 200
              r1 = *(u32 *)(r10 -276)
              if r1 <= 0xc8 goto past line 2.2
              r7 = 12
              goto drop
            not under.2:
            past line 2.2:
            ; 3: default pass
              r7 = 13
              goto pass
            udp/sctp/icmp/other/later fragment rules.2:
              r7 = 13
              goto pass
            other:
            ; other
              r1 = *(u64 *)(r10 -8)
              call bpf_xdp_get_buff_len#188
              r9 = r0
            ; 3: default pass
              r7 = 13
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
              r7 += 14
            pass:
              r8 = 2
              goto count
        "#]],
    );
}

#[test]
fn a_test_that_an_earlier_rule_has_decided_is_not_repeated() {
    let text = "drop tcp dport 22\npass tcp not dport 22 sport 9\ndefault drop";
    assert!(!of_line(text, 2).iter().any(|row| row.contains("0x16")), "{:?}", of_line(text, 2));
    assert!(of_line(text, 2).iter().any(|row| row.contains("0x9")));
}

#[test]
fn the_short_way_of_a_packet_to_its_only_rule_is_at_most_30_instructions() {
    let text = "drop udp dport 9\ndefault pass";
    let program = listing(text);
    let mut steps = Vec::new();
    for row in program.lines().take_while(|row| !row.contains("goto drop")) {
        if row.starts_with("  ") {
            steps.push(row.trim());
        }
    }
    // These stand in between, on the way of TCP.
    let others = ["r4 = r2", "r4 -= 34", "goto transport"];
    let path: Vec<_> = steps.iter().filter(|step| !others.contains(*step)).collect();
    assert_eq!(steps.len() - path.len(), others.len());
    assert!(path.len() <= 30, "{} instructions: {path:#?}", path.len());
}

#[track_caller]
fn dead(text: &str, want: &[(u32, &[u32])]) {
    let found = compiled(text).dead;
    let found: Vec<(u32, Vec<u32>)> =
        found.into_iter().map(|Dead { line, by, .. }| (line, by)).collect();
    let want: Vec<(u32, Vec<u32>)> = want.iter().map(|(line, by)| (*line, by.to_vec())).collect();
    assert_eq!(found, want, "{text}");
}

#[test]
fn a_rule_that_earlier_ones_leave_nothing_is_dead_and_they_are_named() {
    dead("drop src 10.0.0.0/8\npass src 10.1.1.1\ndefault pass", &[(2, &[1])]);
    dead(
        "drop tcp\ndrop udp\npass src 10.0.0.1 dport { 1, 2 } not proto 132\ndefault pass",
        &[(3, &[1, 2])],
    );
    dead("drop dport 20-30\npass tcp dport 22 src 10.0.0.1\ndefault pass", &[(2, &[1])]);
    dead("keep src 10.0.0.0/8\ndrop src 10.0.0.1\ndefault pass", &[(2, &[1])]);
    dead("drop ip4\ndrop ip6\npass tcp\ndefault pass", &[(3, &[1, 2])]);
    dead("drop\npass arp\ndefault pass", &[(2, &[1])]);
    dead("drop flags syn\ndrop flags syn,!ack\ndefault pass", &[(2, &[1])]);
}

#[test]
fn all_rules_that_together_leave_a_rule_nothing_are_named() {
    let sets = "set p service\n";
    let text = "drop src 10.0.0.1\ndrop service in p not src 10.0.0.1\ndrop service in p not src 10.0.0.2\ndefault pass";
    dead(&format!("{sets}{text}"), &[(4, &[2, 3])]);
}

#[test]
fn a_look_up_that_many_rules_ask_for_is_done_once() {
    let rules: String = (1..9).map(|n| format!("pass src in s ttl = {n}\n")).collect();
    let text = listing(&format!("set s net\n{rules}default drop"));
    let asks = |map: &str| text.matches(&format!("map[{map}]\n")).count();
    // Once for the answer, and once more to count the entry that was hit.
    assert_eq!((asks("s"), asks("s:host6")), (2, 2), "{text}");
}

#[test]
fn a_rule_that_still_has_packets_is_not_dead() {
    dead("pass src 10.1.1.1\ndrop src 10.0.0.0/8\ndefault pass", &[]);
    dead("drop tcp dport 22\ndrop dport 22\ndefault pass", &[]);
    dead("count src 10.0.0.0/8\ndrop src 10.1.1.1\ndefault pass", &[]);
    dead("set a net\ndrop src in a\ndrop src 10.0.0.1\ndefault pass", &[]);
}

#[test]
fn a_rule_whose_addresses_earlier_lines_of_its_list_have_is_dead() {
    let list: String = (0..20).map(|i| format!("drop src 10.0.{i}.0/24\n")).collect();
    dead(&format!("{list}drop src 10.0.7.7\ndrop src 10.1.0.0/24\ndefault pass"), &[(21, &[8])]);
}

#[test]
fn a_hundred_thousand_lines_are_planned_in_time() {
    let rules: String = (0u32..100_000)
        .map(|i| format!("drop src 10.{}.{}.{}\n", i >> 16, i >> 8 & 255, i & 255))
        .collect();
    let start = std::time::Instant::now();
    let artifact = compiled(&(rules + "default pass"));
    assert!(artifact.dead.is_empty());
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
