//! How keys and values become bytes, without reinterpreting memory.
//!
//! A [`Wire`] type writes every one of its `SIZE` bytes and reads back an equal value, so no
//! padding byte of this process reaches the kernel. Numbers are in the machine's order, as programs
//! see them; what belongs in network order is an array of bytes.

/// A key or a value of a map, as a fixed number of bytes.
pub trait Wire: Sized {
    /// How many bytes it takes.
    const SIZE: usize;

    /// Writes all of `out`, which is `SIZE` bytes long.
    fn put(&self, out: &mut [u8]);

    /// Reads what [`put`](Wire::put) wrote; `bytes` is `SIZE` bytes long.
    fn get(bytes: &[u8]) -> Self;
}

/// The bytes of a value in a buffer of its own.
pub(crate) fn bytes_of<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = vec![0; T::SIZE];
    value.put(&mut out);
    out
}

/// The first bytes as an array; what is missing is zero.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

macro_rules! number {
    ($($number:ty),*) => {
        $(
            impl Wire for $number {
                const SIZE: usize = size_of::<$number>();

                fn put(&self, out: &mut [u8]) {
                    out.copy_from_slice(&self.to_ne_bytes());
                }

                fn get(bytes: &[u8]) -> Self {
                    <$number>::from_ne_bytes(array(bytes))
                }
            }
        )*
    };
}

number!(u8, u16, u32, u64);

impl<const N: usize> Wire for [u8; N] {
    const SIZE: usize = N;

    fn put(&self, out: &mut [u8]) {
        out.copy_from_slice(self);
    }

    fn get(bytes: &[u8]) -> Self {
        array(bytes)
    }
}

impl<const N: usize> Wire for [u64; N] {
    const SIZE: usize = N * 8;

    fn put(&self, out: &mut [u8]) {
        for (to, from) in out.chunks_exact_mut(8).zip(self) {
            from.put(to);
        }
    }

    fn get(bytes: &[u8]) -> Self {
        let mut numbers = bytes.chunks_exact(8).map(u64::get);
        std::array::from_fn(|_| numbers.next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns<T: Wire + PartialEq + std::fmt::Debug>(value: T, bytes: &[u8]) {
        assert_eq!(bytes_of(&value), bytes);
        assert_eq!(T::get(bytes), value);
    }

    #[test]
    fn what_is_put_is_got() {
        returns(7u8, &[7]);
        returns(0x0102u16, &0x0102u16.to_ne_bytes());
        returns(0xdead_beefu32, &0xdead_beefu32.to_ne_bytes());
        returns(u64::MAX - 1, &(u64::MAX - 1).to_ne_bytes());
        returns([1u8, 2, 3], &[1, 2, 3]);
        returns([1u64, 2], &[1u64.to_ne_bytes(), 2u64.to_ne_bytes()].concat());
    }
}
