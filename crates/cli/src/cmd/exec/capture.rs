//! `exec --pcap`: every packet of a capture through a program, whose maps stay from one to the next.
//!
//! A packet on which the program traps is told and counted, and the next one goes on; then the
//! answer is no.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use palisade_asm::Program;
use palisade_asm::vm::{Outcome as Ended, Packet, Trap, Vm, World};
use serde_json::{Map, Value, json};

use super::{Lines, VERDICTS, numbered, told, traced, verdict};
use crate::args::Exec;
use crate::failure::{Failure, Kind, Outcome};
use crate::judging::{self, Capture};
use crate::output::{Form, Output, human};

/// How many packets had which end.
#[derive(Default)]
struct Totals {
    packets: u64,
    /// By what the program returned.
    values: BTreeMap<u32, u64>,
    trapped: u64,
}

/// Runs, prints, adds up.
pub fn run(mut vm: Vm, program: &Program, path: &Path, args: &Exec, out: &mut Output) -> Outcome {
    let mut capture = Capture::open(path)?;
    let (lines, mut totals) = (Lines::of(program), Totals::default());
    let ended = all(&mut capture, &mut vm, &lines, &mut totals, args, out);
    // What came before the place where a capture is broken is told.
    if ended.as_ref().err().is_none_or(|failure| failure.kind == Kind::Usage) {
        totals.tell(out)?;
    }
    ended?;
    match totals.trapped {
        0 => Ok(()),
        trapped => {
            let packets = human::counted(trapped, "packet", "packets");
            Err(Failure::no(format!("the program trapped on {packets}")))
        }
    }
}

fn all(
    capture: &mut Capture,
    vm: &mut Vm,
    lines: &Lines,
    totals: &mut Totals,
    args: &Exec,
    out: &mut Output,
) -> Outcome {
    let mut packet = Packet::new(&[]);
    while let Some(captured) = capture.next()? {
        packet.set(&judging::whole(&captured));
        let ended = if args.trace {
            traced(vm, &mut packet, Some(totals.packets + 1), lines, out)?
        } else {
            vm.run(&mut packet, &World::default())
        };
        totals.count(&ended);
        match out.form() {
            Form::Quiet => {}
            Form::Text => writeln!(out.writer(), "{:>6}  {}", totals.packets, line(&ended, lines))?,
            Form::Json => out.json(&document(totals.packets, &ended, lines, vm, &packet))?,
        }
    }
    Ok(())
}

fn line(ended: &Result<Ended, Box<Trap>>, lines: &Lines) -> String {
    match ended {
        Ok(ended) => {
            let steps = human::counted(ended.steps, "instruction", "instructions");
            format!("{}, after {steps}", named(ended.value, verdict(ended)))
        }
        Err(trap) => {
            let (slot, text) = lines.at(trap.at);
            format!("trapped at instruction {slot}, {}: {}", human::printable(text), trap.why)
        }
    }
}

/// What a run on this packet alone would print, and the packet's number.
fn document(
    number: u64,
    ended: &Result<Ended, Box<Trap>>,
    lines: &Lines,
    vm: &Vm,
    packet: &Packet,
) -> Value {
    let mut document = match ended {
        Ok(ended) => super::document(ended, vm.registers(), packet),
        Err(trap) => told(trap, lines, vm.registers()).0,
    };
    numbered(&mut document, Some(number));
    document
}

/// What a program returned, with its name where it has one.
fn named(value: u32, name: Option<&str>) -> String {
    format!("{} ({value})", name.unwrap_or("no verdict"))
}

impl Totals {
    fn count(&mut self, ended: &Result<Ended, Box<Trap>>) {
        self.packets += 1;
        match ended {
            Ok(ended) => *self.values.entry(ended.value).or_default() += 1,
            Err(_) => self.trapped += 1,
        }
    }

    fn tell(&self, out: &mut Output) -> Outcome {
        let name = |value: u32| VERDICTS.get(usize::try_from(value).ok()?).copied();
        if out.form() == Form::Json {
            let verdict = |(value, count): (&u32, &u64)| {
                let name = name(*value).map_or_else(|| value.to_string(), str::to_owned);
                (name, json!({"packets": count}))
            };
            let verdicts: Map<_, _> = self.values.iter().map(verdict).collect();
            let (packets, trapped) = (self.packets, self.trapped);
            return out
                .json(&json!({"packets": packets, "verdicts": verdicts, "trapped": trapped}));
        }
        let to = out.writer();
        writeln!(to, "{}", human::counted(self.packets, "packet", "packets"))?;
        for (value, count) in &self.values {
            writeln!(to, "  {}: {}", named(*value, name(*value)), human::grouped(*count))?;
        }
        if self.trapped > 0 {
            writeln!(to, "  trapped: {}", human::grouped(self.trapped))?;
        }
        Ok(())
    }
}
