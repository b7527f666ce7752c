// Packets and bytes by action, one record for each CPU, as the tutorials count them.
#include "bpf.h"

struct record {
	u64 packets;
	u64 bytes;
};

struct {
	__uint(type, PERCPU_ARRAY);
	__uint(max_entries, XDP_REDIRECT + 1);
	__type(key, u32);
	__type(value, struct record);
} xdp_stats_map SEC(".maps");

static __attribute__((always_inline)) u32 recorded(struct xdp_md *ctx, u32 action)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct record *record;

	if (action > XDP_REDIRECT)
		return XDP_ABORTED;
	record = bpf_map_lookup_elem(&xdp_stats_map, &action);
	if (!record)
		return XDP_ABORTED;
	record->packets++;
	record->bytes += end - data;
	return action;
}

SEC("xdp")
int xdp_pass_func(struct xdp_md *ctx)
{
	return recorded(ctx, XDP_PASS);
}

SEC("xdp")
int xdp_drop_func(struct xdp_md *ctx)
{
	return recorded(ctx, XDP_DROP);
}

SEC("xdp.frags")
int xdp_large_func(struct xdp_md *ctx)
{
	return recorded(ctx, XDP_DROP);
}

SEC("xdp/devmap")
int behind_a_map(struct xdp_md *ctx)
{
	return XDP_PASS;
}

// Not for XDP, and of a sort that is nowhere known.
SEC("tc")
int classify(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
