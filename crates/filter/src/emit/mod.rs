//! A [`Plan`] as a program. Nothing here can fail: what can was refused by the plan.
//!
//! The program, from top to bottom: the mode, Ethernet, then for each class its headers and its
//! rules, the rules for all other frames, the malformed classes, and the common tail. A part that
//! no packet can reach is not emitted.

mod ethernet;
mod frame;
mod ip4;
mod ip6;
mod length;
mod matches;
mod packet;
mod transport;
mod verdict;

use palisade_asm::{Assembler, Cond, Note, Program, R1, Size};

pub use frame::MOST_HITS;
use frame::{AT, CTX, END, LATER_FRAGMENT, LEFT, ctx};
use matches::{Matcher, SetMaps};
use verdict::Ends;

use crate::plan::{Decider, Depth, Malformed, Mode, Open, Plan, Way};
use crate::policy::Class;
use crate::structure;

/// The program of `plan`.
pub fn emit(plan: &Plan<'_>) -> Program {
    let mut a = Assembler::new();
    let maps: Vec<_> = plan.maps().into_iter().map(|decl| a.map(decl)).collect();
    let (control, counters) = (maps[0], maps[1]);
    let mut left = maps[2..].iter().copied();
    let sets: Vec<SetMaps> = plan
        .policy
        .sets()
        .iter()
        .map(|set| SetMaps {
            maps: left.by_ref().take(structure::maps(set).len()).collect(),
            counters: set.counters,
        })
        .collect();

    let ends = Ends::new(&mut a, plan);
    let off = a.label("off");
    a.note(Note::new("start")).mov(CTX, R1);
    length::first(&mut a, plan.target);
    a.load_map_value(R1, control, 0).load(Size::W, R1, R1 + 0);
    a.jump_if(R1, Cond::Eq, verdict::mode(Mode::Off), off);

    if plan.ways.is_empty() {
        length::whole(&mut a, plan.target);
        rules(&mut a, plan, &plan.other, &sets, &ends);
    } else {
        classes(&mut a, plan, &sets, &ends);
    }

    for class in Malformed::ALL {
        let label = ends.malformed(class);
        if a.wanted(label) {
            a.note(Note::new(class.name())).place(label);
            ends.decide(&mut a, plan.row_of(Decider::Malformed(class)));
        }
    }
    a.note(Note::new("off")).place(off);
    ends.decide(&mut a, plan.row_of(Decider::Off));
    a.note(Note::new("verdict"));
    ends.tail(&mut a, control, counters);
    a.finish().expect("the generator places every label and emits no part that is unreachable")
}

/// Ethernet, and the way of each class behind it.
fn classes(a: &mut Assembler, plan: &Plan<'_>, sets: &[SetMaps], ends: &Ends<'_>) {
    let other = a.label("other");
    let labels: Vec<_> =
        plan.ways.iter().map(|way| (way.class, a.label(class_name(way.class)))).collect();
    a.note(Note::new("ethernet"));
    a.load(Size::W, AT, CTX + ctx::DATA).load(Size::W, END, CTX + ctx::DATA_END).mov(LEFT, 0);
    // Without a rule on IP nothing is malformed: a cut frame meets the rules as it is.
    let (short, too_deep) = match plan.depth() {
        Depth::Layer2 => (other, other),
        Depth::Layer3 | Depth::Layer4 => {
            (ends.malformed(Malformed::ShortL2), ends.malformed(Malformed::VlanTooDeep))
        }
    };
    let exits = ethernet::Exits { classes: labels.clone(), other, short, too_deep };
    ethernet::ethernet(a, plan.target.order, &exits);
    for (way, (class, label)) in plan.ways.iter().zip(labels) {
        a.note(Note::new(class_name(class))).place(label);
        match class {
            Class::Ip4 => ip4::ip4(a, plan.target, way, ends),
            Class::Ip6 => ip6::ip6(a, plan.target, way, ends),
            Class::Arp | Class::Other => length::whole(a, plan.target),
        }
        rules(a, plan, way, sets, ends);
    }
    a.note(Note::new("other")).place(other);
    length::whole(a, plan.target);
    rules(a, plan, &plan.other, sets, ends);
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Ip4 => "ip4",
        Class::Ip6 => "ip6",
        Class::Arp => "arp",
        Class::Other => "other",
    }
}

/// The rules of a way, and what becomes of the packets that none decides.
fn rules(a: &mut Assembler, plan: &Plan<'_>, way: &Way<'_>, sets: &[SetMaps], ends: &Ends<'_>) {
    let matcher = Matcher { order: plan.target.order, class: way.class, sets };
    for step in &way.steps {
        a.note(Note::line(step.rule.line, step.rule.text.clone()));
        let miss = a.label(format!("past line {}", step.rule.line));
        matcher.step(a, step, miss);
        ends.decide(a, step.row);
        if !step.tests.is_empty() {
            a.place(miss);
        }
    }
    if way.open == Open::No {
        return;
    }
    if let Some(row) = way.fragment {
        let whole = a.label("no later fragment");
        a.note(Note::new("on fragment"));
        LATER_FRAGMENT.load(a, R1);
        a.jump_if(R1, Cond::Eq, 0, whole);
        ends.decide(a, row);
        a.place(whole);
    }
    a.note(Note::new("default"));
    ends.decide(a, plan.row_of(Decider::Default));
}
