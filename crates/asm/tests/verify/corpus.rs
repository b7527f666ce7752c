//! Five programs of a tutorial on growing packets at their tail, and one that calls a helper which
//! no released kernel has. What the kernel says of each was measured on Linux 6.18.

use expect_test::expect;
use palisade_asm::verify::{Reason, Scope};
use palisade_asm::{R1, R2};

use super::{NEW, accepted, refused, refused_by};

/// Packet into r2, end into r3, the length of the packet into r4.
const LENGTH: &str = "
    r2 = *(u32 *)(r1 +0)
    r3 = *(u32 *)(r1 +4)
    r4 = r3
    r4 -= r2
";

const END: &str = "
out:
    r0 = 2
    exit
";

#[test]
fn fail1_moves_by_a_number_that_may_be_anything_and_looks_one_byte_back() {
    let text = format!(
        "{LENGTH}
    w4 = w4
    r1 = r2
    r1 += r4
    if r1 > r3 goto out
    r0 = *(u8 *)(r1 -1)
{END}"
    );
    let refusal = refused_by(&NEW, &text);
    // The kernel says it at the load: "invalid access to packet, off=-1 size=1, R1 offset is
    // outside of the packet".
    assert!(
        matches!(refusal.why, Reason::Unbounded { .. } | Reason::PacketRange { .. }),
        "{refusal}"
    );
}

#[test]
fn fail2_moves_the_end_of_the_packet() {
    let text = format!(
        "{LENGTH}
    r2 = r3
    r2 += -1
    r0 = *(u8 *)(r2 +0)
{END}"
    );
    assert!(matches!(refused(&text.replace("out:", "")), Reason::Arithmetic { reg: R2, .. }));
}

#[test]
fn fail3_bounds_the_number_and_still_looks_before_what_was_shown() {
    let text = format!(
        "{LENGTH}
    r4 &= 0x7fff
    if r4 < 3 goto out
    r1 = r2
    r1 += r4
    r4 = r1
    r4 += 1
    if r4 > r3 goto out
    r0 = *(u8 *)(r1 -1)
{END}"
    );
    let refusal = refused_by(&NEW, &text);
    assert!(
        matches!(refusal.why, Reason::PacketRange { reg: R1, off: -1, size: 1, range: 1 }),
        "{refusal}"
    );
    expect![[r#"
        invalid access to packet, off=-1 size=1: R1 offset is outside of the packet, of which 1 bytes were shown to be there
          instruction 11: r0 = *(u8 *)(r1 -1)
          known there:  r1=pkt(id=2,r=1,scalar(umin=0x3,umax=0x7fff,bits=(0x0; 0x7fff)))
          branches:     5 not taken, 10 not taken"#]]
    .assert_eq(&refusal.to_string());
}

#[test]
fn works1_shows_the_byte_that_it_reads() {
    let report = accepted(&format!(
        "{LENGTH}
    r4 &= 0x7fff
    r1 = r2
    r1 += r4
    r4 = r1
    r4 += 1
    if r4 > r3 goto out
    r0 = *(u8 *)(r1 +0)
{END}"
    ));
    assert_eq!((report.processed, report.jumps), (13, 1));
}

#[test]
fn end_loop_is_a_loop_which_is_not_judged() {
    let refusal = refused_by(
        &NEW,
        &format!(
            "{LENGTH}
    r5 = 0
again:
    r1 = r2
    r1 += r5
    r1 += 1
    if r1 > r3 goto out
    r5 += 1
    if r5 < 1500 goto again
{END}"
        ),
    );
    assert_eq!(refusal.why, Reason::OutOfScope(Scope::Loop));
    assert_eq!((refusal.at, refusal.text.as_str()), (10, "if r5 < 0x5dc goto again"));
}

#[test]
fn test1_calls_a_helper_that_no_kernel_has() {
    let reason = refused("r2 = 0\n r3 = 0\n call unknown#9999\n r0 = 2\n exit\n");
    assert_eq!(reason, Reason::UnknownHelper { id: 9999 });
    assert_eq!(reason.to_string(), "unknown func unknown#9999");
}
