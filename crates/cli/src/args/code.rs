//! What can be typed of the commands that show, make and run code.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use palisade_asm::Isa;
use palisade_asm::elf::ProgramSection;
use palisade_filter::{Access, Buffers, ByteOrder, Target};

/// `dump`.
#[derive(Args, Debug)]
pub struct Dump {
    /// The policy; without it, the one in force
    #[arg(short, long, value_name = "FILE.pal")]
    pub policy: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = DumpFormat::Asm)]
    pub format: DumpFormat,
    /// What the file is compiled for: `machine`, this one; or the instruction set, the frames and the access, such as `v3,multi,pointers`
    ///
    /// v3 or v4; `single` or `multi` buffers; `pointers` (the loader has CAP_PERFMON) or `helpers`;
    /// and `big` for big-endian machines. Without it, this machine; for a bundle `v3,multi,pointers`,
    /// so that every host gives the same.
    #[arg(long, value_name = "TARGET", requires = "policy", value_parser = dump_target)]
    pub target: Option<DumpTarget>,
    /// With the number of each instruction, as the kernel's verifier counts them
    #[arg(long)]
    pub numbers: bool,
    /// With the bytes of each instruction
    #[arg(long)]
    pub bytes: bool,
}

/// `--target` of `dump`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpTarget {
    /// What this machine offers
    Machine,
    /// What was said
    Fixed(Target),
}

/// `--format` of `dump`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// The listing, in the syntax of the kernel
    Asm,
    /// Sixteen digits for each slot of eight bytes, a line each
    Hex,
    /// One document
    Json,
    /// The control-flow graph, for Graphviz
    Dot,
    /// The control-flow graph, as a picture
    Svg,
    /// An object file, for other loaders (`ip link set DEV xdp obj FILE.o sec xdp.frags`, bpftool, xdp-loader); its sets are empty and their entries do not end
    Elf,
    /// Where the program comes from: policy, target, instructions, maps, tag, digests, as one document
    Bundle,
}

/// `asm`.
#[derive(Args, Debug)]
pub struct Asm {
    /// The text, as `disasm` and `dump` print it, or in LLVM's spelling; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The file to write; without it, standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// How the code is written
    #[arg(long, value_enum, default_value_t = CodeFormat::Hex, conflicts_with = "json")]
    pub format: CodeFormat,
    /// The version of the instruction set that must suffice: v1, v2, v3, v4
    #[arg(long, value_name = "VERSION", default_value = "v4", value_parser = isa)]
    pub isa: Isa,
    /// The order of bytes: little or big; without it, that of this machine
    #[arg(long, value_name = "ORDER", default_value = HOST_ORDER, value_parser = byte_order)]
    pub order: ByteOrder,
    /// The section of the program in an object file
    #[arg(long, value_enum, default_value_t = SectionArg::Xdp)]
    pub section: SectionArg,
    /// The license in an object file, which decides what functions of the kernel may be called
    #[arg(long, value_name = "LICENSE", default_value = "GPL")]
    pub license: String,
}

/// How code is written.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFormat {
    /// The language of listings
    Text,
    /// Sixteen digits for each slot of eight bytes, a line each
    Hex,
    /// The bytes themselves
    Raw,
    /// An object file
    Elf,
}

/// `--section` of `asm`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionArg {
    /// XDP, frames in one buffer
    Xdp,
    /// XDP, frames in one buffer or several
    #[value(name = "xdp.frags")]
    XdpFrags,
}

impl From<SectionArg> for ProgramSection {
    fn from(section: SectionArg) -> Self {
        match section {
            SectionArg::Xdp => Self::Xdp,
            SectionArg::XdpFrags => Self::XdpFrags,
        }
    }
}

/// `disasm`.
#[derive(Args, Debug)]
pub struct Disasm {
    /// The code: text, raw bytes, hexadecimal or an object file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How the code is written; without it, that is recognised
    #[arg(long, value_enum)]
    pub format: Option<CodeFormat>,
    /// The order of raw bytes and hexadecimal digits: little or big; without it, that of this machine
    #[arg(long, value_name = "ORDER", default_value = HOST_ORDER, value_parser = byte_order)]
    pub order: ByteOrder,
    /// The program, by its section or function, where an object has several
    #[arg(long, value_name = "NAME")]
    pub section: Option<String>,
    /// With the number of each instruction, as the kernel's verifier counts them
    #[arg(long)]
    pub numbers: bool,
    /// With the bytes of each instruction
    #[arg(long)]
    pub bytes: bool,
    /// Instead of the text: from which kernel on root may load it, or why not; judged offline, and more strictly than kernels do
    #[arg(long, conflicts_with_all = ["numbers", "bytes"])]
    pub verify: bool,
}

