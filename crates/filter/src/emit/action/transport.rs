//! The transport header of a packet whose addresses or ports change: where its checksum is, and its
//! update.
//!
//! The checksums of TCP, UDP and ICMPv6 are over the addresses too; that of ICMP is not, nor is that
//! of SCTP. UDP without a checksum stays without.

use palisade_asm::{Assembler, Cond, Label, R2, Size};

use super::checksum::{self, SUM, Terms};
use crate::emit::frame::{PROTOCOL, TRANSPORT};
use crate::emit::packet::{Field, Readable, header_again, put_back};
use crate::plan::Target;
use crate::policy::{Class, Lane};

/// Which packets are changed.
#[derive(Clone, Copy)]
pub struct Packets<'a> {
    /// Their class.
    pub class: Class,
    /// The lanes that they may be of.
    pub lanes: &'a [Lane],
}

impl Packets<'_> {
    /// Emits something for the header of each lane that has one with such a checksum; where there are
    /// several lanes, `PROTOCOL` tells them apart. Clobbers R2.
    pub fn each_header(self, a: &mut Assembler, mut emit: impl FnMut(&mut Assembler, Header)) {
        let done = a.label("header done");
        let lanes: Vec<(Lane, Label)> =
            self.lanes.iter().map(|lane| (*lane, a.label("change the header"))).collect();
        if let [_, others @ ..] = lanes.as_slice()
            && !others.is_empty()
        {
            PROTOCOL.load(a, R2);
            for (lane, label) in others {
                let protocol = lane.protocol(self.class).expect("a lane of one protocol");
                a.jump_if(R2, Cond::Eq, i32::from(protocol.0), *label);
            }
        }
        for (at, (lane, label)) in lanes.iter().enumerate() {
            if at > 0 {
                a.place(*label);
            }
            if let Some(header) = Header::of(*lane, self.class) {
                emit(a, header);
            }
            if at + 1 < lanes.len() {
                a.jump(done);
            }
        }
        a.place(done);
    }
}

/// A transport header as far as something changes in it.
#[derive(Clone, Copy)]
pub struct Header {
    size: i16,
    checksum: Field,
    /// Whether a checksum of 0 says that there is none.
    optional: Optional,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Optional {
    Yes,
    No,
}

impl Header {
    /// The header of a lane; `None` if nothing changes in it.
    fn of(lane: Lane, class: Class) -> Option<Self> {
        let header = |size, checksum, optional| {
            Some(Self { size, checksum: Field::new(checksum, Size::H), optional })
        };
        match lane {
            Lane::Tcp => header(20, 16, Optional::No),
            Lane::Udp => header(8, 6, Optional::Yes),
            Lane::Icmp if class == Class::Ip6 => header(8, 2, Optional::No),
            Lane::Icmp | Lane::Sctp | Lane::Other | Lane::LaterFragment => None,
        }
    }

    /// Changes the header, and its checksum by what `add_up` adds to the sum. Of `read` and `write`,
    /// the one reads what is replaced and the other replaces it: behind the checksum, for the place on
    /// a multiple of eight comes last where the header is a copy.
    pub fn update(
        self,
        a: &mut Assembler,
        target: Target,
        broken: Label,
        (read, write): (
            impl FnOnce(&mut Assembler, Readable),
            impl FnOnce(&mut Assembler, Readable),
        ),
        add_up: impl FnOnce(&mut Assembler) -> Terms,
    ) {
        let none = a.label("no checksum");
        let header = header_again(a, target.access, TRANSPORT, self.size, broken);
        header.load(a, SUM, self.checksum);
        read(a, header);
        if self.optional == Optional::Yes {
            a.jump_if(SUM, Cond::Eq, 0, none);
        }
        checksum::begin(a);
        let terms = add_up(a);
        checksum::finish(a, terms);
        if self.optional == Optional::Yes {
            checksum::not_zero(a);
        }
        header.store(a, self.checksum, SUM);
        if self.optional == Optional::Yes {
            a.place(none);
        }
        write(a, header);
        put_back(a, header, TRANSPORT, broken);
    }
}
