//! Events: the maps through which a program reports packets, and what a record says.
//!
//! Records go through one ring buffer, shared by all CPUs. Beside it each CPU has a value of its own:
//! the time of its next report, by which the rate is held, what it reported, lost and held back, the
//! record that it is about to hand over, and the turns of rules that report one packet of so many.
//! A policy without events has neither map.
//!
//! A record is [`Record::HEADER`] bytes, numbers in the order of the machine, then as many bytes of
//! the packet as it says. Every byte of it is written for the packet that it is about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_asm::btf::{Field, Layout, MapLayout};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::rows::{FIRST_RULE, Row, RowId};
use crate::policy::{Policy, Protocol, Verdict};

/// The name of the ring buffer.
pub const EVENTS: &str = "_events";
/// The name of the map with each CPU's own part.
pub const EVENT_STATE: &str = "_events_cpu";

/// The most rules that may report one packet of so many: the turns of all are in one value.
pub const MOST_TURNS: usize = 1024;

/// What a policy reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The most records a second, on each CPU.
    pub rate: u32,
    /// The most bytes of a packet that any rule reports.
    pub snap: u32,
    /// What tells the rows of this policy from those of others.
    pub rows: u32,
    /// The rows of rules that report one packet of so many, in the order of their turns.
    turns: Vec<RowId>,
}

/// Where things stand in the value of a CPU.
pub mod state {
    /// `u64`: the time from which on the next report is on time, in nanoseconds.
    pub const NEXT: i16 = 0;
    /// `u64`: when a reader was woken last.
    pub const WOKEN: i16 = 8;
    /// `u64`: records handed over.
    pub const SENT: i16 = 16;
    /// `u64`: records for which there was no room.
    pub const LOST: i16 = 24;
    /// `u64`: packets that were not reported because of the rate.
    pub const HELD: i16 = 32;
    /// The record in the making.
    pub const RECORD: i16 = 40;
}

/// What a CPU has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records handed over.
    pub sent: u64,
    /// Records for which there was no room: nobody reads, or not fast enough.
    pub lost: u64,
    /// Packets that were not reported because of the rate.
    pub held: u64,
}

impl Tally {
    /// From the value of a CPU; nothing if it is too short.
    pub fn read(value: &[u8]) -> Option<Self> {
        let at = |at: i16| {
            let bytes = value.get(usize::try_from(at).ok()?..)?;
            Some(u64::from_ne_bytes(*bytes.first_chunk()?))
        };
        Some(Self { sent: at(state::SENT)?, lost: at(state::LOST)?, held: at(state::HELD)? })
    }
}

impl Events {
    /// What a policy reports, if anything.
    pub fn of(policy: &Policy, rows: &[Row]) -> Option<Self> {
        let reporting = || {
            let all = policy.keeps().iter().chain(policy.rules()).enumerate();
            all.filter_map(|(at, rule)| Some((RowId(FIRST_RULE + at), rule.report?)))
        };
        let snap = reporting().map(|(_, report)| report.snap()).max()?;
        let turns = reporting().filter(|(_, report)| report.one_in() > 1).map(|(row, _)| row);
        let (rate, rows) = (policy.events().rate, checksum(rows));
        Some(Self { rate, snap, rows, turns: turns.collect() })
    }

    /// How many rules report one packet of so many.
    pub fn turns(&self) -> usize {
        self.turns.len()
    }

    /// Where the turn of a rule stands in the value of a CPU: a `u32`.
    pub fn turn_of(&self, row: RowId) -> Option<i16> {
        let place = self.turns.iter().position(|own| *own == row)?;
        i16::try_from(self.turns_at() as usize + 4 * place).ok()
    }

    fn turns_at(&self) -> u32 {
        let record = u32::try_from(Record::HEADER).unwrap_or_default();
        (state::RECORD.unsigned_abs() as u32 + record + self.snap).next_multiple_of(8)
    }

