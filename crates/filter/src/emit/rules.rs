//! The rules of a lane, as the plan has grouped them.
//!
//! Entries are counted only when all conditions of the rule are true: until then a hit is kept in a
//! slot. Where a hit is found in one of several alternatives, a word beside it says whether that
//! alternative has been met. Of a look-up that is done once for many rules, the answer is kept: of
//! an address the number of its entry, else that there is one. A rule that matches by it goes through
//! a block behind the rules, which counts, and looks up again for that where it has to.

use palisade_asm::{Assembler, Cond as If, Label, MapId, Note, R0, R1};

use super::action::OutletMaps;
use super::event::EventMaps;
use super::frame::{HITS, IS_HIT, KEY, REMEMBERED, ROW, Slot, UNROUTED};
use super::limit::LimitMaps;
use super::sets::{self, Hit, SetMaps};
use super::tables;
use super::tests;
use super::verdict::{Ends, add_to_counters};
use crate::plan::{Cond, Key, Node, Plan, RowId, Step, TableId};
use crate::policy::{Action, Change, Class, EntryCounters, Lane, Test};
use crate::value::{Family, SetKind};

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
    /// Those of events, where there are any.
    pub events: Option<EventMaps>,
    /// Those by which packets leave for elsewhere.
    pub outlets: OutletMaps,
    /// Those of limits.
    pub limits: LimitMaps,
    /// The sets of the policy, in its order.
    pub sets: Vec<SetMaps>,
    /// The constant tables, where there are any.
    pub tables: Option<MapId>,
}

/// A hit that waits for the rest of its rule.
struct Kept {
    hit: Hit,
    slot: Slot,
    /// The word that says whether there is one.
    is_hit: Slot,
    when: When,
}

/// What the conditions of a rule have hit.
#[derive(Default)]
struct Hits {
    /// Entries in slots.
    kept: Vec<Kept>,
    /// Look-ups that were done before and have to be done again to be counted.
    remembered: Vec<Test>,
}

impl Hits {
    /// Counts the packet in the entries in slots.
    fn count(&self, a: &mut Assembler) {
        for kept in &self.kept {
            count_kept(a, kept);
        }
    }
}

/// When there is a hit in a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Wherever the rule matches.
    Always,
    /// Where it matches by one alternative.
    Perhaps,
}

/// A block that counts the entries that remembered look-ups have hit, before the verdict.
pub struct Counting {
    tests: Vec<Test>,
    action: Action,
    label: Label,
}

/// What the rules of a lane have left to be emitted behind them, and what they remember.
#[derive(Default)]
pub struct State {
    remembered: Vec<(Test, Slot)>,
    countings: Vec<Counting>,
}

