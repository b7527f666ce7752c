//! What an object file says besides: its maps as libbpf reads them, its variables, and the functions
//! and lines by section.
//!
//! A map is a variable of the section `.maps` whose struct has a member for each of its traits. A
//! number is the length of an array that a member points to, a type is what a member points to. The
//! kernel is told less of this than the loader, and never sees `.BTF.ext`.

use std::collections::BTreeMap;

use super::layout::{Layout, MapLayout};
use super::program;
use super::types::{Linkage, Member, Placed, StringAt, Type, TypeId, Types};
use super::{BtfError, write};
use crate::image::Image;
use crate::map::MapDecl;
use crate::order::ByteOrder;
use crate::raw::SLOT_BYTES;

/// A map under the name that it has in the object.
pub(crate) struct NamedMap<'a> {
    pub(crate) name: &'a str,
    pub(crate) decl: &'a MapDecl,
    pub(crate) layout: Option<&'a MapLayout>,
}

/// A section of variables.
pub(crate) struct VarSection<'a> {
    pub(crate) name: &'static str,
    pub(crate) vars: Vec<NamedVar<'a>>,
}

/// A variable, and where it stands in its section.
pub(crate) struct NamedVar<'a> {
    pub(crate) name: &'a str,
    pub(crate) offset: u32,
    pub(crate) layout: Layout,
}

/// A section of code: its name, and its first slot in the image.
pub(crate) struct CodeSection {
    pub(crate) name: &'static str,
    pub(crate) start: usize,
}

/// The two sections of type information.
pub(crate) struct ObjectBtf {
    pub(crate) btf: Vec<u8>,
    pub(crate) ext: Vec<u8>,
    /// Bytes of each map in `.maps`, by its place there.
    pub(crate) map_sizes: Vec<u32>,
}

/// What there is in the object.
pub(crate) struct Contents<'a> {
    pub(crate) image: &'a Image,
    pub(crate) file: &'a str,
    pub(crate) functions: &'a BTreeMap<usize, String>,
    /// In the order of their slots.
    pub(crate) code: &'a [CodeSection],
    pub(crate) maps: &'a [NamedMap<'a>],
    pub(crate) vars: &'a [VarSection<'a>],
}

/// The type information of an object.
pub(crate) fn describe(of: &Contents<'_>, order: ByteOrder) -> Result<ObjectBtf, BtfError> {
    let mut types = Types::new(order);
    let map_sizes = maps(&mut types, of.maps);
    for section in of.vars {
        variables(&mut types, section);
    }
    let functions = program::func_info(&mut types, of.image, of.functions);
    let lines = program::line_info(&mut types, of.image, of.functions, of.file);
    let functions = functions.into_iter().map(|f| (f.slot, vec![f.of])).collect();
    let lines = lines.into_iter().map(|l| (l.slot, vec![l.file, l.text, l.line])).collect();
    let names: Vec<StringAt> = of.code.iter().map(|code| types.string(code.name)).collect();
    let ext = ext(order, &[by_section(of, &names, functions), by_section(of, &names, lines)])?;
    Ok(ObjectBtf { btf: write::write(&types)?, ext, map_sizes })
}

