//! A [`Plan`] as a program. Nothing here can fail: what can was refused by the plan.
//!
//! The program, from top to bottom: the deadline of a trial, the mode, the short way of most
//! packets, Ethernet, then for each class its headers and the rules of its lanes, the rules for all
//! other frames, the malformed classes, and the common tail. A part that no packet can reach is not
//! emitted.

mod action;
mod ban;
mod ethernet;
mod event;
mod flat;
mod flat6;
mod frame;
mod ip4;
mod ip6;
mod key;
mod length;
mod limit;
mod needs;
mod next;
mod packet;
mod plain;
mod preview;
mod rules;
mod sets;
mod tables;
mod tests;
mod transport;
mod trial;
mod verdict;

use palisade_asm::{Assembler, Cond, Label, MapId, Note, Program, R1, R2, Size};

use crate::plan::{
    Control, Decider, Depth, LaneWay, Mode, Next, Open, Plan, Row, Target, Tenure, Way,
};
use crate::policy::{Class, Flaw, Lane};
use crate::structure;
use crate::value::Name;
use action::OutletMaps;
use event::EventMaps;
use frame::{AT, CTX, END, ETHERTYPE, MODE, ctx};
use limit::LimitMaps;
use needs::Needs;
use next::WayOut;
use preview::Preview;
use rules::{Maps, Rules, State};
use sets::SetMaps;
use transport::Lanes;
use verdict::Ends;

/// The program of `plan`.
pub fn emit(plan: &Plan<'_>) -> Program {
    let mut a = Assembler::new();
    let (maps, Beside { trial, slot }) = declare(&mut a, plan);
    let way_out = WayOut::new(&mut a, slot);
    let ends = Ends::new(&mut a, plan, way_out);
    let off = a.label("off");
    a.note(Note::new("start"));
    CTX.store(&mut a, R1);
    if let Some([deadline, before]) = trial {
        trial::deadline(&mut a, maps.control, deadline, before);
        CTX.load(&mut a, R1);
    }
    a.load(Size::W, AT, R1 + ctx::DATA).load(Size::W, END, R1 + ctx::DATA_END);
    length::first(&mut a, plan.target);
    a.load_map_value(R1, maps.control, Control::MODE).load(Size::D, MODE, R1 + 0);
    a.jump_if(MODE, Cond::Eq, verdict::mode(Mode::Off), off);

    let emission = Emission { plan, maps: &maps, ends: &ends };
    // What the context tells, no header has to be read for.
    let asked = Needs { queue: false, ..Needs::of([&plan.other]) };
    if plan.ways.is_empty() && asked == Needs::default() {
        length::whole(&mut a, plan.target);
        emission.lane(&mut a, &plan.other, &plan.other.lanes[0]);
    } else {
        emission.classes(&mut a);
    }

    for flaw in Flaw::ALL {
        let label = ends.malformed(flaw);
        if a.wanted(label) {
            a.note(Note::new(flaw.name())).place(label);
            ends.decide(&mut a, plan.row_of(Decider::Malformed(flaw)));
        }
    }
    a.note(Note::new("off")).place(off);
    ends.decide(&mut a, plan.row_of(Decider::Off));
    a.note(Note::new("verdict"));
    ends.tail(&mut a, &maps);
    for (set, maps_of_set) in plan.policy.sets().iter().zip(&maps.sets) {
        if a.wanted(maps_of_set.function) {
            a.note(Note::new(look_up_name(&set.name))).place(maps_of_set.function);
            flat6::function(&mut a, maps.control, maps_of_set);
        }
    }
    a.finish().expect("the generator places every label and emits no part that is unreachable")
}

/// The maps that lead to other programs.
struct Beside {
    trial: Option<[MapId; 2]>,
    slot: Option<MapId>,
}

