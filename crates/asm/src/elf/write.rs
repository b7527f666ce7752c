//! The bytes of an object, section by section.
//!
//! A relocation leaves in the instruction what is added to its symbol: for a variable the bytes from
//! its start, for a call one slot less than none, for a map and a callback nothing
//! (Documentation/bpf/llvm_reloc.rst).

use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

use super::ElfError;
use super::plan::{BSS, DATA, Home, LICENSE, Plan};
use crate::btf::calls;
use crate::btf::object::ObjectBtf;
use crate::image::RelocKind;
use crate::opcode::{LOAD_IMM64, PSEUDO_CALL, pseudo};
use crate::order::ByteOrder;
use crate::raw::{RawInsn, SLOT_BYTES};

/// The alignment of code and of what it reaches.
const WORD: u64 = 8;

/// The object file.
pub(super) fn write(plan: &Plan<'_>, btf: &ObjectBtf) -> Result<Vec<u8>, ElfError> {
    let mut writer = Writer::new(plan);
    let maps = writer.maps(&btf.map_sizes);
    writer.code(&maps)?;
    writer.license();
    for (name, bytes) in [(".BTF", &btf.btf), (".BTF.ext", &btf.ext)] {
        let section = writer.section(name, SectionKind::Other);
        writer.object.append_section_data(section, bytes, 4);
    }
    writer.object.write().map_err(unwritten)
}

fn unwritten(error: object::write::Error) -> ElfError {
    ElfError::Unwritten { reason: error.to_string() }
}

/// A length or a place, as the file has it.
fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What a relocation asks for.
struct Wish {
    slot: usize,
    symbol: SymbolId,
    kind: u32,
}

struct Writer<'a> {
    plan: &'a Plan<'a>,
    object: Object<'static>,
}

impl<'a> Writer<'a> {
    fn new(plan: &'a Plan<'a>) -> Self {
        let endianness = match plan.options.order {
            ByteOrder::Little => Endianness::Little,
            ByteOrder::Big => Endianness::Big,
        };
        Self { plan, object: Object::new(BinaryFormat::Elf, Architecture::Bpf, endianness) }
    }

    fn section(&mut self, name: &str, kind: SectionKind) -> SectionId {
        self.object.add_section(Vec::new(), name.into(), kind)
    }

    fn symbol(
        &mut self,
        name: &str,
        kind: SymbolKind,
        at: (SectionId, u64),
        size: u64,
    ) -> SymbolId {
        let (section, value) = at;
        self.object.add_symbol(Symbol {
            name: name.into(),
            value,
            size,
            kind,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        })
    }

    /// The maps and variables: the symbol of each map of the image.
    fn maps(&mut self, sizes: &[u32]) -> Vec<SymbolId> {
        let plan = self.plan;
        let (mut declared, mut data, mut bss) = (None, None, None);
        let mut sizes = sizes.iter().map(|size| u64::from(*size));
        let mut symbols = Vec::with_capacity(plan.maps.len());
        for (number, (name, home)) in plan.maps.iter().enumerate() {
            let bytes = plan.image.maps.get(number).map_or(0, |decl| u64::from(decl.value_size));
            let (section, size) = match home {
                Home::Map => {
                    let size = sizes.next().unwrap_or(0);
                    let new = || self.section(".maps", SectionKind::Data);
                    let section = *declared.get_or_insert_with(new);
                    let zeros = vec![0; usize::try_from(size).unwrap_or(0)];
                    ((section, self.object.append_section_data(section, &zeros, WORD)), size)
                }
                Home::Data(_) => {
                    let new = || self.section(DATA, SectionKind::Data);
                    let section = *data.get_or_insert_with(new);
                    let value = plan.options.values.get(&number).map_or(&[][..], Vec::as_slice);
                    ((section, self.object.append_section_data(section, value, WORD)), bytes)
                }
                Home::Bss(_) => {
                    let new = || self.section(BSS, SectionKind::UninitializedData);
                    let section = *bss.get_or_insert_with(new);
                    ((section, self.object.append_section_bss(section, bytes, WORD)), bytes)
                }
            };
            symbols.push(self.symbol(name, SymbolKind::Data, section, size));
        }
        symbols
    }

