//! What of an object has a part in one of its programs: the rest is blanked out before anybody looks
//! at it.
//!
//! The code that stays is checked against what names places in it: functions lie side by side, and a
//! relocation stands at an instruction of its sort. So nothing that the file says twice makes the
//! linked program longer than the file.

use std::collections::BTreeSet;

use object::elf::{R_BPF_64_32, R_BPF_64_64, Rel64, SHT_NOBITS, SHT_PROGBITS, SHT_REL, SHT_RELA};
use object::{Endianness, ReadRef as _};

use super::choose::{Chosen, MOST_FUNCTIONS, Role};
use super::elf::{Elf, SECTION_HEADER, Section, Symbol, SymbolKind, Tables, index};
use super::error::ForeignError;

/// The most relocations of an object's code.
const MOST_RELOCATIONS: usize = 1 << 16;
/// Bytes of an instruction, and the codes of the two that are relocated.
const SLOT: usize = 8;
const LOAD_IMM64: u8 = 0x18;
const CALL: u8 = 0x85;
/// Where an old declaration of a map says how it is pinned, and which ways the reader of objects
/// has a name for.
const PINNING: usize = 24;

/// The part of an object that a program needs.
pub(super) struct Kept<'a> {
    /// Of every section, whether it stays.
    stays: Vec<bool>,
    pub(super) types: Option<Section<'a>>,
    pub(super) types_of_code: Option<Section<'a>>,
    pub(super) license: Option<&'a [u8]>,
    /// What the code names: the numbers of symbols, and of the sections that they are in.
    pub(super) named: Vec<(usize, usize)>,
    /// Where declarations of maps say something that has no meaning here.
    clear: Vec<usize>,
}

impl<'a> Kept<'a> {
    /// What `chosen` needs of `elf`.
    pub(super) fn of(elf: &Elf<'a>, chosen: &Chosen<'_>) -> Result<Self, ForeignError> {
        let mut kept = Kept {
            stays: vec![false; elf.sections.len()],
            types: None,
            types_of_code: None,
            license: None,
            named: Vec::new(),
            clear: Vec::new(),
        };
        let Tables { symbols, names_of_symbols, names_of_sections } = elf.tables;
        for at in [symbols, names_of_symbols, names_of_sections] {
            kept.keep(at);
        }
        let (mut maps, mut code) = (false, Vec::new());
        for (at, section) in elf.sections.iter().enumerate() {
            match Role::of(section.name, section.executable) {
                Role::Text if section.size > 0 => code.push(at),
                Role::Programs if at == chosen.section => code.push(at),
                Role::Types if kept.types.is_none() => kept.types = Some(*section),
                Role::TypesOfCode if kept.types_of_code.is_none() => {
                    kept.types_of_code = Some(*section);
                }
                Role::License if kept.license.is_none() => kept.license = Some(section.data),
                Role::Maps if !maps => maps = true,
                Role::OldMaps => kept.clear.extend(pinnings(elf, at, section)?),
                Role::Variables => {}
                _ => continue,
            }
            kept.take(at, section)?;
        }
        functions(elf, &code)?;
        for (at, section) in elf.sections.iter().enumerate() {
            let relocates = code.contains(&index(section.info));
            match section.kind {
                SHT_REL if relocates => {
                    kept.take(at, section)?;
                    kept.named.extend(relocations(elf, section, &code)?);
                }
                SHT_RELA if relocates => {
                    return Err(ForeignError::malformed(
                        section.name,
                        "has relocations in a form that is not eBPF's",
                    ));
                }
                _ => {}
            }
        }
        one_for_each(elf, &kept)?;
        Ok(kept)
    }

    fn keep(&mut self, at: usize) {
        if let Some(stays) = self.stays.get_mut(at) {
            *stays = true;
        }
    }

    fn take(&mut self, at: usize, section: &Section<'_>) -> Result<(), ForeignError> {
        if section.compressed {
            return Err(ForeignError::Compressed { section: section.name.to_owned() });
        }
        if !matches!(section.kind, SHT_PROGBITS | SHT_NOBITS | SHT_REL) {
            return Err(ForeignError::malformed(place(section), "is of a strange kind"));
        }
        if section.address != 0 {
            return Err(ForeignError::malformed(place(section), "has an address already"));
        }
        self.keep(at);
        Ok(())
    }

    /// Whether code in a section of that name stays.
    pub(super) fn is_code(&self, elf: &Elf<'_>, name: &str) -> bool {
        let mut sections = elf.sections.iter().zip(&self.stays);
        sections.any(|(section, stays)| *stays && section.name == name)
    }

    /// A copy of the file, in which the rest is blank.
    pub(super) fn copy(&self, bytes: &[u8], elf: &Elf<'_>) -> Vec<u8> {
        let mut copy = bytes.to_vec();
        for (at, stays) in self.stays.iter().enumerate() {
            let start = elf.headers + at * SECTION_HEADER;
            let header = copy.get_mut(start..start + SECTION_HEADER);
            if let Some(header) = header.filter(|_| !stays) {
                header.fill(0);
            }
        }
        for at in &self.clear {
            if let Some(pinning) = copy.get_mut(*at..at + 4) {
                pinning.fill(0);
            }
        }
        copy
    }
}

fn place(section: &Section<'_>) -> String {
    format!("section `{}`", section.name)
}

/// Where the old declarations of a section say how their maps are pinned. Pins are made by other
/// rules here, and a way that has no name must not be read as one.
fn pinnings(elf: &Elf<'_>, at: usize, section: &Section<'_>) -> Result<Vec<usize>, ForeignError> {
    let maps = elf.symbols.iter().filter(|symbol| symbol.section == Some(at));
    let long = maps.filter(|symbol| symbol.size >= PINNING + 4);
    if section.kind == SHT_NOBITS {
        return Err(ForeignError::malformed(place(section), "is not in the file"));
    }
    Ok(long.map(|symbol| section.offset + symbol.value + PINNING).collect())
}

