//! What the rules of a long lane read, shown to the verifier before it walks them.
//!
//! Linux 6.18 works out anew, over the whole program, which slots are still to be read, each time
//! that a path ends on which an instruction has read a slot that nothing behind it was seen to read.
//! The rules are walked from the first to the last, so that this happens at each of them, and takes
//! most of the time of loading a thousand. Therefore a long lane begins with a branch that no packet
//! takes, because a packet in mode `off` has passed before, and that the verifier, which does not
//! know, takes first: to the end of the lane, where what the rules read is read once. Nothing that
//! the rules read is news to it from then on.

use palisade_asm::{Assembler, Cond, Label, Mem, Note, R1, Size};

use super::frame::{
    CTX, DPORT, DSCP, DST, DST_MAC, ETHERTYPE, FLAGS, FRAGMENT, ICMP, INNER_VLAN, LENGTH, MODE,
    OPTIONS, PROTOCOL, REMEMBERED, SPORT, SRC, SRC_MAC, Slot, TTL, VLAN,
};
use super::needs::Needs;
use super::verdict;
use crate::plan::{LaneWay, Mode, Node};
use crate::policy::Class;
use crate::value::Family;

/// Lanes of so many rules and look-ups are long. Shorter ones load in no time.
const LONG: usize = 64;

/// What the listing says of it.
const NOTE: &str = "shown to the verifier";

/// The end of a long lane.
pub struct Preview {
    end: Label,
    reads: Vec<(Size, Mem)>,
}

impl Preview {
    /// At the start of the rules of a lane, where all their slots have been written: the branch to
    /// its end, if the lane is long.
    pub fn begin(a: &mut Assembler, class: Class, lane: &LaneWay) -> Option<Self> {
        if lane.nodes.iter().map(Node::rules).sum::<usize>() < LONG {
            return None;
        }
        a.note(Note::new(NOTE));
        let (end, rules) = (a.label("end of the rules"), a.label("rules"));
        a.jump_if(MODE, Cond::Ne, verdict::mode(Mode::Off), rules).jump(end).place(rules);
        Some(Self { end, reads: reads(class, lane) })
    }

    /// At the end of those rules.
    pub fn end(self, a: &mut Assembler) {
        a.note(Note::new(NOTE)).place(self.end);
        for (size, place) in self.reads {
            a.load(size, R1, place);
        }
    }
}

/// What the rules of a lane read most.
fn reads(class: Class, lane: &LaneWay) -> Vec<(Size, Mem)> {
    let needs = Needs::of_rules(lane);
    let facts = [
        (needs.sport, SPORT),
        (needs.dport, DPORT),
        (needs.protocol, PROTOCOL),
        (needs.icmp, ICMP),
        (needs.flags, FLAGS),
        (needs.fragment, FRAGMENT),
        (needs.options, OPTIONS),
        (needs.ttl, TTL),
        (needs.length, LENGTH),
        (needs.dscp, DSCP),
        (needs.vlan, VLAN),
        (needs.inner_vlan, INNER_VLAN),
        (needs.src_mac, SRC_MAC),
        (needs.dst_mac, DST_MAC),
        (needs.ethertype, ETHERTYPE),
        (needs.queue, CTX),
    ];
    let facts = facts.into_iter().filter(|(needed, _)| *needed).map(|(_, slot)| slot);
    let remembered = lane.nodes.iter().filter_map(|node| match node {
        Node::Remember { place, .. } => Some(REMEMBERED[*place]),
        Node::Rule(_) | Node::Under(..) | Node::LookUp { .. } => None,
    });
    let slots = facts.chain(remembered).map(Slot::whole);
    let ends = [(needs.src, SRC), (needs.dst, DST)].into_iter().filter(|(needed, _)| *needed);
    let addresses =
        ends.zip(class.family().into_iter().cycle()).flat_map(|((_, place), family)| {
            let addr = place.of(family).addr;
            match family {
                Family::V4 => vec![addr.whole()],
                Family::V6 => vec![(Size::D, addr.at(0)), (Size::D, addr.at(8))],
            }
        });
    slots.chain(addresses).collect()
}
