//! Which program of an object is meant, and whether it is one for an interface.
//!
//! A program is a function in a section of code whose name says what sort it is; functions in
//! `.text` are called by programs and are none. Only sections named as the kernel's own library
//! wants them say XDP.

use super::elf::{Elf, Symbol, SymbolKind};
use super::error::{ForeignError, ProgramName};
use crate::program::Buffers;

/// The most functions of an object: the kernel takes 256 of one program.
pub(super) const MOST_FUNCTIONS: usize = 512;

/// What a section has to do with a program, by its name. The reader of objects goes by the same
/// beginnings of names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Functions that programs call.
    Text,
    /// Programs.
    Programs,
    /// Maps, declared by their types.
    Maps,
    /// Maps, declared by structures.
    OldMaps,
    /// Variables, which are maps of one value.
    Variables,
    Types,
    TypesOfCode,
    License,
    /// Nothing.
    Other,
}

impl Role {
    pub(super) fn of(name: &str, executable: bool) -> Self {
        let begins = |with| name.starts_with(with);
        match name {
            ".BTF" => Self::Types,
            ".BTF.ext" => Self::TypesOfCode,
            ".maps" => Self::Maps,
            "license" => Self::License,
            _ if begins(".text") => Self::Text,
            _ if begins("maps") => Self::OldMaps,
            _ if begins(".data") || begins(".rodata") || begins(".bss") => Self::Variables,
            // These are taken for something else by their beginnings.
            _ if begins("license") || begins("version") || begins(".maps") => Self::Other,
            _ if executable => Self::Programs,
            _ => Self::Other,
        }
    }
}

/// The program that is meant.
pub(super) struct Chosen<'a> {
    pub(super) function: Symbol<'a>,
    pub(super) section: usize,
    pub(super) name: ProgramName,
    pub(super) buffers: Buffers,
}

/// What sort of program a section holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Interface(Buffers),
    OfMap,
    Stranger,
}

fn sort(section: &str) -> Sort {
    match section {
        "xdp" => Sort::Interface(Buffers::Single),
        "xdp.frags" => Sort::Interface(Buffers::Multi),
        "xdp/devmap" | "xdp/cpumap" | "xdp.frags/devmap" | "xdp.frags/cpumap" => Sort::OfMap,
        _ => Sort::Stranger,
    }
}

/// The program whose section or function has the name that is asked for, or else the only one.
pub(super) fn choose<'a>(elf: &Elf<'a>, asked: Option<&str>) -> Result<Chosen<'a>, ForeignError> {
    let programs = programs(elf)?;
    let names = |of: &[Found<'a>]| -> Vec<ProgramName> {
        let mut names: Vec<_> = of.iter().map(|found| found.name.clone()).collect();
        names.sort();
        names
    };
    let meant: Vec<Found<'a>> = match asked {
        Some(asked) => {
            let named = |found: &&Found<'a>| found.name.function == asked;
            let of_section = |found: &&Found<'a>| found.name.section == asked;
            let by_name: Vec<_> = programs.iter().filter(named).cloned().collect();
            if by_name.is_empty() {
                programs.iter().filter(of_section).cloned().collect()
            } else {
                by_name
            }
        }
        None => {
            let ours = |found: &&Found<'a>| sort(&found.name.section) != Sort::Stranger;
            let for_xdp: Vec<_> = programs.iter().filter(ours).cloned().collect();
            if for_xdp.is_empty() { programs.clone() } else { for_xdp }
        }
    };
    match (meant.as_slice(), asked) {
        ([one], _) => one.clone().checked(),
        ([], Some(asked)) if !programs.is_empty() => {
            Err(ForeignError::Unknown { asked: asked.to_owned(), programs: names(&programs) })
        }
        ([], _) => Err(ForeignError::NoProgram),
        (several, _) => Err(ForeignError::Several { programs: names(several) }),
    }
}

#[derive(Clone)]
struct Found<'a> {
    function: Symbol<'a>,
    section: usize,
    name: ProgramName,
}

impl<'a> Found<'a> {
    /// It, if it is for an interface.
    fn checked(self) -> Result<Chosen<'a>, ForeignError> {
        let Found { function, section, name } = self;
        match sort(&name.section) {
            Sort::Interface(buffers) => Ok(Chosen { function, section, name, buffers }),
            Sort::OfMap => Err(ForeignError::OfMap { program: name }),
            Sort::Stranger => Err(ForeignError::NotXdp { program: name }),
        }
    }
}

fn programs<'a>(elf: &Elf<'a>) -> Result<Vec<Found<'a>>, ForeignError> {
    let functions = elf.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Function);
    let mut programs = Vec::new();
    for function in functions.filter(|function| function.size > 0 && !function.name.is_empty()) {
        let Some(at) = function.section else { continue };
        let Some(section) = elf.sections.get(at) else { continue };
        if Role::of(section.name, section.executable) == Role::Programs {
            let (function_name, section) = (function.name.to_owned(), section.name.to_owned());
            let name = ProgramName { function: function_name, section };
            programs.push(Found { function: *function, section: at, name });
        }
    }
    ForeignError::at_most("functions", programs.len(), MOST_FUNCTIONS)?;
    Ok(programs)
}
