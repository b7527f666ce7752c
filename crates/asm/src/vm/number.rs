//! Numbers cut to fewer bits, and to and from bytes in the order of this machine.

use crate::insn::Size;

/// The lower half.
#[inline]
pub(super) fn low(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The lower quarter.
#[inline]
pub(super) fn low16(number: u64) -> u16 {
    let [a, b, ..] = number.to_le_bytes();
    u16::from_le_bytes([a, b])
}

/// The lowest byte.
#[inline]
pub(super) fn low8(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// A constant of an instruction as arithmetic of 64 bits takes it.
#[inline]
pub(super) fn extended(imm: i32) -> u64 {
    i64::from(imm).cast_unsigned()
}

/// How many bytes a size is.
#[inline]
pub(super) fn bytes_of(size: Size) -> usize {
    match size {
        Size::B => 1,
        Size::H => 2,
        Size::W => 4,
        Size::D => 8,
    }
}

/// A length as a number of the machine.
#[inline]
pub(super) fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A number of the machine as a length; what no memory has becomes the greatest one.
#[inline]
pub(super) fn len(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The number that a slice of 1, 2, 4 or 8 bytes is; 0 for a slice of any other length.
#[inline]
pub(super) fn read(bytes: &[u8]) -> u64 {
    match *bytes {
        [a] => a.into(),
        [a, b] => u16::from_ne_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    }
}

/// Puts the lowest bytes of a number into a slice of 1, 2, 4 or 8 bytes.
#[inline]
pub(super) fn write(bytes: &mut [u8], number: u64) {
    match bytes.len() {
        1 => bytes.copy_from_slice(&[low8(number)]),
        2 => bytes.copy_from_slice(&low16(number).to_ne_bytes()),
        4 => bytes.copy_from_slice(&low(number).to_ne_bytes()),
        8 => bytes.copy_from_slice(&number.to_ne_bytes()),
        _ => {}
    }
}
