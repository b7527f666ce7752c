//! The frame of an object file: its sections and symbols, each where it says and of the size it
//! says.
//!
//! What this yields can be walked without a further check: every section lies in the file and none
//! on another one, every name ends, every symbol lies in its section. Nothing is allocated by a
//! length that the file states before that length is known to be in the file.

use object::elf::{
    EM_BPF, ET_REL, FileHeader64, SHF_COMPRESSED, SHF_EXECINSTR, SHN_LORESERVE, SHT_NOBITS,
    SHT_NULL, SHT_STRTAB, SHT_SYMTAB, STT_FUNC, STT_SECTION, SectionHeader64, Sym64,
};
use object::read::elf::FileHeader as _;
use object::{Endianness, ReadRef as _};
use palisade_asm::ByteOrder;

use super::error::ForeignError;

/// The most bytes of an object.
pub const MOST_BYTES: usize = 16 << 20;
/// Real objects have some dozens of sections, some thousands of symbols, and names of some dozens of
/// bytes; the kernel keeps 511.
const MOST_SECTIONS: usize = 1024;
const MOST_SYMBOLS: usize = 1 << 16;
pub(super) const MOST_NAME: usize = 512;

/// Bytes of the file's own header and of one of a section.
const FILE_HEADER: usize = size_of::<FileHeader64<Endianness>>();
pub(super) const SECTION_HEADER: usize = size_of::<SectionHeader64<Endianness>>();
const SYMBOL: usize = size_of::<Sym64<Endianness>>();

/// An object file whose frame is sound.
pub(super) struct Elf<'a> {
    pub(super) endian: Endianness,
    pub(super) sections: Vec<Section<'a>>,
    pub(super) symbols: Vec<Symbol<'a>>,
    /// Where the headers of the sections begin.
    pub(super) headers: usize,
    pub(super) tables: Tables,
}

/// The sections that tell of the others, by their numbers.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    pub(super) symbols: usize,
    pub(super) names_of_symbols: usize,
    pub(super) names_of_sections: usize,
}

/// A section.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    /// `SHT_…`.
    pub(super) kind: u32,
    pub(super) executable: bool,
    pub(super) compressed: bool,
    pub(super) address: u64,
    pub(super) link: u32,
    pub(super) info: u32,
    /// Where it begins in the file.
    pub(super) offset: usize,
    /// Its bytes; none of a section that is all zeros and not in the file.
    pub(super) data: &'a [u8],
    /// How long it is, in the file or not.
    pub(super) size: usize,
}

/// A symbol.
#[derive(Clone, Copy)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a str,
    /// The section it is in; none if it is defined elsewhere or nowhere.
    pub(super) section: Option<usize>,
    pub(super) kind: SymbolKind,
    pub(super) value: usize,
    pub(super) size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SymbolKind {
    Function,
    /// The section as such.
    Section,
    Other,
}

fn number(value: u64, place: &str) -> Result<usize, ForeignError> {
    usize::try_from(value).map_err(|_| ForeignError::malformed(place, "has an absurd size"))
}

/// The name at a place of a table of names, if it ends and is not too long.
pub(super) fn name_at(strings: &[u8], at: u32) -> Option<&str> {
    let rest = strings.get(usize::try_from(at).ok()?..)?;
    let bytes = rest.iter().take(MOST_NAME).position(|byte| *byte == 0)?;
    std::str::from_utf8(rest.get(..bytes)?).ok()
}

