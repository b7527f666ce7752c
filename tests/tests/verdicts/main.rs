//! Policies in the kernel, and what they do with frames: the verdict, and the row that counts it.
//!
//! A frame's fate is told by the text of its row (`drop src in block`, `default pass`,
//! `bad-length`): the row says the verdict too, and [`decided`] holds the program to it.

mod builtin;
mod edited;
mod entries;
mod frames;
mod long;
mod modes;
mod odd;
mod terms;

use palisade_tests::engine::{Engine, Half, hex};
use palisade_tests::packet::Packet;

/// The text of the row that decides a frame; the verdict must be that row's.
#[track_caller]
fn decided(engine: &mut Engine, frame: impl Frame) -> String {
    let frame = frame.bytes();
    match engine.run(&frame) {
        Ok(outcome) => {
            assert_eq!(outcome.half, Half::Enforced, "{outcome}: {}", hex(&frame));
            assert_eq!(Some(outcome.verdict), outcome.row.verdict, "{outcome}: {}", hex(&frame));
            outcome.row.text
        }
        Err(fault) => panic!("{fault}: {}", hex(&frame)),
    }
}

/// What can be put to a program.
trait Frame {
    /// The bytes on the wire.
    fn bytes(self) -> Vec<u8>;
}

impl Frame for Packet {
    fn bytes(self) -> Vec<u8> {
        self.build()
    }
}

impl Frame for &Packet {
    fn bytes(self) -> Vec<u8> {
        self.build()
    }
}

impl Frame for Vec<u8> {
    fn bytes(self) -> Vec<u8> {
        self
    }
}
