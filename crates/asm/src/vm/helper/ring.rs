//! Helpers that hand records to user space: ring buffers and perf events.

use super::{EINVAL, argument, bytes, context, map_of, negative, size};
use crate::helper::Helper;
use crate::map::MapKind;
use crate::reg::{R1, R2, R3, R4, R5};
use crate::vm::map::State;
use crate::vm::memory;
use crate::vm::number::{len, wide};
use crate::vm::outcome::{Event, MOST_KEPT};
use crate::vm::run::Machine;
use crate::vm::trap::{TrapReason, Tried};

const EAGAIN: i32 = 11;
const EFAULT: i32 = 14;
const ENOSPC: i32 = 28;
/// Whether to wake the reader: the flags of submitting, which change nothing here.
const WAKE: u64 = 3;

fn ring(machine: &Machine<'_>, helper: Helper) -> Tried<usize> {
    map_of(machine, R1, helper, |kind| kind == MapKind::RingBuf)
}

pub(super) fn output(machine: &mut Machine<'_>) -> Tried<u64> {
    let map = ring(machine, Helper::RINGBUF_OUTPUT)?;
    let record = bytes(machine, R2, size(machine, R3, 0)?)?.to_vec();
    if argument(machine, R4)? & !WAKE != 0 {
        return Ok(negative(EINVAL));
    }
    let Some(held) = machine.memory.maps.held_mut(map) else { return Ok(0) };
    let Some(ring) = held.ring_mut() else { return Ok(0) };
    let Some(at) = ring.reserve(wide(record.len())) else { return Ok(negative(EAGAIN)) };
    if let Some((into, _)) = ring.record_mut(at) {
        into.copy_from_slice(&record);
    }
    ring.finish(at, State::Submitted);
    Ok(0)
}

pub(super) fn reserve(machine: &mut Machine<'_>) -> Tried<u64> {
    let map = ring(machine, Helper::RINGBUF_RESERVE)?;
    let size = argument(machine, R2)?;
    if argument(machine, R3)? != 0 {
        return Ok(0);
    }
    let ring = machine.memory.maps.held_mut(map).and_then(|held| held.ring_mut());
    let Some(at) = ring.and_then(|ring| ring.reserve(size)) else { return Ok(0) };
    machine.reserved.push(map);
    Ok(memory::value(map, at))
}

pub(super) fn finish(machine: &mut Machine<'_>, helper: Helper) -> Tried<()> {
    let record = memory::value_at(argument(machine, R1)?);
    // The flags say whether to wake the reader.
    argument(machine, R2)?;
    let state = if helper == Helper::RINGBUF_SUBMIT { State::Submitted } else { State::Discarded };
    let finished = record.filter(|(map, at)| {
        let ring = machine.memory.maps.held_mut(*map).and_then(|held| held.ring_mut());
        ring.is_some_and(|ring| ring.finish(*at, state))
    });
    let (map, _) = finished.ok_or(TrapReason::NotRecord { reg: R1 })?;
    if let Some(at) = machine.reserved.iter().position(|of| *of == map) {
        machine.reserved.swap_remove(at);
    }
    Ok(())
}

pub(super) fn query(machine: &Machine<'_>) -> Tried<u64> {
    let map = ring(machine, Helper::RINGBUF_QUERY)?;
    let what = argument(machine, R2)?;
    let ring = machine.memory.maps.held(map).and_then(|held| held.ring());
    Ok(ring.map_or(0, |ring| ring.query(what)))
}

/// A record with the first bytes of the packet, as many as the flags say; for whatever CPU.
pub(super) fn event(machine: &mut Machine<'_>) -> Tried<u64> {
    const INDEX: u64 = 0xffff_ffff;
    const PACKET_LEN: u64 = 0xf_ffff << 32;
    context(machine, R1)?;
    let map =
        map_of(machine, R2, Helper::PERF_EVENT_OUTPUT, |kind| kind == MapKind::PerfEventArray)?;
    let flags = argument(machine, R3)?;
    let record = bytes(machine, R4, size(machine, R5, 0)?)?.to_vec();
    if flags & !(INDEX | PACKET_LEN) != 0 {
        return Ok(negative(EINVAL));
    }
    let wanted = len((flags & PACKET_LEN) >> 32);
    let mut packet = machine.memory.packet.bytes();
    if wanted > packet.len() {
        return Ok(negative(EFAULT));
    }
    if machine.effects.events.len() >= MOST_KEPT {
        return Ok(negative(ENOSPC));
    }
    packet.truncate(wanted);
    machine.effects.events.push(Event { map, bytes: record, packet });
    Ok(0)
}
