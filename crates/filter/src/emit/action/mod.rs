//! The actions that change the packet, one file each.
//!
//! A change comes behind the counting of its packet, and only where the mode enforces. Nothing that
//! was known of the packet's bytes is believed there: every pointer is taken anew, by what the slots
//! say, and every header is proved to be there once more. That a header is not there cannot be, as
//! the rule has asked for it; the verifier does not know, and such a packet would be aborted.
//!
//! What a change needs to know of a packet beyond that it matched, its rule implies:
//! `policy::change`.

mod address;
mod balance;
mod checksum;
mod network;
mod outlet;
mod reflect;
mod reply;
mod rewrite;
mod route;
mod transport;
mod tunnel;
mod vlan;

use std::fmt::{self, Display, Formatter};

use palisade_asm::{Assembler, ByteOrder, Label, MapId, Note};

use crate::emit::next::WayOut;
use crate::plan::{Asked, Plan};
use crate::policy::{Change, Class, Lane, Verdict};

/// The maps by which packets leave for elsewhere.
#[derive(Clone, Copy)]
pub struct OutletMaps {
    /// Interfaces, where some rule redirects.
    pub devices: Option<MapId>,
    /// Sockets, where some rule delivers.
    pub sockets: Option<MapId>,
}

/// The changes of a program.
pub struct Changes {
    all: Vec<Block>,
}

/// A change of the packets of some lanes of a class.
pub struct Block {
    change: Change,
    class: Class,
    lanes: Vec<Lane>,
    /// Where such packets go whose row is in `ROW`.
    pub label: Label,
    /// Where they are counted and then changed.
    pub changing: Label,
}

impl Changes {
    /// Labels for all that the ways of a plan may come to.
    pub fn new(a: &mut Assembler, plan: &Plan<'_>) -> Self {
        let mut all: Vec<Block> = Vec::new();
        for (way, lane) in plan.all_ways().flat_map(|way| way.lanes.iter().map(move |l| (way, l))) {
            lane.each(&mut |asked| {
                let Asked::Change(change) = asked else { return };
                if !all.iter().any(|block| block.is(change, way.class, &lane.lanes)) {
                    let (class, lanes) = told_apart(change, way.class, &lane.lanes);
                    let (label, lanes) = (a.label(change.word()), lanes.to_vec());
                    let changing = if asks(change) { a.label("routed") } else { label };
                    all.push(Block { change: emitted(change), class, lanes, label, changing });
                }
            });
        }
        Self { all }
    }

    /// Where packets of some lanes of a class go to be changed.
    pub fn of(&self, change: &Change, class: Class, lanes: &[Lane]) -> Label {
        let found = self.all.iter().find(|block| block.is(change, class, lanes));
        found.expect("every change stands on some way").label
    }

    /// The changes that some packet comes to.
    pub fn wanted(&self, a: &Assembler) -> impl Iterator<Item = &Block> {
        self.all.iter().filter(|block| a.wanted(block.label))
    }
}

/// What of class and lanes makes a difference to a change.
fn told_apart<'a>(change: &Change, class: Class, lanes: &'a [Lane]) -> (Class, &'a [Lane]) {
    match change {
        Change::Reflect | Change::Pop | Change::Push(_) => (Class::Other, &[]),
        Change::Redirect(_) | Change::Deliver(_) => (Class::Other, &[]),
        Change::Reply | Change::Tunnel(_) | Change::Route => (class, &[]),
        Change::Rewrite(_) | Change::Balance(_) => (class, lanes),
    }
}

/// Whether the kernel is asked what becomes of a packet, and ends the program itself.
fn asks(change: &Change) -> bool {
    *change == Change::Route
}

/// A change as far as its instructions differ: which queue is meant, the rule has asked.
fn emitted(change: &Change) -> Change {
    if matches!(change, Change::Deliver(_)) { Change::Deliver(None) } else { change.clone() }
}

impl Block {
    fn is(&self, change: &Change, class: Class, lanes: &[Lane]) -> bool {
        let told_apart = told_apart(change, class, lanes);
        self.change == emitted(change) && (self.class, self.lanes.as_slice()) == told_apart
    }

    /// Emits what is asked before it is known whether the packet is changed; `pass` and `drop` are
    /// the ends of those that are not, their rows in `ROW`.
    pub fn ask(&self, a: &mut Assembler, order: ByteOrder, [pass, drop]: [Label; 2]) {
        if asks(&self.change) {
            a.note(Note::new("look up the way")).place(self.label);
            let ways = route::Ways { found: self.changing, pass, drop };
            route::ask(a, order, self.class, ways);
        }
    }

    /// Whether it asks how many packets its row has.
    pub fn turns(&self) -> bool {
        self.change.turns() > 1
    }

    fn packets(&self) -> transport::Packets<'_> {
        transport::Packets { class: self.class, lanes: &self.lanes }
    }

    /// Emits the change and the end of the program behind it; R0 is how many packets
    /// the row has, where [`turns`](Self::turns) is true.
    pub fn emit(&self, a: &mut Assembler, plan: &Plan<'_>, maps: OutletMaps, way_out: WayOut) {
        let target = plan.target;
        let broken = a.label("broken");
        match &self.change {
            Change::Reflect => {
                reflect::reflect(a, broken);
            }
            Change::Reply => reply::reply(a, target, self.class, broken),
            Change::Rewrite(rewrite) => {
                rewrite::rewrite(a, target, rewrite, self.packets(), broken);
            }
            Change::Route => route::route(a, self.class, broken),
            Change::Tunnel(to) => tunnel::tunnel(a, target, to, self.class, broken),
            Change::Balance(balance) => {
                balance::balance(a, target, balance, self.packets(), broken);
            }
            Change::Pop => vlan::pop(a, broken),
            Change::Push(id) => vlan::push(a, target.order, *id, broken),
            Change::Redirect(redirect) => {
                let devices = maps.devices.expect("the plan declares what its rules redirect by");
                let key = plan.outlets.key(&redirect.device);
                outlet::redirect(a, target, redirect, (devices, key), broken);
            }
            Change::Deliver(_) => {
                let sockets = maps.sockets.expect("the plan declares what its rules deliver by");
                outlet::deliver(a, sockets, plan.policy.default().verdict, way_out);
            }
        }
        if self.change.outlet().is_none() && !asks(&self.change) {
            way_out.end(a, self.change.verdict());
        }
        if a.wanted(broken) {
            a.place(broken);
            way_out.end(a, Verdict::Aborted);
        }
    }
}

impl Display for Block {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.change.fmt(f)
    }
}
