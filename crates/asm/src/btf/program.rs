//! What is said of a program: its functions, and which line of the policy each part comes from.
//!
//! The kernel wants a function for each that is called, in the order of their first slots, and lines
//! in the order of their slots, the first of each function at its first slot, none in the second
//! slot of a 64-bit load (`check_btf_func` and `check_btf_line` in kernel/bpf/verifier.c).

use std::collections::{BTreeMap, BTreeSet};

use super::types::{
    Encoding, Linkage, Member, NAME_MOST, StringAt, Type, TypeId, Types, identifier,
};
use crate::image::Image;
use crate::note::Note;
use crate::opcode::{LOAD_IMM64, PSEUDO_CALL, class, op, pseudo};

/// What the function is called in which the program begins.
pub(crate) const MAIN: &str = "palisade";

/// The most bytes of a line's text. The kernel's log has room for 1024 and complains of more in its
/// own log (`BPF_VERIFIER_TMP_LOG_SIZE`).
const TEXT_MOST: usize = 240;
/// The greatest line that there is room for.
const LINE_MOST: u32 = (1 << 22) - 1;

/// A function of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FuncInfo {
    /// Its first slot.
    pub slot: u32,
    /// The number of its type.
    pub of: u32,
}

/// Where the code of a line begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineInfo {
    /// The slot.
    pub slot: u32,
    /// Which file, as a place among the strings.
    pub file: u32,
    /// The text, as a place among the strings.
    pub text: u32,
    /// The line in the upper 22 bits, above a column that is always 0.
    pub line: u32,
}

/// The functions of an image by their first slots, with their names: what is called or named as a
/// callback, and the beginning.
pub(crate) fn functions(image: &Image) -> BTreeMap<usize, String> {
    let mut starts = BTreeSet::from([0]);
    starts.extend(calls(image).map(|(_, target)| target).filter(|target| *target < image.len()));
    let mut taken = Taken::new();
    let named = starts.into_iter().map(|start| {
        let label = image.labels.get(&start).map_or("function", |label| label.as_ref());
        let name = if start == 0 { MAIN } else { label };
        (start, unique(&identifier(name), &mut taken))
    });
    named.collect()
}

/// The slots that call a function of the program, or load its address, and the function's start.
pub(crate) fn calls(image: &Image) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut skip = false;
    image.code.iter().enumerate().filter_map(move |(slot, raw)| {
        if std::mem::take(&mut skip) {
            return None;
        }
        skip = raw.op == LOAD_IMM64;
        let call = raw.op == op::CALL | class::JMP && raw.src() == PSEUDO_CALL;
        let callback = raw.op == LOAD_IMM64 && raw.src() == pseudo::FUNC;
        let distance = isize::try_from(raw.imm).ok().filter(|_| call || callback)?;
        Some((slot, slot.checked_add(1)?.checked_add_signed(distance)?))
    })
}

/// Names that somebody has, each with the last number that was put behind it.
pub(crate) type Taken = BTreeMap<String, u32>;

/// The name, an identifier, or the name with a number that nobody has yet.
pub(crate) fn unique(name: &str, taken: &mut Taken) -> String {
    let mut free = name.to_owned();
    while taken.contains_key(&free) {
        let last = taken.entry(name.to_owned()).or_insert(1);
        *last = last.saturating_add(1);
        let number = format!("_{last}");
        // The number is part of what may not be too long.
        let kept = name.floor_char_boundary(NAME_MOST - number.len());
        free = format!("{}{number}", &name[..kept]);
    }
    taken.insert(free.clone(), 1);
    free
}

/// A record for each function.
pub(super) fn func_info(
    types: &mut Types,
    image: &Image,
    functions: &BTreeMap<usize, String>,
) -> Vec<FuncInfo> {
    let mut records = Vec::with_capacity(functions.len());
    for (start, name) in functions {
        let of = match (start, image.takes.get(start)) {
            (0, _) => main(types, name),
            (_, None) => function(types, name),
            (_, Some(numbers)) => global(types, name, *numbers),
        };
        records.push(FuncInfo { slot: u32::try_from(*start).unwrap_or(u32::MAX), of });
    }
    records
}

