//! What a kernel shows of programs that it has rewritten, or what somebody says that it shows.

use std::sync::OnceLock;

use palisade_asm::{ByteOrder, Image, Isa, RawInsn, SLOT_BYTES, parse};
use palisade_loader::translated::{Comparison, compare};

const EXIT: u8 = 0x95;

/// Values of maps by address and by number, and tests that are known to go one way.
const COUNTERS: &str = "
.map total array key 4 value 16 max 1
.map rows percpu_array key 4 value 16 max 7
.map names array key 4 value 24 max 5
  r7 = *(u32 *)(r1 +0)
  r8 = *(u32 *)(r1 +4)
  r9 = r8
  r9 -= r7
  r1 = map[total]+8
  r2 = *(u64 *)(r1 +0)
  r2 += r9
  *(u64 *)(r1 +0) = r2
  r3 = 5
  if r3 == 6 goto never
  if r3 > 4 goto always
never:
  r2 = 0
  *(u64 *)(r1 -8) = r2
always:
  *(u32 *)(r10 -4) = 3
  r2 = r10
  r2 += -4
  r1 = map[rows]
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r1 = *(u64 *)(r0 +0)
  r1 += 1
  *(u64 *)(r0 +0) = r1
  r2 = r10
  r2 += -4
  r1 = map[names]
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r1 = *(u8 *)(r0 +23)
  w1 &= 1
  if w1 != 0 goto out
  r0 = 1
  exit
out:
  r0 = 2
  exit
";

/// Every field of the context, a hash, clocks, and the call of another program.
const HELPERS: &str = "
.map seen hash key 4 value 8 max 64
.map next prog_array key 4 value 4 max 2
  r6 = r1
  r2 = *(u32 *)(r6 +12)
  r3 = *(u32 *)(r6 +16)
  r2 += r3
  *(u32 *)(r10 -4) = r2
  r3 = *(u32 *)(r6 +8)
  r4 = *(u32 *)(r6 +0)
  r5 = r3
  r5 += 4
  if r5 > r4 goto plain
  r5 = *(u32 *)(r3 +0)
  if r5 == 7 goto done
plain:
  r2 = r10
  r2 += -4
  r1 = map[seen]
  call bpf_map_lookup_elem
  if r0 == 0 goto absent
  r7 = r0
  call bpf_jiffies64
  *(u64 *)(r7 +0) = r0
  goto done
absent:
  call bpf_ktime_get_ns
  *(u64 *)(r10 -16) = r0
  r2 = r10
  r2 += -4
  r3 = r10
  r3 += -16
  r4 = 0
  r1 = map[seen]
  call bpf_map_update_elem
  r1 = r6
  r2 = map[next]
  r3 = 1
  call bpf_tail_call
done:
  r0 = 2
  exit
";

/// The programs that the code of the corpus was made of, with the number of instructions of each.
fn images() -> &'static [(Image, usize)] {
    static IMAGES: OnceLock<Vec<(Image, usize)>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let image = |text: &str| {
            let program = parse(text).unwrap_or_else(|wrong| panic!("{}", wrong[0]));
            (program.encode(Isa::V3).expect("an image"), program.insns().len())
        };
        [COUNTERS, HELPERS].map(image).into()
    })
}

/// The numbers that the maps of an image have, in the code that the kernel shows.
fn numbers(image: &Image) -> Vec<u32> {
    (100..).take(image.maps.len()).collect()
}

/// The first byte chooses one of our programs, the others are what it is said to have become. The
/// comparison ends. What it calls the same has each of our instructions, and is no more the same
/// without its last one, with one more, or where a map is another.
pub fn translated(bytes: &[u8]) {
    let Some((which, code)) = bytes.split_first() else { return };
    let images = images();
    let (image, insns) = &images[usize::from(*which) % images.len()];
    let slots = code.as_chunks::<SLOT_BYTES>().0.iter();
    let found: Vec<RawInsn> =
        slots.map(|slot| RawInsn::from_bytes(ByteOrder::Little, *slot)).collect();
    let maps = numbers(image);
    match compare(image, &maps, &found) {
        Comparison::Same(of) => {
            assert_eq!(of.kept + of.replaced + of.removed, *insns, "{of:?}");
            assert!(of.kept + of.replaced <= found.len(), "{of:?}");
            let same = |maps: &[u32], found: &[RawInsn]| {
                matches!(compare(image, maps, found), Comparison::Same(_))
            };
            let end = found.iter().rposition(|raw| raw.op == EXIT).expect("an end");
            assert!(!same(&maps, &found[..end]), "without its end");
            assert!(!same(&maps, &[&found[..], &[RawInsn::default()]].concat()), "with more");
            let others: Vec<u32> = maps.iter().map(|number| number + 1).collect();
            assert!(maps.is_empty() || !same(&others, &found), "with other maps");
        }
        Comparison::Differs(difference) | Comparison::Unknown(difference) => {
            assert!(difference.found_slot <= found.len(), "{difference:?}");
            assert_eq!(difference.found, found.get(difference.found_slot).copied());
            assert!(difference.slot <= image.len(), "{difference:?}");
            assert!(!difference.reason.to_string().is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_showed_of_each_program_is_recognized() {
        let shown: [&[u8]; 2] = [
            include_bytes!("../../../fuzz/corpus/translated/shown-0"),
            include_bytes!("../../../fuzz/corpus/translated/shown-1"),
        ];
        for (bytes, (image, _)) in shown.iter().zip(images()) {
            let slots = bytes[1..].as_chunks::<SLOT_BYTES>().0.iter();
            let found: Vec<RawInsn> =
                slots.map(|slot| RawInsn::from_bytes(ByteOrder::Little, *slot)).collect();
            let told = compare(image, &numbers(image), &found);
            assert!(matches!(told, Comparison::Same(_)), "{told:?}");
        }
    }
}
