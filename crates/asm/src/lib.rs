//! An assembler for eBPF: programs as meanings, encoded without LLVM, without unsafe code and
//! without asking the machine it runs on.
//!
//! A program is a row of [`Insn`], each saying what happens and none how its bits lie. An
//! [`Assembler`] takes them in reading order, with [`Label`]s for where jumps lead, maps under
//! their names, and [`Note`]s for what asked for them. [`Assembler::finish`] checks the whole and
//! makes it a [`Program`], which prints as the kernel's verifier would print it; [`parse`] reads
//! what is printed, and LLVM's spelling too. [`Program::encode`] makes that an [`Image`]: slots of
//! eight bytes as RFC 9669 lays them out, far jumps relaxed, the same on every machine.
//! [`Image::link`] is where map descriptors come in, last and in one place. [`decode_image`] and
//! [`decode`] lead back.
//!
//! [`Program::graph`] is the program as blocks, with dominators, loops and the longest path, to be
//! drawn by [`Graph::svg`] or by Graphviz.
//!
//! What is refused is refused early and by name: an unplaced label, unreachable code, a run off
//! the end of a function, `r10` as a destination, an instruction that the chosen [`Isa`] lacks.
//! Whether the program is safe is for the verifier to say.
//!
//! A filter that drops what is in a map and passes the rest:
//!
//! ```
//! use palisade_asm::{
//!     Assembler, Cond, FP, Helper, Isa, MapDecl, MapFlags, MapKind, Note, R0, R1, R2, R6, Size,
//!     parse,
//! };
//!
//! let mut a = Assembler::new();
//! let block = a.map(MapDecl {
//!     name: "block".into(),
//!     kind: MapKind::Hash,
//!     key_size: 4,
//!     value_size: 8,
//!     max_entries: 1024,
//!     flags: MapFlags::NONE,
//! });
//! let (pass, drop) = (a.label("pass"), a.label("drop"));
//!
//! a.note(Note::new("interface"));
//! a.load(Size::W, R6, R1 + 12).store(Size::W, FP - 4, R6);
//! a.note(Note::line(7, "drop in block"));
//! a.load_map(R1, block).mov(R2, FP).add(R2, -4).call(Helper::MAP_LOOKUP_ELEM);
//! a.jump_if(R0, Cond::Ne, 0, drop);
//! a.place(pass);
//! a.mov(R0, 2).exit();
//! a.place(drop);
//! a.mov(R0, 1).exit();
//!
//! let program = a.finish()?;
//! assert_eq!(program.listing().to_string(), "\
//! .map block hash key 4 value 8 max 1024
//! ; interface
//!   r6 = *(u32 *)(r1 +12)
//!   *(u32 *)(r10 -4) = r6
//! ; 7: drop in block
//!   r1 = map[block]
//!   r2 = r10
//!   r2 += -4
//!   call bpf_map_lookup_elem#1
//!   if r0 != 0x0 goto drop
//!   r0 = 2
//!   exit
//! drop:
//!   r0 = 1
//!   exit
//! ");
//!
//! assert_eq!(parse(&program.listing().to_string()), Ok(program.clone()));
//!
//! let image = program.encode(Isa::V3)?;
//! assert_eq!(image.len(), 12);
//! let code = image.link(|map| 40 + i32::try_from(map.index()).unwrap_or(0));
//! assert_eq!((code[2].src(), code[2].imm), (1, 40));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod assembler;
pub mod btf;
mod decode;
mod digits;
mod dot;
#[cfg(feature = "elf")]
pub mod elf;
mod encode;
mod error;
mod flaw;
mod flow;
mod graph;
mod helper;
mod image;
mod insn;
mod isa;
mod listing;
mod map;
mod name;
mod note;
mod opcode;
mod order;
mod paint;
mod parse;
mod program;
mod raw;
mod reg;
mod relax;
mod svg;
mod text;
pub mod verify;
pub mod vm;

pub use assembler::{Assembler, Label};
pub use decode::{decode, decode_image};
pub use error::{AsmError, DecodeError, EncodeError, Field, MAX_MAPS};
pub use flaw::Flaw;
pub use graph::{
    Block, Dominators, Edge, Fate, Firmness, Graph, LongestPath, Loop, LoopKind, OrderError, Way,
    XdpAction,
};
pub use helper::Helper;
pub use image::{Image, Reloc, RelocKind};
pub use insn::{
    AluOp, AtomicOp, Call, Cond, Extend, Imm64, Insn, MapNumber, PacketAt, Size, Src, Swap, Test,
    Width,
};
pub use isa::{Group, Isa};
pub use listing::{Line, Listing};
pub use map::{MapDecl, MapFlags, MapId, MapKind};
pub use note::{Note, Notes};
pub use order::ByteOrder;
pub use parse::{SyntaxError, Wrong, parse};
pub use program::Program;
pub use raw::{RawInsn, SLOT_BYTES};
pub use reg::{FP, Mem, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Reg};
pub use relax::MAX_SLOTS;
pub use svg::Svg;
