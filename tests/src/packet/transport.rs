//! Layer 4 with ports: UDP, TCP, SCTP.

use super::checksum::{self, Pseudo};
use super::len16;

/// A UDP header.
#[derive(Clone, Debug)]
pub struct Udp {
    sport: u16,
    dport: u16,
    length: Option<u16>,
    checksum: Option<u16>,
}

/// A UDP header between these ports.
pub fn udp(sport: u16, dport: u16) -> Udp {
    Udp { sport, dport, length: None, checksum: None }
}

impl Udp {
    /// The length field, whatever follows.
    pub fn length(self, length: u16) -> Self {
        Self { length: Some(length), ..self }
    }

    /// The checksum, right or wrong; zero says that there is none.
    pub fn checksum(self, checksum: u16) -> Self {
        Self { checksum: Some(checksum), ..self }
    }

    pub(super) fn encode(&self, pseudo: Pseudo, body: &[u8]) -> Vec<u8> {
        let mut out = self.sport.to_be_bytes().to_vec();
        out.extend(self.dport.to_be_bytes());
        out.extend(self.length.unwrap_or_else(|| len16(8 + body.len())).to_be_bytes());
        out.extend([0, 0]);
        out.extend(body);
        // A computed zero is sent as all ones (RFC 768).
        let computed = match checksum::transport(pseudo, 17, &out[..self.covered(out.len())]) {
            0 => 0xffff,
            sum => sum,
        };
        out[6..8].copy_from_slice(&self.checksum.unwrap_or(computed).to_be_bytes());
        out
    }

    /// How many of `len` bytes the receiver sums up: a length that leaves out the end is believed.
    fn covered(&self, len: usize) -> usize {
        match self.length.map(usize::from) {
            Some(said) if (8..len).contains(&said) => said,
            _ => len,
        }
    }
}

/// TCP's flag FIN.
pub const FIN: u16 = 0x001;
/// TCP's flag SYN.
pub const SYN: u16 = 0x002;
/// TCP's flag RST.
pub const RST: u16 = 0x004;
/// TCP's flag PSH.
pub const PSH: u16 = 0x008;
/// TCP's flag ACK.
pub const ACK: u16 = 0x010;
/// TCP's flag URG.
pub const URG: u16 = 0x020;
/// TCP's flag ECE.
pub const ECE: u16 = 0x040;
/// TCP's flag CWR.
pub const CWR: u16 = 0x080;
/// TCP's flag AE, once NS.
pub const AE: u16 = 0x100;

/// A TCP header.
#[derive(Clone, Debug)]
pub struct Tcp {
    sport: u16,
    dport: u16,
    flags: u16,
    options: Vec<u8>,
    data_offset: Option<u16>,
    checksum: Option<u16>,
}

/// A TCP header between these ports: a SYN without options.
pub fn tcp(sport: u16, dport: u16) -> Tcp {
    Tcp { sport, dport, flags: SYN, options: Vec::new(), data_offset: None, checksum: None }
}

impl Tcp {
    /// All twelve bits beside the data offset: the nine flags and the three reserved ones above.
    pub fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    /// Options, filled up to four bytes with "end of options".
    pub fn options(self, options: impl Into<Vec<u8>>) -> Self {
        let mut options = options.into();
        options.resize(options.len().next_multiple_of(4), 0);
        Self { options, ..self }
    }

    /// The data offset in units of four bytes, whatever the options take.
    pub fn data_offset(self, words: u16) -> Self {
        Self { data_offset: Some(words), ..self }
    }

    /// The checksum, right or wrong.
    pub fn checksum(self, checksum: u16) -> Self {
        Self { checksum: Some(checksum), ..self }
    }

    pub(super) fn encode(&self, pseudo: Pseudo, body: &[u8]) -> Vec<u8> {
        let words = self.data_offset.unwrap_or_else(|| len16(5 + self.options.len() / 4));
        let mut out = self.sport.to_be_bytes().to_vec();
        out.extend(self.dport.to_be_bytes());
        out.extend(1u32.to_be_bytes());
        out.extend(0u32.to_be_bytes());
        out.extend((words << 12 | self.flags).to_be_bytes());
        out.extend(0xffffu16.to_be_bytes());
        out.extend([0, 0, 0, 0]);
        out.extend(&self.options);
        out.extend(body);
        let sum = self.checksum.unwrap_or_else(|| checksum::transport(pseudo, 6, &out));
        out[16..18].copy_from_slice(&sum.to_be_bytes());
        out
    }
}

/// An SCTP common header.
#[derive(Clone, Debug)]
pub struct Sctp {
    sport: u16,
    dport: u16,
    tag: u32,
}

/// An SCTP common header between these ports; chunks follow as raw bytes.
pub fn sctp(sport: u16, dport: u16) -> Sctp {
    Sctp { sport, dport, tag: 0 }
}

impl Sctp {
    /// The verification tag.
    pub fn tag(self, tag: u32) -> Self {
        Self { tag, ..self }
    }

    pub(super) fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut out = self.sport.to_be_bytes().to_vec();
        out.extend(self.dport.to_be_bytes());
        out.extend(self.tag.to_be_bytes());
        out.extend([0; 4]);
        out.extend(body);
        let sum = checksum::crc32c(&out);
        out[8..12].copy_from_slice(&sum);
        out
    }
}
