//! Limits and bans under a clock that a test sets: a program in the interpreter, and the oracle with
//! all that it remembers, on packets that come at times of all kinds.

use std::net::{Ipv4Addr, Ipv6Addr};

use palisade_asm::Program;
use palisade_filter::oracle::{Contents as _, Declared, Limits, Reading, banned};
use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::{Artifact, Mode, Policy, Verdict};

use crate::packet::{Packet, eth, frag, icmp, ipv4, ipv6, tcp, udp};
use crate::random::Chance;

/// Nanoseconds of a year.
pub const YEAR: u64 = 365 * 86400 * 1_000_000_000;

/// A policy before both.
pub struct Limited {
    policy: Policy,
    mode: Mode,
    rehearsal: Rehearsal,
    limits: Limits,
    sets: Declared,
}

impl Limited {
    /// A program with the maps of a compiled policy, in a mode.
    pub fn new(policy: &Policy, artifact: &Artifact, program: &Program, mode: Mode) -> Self {
        let ready = Rehearsal::of_program(policy, artifact, program);
        let mut rehearsal = ready.unwrap_or_else(|why| panic!("{why}\nof:\n{policy}"));
        rehearsal.insert_declared(policy).expect("what is declared fits");
        rehearsal.set_mode(mode).expect("there is a control");
        let (limits, sets) = (Limits::default(), Declared::of(policy));
        Self { policy: policy.clone(), mode, rehearsal, limits, sets }
    }

    /// The verdict on a frame that comes at a time, by nanoseconds; an error where program and oracle
    /// differ.
    pub fn at(&mut self, now: u64, frame: &[u8]) -> Result<Verdict, String> {
        self.rehearsal.set_now(now);
        self.limits.set_now(now);
        self.sets.set_now(now);
        let reading = Reading::of(frame);
        let decision = reading.decide_after(&self.policy, &self.sets, &mut self.limits);
        let mut run = self.rehearsal.run(frame).map_err(|fault| format!("at {now}: {fault}"))?;
        if self.mode == Mode::Shadow && run.verdict == Verdict::Pass {
            run.verdict = decision.verdict;
        }
        if !self.rehearsal.agrees(&run, &decision) {
            let row = &self.rehearsal.row(run.row).text;
            return Err(format!("at {now}: `{row}`, and the oracle says {decision:?}"));
        }
        let banned = banned(&self.policy, &decision, &reading);
        if let Some((set, addr, time)) = banned.filter(|_| self.mode == Mode::Enforce) {
            let time = u64::from(time.as_secs()) * 1_000_000_000;
            self.sets.ban(set, addr, now.saturating_add(time));
        }
        Ok(decision.verdict)
    }

    /// Puts packets of a few senders to both, about as many as a limit of one in an interval lets by,
    /// and years later again; the answer is how many.
    pub fn meet(&mut self, seed: u64, interval: u64, packets: usize) -> Result<usize, String> {
        let (mut chance, mut now) = (Chance::new(seed), 5_000_000_000);
        let steps = [0, 0, 0, 1, interval / 3, interval - 1, interval, interval + 1, 7 * interval];
        let mut packet = sent(&mut chance);
        for number in 0..packets {
            // Senders send again at once, and a few of them in turn.
            if chance.once_in(2) {
                now += if chance.once_in(2) { chance.one(&steps) } else { 0 };
                packet = sent(&mut chance);
            }
            // Past times that are no more than half of all numbers away, and such as are.
            if number > 0 && number.is_multiple_of(packets / 4) {
                now += 2 * YEAR;
            }
            self.at(now, &packet)?;
        }
        Ok(packets)
    }
}

/// A packet of one of few senders: neighbours in small prefixes, of all kinds that keys tell apart.
fn sent(chance: &mut Chance) -> Vec<u8> {
    let (last, net) = (chance.one(&[1, 1, 2, 3]), chance.one(&[0, 0, 1]));
    let (sport, dport) = (chance.one(&[9, 10]), chance.one(&[53, 53, 54]));
    let kind = chance.below(5);
    let packet = if chance.once_in(2) {
        let src = Ipv4Addr::new(192, 0, 2 + net, last);
        let ip = ipv4().src(src).dst(Ipv4Addr::new(192, 0, 2, chance.one(&[1, 2])));
        match kind {
            0 => Packet::new() / eth() / ip / icmp(8, 0),
            1 => Packet::new() / eth() / ip / tcp(sport, dport),
            _ => Packet::new() / eth() / ip / udp(sport, dport),
        }
    } else {
        let ip = ipv6().src(Ipv6Addr::new(0x2001, 0xdb8, 0, net.into(), 0, 0, 0, last.into()));
        match kind {
            0 => Packet::new() / eth() / ip / frag(8).more() / &[0; 8],
            1 => Packet::new() / eth() / ip / tcp(sport, dport),
            _ => Packet::new() / eth() / ip / udp(sport, dport),
        }
    };
    let mut frame = packet.build();
    if chance.once_in(2) {
        frame.resize(frame.len() + chance.below(900), 0);
    }
    frame
}
