//! Helpers: functions of the kernel that a program can call, by number.
//!
//! The table has those that an XDP program may call; the numbers and names are the kernel's
//! (`include/uapi/linux/bpf.h`) and never change. `from_id` takes any number, so that a decoded
//! program is never refused for a helper newer than this table.

/// A function of the kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Helper(u32);

impl Helper {
    /// The helper with this number, known to the table or not.
    pub fn from_id(id: u32) -> Self {
        Self(id)
    }

    /// The number that the call instruction carries.
    pub const fn id(self) -> u32 {
        self.0
    }
}

macro_rules! helpers {
    ($($id:literal $constant:ident $name:literal)*) => {
        impl Helper {
            $(#[doc = concat!("`", $name, "`, number ", $id, ".")]
            pub const $constant: Self = Self($id);)*

            /// The helper with this name, where the table has it.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$constant),)* _ => None }
            }

            /// The kernel's name for it, or `unknown` (as the kernel says) past the table.
            pub fn name(self) -> &'static str {
                match self.0 { $($id => $name,)* _ => "unknown" }
            }
        }
    };
}

#[rustfmt::skip] // One line per helper, in the kernel's order.
helpers! {
    1 MAP_LOOKUP_ELEM "bpf_map_lookup_elem"
    2 MAP_UPDATE_ELEM "bpf_map_update_elem"
    3 MAP_DELETE_ELEM "bpf_map_delete_elem"
    5 KTIME_GET_NS "bpf_ktime_get_ns"
    6 TRACE_PRINTK "bpf_trace_printk"
    7 GET_PRANDOM_U32 "bpf_get_prandom_u32"
    8 GET_SMP_PROCESSOR_ID "bpf_get_smp_processor_id"
    12 TAIL_CALL "bpf_tail_call"
    23 REDIRECT "bpf_redirect"
    25 PERF_EVENT_OUTPUT "bpf_perf_event_output"
    28 CSUM_DIFF "bpf_csum_diff"
    42 GET_NUMA_NODE_ID "bpf_get_numa_node_id"
    44 XDP_ADJUST_HEAD "bpf_xdp_adjust_head"
    51 REDIRECT_MAP "bpf_redirect_map"
    54 XDP_ADJUST_META "bpf_xdp_adjust_meta"
    65 XDP_ADJUST_TAIL "bpf_xdp_adjust_tail"
    69 FIB_LOOKUP "bpf_fib_lookup"
    84 SK_LOOKUP_TCP "bpf_sk_lookup_tcp"
    85 SK_LOOKUP_UDP "bpf_sk_lookup_udp"
    86 SK_RELEASE "bpf_sk_release"
    87 MAP_PUSH_ELEM "bpf_map_push_elem"
    88 MAP_POP_ELEM "bpf_map_pop_elem"
    89 MAP_PEEK_ELEM "bpf_map_peek_elem"
    93 SPIN_LOCK "bpf_spin_lock"
    94 SPIN_UNLOCK "bpf_spin_unlock"
    99 SKC_LOOKUP_TCP "bpf_skc_lookup_tcp"
    100 TCP_CHECK_SYNCOOKIE "bpf_tcp_check_syncookie"
    110 TCP_GEN_SYNCOOKIE "bpf_tcp_gen_syncookie"
    118 JIFFIES64 "bpf_jiffies64"
    125 KTIME_GET_BOOT_NS "bpf_ktime_get_boot_ns"
    130 RINGBUF_OUTPUT "bpf_ringbuf_output"
    131 RINGBUF_RESERVE "bpf_ringbuf_reserve"
    132 RINGBUF_SUBMIT "bpf_ringbuf_submit"
    133 RINGBUF_DISCARD "bpf_ringbuf_discard"
    134 RINGBUF_QUERY "bpf_ringbuf_query"
    153 PER_CPU_PTR "bpf_per_cpu_ptr"
    154 THIS_CPU_PTR "bpf_this_cpu_ptr"
    160 KTIME_GET_COARSE_NS "bpf_ktime_get_coarse_ns"
    163 CHECK_MTU "bpf_check_mtu"
    164 FOR_EACH_MAP_ELEM "bpf_for_each_map_elem"
    165 SNPRINTF "bpf_snprintf"
    169 TIMER_INIT "bpf_timer_init"
    170 TIMER_SET_CALLBACK "bpf_timer_set_callback"
    171 TIMER_START "bpf_timer_start"
    172 TIMER_CANCEL "bpf_timer_cancel"
    177 TRACE_VPRINTK "bpf_trace_vprintk"
    181 LOOP "bpf_loop"
    182 STRNCMP "bpf_strncmp"
    188 XDP_GET_BUFF_LEN "bpf_xdp_get_buff_len"
    189 XDP_LOAD_BYTES "bpf_xdp_load_bytes"
    190 XDP_STORE_BYTES "bpf_xdp_store_bytes"
    195 MAP_LOOKUP_PERCPU_ELEM "bpf_map_lookup_percpu_elem"
    204 TCP_RAW_GEN_SYNCOOKIE_IPV4 "bpf_tcp_raw_gen_syncookie_ipv4"
    205 TCP_RAW_GEN_SYNCOOKIE_IPV6 "bpf_tcp_raw_gen_syncookie_ipv6"
    206 TCP_RAW_CHECK_SYNCOOKIE_IPV4 "bpf_tcp_raw_check_syncookie_ipv4"
    207 TCP_RAW_CHECK_SYNCOOKIE_IPV6 "bpf_tcp_raw_check_syncookie_ipv6"
    208 KTIME_GET_TAI_NS "bpf_ktime_get_tai_ns"
}
