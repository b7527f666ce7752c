//! `dump`: the program, of a file or of the running policy, in full.
//!
//! The bytes are those that would be loaded here: maps stand in them under their numbers, which
//! descriptors replace at the last moment. The running policy is compiled again from the text that
//! it keeps; whether that gives what was loaded is said by the digest.

use std::io::Write;

use palisade_asm::{ByteOrder, Image, Program, decode_image};
use palisade_filter::{Access, Buffers, Policy, Target, Tenure, compile_as};
use serde_json::{Value, json};

use crate::args::{Dump, DumpFormat, Global};
use crate::failure::{Failure, Outcome};
use crate::judging;
use crate::machine;
use crate::output::{Form, Output, human};
use crate::running::home::Running;
use crate::running::look::look;
use crate::running::meta;

/// Prints the program in the format that was asked for.
pub fn run(global: &Global, args: &Dump, out: &mut Output) -> Outcome {
    let dumped = match &args.policy {
        Some(file) => {
            let source = judging::read_policy(file)?;
            let target = Chosen::here();
            let image = compiled(&source.policy, target.target, Tenure::Standing)?;
            Dumped { of: source.name, target, image, kept: None }
        }
        None => Dumped::running(global)?,
    };
    let format = match args.format {
        DumpFormat::Asm if out.form() == Form::Json => DumpFormat::Json,
        format => format,
    };
    match format {
        DumpFormat::Asm => dumped.asm(args, out),
        DumpFormat::Hex => {
            dumped.remark("", &mut std::io::stderr().lock())?;
            Ok(write!(out.writer(), "{}", dumped.image.hex(ByteOrder::HOST))?)
        }
        DumpFormat::Json => dumped.json(out),
        DumpFormat::Dot => {
            dumped.remark("// ", out.writer())?;
            let program = dumped.program()?;
            Ok(write!(out.writer(), "{}", program.graph().dot(&dumped.of))?)
        }
    }
}

/// What a policy is compiled for, and whether that is what this machine offers.
struct Chosen {
    target: Target,
    origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Machine,
    Assumed,
}

impl Chosen {
    /// The target of this machine; what most machines offer where this one cannot be asked.
    fn here() -> Self {
        match machine::target() {
            Ok(target) => Self { target, origin: Origin::Machine },
            Err(_) => Self { target: machine::ASSUMED, origin: Origin::Assumed },
        }
    }
}

/// A program to be printed.
struct Dumped {
    /// The name of the file, or of the policy.
    of: String,
    target: Chosen,
    image: Image,
    /// The digest of what was loaded, for a running policy.
    kept: Option<[u8; 32]>,
}

fn compiled(policy: &Policy, target: Target, tenure: Tenure) -> Outcome<Image> {
    let artifact = compile_as(policy, target, tenure)?;
    artifact
        .program
        .encode(target.isa)
        .map_err(|error| Failure::bug(format!("the program cannot be encoded: {error}")))
}

impl Dumped {
    /// The policy in force; of the two ways to compile it the one that gives what was loaded.
    fn running(global: &Global) -> Outcome<Self> {
        look(global, |at, _| Self::of(&Running::get(at)?))
    }

    fn of(running: &Running<'_>) -> Outcome<Self> {
        let target = Chosen { target: machine::target()?, origin: Origin::Machine };
        let kept = running.meta.digest;
        let mut image = compiled(&running.policy, target.target, Tenure::Standing)?;
        if meta::digest(&image) != kept {
            let on_trial = compiled(&running.policy, target.target, Tenure::OnTrial)?;
            if meta::digest(&on_trial) == kept {
                image = on_trial;
            }
        }
        Ok(Self { of: running.at.name.to_string(), target, image, kept: Some(kept) })
    }

    /// The program with everything at its slot, the islands of far jumps too.
    fn program(&self) -> Outcome<Program> {
        decode_image(&self.image)
            .map_err(|error| Failure::bug(format!("the program cannot be decoded: {error}")))
    }

    /// Whether the digest is that of what was loaded, where something was.
    fn as_loaded(&self) -> Option<bool> {
        self.kept.map(|kept| kept == meta::digest(&self.image))
    }

