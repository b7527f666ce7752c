//! The type graph: each type once, under a number, with the strings that types and lines share.
//!
//! Numbers are given in the order of adding and a type that is there already keeps its number, so
//! that the same calls give the same bytes. A type names only types before it, so there is no cycle.
//! What the kernel refuses in a name is replaced before it gets here: a name is an identifier of C.

use std::collections::HashMap;

use super::layout::{Bits, Field, Layout};
use crate::order::ByteOrder;

/// The number of a type; 0 is void.
pub(super) type TypeId = u32;
/// A string by its place among the strings; 0 is the empty one.
pub(super) type StringAt = u32;

/// Who sees a function or a variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Linkage {
    Static,
    Global,
}

/// One type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Type {
    Int {
        name: StringAt,
        bytes: u32,
        encoding: Encoding,
    },
    Ptr(TypeId),
    Array {
        of: TypeId,
        index: TypeId,
        len: u32,
    },
    Struct {
        name: StringAt,
        size: u32,
        members: Vec<Member>,
    },
    FuncProto {
        returns: TypeId,
        params: Vec<(StringAt, TypeId)>,
    },
    Func {
        name: StringAt,
        proto: TypeId,
        linkage: Linkage,
    },
    #[cfg(feature = "elf")]
    Var {
        name: StringAt,
        of: TypeId,
        linkage: Linkage,
    },
    #[cfg(feature = "elf")]
    DataSec {
        name: StringAt,
        size: u32,
        vars: Vec<Placed>,
    },
}

/// How the bits of a number are read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Encoding {
    Unsigned,
    Signed,
}

/// A part of a struct.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Member {
    pub(super) name: StringAt,
    pub(super) of: TypeId,
    /// Bits from the start.
    pub(super) bit: u32,
    /// How many bits, where it is not all of its type.
    pub(super) bits: Option<u8>,
}

/// A variable in its section.
#[cfg(feature = "elf")]
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Placed {
    pub(super) var: TypeId,
    pub(super) offset: u32,
    pub(super) size: u32,
}

/// Types and strings.
pub(super) struct Types {
    order: ByteOrder,
    all: Vec<Type>,
    numbers: HashMap<Type, TypeId>,
    strings: Vec<u8>,
    places: HashMap<String, StringAt>,
}

impl Types {
    /// None yet, for a machine of this order: it says from which end bits are counted.
    pub(super) fn new(order: ByteOrder) -> Self {
        let places = HashMap::from([(String::new(), 0)]);
        Self { order, all: Vec::new(), numbers: HashMap::new(), strings: vec![0], places }
    }

    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    pub(super) fn all(&self) -> &[Type] {
        &self.all
    }

    pub(super) fn strings(&self) -> &[u8] {
        &self.strings
    }

    /// The place of a string; what would end it early is left out.
    pub(super) fn string(&mut self, text: &str) -> StringAt {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        // Past 32 bits the whole is refused when it is written.
        let place = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        self.strings.extend(text.bytes().filter(|byte| *byte != 0));
        self.strings.push(0);
        self.places.insert(text.to_owned(), place);
        place
    }

    /// The place of a name.
    pub(super) fn name(&mut self, text: &str) -> StringAt {
        self.string(&identifier(text))
    }

    /// The number of a type.
    pub(super) fn add(&mut self, of: Type) -> TypeId {
        if let Some(number) = self.numbers.get(&of) {
            return *number;
        }
        self.all.push(of.clone());
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.numbers.insert(of, number);
        number
    }

    pub(super) fn int(&mut self, name: &str, bytes: u32, encoding: Encoding) -> TypeId {
        let name = self.string(name);
        self.add(Type::Int { name, bytes, encoding })
    }

    /// `int`, which also counts the elements of arrays.
    pub(super) fn plain_int(&mut self) -> TypeId {
        self.int("int", 4, Encoding::Signed)
    }

