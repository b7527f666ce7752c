//! `exec`: code of any origin, run on a packet by the interpreter; no kernel is asked.
//!
//! Maps begin empty, arrays with zeros; clocks stand at zero. A run that traps is an answer, and
//! ends with 1: what the program had in its registers is shown all the same.

mod capture;

use std::io::{self, Write};

use palisade_asm::vm::{Outcome as Ended, Packet, ProgramId, Registers, Trap, Vm, Watch, World};
use palisade_asm::{ByteOrder, FP, Program, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Reg};
use serde_json::{Map, Value, json};

use crate::args::Exec;
use crate::code::{self, Wanted};
use crate::failure::{Failure, Outcome};
use crate::judging;
use crate::output::{Form, Output, human};

const REGISTERS: [Reg; 11] = [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP];
/// The verdicts of XDP by their numbers.
const VERDICTS: [&str; 5] = ["aborted", "drop", "pass", "tx", "redirect"];
/// The packet where none is given: the shortest frame of Ethernet, without its checksum.
const SHORTEST: [u8; 60] = [0; 60];

/// Reads, runs, prints.
pub fn run(args: &Exec, out: &mut Output) -> Outcome {
    if let Some(capture) = &args.pcap {
        judging::apart(capture, &args.file, "code")?;
    }
    let (format, section) = (args.format, args.section.as_deref());
    let code = code::read(&args.file, &Wanted { format, order: ByteOrder::HOST, section })?;
    let mut vm = Vm::new(&code.program)
        .map_err(|error| Failure::usage(format!("{} cannot be run: {error}", code.name)))?;
    if let Some(path) = &args.pcap {
        return capture::run(vm, &code.program, path, args, out);
    }
    let frame = args.packet.as_ref().map_or(SHORTEST.as_slice(), |packet| &packet.0);
    let mut packet = Packet::new(frame);
    let lines = Lines::of(&code.program);
    let ended = if args.trace {
        traced(&mut vm, &mut packet, None, &lines, out)?
    } else {
        vm.run(&mut packet, &World::default())
    };
    let (registers, form) = (*vm.registers(), out.form());
    match (ended, form) {
        (Ok(ended), Form::Json) => out.json(&document(&ended, &registers, &packet)),
        (Ok(ended), Form::Text | Form::Quiet) => shown(&ended, &registers, frame, &packet, out),
        (Err(trap), form) => {
            let told = told(&trap, &lines, &registers);
            if form == Form::Json {
                out.json(&told.0)?;
            }
            Err(told.1)
        }
    }
}

/// Of each instruction its slot and its text.
struct Lines(Vec<(usize, String)>);

impl Lines {
    fn of(program: &Program) -> Self {
        let lines = program.listing();
        Self(lines.lines().map(|line| (line.slot, line.text)).collect())
    }

    fn at(&self, at: usize) -> (usize, &str) {
        self.0.get(at).map_or((at, ""), |(slot, text)| (*slot, text))
    }
}

/// Prints each instruction once the next one shows what it has done.
struct Trace<'a, W> {
    to: &'a mut W,
    form: Form,
    lines: &'a Lines,
    /// Which packet of a capture it is.
    number: Option<u64>,
    last: Option<(usize, Registers)>,
    printed: io::Result<()>,
}

impl<W: Write> Watch for Trace<'_, W> {
    fn before(&mut self, _: ProgramId, at: usize, registers: &Registers) {
        self.end_last(registers);
        self.last = Some((at, *registers));
    }
}

impl<W: Write> Trace<'_, W> {
    fn end_last(&mut self, registers: &Registers) {
        if let Some((at, before)) = self.last.take()
            && self.printed.is_ok()
        {
            self.printed = self.line(at, &before, registers);
        }
    }

    fn line(&mut self, at: usize, before: &Registers, after: &Registers) -> io::Result<()> {
        let (slot, text) = self.lines.at(at);
        let changed: Vec<(Reg, u64)> = REGISTERS
            .into_iter()
            .filter_map(|reg| Some((reg, after.get(reg)?)))
            .filter(|(reg, value)| before.get(*reg) != Some(*value))
            .collect();
        match self.form {
            Form::Json => {
                let changed: Map<String, Value> =
                    changed.iter().map(|(reg, value)| (reg.to_string(), hex(*value))).collect();
                let mut line = json!({"instruction": slot, "text": text, "changed": changed});
                numbered(&mut line, self.number);
                writeln!(self.to, "{line}")
            }
            Form::Text => {
                if let Some(number) = self.number {
                    write!(self.to, "{number:>6}  ")?;
                }
                if changed.is_empty() {
                    return writeln!(self.to, "{slot:5}: {text}");
                }
                let changed: Vec<String> =
                    changed.iter().map(|(reg, value)| format!("{reg}={value:#x}")).collect();
                writeln!(self.to, "{slot:5}: {text:<40} ; {}", changed.join(" "))
            }
            Form::Quiet => Ok(()),
        }
    }
}

