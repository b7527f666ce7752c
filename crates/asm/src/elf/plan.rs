//! What goes where in an object, decided before anything is written, and refused where it has no
//! place.

use std::collections::{BTreeMap, BTreeSet};

use super::{ElfError, ObjectOptions};
use crate::btf::object::{
    CodeSection, Contents, NamedMap, NamedVar, ObjectBtf, VarSection, describe,
};
use crate::btf::{BtfError, Layout, MapLayout, Taken, functions, identifier, unique};
use crate::image::{Image, RelocKind};
use crate::map::{MapDecl, MapFlags, MapKind};
use crate::opcode::{LOAD_IMM64, pseudo};

/// The section of variables that do not begin as zeros.
pub(super) const DATA: &str = ".data";
/// The section of those that do.
pub(super) const BSS: &str = ".bss";
/// What the license is called.
pub(super) const LICENSE: &str = "_license";

/// Where a map is in the object.
#[derive(Clone, Copy)]
pub(super) enum Home {
    /// In `.maps`.
    Map,
    /// A variable in `.data`, that far from its start.
    Data(u32),
    /// The same in `.bss`.
    Bss(u32),
}

/// What goes where, decided before anything is written.
pub(super) struct Plan<'a> {
    pub(super) image: &'a Image,
    pub(super) options: &'a ObjectOptions<'a>,
    pub(super) functions: BTreeMap<usize, String>,
    pub(super) code: Vec<CodeSection>,
    /// By map, its name and its place.
    pub(super) maps: Vec<(String, Home)>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(image: &'a Image, options: &'a ObjectOptions<'a>) -> Result<Self, ElfError> {
        let variables = variables(image, options);
        check(image, options, &variables)?;
        let functions = functions(image);
        let mut code = vec![CodeSection { name: options.section.name(), start: 0 }];
        let text = functions.keys().copied().find(|start| *start > 0);
        code.extend(text.map(|start| CodeSection { name: ".text", start }));
        let mut taken: Taken = functions.values().map(|name| (name.clone(), 1)).collect();
        taken.insert(LICENSE.to_owned(), 1);
        let (mut data, mut bss) = (0, 0);
        let mut maps = Vec::with_capacity(image.maps.len());
        for (number, decl) in image.maps.iter().enumerate() {
            let home = match (variables.contains(&number), options.values.get(&number)) {
                (false, _) => Home::Map,
                (true, Some(value)) if value.iter().any(|byte| *byte != 0) => {
                    Home::Data(place(&mut data, decl.value_size))
                }
                (true, _) => Home::Bss(place(&mut bss, decl.value_size)),
            };
            maps.push((unique(&identifier(&decl.name), &mut taken), home));
        }
        Ok(Self { image, options, functions, code, maps })
    }

    fn layout(&self, number: usize) -> Option<&MapLayout> {
        self.options.layouts.get(number)?.as_ref()
    }

    /// The maps of a place, with their numbers.
    fn of(&self, wanted: fn(Home) -> Option<u32>) -> impl Iterator<Item = (u32, usize)> + '_ {
        let placed = self.maps.iter().enumerate();
        placed.filter_map(move |(number, (_, home))| Some((wanted(*home)?, number)))
    }

    pub(super) fn describe(&self) -> Result<ObjectBtf, BtfError> {
        let maps: Vec<NamedMap<'_>> = self
            .of(in_maps)
            .filter_map(|(_, number)| {
                let (name, decl) = (&self.maps.get(number)?.0, self.image.maps.get(number)?);
                Some(NamedMap { name, decl, layout: self.layout(number) })
            })
            .collect();
        let vars =
            [(DATA, in_data as fn(Home) -> Option<u32>), (BSS, in_bss)].map(|(name, place)| {
                let vars = self.of(place).filter_map(|(offset, number)| {
                    let decl = self.image.maps.get(number)?;
                    let told = self.layout(number).map(|layout| layout.value.clone());
                    let layout = told.unwrap_or_else(|| Layout::bytes(decl.value_size));
                    Some(NamedVar { name: &self.maps.get(number)?.0, offset, layout })
                });
                VarSection { name, vars: vars.collect() }
            });
        let contents = Contents {
            image: self.image,
            file: self.options.file,
            functions: &self.functions,
            code: &self.code,
            maps: &maps,
            vars: &vars,
        };
        describe(&contents, self.options.order)
    }
}