/// Declares the maps in the order of the plan.
fn declare(a: &mut Assembler, plan: &Plan<'_>) -> (Maps, Beside) {
    let all: Vec<_> = plan.maps().into_iter().map(|decl| a.map(decl)).collect();
    let mut left = all.into_iter();
    let mut next = || left.next().expect("the plan declares them all");
    let (control, counters) = (next(), next());
    let trial = match plan.neighbours.tenure {
        Tenure::Standing => None,
        Tenure::OnTrial => Some([next(), next()]),
    };
    let slot = match plan.neighbours.next {
        Next::Stack => None,
        Next::Slot => Some(next()),
    };
    let events = plan.events.as_ref().map(|_| EventMaps { ring: next(), state: next() });
    let outlets = OutletMaps {
        devices: plan.outlets.has_devices().then(&mut next),
        sockets: plan.outlets.delivers.then(&mut next),
    };
    let limits = LimitMaps {
        whole: plan.limits.has_whole().then(&mut next),
        keyed: plan.limits.keyed().map(|_| next()).collect(),
    };
    let sets = plan
        .policy
        .sets()
        .iter()
        .map(|set| SetMaps {
            maps: structure::maps(set).iter().map(|_| next()).collect(),
            kind: set.kind,
            counters: set.counters,
            function: a.function(look_up_name(&set.name), 2),
        })
        .collect();
    let tables = plan.tables.map().map(|_| next());
    (Maps { control, counters, events, outlets, limits, sets, tables }, Beside { trial, slot })
}

/// What all parts need to know.
struct Emission<'a> {
    plan: &'a Plan<'a>,
    maps: &'a Maps,
    ends: &'a Ends<'a>,
}

