//! pcapng: blocks, each between two equal lengths, in sections that have their own order of bytes
//! and interfaces (<https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcapng.html>).

use std::io::Read;
use std::time::Duration;

use palisade_asm::ByteOrder;

use super::pcap::words;
use super::source::Source;
use super::{CaptureError, Head, LinkType, Part};

/// The first four bytes of a section, the same in both orders.
pub const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// What tells the order of bytes of a section.
const ORDER: u32 = 0x1a2b_3c4d;
/// The one version there is.
const MAJOR: u16 = 1;

const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// The option of an interface that says the unit of its times.
const RESOLUTION: u16 = 9;
/// The option that says how many seconds are to be added to them.
const OFFSET: u16 = 14;

/// Kind, length, and length again.
const FRAMING: u32 = 12;
/// The most interfaces of a section that are kept.
const MOST_INTERFACES: usize = 1 << 16;

/// The section that is being read.
#[derive(Debug)]
pub struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

/// What packets are from.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// The most that is captured of a packet; 0 for all of it.
    snap: u32,
    unit: Unit,
    /// Seconds to be added to its times.
    offset: i64,
}

/// The unit of a time: the fraction of a second that one tick is.
#[derive(Clone, Copy, Debug)]
enum Unit {
    /// One by ten to this power.
    Decimal(u32),
    /// One by two to this power.
    Binary(u32),
}

/// A block whose kind and length have been read.
#[derive(Clone, Copy, Debug)]
struct Block {
    start: u64,
    length: u32,
    /// Bytes before its end that have not been read.
    left: u32,
}

impl Pcapng {
    /// Reads the first section's head behind its first four bytes.
    pub fn begin(from: &mut Source<impl Read>) -> Result<Self, CaptureError> {
        let mut section = Self { order: ByteOrder::Little, interfaces: Vec::new() };
        section.section(from, 0)?;
        Ok(section)
    }

    /// Reads up to the end of the next packet's block.
    pub fn next(
        &mut self,
        from: &mut Source<impl Read>,
        frame: &mut Vec<u8>,
    ) -> Result<Option<Head>, CaptureError> {
        loop {
            let start = from.offset();
            let Some(kind) = from.next::<4>(Part::Block)? else { return Ok(None) };
            if kind == SECTION {
                self.section(from, start)?;
                continue;
            }
            let length = self.order.read32(from.must(Part::Block, start)?);
            let mut block = Block::new(start, length)?;
            let head = match self.order.read32(kind) {
                INTERFACE => {
                    self.interface(from, &mut block)?;
                    None
                }
                ENHANCED_PACKET => Some(self.enhanced(from, &mut block, frame)?),
                SIMPLE_PACKET => Some(self.simple(from, &mut block, frame)?),
                OLD_PACKET => Some(self.old(from, &mut block, frame)?),
                _ => None,
            };
            self.end(from, block)?;
            if head.is_some() {
                return Ok(head);
            }
        }
    }

    /// A section's head behind its first four bytes.
    fn section(&mut self, from: &mut Source<impl Read>, start: u64) -> Result<(), CaptureError> {
        let [length, magic]: [[u8; 4]; 2] =
            [from.must(Part::Block, start)?, from.must(Part::Block, start)?];
        let orders = [ByteOrder::Little, ByteOrder::Big];
        let order = orders.into_iter().find(|order| order.bytes32(ORDER) == magic);
        self.order = order.ok_or(CaptureError::Order { offset: start })?;
        self.interfaces.clear();
        let mut block = Block::new(start, self.order.read32(length))?;
        block.take(4)?;
        let [a, b, c, d] = block.read(from)?;
        let [major, minor] = [self.order.read16([a, b]), self.order.read16([c, d])];
        if major != MAJOR {
            return Err(CaptureError::Version { offset: start + 12, major, minor });
        }
        self.end(from, block)
    }

