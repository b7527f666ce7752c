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
        }
    }
}