fn hex(value: u64) -> Value {
    json!(format!("{value:#x}"))
}

fn traced(
    vm: &mut Vm,
    packet: &mut Packet,
    number: Option<u64>,
    lines: &Lines,
    out: &mut Output,
) -> Outcome<Result<Ended, Box<Trap>>> {
    let form = out.form();
    let mut trace = Trace { to: out.writer(), form, lines, number, last: None, printed: Ok(()) };
    let ended = vm.run_watched(packet, &World::default(), &mut trace);
    trace.end_last(vm.registers());
    trace.printed?;
    Ok(ended)
}

/// The name of what a program returned, where it has one.
fn verdict(ended: &Ended) -> Option<&'static str> {
    VERDICTS.get(usize::try_from(ended.value).ok()?).copied()
}

/// The registers that have a value.
fn written(registers: &Registers) -> impl Iterator<Item = (Reg, u64)> {
    REGISTERS.into_iter().filter_map(|reg| Some((reg, registers.get(reg)?)))
}

fn shown(
    ended: &Ended,
    registers: &Registers,
    frame: &[u8],
    packet: &Packet,
    out: &mut Output,
) -> Outcome {
    let steps = human::counted(ended.steps, "instruction", "instructions");
    let verdict = verdict(ended).unwrap_or("none that XDP has");
    out.say(format_args!("verdict: {verdict} ({}), after {steps}", ended.value))?;
    for (reg, value) in written(registers) {
        out.say(format_args!("  {reg} = {value:#x}"))?;
    }
    if let Some(redirect) = &ended.effects.redirect {
        out.say(format_args!("redirect: {redirect:?}"))?;
    }
    for text in &ended.effects.printed {
        out.say(format_args!("printed: {}", human::printable(text)))?;
    }
    let bytes = packet.bytes();
    if bytes != frame {
        out.say(format_args!("packet: {}", human::hex(&bytes)))?;
    }
    Ok(())
}

fn document(ended: &Ended, registers: &Registers, packet: &Packet) -> Value {
    json!({
        "verdict": verdict(ended),
        "value": ended.value,
        "executed": ended.steps,
        "registers": numbers(registers),
        "packet": human::hex(&packet.bytes()),
        "printed": ended.effects.printed,
    })
}

/// A document about a packet of a capture has its number besides.
fn numbered(document: &mut Value, number: Option<u64>) {
    if let (Some(number), Some(members)) = (number, document.as_object_mut()) {
        members.insert("number".to_owned(), number.into());
    }
}

fn numbers(registers: &Registers) -> Map<String, Value> {
    written(registers).map(|(reg, value)| (reg.to_string(), hex(value))).collect()
}

/// A trap as a document and as a failure.
fn told(trap: &Trap, lines: &Lines, registers: &Registers) -> (Value, Failure) {
    let (slot, text) = lines.at(trap.at);
    let why = trap.why.to_string();
    let note = trap.note.as_ref().map(ToString::to_string);
    let document = json!({
        "trap": {"instruction": slot, "text": text, "note": note, "why": why},
        "registers": numbers(registers),
    });
    let text = human::printable(text);
    let at = match &note {
        Some(note) => format!("instruction {slot}: {text} (of `{}`)", human::printable(note)),
        None => format!("instruction {slot}: {text}"),
    };
    let known: Vec<String> =
        written(registers).map(|(reg, value)| format!("{reg}={value:#x}")).collect();
    let failure = Failure::no("the program trapped").note("found", why).note("at", at);
    (document, failure.note("known", known.join(" ")))
}
