//! What an interface can do with XDP, as its driver tells the kernel (Linux 6.3).
//!
//! The question is about the network namespace of the calling thread.

use crate::link::IfIndex;
use crate::netlink::{Genl, NetlinkError};

/// Numbers of `linux/netdev.h`.
const FAMILY: &str = "netdev";
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NETDEV_XDP_ACT_NDO_XMIT: u64 = 1 << 2;

/// Whether an interface takes frames that a program in native mode redirects to it, now.
#[doc(alias = "ndo_xdp_xmit")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesFrames {
    /// It does.
    Yes,
    /// It does not: they would be lost.
    No,
    /// The kernel does not tell.
    Untold,
}

/// Asks whether an interface takes redirected frames. It may begin to when it gets a program of its
/// own, and a veth does so when its peer gets one, or gathers what it receives.
#[doc(alias = "xdp-features")]
pub fn takes_frames(index: IfIndex) -> Result<TakesFrames, NetlinkError> {
    let Some(mut netdev) = Genl::open(FAMILY)? else { return Ok(TakesFrames::Untold) };
    let number = index.number().to_ne_bytes();
    let answer = netdev.ask(NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, &number)?;
    Ok(read(&answer))
}

fn read(attributes: &[(u16, Vec<u8>)]) -> TakesFrames {
    let features = attributes.iter().find(|(kind, _)| *kind == NETDEV_A_DEV_XDP_FEATURES);
    match features.and_then(|(_, content)| content.first_chunk().copied()) {
        Some(bits) if u64::from_ne_bytes(bits) & NETDEV_XDP_ACT_NDO_XMIT != 0 => TakesFrames::Yes,
        Some(_) => TakesFrames::No,
        None => TakesFrames::Untold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_of_transmission_alone_tells() {
        let told = |bits: u64| vec![(1, vec![7, 0, 0, 0]), (3, bits.to_ne_bytes().to_vec())];
        assert_eq!(read(&told(0b111)), TakesFrames::Yes);
        assert_eq!(read(&told(0b11)), TakesFrames::No);
        assert_eq!(read(&told(1 << 6)), TakesFrames::No);
        assert_eq!(read(&[(1, vec![7, 0, 0, 0])]), TakesFrames::Untold);
        assert_eq!(read(&[(3, vec![4])]), TakesFrames::Untold, "a field that is cut");
    }
}
