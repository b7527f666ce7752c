//! Memory as a program addresses it: regions at made-up bases, so far apart that no arithmetic on
//! a pointer into one of them leads into another by a small mistake.
//!
//! An address is a number like any other until it is used; then the region that it lies in says
//! whether all bytes of the access are there for that use. Programs, map handles and functions
//! have addresses without memory behind them: they can be handed on and never read.

use super::map::MapStore;
use super::number::{bytes_of, len, low, read, wide, write};
use super::packet::Packet;
use super::stack::Stack;
use super::trap::{Access, Region, TrapReason, Tried};
use super::world::World;
use crate::insn::Size;

/// Where the first region begins, as kernels put their memory.
const BASE: u64 = 0xffff_8800_0000_0000;
/// Bits of an address within its region.
const BITS: u32 = 36;
const STACK: u64 = 0;
const PACKET: u64 = 1;
const CONTEXT: u64 = 2;
const CODE: u64 = 3;
const HANDLES: u64 = 4;
const KEYS: u64 = 5;
/// The first of the regions of maps' values, one for each map.
const VALUES: u64 = 16;
/// How many maps have regions.
pub(super) const MOST_MAPS: usize = 1024;
/// Where the context and the first handle lie in their regions, so that no pointer is at the start.
const INDENT: u64 = 4096;
/// From the key that one frame iterates at to that of the next.
const KEY_BITS: u32 = 32;
/// Bytes of the context.
const CONTEXT_LEN: u64 = 24;

/// The address of the context.
pub(super) const CONTEXT_POINTER: u64 = BASE + (CONTEXT << BITS) + INDENT;

/// Where an address lies.
#[derive(Clone, Copy)]
struct Place {
    region: u64,
    within: u64,
}

#[inline(always)]
fn place(addr: u64) -> Place {
    let offset = addr.wrapping_sub(BASE);
    Place { region: offset >> BITS, within: offset & ((1 << BITS) - 1) }
}

fn address(region: u64, within: u64) -> u64 {
    BASE + (region << BITS) + within
}

/// The address of a map, as helpers take it.
pub(super) fn map_handle(map: usize) -> u64 {
    address(HANDLES, (wide(map) + 1) * INDENT)
}

/// The map that an address is the handle of.
pub(super) fn map_of_handle(addr: u64) -> Option<usize> {
    let Place { region, within } = place(addr);
    let whole = region == HANDLES && within % INDENT == 0;
    whole.then(|| usize::try_from(within / INDENT).ok()?.checked_sub(1)).flatten()
}

/// The address of a function, by its first instruction.
pub(super) fn function(at: usize) -> u64 {
    address(CODE, INDENT + 8 * wide(at))
}

/// The first instruction of the function that an address is of.
pub(super) fn function_at(addr: u64) -> Option<usize> {
    let Place { region, within } = place(addr);
    let at = within.checked_sub(INDENT).filter(|at| region == CODE && at % 8 == 0)?;
    usize::try_from(at / 8).ok()
}

/// The address of a byte of a map's values or records.
pub(super) fn value(map: usize, within: u64) -> u64 {
    address(VALUES + wide(map), within)
}

/// A byte of a map's values or records by its address.
pub(super) fn value_at(addr: u64) -> Option<(usize, u64)> {
    let Place { region, within } = place(addr);
    let map = region.checked_sub(VALUES)?;
    Some((usize::try_from(map).ok()?, within))
}

/// The frame pointer of a frame.
pub(super) fn frame_pointer(frame: usize) -> u64 {
    address(STACK, Stack::pointer(frame))
}