impl Emission<'_> {
    /// Ethernet, and the way of each class behind it.
    fn classes(&self, a: &mut Assembler) {
        let (plan, ends) = (self.plan, self.ends);
        let needs = Needs::of(plan.all_ways());
        let other = a.label("other");
        let entry = |way| Entry::new(a, way, plan.target, &needs);
        let entries: Vec<Entry<'_>> = plan.ways.iter().map(entry).collect();
        ethernet::no_tags(a, &needs);
        for entry in &entries {
            if entry.front == Front::Plain {
                self.plain(a, entry);
            }
        }
        a.note(Note::new("ethernet"));
        // Without a rule on IP nothing is malformed: a cut frame meets the rules as it is.
        let (short, too_deep) = match plan.depth() {
            Depth::Layer2 => (other, other),
            Depth::Layer3 | Depth::Layer4 => {
                (ends.malformed(Flaw::ShortL2), ends.malformed(Flaw::VlanTooDeep))
            }
        };
        let classes = entries.iter().map(|entry| (entry.way.class, entry.start)).collect();
        let is_read = |way: &&Way| way.depth > Depth::Layer2;
        let read = plan.ways.iter().filter(is_read).map(|way| way.class).collect();
        let exits = ethernet::Exits { classes, read, other, short, too_deep };
        ethernet::ethernet(a, plan.target, &needs, &exits);
        for entry in &entries {
            a.note(Note::new(class_name(entry.way.class))).place(entry.start);
            self.class(a, entry);
        }
        a.note(Note::new("other")).place(other);
        if Needs::of([&plan.other]).ethertype {
            ETHERTYPE.store(a, R2);
        }
        length::whole(a, plan.target);
        self.lane(a, &plan.other, &plan.other.lanes[0]);
    }

    /// The short way of a class, with the rules of its first packets behind it.
    fn plain(&self, a: &mut Assembler, entry: &Entry<'_>) {
        let careful = a.label("careful");
        a.note(Note::new("plain"));
        let Entry { way, needs, lanes, dispatch, .. } = entry;
        plain::plain(a, self.plan.target, (way, needs), lanes, *dispatch, careful);
        if entry.way.depth == Depth::Layer4 {
            self.rules(a, entry, entry.way.lane(Lane::Udp));
        }
        a.place(careful);
    }

    /// The headers of a class, and the rules of its lanes.
    fn class(&self, a: &mut Assembler, entry: &Entry<'_>) {
        let Entry { way, needs, lanes, dispatch, .. } = entry;
        let target = self.plan.target;
        match way.class {
            Class::Ip4 if way.depth > Depth::Layer2 => {
                ip4::ip4(a, target, (way, needs), self.ends, lanes, *dispatch);
            }
            Class::Ip6 if way.depth > Depth::Layer2 => {
                ip6::ip6(a, target, (way, needs), self.ends, lanes);
            }
            Class::Ip4 | Class::Ip6 | Class::Arp | Class::Other => length::whole(a, target),
        }
        let plain = way.depth == Depth::Layer4 && entry.front == Front::Plain;
        for lane_way in &way.lanes {
            if !(plain && lane_way.lanes.contains(&Lane::Udp)) {
                self.rules(a, entry, lane_way);
            }
        }
    }

    /// The rules of a lane, under its label.
    fn rules(&self, a: &mut Assembler, entry: &Entry<'_>, lane_way: &LaneWay) {
        if entry.way.depth == Depth::Layer4 {
            a.note(Note::new(transport::names(&lane_way.lanes)));
        }
        a.place(entry.lanes.of(lane_way.lanes[0]));
        self.lane(a, entry.way, lane_way);
    }

    /// The rules of a lane, and what becomes of the packets that none decides.
    fn lane(&self, a: &mut Assembler, way: &Way, lane_way: &LaneWay) {
        let rules = Rules {
            plan: self.plan,
            class: way.class,
            lanes: &lane_way.lanes,
            maps: self.maps,
            ends: self.ends,
        };
        let mut state = State::default();
        // What decides every packet that gets there stands at the end in either case.
        let (nodes, last) = match (lane_way.open, lane_way.nodes.split_last()) {
            (Open::No, Some((last, nodes))) => (nodes, std::slice::from_ref(last)),
            (Open::Yes, _) | (_, None) => (&*lane_way.nodes, &[][..]),
        };
        rules.forget(a, nodes);
        let preview = Preview::begin(a, way.class, lane_way);
        rules.nodes(a, nodes, &mut state);
        if let Some(preview) = preview {
            preview.end(a);
        }
        rules.nodes(a, last, &mut state);
        if lane_way.open == Open::Yes {
            self.rest(a, lane_way);
        }
        rules.countings(a, state);
    }

    /// What becomes of the packets of a lane that no rule decides.
    fn rest(&self, a: &mut Assembler, lane_way: &LaneWay) {
        let pieces =
            lane_way.lanes == [Lane::LaterFragment] && self.plan.policy.fragment().is_some();
        let decider = if pieces { Decider::Fragment } else { Decider::Default };
        let row = self.plan.row_of(decider);
        let Row { line, text, .. } = &self.plan.rows[row.index()];
        a.note(Note { line: *line, step: text.clone().into() });
        self.ends.decide(a, row);
    }
}

/// Whether there is a short way for the packets of a class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    Plain,
    Careful,
}

/// Where the packets of a class come in.
struct Entry<'a> {
    way: &'a Way,
    /// What its rules ask for.
    needs: Needs,
    front: Front,
    /// Behind the EtherType.
    start: Label,
    /// At the transport header, its protocol in R5.
    dispatch: Label,
    /// At the rules of each lane.
    lanes: Lanes,
}

impl<'a> Entry<'a> {
    /// `all` is what the rules of any class ask for.
    fn new(a: &mut Assembler, way: &'a Way, target: Target, all: &Needs) -> Self {
        let start = a.label(class_name(way.class));
        let dispatch = a.label("transport");
        let front = if plain::is_there(target, way, all) { Front::Plain } else { Front::Careful };
        Self { way, needs: Needs::of([way]), front, start, dispatch, lanes: Lanes::new(a, way) }
    }
}

/// What the function is called that looks addresses up in a set.
fn look_up_name(set: &Name) -> String {
    format!("look up in {set}")
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Ip4 => "ip4",
        Class::Ip6 => "ip6",
        Class::Arp => "arp",
        Class::Other => "other",
    }
}
