//! Maps: their declarations, and the instructions that name them before or after.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use crate::insn::{Imm64, Insn};
use crate::map::{MapDecl, MapFlags, MapId, MapKind};
use crate::parse::cursor::{Cursor, Read, range};
use crate::parse::error::{Fault, Wrong};

/// The maps of a text.
#[derive(Default)]
pub(super) struct Maps<'t> {
    decls: Vec<MapDecl>,
    /// The first of each name.
    by_name: HashMap<Cow<'t, str>, u16>,
    wanted: Vec<Wanted<'t>>,
}

/// A map that an instruction names.
struct Wanted<'t> {
    at: usize,
    name: Cow<'t, str>,
    /// Its place among the declarations, where the name is that of several.
    place: Option<u16>,
    span: Range<usize>,
}

impl<'t> Maps<'t> {
    /// Reads what stands behind `.map`.
    pub(super) fn declare(&mut self, cursor: &mut Cursor<'t>) -> Read<()> {
        cursor.blanks();
        let start = *cursor;
        let name = cursor.map().ok_or_else(|| start.expected("the name of a map"))?;
        cursor.blanks();
        let word = *cursor;
        let kind = MapKind::from_name(cursor.word());
        let kind = kind.ok_or_else(|| word.expected("a kind of map, such as `hash` or `array`"))?;
        let mut decl = MapDecl {
            name: name.clone().into_owned(),
            kind,
            key_size: 0,
            value_size: 0,
            max_entries: 0,
            flags: MapFlags::NONE,
        };
        while !cursor.is_end() {
            field(cursor, &mut decl)?;
        }
        let id = u16::try_from(self.decls.len());
        let id = id.map_err(|_| cursor.since(&start, Wrong::TooManyMaps))?;
        self.by_name.entry(name).or_insert(id);
        self.decls.push(decl);
        Ok(())
    }

    /// Reads the map that the instruction `at` names, up to the bracket that closes.
    pub(super) fn wanted(&mut self, cursor: &mut Cursor<'t>, at: usize) -> Read<MapId> {
        cursor.blanks();
        let start = *cursor;
        let name = cursor.map().ok_or_else(|| start.expected("the name of a map"))?;
        let mut place = None;
        if cursor.eat("#") {
            let number = cursor.number()?.value().and_then(|number| u16::try_from(number).ok());
            place = Some(number.ok_or_else(|| cursor.since(&start, range(0, u16::MAX)))?);
        }
        let span = start.place()..cursor.place();
        self.wanted.push(Wanted { at, name, place, span });
        Ok(MapId(0))
    }

    /// The declarations, `insns` naming them.
    pub(super) fn settle(self, insns: &mut [Insn], faults: &mut Vec<Fault>) -> Vec<MapDecl> {
        for wanted in self.wanted {
            let id = wanted.place.or_else(|| self.by_name.get(&wanted.name).copied());
            let decl = id.and_then(|id| self.decls.get(usize::from(id)));
            match (id, decl) {
                (Some(id), Some(decl)) if decl.name == wanted.name => {
                    if let Some(insn) = insns.get_mut(wanted.at) {
                        name(insn, MapId(id));
                    }
                }
                _ => {
                    let map = match wanted.place {
                        Some(place) => format!("{}#{place}", wanted.name),
                        None => wanted.name.into_owned(),
                    };
                    faults.push(Fault { span: wanted.span, wrong: Wrong::UnknownMap { map } });
                }
            }
        }
        self.decls
    }
}

/// Lets an instruction name a map.
fn name(insn: &mut Insn, id: MapId) {
    if let Insn::LoadImm64 { value: Imm64::Map(map) | Imm64::MapValue { map, .. }, .. } = insn {
        *map = id;
    }
}

/// Reads a number of a declaration behind the word that says which.
fn field(cursor: &mut Cursor<'_>, decl: &mut MapDecl) -> Read<()> {
    cursor.blanks();
    let start = *cursor;
    let word = cursor.word();
    if !matches!(word, "key" | "value" | "max" | "flags") {
        return Err(start.expected("`key`, `value`, `max` or `flags`"));
    }
    let number = cursor.number()?.bits64().and_then(|number| u32::try_from(number).ok());
    let number = number.ok_or_else(|| cursor.since(&start, range(0, u32::MAX)))?;
    match word {
        "key" => decl.key_size = number,
        "value" => decl.value_size = number,
        "max" => decl.max_entries = number,
        _ => decl.flags = MapFlags::from_bits(number),
    }
    Ok(())
}
