//! Constants of `linux/bpf.h`, `linux/if_link.h` and `linux/ethtool.h` under their kernel names.

use libc::c_int;

pub(crate) const BPF_MAP_CREATE: c_int = 0;
pub(crate) const BPF_MAP_LOOKUP_ELEM: c_int = 1;
pub(crate) const BPF_MAP_UPDATE_ELEM: c_int = 2;
pub(crate) const BPF_MAP_DELETE_ELEM: c_int = 3;
pub(crate) const BPF_MAP_GET_NEXT_KEY: c_int = 4;
pub(crate) const BPF_PROG_LOAD: c_int = 5;
pub(crate) const BPF_OBJ_PIN: c_int = 6;
pub(crate) const BPF_OBJ_GET: c_int = 7;
pub(crate) const BPF_PROG_TEST_RUN: c_int = 10;
pub(crate) const BPF_PROG_GET_NEXT_ID: c_int = 11;
pub(crate) const BPF_MAP_GET_NEXT_ID: c_int = 12;
pub(crate) const BPF_PROG_GET_FD_BY_ID: c_int = 13;
pub(crate) const BPF_MAP_GET_FD_BY_ID: c_int = 14;
pub(crate) const BPF_OBJ_GET_INFO_BY_FD: c_int = 15;
pub(crate) const BPF_RAW_TRACEPOINT_OPEN: c_int = 17;
pub(crate) const BPF_BTF_LOAD: c_int = 18;
pub(crate) const BPF_MAP_FREEZE: c_int = 22;
pub(crate) const BPF_MAP_LOOKUP_BATCH: c_int = 24;
pub(crate) const BPF_MAP_UPDATE_BATCH: c_int = 26;
pub(crate) const BPF_MAP_DELETE_BATCH: c_int = 27;
pub(crate) const BPF_LINK_CREATE: c_int = 28;
pub(crate) const BPF_LINK_GET_NEXT_ID: c_int = 31;

pub(crate) const BPF_PROG_TYPE_XDP: u32 = 6;
pub(crate) const BPF_PROG_TYPE_RAW_TRACEPOINT: u32 = 17;
/// The place that links attach XDP programs at (`enum bpf_attach_type`).
pub(crate) const BPF_XDP: u32 = 37;
/// The path and the reason; from `include/linux/bpf_verifier.h`.
pub(crate) const BPF_LOG_LEVEL1: u32 = 1;
/// Statistics, and the reason: what is written whatever the level.
pub(crate) const BPF_LOG_STATS: u32 = 4;
pub(crate) const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
pub(crate) const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;

pub(crate) const BPF_MAP_TYPE_ARRAY: u32 = 2;
pub(crate) const BPF_MAP_TYPE_PROG_ARRAY: u32 = 3;
pub(crate) const BPF_MAP_TYPE_PERF_EVENT_ARRAY: u32 = 4;
pub(crate) const BPF_MAP_TYPE_PERCPU_HASH: u32 = 5;
pub(crate) const BPF_MAP_TYPE_PERCPU_ARRAY: u32 = 6;
pub(crate) const BPF_MAP_TYPE_CGROUP_ARRAY: u32 = 8;
pub(crate) const BPF_MAP_TYPE_LRU_PERCPU_HASH: u32 = 10;
pub(crate) const BPF_MAP_TYPE_LPM_TRIE: u32 = 11;
pub(crate) const BPF_MAP_TYPE_ARRAY_OF_MAPS: u32 = 12;
pub(crate) const BPF_MAP_TYPE_HASH_OF_MAPS: u32 = 13;
pub(crate) const BPF_MAP_TYPE_XSKMAP: u32 = 17;
pub(crate) const BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: u32 = 21;
pub(crate) const BPF_MAP_TYPE_RINGBUF: u32 = 27;

pub(crate) const BPF_ANY: u64 = 0;
pub(crate) const BPF_NOEXIST: u64 = 1;
pub(crate) const BPF_EXIST: u64 = 2;

/// Bytes of an object's name, the closing zero among them.
pub(crate) const BPF_OBJ_NAME_LEN: usize = 16;
pub(crate) const BPF_TAG_SIZE: usize = 8;

pub(crate) const SIOCETHTOOL: libc::Ioctl = 0x8946;
pub(crate) const ETHTOOL_GFLAGS: u32 = 0x25;
pub(crate) const ETHTOOL_SGRO: u32 = 0x2c;
pub(crate) const ETHTOOL_GCHANNELS: u32 = 0x3c;
pub(crate) const ETH_FLAG_RXVLAN: u32 = 1 << 8;
