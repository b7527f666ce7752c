//! The transport header: what must be there, and the facts that rules ask for; then the lane.
//!
//! The header must lie within the packet's own length, not only within the frame: what stands
//! behind the packet is padding. UDP's length field is left to the stack, which judges it before it
//! delivers; the ports are right whatever it says.

use palisade_asm::{Assembler, Cond, Label, R1, R2, R5, Reg, Size, Swap};

use super::Ends;
use super::frame::{AT, DPORT, FLAGS, ICMP, SPORT, TRANSPORT, left};
use super::needs::Needs;
use super::packet::{Field, Readable, offset, require_at};
use crate::plan::{Access, Way};
use crate::policy::{Flaw, Lane};

const SOURCE_PORT: Field = Field::new(0, Size::H);
const DESTINATION_PORT: Field = Field::new(2, Size::H);
const TYPE_AND_CODE: Field = Field::new(0, Size::H);
const TCP_DATA_OFFSET: Field = Field::new(12, Size::B);
const TCP_OFFSET_AND_FLAGS: Field = Field::new(12, Size::H);

const TCP: i16 = 20;

/// The labels of the rules of each lane of a way.
pub struct Lanes {
    labels: Vec<(Lane, Label)>,
}

impl Lanes {
    /// New labels: lanes that share their rules share one.
    pub fn new(a: &mut Assembler, way: &Way) -> Self {
        let mut labels = Vec::new();
        for lane_way in &way.lanes {
            let label = a.label(format!("{} rules", names(&lane_way.lanes)));
            labels.extend(lane_way.lanes.iter().map(|lane| (*lane, label)));
        }
        Self { labels }
    }

    /// Where packets of a lane go.
    pub fn of(&self, lane: Lane) -> Label {
        let found = self.labels.iter().find(|(l, _)| *l == lane);
        found.expect("every lane of a class is on a way").1
    }
}

/// What a lane is called in listings.
fn name(lane: Lane) -> &'static str {
    match lane {
        Lane::Tcp => "tcp",
        Lane::Udp => "udp",
        Lane::Sctp => "sctp",
        Lane::Icmp => "icmp",
        Lane::Other => "other",
        Lane::LaterFragment => "later fragment",
    }
}

/// What lanes that share their rules are called.
pub fn names(lanes: &[Lane]) -> String {
    lanes.iter().map(|lane| name(*lane)).collect::<Vec<_>>().join("/")
}

/// Reads the header of the protocol in R5 at `AT`, and goes to the rules of its lane.
pub fn transport(a: &mut Assembler, access: Access, way: &Way, ends: &Ends<'_>, lanes: &Lanes) {
    let headers: Vec<(Lane, i16, Label)> =
        [(Lane::Udp, 8), (Lane::Tcp, TCP), (Lane::Icmp, 8), (Lane::Sctp, 12)]
            .map(|(lane, size)| (lane, size, a.label(name(lane))))
            .into();
    for (lane, _, label) in &headers {
        let protocol = lane.protocol(way.class).expect("these lanes have a protocol");
        a.jump_if(R5, Cond::Eq, i32::from(protocol.0), *label);
    }
    a.jump(lanes.of(Lane::Other));
    let short = ends.malformed(Flaw::ShortL4);
    for (lane, size, label) in headers {
        a.place(label);
        a.jump_if(left(access), Cond::Lt, i32::from(size), short);
        let header = require_at(a, access, size, short);
        if lane == Lane::Tcp {
            tcp_data_offset(a, access, header, ends);
        }
        facts(a, access, &Needs::of_lane(way, lane), header);
        a.jump(lanes.of(lane));
    }
}

/// A TCP header is at least 20 bytes long by its own word, and lies in the packet.
fn tcp_data_offset(a: &mut Assembler, access: Access, header: Readable, ends: &Ends<'_>) {
    let bad = ends.malformed(Flaw::BadOffset);
    header.load(a, R1, TCP_DATA_OFFSET);
    a.rsh(R1, 4).lsh(R1, 2);
    a.jump_if(R1, Cond::Lt, i32::from(TCP), bad).jump_if(R1, Cond::Gt, left(access), bad);
}

/// Stores what the rules of a lane test, in the machine's order, and where the header at `AT` is.
pub fn facts(a: &mut Assembler, access: Access, needs: &Needs, header: Readable) {
    match access {
        _ if !needs.transport_at => {}
        Access::Pointers => offset(a, access, TRANSPORT),
        Access::Helpers => TRANSPORT.store(a, AT),
    }
    let mut keep = |needed: bool, field: Field, slot: super::frame::Slot, reg: Reg| {
        if needed {
            header.load(a, reg, field);
            a.swap(Swap::Be16, reg);
            slot.store(a, reg);
        }
    };
    keep(needs.sport, SOURCE_PORT, SPORT, R2);
    keep(needs.dport, DESTINATION_PORT, DPORT, R1);
    keep(needs.icmp, TYPE_AND_CODE, ICMP, R1);
    keep(needs.flags, TCP_OFFSET_AND_FLAGS, FLAGS, R1);
}
