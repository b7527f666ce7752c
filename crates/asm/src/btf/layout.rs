//! What the bytes of a map's keys and values mean, told apart from the map's declaration.
//!
//! A layout says nothing that a program depends on: two maps of one declaration are the same map,
//! whatever they are said to hold. Fields lie one behind the other without a gap; numbers are in the
//! order of the machine.

use std::borrow::Cow;

/// What some bytes mean.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Layout {
    /// A number of 8 bits.
    U8,
    /// A number of 16 bits.
    U16,
    /// A number of 32 bits.
    U32,
    /// A number of 64 bits.
    U64,
    /// Several of one kind.
    Array(Box<Layout>, u32),
    /// Fields under names, after the name of the whole.
    Struct(Cow<'static, str>, Vec<Field>),
    /// A number of 64 bits made of smaller ones, the lowest bits first, after the name of the whole.
    Word(Cow<'static, str>, Vec<Bits>),
}

/// A part of a struct.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub layout: Layout,
}

/// A part of a word.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bits {
    /// Its name; none for bits that mean nothing.
    pub name: Option<Cow<'static, str>>,
    /// How many bits.
    pub count: u8,
}

impl Layout {
    /// So many bytes without a meaning of their own, such as an address.
    pub fn bytes(count: u32) -> Self {
        Self::Array(Box::new(Self::U8), count)
    }

    /// So many numbers of 64 bits.
    pub fn words(count: u32) -> Self {
        Self::Array(Box::new(Self::U64), count)
    }

    /// A struct of these fields.
    pub fn fields<const N: usize>(name: &'static str, fields: [(&'static str, Self); N]) -> Self {
        let field = |(name, layout): (&'static str, Self)| Field { name: name.into(), layout };
        Self::Struct(name.into(), fields.map(field).into())
    }

    /// A word of these parts, the lowest first; bits under an empty name mean nothing.
    pub fn word<const N: usize>(name: &'static str, parts: [(&'static str, u8); N]) -> Self {
        let part = |(name, count): (&'static str, u8)| Bits {
            name: (!name.is_empty()).then_some(Cow::Borrowed(name)),
            count,
        };
        Self::Word(name.into(), parts.map(part).into())
    }

    /// How many bytes it takes; what 32 bits cannot say is their greatest number.
    pub fn size(&self) -> u32 {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 | Self::Word(..) => 8,
            Self::Array(of, len) => of.size().saturating_mul(*len),
            Self::Struct(_, fields) => {
                fields.iter().fold(0, |sum, field| sum.saturating_add(field.layout.size()))
            }
        }
    }
}

/// What a map holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MapLayout {
    /// Its keys.
    pub key: Layout,
    /// Its values, on each CPU where there is one for each.
    pub value: Layout,
}

impl MapLayout {
    /// What an array holds: its keys are places.
    pub fn array(value: Layout) -> Self {
        Self { key: Layout::U32, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_takes_the_bytes_of_its_parts() {
        let hits = Layout::fields("hits", [("packets", Layout::U64), ("bytes", Layout::U64)]);
        let key =
            Layout::fields("key", [("prefixlen", Layout::U32), ("address", Layout::bytes(16))]);
        let word = Layout::word("word", [("low", 16), ("", 40), ("high", 8)]);
        let both = Layout::fields("both", [("hits", hits.clone()), ("port", Layout::U16)]);
        assert_eq!([hits.size(), key.size(), word.size(), both.size()], [16, 20, 8, 18]);
        assert_eq!(Layout::Array(Box::new(hits), u32::MAX).size(), u32::MAX);
    }
}
