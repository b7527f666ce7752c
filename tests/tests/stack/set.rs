//! Sets of frames that may be one datagram to the stack, told apart by their source port.
//!
//! A set is sent whole, in its order. What of it arrives is recognised by the source port, which no
//! other set has, so that a payload is free to be empty, cut or in pieces.

use palisade_tests::packet::Packet;

/// The UDP port that somebody listens on.
pub const DNS: u16 = 53;
/// The TCP port that somebody listens on.
pub const WEB: u16 = 80;
/// The source port of the first set.
const FIRST: u16 = 16_384;

/// Frames that are sent one after the other.
#[derive(Clone, Debug)]
pub struct Set {
    /// The row of the table of odd packets that it belongs to, or one of mixtures.
    pub row: u8,
    /// What is odd about it; unique.
    pub name: String,
    /// Its source port.
    pub number: u16,
    /// The bytes on the wire.
    pub frames: Vec<Vec<u8>>,
    /// How it comes to the filtered interface.
    pub way: Way,
    /// Whom it claims to come from.
    pub source: Source,
    /// Whether an allow rule must let it through.
    pub reading: Reading,
}

/// How frames come to the filtered interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As they are.
    Wire,
    /// Of VLAN 5, with the tag beside the frame, where a card that strips tags puts it.
    Stripped,
}

/// The source address of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The one that rules on addresses name, of either family.
    Told,
    /// Another one.
    Other,
}

/// What a default-deny policy that allows the port is to make of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Ordinary: it arrives if the stack takes it.
    Whole,
    /// Beyond what is read, for this reason: it may be held back.
    Beyond(&'static str),
}

/// Sets in the making.
#[derive(Debug, Default)]
pub struct Sets {
    all: Vec<Set>,
    row: u8,
}

impl Sets {
    /// What is added from now on belongs to this row.
    pub fn row(&mut self, row: u8) {
        self.row = row;
    }

    /// Adds a set of one frame, made for a source port.
    pub fn one(&mut self, name: impl Into<String>, make: impl FnOnce(u16) -> Packet) -> &mut Set {
        self.many(name, |number| vec![make(number)])
    }

    /// Adds a set of frames, made for a source port.
    pub fn many(
        &mut self,
        name: impl Into<String>,
        make: impl FnOnce(u16) -> Vec<Packet>,
    ) -> &mut Set {
        self.raw(name, |number| make(number).iter().map(Packet::build).collect())
    }

    /// Adds a set of frames as bytes, made for a source port.
    pub fn raw(
        &mut self,
        name: impl Into<String>,
        make: impl FnOnce(u16) -> Vec<Vec<u8>>,
    ) -> &mut Set {
        let number = FIRST + u16::try_from(self.all.len()).expect("fewer sets than ports");
        self.all.push(Set {
            row: self.row,
            name: name.into(),
            number,
            frames: make(number),
            way: Way::Wire,
            source: Source::Told,
            reading: Reading::Whole,
        });
        self.all.last_mut().expect("just pushed")
    }

    /// The set of that source port.
    pub fn of(&mut self, number: u16) -> &mut Set {
        &mut self.all[usize::from(number - FIRST)]
    }

    /// All that were added.
    pub fn finish(self) -> Vec<Set> {
        self.all
    }
}

impl Set {
    /// It need not arrive behind an allow rule, for this reason.
    pub fn beyond(&mut self, why: &'static str) -> &mut Self {
        self.reading = Reading::Beyond(why);
        self
    }

    /// It comes from another address than the rules on addresses name.
    pub fn elsewhere(&mut self) -> &mut Self {
        self.source = Source::Other;
        self
    }

    /// It comes over a card that strips the tag.
    pub fn stripped(&mut self) -> &mut Self {
        self.way = Way::Stripped;
        self
    }

    /// The longest of its frames.
    pub fn longest(&self) -> usize {
        self.frames.iter().map(Vec::len).max().unwrap_or(0)
    }
}
