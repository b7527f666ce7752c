//! Helpers that read and edit maps.

use super::{After, EINVAL, answer, argument, bytes, context, map_of, negative};
use crate::helper::Helper;
use crate::map::MapKind;
use crate::reg::{R1, R2, R3, R4};
use crate::vm::map::{Held, Insert, MapRefusal, Writer};
use crate::vm::memory;
use crate::vm::number::{len, low};
use crate::vm::run::Machine;
use crate::vm::trap::Tried;

/// Keys up to this size are copied without asking for memory.
const SHORT: usize = 64;

impl From<MapRefusal> for i32 {
    fn from(refusal: MapRefusal) -> Self {
        refusal.errno()
    }
}

/// Kinds that hold values which programs can reach.
fn has_values(kind: MapKind) -> bool {
    match kind {
        MapKind::Hash
        | MapKind::Array
        | MapKind::PerCpuHash
        | MapKind::PerCpuArray
        | MapKind::LruHash
        | MapKind::LruPerCpuHash
        | MapKind::LpmTrie => true,
        MapKind::ProgArray
        | MapKind::PerfEventArray
        | MapKind::ArrayOfMaps
        | MapKind::HashOfMaps
        | MapKind::DevMap
        | MapKind::CpuMap
        | MapKind::XskMap
        | MapKind::DevMapHash
        | MapKind::RingBuf
        | MapKind::BloomFilter => false,
    }
}

fn key_size(machine: &Machine<'_>, map: usize) -> usize {
    machine.memory.maps.held(map).map_or(0, |held| len(held.decl.key_size.into()))
}

fn value_size(machine: &Machine<'_>, map: usize) -> usize {
    machine.memory.maps.held(map).map_or(0, |held| len(held.decl.value_size.into()))
}

/// The address of the value under the key in `r2`, or null.
fn find(machine: &mut Machine<'_>, map: usize, cpu: usize) -> Tried<u64> {
    let size = key_size(machine, map);
    let key = bytes(machine, R2, size)?;
    let mut short = [0; SHORT];
    let long;
    let key = match short.get_mut(..size) {
        Some(short) => {
            short.copy_from_slice(key);
            &*short
        }
        None => {
            long = key.to_vec();
            long.as_slice()
        }
    };
    let found = machine.memory.maps.held_mut(map).and_then(|held| held.find(key, cpu));
    Ok(found.map_or(0, |within| memory::value(map, within)))
}

pub(super) fn lookup(machine: &mut Machine<'_>) -> Tried<u64> {
    let map = map_of(machine, R1, Helper::MAP_LOOKUP_ELEM, has_values)?;
    let cpu = len(machine.memory.world.cpu.into());
    find(machine, map, cpu)
}

pub(super) fn lookup_of_cpu(machine: &mut Machine<'_>) -> Tried<u64> {
    let per_cpu =
        |kind| matches!(kind, MapKind::PerCpuHash | MapKind::PerCpuArray | MapKind::LruPerCpuHash);
    let map = map_of(machine, R1, Helper::MAP_LOOKUP_PERCPU_ELEM, per_cpu)?;
    let cpu = len(low(argument(machine, R3)?).into());
    find(machine, map, cpu)
}

/// The map in `r1`, if programs may change it.
fn editable(machine: &Machine<'_>, helper: Helper) -> Tried<usize> {
    let map = map_of(machine, R1, helper, has_values)?;
    machine.memory.maps.held(map).map_or(Ok(()), Held::may_be_written)?;
    Ok(map)
}

pub(super) fn update(machine: &mut Machine<'_>) -> Tried<u64> {
    let map = editable(machine, Helper::MAP_UPDATE_ELEM)?;
    let key = bytes(machine, R2, key_size(machine, map))?.to_vec();
    let value = bytes(machine, R3, value_size(machine, map))?.to_vec();
    let flags = argument(machine, R4)?;
    let Ok(how) = Insert::from_flags(flags) else { return Ok(negative(EINVAL)) };
    let writer = match machine.memory.maps.held(map) {
        Some(held) if held.is_per_cpu() => Writer::Cpu(len(machine.memory.world.cpu.into())),
        _ => Writer::User,
    };
    let held = machine.memory.maps.held_mut(map);
    Ok(held.map_or(0, |held| answer(held.put(&key, &value, how, writer))))
}

pub(super) fn delete(machine: &mut Machine<'_>) -> Tried<u64> {
    let map = editable(machine, Helper::MAP_DELETE_ELEM)?;
    let key = bytes(machine, R2, key_size(machine, map))?.to_vec();
    let held = machine.memory.maps.held_mut(map);
    Ok(held.map_or(0, |held| answer(held.delete(&key))))
}

pub(super) fn tail_call(machine: &mut Machine<'_>) -> Tried<After> {
    context(machine, R1)?;
    let map = map_of(machine, R2, Helper::TAIL_CALL, |kind| kind == MapKind::ProgArray)?;
    Ok(After::TailCall { map, index: low(argument(machine, R3)?).into() })
}

pub(super) fn each(machine: &mut Machine<'_>) -> Tried<After> {
    let map = map_of(machine, R1, Helper::FOR_EACH_MAP_ELEM, |kind| {
        has_values(kind) && kind != MapKind::LpmTrie
    })?;
    if argument(machine, R4)? != 0 {
        return Ok(After::Value(negative(EINVAL)));
    }
    Ok(After::Each { map })
}