    /// The bytes of the ring: what one CPU may report in a quarter of a second has room in it.
    fn ring(&self) -> u32 {
        let record = Record::HEADER as u64 + 8 + u64::from(self.snap);
        let quarter = u64::from(self.rate) * record / 4;
        u32::try_from(quarter.next_power_of_two().clamp(1 << 20, 1 << 26)).unwrap_or(1 << 26)
    }

    /// Both maps: the ring, then what each CPU has of its own.
    pub fn maps(&self) -> [MapDecl; 2] {
        let turns = u32::try_from(4 * self.turns.len()).unwrap_or(u32::MAX);
        let ring = MapDecl {
            name: EVENTS.to_owned(),
            kind: MapKind::RingBuf,
            key_size: 0,
            value_size: 0,
            max_entries: self.ring(),
            flags: MapFlags::NONE,
        };
        let state = MapDecl {
            name: EVENT_STATE.to_owned(),
            kind: MapKind::PerCpuArray,
            key_size: 4,
            value_size: (self.turns_at() + turns).next_multiple_of(8),
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        [ring, state]
    }

    /// What the maps hold; records have no layout of their own.
    pub fn layouts(&self) -> [Option<MapLayout>; 2] {
        let [_, state] = self.maps();
        let record = state.value_size - state::RECORD.unsigned_abs() as u32;
        let mut fields = ["next", "woken", "sent", "lost", "held"]
            .map(|name| Field { name: name.into(), layout: Layout::U64 })
            .to_vec();
        fields.push(Field { name: "record".into(), layout: Layout::bytes(record) });
        [None, Some(MapLayout::array(Layout::Struct("events_cpu".into(), fields)))]
    }
}

/// FNV-1a over lines and statements.
fn checksum(rows: &[Row]) -> u32 {
    let bytes = |row: &Row| {
        let line = row.line.unwrap_or(0).to_le_bytes();
        line.into_iter().chain(row.text.bytes()).chain([0]).collect::<Vec<u8>>()
    };
    let step = |sum: u32, byte: u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    rows.iter().flat_map(bytes).fold(0x811c_9dc5, step)
}

/// What tells the rows of a policy from those of others, as its records bear it.
pub fn rows_checksum(policy: &Policy) -> u32 {
    checksum(&super::rows(policy))
}

/// Where things stand in a record.
pub mod record {
    /// `u64`: `CLOCK_MONOTONIC`, in nanoseconds.
    pub const TIME: i16 = 0;
    /// `u32`: the interface.
    pub const INTERFACE: i16 = 8;
    /// `u32`: its receive queue.
    pub const QUEUE: i16 = 12;
    /// `u32`: which policy's rows are meant.
    pub const ROWS: i16 = 16;
    /// `u32`: the row of the rule.
    pub const ROW: i16 = 20;
    /// `u32`: the verdict, or [`NONE`].
    pub const VERDICT: i16 = 24;
    /// `u32`: the length of the frame.
    pub const LENGTH: i16 = 28;
    /// `u32`: how many bytes of it follow.
    pub const CAPTURED: i16 = 32;
    /// `u32`: [`SHADOW`], [`PORTS`], [`ICMP`].
    pub const FLAGS: i16 = 36;
    /// `u32`: the version of IP, 0 where the frame is none.
    pub const FAMILY: i16 = 40;
    /// `u32`: the protocol, or [`NONE`].
    pub const PROTOCOL: i16 = 44;
    /// `u32`: the source port, or the type and code of ICMP.
    pub const SPORT: i16 = 48;
    /// `u32`: the destination port.
    pub const DPORT: i16 = 52;
    /// 16 bytes: the source address; one of IPv4 is in the first four.
    pub const SRC: i16 = 56;
    /// 16 bytes: the destination address.
    pub const DST: i16 = 72;
    /// Bytes of all that.
    pub const HEADER: i16 = 88;

