//! How a row's frames are written down: as part of a flow, not part of it, or malformed.
//!
//! The three verbs are the only way to make an [`Odd`], so the pair of verdicts cannot be confused:
//! what is part of a flow is dropped when the flow is blocked and passes when it is allowed, and
//! what is not part of it meets the default, which is the other way round.

use std::fmt::Display;

use super::{Flow, Malformed, Odd, Want};

/// By port and by address, UDP over IPv4.
pub(super) const UDP4: &[Flow] = &[Flow::Udp53, Flow::Src4];
/// By port and by address, UDP over IPv6.
pub(super) const UDP6: &[Flow] = &[Flow::Udp53, Flow::Src6];
/// By port and by address, TCP over IPv4.
pub(super) const TCP4: &[Flow] = &[Flow::Tcp80, Flow::Src4];
/// By port and by address, TCP over IPv6.
pub(super) const TCP6: &[Flow] = &[Flow::Tcp80, Flow::Src6];

/// The frames of one row.
pub(super) struct Row {
    row: u8,
    odds: Vec<Odd>,
}

impl Row {
    pub(super) fn new(row: u8) -> Self {
        Self { row, odds: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<Odd> {
        self.odds
    }

    /// The frame is part of each of these flows.
    pub(super) fn part(&mut self, name: impl Display, flows: &[Flow], frame: impl Into<Vec<u8>>) {
        let frame = frame.into();
        for &flow in flows {
            self.push(&name, flow, &frame, Want::Drop, Want::Pass);
        }
    }

    /// The frame is part of none of these flows, whatever its bytes may look like.
    pub(super) fn stranger(
        &mut self,
        name: impl Display,
        flows: &[Flow],
        frame: impl Into<Vec<u8>>,
    ) {
        let frame = frame.into();
        for &flow in flows {
            self.push(&name, flow, &frame, Want::Pass, Want::Drop);
        }
    }

    /// The frame has addresses, but no ports: part of the flows told by address, and of no other.
    pub(super) fn portless(
        &mut self,
        name: impl Display,
        flows: &[Flow],
        frame: impl Into<Vec<u8>>,
    ) {
        let frame = frame.into();
        for &flow in flows {
            if flow.is_by_address() {
                self.part(&name, &[flow], frame.as_slice());
            } else {
                self.stranger(&name, &[flow], frame.as_slice());
            }
        }
    }

    /// The frame is malformed to whoever looks that far, and part of the flow to whoever does not.
    pub(super) fn malformed(
        &mut self,
        class: Malformed,
        name: impl Display,
        flows: &[Flow],
        frame: impl Into<Vec<u8>>,
    ) {
        let frame = frame.into();
        for &flow in flows {
            if class.is_of_layer_4() && flow.is_by_address() {
                self.part(&name, &[flow], frame.as_slice());
            } else {
                let want = Want::Malformed(class);
                self.push(&name, flow, &frame, want, want);
            }
        }
    }

    fn push(
        &mut self,
        name: &impl Display,
        flow: Flow,
        frame: &[u8],
        blocked: Want,
        allowed: Want,
    ) {
        // A table of tests lives as long as the tests: its names may.
        let name = format!("row {}: {name} [{flow}]", self.row).leak();
        self.odds.push(Odd { row: self.row, name, frame: frame.to_vec(), flow, blocked, allowed });
    }
}
