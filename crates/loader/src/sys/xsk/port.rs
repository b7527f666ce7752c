//! The four rings of a socket and the ledger of its frames, moved together.
//!
//! A frame goes into a ring together with its token, and a token comes out only with a descriptor.
//! That is why it is here, next to the memory: what the kernel may write to, nobody else can reach.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{Ordering, fence};

use super::abi::{Facts, Ring, XDP_RING_NEED_WAKEUP, halves, register, set_ring, word};
use super::area::{Area, Frame, Ledger, Packet};
use super::mapped::RingMap;
use super::ring::{ADDRESS, Consumer, DESCRIPTOR, Memory, Producer};
use crate::Errno;

/// What has been done to a ring that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A counter says of more slots than the ring has.
    #[error("its counter says of more slots than it has")]
    Overrun,
    /// A descriptor names bytes of no frame that the kernel was given for this.
    #[error(
        "a descriptor names {len} bytes at {address:#x}, where no frame is that the kernel has"
    )]
    Stray {
        /// The address in the UMEM.
        address: u64,
        /// The length.
        len: u32,
    },
    /// A frame is of another UMEM than the socket's; it was left where it was.
    #[error("a frame is of another UMEM")]
    OtherUmem,
}

/// The rings of a socket.
struct Rings<M> {
    fill: M,
    completion: M,
    rx: M,
    tx: M,
}

/// Whether the kernel sleeps until it is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    Awake,
    Sleeps,
}

/// What the kernel refused of a socket's memory and rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The memory.
    Memory(Errno),
    /// A ring.
    Ring(Ring, Errno),
    /// To tell where in their mappings the parts of the rings are.
    Offsets(Errno),
}

/// A socket's rings with the ledger of an area.
#[derive(Debug)]
pub(crate) struct Port<'a, M = RingMap> {
    ledger: Ledger<'a>,
    fill: Producer<M, ADDRESS>,
    completion: Consumer<M, ADDRESS>,
    rx: Consumer<M, DESCRIPTOR>,
    tx: Producer<M, DESCRIPTOR>,
    sending: usize,
}

impl<'a> Port<'a> {
    /// Makes an area the memory of a socket, and makes and maps its rings, each of so many slots, a
    /// power of two. The kernel lets a socket have this once, so that no ring has two ports.
    pub(crate) fn connect(
        socket: BorrowedFd<'_>,
        area: &'a Area,
        slots: impl Fn(Ring) -> u32,
    ) -> Result<Self, Refusal> {
        register(socket, area).map_err(Refusal::Memory)?;
        for ring in [Ring::Fill, Ring::Completion, Ring::Rx, Ring::Tx] {
            set_ring(socket, ring, slots(ring)).map_err(|errno| Refusal::Ring(ring, errno))?;
        }
        let facts = Facts::of(socket).map_err(Refusal::Offsets)?;
        let map = |ring| {
            RingMap::new(socket, ring, slots(ring), &facts)
                .map_err(|errno| Refusal::Ring(ring, errno))
        };
        let rings = Rings {
            fill: map(Ring::Fill)?,
            completion: map(Ring::Completion)?,
            rx: map(Ring::Rx)?,
            tx: map(Ring::Tx)?,
        };
        Ok(Self::new(area, rings))
    }
}

#[expect(private_bounds, reason = "the memory of rings is nobody else's business")]
impl<'a, M: Memory> Port<'a, M> {
    fn new(area: &'a Area, rings: Rings<M>) -> Self {
        Self {
            ledger: Ledger::new(area),
            fill: Producer::new(rings.fill),
            completion: Consumer::new(rings.completion),
            rx: Consumer::new(rings.rx),
            tx: Producer::new(rings.tx),
            sending: 0,
        }
    }

    /// Packets that the kernel has to send, or has sent and not said so.
    pub(crate) fn sending(&self) -> usize {
        self.sending
    }

    /// Gives frames to receive into, the last ones first, as many as there is room for; how many.
    pub(crate) fn fill(&mut self, frames: &mut Vec<Frame<'a>>) -> Result<usize, Fault> {
        let wanted = u32::try_from(frames.len()).unwrap_or(u32::MAX);
        let room = count(self.fill.room(wanted)?).min(frames.len());
        let from = frames.len() - room;
        let foreign = frames.iter().skip(from).rposition(|frame| !self.ledger.owns(frame));
        let keep = foreign.map_or(from, |place| from + place + 1);
        let mut filled = 0;
        for frame in frames.drain(keep..).rev() {
            if let Ok(address) = self.ledger.lend(frame) {
                self.fill.push([address])?;
                filled += 1;
            }
        }
        self.fill.submit();
        foreign.map_or(Ok(filled), |_| Err(Fault::OtherUmem))
    }

