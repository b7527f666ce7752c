//! Clocks, places and chance: all from the world that the caller gave.

use crate::helper::Helper;
use crate::vm::run::Machine;
use crate::vm::world::World;

/// What a helper reads off the world; 0 for one that reads nothing off it.
pub(super) fn of(world: &World, helper: Helper) -> u64 {
    match helper {
        Helper::KTIME_GET_NS => world.monotonic,
        Helper::KTIME_GET_COARSE_NS => world.coarse,
        Helper::KTIME_GET_BOOT_NS => world.boot,
        Helper::KTIME_GET_TAI_NS => world.tai,
        Helper::JIFFIES64 => world.jiffies,
        Helper::GET_SMP_PROCESSOR_ID => world.cpu.into(),
        Helper::GET_NUMA_NODE_ID => world.node.into(),
        _ => 0,
    }
}

/// The next of the world's random numbers.
pub(super) fn random(machine: &mut Machine<'_>) -> u64 {
    let numbers = &machine.memory.world.random;
    let at = machine.drawn.checked_rem(numbers.len()).unwrap_or(0);
    machine.drawn += 1;
    numbers.get(at).copied().unwrap_or(0).into()
}
