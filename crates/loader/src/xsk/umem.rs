//! The memory of a socket.

use super::{Frame, XskError};
use crate::sys::xsk::Area;

/// How large a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameSize {
    /// 2048 bytes: packets of 1792 bytes and less.
    Half,
    /// 4096 bytes: packets of 3840 bytes and less.
    Page,
}

/// What the kernel leaves free before a received packet (`XDP_PACKET_HEADROOM`).
const HEADROOM: u32 = 256;

impl FrameSize {
    /// Bytes of a frame.
    pub fn bytes(self) -> u32 {
        match self {
            FrameSize::Half => 2048,
            FrameSize::Page => 4096,
        }
    }

    /// The longest packet that is received into one; longer ones are dropped.
    pub fn longest_packet(self) -> u32 {
        self.bytes() - HEADROOM
    }

    /// The smaller one into which packets of that length go, if there is one.
    pub fn for_packets_of(bytes: u32) -> Option<Self> {
        [FrameSize::Half, FrameSize::Page].into_iter().find(|size| bytes <= size.longest_packet())
    }
}

/// Memory in frames, for one socket.
#[derive(Debug)]
pub struct Umem {
    area: Area,
}

impl Umem {
    /// Memory for so many frames, at least one; it is there from the beginning.
    pub fn new(frames: u32, size: FrameSize) -> Result<Self, XskError> {
        let refused = |errno| XskError::Memory { frames, bytes: size.bytes(), errno };
        Area::new(frames, size.bytes()).map(|area| Umem { area }).map_err(refused)
    }

    /// Every frame, for whoever asks first; none afterwards.
    pub fn take_frames(&self) -> Vec<Frame<'_>> {
        self.area.take_frames()
    }

    /// How many frames there are.
    pub fn frames(&self) -> u32 {
        self.area.frames()
    }

    /// Bytes of a frame.
    pub fn frame_size(&self) -> u32 {
        self.area.frame_size()
    }

    pub(super) fn area(&self) -> &Area {
        &self.area
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_frame_is_taken_that_a_packet_fits() {
        let size = FrameSize::for_packets_of;
        assert_eq!([size(60), size(1514), size(1792)], [Some(FrameSize::Half); 3]);
        assert_eq!([size(1793), size(3840)], [Some(FrameSize::Page); 2]);
        assert_eq!(size(3841), None);
    }
}