impl<'a> Elf<'a> {
    /// Reads the frame of an object for the eBPF machine.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ForeignError> {
        let header = file_header(bytes)?;
        let endian = header.endian().map_err(|_| not("it states no byte order"))?;
        if header.e_machine.get(endian) != EM_BPF {
            return Err(not("it is for another machine than eBPF"));
        }
        if order(endian) != ByteOrder::HOST {
            let found = if endian == Endianness::Little { "little" } else { "big" };
            return Err(ForeignError::Order { found });
        }
        if header.e_type.get(endian) != ET_REL {
            return Err(not("it is not relocatable, as compilers write objects"));
        }
        let headers = number(header.e_shoff.get(endian), "the table of sections")?;
        let raw = section_headers(bytes, header, endian, headers)?;
        let names = strings(bytes, raw, header.e_shstrndx.get(endian).into(), endian)?;
        let mut sections = Vec::with_capacity(raw.len());
        for (index, section) in raw.iter().enumerate() {
            sections.push(Section::read(bytes, section, (index, names), endian)?);
        }
        apart(&sections, headers)?;
        of_zeros(&sections)?;
        let at = sections.iter().position(|section| section.kind == SHT_SYMTAB);
        let at = at.ok_or_else(|| ForeignError::malformed("it", "has no symbols"))?;
        let symbols = symbols(bytes, raw, &sections, at, endian)?;
        let link = sections.get(at).map_or(0, |section| section.link);
        let tables = Tables {
            symbols: at,
            names_of_symbols: index(link),
            names_of_sections: usize::from(header.e_shstrndx.get(endian)),
        };
        Ok(Self { endian, sections, symbols, headers, tables })
    }
}

fn order(endian: Endianness) -> ByteOrder {
    match endian {
        Endianness::Little => ByteOrder::Little,
        Endianness::Big => ByteOrder::Big,
    }
}

fn not(why: &'static str) -> ForeignError {
    ForeignError::NotAnObject { why }
}

pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn file_header(bytes: &[u8]) -> Result<&FileHeader64<Endianness>, ForeignError> {
    if !bytes.starts_with(b"\x7fELF") {
        return Err(not("it does not begin as an ELF file does"));
    }
    match bytes.get(4) {
        Some(2) => {}
        Some(1) => return Err(not("it is a 32-bit ELF file, and eBPF is of 64 bits")),
        _ => return Err(not("it is cut short")),
    }
    FileHeader64::parse(bytes).map_err(|_| not("its ELF header is cut short or of no version"))
}

fn section_headers<'a>(
    bytes: &'a [u8],
    header: &FileHeader64<Endianness>,
    endian: Endianness,
    at: usize,
) -> Result<&'a [SectionHeader64<Endianness>], ForeignError> {
    let wrong = |wrong| ForeignError::malformed("the table of sections", wrong);
    let count = usize::from(header.e_shnum.get(endian));
    if usize::from(header.e_shentsize.get(endian)) != SECTION_HEADER {
        return Err(wrong("has entries of a strange size"));
    }
    if count == 0 || at < FILE_HEADER {
        return Err(wrong("is missing"));
    }
    ForeignError::at_most("sections", count, MOST_SECTIONS)?;
    let at = u64::try_from(at).unwrap_or(u64::MAX);
    bytes.read_slice_at(at, count).map_err(|()| wrong("does not lie in the file"))
}

/// The bytes of a section in the file.
fn data<'a>(
    bytes: &'a [u8],
    section: &SectionHeader64<Endianness>,
    endian: Endianness,
) -> Option<&'a [u8]> {
    let (offset, size) = (section.sh_offset.get(endian), section.sh_size.get(endian));
    match section.sh_type.get(endian) {
        SHT_NOBITS | SHT_NULL => Some(&[]),
        _ if size == 0 => Some(&[]),
        _ => {
            let start = usize::try_from(offset).ok()?;
            bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)
        }
    }
}

/// The bytes of a section of names.
fn strings<'a>(
    bytes: &'a [u8],
    sections: &[SectionHeader64<Endianness>],
    at: u32,
    endian: Endianness,
) -> Result<&'a [u8], ForeignError> {
    let wrong = |wrong| ForeignError::malformed("a table of names", wrong);
    let section = sections.get(index(at)).ok_or_else(|| wrong("is missing"))?;
    if section.sh_type.get(endian) != SHT_STRTAB {
        return Err(wrong("is of another kind"));
    }
    data(bytes, section, endian).ok_or_else(|| wrong("does not lie in the file"))
}

