// The verifier has to say no, and where. In the line is what would make a terminal write in red.
#include "bpf.h"

SEC("xdp")
int reads_too_far(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data;
	return data[100]; // [31mred
}

char LICENSE[] SEC("license") = "GPL";
