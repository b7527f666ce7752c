//! User pointers in attributes: 64 bits wide on every machine, and borrowing what they point to.
//!
//! A `Ptr<'a>` cannot outlive the buffer it was made from, and one that the kernel writes through
//! is made from an exclusive borrow only.

use std::ffi::CStr;
use std::marker::PhantomData;

use palisade_asm::RawInsn;

use crate::Errno;

/// An address in the form that `union bpf_attr` wants it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Ptr<'a> {
    address: u64,
    buffer: PhantomData<&'a [u8]>,
}

impl<'a> Ptr<'a> {
    /// No buffer; what the kernel takes as "not given".
    pub(crate) const NULL: Ptr<'static> = Ptr { address: 0, buffer: PhantomData };

    fn at<T>(pointer: *const T) -> Ptr<'a> {
        let mut wide = [0; 8];
        let address = pointer.expose_provenance().to_ne_bytes();
        let start = if cfg!(target_endian = "big") { wide.len() - address.len() } else { 0 };
        for (to, from) in wide.iter_mut().skip(start).zip(address) {
            *to = from;
        }
        Ptr { address: u64::from_ne_bytes(wide), buffer: PhantomData }
    }

    /// A buffer that the kernel reads.
    pub(crate) fn read(bytes: &'a [u8]) -> Ptr<'a> {
        Ptr::at(bytes.as_ptr())
    }

    /// A buffer that the kernel writes.
    pub(crate) fn write(bytes: &'a mut [u8]) -> Ptr<'a> {
        Ptr::at(bytes.as_mut_ptr())
    }

    /// A struct that the kernel fills.
    pub(crate) fn fill<T>(value: &'a mut T) -> Ptr<'a> {
        Ptr::at(std::ptr::from_mut(value).cast_const())
    }

    /// Numbers that the kernel writes.
    pub(crate) fn numbers(numbers: &'a mut [u32]) -> Ptr<'a> {
        Ptr::at(numbers.as_mut_ptr())
    }

    /// Instructions that the kernel reads.
    pub(crate) fn insns(insns: &'a [RawInsn]) -> Ptr<'a> {
        Ptr::at(insns.as_ptr())
    }

    /// Instructions that the kernel writes.
    pub(crate) fn insns_out(insns: &'a mut [RawInsn]) -> Ptr<'a> {
        Ptr::at(insns.as_mut_ptr().cast_const())
    }

    /// Whether there is no buffer, or the kernel took it out.
    pub(crate) fn is_null(self) -> bool {
        self.address == 0
    }

    /// A text ended by a zero.
    pub(crate) fn text(text: &'a CStr) -> Ptr<'a> {
        Ptr::at(text.as_ptr())
    }
}

/// A length as the kernel's `u32`; one that does not fit is `E2BIG`, as the kernel would say.
pub(crate) fn length(len: usize) -> Result<u32, Errno> {
    u32::try_from(len).map_err(|_| Errno::E2BIG)
}
