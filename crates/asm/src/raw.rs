//! The wire form: eight bytes to a slot, laid out as the kernel of this machine takes them.
//!
//! In memory a `RawInsn` is in the order of the machine; `to_bytes` and `from_bytes` write and
//! read either order. The two registers share a byte whose halves change places between the two
//! orders (RFC 9669, 3), which is why it is reached by `dst` and `src` and not by its bits.

use crate::order::ByteOrder;

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 8;

/// One slot of code.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RawInsn {
    /// The opcode.
    pub op: u8,
    /// Destination and source register, in halves of this machine's order.
    pub regs: u8,
    /// The offset of a memory access, or the distance of a jump.
    pub off: i16,
    /// The constant.
    pub imm: i32,
}

impl RawInsn {
    /// A slot with these fields; the register numbers are cut to four bits.
    pub fn new(op: u8, dst: u8, src: u8, off: i16, imm: i32) -> Self {
        Self { op, regs: pack(ByteOrder::HOST, dst & 0xf, src & 0xf), off, imm }
    }

    /// The field of the destination register.
    pub fn dst(&self) -> u8 {
        unpack(ByteOrder::HOST, self.regs).0
    }

    /// The field of the source register.
    pub fn src(&self) -> u8 {
        unpack(ByteOrder::HOST, self.regs).1
    }

    /// The slot as a machine of this order has it in memory.
    pub fn to_bytes(&self, order: ByteOrder) -> [u8; SLOT_BYTES] {
        let [off0, off1] = order.bytes16(self.off.cast_unsigned());
        let [imm0, imm1, imm2, imm3] = order.bytes32(self.imm.cast_unsigned());
        let regs = pack(order, self.dst(), self.src());
        [self.op, regs, off0, off1, imm0, imm1, imm2, imm3]
    }

    /// Reads what a machine of this order has in memory.
    pub fn from_bytes(order: ByteOrder, bytes: [u8; SLOT_BYTES]) -> Self {
        let [op, regs, off0, off1, imm0, imm1, imm2, imm3] = bytes;
        let (dst, src) = unpack(order, regs);
        let off = order.read16([off0, off1]).cast_signed();
        Self::new(op, dst, src, off, order.read32([imm0, imm1, imm2, imm3]).cast_signed())
    }
}

/// The bit fields of `struct bpf_insn`: the destination is the first one, so it lies low on
/// little-endian machines and high on big-endian ones.
fn pack(order: ByteOrder, dst: u8, src: u8) -> u8 {
    match order {
        ByteOrder::Little => src << 4 | dst,
        ByteOrder::Big => dst << 4 | src,
    }
}

fn unpack(order: ByteOrder, regs: u8) -> (u8, u8) {
    let (high, low) = (regs >> 4, regs & 0xf);
    match order {
        ByteOrder::Little => (low, high),
        ByteOrder::Big => (high, low),
    }
}

#[cfg(test)]
mod tests {
    use super::ByteOrder::{Big, Little};
    use super::*;

    #[test]
    fn registers_and_numbers_change_their_order_with_the_machine() {
        let insn = RawInsn::new(0x69, 2, 6, 0x0102, 0x0304_0506);
        assert_eq!(insn.to_bytes(Little), [0x69, 0x62, 2, 1, 6, 5, 4, 3]);
        assert_eq!(insn.to_bytes(Big), [0x69, 0x26, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn bytes_read_back_are_the_slot_in_either_order() {
        let insn = RawInsn::new(0xdb, 10, 3, -8, i32::MIN);
        assert_eq!(RawInsn::from_bytes(Little, insn.to_bytes(Little)), insn);
        assert_eq!(RawInsn::from_bytes(Big, insn.to_bytes(Big)), insn);
    }

    #[test]
    fn memory_is_in_the_order_of_this_machine() {
        let insn = RawInsn::new(0x07, 1, 0, 0, 14);
        assert_eq!(insn.to_bytes(ByteOrder::HOST)[1], insn.regs);
        assert_eq!(size_of::<RawInsn>(), SLOT_BYTES);
    }
}