/// Everything that a program can reach by address.
pub(super) struct Memory<'a> {
    pub(super) stack: &'a mut Stack,
    /// How many frames of the stack are in use.
    pub(super) frames: usize,
    pub(super) packet: &'a mut Packet,
    pub(super) maps: &'a mut MapStore,
    pub(super) world: &'a World,
    /// The keys of maps that are gone through, by the frame that does.
    keys: Vec<Vec<u8>>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(
        stack: &'a mut Stack,
        packet: &'a mut Packet,
        maps: &'a mut MapStore,
        world: &'a World,
    ) -> Self {
        Self { stack, frames: 1, packet, maps, world, keys: Vec::new() }
    }

    /// Refuses a CPU that has no values.
    pub(super) fn has_cpu(&self) -> Tried<()> {
        let (cpu, cpus) = (self.world.cpu, self.maps.cpus());
        if len(cpu.into()) < cpus {
            return Ok(());
        }
        let cpus = u32::try_from(cpus).unwrap_or(u32::MAX);
        Err(Box::new(TrapReason::NoSuchCpu { cpu, cpus }))
    }

    /// Puts a key where a callback of a frame can read it.
    pub(super) fn set_key(&mut self, frame: usize, key: Vec<u8>) -> u64 {
        if self.keys.len() <= frame {
            self.keys.resize_with(frame + 1, Vec::new);
        }
        self.keys[frame] = key;
        address(KEYS, wide(frame) << KEY_BITS)
    }

    fn key(&self, within: u64, size: usize) -> Option<&[u8]> {
        let key = self.keys.get(len(within >> KEY_BITS))?;
        let at = len(within & ((1 << KEY_BITS) - 1));
        key.get(at..at.checked_add(size)?)
    }

    /// Bytes to be read.
    #[inline]
    pub(super) fn read(&self, addr: u64, size: usize) -> Tried<&[u8]> {
        let Place { region, within } = place(addr);
        match region {
            STACK => self.stack.read(self.frames, within, size),
            PACKET => self.packet.read(within, size),
            CONTEXT => Err(Box::new(TrapReason::ContextSize { size: wide(size) })),
            KEYS => self.key(within, size).ok_or_else(|| nowhere(Access::Read, addr, size)),
            _ => match value_at(addr).and_then(|(map, _)| self.maps.held(map)) {
                Some(held) => held.read(within, size),
                None => Err(nowhere(Access::Read, addr, size)),
            },
        }
    }

    /// Bytes to be written.
    #[inline]
    pub(super) fn write(&mut self, addr: u64, size: usize) -> Tried<&mut [u8]> {
        let Place { region, within } = place(addr);
        match region {
            STACK => self.stack.write(self.frames, within, size),
            PACKET => self.packet.write(within, size),
            CONTEXT => Err(Box::new(TrapReason::ReadOnly { region: Region::Context })),
            _ => match value_at(addr).and_then(|(map, _)| self.maps.held_mut(map)) {
                Some(held) => held.write(within, size),
                None => Err(nowhere(Access::Write, addr, size)),
            },
        }
    }

    /// What a load gives.
    #[inline]
    pub(super) fn load(&self, addr: u64, size: Size) -> Tried<u64> {
        let count = bytes_of(size);
        let Place { region, within } = place(addr);
        match region {
            STACK => Stack::aligned(within, count)?,
            CONTEXT => return self.context(within, count),
            _ => {}
        }
        Ok(read(self.read(addr, count)?))
    }

    /// Does a store.
    #[inline]
    pub(super) fn store(&mut self, addr: u64, size: Size, number: u64) -> Tried<()> {
        let count = bytes_of(size);
        let Place { region, within } = place(addr);
        if region == STACK {
            Stack::aligned(within, count)?;
        }
        write(self.write(addr, count)?, number);
        Ok(())
    }

    /// Refuses a place where no atomic operation may be.
    pub(super) fn atomic(&self, addr: u64, size: Size) -> Tried<()> {
        let count = bytes_of(size);
        let Place { region, within } = place(addr);
        match region {
            STACK => Stack::aligned(within, count),
            PACKET => Err(Box::new(TrapReason::Atomic { region: Region::Packet })),
            CONTEXT => Err(Box::new(TrapReason::Atomic { region: Region::Context })),
            _ if addr & wide(count - 1) == 0 => Ok(()),
            _ => match value_at(addr).and_then(|(map, _)| self.maps.held(map)) {
                Some(held) => Err(held.misaligned(within, count)),
                None => Err(nowhere(Access::Write, addr, count)),
            },
        }
    }

    /// A field of `struct xdp_md`, as the kernel's rewriting gives it to the program.
    fn context(&self, within: u64, size: usize) -> Tried<u64> {
        let region = Region::Context;
        let off = within.cast_signed() - INDENT.cast_signed();
        let (at, size) = (within.wrapping_sub(INDENT), wide(size));
        if at >= CONTEXT_LEN || size > CONTEXT_LEN - at {
            let access = Access::Read;
            return Err(Box::new(TrapReason::OutOfBounds {
                access,
                region,
                off,
                size,
                len: CONTEXT_LEN,
            }));
        }
        if at % size != 0 {
            return Err(Box::new(TrapReason::Misaligned { region, off, size }));
        }
        if size != 4 {
            return Err(Box::new(TrapReason::ContextSize { size }));
        }
        let [metadata, start, end] = self.packet.pointers();
        match low(at) {
            0 => Ok(address(PACKET, start)),
            4 => Ok(address(PACKET, end)),
            8 => Ok(address(PACKET, metadata)),
            12 => Ok(self.world.ingress.into()),
            16 => Ok(self.world.queue.into()),
            _ => Err(Box::new(TrapReason::ContextField { off })),
        }
    }
}

#[cold]
fn nowhere(access: Access, addr: u64, size: usize) -> Box<TrapReason> {
    Box::new(TrapReason::NoMemory { access, addr, size: wide(size) })
}