impl Rules<'_> {
    /// Before the nodes of a lane: none of the look-ups that are done once has hit yet.
    pub fn forget(&self, a: &mut Assembler, nodes: &[Node]) {
        for node in nodes {
            if let Node::Remember { place, first, .. } = node {
                self.note(a, *first);
                REMEMBERED[*place].store(a, 0);
            }
        }
    }

    /// Emits the nodes; packets that none decides fall through.
    pub fn nodes(&self, a: &mut Assembler, nodes: &[Node], state: &mut State) {
        for node in nodes {
            match node {
                Node::Rule(step) => {
                    self.rule(a, step, state);
                    if step.decides_all() {
                        return;
                    }
                }
                Node::Under(cond, nodes) => {
                    let miss = a.label("not under");
                    self.note(a, node.first_row());
                    self.cond(a, cond, miss, When::Always, &mut Vec::new());
                    self.nodes(a, nodes, state);
                    a.place(miss);
                }
                Node::Remember { test, place, first } => {
                    self.note(a, *first);
                    self.remember(a, test, REMEMBERED[*place]);
                    state.remembered.push((test.clone(), REMEMBERED[*place]));
                }
                Node::LookUp { conds, key, table, action, first } => {
                    self.note(a, *first);
                    let miss = a.label("not in list");
                    let hits = self.all(a, conds, miss, state);
                    self.look_up(a, *key, *table, miss);
                    hits.count(a);
                    let end = self.end(a, hits.remembered, action, state);
                    a.jump(end).place(miss);
                }
            }
        }
    }

    /// Emits the blocks that rules have asked for.
    pub fn countings(&self, a: &mut Assembler, state: State) {
        for Counting { tests, action, label } in &state.countings {
            a.note(Note::new("entries hit")).place(*label);
            for test in tests {
                if let (Some(hit), Some((_, slot))) =
                    (self.numbered(test), state.remembered.iter().find(|(t, _)| t == test))
                {
                    slot.load(a, R0);
                    sets::count(a, hit);
                    continue;
                }
                let gone = a.label("gone meanwhile");
                if let Some(hit) = self.test(a, test, gone) {
                    sets::count(a, hit);
                }
                a.place(gone);
            }
            a.jump(self.ends.action(action, self.class, self.lanes));
        }
    }

    /// Does a look-up and keeps that it hit.
    fn remember(&self, a: &mut Assembler, test: &Test, slot: Slot) {
        let miss = a.label("not in set");
        self.test(a, test, miss);
        if self.numbered(test).is_some() {
            slot.store(a, R0);
        } else {
            slot.store(a, 1);
        }
        a.place(miss);
    }

    /// What a look-up hits of which the number of the entry is all that counting needs.
    fn numbered(&self, test: &Test) -> Option<Hit> {
        let set = test.set().filter(|_| self.is_of_net(test) && self.counts(test))?;
        Some(self.maps.sets[set.index()].numbered())
    }

    /// Where packets go whose row is named, by way of the entries that they have hit.
    fn end(
        &self,
        a: &mut Assembler,
        tests: Vec<Test>,
        action: &Action,
        state: &mut State,
    ) -> Label {
        if tests.is_empty() {
            return self.ends.action(action, self.class, self.lanes);
        }
        let same = |c: &&Counting| (&c.tests, &c.action) == (&tests, action);
        if let Some(there) = state.countings.iter().find(same) {
            return there.label;
        }
        let label = a.label("count entries");
        state.countings.push(Counting { tests, action: action.clone(), label });
        label
    }

    fn note(&self, a: &mut Assembler, row: RowId) {
        let rule = self.plan.rule_of(row);
        a.note(Note::line(rule.line, rule.text.clone()));
    }

    fn rule(&self, a: &mut Assembler, step: &Step, state: &mut State) {
        self.note(a, step.row);
        let miss = a.label(format!("past line {}", self.plan.rule_of(step.row).line));
        match step.action.verdict() {
            Some(_) => {
                let hits = self.all(a, &step.conds, miss, state);
                self.limited(a, step, miss);
                hits.count(a);
                if let Some(report) = step.report {
                    self.report(a, step, report);
                }
                if let Some(ban) = step.action.ban() {
                    self.ban(a, ban);
                }
                a.mov(ROW, step.row.number());
                if step.action.change() == Some(&Change::Route) {
                    let row = self.plan.unrouted(step.row).expect("a route has such rows");
                    UNROUTED.store(a, row.number());
                }
                let end = self.end(a, hits.remembered, &step.action, state);
                a.jump(end);
            }
            None => {
                let hits = self.all(a, &step.conds, miss, &State::default());
                self.limited(a, step, miss);
                hits.count(a);
                self.count(a, step.row);
                if let Some(report) = step.report {
                    self.report(a, step, report);
                }
            }
        }
        if !step.conds.is_empty() || step.limit.is_some() {
            a.place(miss);
        }
    }

    /// Goes to `miss` if the packet is under the limit of the rule.
    fn limited(&self, a: &mut Assembler, step: &Step, miss: Label) {
        if let Some(limit) = &step.limit {
            self.limit(a, step.row, limit, miss);
        }
    }

    /// All conditions of a rule, and what they hit.
    fn all(&self, a: &mut Assembler, conds: &[Cond], miss: Label, state: &State) -> Hits {
        let mut hits = Hits::default();
        for cond in conds {
            let (Cond::Is(test) | Cond::IsNot(test)) = cond else {
                self.cond(a, cond, miss, When::Always, &mut hits.kept);
                continue;
            };
            let Some((_, slot)) = state.remembered.iter().find(|(t, _)| t == test) else {
                self.cond(a, cond, miss, When::Always, &mut hits.kept);
                continue;
            };
            slot.load(a, R1);
            if matches!(cond, Cond::Is(_)) {
                a.jump_if(R1, If::Eq, 0, miss);
                hits.remembered.extend(self.counts(test).then(|| test.clone()));
            } else {
                a.jump_if(R1, If::Ne, 0, miss);
            }
        }
        hits
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

    /// Names the row that the key belongs to, or goes to `miss`.
    fn look_up(&self, a: &mut Assembler, key: Key, table: TableId, miss: Label) {
        self.row_of(a, key, table, miss);
        a.mov(ROW, R1);
    }

    /// The row that the key belongs to into R1, or goes to `miss`.
    fn row_of(&self, a: &mut Assembler, key: Key, table: TableId, miss: Label) {
        let map = self.maps.tables.expect("the plan has a map for its tables");
        let layout = self.plan.tables.layout(table);
        match key {
            Key::Address(end) => {
                tables::by_address(a, map, layout, tests::address_slot(end, self.family()), miss);
            }
            Key::Port(end) => tables::by_port(a, map, layout, tests::port_slot(end), miss),
        }
    }

    /// One condition; what it hits is kept.
    fn cond(&self, a: &mut Assembler, cond: &Cond, miss: Label, when: When, kept: &mut Vec<Kept>) {
        match cond {
            Cond::Is(test) => {
                let hit = self.test(a, test, miss);
                if let Some(hit) = hit.filter(|_| self.counts(test)) {
                    let (slot, is_hit) = (HITS[kept.len()], IS_HIT[kept.len()]);
                    slot.store(a, R0);
                    if when == When::Perhaps {
                        is_hit.store(a, 1);
                    }
                    kept.push(Kept { hit, slot, is_hit, when });
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
        for (place, test) in (kept.len()..).zip(self.counted(all)) {
            self.no_hit(a, test, place);
        }
        let hit = a.label("one of them");
        let (last, others) = all.split_last().expect("there are alternatives");
        for conds in others {
            let (next, before) = (a.label("or"), kept.len());
            self.conds(a, conds, next, kept);
            a.jump(hit).place(next);
            for missed in &kept[before..] {
                missed.is_hit.store(a, 0);
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

    /// Stores that there is no hit of a test yet, and in its slot something that could be counted.
    fn no_hit(&self, a: &mut Assembler, test: &Test, place: usize) {
        if matches!(test, Test::ServiceIn(_)) || self.is_of_net(test) {
            HITS[place].store(a, 0);
        } else {
            a.load_map_value(R1, self.maps.control, 0);
            HITS[place].store(a, R1);
        }
        IS_HIT[place].store(a, 0);
    }

    /// The tests of alternatives whose hits are counted, in order.
    fn counted<'a>(&self, all: &'a [Vec<Cond>]) -> Vec<&'a Test> {
        let counted = |cond: &'a Cond| match cond {
            Cond::Is(test) => Vec::from_iter(self.counts(test).then_some(test)),
            Cond::IsNot(_) => Vec::new(),
            Cond::Any(all) => self.counted(all),
        };
        all.iter().flatten().flat_map(counted).collect()
    }

    /// Whether a test looks into a `net` set.
    fn is_of_net(&self, test: &Test) -> bool {
        test.set().is_some_and(|set| self.maps.sets[set.index()].kind == SetKind::Net)
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
        if let Some((key, table)) = self.plan.lists.get(test) {
            // That there is a row is all that is asked.
            self.row_of(a, *key, *table, miss);
            return None;
        }
        match test {
            Test::AddressIn(end, set) => {
                let (family, set) = (self.family(), &sets[set.index()]);
                let slot = tests::address_slot(*end, family);
                return Some(sets::address_in(a, order, *control, family, set, slot, miss));
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
            Test::Tagged(tag) => tests::tagged(a, *tag, miss),
            Test::Unicast(end) => tests::unicast(a, *end, miss),
            Test::Queue(queue) => tests::queue(a, *queue, miss),
            Test::Mac(end, mac) => tests::mac(a, order, *end, *mac, miss),
            Test::EtherType(number) => tests::ethertype(a, order, *number, miss),
            Test::Family(_) | Test::Arp | Test::Icmp | Test::Icmp6 | Test::Dhcp => {
                unreachable!("the kind of packet decides it, or it was expanded")
            }
        }
        None
    }
}

fn count_kept(a: &mut Assembler, kept: &Kept) {
    let none = a.label("not by this one");
    if kept.when == When::Perhaps {
        kept.is_hit.load(a, R1);
        a.jump_if(R1, If::Eq, 0, none);
    }
    kept.slot.load(a, R0);
    sets::count(a, kept.hit);
    if kept.when == When::Perhaps {
        a.place(none);
    }
}
