//! What the machine offers to a program, as an input of its plan.

use palisade_asm::{ByteOrder, Isa};

/// What the machine offers to the program; bytes depend on the policy and on this alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The instructions that the kernel knows.
    pub isa: Isa,
    /// The order of bytes in the machine's words.
    pub order: ByteOrder,
    /// Whether frames may lie in several buffers.
    pub buffers: Buffers,
    /// How the program gets at the packet.
    pub access: Access,
}

impl Target {
    /// Whether bytes of a packet are copied by loads and stores: no helper copies them.
    pub(crate) fn copies(self) -> bool {
        (self.buffers, self.access) == (Buffers::Single, Access::Pointers)
    }
}

/// Whether frames may lie in several buffers (`BPF_F_XDP_HAS_FRAGS`, Linux 5.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffers {
    /// A frame is all in one.
    Single,
    /// The program sees the first buffer and asks the kernel for the whole length.
    Multi,
}

/// How the program gets at the packet, beyond bytes at a fixed place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// By pointers, subtracted for the length of a frame and moved by lengths that the packet
    /// tells; the verifier allows both to a loader with CAP_PERFMON.
    Pointers,
    /// By `bpf_xdp_get_buff_len` and `bpf_xdp_load_bytes` (Linux 5.18); slower, and any loader may.
    Helpers,
}