/// An error unless the functions of the code stand side by side, whole instructions each.
fn functions(elf: &Elf<'_>, code: &[usize]) -> Result<(), ForeignError> {
    let mut halves = BTreeSet::new();
    for at in code {
        let Some(section) = elf.sections.get(*at) else { continue };
        if section.kind != SHT_PROGBITS || !section.data.len().is_multiple_of(SLOT) {
            return Err(ForeignError::malformed(place(section), "is no code"));
        }
        halves.extend(second_halves(elf, section)?.into_iter().map(|slot| (Some(*at), slot)));
    }
    let of_code = |symbol: &&Symbol<'_>| symbol.section.is_some_and(|at| code.contains(&at));
    let functions = elf.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Function);
    let mut functions: Vec<&Symbol<'_>> = functions.filter(of_code).collect();
    ForeignError::at_most("functions", functions.len(), MOST_FUNCTIONS)?;
    functions.sort_by_key(|function| (function.section, function.value, function.size));
    let mut before = (None, 0);
    for function in functions {
        let wrong = |wrong| ForeignError::malformed(format!("function `{}`", function.name), wrong);
        let (start, end) = (function.value, function.value + function.size);
        let whole =
            |at: usize| at.is_multiple_of(SLOT) && !halves.contains(&(function.section, at));
        if !whole(start) || !whole(end) {
            return Err(wrong("does not consist of whole instructions"));
        }
        if before.0 == function.section && start < before.1 {
            return Err(wrong("overlaps another one"));
        }
        before = (function.section, end);
    }
    Ok(())
}

/// Where the second halves of 64-bit loads stand; an error where a load names a descriptor, or the
/// like, that no relocation has put there: it would mean something in another process.
fn second_halves(elf: &Elf<'_>, section: &Section<'_>) -> Result<Vec<usize>, ForeignError> {
    let mut halves = Vec::new();
    let mut load = false;
    for (number, slot) in section.data.chunks_exact(SLOT).enumerate() {
        let &[op, registers, ..] = slot else { continue };
        let source = match elf.endian {
            Endianness::Little => registers >> 4,
            Endianness::Big => registers & 0xf,
        };
        if load {
            halves.push(number * SLOT);
        }
        load = !load && op == LOAD_IMM64;
        if load && source != 0 {
            return Err(ForeignError::malformed(
                place(section),
                "names a map by a number of the process that wrote it",
            ));
        }
    }
    if load {
        halves.push(section.data.len());
    }
    Ok(halves)
}

/// What the relocations of a section of code name; an error unless each stands at an instruction of
/// its sort and leads to something that the object defines.
fn relocations(
    elf: &Elf<'_>,
    rel: &Section<'_>,
    code: &[usize],
) -> Result<Vec<(usize, usize)>, ForeignError> {
    let wrong = |wrong| ForeignError::malformed(place(rel), wrong);
    let count = rel.data.len() / size_of::<Rel64<Endianness>>();
    ForeignError::at_most("relocations", count, MOST_RELOCATIONS)?;
    let entries: &[Rel64<Endianness>] =
        rel.data.read_slice_at(0, count).map_err(|()| wrong("is not aligned"))?;
    let target = elf.sections.get(index(rel.info)).ok_or_else(|| wrong("relocates nothing"))?;
    if elf.tables.symbols != index(rel.link) {
        return Err(wrong("has its symbols elsewhere"));
    }
    let mut named = Vec::new();
    for entry in entries {
        let number = index(entry.r_sym(elf.endian));
        let symbol = elf.symbols.get(number);
        let symbol = symbol.ok_or_else(|| wrong("refers to a symbol that is not there"))?;
        let at = usize::try_from(entry.r_offset.get(elf.endian)).unwrap_or(usize::MAX);
        let slot = target.data.get(at..).filter(|_| at.is_multiple_of(SLOT));
        let op = slot.and_then(<[u8]>::first).copied();
        let sort = entry.r_type(elf.endian);
        let fits = match op {
            Some(LOAD_IMM64) => {
                sort == R_BPF_64_64 && slot.is_some_and(|slot| slot.len() >= 2 * SLOT)
            }
            Some(CALL) => sort == R_BPF_64_32,
            _ => false,
        };
        if !fits {
            return Err(wrong("relocates what is no call and no 64-bit load"));
        }
        let Some(section) = symbol.section else {
            let (function, symbol) = (target.name.to_owned(), symbol.name.to_owned());
            return Err(ForeignError::Undefined { function, symbol });
        };
        let to_code = code.contains(&section);
        if to_code && symbol.kind == SymbolKind::Other || !to_code && sort == R_BPF_64_32 {
            return Err(wrong("leads to what is no function of the program"));
        }
        named.push((number, section));
    }
    Ok(named)
}

/// An error where two sections relocate the same code.
fn one_for_each(elf: &Elf<'_>, kept: &Kept<'_>) -> Result<(), ForeignError> {
    let relocating = |(section, stays): (&Section<'_>, &bool)| {
        (section.kind == SHT_REL && *stays).then_some(section.info)
    };
    let mut targets: Vec<u32> =
        elf.sections.iter().zip(&kept.stays).filter_map(relocating).collect();
    let all = targets.len();
    targets.sort_unstable();
    targets.dedup();
    if targets.len() < all {
        return Err(ForeignError::malformed("two sections", "relocate the same code"));
    }
    Ok(())
}
