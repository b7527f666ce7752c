//! The type information of an object: everything in it that is followed later is checked here, in
//! one walk, before the reader of objects sees it.
//!
//! What passes has no reference to a type that is not there, no name without an end, no number
//! where only some have a meaning, and so many records at most that going through them for each
//! other ends soon. What is said of code that is blanked out is taken out of the copy as well.

use object::Endianness;

use super::elf::{Section, index, name_at};
use super::error::ForeignError;

const MAGIC: u16 = 0xeb9f;
/// The most types, and the most maps that they declare.
const MOST_TYPES: usize = 1 << 17;
const MOST_MAPS: usize = 256;
/// The most bytes of what is said of code, which is gone through once for each function.
const MOST_OF_CODE: usize = 4 << 20;
/// The most places that depend on types of the kernel, and the most types that they are of, each of
/// which is looked for among all types of the kernel.
const MOST_PLACES: usize = 1 << 16;
const MOST_WANTED: usize = 1024;
/// The most bytes of a line of the source that are shown.
const MOST_LINE: usize = 240;
/// The longest path to a field, as text.
const MOST_PATH: usize = 256;

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) text: String,
}

/// The type information of an object.
pub(super) struct Types<'a> {
    endian: Endianness,
    strings: &'a [u8],
    /// The name of each type, by its number, as a place among the strings.
    names: Vec<u32>,
}

/// Numbers out of foreign bytes; `None` past their end.
#[derive(Clone, Copy)]
struct Reader<'a> {
    endian: Endianness,
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.data.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u32(self, at: usize) -> Option<u32> {
        let bytes = self.array(at)?;
        Some(match self.endian {
            Endianness::Little => u32::from_le_bytes(bytes),
            Endianness::Big => u32::from_be_bytes(bytes),
        })
    }

    fn size(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    fn magic(self) -> Option<u16> {
        let bytes = self.array(0)?;
        Some(match self.endian {
            Endianness::Little => u16::from_le_bytes(bytes),
            Endianness::Big => u16::from_be_bytes(bytes),
        })
    }

    /// The part whose place, after the header, and length stand at two numbers.
    fn part(self, header: usize, at: usize) -> Option<&'a [u8]> {
        let start = header.checked_add(self.size(at)?)?;
        self.data.get(start..start.checked_add(self.size(at + 4)?)?)
    }

    /// The length of the header, of at least `least` bytes.
    fn header(self, least: usize) -> Option<usize> {
        let len = self.size(4)?;
        let sound = self.magic()? == MAGIC && self.array::<1>(2)? == [1] && len >= least;
        (sound && len <= self.data.len()).then_some(len)
    }
}

fn wrong(wrong: &'static str) -> ForeignError {
    ForeignError::malformed("its type information", wrong)
}

impl<'a> Types<'a> {
    /// Reads and checks the types of a section `.BTF`.
    pub(super) fn read(section: &Section<'a>, endian: Endianness) -> Result<Self, ForeignError> {
        let reader = Reader { endian, data: section.data };
        let header = reader.header(24).ok_or_else(|| wrong("has no sound header"))?;
        let part = |at| reader.part(header, at).ok_or_else(|| wrong("ends beyond its section"));
        let (data, strings) = (part(8)?, part(16)?);
        if strings.last() != Some(&0) {
            return Err(wrong("has names without an end"));
        }
        let mut walk =
            Walk { reader: Reader { endian, data }, strings, names: vec![0], most: 0, maps: 0 };
        let mut at = 0;
        while at < data.len() {
            at = walk.step(at)?;
        }
        if index(walk.most) >= walk.names.len() {
            return Err(wrong("refers to a type that is not there"));
        }
        Ok(Self { endian, strings, names: walk.names })
    }

    fn has(&self, number: u32) -> bool {
        index(number) < self.names.len()
    }

    /// The name of a type.
    pub(super) fn name(&self, number: u32) -> Option<&str> {
        name_at(self.strings, *self.names.get(index(number))?)
    }

    /// A line of the source, as it is told of an instruction; none of what no line asked for.
    pub(super) fn line(&self, text: u32, line: u32) -> Option<Line> {
        let rest = self.strings.get(index(text)..)?;
        let end = rest.iter().take(MOST_LINE).position(|byte| *byte == 0);
        let shown = rest.get(..end.unwrap_or(MOST_LINE)).unwrap_or_default();
        let text = String::from_utf8_lossy(shown).trim().to_owned();
        // The lower ten bits are the column.
        (line >> 10 > 0).then_some(Line { number: line >> 10, text })
    }
}