/// `int palisade(struct xdp_md *ctx)`. A dispatcher compares the context's type by its name.
fn main(types: &mut Types, name: &str) -> TypeId {
    let returns = types.plain_int();
    let word = types.int("__u32", 4, Encoding::Unsigned);
    let fields =
        ["data", "data_end", "data_meta", "ingress_ifindex", "rx_queue_index", "egress_ifindex"];
    let mut members = Vec::with_capacity(fields.len());
    for (bit, field) in (0..).step_by(32).zip(fields) {
        members.push(Member { name: types.string(field), of: word, bit, bits: None });
    }
    let xdp_md = types.string("xdp_md");
    let context = types.add(Type::Struct { name: xdp_md, size: 24, members });
    let pointer = types.add(Type::Ptr(context));
    let ctx = types.string("ctx");
    let proto = types.add(Type::FuncProto { returns, params: vec![(ctx, pointer)] });
    let name = types.string(name);
    types.add(Type::Func { name, proto, linkage: Linkage::Global })
}

/// A function of which nothing is known but that it returns a register.
fn function(types: &mut Types, name: &str) -> TypeId {
    let returns = types.int("u64", 8, Encoding::Unsigned);
    let proto = types.add(Type::FuncProto { returns, params: Vec::new() });
    let name = types.string(name);
    types.add(Type::Func { name, proto, linkage: Linkage::Static })
}

/// A function that takes so many numbers and gives one.
fn global(types: &mut Types, name: &str, numbers: u8) -> TypeId {
    let number = types.int("u64", 8, Encoding::Unsigned);
    let params = (1..=numbers).map(|at| (types.string(&format!("r{at}")), number)).collect();
    let proto = types.add(Type::FuncProto { returns: number, params });
    let name = types.string(name);
    types.add(Type::Func { name, proto, linkage: Linkage::Global })
}

/// A record for each place where a note begins to hold, and for the first slot of each function.
pub(super) fn line_info(
    types: &mut Types,
    image: &Image,
    functions: &BTreeMap<usize, String>,
    file: &str,
) -> Vec<LineInfo> {
    let file = types.string(&printable(file));
    let notes: BTreeMap<usize, &Note> = image.notes.iter().collect();
    let slots: BTreeSet<usize> = notes.keys().chain(functions.keys()).copied().collect();
    let mut records: Vec<LineInfo> = Vec::with_capacity(slots.len());
    for slot in slots.into_iter().filter(|slot| *slot < image.len()) {
        let (text, line) = match (image.note_at(slot), functions.get(&slot)) {
            (Some(note), _) => (text(types, &note.step), note.line.unwrap_or(0)),
            (None, Some(name)) => (text(types, name), 0),
            (None, None) => continue,
        };
        let Ok(slot) = u32::try_from(slot) else { break };
        records.push(LineInfo { slot, file, text, line: line.min(LINE_MOST) << 10 });
    }
    records
}

fn text(types: &mut Types, text: &str) -> StringAt {
    types.string(&printable(text))
}

/// A text on one line, cut where it is very long.
fn printable(text: &str) -> String {
    const CUT: &str = " ...";
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() > TEXT_MOST {
        line.truncate(line.floor_char_boundary(TEXT_MOST - CUT.len()));
        line.push_str(CUT);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line_and_is_cut_when_it_is_long() {
        assert_eq!(printable("drop src {\n\t10.0.0.1 }"), "drop src {  10.0.0.1 }");
        let long = printable(&"\u{fc}".repeat(500));
        assert!(long.len() <= TEXT_MOST && long.ends_with("\u{fc} ..."), "{long}");
        let just = "x".repeat(TEXT_MOST);
        assert_eq!(printable(&just), just);
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut taken = Taken::new();
        let names = ["a", "a", "a_2", "a"].map(|name| unique(name, &mut taken));
        assert_eq!(names, ["a", "a_2", "a_2_2", "a_3"]);
        let long = identifier(&"x".repeat(500));
        let names = [&long, &long].map(|name| unique(name, &mut taken));
        assert_eq!(names.each_ref().map(String::len), [NAME_MOST; 2]);
        assert!(names[1].ends_with("x_2"));
    }
}