impl<'a> Section<'a> {
    fn read(
        bytes: &'a [u8],
        raw: &SectionHeader64<Endianness>,
        (at, names): (usize, &'a [u8]),
        endian: Endianness,
    ) -> Result<Self, ForeignError> {
        let place = || format!("section {at}");
        let name = name_at(names, raw.sh_name.get(endian))
            .ok_or_else(|| ForeignError::malformed(place(), "has no readable name"))?;
        let data = data(bytes, raw, endian)
            .ok_or_else(|| ForeignError::malformed(place(), "does not lie in the file"))?;
        let kind = raw.sh_type.get(endian);
        let size = number(raw.sh_size.get(endian), &place())?;
        let flags = raw.sh_flags.get(endian);
        Ok(Self {
            name,
            kind,
            executable: flags & u64::from(SHF_EXECINSTR) != 0,
            compressed: flags & u64::from(SHF_COMPRESSED) != 0,
            address: raw.sh_addr.get(endian),
            link: raw.sh_link.get(endian),
            info: raw.sh_info.get(endian),
            offset: number(raw.sh_offset.get(endian), &place())?,
            data,
            size: if kind == SHT_NULL { 0 } else { size },
        })
    }
}

/// An error when two sections, or a section and a header, share bytes of the file.
fn apart(sections: &[Section<'_>], headers: usize) -> Result<(), ForeignError> {
    let table = sections.len().saturating_mul(SECTION_HEADER);
    let filled = sections.iter().filter(|section| !section.data.is_empty());
    let mut taken: Vec<(usize, usize)> = filled.map(|s| (s.offset, s.data.len())).collect();
    taken.extend([(0, FILE_HEADER), (headers, table)]);
    taken.sort_unstable();
    let mut end = 0;
    for (start, len) in taken {
        if start < end {
            return Err(ForeignError::malformed("two sections", "overlap"));
        }
        end = start.saturating_add(len);
    }
    Ok(())
}

/// An error when what is all zeros, and not in the file, is more than any file has. It takes memory
/// all the same.
fn of_zeros(sections: &[Section<'_>]) -> Result<(), ForeignError> {
    let sizes = sections.iter().filter(|section| section.kind == SHT_NOBITS).map(|s| s.size);
    ForeignError::at_most("bytes of zeros", sizes.fold(0, usize::saturating_add), MOST_BYTES)
}

fn symbols<'a>(
    bytes: &'a [u8],
    raw: &[SectionHeader64<Endianness>],
    sections: &[Section<'a>],
    at: usize,
    endian: Endianness,
) -> Result<Vec<Symbol<'a>>, ForeignError> {
    let wrong = |wrong| ForeignError::malformed("the table of symbols", wrong);
    let table = sections.get(at).ok_or_else(|| wrong("is missing"))?;
    let names = strings(bytes, raw, table.link, endian)?;
    let count = table.data.len() / SYMBOL;
    if count * SYMBOL != table.data.len() {
        return Err(wrong("ends in the middle of a symbol"));
    }
    ForeignError::at_most("symbols", count, MOST_SYMBOLS)?;
    let entries: &[Sym64<Endianness>] =
        table.data.read_slice_at(0, count).map_err(|()| wrong("is not aligned"))?;
    let read = |(number, entry)| Symbol::read(entry, (number, names), sections, endian);
    entries.iter().enumerate().map(read).collect()
}

impl<'a> Symbol<'a> {
    fn read(
        raw: &Sym64<Endianness>,
        (at, names): (usize, &'a [u8]),
        sections: &[Section<'_>],
        endian: Endianness,
    ) -> Result<Self, ForeignError> {
        let wrong = |wrong| ForeignError::malformed(format!("symbol {at}"), wrong);
        let name =
            name_at(names, raw.st_name.get(endian)).ok_or_else(|| wrong("has no readable name"))?;
        let shndx = raw.st_shndx.get(endian);
        let section = (shndx != 0 && shndx < SHN_LORESERVE).then_some(usize::from(shndx));
        let value = usize::try_from(raw.st_value.get(endian)).ok();
        let size = usize::try_from(raw.st_size.get(endian)).ok();
        let (Some(value), Some(size)) = (value, size) else {
            return Err(wrong("has an absurd size"));
        };
        if let Some(section) = section {
            let within = sections.get(section).map(|section| section.size);
            let within = within.ok_or_else(|| wrong("is in a section that is not there"))?;
            if value.checked_add(size).is_none_or(|end| end > within) {
                return Err(wrong("lies beyond the end of its section"));
            }
        }
        let kind = match raw.st_info & 0xf {
            STT_FUNC => SymbolKind::Function,
            STT_SECTION => SymbolKind::Section,
            _ => SymbolKind::Other,
        };
        Ok(Self { name, section, kind, value, size })
    }
}
