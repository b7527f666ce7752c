//! Captured frames: read from pcap and pcapng, written as pcap, or as pcapng with what became of them.
//!
//! What is read is not trusted: memory is bounded whatever lengths a file claims, no length is
//! allocated before its bytes have come, and a file that contradicts itself ends in an error with
//! the place. pcap is read in both orders of bytes, with microseconds or nanoseconds; pcapng with
//! several sections and interfaces, enhanced, simple and old packet blocks, other blocks passed
//! over. Frames are Ethernet's; a packet of another link type is refused by its name.
//!
//! ```
//! use palisade_filter::capture::{Captured, Reader, Writer};
//!
//! let mut file = Vec::new();
//! let frame = [0; 60];
//! let mut writer = Writer::new(&mut file)?;
//! writer.write(&Captured { frame: &frame, wire: 1514, time: None })?;
//! let mut reader = Reader::new(file.as_slice())?;
//! let read = reader.next()?.expect("there is one");
//! assert!(read.frame == frame && read.is_cut());
//! assert!(reader.next()?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod annotated;
mod error;
mod link;
mod pcap;
mod pcapng;
mod source;
mod write;

use std::io::Read;
use std::time::Duration;

pub use annotated::{Annotated, AnnotatedWriter};
pub use error::{CaptureError, Part};
pub use link::LinkType;
pub use write::Writer;

use pcap::Pcap;
use pcapng::Pcapng;
use source::Source;

/// The longest frame that is read: the most that libpcap captures of one.
pub const MOST_FRAME: u32 = 262_144;

/// A frame of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// Its bytes, as far as they were captured.
    pub frame: &'a [u8],
    /// How many bytes it had on the wire.
    pub wire: u32,
    /// When it was captured, from the beginning of 1970 on; `None` where that is not told.
    pub time: Option<Duration>,
}

impl Captured<'_> {
    /// Whether bytes are missing at its end: a capture with a snap length has so many of each frame
    /// at most.
    pub fn is_cut(&self) -> bool {
        u32::try_from(self.frame.len()).is_ok_and(|len| len < self.wire)
    }
}

/// The frames of a capture, in order.
#[derive(Debug)]
pub struct Reader<R> {
    from: Source<R>,
    format: Format,
    frame: Vec<u8>,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What is known of a frame whose bytes have been read.
#[derive(Clone, Copy, Debug)]
struct Head {
    wire: u32,
    time: Option<Duration>,
}

impl<R: Read> Reader<R> {
    /// Reads the head of a capture; `from` need not be buffered.
    pub fn new(from: R) -> Result<Self, CaptureError> {
        let mut from = Source::new(from);
        let magic: [u8; 4] = match from.next(Part::Magic) {
            Ok(Some(magic)) => magic,
            Ok(None) => return Err(CaptureError::Empty),
            Err(CaptureError::Truncated { .. }) => return Err(CaptureError::NotACapture),
            Err(error) => return Err(error),
        };
        let format = if magic == pcapng::SECTION {
            Format::Pcapng(Pcapng::begin(&mut from)?)
        } else {
            Format::Pcap(Pcap::begin(magic, &mut from)?)
        };
        Ok(Self { from, format, frame: Vec::new() })
    }

    /// The next frame; `None` at the end. Nothing more can be read behind an error.
    #[expect(clippy::should_implement_trait, reason = "the frame is borrowed from the reader")]
    pub fn next(&mut self) -> Result<Option<Captured<'_>>, CaptureError> {
        let head = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.from, &mut self.frame)?,
            Format::Pcapng(pcapng) => pcapng.next(&mut self.from, &mut self.frame)?,
        };
        Ok(head.map(|Head { wire, time }| Captured { frame: &self.frame, wire, time }))
    }
}