/// `exec`.
#[derive(Args, Debug)]
pub struct Exec {
    /// The code: text, raw bytes, hexadecimal or an object file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The packet from its Ethernet header on, as hexadecimal digits; without it, 60 zeros
    #[arg(long, value_name = "HEX", value_parser = frame)]
    pub packet: Option<Frame>,
    /// Run it on every packet of a capture, pcap or pcapng: the verdict of each, and totals; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "packet")]
    pub pcap: Option<PathBuf>,
    /// How the code is written; without it, that is recognised
    #[arg(long, value_enum)]
    pub format: Option<CodeFormat>,
    /// The program, by its section or function, where an object has several
    #[arg(long, value_name = "NAME")]
    pub section: Option<String>,
    /// Print each instruction that is executed, with the registers that it changes
    #[arg(long)]
    pub trace: bool,
}

/// The bytes of a packet.
#[derive(Clone, Debug)]
pub struct Frame(pub Vec<u8>);

const HOST_ORDER: &str = match ByteOrder::HOST {
    ByteOrder::Little => "little",
    ByteOrder::Big => "big",
};

/// Digits, two a byte; blanks and colons between bytes are passed over.
pub fn bytes_of_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':')
        .map(|c| c.to_digit(16).ok_or_else(|| format!("{c:?} is no hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    let (bytes, rest) = digits.as_chunks();
    if !rest.is_empty() {
        return Err("the last byte has one digit only".to_owned());
    }
    let byte = |[high, low]: &[u32; 2]| u8::try_from(high << 4 | low).unwrap_or(u8::MAX);
    Ok(bytes.iter().map(byte).collect())
}

fn frame(text: &str) -> Result<Frame, String> {
    bytes_of_hex(text).map(Frame)
}

fn byte_order(text: &str) -> Result<ByteOrder, String> {
    match text {
        "little" => Ok(ByteOrder::Little),
        "big" => Ok(ByteOrder::Big),
        _ => Err("little or big".to_owned()),
    }
}

fn isa(text: &str) -> Result<Isa, String> {
    let all = [Isa::V1, Isa::V2, Isa::V3, Isa::V4];
    let found = all.into_iter().find(|isa| isa.to_string() == text);
    found.ok_or_else(|| "v1, v2, v3 or v4".to_owned())
}

/// `machine`, or the parts of a target between commas.
fn dump_target(text: &str) -> Result<DumpTarget, String> {
    if text == "machine" {
        return Ok(DumpTarget::Machine);
    }
    let words: Vec<&str> = text.split(',').collect();
    let ([isa, buffers, access] | [isa, buffers, access, _]) = words[..] else {
        return Err(DUMP_TARGET.to_owned());
    };
    let isa = [Isa::V3, Isa::V4].into_iter().find(|known| known.to_string() == isa);
    let buffers = match buffers {
        "single" => Some(Buffers::Single),
        "multi" => Some(Buffers::Multi),
        _ => None,
    };
    let access = match access {
        "pointers" => Some(Access::Pointers),
        "helpers" => Some(Access::Helpers),
        _ => None,
    };
    let order = match words.get(3) {
        None | Some(&"little") => Some(ByteOrder::Little),
        Some(&"big") => Some(ByteOrder::Big),
        Some(_) => None,
    };
    match (isa, order, buffers, access) {
        (Some(isa), Some(order), Some(buffers), Some(access)) => {
            Ok(DumpTarget::Fixed(Target { isa, order, buffers, access }))
        }
        _ => Err(DUMP_TARGET.to_owned()),
    }
}

/// What a target may be, for whoever has written another one.
const DUMP_TARGET: &str = "`machine`, or v3 or v4, `single` or `multi`, `pointers` or `helpers`, such as v3,multi,pointers";
