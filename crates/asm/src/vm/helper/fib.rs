//! `bpf_fib_lookup`: what the caller says of the way of every packet.

use super::{EINVAL, TrapReason, argument, context, negative, size};
use crate::helper::Helper;
use crate::reg::{R1, R2, R3, R4};
use crate::vm::number::extended;
use crate::vm::run::Machine;
use crate::vm::trap::Tried;
use crate::vm::world::Fib;

/// The size of `struct bpf_fib_lookup`.
const SIZE: usize = Fib::SIZE;
const EAFNOSUPPORT: i32 = 97;
/// `AF_INET` and `AF_INET6`.
const FAMILIES: [u8; 2] = [2, 10];
/// `BPF_FIB_LOOKUP_DIRECT` and `BPF_FIB_LOOKUP_OUTPUT`: the flags that every supported kernel knows.
const FLAGS: u64 = 3;

pub(super) fn lookup(machine: &mut Machine<'_>) -> Tried<u64> {
    context(machine, R1)?;
    let addr = argument(machine, R2)?;
    let len = size(machine, R3, 1)?;
    let asked = machine.memory.read(addr, len)?.to_vec();
    let Some(asked) = asked.first_chunk::<SIZE>() else { return Ok(negative(EINVAL)) };
    let flags = argument(machine, R4)?;
    machine.effects.fib = Some(*asked);
    machine.effects.fib_flags = flags;
    if flags & !FLAGS != 0 {
        return Ok(negative(EINVAL));
    }
    if !FAMILIES.contains(&asked[0]) {
        return Ok(negative(EAFNOSUPPORT));
    }
    let Some(fib) = machine.memory.world.fib else {
        return Err(Box::new(TrapReason::NeedsKernel { helper: Helper::FIB_LOOKUP }));
    };
    if fib.answer == Fib::FOUND {
        let told = fib.told(asked);
        machine.memory.write(addr, SIZE)?.copy_from_slice(&told);
    }
    Ok(extended(fib.answer))
}
