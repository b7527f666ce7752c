//! Bytes as a capture: read within bounds, and what is read is written and read back.

use std::time::Duration;

use palisade_filter::capture::{CaptureError, Captured, MOST_FRAME, Reader, Writer};
use palisade_filter::oracle::Reading;

/// A frame as it was read.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    frame: Vec<u8>,
    wire: u32,
    time: Option<Duration>,
}

/// A capture of any origin is read to its end or to the first mistake, which is inside it; its frames
/// have no more bytes than it, each can be summed up, and what was written of them reads back.
pub fn capture(bytes: &[u8]) {
    let (frames, mistake) = all(bytes);
    let total: usize = frames.iter().map(|read| read.frame.len()).sum();
    assert!(total <= bytes.len());
    if let Some(mistake) = mistake {
        let place = place(&mistake);
        assert!(place.is_none_or(|place| place <= bytes.len() as u64), "{mistake}");
        assert!(!mistake.to_string().is_empty());
    }
    for Read { frame, .. } in &frames {
        let reading = Reading::of(frame);
        assert!(reading.seen() <= frame.len());
        assert!(!reading.to_string().is_empty());
    }
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for Read { frame, wire, time } in &frames {
        writer.write(&Captured { frame, wire: *wire, time: *time }).expect("memory");
    }
    let (again, mistake) = all(&writer.into_inner());
    assert!(mistake.is_none(), "{mistake:?}");
    assert_eq!(again, frames.into_iter().map(written).collect::<Vec<_>>());
}

fn all(bytes: &[u8]) -> (Vec<Read>, Option<CaptureError>) {
    let mut frames = Vec::new();
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(mistake) => return (frames, Some(mistake)),
    };
    loop {
        match reader.next() {
            Ok(Some(Captured { frame, wire, time })) => {
                assert!(u32::try_from(frame.len()).is_ok_and(|len| len <= MOST_FRAME));
                frames.push(Read { frame: frame.to_vec(), wire, time });
            }
            Ok(None) => return (frames, None),
            Err(mistake) => return (frames, Some(mistake)),
        }
    }
}

/// What is read of a frame that was written: pcap has 32 bits for the seconds.
fn written(read: Read) -> Read {
    let time = read.time.unwrap_or_default();
    let seconds = time.as_secs().min(u32::MAX.into());
    Read { time: Some(Duration::new(seconds, time.subsec_nanos())), ..read }
}

/// Where a mistake is.
fn place(mistake: &CaptureError) -> Option<u64> {
    match mistake {
        CaptureError::Version { offset, .. }
        | CaptureError::Link { offset, .. }
        | CaptureError::Truncated { offset, .. }
        | CaptureError::TooLong { offset, .. }
        | CaptureError::Order { offset }
        | CaptureError::BlockLength { offset, .. }
        | CaptureError::BlockEnd { offset, .. }
        | CaptureError::NoInterface { offset, .. }
        | CaptureError::Interfaces { offset, .. }
        | CaptureError::Read { offset, .. } => Some(*offset),
        CaptureError::Empty | CaptureError::NotACapture => None,
    }
}