    /// No verdict, no protocol: all ones.
    pub const NONE: i32 = -1;
    /// The verdict was not carried out.
    pub const SHADOW: i32 = 1;
    /// The packet has ports.
    pub const PORTS: i32 = 2;
    /// The packet has an ICMP type and code.
    pub const ICMP: i32 = 4;
}

/// A packet that was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub time: u64,
    /// The number of the interface that it came in by.
    pub interface: u32,
    /// The receive queue.
    pub queue: u32,
    /// Which policy's rows are meant: [`rows_checksum`].
    pub rows: u32,
    /// The row of the rule.
    pub row: u32,
    /// What became of it; none where the rule decides nothing.
    pub verdict: Option<Verdict>,
    /// Whether the verdict was carried out.
    pub done: Carried,
    /// The length of the frame.
    pub length: u32,
    /// Source and destination of a packet of IP.
    pub addresses: Option<[IpAddr; 2]>,
    /// The protocol, where it is known.
    pub protocol: Option<Protocol>,
    /// Source and destination port.
    pub ports: Option<[u16; 2]>,
    /// Type and code of ICMP.
    pub icmp: Option<[u8; 2]>,
    /// The first bytes of the frame.
    pub bytes: Vec<u8>,
}

/// Whether a verdict was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// It was.
    Out,
    /// The filter was in mode `shadow`: the packet has passed.
    Not,
}

impl Record {
    /// Bytes before those of the packet.
    pub const HEADER: usize = record::HEADER as usize;

    /// Reads a record without trust; nothing where it is none of ours. Bytes behind the last one
    /// that it speaks of are not looked at.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let from = |at: i16| bytes.get(usize::try_from(at).ok()?..);
        let word = |at| Some(u32::from_ne_bytes(*from(at)?.first_chunk()?));
        let absent = u32::from_ne_bytes(record::NONE.to_ne_bytes());
        let flags = word(record::FLAGS)?;
        let has = |flag: i32| flags & flag.unsigned_abs() != 0;
        let address = |at| {
            let bytes = *from(at)?.first_chunk::<16>()?;
            match word(record::FAMILY)? {
                4 => Some(IpAddr::V4(Ipv4Addr::from(*bytes.first_chunk::<4>()?))),
                6 => Some(IpAddr::V6(Ipv6Addr::from(bytes))),
                _ => None,
            }
        };
        let verdict = match word(record::VERDICT)? {
            none if none == absent => None,
            code => Some(Verdict::ALL.into_iter().find(|v| v.code().unsigned_abs() == code)?),
        };
        let protocol = match word(record::PROTOCOL)? {
            none if none == absent => None,
            number => Some(Protocol(u8::try_from(number).ok()?)),
        };
        let sport = u16::try_from(word(record::SPORT)?).ok()?;
        let dport = u16::try_from(word(record::DPORT)?).ok()?;
        let captured = usize::try_from(word(record::CAPTURED)?).ok()?;
        Some(Self {
            time: u64::from_ne_bytes(*from(record::TIME)?.first_chunk()?),
            interface: word(record::INTERFACE)?,
            queue: word(record::QUEUE)?,
            rows: word(record::ROWS)?,
            row: word(record::ROW)?,
            verdict,
            done: if has(record::SHADOW) { Carried::Not } else { Carried::Out },
            length: word(record::LENGTH)?,
            addresses: address(record::SRC).zip(address(record::DST)).map(<[IpAddr; 2]>::from),
            protocol,
            ports: has(record::PORTS).then_some([sport, dport]),
            icmp: has(record::ICMP).then_some(sport.to_be_bytes()),
            bytes: bytes.get(Self::HEADER..)?.get(..captured)?.to_vec(),
        })
    }
}

/// How many branches a report is at most, besides those of the bytes of the packet.
pub const BRANCHES: usize = 12;

/// The most bytes that are copied by loads and stores, where no helper copies them.
pub const MOST_COPIED: u32 = 256;
