//! Helpers on the packet: its length, its bytes, its room, and checksums.

use super::{EINVAL, answer, argument, bytes, context, negative, size};
use crate::helper::Helper;
use crate::reg::{R1, R2, R3, R4, R5};
use crate::vm::number::{low, wide};
use crate::vm::run::Machine;
use crate::vm::trap::Tried;

pub(super) fn call(machine: &mut Machine<'_>, helper: Helper) -> Tried<u64> {
    if helper == Helper::CSUM_DIFF {
        return checksum(machine);
    }
    context(machine, R1)?;
    match helper {
        Helper::XDP_GET_BUFF_LEN => Ok(wide(machine.memory.packet.len())),
        Helper::XDP_LOAD_BYTES => load(machine),
        Helper::XDP_STORE_BYTES => store(machine),
        _ => {
            let by = low(argument(machine, R2)?).cast_signed();
            let packet = &mut *machine.memory.packet;
            Ok(answer(match helper {
                Helper::XDP_ADJUST_HEAD => packet.adjust_head(by),
                Helper::XDP_ADJUST_META => packet.adjust_metadata(by),
                _ => packet.adjust_tail(by),
            }))
        }
    }
}

fn load(machine: &mut Machine<'_>) -> Tried<u64> {
    let from = low(argument(machine, R2)?);
    let into = argument(machine, R3)?;
    let mut loaded = vec![0; size(machine, R4, 1)?];
    let answered = machine.memory.packet.load(from.into(), &mut loaded);
    // Where there is nothing to load the memory stays as it is, and still counts as written.
    let into = machine.memory.write(into, loaded.len())?;
    if answered.is_ok() {
        into.copy_from_slice(&loaded);
    }
    Ok(answer(answered))
}

fn store(machine: &mut Machine<'_>) -> Tried<u64> {
    let to = low(argument(machine, R2)?);
    let stored = bytes(machine, R3, size(machine, R4, 1)?)?.to_vec();
    Ok(answer(machine.memory.packet.store(to.into(), &stored)))
}

/// The difference of the sums of two rows of words, added to a seed, folded to 16 bits as from
/// Linux 6.13 on.
fn checksum(machine: &Machine<'_>) -> Tried<u64> {
    let (old_size, new_size) = (size(machine, R2, 0)?, size(machine, R4, 0)?);
    let seed = low(argument(machine, R5)?);
    let (old, new) = (bytes(machine, R1, old_size)?, bytes(machine, R3, new_size)?);
    if old.len() % 4 != 0 || new.len() % 4 != 0 {
        return Ok(negative(EINVAL));
    }
    let sum = match (old.is_empty(), new.is_empty()) {
        (false, false) => added(sum(new, seed), !sum(old, 0)),
        (true, false) => sum(new, seed),
        (false, true) => !sum(old, !seed),
        (true, true) => seed,
    };
    Ok(u64::from(folded(sum)))
}

/// The sum of the words of some bytes, carries added again.
fn sum(bytes: &[u8], seed: u32) -> u32 {
    let (words, _) = bytes.as_chunks();
    words.iter().fold(seed, |sum, word| added(sum, u32::from_ne_bytes(*word)))
}

fn added(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u32::from(carry)
}

fn folded(sum: u32) -> u32 {
    sum.wrapping_add(sum.rotate_left(16)) >> 16
}
