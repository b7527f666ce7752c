// One map, of a kind and in a form that the command line chooses.
#include "bpf.h"

#ifdef OLD
struct bpf_map_def {
	u32 type, key_size, value_size, max_entries, map_flags, id, pinning;
};
struct bpf_map_def SEC("maps") one = {
	.type = KIND, .key_size = 4, .value_size = 8, .max_entries = 2, .pinning = OLD
};
#elif defined(INNER)
struct inner {
	__uint(type, ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
};
struct {
	__uint(type, KIND);
	__uint(max_entries, 2);
	__type(key, u32);
	__array(values, struct inner);
} one SEC(".maps");
#else
struct {
	__uint(type, KIND);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, MOST);
#ifdef EXTRA
	__uint(map_extra, EXTRA);
#endif
} one SEC(".maps");
#endif

#ifdef KFUNC
extern u64 the_kernels_own(void) __attribute__((section(".ksyms")));
#endif

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	u32 key = 1;
#ifdef KFUNC
	key = the_kernels_own();
#endif
	bpf_map_lookup_elem(&one, &key);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