    /// The sections of code, with their functions and relocations.
    fn code(&mut self, maps: &[SymbolId]) -> Result<(), ElfError> {
        let plan = self.plan;
        let mut code = plan.image.code.clone();
        let mut wishes = self.named_maps(maps, &mut code);
        let ends = plan.code.iter().skip(1).map(|part| part.start).chain([code.len()]);
        let mut sections = Vec::new();
        for (part, end) in plan.code.iter().zip(ends) {
            let section = self.section(part.name, SectionKind::Text);
            sections.push((part.start..end, section));
        }
        let starts: Vec<(usize, &String)> = plan.functions.iter().map(|(at, n)| (*at, n)).collect();
        let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([code.len()]);
        let mut functions = Vec::new();
        for ((start, name), end) in starts.iter().zip(ends) {
            let Some((slots, section)) = sections.iter().find(|(s, _)| s.contains(start)) else {
                continue;
            };
            let at = (*section, wide((start - slots.start) * SLOT_BYTES));
            let size = wide((end - start) * SLOT_BYTES);
            functions.push((*start, self.symbol(name, SymbolKind::Text, at, size)));
        }
        wishes.extend(called(plan, &functions, &mut code));
        wishes.sort_by_key(|wish| wish.slot);
        for (slots, section) in sections {
            let insns = code.get(slots.clone()).unwrap_or_default();
            let bytes: Vec<u8> =
                insns.iter().flat_map(|raw| raw.to_bytes(plan.options.order)).collect();
            self.object.append_section_data(section, &bytes, WORD);
            for Wish { slot, symbol, kind } in wishes.iter().filter(|w| slots.contains(&w.slot)) {
                let relocation = Relocation {
                    offset: wide((slot - slots.start) * SLOT_BYTES),
                    symbol: *symbol,
                    addend: 0,
                    flags: RelocationFlags::Elf { r_type: *kind },
                };
                self.object.add_relocation(section, relocation).map_err(unwritten)?;
            }
        }
        Ok(())
    }

    /// What names maps: their numbers give way to what the relocation adds.
    fn named_maps(&self, maps: &[SymbolId], code: &mut [RawInsn]) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for reloc in &self.plan.image.relocs {
            let Some(symbol) = maps.get(reloc.kind.map().index()) else { continue };
            let Some([first, second]) = code.get_mut(reloc.slot..reloc.slot.saturating_add(2))
            else {
                continue;
            };
            let added = match reloc.kind {
                RelocKind::Map(_) => 0,
                RelocKind::MapValue(_) => second.imm,
            };
            *first = RawInsn::new(first.op, first.dst(), pseudo::CONST, first.off, added);
            second.imm = 0;
            wishes.push(Wish { slot: reloc.slot, symbol: *symbol, kind: elf::R_BPF_64_64 });
        }
        wishes
    }

    fn license(&mut self) {
        let section = self.section("license", SectionKind::Data);
        let mut text = self.plan.options.license.as_bytes().to_vec();
        text.push(0);
        let at = self.object.append_section_data(section, &text, 1);
        self.symbol(LICENSE, SymbolKind::Data, (section, at), wide(text.len()));
    }
}

/// What calls functions of the program or takes their addresses.
fn called(plan: &Plan<'_>, functions: &[(usize, SymbolId)], code: &mut [RawInsn]) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for (slot, target) in calls(plan.image) {
        let found = functions.binary_search_by_key(&target, |(start, _)| *start);
        let found = found.ok().and_then(|at| functions.get(at));
        let (Some((_, symbol)), Some(raw)) = (found, code.get_mut(slot)) else { continue };
        let callback = raw.op == LOAD_IMM64;
        let (kind, source, added) = if callback {
            (elf::R_BPF_64_64, pseudo::FUNC, 0)
        } else {
            (elf::R_BPF_64_32, PSEUDO_CALL, -1)
        };
        *raw = RawInsn::new(raw.op, raw.dst(), source, raw.off, added);
        wishes.push(Wish { slot, symbol: *symbol, kind });
    }
    wishes
}