/// A walk through the types.
struct Walk<'a> {
    reader: Reader<'a>,
    strings: &'a [u8],
    names: Vec<u32>,
    /// The greatest number of a type that is referred to.
    most: u32,
    /// How many maps are declared.
    maps: usize,
}

impl Walk<'_> {
    /// Checks the type at a place; where the next one begins.
    fn step(&mut self, at: usize) -> Result<usize, ForeignError> {
        let cut = || wrong("ends in the middle of a type");
        let word = |at| self.reader.u32(at).ok_or_else(cut);
        let (name, info, third) = (word(at)?, word(at + 4)?, word(at + 8)?);
        let (kind, count) = (info >> 24 & 0x1f, index(info & 0xffff));
        let text = self.name(name)?;
        let is_maps = kind == 15 && text == ".maps";
        if is_maps {
            self.maps += count;
            ForeignError::at_most("maps", self.maps, MOST_MAPS)?;
        }
        // The kinds in the kernel's order, each with the words that follow once, those that follow
        // for each part, and which of the latter are a name and a type.
        let (once, each, part_name, part_type) = match kind {
            1 | 17 => (1, 0, None, None),
            2 | 7..=12 | 16 | 18 => (0, 0, None, None),
            3 => (3, 0, None, None),
            4 | 5 => (0, 3, Some(0), Some(1)),
            6 => (0, 2, Some(0), None),
            13 => (0, 2, Some(0), Some(1)),
            14 => (1, 0, None, None),
            15 => (0, 3, None, Some(0)),
            19 => (0, 3, Some(0), None),
            _ => return Err(wrong("has a type of an unknown kind")),
        };
        let refers = matches!(kind, 2 | 8..=14 | 17 | 18);
        let mut most = if refers { third } else { 0 };
        let body = at + 12;
        if kind == 3 {
            most = word(body)?.max(word(body + 4)?);
        }
        // How a variable is linked has three ways, and the reader takes no other number for one.
        if kind == 14 && word(body)? > 2 {
            return Err(wrong("has a variable that is linked in an unknown way"));
        }
        let parts = body + 4 * once;
        for part in (0..count).map(|part| parts + part * 4 * each) {
            if let Some(at) = part_name {
                self.name(word(part + 4 * at)?)?;
            }
            if let Some(at) = part_type {
                most = most.max(word(part + 4 * at)?);
            }
        }
        let count = if each == 0 { 0 } else { count };
        let next = parts + count * 4 * each;
        if next > self.reader.data.len() {
            return Err(cut());
        }
        self.most = self.most.max(most);
        self.names.push(name);
        ForeignError::at_most("types", self.names.len(), MOST_TYPES)?;
        Ok(next)
    }

    fn name(&self, at: u32) -> Result<&str, ForeignError> {
        name_at(self.strings, at).ok_or_else(|| wrong("has a name that cannot be read"))
    }
}

/// What is said of code, after that of blanked sections was taken out.
pub(super) struct OfCode {
    /// The bytes that take the place of the first ones of the section.
    pub(super) bytes: Vec<u8>,
    /// How many places depend on types of the kernel.
    pub(super) places: usize,
}

impl OfCode {
    /// Reads and checks a section `.BTF.ext`; `stays` tells which sections of code stay.
    pub(super) fn read(
        section: &Section<'_>,
        types: &Types<'_>,
        stays: impl Fn(&str) -> bool,
    ) -> Result<Self, ForeignError> {
        ForeignError::at_most("bytes of information on lines", section.data.len(), MOST_OF_CODE)?;
        let reader = Reader { endian: types.endian, data: section.data };
        let header = reader.header(24).ok_or_else(|| wrong("has no sound header"))?;
        let mut places = 0;
        let mut wanted = Vec::new();
        let mut bytes = section.data.get(..header).unwrap_or_default().to_vec();
        // Functions, lines, and places that depend on types of the kernel.
        for (at, least) in [(8, 8), (16, 16), (24, 16)] {
            if at + 8 > header {
                break;
            }
            let part = reader.part(header, at).ok_or_else(|| wrong("ends beyond its section"))?;
            let groups = Groups::new(Reader { endian: types.endian, data: part }, least)?;
            let mut kept = Vec::new();
            let size = groups.record.unwrap_or(usize::MAX);
            for group in groups {
                let group = group?;
                if !stays(types.text(group.section)?) {
                    continue;
                }
                kept.extend_from_slice(group.all);
                for record in group.records.chunks_exact(size) {
                    let record = Reader { endian: types.endian, data: record };
                    match at {
                        8 => types.function(record)?,
                        16 => types.of_line(record)?,
                        _ => {
                            wanted.push(types.place(record)?);
                            places += 1;
                        }
                    }
                }
            }
            let size = part.get(..4).filter(|_| !kept.is_empty()).unwrap_or_default();
            put(&mut bytes, (header, at), &[size, &kept].concat(), types.endian);
        }
        if bytes.len() > section.data.len() {
            return Err(wrong("has parts that overlap"));
        }
        ForeignError::at_most("places that depend on the kernel", places, MOST_PLACES)?;
        wanted.sort_unstable();
        wanted.dedup();
        ForeignError::at_most("types of the kernel", wanted.len(), MOST_WANTED)?;
        Ok(OfCode { bytes, places })
    }
}

