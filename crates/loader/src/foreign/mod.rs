//! Somebody else's object files: read without trust, and made what this crate loads.
//!
//! An object goes through three gates. Its frame is checked: sections, symbols and names, each in
//! the file and of the size it says (`elf`). What has a part in the program that is meant is
//! picked, checked against what names places in it, and the rest blanked out (`choose`, `keep`,
//! `types`). Only then `aya-obj` gets to see it, whose panics are contained (`relocate`, `contain`).
//!
//! No object makes this crate panic, loop, or take more memory than some times [`MOST_BYTES`]: what
//! is refused is refused with a reason. Whether the program is safe is for the kernel to say.

mod choose;
mod contain;
mod elf;
mod error;
mod keep;
mod maps;
mod relocate;
mod types;

use std::ffi::CString;
use std::io;

use palisade_asm::Image;
use palisade_asm::btf::ProgramBtf;

pub use contain::is_contained;
pub use elf::MOST_BYTES;
pub use error::{ForeignError, ProgramName};
pub use maps::{Contents, ForeignMap};

use crate::program::Buffers;
use choose::Chosen;
use elf::Elf;
use keep::Kept;
use relocate::Linked;
use types::{OfCode, Types};

/// The type information of the running kernel.
pub const KERNEL_TYPES: &str = "/sys/kernel/btf/vmlinux";

/// What becomes of the places of a program that depend on types of the kernel.
#[derive(Clone, Copy)]
pub enum KernelTypes<'a> {
    /// They are found in this type information, which is asked for only where there are any.
    In(&'a dyn Fn() -> io::Result<Vec<u8>>),
    /// They stay as the compiler left them, by the types that it knew.
    AsCompiled,
}

/// A program out of an object file.
#[derive(Clone, Debug)]
pub struct Object {
    /// Which it is.
    pub name: ProgramName,
    /// The program, with the functions that it calls behind it; its notes are lines of its source,
    /// where the object tells them.
    pub image: Image,
    /// The maps that it uses, as `image.maps` has them.
    pub maps: Vec<ForeignMap>,
    /// What it says of its functions and lines, for the kernel.
    pub btf: Option<ProgramBtf>,
    /// Its license; empty where the object says none.
    pub license: CString,
    /// Whether it takes packets of several buffers.
    pub buffers: Buffers,
    /// How many places stayed as compiled that depend on types of the kernel.
    pub as_compiled: usize,
}

/// Reads an object file: the program whose section or function is called `section`, or the only one
/// for XDP.
pub fn read(
    bytes: &[u8],
    section: Option<&str>,
    types: KernelTypes<'_>,
) -> Result<Object, ForeignError> {
    if bytes.len() > MOST_BYTES {
        return Err(ForeignError::Size { size: bytes.len(), most: MOST_BYTES });
    }
    let elf = Elf::read(bytes)?;
    let chosen = choose::choose(&elf, section)?;
    let kept = Kept::of(&elf, &chosen)?;
    let own = kept.types.as_ref().map(|section| Types::read(section, elf.endian)).transpose()?;
    let mut copy = kept.copy(bytes, &elf);
    let mut places = 0;
    if let Some((section, own)) = kept.types_of_code.as_ref().zip(own.as_ref()) {
        let of_code = OfCode::read(section, own, |name| kept.is_code(&elf, name))?;
        places = of_code.places;
        if let Some(to) = copy.get_mut(section.offset..section.offset + of_code.bytes.len()) {
            to.copy_from_slice(&of_code.bytes);
        }
    }
    let kernel = match types {
        KernelTypes::In(ask) if places > 0 => {
            Some(ask().map_err(|why| ForeignError::KernelTypes { why })?)
        }
        KernelTypes::In(_) | KernelTypes::AsCompiled => None,
    };
    let linked = contain::contained(|| {
        relocate::link(&copy, &chosen, &kept.named, own.as_ref(), kernel.as_deref())
    });
    let Linked { image, maps, btf } = linked.map_err(|said| ForeignError::GaveUp { said })??;
    let Chosen { name, buffers, .. } = chosen;
    let as_compiled = if kernel.is_none() { places } else { 0 };
    let license = license(&kept)?;
    Ok(Object { name, image, maps, btf, license, buffers, as_compiled })
}

/// The license that the object says, up to its first zero.
fn license(kept: &Kept<'_>) -> Result<CString, ForeignError> {
    let bytes = kept.license.unwrap_or_default();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = bytes.get(..end).unwrap_or_default();
    CString::new(text).map_err(|_| ForeignError::malformed("its license", "is no text"))
}
