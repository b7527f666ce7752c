//! The program tag, predicted without a kernel.
//!
//! The kernel digests the instructions as they were loaded, before it rewrites them, with what names
//! a map zeroed in both slots of its 64-bit load (`bpf_prog_calc_tag` in kernel/bpf/core.c), and keeps
//! the first eight bytes. So the tag is a function of the image alone: not of descriptors, and not
//! of which maps they are, nor of an offset in a map's value. The digest was SHA-1, and is SHA-256
//! from Linux 6.18 on; which one a kernel has is found out by loading a program and looking.

use palisade_asm::{Assembler, ByteOrder, Image, Isa, R0, RawInsn};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::Errno;
use crate::program::{Buffers, LoadOptions, Program, Tag};

/// The opcode of a 64-bit load.
const LOAD_IMM64: u8 = 0x18;
/// What its source field says where it names a map: `BPF_PSEUDO_MAP_FD` and `BPF_PSEUDO_MAP_VALUE`.
const MAP_FD: u8 = 1;
const MAP_VALUE: u8 = 2;
/// `XDP_PASS`, for the program that is loaded to ask.
const PASS: i32 = 2;

/// The digest that a tag is the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagDigest {
    /// Before Linux 6.18.
    Sha1,
    /// From Linux 6.18 on.
    Sha256,
}

impl TagDigest {
    /// Both, the older one first.
    pub const ALL: [Self; 2] = [Self::Sha1, Self::Sha256];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The one that the running kernel takes; `None` where it takes neither, an error where it may
    /// not be asked.
    pub fn probe() -> Result<Option<Self>, Errno> {
        let mut assembler = Assembler::new();
        assembler.mov(R0, PASS).exit();
        let program = assembler.finish().map_err(|_| Errno::EINVAL)?;
        let image = program.encode(Isa::V1).map_err(|_| Errno::EINVAL)?;
        let options = LoadOptions { name: "probe", license: c"GPL", buffers: Buffers::Single };
        let loaded = Program::load(&image, &[], &options);
        let found = loaded.map_err(|error| error.errno().unwrap_or(Errno::EINVAL))?.info()?.tag;
        let is_found = |digest: &Self| Tag::predict(&image, ByteOrder::HOST, *digest) == found;
        Ok(Self::ALL.into_iter().find(is_found))
    }

    fn first_bytes(self, code: &[u8]) -> Option<[u8; 8]> {
        let first = |digest: &[u8]| digest.first_chunk().copied();
        match self {
            Self::Sha1 => first(&Sha1::digest(code)),
            Self::Sha256 => first(&Sha256::digest(code)),
        }
    }
}

impl Tag {
    /// The tag that a kernel with that digest, on a machine of that order of bytes, gives to an
    /// image, whatever maps it is linked with.
    pub fn predict(image: &Image, order: ByteOrder, digest: TagDigest) -> Self {
        let code = nameless(image.link(|_| 0));
        let bytes: Vec<u8> = code.iter().flat_map(|raw| raw.to_bytes(order)).collect();
        // Both digests are longer than a tag.
        Self(digest.first_bytes(&bytes).unwrap_or_default())
    }
}

/// The code with nothing that names a map.
fn nameless(mut code: Vec<RawInsn>) -> Vec<RawInsn> {
    let mut second_half = false;
    for raw in &mut code {
        let names = raw.op == LOAD_IMM64 && matches!(raw.src(), MAP_FD | MAP_VALUE);
        let first_half = names && !second_half;
        if first_half || second_half && raw.op == 0 {
            raw.imm = 0;
        }
        second_half = first_half;
    }
    code
}

#[cfg(test)]
mod tests {
    use palisade_asm::{MapDecl, MapFlags, MapKind, R1, R2};

    use super::*;

    fn image(key_size: u32, offset: u32, constant: u64) -> Image {
        let mut a = Assembler::new();
        let decl = MapDecl {
            name: "m".into(),
            kind: MapKind::Array,
            key_size,
            value_size: 64,
            max_entries: 1,
            flags: MapFlags::NONE,
        };
        let map = a.map(decl);
        a.load_map(R1, map).load_map_value(R1, map, offset).load_imm64(R2, constant);
        a.mov(R0, PASS).exit();
        a.finish().expect("a program").encode(Isa::V3).expect("an image")
    }

    #[test]
    fn the_tag_is_the_digest_of_the_bytes_with_nothing_that_names_a_map() {
        // `sha1sum` and `sha256sum` of the bytes of `r0 = 2; exit`.
        let mut a = Assembler::new();
        a.mov(R0, PASS).exit();
        let image = a.finish().expect("a program").encode(Isa::V1).expect("an image");
        let tag = |digest| Tag::predict(&image, ByteOrder::Little, digest).to_string();
        assert_eq!(tag(TagDigest::Sha1), "3b185187f1855c4c");
        assert_eq!(tag(TagDigest::Sha256), "614b434cd8324ecc");
    }

    #[test]
    fn maps_and_offsets_in_their_values_do_not_count_and_constants_do() {
        for digest in TagDigest::ALL {
            let tag = |image: &Image| Tag::predict(image, ByteOrder::HOST, digest);
            let one = tag(&image(4, 8, 1 << 40));
            assert_eq!(one, tag(&image(4, 16, 1 << 40)));
            assert_eq!(one, tag(&image(8, 8, 1 << 40)));
            assert_ne!(one, tag(&image(4, 8, 1 << 41)));
            assert_ne!(one, tag(&image(4, 8, 1)));
        }
    }

    #[test]
    fn the_order_of_bytes_counts() {
        let image = image(4, 8, 1);
        let tag = |order| Tag::predict(&image, order, TagDigest::Sha256);
        assert_ne!(tag(ByteOrder::Little), tag(ByteOrder::Big));
    }
}