    /// Takes packets that were received, at most so many; how many.
    pub(crate) fn receive(
        &mut self,
        packets: &mut Vec<Packet<'a>>,
        most: usize,
    ) -> Result<usize, Fault> {
        let before = packets.len();
        let taken = self.take_received(packets, most);
        if taken.is_err() || packets.len() > before {
            self.rx.release();
        }
        taken.map(|()| packets.len() - before)
    }

    fn take_received(&mut self, packets: &mut Vec<Packet<'a>>, most: usize) -> Result<(), Fault> {
        for _ in 0..most {
            let Some([address, rest]) = self.rx.pop()? else { break };
            let [len, options] = halves(rest);
            if options != 0 {
                // A part of a packet in several frames, which only sockets get that ask for it.
                return Err(Fault::Stray { address, len });
            }
            packets.push(self.ledger.received(address, len)?);
        }
        Ok(())
    }

    /// Gives packets to be sent, in order, as many as there is room for; how many.
    pub(crate) fn send(&mut self, packets: &mut Vec<Packet<'a>>) -> Result<usize, Fault> {
        let wanted = u32::try_from(packets.len()).unwrap_or(u32::MAX);
        let room = count(self.tx.room(wanted)?).min(packets.len());
        let own = packets.iter().take(room).take_while(|packet| self.ledger.owns(packet.frame()));
        let own = own.count();
        for packet in packets.drain(..own) {
            if let Ok((address, len)) = self.ledger.send(packet) {
                self.tx.push([address, word([len, 0])])?;
                self.sending += 1;
            }
        }
        self.tx.submit();
        if own < room { Err(Fault::OtherUmem) } else { Ok(own) }
    }

    /// Takes the frames of packets that have been sent; how many.
    pub(crate) fn complete(&mut self, frames: &mut Vec<Frame<'a>>) -> Result<usize, Fault> {
        let before = frames.len();
        let taken = self.take_sent(frames);
        let done = frames.len() - before;
        self.sending = self.sending.saturating_sub(done);
        if taken.is_err() || done > 0 {
            self.completion.release();
        }
        taken.map(|()| done)
    }

    fn take_sent(&mut self, frames: &mut Vec<Frame<'a>>) -> Result<(), Fault> {
        while let Some([address]) = self.completion.pop()? {
            frames.push(self.ledger.sent(address)?);
        }
        Ok(())
    }

    /// Whether the kernel has to be woken to look at the fill ring.
    pub(crate) fn receiver(&self) -> Kernel {
        state(self.fill.memory())
    }

    /// Whether the kernel has to be woken to look at the transmit ring.
    pub(crate) fn sender(&self) -> Kernel {
        state(self.tx.memory())
    }
}

/// What a ring's flags say; a kernel that has no flags is always to be woken.
fn state(memory: &impl Memory) -> Kernel {
    // What was submitted is to be seen before the kernel is asked whether it sleeps, or both sides
    // could wait for the other.
    fence(Ordering::SeqCst);
    match memory.flags().map(|flags| flags.load(Ordering::Relaxed)) {
        Some(flags) if flags & XDP_RING_NEED_WAKEUP == 0 => Kernel::Awake,
        _ => Kernel::Sleeps,
    }
}

fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::ring::tests::Heap;
    use super::*;

    const FRAME: u64 = 2048;

    /// What the kernel has of the rings.
    struct Other {
        fill: Consumer<Arc<Heap>, ADDRESS>,
        completion: Producer<Arc<Heap>, ADDRESS>,
        rx: Producer<Arc<Heap>, DESCRIPTOR>,
        tx: Consumer<Arc<Heap>, DESCRIPTOR>,
        flags: [Arc<Heap>; 2],
    }

    fn connected(area: &Area) -> (Port<'_, Arc<Heap>>, Other) {
        let from = u32::MAX - 3;
        let [fill, completion] = [Heap::new(4, from), Heap::new(4, from)];
        let [rx, tx] = [Heap::new(8, from), Heap::new(8, from)];
        let other = Other {
            fill: Consumer::new(Arc::clone(&fill)),
            completion: Producer::new(Arc::clone(&completion)),
            rx: Producer::new(Arc::clone(&rx)),
            tx: Consumer::new(Arc::clone(&tx)),
            flags: [Arc::clone(&fill), Arc::clone(&tx)],
        };
        (Port::new(area, Rings { fill, completion, rx, tx }), other)
    }

    impl Other {
        fn receives(&mut self, address: u64, len: u32) {
            self.rx.push([address, word([len, 0])]).expect("a sound ring");
            self.rx.submit();
        }

        fn has_sent(&mut self, address: u64) {
            self.completion.push([address]).expect("a sound ring");
            self.completion.submit();
        }
    }

    #[test]
    fn frames_go_round_and_none_is_lost_or_made() {
        let area = Area::new(6, 2048).expect("memory");
        let mut frames = area.take_frames();
        let (mut port, mut other) = connected(&area);
        for round in 0..50 {
            assert_eq!(port.fill(&mut frames), Ok(4), "the ring has four slots");
            assert_eq!((port.fill(&mut frames), frames.len()), (Ok(0), 2));
            let mut given = Vec::new();
            while let Some([address]) = other.fill.pop().expect("a sound ring") {
                given.push(address);
                other.receives(address + 256, 60 + round);
            }
            other.fill.release();
            let mut packets = Vec::new();
            assert_eq!(port.receive(&mut packets, 3), Ok(3));
            assert_eq!(port.receive(&mut packets, 100), Ok(1));
            assert!(packets.iter().all(|p| p.bytes().len() == 60 + count(round)));
            let (third, rest) = (packets.remove(2), &mut packets);
            frames.push(third.into_frame());
            assert_eq!((port.send(rest), port.sending()), (Ok(3), 3));
            for place in [0, 1, 3] {
                let [address, len] = other.tx.pop().expect("a sound ring").expect("a packet");
                assert_eq!((address, len), (given[place] + 256, word([60 + round, 0])));
                other.has_sent(address);
            }
            other.tx.release();
            assert_eq!((port.complete(&mut frames), port.sending()), (Ok(3), 0));
            assert_eq!(frames.len(), 6, "round {round}");
        }
    }

    #[test]
    fn a_kernel_that_lies_gets_no_frame_made_twice_or_out_of_bounds() {
        let area = Area::new(4, 2048).expect("memory");
        let mut frames = area.take_frames();
        let (mut port, mut other) = connected(&area);
        let mut kept = frames.split_off(2);
        assert_eq!(port.fill(&mut frames), Ok(2));
        let mut packets = Vec::new();
        // Not lent, beyond the end, longer than the frame, lent to be received into and not sent.
        for (address, len) in [(3 * FRAME, 60), (4 * FRAME, 60), (0, 2049), (u64::MAX, 1)] {
            other.receives(address, len);
            assert_eq!(port.receive(&mut packets, 9), Err(Fault::Stray { address, len }));
        }
        other.has_sent(0);
        assert_eq!(port.complete(&mut kept), Err(Fault::Stray { address: 0, len: 0 }));
        // What is sound is taken all the same, once.
        other.receives(FRAME + 256, 60);
        other.receives(FRAME + 256, 60);
        let twice = Err(Fault::Stray { address: FRAME + 256, len: 60 });
        assert_eq!((port.receive(&mut packets, 9), packets.len()), (twice, 1));
        other.rx.push([0, word([60, 1])]).expect("a sound ring");
        other.rx.submit();
        assert_eq!(port.receive(&mut packets, 9), Err(Fault::Stray { address: 0, len: 60 }));
        assert_eq!((kept.len(), port.receive(&mut packets, 9)), (2, Ok(0)));
    }

    #[test]
    fn frames_of_another_umem_are_left_and_those_of_this_one_go() {
        let (one, two) = (Area::new(2, 2048).expect("memory"), Area::new(2, 2048).expect("more"));
        let (mut port, mut other) = connected(&one);
        let [mut own, mut foreign] = [one.take_frames(), two.take_frames()];
        let mut mixed = vec![foreign.remove(0), own.remove(0)];
        assert_eq!((port.fill(&mut mixed), mixed.len()), (Err(Fault::OtherUmem), 1));
        assert!(other.fill.pop().expect("a sound ring").is_some(), "its own was given");
        let packet = |frame: Frame<'_>| -> Vec<u8> {
            frame.packet(&[1; 60]).expect("it fits").bytes().to_vec()
        };
        assert_eq!(packet(mixed.remove(0)), [1; 60], "the foreign one can still be used");
        let ours = own.remove(0).packet(&[1; 60]).expect("it fits");
        let theirs = foreign.remove(0).packet(&[2; 60]).expect("it fits");
        let mut packets = vec![ours, theirs];
        assert_eq!((port.send(&mut packets), packets.len()), (Err(Fault::OtherUmem), 1));
        assert_eq!((packets[0].bytes()[0], port.sending()), (2, 1));
    }

    #[test]
    fn the_kernel_is_woken_where_it_says_that_it_sleeps() {
        let area = Area::new(1, 2048).expect("memory");
        let (port, other) = connected(&area);
        assert_eq!((port.receiver(), port.sender()), (Kernel::Awake, Kernel::Awake));
        other.flags[1].flags.store(XDP_RING_NEED_WAKEUP, Ordering::Relaxed);
        assert_eq!((port.receiver(), port.sender()), (Kernel::Awake, Kernel::Sleeps));
        other.flags[0].flags.store(XDP_RING_NEED_WAKEUP | 2, Ordering::Relaxed);
        assert_eq!(port.receiver(), Kernel::Sleeps);
    }
}
