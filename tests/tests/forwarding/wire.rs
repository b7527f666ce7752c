//! A wire to a filtered interface: what comes back from it of what is sent there.

use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use palisade_tests::lab::{FAR, Lab, Tap};
use palisade_tests::packet::Packet;

const PATIENCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(200);

/// The wire of a lab whose near end has a policy, and whose far end is looked at.
pub struct Wire<'a> {
    lab: &'a Lab,
    tap: Tap,
}

impl<'a> Wire<'a> {
    /// Attaches a policy to the near end, and one that passes all to the far end: what an interface
    /// of this kind sends back, only a peer takes that has a program of its own. From here on this
    /// thread stays on its CPU, so that the filter runs on one.
    pub fn with(lab: &'a Lab, policy: &str) -> Self {
        lab.attach(policy);
        lab.in_far(|| {
            let args = ["--policy-name", "far", "attach", FAR, "-p", "-"];
            lab.palisade_with(&args, "default pass\n").ok();
        });
        stay_here();
        Self { lab, tap: lab.in_far(|| lab.tap()) }
    }

    /// The lab.
    pub fn lab(&self) -> &'a Lab {
        self.lab
    }

    /// What comes back of a frame.
    pub fn back(&self, frame: &[u8]) -> Vec<u8> {
        self.lab.send(frame);
        self.other_than(frame, PATIENCE).expect("something comes back")
    }

    /// Nothing comes back of a frame.
    pub fn nothing_back(&self, frame: &[u8]) {
        self.lab.send(frame);
        assert_eq!(self.other_than(frame, QUIET), None);
    }

    /// Sends frames of which something may come back or nothing, and waits until it is quiet.
    pub fn send(&self, frames: impl IntoIterator<Item = Packet>) {
        frames.into_iter().for_each(|frame| self.lab.send(&frame.build()));
        while self.tap.next(QUIET).is_some() {}
    }

    /// The next frame from the near end, which is no talk of neighbours, unless none comes in the
    /// time.
    fn other_than(&self, frame: &[u8], within: Duration) -> Option<Vec<u8>> {
        let mut seen = std::iter::from_fn(|| self.tap.next(within));
        seen.find(|seen| seen != frame && !is_of_neighbours(seen))
    }
}

/// ARP, and what stacks say of themselves to groups.
fn is_of_neighbours(frame: &[u8]) -> bool {
    frame[12..14] == [0x08, 0x06] || frame[0] & 1 == 1
}

fn stay_here() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("the CPUs of this thread");
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.expect("a CPU")).expect("a CPU that there is");
    sched_setaffinity(Pid::from_raw(0), &one).expect("a CPU that this thread may run on");
}
