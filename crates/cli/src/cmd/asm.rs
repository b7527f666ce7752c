//! `asm`: text to code.
//!
//! The text is that of listings, in the kernel's spelling or LLVM's. It is checked whole: every
//! mistake is shown at its place, and nothing is written where there is one.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;

use palisade_asm::elf::{ObjectOptions, object};
use palisade_asm::{Image, Program, RelocKind, decode_image};
use palisade_loader::Errno;

use crate::args::{Asm, CodeFormat};
use crate::cmd::disasm;
use crate::code::{self, Code};
use crate::failure::{Failure, Outcome};
use crate::output::{Form, Output};

/// Reads, assembles, writes.
pub fn run(args: &Asm, out: &mut Output) -> Outcome {
    if out.form() == Form::Json && args.output.is_some() {
        return Err(Failure::usage("the document of `--json` goes to standard output")
            .note("help", "`palisade -j asm FILE > OUT`"));
    }
    let (name, program) = code::assemble(&args.file)?;
    let image =
        program.encode(args.isa).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    if out.form() == Form::Json {
        let program = placed(&name, &image)?;
        let format = CodeFormat::Text;
        let code = Code { name, format, image, program, remarks: Vec::new() };
        return disasm::json(&code, args.order, out);
    }
    let bytes = match args.format {
        CodeFormat::Text => program.listing().to_string().into_bytes(),
        CodeFormat::Hex => image.hex(args.order).to_string().into_bytes(),
        CodeFormat::Raw => image.to_bytes(args.order),
        CodeFormat::Elf => elf(&name, &image, args)?,
    };
    let text = matches!(args.format, CodeFormat::Text | CodeFormat::Hex);
    match &args.output {
        Some(file) => written(file, &bytes),
        None if !text && std::io::stdout().is_terminal() => {
            Err(Failure::usage("bytes are nothing for a terminal")
                .note("help", "`-o FILE` writes them to a file, `--format hex` as digits"))
        }
        None => Ok(out.writer().write_all(&bytes)?),
    }
}

/// The program with everything at its slot, the islands of far jumps too.
fn placed(name: &str, image: &Image) -> Outcome<Program> {
    decode_image(image).map_err(|error| Failure::bug(format!("{name}: {error}")))
}

fn elf(name: &str, image: &Image, args: &Asm) -> Outcome<Vec<u8>> {
    let file = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name);
    let options = ObjectOptions {
        section: args.section.into(),
        license: &args.license,
        file,
        order: args.order,
        layouts: &[],
        values: &BTreeMap::new(),
    };
    let bytes = object(image, &options).map_err(|error| {
        Failure::usage(format!("{name} has no object file: {error}"))
            .note("help", "`--format raw` writes the code without its maps")
    })?;
    let by_address = |kind| matches!(kind, RelocKind::MapValue(_));
    if image.relocs.iter().any(|reloc| by_address(reloc.kind)) {
        writeln!(
            std::io::stderr(),
            "note: a text does not say what variables begin with: in the object all are zeros"
        )?;
    }
    Ok(bytes)
}

fn written(file: &Path, bytes: &[u8]) -> Outcome {
    std::fs::write(file, bytes).map_err(|error| {
        Failure::refused(format!("cannot write {}: {}", file.display(), Errno::from_io(&error)))
    })
}
