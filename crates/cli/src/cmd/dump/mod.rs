//! `dump`: the program, of a file or of the running policy, in full.
//!
//! The bytes are those that would be loaded here: maps stand in them under their numbers, which
//! descriptors replace at the last moment. The running policy is compiled again from the text that
//! it keeps; whether that gives what was loaded is said by the digest.

mod bundle;
mod graph;
mod object;

use std::io::Write;

use palisade_asm::{ByteOrder, Image, Program, decode_image};
use palisade_filter::{Access, Artifact, Buffers, Neighbours, Policy, Target, Tenure};
use serde_json::{Value, json};

use crate::args::{Dump, DumpFormat, DumpTarget, Global};
use crate::code;
use crate::failure::{Failure, Outcome};
use crate::judging;
use crate::machine;
pub use crate::machine::target_text;
use crate::output::{Form, Output, human};
use crate::running::compiled::Compiled;
use crate::running::in_force::Running;
use crate::running::look::look;
use crate::running::meta;
use crate::running::recompiled;

/// Prints the program in the format that was asked for.
pub fn run(global: &Global, args: &Dump, out: &mut Output) -> Outcome {
    let dumped = match &args.policy {
        Some(file) => {
            let source = judging::read_policy(file)?;
            let target = Chosen::of(args)?;
            let compiled = Compiled::new(&source.policy, target.target, Tenure::Standing)?;
            let (of, text, policy) = (source.name, source.text, source.policy);
            let Compiled { artifact, image, neighbours, .. } = compiled;
            Dumped { of, text, policy, target, neighbours, artifact, image, kept: None }
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
            Ok(write!(out.writer(), "{}", dumped.image.hex(dumped.target.target.order))?)
        }
        DumpFormat::Json => dumped.json(out),
        DumpFormat::Dot => graph::dot(&dumped, out),
        DumpFormat::Svg => graph::svg(&dumped, out),
        DumpFormat::Elf => object::elf(&dumped, out),
        DumpFormat::Bundle => bundle::bundle(&dumped, out),
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
    /// Whoever asks has said so.
    Said,
}

impl Chosen {
    /// The target that was asked for. A bundle, which is to be the same on every host, is not made for
    /// this one unless that is asked for.
    fn of(args: &Dump) -> Outcome<Self> {
        Ok(match args.target {
            Some(DumpTarget::Fixed(target)) => Self { target, origin: Origin::Said },
            Some(DumpTarget::Machine) => {
                Self { target: machine::target()?, origin: Origin::Machine }
            }
            None if args.format == DumpFormat::Bundle => {
                let target = Target { order: ByteOrder::Little, ..machine::ASSUMED };
                Self { target, origin: Origin::Said }
            }
            None => Self::here(),
        })
    }

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
    text: String,
    policy: Policy,
    target: Chosen,
    neighbours: Neighbours,
    artifact: Artifact,
    image: Image,
    /// The digest of what was loaded, for a running policy.
    kept: Option<[u8; 32]>,
}

impl Dumped {
    /// The policy in force; of all ways to compile it the one that gives what was loaded.
    fn running(global: &Global) -> Outcome<Self> {
        look(global, |at, _| Self::of(&Running::get(at)?))
    }

    fn of(running: &Running<'_>) -> Outcome<Self> {
        let kept = running.meta.digest;
        let (of, text) = (running.at.name.to_string(), running.meta.text.clone());
        let policy = running.policy.clone();
        let compiled = match recompiled::of_digest(&policy, kept) {
            Some(compiled) => compiled,
            None => Compiled::new(&policy, machine::target()?, Tenure::Standing)?,
        };
        let Compiled { artifact, image, target, neighbours } = compiled;
        let target = Chosen { target, origin: Origin::Machine };
        Ok(Self { of, text, policy, target, neighbours, artifact, image, kept: Some(kept) })
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
                "{mark}note: the running program was compiled differently, by another version of palisade; or what is kept of it is not its own, which `palisade attest` tells"
            )?;
        }
        Ok(())
    }

    fn asm(&self, args: &Dump, out: &mut Output) -> Outcome {
        let to = out.writer();
        writeln!(to, "; {}", human::printable(&self.of))?;
        writeln!(to, "; target {}", target_text(self.target.target))?;
        self.remark("; ", to)?;
        writeln!(to, "; digest {}", human::hex(&meta::digest(&self.image)))?;
        // So that these are no notes of the first instruction, whatever follows.
        writeln!(to)?;
        let program = self.program()?;
        let mut listing = program.listing();
        if args.numbers {
            listing = listing.numbered();
        }
        if args.bytes {
            listing = listing.with_bytes(&self.image.code, self.target.target.order);
        }
        Ok(write!(to, "{listing}")?)
    }

    /// One document, written as it is made: a long program needs no tree of values.
    fn json(&self, out: &mut Output) -> Outcome {
        let program = self.program()?;
        let to = out.writer();
        let origin = match self.target.origin {
            Origin::Machine => "machine",
            Origin::Assumed => "assumed",
            Origin::Said => "said",
        };
        let target = target_json(self.target.target, origin);
        write!(to, "{{\"policy\":{},\"target\":{target},\"instructions\":[", json!(self.of))?;
        code::instructions(&program, &self.image.code, self.target.target.order, to)?;
        let maps: Vec<Value> = self.image.maps.iter().map(code::map_json).collect();
        let digest = human::hex(&meta::digest(&self.image));
        write!(to, "],\"maps\":{},\"digest\":\"{digest}\"", json!(maps))?;
        if let Some(same) = self.as_loaded() {
            write!(to, ",\"as_loaded\":{same}")?;
        }
        Ok(writeln!(to, "}}")?)
    }
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
