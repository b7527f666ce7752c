//! What a program learns of the machine it runs on, all of it given by the caller.
//!
//! Nothing here is read from this machine: the same world, packet and maps give the same run.

/// The machine around a run, which stands still while the program runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct World {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub monotonic: u64,
    /// Nanoseconds of `CLOCK_MONOTONIC_COARSE`.
    pub coarse: u64,
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub boot: u64,
    /// Nanoseconds of `CLOCK_TAI`.
    pub tai: u64,
    /// Ticks of the kernel, as `bpf_jiffies64` counts them.
    pub jiffies: u64,
    /// The number of the CPU.
    pub cpu: u32,
    /// The number of its NUMA node.
    pub node: u32,
    /// What `bpf_get_prandom_u32` gives, in a circle; zeros where there is nothing.
    pub random: Vec<u32>,
    /// The number of the interface that the packet came in by.
    pub ingress: u32,
    /// The number of the queue that it came in by.
    pub queue: u32,
    /// What the kernel's routes say of every packet; `None`: who asks needs a kernel.
    pub fib: Option<Fib>,
}

/// What `bpf_fib_lookup` answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fib {
    /// The helper's result: `BPF_FIB_LKUP_RET_*`, or an error number below 0.
    pub answer: i32,
    /// The interface that the packet is to leave by.
    pub interface: u32,
    /// The Ethernet address of that interface.
    pub source: [u8; 6],
    /// That of the next host.
    pub destination: [u8; 6],
}

impl Fib {
    /// The size of `struct bpf_fib_lookup`.
    pub const SIZE: usize = 64;
    /// `BPF_FIB_LKUP_RET_SUCCESS`.
    pub const FOUND: i32 = 0;

    /// The question with the answer in it, as the kernel writes it.
    pub(super) fn told(&self, asked: &[u8; Self::SIZE]) -> [u8; Self::SIZE] {
        let mut told = *asked;
        told[8..12].copy_from_slice(&self.interface.to_ne_bytes());
        told[48..52].fill(0);
        told[52..58].copy_from_slice(&self.source);
        told[58..64].copy_from_slice(&self.destination);
        told
    }
}

impl Default for World {
    /// The first CPU and queue, the loopback interface, and every clock at zero.
    fn default() -> Self {
        Self {
            monotonic: 0,
            coarse: 0,
            boot: 0,
            tai: 0,
            jiffies: 0,
            cpu: 0,
            node: 0,
            random: Vec::new(),
            ingress: 1,
            queue: 0,
            fib: None,
        }
    }
}
