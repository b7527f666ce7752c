//! The helpers: what each does with its arguments, as the kernel's own does.
//!
//! A helper reads no register but its arguments. What it refuses in the kernel's run it answers
//! with an error number; what the verifier would not have let it be called with is a trap.

mod clock;
mod fib;
mod map;
mod packet;
mod print;
mod redirect;
mod ring;

use super::memory::{self, CONTEXT_POINTER};
use super::number::{extended, len};
use super::run::Machine;
use super::trap::{TrapReason, Tried};
use crate::helper::Helper;
use crate::map::MapKind;
use crate::reg::{R1, R4, Reg};

/// How a run goes on after a helper.
pub(super) enum After {
    /// With this in `r0`.
    Value(u64),
    /// With nothing in `r0`.
    Nothing,
    /// With the program in this map, if there is one.
    TailCall { map: usize, index: u64 },
    /// With so many calls of the function in `r2`.
    Loop { times: u64 },
    /// With a call of the function in `r2` for each entry.
    Each { map: usize },
}

/// Executes a helper.
pub(super) fn call(machine: &mut Machine<'_>, helper: Helper) -> Tried<After> {
    match helper {
        Helper::MAP_LOOKUP_ELEM => map::lookup(machine).map(After::Value),
        Helper::MAP_UPDATE_ELEM => map::update(machine).map(After::Value),
        Helper::MAP_DELETE_ELEM => map::delete(machine).map(After::Value),
        Helper::MAP_LOOKUP_PERCPU_ELEM => map::lookup_of_cpu(machine).map(After::Value),
        Helper::TAIL_CALL => map::tail_call(machine),
        Helper::FOR_EACH_MAP_ELEM => map::each(machine),
        Helper::LOOP => repeat(machine),
        Helper::KTIME_GET_NS
        | Helper::KTIME_GET_BOOT_NS
        | Helper::KTIME_GET_COARSE_NS
        | Helper::KTIME_GET_TAI_NS
        | Helper::JIFFIES64
        | Helper::GET_SMP_PROCESSOR_ID
        | Helper::GET_NUMA_NODE_ID => Ok(After::Value(clock::of(machine.memory.world, helper))),
        Helper::GET_PRANDOM_U32 => Ok(After::Value(clock::random(machine))),
        Helper::FIB_LOOKUP => fib::lookup(machine).map(After::Value),
        Helper::REDIRECT => redirect::interface(machine).map(After::Value),
        Helper::REDIRECT_MAP => redirect::map(machine).map(After::Value),
        Helper::XDP_ADJUST_HEAD
        | Helper::XDP_ADJUST_META
        | Helper::XDP_ADJUST_TAIL
        | Helper::XDP_GET_BUFF_LEN
        | Helper::XDP_LOAD_BYTES
        | Helper::XDP_STORE_BYTES
        | Helper::CSUM_DIFF => packet::call(machine, helper).map(After::Value),
        Helper::RINGBUF_OUTPUT => ring::output(machine).map(After::Value),
        Helper::RINGBUF_RESERVE => ring::reserve(machine).map(After::Value),
        Helper::RINGBUF_SUBMIT | Helper::RINGBUF_DISCARD => {
            ring::finish(machine, helper).map(|()| After::Nothing)
        }
        Helper::RINGBUF_QUERY => ring::query(machine).map(After::Value),
        Helper::PERF_EVENT_OUTPUT => ring::event(machine).map(After::Value),
        Helper::TRACE_PRINTK => print::call(machine).map(After::Value),
        known if known.name() != "unknown" => {
            Err(Box::new(TrapReason::NeedsKernel { helper: known }))
        }
        unknown => Err(Box::new(TrapReason::UnknownHelper { helper: unknown })),
    }
}

/// The most rounds of `bpf_loop`.
const MOST_ROUNDS: u64 = 1 << 23;
const EINVAL: i32 = 22;
const E2BIG: i32 = 7;

fn repeat(machine: &mut Machine<'_>) -> Tried<After> {
    let times = u64::from(super::number::low(argument(machine, R1)?));
    let flags = argument(machine, R4)?;
    if flags != 0 {
        return Ok(After::Value(negative(EINVAL)));
    }
    if times > MOST_ROUNDS {
        return Ok(After::Value(negative(E2BIG)));
    }
    Ok(After::Loop { times })
}

/// The value of a register.
fn argument(machine: &Machine<'_>, reg: Reg) -> Tried<u64> {
    machine.registers.read(reg.number())
}

/// An error number as helpers give it.
fn negative(errno: i32) -> u64 {
    extended(-errno)
}

/// What a helper gives that can only fail or succeed.
fn answer<E: Into<i32>>(result: Result<(), E>) -> u64 {
    result.map_or_else(|errno| negative(errno.into()), |()| 0)
}

/// Refuses anything but the context in a register.
fn context(machine: &Machine<'_>, reg: Reg) -> Tried<()> {
    if argument(machine, reg)? == CONTEXT_POINTER {
        return Ok(());
    }
    Err(Box::new(TrapReason::NotContext { reg }))
}

/// The map in a register, if the helper takes its kind.
fn map_of(
    machine: &Machine<'_>,
    reg: Reg,
    helper: Helper,
    takes: impl FnOnce(MapKind) -> bool,
) -> Tried<usize> {
    let at = memory::map_of_handle(argument(machine, reg)?);
    let held = at.and_then(|at| Some((at, machine.memory.maps.held(at)?)));
    let (at, held) = held.ok_or(TrapReason::NotMap { reg })?;
    if takes(held.decl.kind) {
        return Ok(at);
    }
    let (map, kind) = (held.decl.name.clone(), held.decl.kind);
    Err(Box::new(TrapReason::MapKind { helper, map, kind }))
}

/// The size in a register, which is above zero unless `least` says otherwise.
fn size(machine: &Machine<'_>, reg: Reg, least: u64) -> Tried<usize> {
    const MOST: u64 = 1 << 29;
    let size = argument(machine, reg)?;
    if (least..MOST).contains(&size) {
        return Ok(len(size));
    }
    Err(Box::new(TrapReason::BadSize { reg, size }))
}

/// The bytes that a register points to.
fn bytes<'a>(machine: &'a Machine<'_>, reg: Reg, size: usize) -> Tried<&'a [u8]> {
    let addr = argument(machine, reg)?;
    // Of nothing, the address is not looked at.
    if size == 0 { Ok(&[]) } else { machine.memory.read(addr, size) }
}
