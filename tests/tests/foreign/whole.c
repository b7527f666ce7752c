// Everything that an object of clang's can have: maps, variables, a constant, a function that is
// called, and places that only the running kernel's types tell.
#include "bpf.h"

struct {
	__uint(type, ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} hits SEC(".maps");

const volatile u16 blocked = 7777;
volatile u32 verdict = XDP_DROP;
u64 seen;
u32 queue_index_at;
u32 exists;

// The kernel's has another field in front.
struct xdp_rxq_info {
	u32 queue_index;
	u32 never_was_there;
} __attribute__((preserve_access_index));

static __attribute__((noinline)) int count(u32 key, u64 add)
{
	u64 *value = bpf_map_lookup_elem(&hits, &key);
	if (!value)
		return 0;
	__sync_fetch_and_add(value, add);
	return 1;
}

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	seen++;
	queue_index_at = __builtin_preserve_field_info(((struct xdp_rxq_info *)0)->queue_index, 0);
	exists = __builtin_preserve_field_info(((struct xdp_rxq_info *)0)->queue_index, 2) |
		 __builtin_preserve_field_info(((struct xdp_rxq_info *)0)->never_was_there, 2) << 1;
	if (data + 42 > end)
		return XDP_PASS;
	count(0, 1);
	if ((data[36] << 8 | data[37]) != blocked)
		return XDP_PASS;
	count(1, 1);
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
