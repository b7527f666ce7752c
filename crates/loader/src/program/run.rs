//! Runs of a program on packets: on one that goes nowhere, and on packets that travel.

use std::os::fd::AsFd;
use std::time::Duration;

use super::Program;
use crate::Errno;
use crate::link::IfIndex;
use crate::sys;

/// How many bytes a packet may grow by in a test run: headroom and tailroom of a page.
const GROWTH: usize = 4096;

/// A run of a program on one packet, any number of times.
#[derive(Clone, Copy, Debug)]
pub struct TestRun<'a> {
    /// The packet; from Linux 5.18 on, one of less than 14 bytes is refused.
    pub packet: &'a [u8],
    /// How often; at least once.
    pub repeat: u32,
    /// The interface it is to come from; `None` is the loopback of the kernel's own choice.
    pub ingress: Option<IfIndex>,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRunResult {
    /// The program's result, an `XDP_` action.
    pub retval: u32,
    /// The packet as the program left it.
    pub packet: Vec<u8>,
    /// The mean time of one pass.
    pub duration: Duration,
}

/// A run that sends the packet through the stack, as if it had arrived.
#[derive(Clone, Copy, Debug)]
pub struct LiveRun<'a> {
    /// The packet.
    pub packet: &'a [u8],
    /// How many of it.
    pub repeat: u32,
    /// How many the kernel handles at a time, 1 to 256.
    pub batch: u32,
    /// The interface it is to come from; `None` is the loopback of the kernel's own choice.
    pub ingress: Option<IfIndex>,
}

impl Program {
    /// Runs it on a packet that goes nowhere.
    pub fn test_run(&self, run: &TestRun<'_>) -> Result<TestRunResult, Errno> {
        let mut packet = vec![0; run.packet.len() + GROWTH];
        let context = context(run.packet, run.ingress);
        let request = sys::TestRun {
            packet: run.packet,
            context: &context,
            repeat: run.repeat.max(1),
            flags: 0,
            batch_size: 0,
        };
        let output = sys::prog_test_run(self.as_fd(), &request, &mut packet)?;
        packet.truncate(usize::try_from(output.length).unwrap_or(usize::MAX));
        let duration = Duration::from_nanos(output.duration.into());
        Ok(TestRunResult { retval: output.retval, packet, duration })
    }

    /// Runs it on packets that go where its result says: up the stack, back, or on to another
    /// interface; the mean time of one, in which its way through the stack is as far as it goes on
    /// this processor. Kernels before 5.18 answer `EINVAL`.
    pub fn run_live(&self, run: &LiveRun<'_>) -> Result<Duration, Errno> {
        let context = context(run.packet, run.ingress);
        let request = sys::TestRun {
            packet: run.packet,
            context: &context,
            repeat: run.repeat.max(1),
            flags: sys::BPF_F_TEST_XDP_LIVE_FRAMES,
            // Never zero: old kernels ignore the flag without a word, and refuse this field.
            batch_size: run.batch.max(1),
        };
        let output = sys::prog_test_run(self.as_fd(), &request, &mut [])?;
        Ok(Duration::from_nanos(output.duration.into()))
    }
}

/// The `struct xdp_md` of a run: the packet's end and the interface; empty when none is asked for,
/// as kernels before 5.15 want it.
fn context(packet: &[u8], ingress: Option<IfIndex>) -> Vec<u8> {
    let Some(ingress) = ingress else { return Vec::new() };
    let end = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
    [0, end, 0, ingress.number(), 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect()
}