    pub(super) fn array(&mut self, of: TypeId, len: u32) -> TypeId {
        let index = self.plain_int();
        self.add(Type::Array { of, index, len })
    }

    /// The type of a layout.
    pub(super) fn layout(&mut self, layout: &Layout) -> TypeId {
        match layout {
            Layout::U8 => self.int("u8", 1, Encoding::Unsigned),
            Layout::U16 => self.int("u16", 2, Encoding::Unsigned),
            Layout::U32 => self.int("u32", 4, Encoding::Unsigned),
            Layout::U64 => self.int("u64", 8, Encoding::Unsigned),
            Layout::Array(of, len) => {
                let of = self.layout(of);
                self.array(of, *len)
            }
            Layout::Struct(name, fields) => {
                let members = self.members(fields);
                let name = self.name(name);
                self.add(Type::Struct { name, size: layout.size(), members })
            }
            Layout::Word(name, parts) => {
                let members = self.parts(parts);
                let name = self.name(name);
                self.add(Type::Struct { name, size: layout.size(), members })
            }
        }
    }

    fn members(&mut self, fields: &[Field]) -> Vec<Member> {
        let mut bit = 0u32;
        let mut members = Vec::with_capacity(fields.len());
        for Field { name, layout } in fields {
            let of = self.layout(layout);
            members.push(Member { name: self.name(name), of, bit, bits: None });
            bit = bit.saturating_add(layout.size().saturating_mul(8));
        }
        members
    }

    /// Bit fields, which a machine counts from the end where it has the first byte of a number.
    fn parts(&mut self, parts: &[Bits]) -> Vec<Member> {
        let of = self.layout(&Layout::U64);
        let mut low = 0u32;
        let mut members = Vec::with_capacity(parts.len());
        for Bits { name, count } in parts {
            let bits = u32::from(*count);
            let bit = match self.order {
                ByteOrder::Little => low,
                ByteOrder::Big => 64u32.saturating_sub(low + bits),
            };
            low += bits;
            if let Some(name) = name {
                members.push(Member { name: self.name(name), of, bit, bits: Some(*count) });
            }
        }
        // The kernel wants members in the order of their places.
        members.sort_by_key(|member| member.bit);
        members
    }
}

/// The longest name that the oldest supported kernel takes, its closing zero among it.
pub(super) const NAME_MOST: usize = 127;

/// A text as an identifier of C.
pub(crate) fn identifier(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let first = if digit || text.is_empty() { Some('_') } else { None };
    first.into_iter().chain(text.chars().map(plain)).take(NAME_MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_and_a_string_are_there_once() {
        let mut types = Types::new(ByteOrder::Little);
        let hits = Layout::fields("hits", [("packets", Layout::U64), ("bytes", Layout::U64)]);
        let first = types.layout(&hits);
        let (count, strings) = (types.all().len(), types.strings().len());
        assert_eq!(types.layout(&hits), first);
        assert_eq!((types.all().len(), types.strings().len()), (count, strings));
        assert_eq!(types.strings(), b"\0u64\0packets\0bytes\0hits\0");
    }

    #[test]
    fn the_lowest_bits_lie_where_the_machine_has_them() {
        let word = Layout::word("word", [("low", 16), ("", 40), ("high", 8)]);
        for (order, want) in [(ByteOrder::Little, [0, 56]), (ByteOrder::Big, [0, 48])] {
            let mut types = Types::new(order);
            types.layout(&word);
            let Some(Type::Struct { members, .. }) = types.all().last() else { panic!("a struct") };
            assert_eq!(members.iter().map(|member| member.bit).collect::<Vec<_>>(), want);
        }
    }

    #[test]
    fn a_name_is_an_identifier() {
        let names = ["block:host6", "10.0.0.0", "", "drop src", "gr\u{fc}n"].map(identifier);
        assert_eq!(names, ["block_host6", "_10_0_0_0", "_", "drop_src", "gr_n"]);
        assert_eq!(identifier(&"x".repeat(500)).len(), NAME_MOST);
    }
}
