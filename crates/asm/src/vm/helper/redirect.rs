//! Helpers that say where a packet is to go.

use super::{argument, map_of};
use crate::helper::Helper;
use crate::map::MapKind;
use crate::reg::{R1, R2, R3};
use crate::vm::number::low;
use crate::vm::outcome::Redirect;
use crate::vm::run::Machine;
use crate::vm::trap::Tried;

const ABORTED: u64 = 0;
const REDIRECTED: u64 = 4;
/// The bits of the flags that are the answer where there is no target.
const ANSWER: u64 = 3;
/// `BPF_F_BROADCAST`.
const BROADCAST: u64 = 1 << 3;
/// `BPF_F_EXCLUDE_INGRESS`.
const EXCLUDE_INGRESS: u64 = 1 << 4;

/// To an interface by its number.
pub(super) fn interface(machine: &mut Machine<'_>) -> Tried<u64> {
    let (index, flags) = (low(argument(machine, R1)?), argument(machine, R2)?);
    if flags != 0 {
        return Ok(ABORTED);
    }
    machine.effects.redirect = Some(Redirect::Interface { index });
    Ok(REDIRECTED)
}

/// To what a map has under a key, or to all it has.
pub(super) fn map(machine: &mut Machine<'_>) -> Tried<u64> {
    let targets = |kind| {
        use MapKind::{CpuMap, DevMap, DevMapHash, XskMap};
        matches!(kind, DevMap | DevMapHash | CpuMap | XskMap)
    };
    let map = map_of(machine, R1, Helper::REDIRECT_MAP, targets)?;
    let (key, flags) = (argument(machine, R2)?, argument(machine, R3)?);
    let Some(held) = machine.memory.maps.held(map) else { return Ok(ABORTED) };
    let devices = matches!(held.decl.kind, MapKind::DevMap | MapKind::DevMapHash);
    let known = if devices { ANSWER | BROADCAST | EXCLUDE_INGRESS } else { ANSWER };
    if flags & !known != 0 {
        return Ok(ABORTED);
    }
    let found = held.has_target(&low(key).to_ne_bytes());
    if !found && flags & BROADCAST == 0 {
        return Ok(flags & ANSWER);
    }
    machine.effects.redirect = Some(Redirect::Map { map, key, flags });
    Ok(REDIRECTED)
}
