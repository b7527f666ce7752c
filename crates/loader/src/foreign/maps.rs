//! The maps of an object: those that it declares and those that its variables are.

use std::collections::BTreeSet;

use aya_obj::{EbpfSectionKind, Map};
use palisade_asm::{MapDecl, MapFlags, MapKind};

use super::error::ForeignError;

/// The longest name that a pin can have.
const MOST_NAME: usize = 64;

/// What a map holds before the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Whatever a new map holds.
    Empty,
    /// The program's variables, as they begin.
    Variables(Vec<u8>),
    /// The program's constants; nobody writes to them any more.
    Constants(Vec<u8>),
}

/// A map of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignMap {
    /// Its declaration, under a name that a pin can have and no other map of the program has.
    pub decl: MapDecl,
    /// What it holds at first.
    pub contents: Contents,
}

impl ForeignMap {
    /// The map that the object declares under `name`.
    pub(super) fn of(
        name: &str,
        map: &Map,
        taken: &mut BTreeSet<String>,
    ) -> Result<Self, ForeignError> {
        let wish = |wants| ForeignError::MapWish { map: name.to_owned(), wants };
        let number = map.map_type();
        let kind = MapKind::from_number(number)
            .ok_or_else(|| ForeignError::MapKind { map: name.to_owned(), number })?;
        match kind {
            MapKind::ArrayOfMaps | MapKind::HashOfMaps => {
                return Err(wish("holds other maps, which have to be made for it"));
            }
            _ if map.map_extra() != 0 => return Err(wish("has a setting besides its flags")),
            _ => {}
        }
        let contents = match map.section_kind() {
            EbpfSectionKind::Rodata => Contents::Constants(map.data().to_vec()),
            EbpfSectionKind::Data | EbpfSectionKind::Bss => {
                Contents::Variables(map.data().to_vec())
            }
            _ => Contents::Empty,
        };
        let decl = MapDecl {
            name: pin_name(name, taken),
            kind,
            key_size: map.key_size(),
            value_size: map.value_size(),
            max_entries: map.max_entries(),
            flags: MapFlags::from_bits(map.map_flags()),
        };
        Ok(Self { decl, contents })
    }
}

/// A name for a pin: what a pin cannot have in its name becomes `_`, dots in front go, and a name
/// that is taken gets a number.
fn pin_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "_:+-".contains(c) { c } else { '_' };
    let plain: String = name.trim_start_matches('.').chars().map(fits).take(MOST_NAME).collect();
    let plain = if plain.is_empty() { "map".to_owned() } else { plain };
    let numbered = |number: u32| {
        let end = format!("_{number}");
        let kept: String = plain.chars().take(MOST_NAME - end.len()).collect();
        kept + &end
    };
    let mut names = std::iter::once(plain.clone()).chain((2..).map(numbered));
    let name = names.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_that_a_pin_can_have_and_nobody_else_has() {
        let mut taken = BTreeSet::new();
        let long = "x".repeat(70);
        let names: Vec<_> = [".rodata", "rodata", ".rodata.str1.1", "hits", "..", &long, &long]
            .map(|name| pin_name(name, &mut taken))
            .into();
        assert_eq!(names[..5], ["rodata", "rodata_2", "rodata_str1_1", "hits", "map"]);
        assert_eq!(names[5], "x".repeat(64));
        assert_eq!(names[6], format!("{}_2", "x".repeat(62)));
    }
}