/// The section `.maps`; the sizes of its variables.
fn maps(types: &mut Types, maps: &[NamedMap<'_>]) -> Vec<u32> {
    let (mut vars, mut offset) = (Vec::new(), 0);
    for map in maps {
        let members = traits(types, map);
        let size = u32::try_from(members.len()).unwrap_or(u32::MAX).saturating_mul(8);
        let of = types.add(Type::Struct { name: 0, size, members });
        vars.push(Placed { var: variable(types, map.name, of), offset, size });
        offset += size;
    }
    let sizes = vars.iter().map(|var| var.size).collect();
    section(types, ".maps", vars, offset);
    sizes
}

/// The members by which libbpf knows a map.
fn traits(types: &mut Types, map: &NamedMap<'_>) -> Vec<Member> {
    let MapDecl { name: _, kind, key_size, value_size, max_entries, flags } = map.decl;
    let kind = number(types, kind.number());
    let (key, value) = match map.layout {
        Some(MapLayout { key, value }) => {
            let (key, value) = (types.layout(key), types.layout(value));
            (("key", types.add(Type::Ptr(key))), ("value", types.add(Type::Ptr(value))))
        }
        None => {
            (("key_size", number(types, *key_size)), ("value_size", number(types, *value_size)))
        }
    };
    let mut traits = vec![("type", kind), key, value];
    traits.push(("max_entries", number(types, *max_entries)));
    if flags.bits() != 0 {
        traits.push(("map_flags", number(types, flags.bits())));
    }
    let mut members = Vec::with_capacity(traits.len());
    for (bit, (name, of)) in (0..).step_by(64).zip(traits) {
        members.push(Member { name: types.string(name), of, bit, bits: None });
    }
    members
}

/// A number as a type: a pointer to an array of that length, of bytes so that it is never too long.
fn number(types: &mut Types, number: u32) -> TypeId {
    let byte = types.layout(&Layout::U8);
    let array = types.array(byte, number);
    types.add(Type::Ptr(array))
}

fn variables(types: &mut Types, of: &VarSection<'_>) {
    let (mut vars, mut end) = (Vec::new(), 0);
    for NamedVar { name, offset, layout } in &of.vars {
        let kind = types.layout(layout);
        let size = layout.size();
        vars.push(Placed { var: variable(types, name, kind), offset: *offset, size });
        end = offset.saturating_add(size);
    }
    section(types, of.name, vars, end);
}

fn variable(types: &mut Types, name: &str, of: TypeId) -> TypeId {
    let name = types.string(name);
    types.add(Type::Var { name, of, linkage: Linkage::Global })
}

fn section(types: &mut Types, name: &str, vars: Vec<Placed>, size: u32) {
    if !vars.is_empty() {
        let name = types.string(name);
        types.add(Type::DataSec { name, size, vars });
    }
}

/// The records of one kind: how many words each has, and those of each section under its name.
struct Records {
    words: u32,
    sections: Vec<(StringAt, Vec<Vec<u32>>)>,
}

/// Sorts records into their sections; a slot becomes the bytes before it there.
fn by_section(of: &Contents<'_>, names: &[StringAt], records: Vec<(u32, Vec<u32>)>) -> Records {
    let words = records.first().map_or(0, |(_, rest)| rest.len() + 1);
    let mut sections: Vec<(StringAt, Vec<Vec<u32>>)> =
        names.iter().map(|name| (*name, Vec::new())).collect();
    for (slot, rest) in records {
        let slot = usize::try_from(slot).unwrap_or(usize::MAX);
        let at = of.code.iter().rposition(|code| code.start <= slot);
        let found = at.and_then(|at| Some((of.code.get(at)?, sections.get_mut(at)?)));
        if let Some((code, (_, section))) = found {
            let bytes = u32::try_from((slot - code.start) * SLOT_BYTES).unwrap_or(u32::MAX);
            section.push(std::iter::once(bytes).chain(rest).collect());
        }
    }
    sections.retain(|(_, records)| !records.is_empty());
    Records { words: u32::try_from(words).unwrap_or(0), sections }
}

/// Bytes of the header of `.BTF.ext`, with room for relocations that there are none of.
const EXT_HEADER: u32 = 32;

/// The `.BTF.ext` bytes: a header, then functions and lines, each with the size of a record before
/// it.
fn ext(order: ByteOrder, parts: &[Records; 2]) -> Result<Vec<u8>, BtfError> {
    let parts = parts.each_ref().map(|part| {
        let mut words = vec![part.words.saturating_mul(4)];
        for (name, records) in &part.sections {
            words.extend([*name, u32::try_from(records.len()).unwrap_or(u32::MAX)]);
            words.extend(records.iter().flatten());
        }
        words
    });
    let [functions, lines] = parts.each_ref().map(|words| write::length(words.len() * 4));
    let (functions, lines) = (functions?, lines?);
    let places = [EXT_HEADER, 0, functions, functions, lines, functions + lines, 0];
    let mut bytes = write::preamble(order);
    let words = places.into_iter().chain(parts.into_iter().flatten());
    bytes.extend(words.flat_map(|word| order.bytes32(word)));
    Ok(bytes)
}
