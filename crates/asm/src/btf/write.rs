//! Types and strings as bytes: a header, the types in the order of their numbers, the strings
//! (Documentation/bpf/btf.rst).

use super::BtfError;
#[cfg(feature = "elf")]
use super::types::Placed;
use super::types::{Encoding, Linkage, Member, StringAt, Type, TypeId, Types};
use crate::order::ByteOrder;

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
const FLAGS: u8 = 0;
/// Bytes of the header.
const HEADER: u32 = 24;

/// The most bytes of types and of strings that the kernel takes (`BTF_MAX_SIZE` and
/// `BTF_MAX_NAME_OFFSET`).
const MOST: u32 = 0x00ff_ffff;
/// The most members of a struct and variables of a section (`BTF_MAX_VLEN`).
const MOST_PARTS: usize = 0xffff;

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
#[cfg(feature = "elf")]
const VAR: u32 = 14;
#[cfg(feature = "elf")]
const DATASEC: u32 = 15;

/// The bit of a struct whose members say how many bits they have.
const BIT_FIELDS: u32 = 1 << 31;
const INT_SIGNED: u32 = 1 << 24;

/// The `.BTF` bytes.
pub(super) fn write(types: &Types) -> Result<Vec<u8>, BtfError> {
    let mut words = Vec::new();
    for of in types.all() {
        put(&mut words, of)?;
    }
    let type_bytes = length(words.len().saturating_mul(4))?;
    let string_bytes = length(types.strings().len())?;
    let order = types.order();
    let mut bytes = preamble(order);
    let header = [HEADER, 0, type_bytes, type_bytes, string_bytes];
    for word in header.into_iter().chain(words) {
        bytes.extend(order.bytes32(word));
    }
    bytes.extend(types.strings());
    Ok(bytes)
}

/// What both sections begin with: the magic number, which tells the order, version and flags.
pub(super) fn preamble(order: ByteOrder) -> Vec<u8> {
    let [first, second] = order.bytes16(MAGIC);
    vec![first, second, VERSION, FLAGS]
}

/// A length that the kernel takes.
pub(super) fn length(bytes: usize) -> Result<u32, BtfError> {
    let fits = u32::try_from(bytes).ok().filter(|bytes| *bytes <= MOST);
    fits.ok_or(BtfError::TooLarge { bytes })
}

/// Kind and number of parts as one word.
fn info(kind: u32, parts: usize) -> Result<u32, BtfError> {
    let count = u32::try_from(parts).ok().filter(|_| parts <= MOST_PARTS);
    count.map(|count| kind << 24 | count).ok_or(BtfError::TooManyParts { parts })
}

fn linkage(linkage: Linkage) -> u32 {
    match linkage {
        Linkage::Static => 0,
        Linkage::Global => 1,
    }
}

/// The words of one type: its name, kind and size, and what follows for its kind.
fn put(words: &mut Vec<u32>, of: &Type) -> Result<(), BtfError> {
    match of {
        Type::Int { name, bytes, encoding } => {
            let sign = match encoding {
                Encoding::Unsigned => 0,
                Encoding::Signed => INT_SIGNED,
            };
            words.extend([*name, INT << 24, *bytes, sign | bytes.saturating_mul(8)]);
        }
        Type::Ptr(to) => words.extend([0, PTR << 24, *to]),
        Type::Array { of, index, len } => words.extend([0, ARRAY << 24, 0, *of, *index, *len]),
        Type::Struct { name, size, members } => put_struct(words, *name, *size, members)?,
        Type::FuncProto { returns, params } => {
            words.extend([0, info(FUNC_PROTO, params.len())?, *returns]);
            words.extend(params.iter().flat_map(|(name, of)| [*name, *of]));
        }
        Type::Func { name, proto, linkage: by } => {
            words.extend([*name, FUNC << 24 | linkage(*by), *proto]);
        }
        #[cfg(feature = "elf")]
        Type::Var { name, of, linkage: by } => {
            words.extend([*name, VAR << 24, *of, linkage(*by)]);
        }
        #[cfg(feature = "elf")]
        Type::DataSec { name, size, vars } => {
            words.extend([*name, info(DATASEC, vars.len())?, *size]);
            words.extend(
                vars.iter().flat_map(|Placed { var, offset, size }| [*var, *offset, *size]),
            );
        }
    }
    Ok(())
}

fn put_struct(
    words: &mut Vec<u32>,
    name: StringAt,
    size: u32,
    members: &[Member],
) -> Result<(), BtfError> {
    let fields = members.iter().any(|member| member.bits.is_some());
    let flag = if fields { BIT_FIELDS } else { 0 };
    words.extend([name, flag | info(STRUCT, members.len())?, size]);
    for Member { name, of, bit, bits } in members {
        // With the flag, the upper byte says how many bits, 0 for all of the type.
        let offset = bits.map_or(0, u32::from) << 24 | bit;
        words.extend::<[TypeId; 3]>([*name, *of, offset]);
    }
    Ok(())
}
