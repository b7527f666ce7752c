//! The rules of a lane, as the plan has grouped them.
//!
//! Entries are counted only when all conditions of the rule are true: until then a hit is kept in a
//! slot. Where a hit is found in one of several alternatives, its slot is 0 as long as that
//! alternative has not been met.

use palisade_asm::{Assembler, Cond as If, Label, MapId, Note, R0, R1};

use super::frame::{HITS, KEY, ROW, Slot};
use super::sets::{self, Hit, SetMaps};
use super::tables::{self, KeySlot};
use super::tests;
use super::verdict::{Ends, add_to_counters};
use crate::plan::{Cond, Key, Node, Plan, RowId, Step, TableId};
use crate::policy::{Class, EntryCounters, Lane, Test};
use crate::value::Family;

/// What the rules of a lane need to know.
pub struct Rules<'a> {
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// The class of the frames.
    pub class: Class,
    /// The lanes that share the rules.
    pub lanes: &'a [Lane],
    /// The maps.
    pub maps: &'a Maps,
    /// Where decided packets go.
    pub ends: &'a Ends<'a>,
}

/// The maps of the program.
pub struct Maps {
    /// The control map.
    pub control: MapId,
    /// The counters of rows.
    pub counters: MapId,
    /// The sets of the policy, in its order.
    pub sets: Vec<SetMaps>,
    /// The constant tables.
    pub tables: Vec<MapId>,
}

/// A hit that waits for the rest of its rule.
struct Kept {
    hit: Hit,
    slot: Slot,
    when: When,
}

/// When there is a hit in a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Wherever the rule matches.
    Always,
    /// Where it matches by one alternative.
    Perhaps,
}