fn in_maps(home: Home) -> Option<u32> {
    matches!(home, Home::Map).then_some(0)
}

fn in_data(home: Home) -> Option<u32> {
    if let Home::Data(offset) = home { Some(offset) } else { None }
}

fn in_bss(home: Home) -> Option<u32> {
    if let Home::Bss(offset) = home { Some(offset) } else { None }
}

/// Places a variable behind those before it, in whole words.
fn place(end: &mut u32, size: u32) -> u32 {
    let offset = *end;
    *end = end.saturating_add(size).checked_next_multiple_of(8).unwrap_or(u32::MAX);
    offset
}

/// The maps that are reached by address, or begin with a value.
fn variables(image: &Image, options: &ObjectOptions<'_>) -> BTreeSet<usize> {
    let by_address = image.relocs.iter().filter_map(|reloc| match reloc.kind {
        RelocKind::MapValue(map) => Some(map.index()),
        RelocKind::Map(_) => None,
    });
    by_address.chain(options.values.keys().copied()).collect()
}

/// The maps that helpers reach.
fn helped(image: &Image) -> BTreeSet<usize> {
    let by_helpers = image.relocs.iter().filter_map(|reloc| match reloc.kind {
        RelocKind::Map(map) => Some(map.index()),
        RelocKind::MapValue(_) => None,
    });
    by_helpers.collect()
}

/// Refuses what an object cannot say.
fn check(
    image: &Image,
    options: &ObjectOptions<'_>,
    variables: &BTreeSet<usize>,
) -> Result<(), ElfError> {
    let helped = helped(image);
    for (number, decl) in image.maps.iter().enumerate() {
        let plain = decl.kind == MapKind::Array
            && decl.max_entries == 1
            // Libraries map what holds variables into memory anyway.
            && [MapFlags::NONE, MapFlags::MMAPABLE].contains(&decl.flags)
            && !helped.contains(&number);
        if variables.contains(&number) && !plain {
            return Err(ElfError::NoVariable { map: decl.name.clone() });
        }
        check_layout(decl, options.layouts.get(number).and_then(Option::as_ref))?;
    }
    for (map, value) in options.values {
        let size = image.maps.get(*map).map(|decl| usize::try_from(decl.value_size));
        if size != Some(Ok(value.len())) {
            return Err(ElfError::Value { map: *map, given: value.len() });
        }
    }
    check_numbers(image)
}

fn check_layout(decl: &MapDecl, layout: Option<&MapLayout>) -> Result<(), ElfError> {
    let fits = |layout: &MapLayout| {
        (layout.key.size(), layout.value.size()) == (decl.key_size, decl.value_size)
    };
    if layout.is_none_or(fits) { Ok(()) } else { Err(ElfError::Layout { map: decl.name.clone() }) }
}

/// Every map that is named must be named by a relocation.
fn check_numbers(image: &Image) -> Result<(), ElfError> {
    let placed: BTreeSet<usize> = image.relocs.iter().map(|reloc| reloc.slot).collect();
    let mut slots = image.code.iter().enumerate();
    while let Some((slot, raw)) = slots.next() {
        if raw.op != LOAD_IMM64 {
            continue;
        }
        let plain = [pseudo::CONST, pseudo::BTF_ID, pseudo::FUNC].contains(&raw.src());
        if !plain && !placed.contains(&slot) {
            return Err(ElfError::Numbered { slot });
        }
        slots.next();
    }
    Ok(())
}
