//! A packet taken apart: into fragments that a receiver can put together again, or into a piece
//! whose IP header knows that it is short.

use super::{Frag, Layer, Packet, frag};

impl Packet {
    /// The packet in fragments, cut at these offsets of what can be fragmented.
    ///
    /// The offsets are bytes, ascending, multiples of eight. Sums inside are those of the whole
    /// packet, so that the fragments together are what the packet was.
    pub fn fragments(&self, cuts: &[usize]) -> Vec<Packet> {
        let whole = self.fragmentable();
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain(std::iter::once(whole.len()));
        starts
            .zip(ends)
            .map(|(from, to)| self.piece(from, &whole[from..to], to == whole.len()))
            .collect()
    }

    /// The packet with only the first `len` bytes behind its IP header, and lengths that say so.
    ///
    /// Unlike a frame cut short, nothing contradicts itself: the transport is simply not all there.
    pub fn shortened(&self, len: usize) -> Packet {
        let at = self.outer_ip();
        let mut kept = self.encode_from(at + 1);
        kept.truncate(len);
        let mut layers = self.layers[..at].to_vec();
        layers.push(self.announcing(at));
        layers.push(Layer::Raw(kept));
        Packet { layers }
    }

    /// Where the outermost IP header is.
    fn outer_ip(&self) -> usize {
        let is_ip = |layer: &Layer| matches!(layer, Layer::Ipv4(_) | Layer::Ipv6(_));
        self.layers.iter().position(is_ip).expect("the packet has an IP header")
    }

    /// The first layer that goes into fragments: behind the IP header and, of the extension
    /// headers, those that routers look at (RFC 8200, 4.5).
    fn first_fragmentable(&self) -> usize {
        let behind = self.outer_ip() + 1;
        let stays = |layer: &&Layer| matches!(layer, Layer::Ext(h) if matches!(h.number(), 0 | 43));
        behind + self.layers[behind..].iter().take_while(stays).count()
    }

    fn fragmentable(&self) -> Vec<u8> {
        self.encode_from(self.first_fragmentable())
    }

    fn piece(&self, from: usize, bytes: &[u8], last: bool) -> Packet {
        let at = self.first_fragmentable();
        let mut layers = self.layers[..at].to_vec();
        let offset = u16::try_from(from / 8).expect("inside a packet");
        match self.announcing(at - 1) {
            Layer::Ipv4(ip) => {
                let ip = ip.offset(offset);
                layers[at - 1] = Layer::Ipv4(if last { ip } else { ip.more_fragments() });
            }
            _ => layers.push(self.fragment_header(at, frag(offset), last).into()),
        }
        layers.push(Layer::Raw(bytes.to_vec()));
        Packet { layers }
    }

    fn fragment_header(&self, at: usize, header: Frag, last: bool) -> Frag {
        let next = self.layers.get(at).and_then(Layer::protocol).unwrap_or(super::EXPERIMENT);
        let header = header.next(next);
        if last { header } else { header.more() }
    }

    /// The header at `at`, its next protocol written down, so that raw bytes may follow it.
    fn announcing(&self, at: usize) -> Layer {
        let above = self.layers.get(at + 1);
        match self.layers[at].clone() {
            Layer::Ipv4(ip) => {
                let number = ip.protocol_of(above);
                Layer::Ipv4(ip.protocol(number))
            }
            Layer::Ipv6(ip) => {
                let number = ip.next_of(above);
                Layer::Ipv6(ip.next(number))
            }
            other => other,
        }
    }
}