impl Rules<'_> {
    /// Emits the nodes; packets that none decides fall through.
    pub fn nodes(&self, a: &mut Assembler, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Rule(step) => {
                    self.rule(a, step);
                    if step.conds.is_empty() && step.action.verdict().is_some() {
                        return;
                    }
                }
                Node::Under(cond, nodes) => {
                    let miss = a.label("not under");
                    self.note(a, first_row(nodes));
                    self.cond(a, cond, miss, When::Always, &mut Vec::new());
                    self.nodes(a, nodes);
                    a.place(miss);
                }
                Node::LookUp { conds, key, table, verdict, first } => {
                    self.note(a, *first);
                    let miss = a.label("not in list");
                    let mut kept = Vec::new();
                    for cond in conds {
                        self.cond(a, cond, miss, When::Always, &mut kept);
                    }
                    self.look_up(a, *key, *table, miss);
                    for kept in &kept {
                        count_kept(a, kept);
                    }
                    a.jump(self.ends.verdict(*verdict)).place(miss);
                }
            }
        }
    }

    fn note(&self, a: &mut Assembler, row: RowId) {
        let rule = self.plan.rule_of(row);
        a.note(Note::line(rule.line, rule.text.clone()));
    }

    fn rule(&self, a: &mut Assembler, step: &Step) {
        self.note(a, step.row);
        let miss = a.label(format!("past line {}", self.plan.rule_of(step.row).line));
        let mut kept = Vec::new();
        for cond in &step.conds {
            self.cond(a, cond, miss, When::Always, &mut kept);
        }
        for kept in &kept {
            count_kept(a, kept);
        }
        match step.action.verdict() {
            Some(_) => self.ends.decide(a, step.row),
            None => self.count(a, step.row),
        }
        if !step.conds.is_empty() {
            a.place(miss);
        }
    }

    /// Counts the packet in a row that does not decide it.
    fn count(&self, a: &mut Assembler, row: RowId) {
        let done = a.label("counted");
        KEY.store(a, row.number());
        sets::look_up(a, self.maps.counters, KEY);
        a.jump_if(R0, If::Eq, 0, done);
        add_to_counters(a);
        a.place(done);
    }

    /// Stores the row that the key belongs to, or goes to `miss`.
    fn look_up(&self, a: &mut Assembler, key: Key, table: TableId, miss: Label) {
        let slot = match key {
            Key::Address(end) => KeySlot::Address(tests::address_slot(end, self.family())),
            Key::Port(end) => KeySlot::Port(tests::port_slot(end)),
        };
        let at = table.index();
        tables::look_up(a, self.maps.tables[at], &self.plan.tables[at], &slot, miss);
        ROW.store(a, R1);
    }

    /// One condition; what it hits is kept.
    fn cond(&self, a: &mut Assembler, cond: &Cond, miss: Label, when: When, kept: &mut Vec<Kept>) {
        match cond {
            Cond::Is(test) => {
                let hit = self.test(a, test, miss);
                if let Some(hit) = hit.filter(|_| self.counts(test)) {
                    let slot = HITS[kept.len()];
                    slot.store(a, R0);
                    kept.push(Kept { hit, slot, when });
                }
            }
            Cond::IsNot(test) => {
                let holds = a.label("is not");
                self.test(a, test, holds);
                a.jump(miss).place(holds);
            }
            Cond::Any(all) => self.any(a, all, miss, kept),
        }
    }

    fn any(&self, a: &mut Assembler, all: &[Vec<Cond>], miss: Label, kept: &mut Vec<Kept>) {
        let slots = HITS.iter().skip(kept.len()).take(self.hits(all));
        for slot in slots {
            slot.store(a, 0);
        }
        let hit = a.label("one of them");
        let (last, others) = all.split_last().expect("there are alternatives");
        for conds in others {
            let (next, before) = (a.label("or"), kept.len());
            self.conds(a, conds, next, kept);
            a.jump(hit).place(next);
            for missed in &kept[before..] {
                missed.slot.store(a, 0);
            }
        }
        self.conds(a, last, miss, kept);
        a.place(hit);
    }

    fn conds(&self, a: &mut Assembler, conds: &[Cond], miss: Label, kept: &mut Vec<Kept>) {
        for cond in conds {
            self.cond(a, cond, miss, When::Perhaps, kept);
        }
    }

    /// How many slots alternatives need for what they hit.
    fn hits(&self, all: &[Vec<Cond>]) -> usize {
        let hits = |cond: &Cond| match cond {
            Cond::Is(test) => usize::from(self.counts(test)),
            Cond::IsNot(_) => 0,
            Cond::Any(all) => self.hits(all),
        };
        all.iter().flatten().map(hits).sum()
    }

    /// The version of IP, where addresses are tested.
    fn family(&self) -> Family {
        self.class.family().expect("only packets of IP have addresses")
    }

    /// Whether a test looks into a set whose hits are counted.
    fn counts(&self, test: &Test) -> bool {
        test.set().is_some_and(|set| self.maps.sets[set.index()].counters == EntryCounters::On)
    }

    /// One test. Where it looks into a set, its hit is in R0 behind it.
    fn test(&self, a: &mut Assembler, test: &Test, miss: Label) -> Option<Hit> {
        let order = self.plan.target.order;
        let Maps { control, sets, .. } = self.maps;
        match test {
            Test::AddressIn(end, set) => {
                let (family, set) = (self.family(), &sets[set.index()]);
                let slot = tests::address_slot(*end, family);
                return Some(sets::address_in(a, *control, family, set, slot, miss));
            }
            Test::ServiceIn(set) => {
                let set = &sets[set.index()];
                return Some(sets::service_in(a, *control, self.lanes, set, miss));
            }
            Test::MacIn(end, set) => {
                let (slot, set) = (tests::mac_slot(*end), &sets[set.index()]);
                return Some(sets::mac_in(a, *control, set, slot, miss));
            }
            Test::Address(end, all) => tests::address(a, order, *end, all, miss),
            Test::Port(end, ports) => tests::port(a, *end, ports, miss),
            Test::Protocol(protocol) => tests::protocol(a, protocol.0, miss),
            Test::Nd => tests::neighbour_discovery(a, miss),
            Test::IcmpType { kind, code } => tests::icmp_type(a, *kind, *code, miss),
            Test::Flags(flags) => tests::flags(a, *flags, miss),
            Test::Number(of, how, number) => tests::number(a, *of, *how, *number, miss),
            Test::Fragment => tests::fragment(a, miss),
            Test::Options => tests::options(a, miss),
            Test::Vlan(tag, number) => tests::vlan(a, *tag, *number, miss),
            Test::Mac(end, mac) => tests::mac(a, order, *end, *mac, miss),
            Test::EtherType(number) => tests::ethertype(a, order, *number, miss),
            Test::Family(_) | Test::Arp | Test::Icmp | Test::Icmp6 | Test::Dhcp => {
                unreachable!("the kind of packet decides it, or it was expanded")
            }
        }
        None
    }
}

fn first_row(nodes: &[Node]) -> RowId {
    nodes.first().map(Node::first_row).expect("something stands under a condition")
}

fn count_kept(a: &mut Assembler, kept: &Kept) {
    let none = a.label("not by this one");
    kept.slot.load(a, R0);
    if kept.when == When::Perhaps {
        a.jump_if(R0, If::Eq, 0, none);
    }
    sets::count(a, kept.hit);
    if kept.when == When::Perhaps {
        a.place(none);
    }
}
