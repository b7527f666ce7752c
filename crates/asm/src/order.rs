//! The order of bytes in a machine's words: of this machine, or of the one that code is made for.

/// The order of bytes in a machine's words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ByteOrder {
    /// The lowest first.
    #[doc(alias = "bpfel")]
    Little,
    /// The highest first.
    #[doc(alias = "bpfeb")]
    Big,
}

impl ByteOrder {
    /// The order of the machine that runs this.
    pub const HOST: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };

    /// The immediate that equals a `u16` loaded from these bytes of memory.
    pub fn imm16(self, bytes: [u8; 2]) -> i32 {
        i32::from(self.read16(bytes))
    }

    /// The immediate whose 32 bits equal a `u32` loaded from these bytes of memory.
    pub fn imm32(self, bytes: [u8; 4]) -> i32 {
        self.read32(bytes).cast_signed()
    }

    /// The bytes of a number of 16 bits.
    pub fn bytes16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    /// The bytes of a number of 32 bits.
    pub fn bytes32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    /// The bytes of a number of 64 bits.
    pub fn bytes64(self, number: u64) -> [u8; 8] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    /// The number that 16 bits in this order are.
    pub fn read16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// The number that 32 bits in this order are.
    pub fn read32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The number that 64 bits in this order are.
    pub fn read64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }
}
