//! What `route` makes of a frame, where the kernel's routes know a way.

use super::place::Version;
use super::sums::Sums;
use super::{Fib, Place};

/// The frame with one hop less, from the interface that it leaves by to the next host.
pub fn routed(frame: &[u8], fib: &Fib) -> Option<Vec<u8>> {
    if fib.answer != 0 {
        return None;
    }
    let place = Place::of_network(frame)?;
    let mut new = [&fib.destination, &fib.source, frame.get(12..)?].concat();
    let hops = new.get_mut(place.hops())?;
    *hops = hops.checked_sub(1)?;
    if place.version == Version::Four {
        Sums::of_header(frame, &place).restore_header(&mut new, &place);
    }
    Some(new)
}
