//! One queue: its socket, its frames, and what becomes of each packet.

use std::time::{Duration, SystemTime};

use palisade_loader::IfIndex;
use palisade_loader::xsk::{Binding, Frame, Packet, Slots, Socket, Transfer, Umem, XskError};

use super::FRAMES;
use super::capture::Capture;
use crate::failure::Outcome;
use crate::running::counters::Count;

/// Packets that are taken at a time.
const BATCH: u64 = 64;
/// Bytes of an Ethernet address.
const MAC: usize = 6;

/// What becomes of packets besides being counted.
pub struct Sink {
    /// Where they are written.
    pub capture: Option<Capture>,
    /// Whether they are sent back.
    pub echo: bool,
}

impl Sink {
    /// Writes what is held back.
    pub fn flush(&mut self) -> Outcome {
        self.capture.as_mut().map_or(Ok(()), Capture::flush)
    }
}

/// A queue.
pub struct Queue<'u> {
    socket: Socket<'u>,
    free: Vec<Frame<'u>>,
    packets: Vec<Packet<'u>>,
    /// What came.
    pub count: Count,
    /// What had come when it was last told.
    pub told: Count,
    /// Packets that were given to the kernel to be sent back.
    pub sent: u64,
    /// Packets that were not, as too many were waiting.
    pub unsent: u64,
}

impl<'u> Queue<'u> {
    /// Binds the queue and gives the kernel all frames.
    pub fn new(
        umem: &'u Umem,
        interface: IfIndex,
        queue: u32,
        transfer: Transfer,
    ) -> Result<Self, XskError> {
        let slots = Slots { fill: FRAMES, completion: FRAMES, rx: FRAMES, tx: FRAMES };
        let mut socket = Socket::bind(umem, &Binding { interface, queue, transfer, slots })?;
        let mut free = umem.take_frames();
        socket.fill(&mut free)?;
        let (count, told) = (Count::default(), Count::default());
        Ok(Self { socket, free, packets: Vec::new(), count, told, sent: 0, unsent: 0 })
    }

    pub fn socket(&self) -> &Socket<'u> {
        &self.socket
    }

    /// Deals with packets that have come, no more than that; how many.
    pub fn turn(&mut self, most: u64, sink: &mut Sink) -> Outcome<u64> {
        self.take_sent()?;
        let most = usize::try_from(most.min(BATCH)).unwrap_or(usize::MAX);
        let taken = self.socket.receive(&mut self.packets, most)?;
        if taken > 0 {
            self.count(sink)?;
            if sink.echo {
                self.send_back()?;
            }
            self.free.extend(self.packets.drain(..).map(Packet::into_frame));
        }
        self.socket.fill(&mut self.free)?;
        Ok(u64::try_from(taken).unwrap_or(u64::MAX))
    }

    fn count(&mut self, sink: &mut Sink) -> Outcome {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO);
        for packet in &self.packets {
            let bytes = packet.bytes();
            self.count.packets += 1;
            self.count.bytes += u64::try_from(bytes.len()).unwrap_or(0);
            if let Some(capture) = &mut sink.capture {
                capture.write(bytes, now)?;
            }
        }
        Ok(())
    }

    /// Gives the packets to be sent, as far as there is room; the others stay.
    fn send_back(&mut self) -> Outcome {
        for packet in &mut self.packets {
            exchange_addresses(packet.bytes_mut());
        }
        let sent = self.socket.send(&mut self.packets)?;
        self.sent += u64::try_from(sent).unwrap_or(0);
        self.unsent += u64::try_from(self.packets.len()).unwrap_or(0);
        Ok(())
    }

    /// Takes back the frames of what was sent, and has the kernel go on with the rest.
    fn take_sent(&mut self) -> Outcome {
        if self.socket.sending() > 0 {
            self.socket.push_on()?;
            self.socket.complete(&mut self.free)?;
        }
        Ok(())
    }

    /// Whether there are packets that are not sent yet.
    pub fn is_sending(&mut self) -> Outcome<bool> {
        self.take_sent()?;
        Ok(self.socket.sending() > 0)
    }
}

/// Sends a frame back where it came from.
fn exchange_addresses(frame: &mut [u8]) {
    if let Some((to, rest)) = frame.split_at_mut_checked(MAC)
        && let Some(from) = rest.get_mut(..MAC)
    {
        to.swap_with_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_change_places_and_nothing_else_does() {
        let mut frame: Vec<u8> = (0..20).collect();
        exchange_addresses(&mut frame);
        assert_eq!(frame[..14], [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13]);
        assert_eq!(frame[14..], [14, 15, 16, 17, 18, 19]);
        let mut short = [1; 11];
        exchange_addresses(&mut short);
        exchange_addresses(&mut []);
        assert_eq!(short, [1; 11]);
    }
}
