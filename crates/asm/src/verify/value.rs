//! What a register holds: nothing that was written, a number, or a pointer of some kind.

use std::fmt;

use super::scalar::Scalar;
use crate::map::MapId;

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Nothing that a program may read.
    Unwritten,
    /// A number.
    Number(Scalar),
    /// An address.
    Pointer(Pointer),
}

/// What an address leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The context, `struct xdp_md`.
    Ctx,
    /// The packet.
    Packet,
    /// What stands before the packet.
    Meta,
    /// One past the packet.
    End,
    /// The stack.
    Stack,
    /// A map, as helpers take it.
    Map(MapId),
    /// A value in a map.
    Value(MapId),
    /// A value in a map, or null.
    ValueOrNull(MapId),
}

/// An address: of what, how far from its start, and how much of it can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pointer {
    /// What it leads to.
    pub(super) kind: Kind,
    /// The constant part of its distance from the start.
    pub(super) off: i64,
    /// The part that is not known.
    pub(super) var: Scalar,
    /// Pointers with the same number have the same unknown part, or are null together; 0 where
    /// there is none.
    pub(super) id: u32,
    /// Bytes of the packet, from where `off` is zero, that were shown to be there.
    pub(super) range: i64,
}

impl Pointer {
    pub(super) fn to(kind: Kind, off: i64) -> Self {
        Self { kind, off, var: Scalar::constant(0), id: 0, range: 0 }
    }

    /// Whether it leads to a place in the packet or before it.
    pub(super) fn is_packet(&self) -> bool {
        matches!(self.kind, Kind::Packet | Kind::Meta)
    }

    /// Whether it is one that a change of the packet makes void.
    pub(super) fn is_of_packet(&self) -> bool {
        self.is_packet() || self.kind == Kind::End
    }

    /// Whether it is the start of the packet itself.
    pub(super) fn is_start(&self) -> bool {
        self.kind == Kind::Packet && self.off == 0 && self.id == 0 && self.var.number() == Some(0)
    }

    /// The distance, where it is known.
    pub(super) fn fixed(&self) -> Option<i64> {
        (self.var.number() == Some(0)).then_some(self.off)
    }
}

impl Value {
    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Number(scalar) => Some(scalar),
            Self::Unwritten | Self::Pointer(_) => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ctx => "ctx",
            Self::Packet => "pkt",
            Self::Meta => "pkt_meta",
            Self::End => "pkt_end",
            Self::Stack => "fp",
            Self::Map(_) => "map_ptr",
            Self::Value(_) => "map_value",
            Self::ValueOrNull(_) => "map_value_or_null",
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == Kind::Stack && self.fixed().is_some() {
            return write!(f, "fp{:+}", self.off);
        }
        let mut parts = Vec::new();
        if self.id != 0 {
            parts.push(format!("id={}", self.id));
        }
        if self.off != 0 {
            parts.push(format!("off={}", self.off));
        }
        if self.is_packet() {
            parts.push(format!("r={}", self.range));
        }
        if self.var.number() != Some(0) {
            parts.push(self.var.to_string());
        }
        write!(f, "{}({})", self.kind, parts.join(","))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritten => f.write_str("not written"),
            Self::Number(scalar) => scalar.fmt(f),
            Self::Pointer(pointer) => pointer.fmt(f),
        }
    }
}
