//! From an object that was checked to one linked program, by `aya-obj`.
//!
//! It puts functions behind the program that calls them, finds the places of the kernel's types, and
//! puts a number where a map is named. Those numbers are made up, each map's place in a list; they
//! become the maps of an image, and a descriptor never enters. What here is given must have passed
//! the checks: aya-obj panics on much, and loops or reads wrongly on some of what they refuse.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aya_obj::btf::{Btf, BtfFeatures};
use aya_obj::generated::bpf_insn;
use aya_obj::{Function, Map, Object as Parsed};
use object::Endianness;
use palisade_asm::btf::{FuncInfo, LineInfo, ProgramBtf};
use palisade_asm::{ByteOrder, Image, Note, RawInsn};

use super::choose::Chosen;
use super::error::ForeignError;
use super::maps::ForeignMap;
use super::types::Types;

/// How a 64-bit load says that its number is a map's descriptor, or that of a map whose value's
/// address is meant; and the same by the map's place in a list.
const LOAD_IMM64: u8 = 0x18;
const MAP_FD: u8 = 1;
const MAP_VALUE: u8 = 2;
const MAP_IDX: u8 = 5;
const MAP_IDX_VALUE: u8 = 6;

/// A program that is linked.
pub(super) struct Linked {
    pub(super) image: Image,
    pub(super) maps: Vec<ForeignMap>,
    pub(super) btf: Option<ProgramBtf>,
}

/// Links the chosen program of an object; `kernel` is the type information of the kernel, where it
/// is needed.
pub(super) fn link(
    bytes: &[u8],
    chosen: &Chosen<'_>,
    named: &[(usize, usize)],
    types: Option<&Types<'_>>,
    kernel: Option<&[u8]>,
) -> Result<Linked, ForeignError> {
    let mut object = Parsed::parse(bytes).map_err(|error| refused(&error))?;
    let value = u64::try_from(chosen.function.value).unwrap_or(u64::MAX);
    let key = (chosen.section, value);
    object.programs.retain(|_, program| program.function_key() == key);
    if let Some(kernel) = kernel {
        let kernel = Btf::parse(kernel, Endianness::default()).map_err(|error| refused(&error))?;
        object.relocate_btf(&kernel).map_err(|error| refused(&error))?;
    }
    let info = object.fixup_and_sanitize_btf(&all_features());
    let info = info.ok().flatten().map(Btf::to_bytes);
    let mut maps: Vec<(String, Map)> = std::mem::take(&mut object.maps).into_iter().collect();
    // Out of a table without an order: the image shall be the same each time.
    maps.sort_by(|(a, _), (b, _)| a.cmp(b));
    all_declared(&maps, named)?;
    let code: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let numbered = (0..).zip(&maps).map(|(number, (name, map))| (name.as_str(), number, map));
    object.relocate_maps(numbered, &code).map_err(|error| refused(&error))?;
    // Functions are linked once each, and told apart by their addresses, which two sections share.
    for (number, function) in (0..).zip(object.functions.values_mut()) {
        function.address = number;
    }
    object.relocate_calls(&code).map_err(|error| refused(&error))?;
    let function = object.functions.get(&key);
    let function = function.ok_or_else(|| ForeignError::Link {
        why: format!("the program `{}` is lost", chosen.name.function),
    })?;
    finish(function, &maps, types, info)
}

/// An error where the code names something among the declarations of maps that is none of them: it
/// would be taken for any of them.
fn all_declared(maps: &[(String, Map)], named: &[(usize, usize)]) -> Result<(), ForeignError> {
    for (symbol, section) in named {
        let of_section = || maps.iter().filter(|(_, map)| map.section_index() == *section);
        let declares = of_section().any(|(_, map)| map.symbol_index().is_some());
        if declares && !of_section().any(|(_, map)| map.symbol_index() == Some(*symbol)) {
            return Err(ForeignError::Link {
                why: "a map is named that is not declared".to_owned(),
            });
        }
    }
    Ok(())
}

fn all_features() -> BtfFeatures {
    BtfFeatures::new(true, true, true, true, true, true, true, true)
}

/// Why aya-obj refuses, with what led to that.
fn refused(error: &dyn std::error::Error) -> ForeignError {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        why += &format!(": {error}");
        source = error.source();
    }
    ForeignError::Link { why }
}

fn finish(
    function: &Function,
    maps: &[(String, Map)],
    types: Option<&Types<'_>>,
    info: Option<Vec<u8>>,
) -> Result<Linked, ForeignError> {
    let mut code: Vec<RawInsn> = function.instructions.iter().map(raw).collect();
    let used = name_maps(&mut code);
    let mut taken = BTreeSet::new();
    let mut declared = Vec::new();
    for number in &used {
        let (name, map) = maps.get(*number).ok_or_else(|| ForeignError::Link {
            why: "a map is named that is not declared".to_owned(),
        })?;
        declared.push(ForeignMap::of(name, map, &mut taken)?);
    }
    let decls = declared.iter().map(|map| map.decl.clone()).collect();
    let mut image = Image::new(code, decls);
    let functions = functions(function);
    let lines = lines(function);
    if let Some(types) = types {
        let line = |info: &LineInfo| {
            let line = types.line(info.text, info.line)?;
            Some((usize::try_from(info.slot).ok()?, Note::line(line.number, line.text)))
        };
        image.notes = lines.iter().filter_map(line).collect();
        let label = |info: &FuncInfo| {
            let name = types.name(info.of)?.to_owned();
            Some((usize::try_from(info.slot).ok()?, name.into()))
        };
        image.labels = functions.iter().filter_map(label).collect::<BTreeMap<_, _>>();
    }
    let described = |types| ProgramBtf::given(ByteOrder::HOST, types, functions, lines);
    Ok(Linked { image, maps: declared, btf: info.map(described) })
}

fn raw(insn: &bpf_insn) -> RawInsn {
    RawInsn::new(insn.code, insn.dst_reg(), insn.src_reg(), insn.off, insn.imm)
}

/// Has the code name its maps by their places among those that it names at all, which come back in
/// their order.
fn name_maps(code: &mut [RawInsn]) -> Vec<usize> {
    let mut used = Vec::new();
    let mut load = false;
    for slot in code {
        load = !load && slot.op == LOAD_IMM64;
        let source = match slot.src() {
            MAP_FD => MAP_IDX,
            MAP_VALUE => MAP_IDX_VALUE,
            _ => continue,
        };
        let Some(number) = usize::try_from(slot.imm).ok().filter(|_| load) else { continue };
        let place = used.iter().position(|other| *other == number).unwrap_or_else(|| {
            used.push(number);
            used.len() - 1
        });
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        *slot = RawInsn::new(slot.op, slot.dst(), source, slot.off, place);
    }
    used
}

fn functions(function: &Function) -> Vec<FuncInfo> {
    let records = function.func_info.func_info.iter();
    records.map(|record| FuncInfo { slot: record.insn_off, of: record.type_id }).collect()
}

fn lines(function: &Function) -> Vec<LineInfo> {
    let records = function.line_info.line_info.iter();
    let line = records.map(|record| LineInfo {
        slot: record.insn_off,
        file: record.file_name_off,
        text: record.line_off,
        line: record.line_col,
    });
    line.collect()
}