/// Appends what is kept of a part, and says in the header, whose length is given with the place of
/// the part's two numbers in it, where that is.
fn put(bytes: &mut Vec<u8>, (header, at): (usize, usize), kept: &[u8], endian: Endianness) {
    let start = u32::try_from(bytes.len() - header).unwrap_or(0);
    let len = u32::try_from(kept.len()).unwrap_or(0);
    for (at, number) in [(at, start), (at + 4, len)] {
        let number = match endian {
            Endianness::Little => number.to_le_bytes(),
            Endianness::Big => number.to_be_bytes(),
        };
        if let Some(to) = bytes.get_mut(at..at + 4) {
            to.copy_from_slice(&number);
        }
    }
    bytes.extend_from_slice(kept);
}

impl Types<'_> {
    fn text(&self, at: u32) -> Result<&str, ForeignError> {
        name_at(self.strings, at).ok_or_else(|| wrong("has a name that cannot be read"))
    }

    fn function(&self, record: Reader<'_>) -> Result<(), ForeignError> {
        match (aligned(record), record.u32(4)) {
            (true, Some(of)) if self.has(of) => Ok(()),
            _ => Err(wrong("tells of a function that is not there")),
        }
    }

    fn of_line(&self, record: Reader<'_>) -> Result<(), ForeignError> {
        let text = |at| record.u32(at).is_some_and(|text| index(text) < self.strings.len());
        if aligned(record) && text(4) && text(8) {
            return Ok(());
        }
        Err(wrong("tells of a line that is not there"))
    }

    /// The type that a place depends on.
    fn place(&self, record: Reader<'_>) -> Result<u32, ForeignError> {
        let no_place = || wrong("tells of a place that is not there");
        let (of, path) = record.u32(4).zip(record.u32(8)).ok_or_else(no_place)?;
        let path = name_at(self.strings, path).filter(|path| path.len() <= MOST_PATH);
        if path.is_some() && self.has(of) && aligned(record) { Ok(of) } else { Err(no_place()) }
    }
}

/// Whether a record tells of the beginning of an instruction.
fn aligned(record: Reader<'_>) -> bool {
    record.u32(0).is_some_and(|at| at.is_multiple_of(8))
}

/// The groups of a part: each is of one section of code.
struct Groups<'a> {
    reader: Reader<'a>,
    /// The bytes of a record; none where there are no groups.
    record: Option<usize>,
    at: usize,
}

struct Group<'a> {
    section: u32,
    records: &'a [u8],
    all: &'a [u8],
}

impl<'a> Groups<'a> {
    fn new(reader: Reader<'a>, least: usize) -> Result<Self, ForeignError> {
        if reader.data.is_empty() {
            return Ok(Self { reader, record: None, at: 0 });
        }
        // A newer compiler may write more of each record; a multiple of a word it is.
        let fits = |size: &usize| (least..=256).contains(size) && size.is_multiple_of(4);
        match reader.size(0).filter(fits) {
            Some(size) => Ok(Self { reader, record: Some(size), at: 4 }),
            None => Err(wrong("has records of a strange size")),
        }
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = Result<Group<'a>, ForeignError>;

    fn next(&mut self) -> Option<Self::Item> {
        let size = self.record.filter(|_| self.at < self.reader.data.len())?;
        let start = self.at;
        let group = (|| {
            let section = self.reader.u32(start)?;
            let count = self.reader.size(start + 4).filter(|count| *count > 0)?;
            let end = (start + 8).checked_add(count.checked_mul(size)?)?;
            let all = self.reader.data.get(start..end)?;
            self.at = end;
            Some(Group { section, records: all.get(8..)?, all })
        })();
        if group.is_none() {
            self.at = usize::MAX;
        }
        Some(group.ok_or_else(|| wrong("ends in the middle of a record")))
    }
}
