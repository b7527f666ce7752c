//! The bytes of a capture, counted as they are read.

use std::io::{BufReader, ErrorKind, Read};

use super::{CaptureError, MOST_FRAME, Part};

/// What is asked of the system at once.
const BUFFER: usize = 1 << 16;

/// Bytes, and how far reading has come.
#[derive(Debug)]
pub struct Source<R> {
    from: BufReader<R>,
    offset: u64,
}

impl<R: Read> Source<R> {
    pub fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(BUFFER, from), offset: 0 }
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes of a part that may not be there at all.
    pub fn next<const N: usize>(&mut self, part: Part) -> Result<Option<[u8; N]>, CaptureError> {
        let (mut bytes, start) = ([0; N], self.offset);
        match self.read(&mut bytes)? {
            0 => Ok(None),
            read if read == N => Ok(Some(bytes)),
            _ => Err(CaptureError::Truncated { offset: start, part }),
        }
    }

    /// The next bytes of a part that began at `start`.
    pub fn must<const N: usize>(
        &mut self,
        part: Part,
        start: u64,
    ) -> Result<[u8; N], CaptureError> {
        let mut bytes = [0; N];
        if self.read(&mut bytes)? == N {
            return Ok(bytes);
        }
        Err(CaptureError::Truncated { offset: start, part })
    }

    /// The next `length` bytes, of a packet that began at `start`, in the place of what was there.
    pub fn packet(
        &mut self,
        length: u32,
        start: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), CaptureError> {
        if length > MOST_FRAME {
            return Err(CaptureError::TooLong { offset: start, length, most: MOST_FRAME });
        }
        into.clear();
        let mut rest = (&mut self.from).take(length.into());
        let read = rest.read_to_end(into).map_err(|why| self.broken(why))?;
        self.offset += read as u64;
        if read as u64 == u64::from(length) {
            return Ok(());
        }
        Err(CaptureError::Truncated { offset: start, part: Part::Packet })
    }

    /// Passes over bytes of a block that began at `start`.
    pub fn skip(&mut self, length: u64, start: u64) -> Result<(), CaptureError> {
        let mut rest = (&mut self.from).take(length);
        let read =
            std::io::copy(&mut rest, &mut std::io::sink()).map_err(|why| self.broken(why))?;
        self.offset += read;
        if read == length {
            return Ok(());
        }
        Err(CaptureError::Truncated { offset: start, part: Part::Block })
    }

    /// Reads as many bytes as there are, and says how many.
    fn read(&mut self, mut into: &mut [u8]) -> Result<usize, CaptureError> {
        let mut all = 0;
        while !into.is_empty() {
            match self.from.read(into) {
                Ok(0) => break,
                Ok(read) => {
                    all += read;
                    self.offset += read as u64;
                    into = &mut into[read..];
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(self.broken(why)),
            }
        }
        Ok(all)
    }

    fn broken(&self, why: std::io::Error) -> CaptureError {
        CaptureError::Read { offset: self.offset, why }
    }
}
