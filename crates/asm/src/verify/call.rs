//! Helpers: what each takes and gives, since when.
//!
//! Only helpers that XDP programs may call and whose rules are the same in every kernel that has
//! them; any other one is refused as unknown here.

use super::rules::Kernel;
use crate::helper::Helper;
use crate::map::MapKind;

/// What a helper takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arg {
    /// The context.
    Ctx,
    /// A map.
    Map,
    /// A key of the map.
    Key,
    /// A value for the map.
    MapValue,
    /// Any number.
    Number,
    /// Memory that is read; the next argument is its size.
    Read,
    /// The same, or null.
    ReadOrNull,
    /// Memory that is read and written.
    Change,
    /// Memory that is written.
    Written,
    /// The size of the memory before it.
    Size,
    /// The same, where 0 will do.
    SizeOrZero,
}

/// What a helper gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gives {
    /// A number.
    Number,
    /// A value of the map, or null.
    ValueOrNull,
    /// Nothing that may be read.
    Nothing,
}

/// What a helper does to the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packet {
    /// Nothing.
    Keeps,
    /// It takes pointers into it.
    Takes,
    /// It may move it: pointers into it are void then.
    Moves,
}

/// How a helper is called.
pub(super) struct Signature {
    id: u32,
    pub(super) since: Kernel,
    pub(super) args: &'static [Arg],
    pub(super) gives: Gives,
    pub(super) packet: Packet,
}

impl Signature {
    /// The signature of a helper, where it is known here.
    pub(super) fn of(helper: Helper) -> Option<&'static Self> {
        HELPERS.iter().find(|signature| signature.id == helper.id())
    }

    /// Whether the helper changes what the map holds.
    pub(super) fn changes_map(&self) -> bool {
        matches!(Helper::from_id(self.id), Helper::MAP_UPDATE_ELEM | Helper::MAP_DELETE_ELEM)
    }

    /// Whether the helper takes maps of a kind.
    pub(super) fn takes(&self, kind: MapKind) -> bool {
        use MapKind::{
            Array, CpuMap, DevMap, DevMapHash, Hash, LpmTrie, LruHash, LruPerCpuHash, PerCpuArray,
            PerCpuHash, PerfEventArray, ProgArray, RingBuf, XskMap,
        };
        let per_cpu = matches!(kind, PerCpuHash | PerCpuArray | LruPerCpuHash);
        match Helper::from_id(self.id) {
            Helper::TAIL_CALL => kind == ProgArray,
            Helper::REDIRECT_MAP => matches!(kind, DevMap | DevMapHash | CpuMap | XskMap),
            Helper::PERF_EVENT_OUTPUT => kind == PerfEventArray,
            Helper::RINGBUF_OUTPUT | Helper::RINGBUF_QUERY => kind == RingBuf,
            Helper::MAP_LOOKUP_PERCPU_ELEM => per_cpu,
            _ => per_cpu || matches!(kind, Hash | Array | LruHash | LpmTrie),
        }
    }
}

const fn of(
    helper: Helper,
    (major, minor): (u16, u16),
    args: &'static [Arg],
    gives: Gives,
    packet: Packet,
) -> Signature {
    Signature { id: helper.id(), since: Kernel { major, minor }, args, gives, packet }
}

use Arg::{
    Change, Ctx, Key, Map, MapValue, Number as N, Read, ReadOrNull, Size, SizeOrZero, Written,
};
use Gives::{Nothing, Number, ValueOrNull};
use Packet::{Keeps, Moves, Takes};

/// The oldest kernel that anything here is said of.
const OLD: (u16, u16) = (5, 10);

#[rustfmt::skip] // One line per helper, in the kernel's order.
const HELPERS: &[Signature] = &[
    of(Helper::MAP_LOOKUP_ELEM, OLD, &[Map, Key], ValueOrNull, Takes),
    of(Helper::MAP_UPDATE_ELEM, OLD, &[Map, Key, MapValue, N], Number, Takes),
    of(Helper::MAP_DELETE_ELEM, OLD, &[Map, Key], Number, Takes),
    of(Helper::KTIME_GET_NS, OLD, &[], Number, Keeps),
    of(Helper::TRACE_PRINTK, OLD, &[Read, Size], Number, Keeps),
    of(Helper::GET_PRANDOM_U32, OLD, &[], Number, Keeps),
    of(Helper::GET_SMP_PROCESSOR_ID, OLD, &[], Number, Keeps),
    // From 6.13 on the program that is called is expected to move the packet.
    of(Helper::TAIL_CALL, OLD, &[Ctx, Map, N], Nothing, Moves),
    of(Helper::REDIRECT, OLD, &[N, N], Number, Keeps),
    of(Helper::PERF_EVENT_OUTPUT, OLD, &[Ctx, Map, N, Read, SizeOrZero], Number, Keeps),
    of(Helper::CSUM_DIFF, OLD, &[ReadOrNull, SizeOrZero, ReadOrNull, SizeOrZero, N], Number, Takes),
    of(Helper::GET_NUMA_NODE_ID, OLD, &[], Number, Keeps),
    of(Helper::XDP_ADJUST_HEAD, OLD, &[Ctx, N], Number, Moves),
    of(Helper::REDIRECT_MAP, OLD, &[Map, N, N], Number, Keeps),
    of(Helper::XDP_ADJUST_META, OLD, &[Ctx, N], Number, Moves),
    of(Helper::XDP_ADJUST_TAIL, OLD, &[Ctx, N], Number, Moves),
    of(Helper::FIB_LOOKUP, OLD, &[Ctx, Change, Size, N], Number, Keeps),
    of(Helper::JIFFIES64, OLD, &[], Number, Keeps),
    of(Helper::KTIME_GET_BOOT_NS, OLD, &[], Number, Keeps),
    of(Helper::RINGBUF_OUTPUT, OLD, &[Map, Read, SizeOrZero, N], Number, Keeps),
    of(Helper::RINGBUF_QUERY, OLD, &[Map, N], Number, Keeps),
    of(Helper::KTIME_GET_COARSE_NS, (5, 11), &[], Number, Keeps),
    of(Helper::XDP_GET_BUFF_LEN, (5, 18), &[Ctx], Number, Keeps),
    of(Helper::XDP_LOAD_BYTES, (5, 18), &[Ctx, N, Written, Size], Number, Keeps),
    of(Helper::XDP_STORE_BYTES, (5, 18), &[Ctx, N, Read, Size], Number, Moves),
    of(Helper::MAP_LOOKUP_PERCPU_ELEM, (5, 19), &[Map, Key, N], ValueOrNull, Takes),
    of(Helper::KTIME_GET_TAI_NS, (6, 1), &[], Number, Keeps),
];