    fn interface(
        &mut self,
        from: &mut Source<impl Read>,
        block: &mut Block,
    ) -> Result<(), CaptureError> {
        if self.interfaces.len() == MOST_INTERFACES {
            let most = MOST_INTERFACES;
            return Err(CaptureError::Interfaces { offset: block.start, most });
        }
        let [a, b, _, _] = block.read(from)?;
        let link = LinkType(self.order.read16([a, b]).into());
        let snap = self.order.read32(block.read(from)?);
        let mut interface = Interface { link, snap, unit: Unit::Decimal(6), offset: 0 };
        while block.left >= 4 {
            let [a, b, c, d] = block.read(from)?;
            let [option, length] = [self.order.read16([a, b]), self.order.read16([c, d])];
            match (option, length) {
                (0, _) => break,
                (RESOLUTION, 1) => interface.unit = Unit::of(block.read::<4>(from)?[0]),
                (OFFSET, 8) => {
                    let offset = self.order.read64(block.read(from)?);
                    interface.offset = offset.cast_signed();
                }
                _ => block.skip(from, u32::from(length).next_multiple_of(4))?,
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn enhanced(
        &self,
        from: &mut Source<impl Read>,
        block: &mut Block,
        frame: &mut Vec<u8>,
    ) -> Result<Head, CaptureError> {
        let number = self.order.read32(block.read(from)?);
        self.packet(from, block, number, frame)
    }

    fn old(
        &self,
        from: &mut Source<impl Read>,
        block: &mut Block,
        frame: &mut Vec<u8>,
    ) -> Result<Head, CaptureError> {
        // The second half counts what the interface has lost.
        let [a, b, _, _] = block.read(from)?;
        self.packet(from, block, self.order.read16([a, b]).into(), frame)
    }

    /// Time, two lengths and bytes, which enhanced and old packets have alike.
    fn packet(
        &self,
        from: &mut Source<impl Read>,
        block: &mut Block,
        number: u32,
        frame: &mut Vec<u8>,
    ) -> Result<Head, CaptureError> {
        let interface = self.ethernet(block, number)?;
        let [high, low, length, wire] = words(self.order, block.read(from)?);
        block.bytes(from, length, frame)?;
        let time = interface.time(u64::from(high) << 32 | u64::from(low));
        Ok(Head { wire, time: Some(time) })
    }

    fn simple(
        &self,
        from: &mut Source<impl Read>,
        block: &mut Block,
        frame: &mut Vec<u8>,
    ) -> Result<Head, CaptureError> {
        let interface = self.ethernet(block, 0)?;
        let wire = self.order.read32(block.read(from)?);
        let snap = if interface.snap == 0 { u32::MAX } else { interface.snap };
        block.bytes(from, wire.min(snap), frame)?;
        Ok(Head { wire, time: None })
    }

    /// The interface of a packet, which has to be one for Ethernet.
    fn ethernet(&self, block: &Block, number: u32) -> Result<&Interface, CaptureError> {
        let (offset, at) = (block.start, usize::try_from(number).ok());
        let found = at.and_then(|at| self.interfaces.get(at));
        let interface = found.ok_or(CaptureError::NoInterface { offset, interface: number })?;
        match interface.link {
            LinkType::ETHERNET => Ok(interface),
            link => Err(CaptureError::Link { offset, link }),
        }
    }

    /// Passes over what is left of a block.
    fn end(&self, from: &mut Source<impl Read>, block: Block) -> Result<(), CaptureError> {
        let Block { start, length, left } = block;
        from.skip(left.into(), start)?;
        let ends = self.order.read32(from.must(Part::Block, start)?);
        if ends == length {
            return Ok(());
        }
        Err(CaptureError::BlockEnd { offset: start, begins: length, ends })
    }
}

impl Block {
    fn new(start: u64, length: u32) -> Result<Self, CaptureError> {
        match length.checked_sub(FRAMING) {
            Some(left) if length.is_multiple_of(4) => Ok(Self { start, length, left }),
            _ => Err(CaptureError::BlockLength { offset: start, length }),
        }
    }

    /// Bytes of it that are about to be read.
    fn take(&mut self, bytes: u32) -> Result<(), CaptureError> {
        let left = self.left.checked_sub(bytes);
        let (offset, length) = (self.start, self.length);
        self.left = left.ok_or(CaptureError::BlockLength { offset, length })?;
        Ok(())
    }

    fn read<const N: usize>(
        &mut self,
        from: &mut Source<impl Read>,
    ) -> Result<[u8; N], CaptureError> {
        self.take(u32::try_from(N).unwrap_or(u32::MAX))?;
        from.must(Part::Block, self.start)
    }

    fn skip(&mut self, from: &mut Source<impl Read>, bytes: u32) -> Result<(), CaptureError> {
        self.take(bytes)?;
        from.skip(bytes.into(), self.start)
    }

    fn bytes(
        &mut self,
        from: &mut Source<impl Read>,
        length: u32,
        frame: &mut Vec<u8>,
    ) -> Result<(), CaptureError> {
        self.take(length)?;
        from.packet(length, self.start, frame)
    }
}

impl Unit {
    /// As the option says it: the highest bit chooses two instead of ten.
    const fn of(byte: u8) -> Self {
        let power = (byte & 0x7f) as u32;
        if byte & 0x80 == 0 { Self::Decimal(power) } else { Self::Binary(power) }
    }

    /// How many ticks make a second; `None` where that is beyond all numbers.
    fn ticks(self) -> Option<u128> {
        match self {
            Self::Decimal(power) => 10u128.checked_pow(power),
            Self::Binary(power) => 1u128.checked_shl(power),
        }
    }
}

impl Interface {
    /// The time that so many ticks are; one before 1970, or beyond all numbers, is cut off.
    fn time(&self, ticks: u64) -> Duration {
        let (seconds, nanoseconds) = match self.unit.ticks() {
            None => (0, 0),
            Some(each) => {
                let ticks = u128::from(ticks);
                let nanoseconds = (ticks % each).checked_mul(1_000_000_000).map_or(0, |n| n / each);
                (u64::try_from(ticks / each).unwrap_or(u64::MAX), nanoseconds)
            }
        };
        let seconds = seconds.saturating_add_signed(self.offset);
        Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0))
    }
}
