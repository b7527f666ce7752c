//! Numbers in no order, the same each time (xorshift64*): every run has the same entries and keys.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // The state must not be zero.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Any number of `bits` bits.
    pub fn bits(&mut self, bits: u32) -> u128 {
        let whole = u128::from(self.word()) << 64 | u128::from(self.word());
        whole.checked_shr(128 - bits).unwrap_or(0)
    }

    /// Any number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        let scaled = (u128::from(self.word()) * end as u128) >> 64;
        usize::try_from(scaled).unwrap_or(0)
    }
}