    /// What a reader must know to believe the rest, a line each behind `mark`.
    fn remark(&self, mark: &str, to: &mut impl Write) -> Outcome {
        if self.target.origin == Origin::Assumed {
            writeln!(
                to,
                "{mark}note: this machine cannot be asked what it offers; assumed is what Linux 5.18 offers to root"
            )?;
        }
        if self.as_loaded() == Some(false) {
            writeln!(
                to,
                "{mark}note: the running program was compiled differently, by another version of palisade or with other capabilities"
            )?;
        }
        Ok(())
    }

    fn asm(&self, args: &Dump, out: &mut Output) -> Outcome {
        let to = out.writer();
        writeln!(to, "; {}", self.of)?;
        writeln!(to, "; target {}", target_text(self.target.target))?;
        self.remark("; ", to)?;
        writeln!(to, "; digest {}", human::hex(&meta::digest(&self.image)))?;
        for (number, map) in self.image.maps.iter().enumerate() {
            writeln!(
                to,
                "; map {number}: {}, {} of {}, key {}, value {}",
                map.name,
                map.kind.name(),
                map.max_entries,
                map.key_size,
                map.value_size
            )?;
        }
        let program = self.program()?;
        let mut listing = program.listing();
        if args.numbers {
            listing = listing.numbered();
        }
        if args.bytes {
            listing = listing.with_bytes(&self.image.code);
        }
        Ok(write!(to, "{listing}")?)
    }

    /// One document, written as it is made: a long program needs no tree of values.
    fn json(&self, out: &mut Output) -> Outcome {
        let program = self.program()?;
        let to = out.writer();
        let origin = if self.target.origin == Origin::Machine { "machine" } else { "assumed" };
        let target = target_json(self.target.target, origin);
        write!(to, "{{\"policy\":{},\"target\":{target},\"instructions\":[", json!(self.of))?;
        let listing = program.listing();
        for line in listing.lines() {
            let comma = if line.at > 0 { "," } else { "" };
            let slots = &self.image.code[line.slot..line.slot + line.slots];
            let bytes: Vec<u8> =
                slots.iter().flat_map(|raw| raw.to_bytes(ByteOrder::HOST)).collect();
            let note = program.note_at(line.at);
            let document = json!({
                "slot": line.slot,
                "bytes": human::hex(&bytes),
                "labels": line.labels,
                "text": line.text,
                "line": note.and_then(|note| note.line),
                "step": note.map(|note| &note.step),
            });
            write!(to, "{comma}{document}")?;
        }
        let maps: Vec<Value> = self.image.maps.iter().map(map_json).collect();
        let digest = human::hex(&meta::digest(&self.image));
        write!(to, "],\"maps\":{},\"digest\":\"{digest}\"", json!(maps))?;
        if let Some(same) = self.as_loaded() {
            write!(to, ",\"as_loaded\":{same}")?;
        }
        Ok(writeln!(to, "}}")?)
    }
}

fn map_json(map: &palisade_asm::MapDecl) -> Value {
    json!({
        "name": map.name, "kind": map.kind.name(), "key_size": map.key_size,
        "value_size": map.value_size, "max_entries": map.max_entries, "flags": map.flags.bits(),
    })
}

/// What a policy is compiled for, in words.
pub fn target_text(target: Target) -> String {
    let [isa, buffers, access] = target_words(target);
    format!("{isa}, frames in {buffers}, packets read {access}")
}

fn target_words(target: Target) -> [String; 3] {
    let buffers = match target.buffers {
        Buffers::Single => "one buffer",
        Buffers::Multi => "one or several buffers",
    };
    let access = match target.access {
        Access::Pointers => "by pointers",
        Access::Helpers => "by helpers",
    };
    [target.isa.to_string(), buffers.to_owned(), access.to_owned()]
}

/// What a policy is compiled for; `origin` says who decided that.
pub fn target_json(target: Target, origin: &str) -> Value {
    let buffers = match target.buffers {
        Buffers::Single => "single",
        Buffers::Multi => "multi",
    };
    let access = match target.access {
        Access::Pointers => "pointers",
        Access::Helpers => "helpers",
    };
    json!({"isa": target.isa.to_string(), "buffers": buffers, "access": access, "from": origin})
}
