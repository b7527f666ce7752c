//! Type information, read back by a reader of its own: what it says of functions, lines and maps, and
//! that it says the same in both byte orders.

use std::collections::BTreeMap;

use palisade_asm::btf::{BtfError, Layout, MapBtf, MapLayout, ProgramBtf};
use palisade_asm::{Assembler, ByteOrder, Cond, Image, Imm64, Insn, Isa, Note, R0, R1, R2, Size};

const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

/// A program with a function and a callback, notes with and without a line, and a 64-bit load.
fn image() -> Image {
    let mut a = Assembler::new();
    let (twice, back, out) = (a.label("twice as much"), a.label("call-back"), a.label("out"));
    a.note(Note::new("start"));
    a.load(Size::W, R1, R1 + 12).load_imm64(R2, u64::MAX);
    a.note(Note::line(7, "drop src in block"));
    a.call_sub(twice).push(Insn::LoadImm64 { dst: R1, value: Imm64::Sub(back) });
    a.jump_if(R0, Cond::Eq, 8, out).mov(R0, 2);
    a.place(out);
    a.exit();
    a.place(twice);
    a.mov(R0, R1).add(R0, R1).exit();
    a.place(back);
    a.note(Note::new("back"));
    a.mov(R0, 0).exit();
    a.finish().expect("a program").encode(Isa::V3).expect("an image")
}

/// The `.BTF` bytes, taken apart.
struct Read {
    order: ByteOrder,
    types: Vec<Vec<u32>>,
    strings: Vec<u8>,
}

impl Read {
    fn new(order: ByteOrder, bytes: &[u8]) -> Self {
        assert_eq!(order.read16([bytes[0], bytes[1]]), 0xeb9f);
        let word = |at: usize| order.read32(bytes[at..at + 4].try_into().unwrap());
        let place = |at| usize::try_from(word(at)).unwrap();
        let [header, types, type_len, strings, string_len] = [4, 8, 12, 16, 20].map(place);
        assert_eq!(header + strings + string_len, bytes.len());
        let words: Vec<u32> = (0..type_len / 4).map(|at| word(header + types + at * 4)).collect();
        let strings = bytes[header + strings..].to_vec();
        assert_eq!((strings.first(), strings.last()), (Some(&0), Some(&0)));
        Self { order, types: split(&words), strings }
    }

    fn string(&self, at: u32) -> &str {
        let from = &self.strings[usize::try_from(at).unwrap()..];
        let end = from.iter().position(|byte| *byte == 0).expect("an end");
        std::str::from_utf8(&from[..end]).expect("UTF-8")
    }

    fn kind(&self, number: u32) -> &[u32] {
        &self.types[usize::try_from(number).unwrap() - 1]
    }

    /// A type in the manner of C.
    fn show(&self, number: u32) -> String {
        if number == 0 {
            return "void".to_owned();
        }
        let words = self.kind(number);
        let name = self.string(words[0]);
        match words[1] >> 24 & 0x1f {
            1 => name.to_owned(),
            2 => format!("{} *", self.show(words[2])),
            3 => format!("{}[{}]", self.show(words[3]), words[5]),
            4 => {
                let member = |m: &[u32]| {
                    let bits = if words[1] >> 31 == 1 { m[2] >> 24 } else { 0 };
                    let width = if bits > 0 { format!(":{bits}") } else { String::new() };
                    let at = m[2] & if words[1] >> 31 == 1 { 0x00ff_ffff } else { u32::MAX };
                    format!("{} {}{width} @{at}", self.show(m[1]), self.string(m[0]))
                };
                let members: Vec<String> = words[3..].chunks(3).map(member).collect();
                format!("struct {name} {{{}}} {}", members.join("; "), words[2])
            }
            12 => {
                let linkage = ["static", "global"][usize::try_from(words[1] & 0xffff).unwrap()];
                format!("{linkage} {name}: {}", self.show(words[2]))
            }
            13 => {
                let params: Vec<String> =
                    words[3..].chunks(2).map(|p| self.string(p[0]).to_owned()).collect();
                format!("({}) -> {}", params.join(", "), self.show(words[2]))
            }
            other => panic!("kind {other}"),
        }
    }
}

/// The words of each type.
fn split(words: &[u32]) -> Vec<Vec<u32>> {
    let (mut types, mut at) = (Vec::new(), 0);
    while at < words.len() {
        let parts = usize::try_from(words[at + 1] & 0xffff).unwrap();
        let more = match words[at + 1] >> 24 & 0x1f {
            1 | 14 => 1,
            2 | 12 => 0,
            3 => 3,
            4 | 15 => 3 * parts,
            13 => 2 * parts,
            other => panic!("kind {other}"),
        };
        types.push(words[at..at + 3 + more].to_vec());
        at += 3 + more;
    }
    types
}

#[test]
fn functions_are_named_after_their_labels_and_begin_at_their_slots() {
    for order in ORDERS {
        let btf = ProgramBtf::new(&image(), "main.pal", order).expect("small");
        let read = Read::new(order, btf.bytes());
        let shown: Vec<(u32, String)> =
            btf.functions().iter().map(|f| (f.slot, read.show(f.of))).collect();
        let want = [
            (0, "global palisade: (ctx) -> int"),
            (9, "static twice_as_much: () -> u64"),
            (12, "static call_back: () -> u64"),
        ];
        assert_eq!(shown, want.map(|(slot, text)| (slot, text.to_owned())));
    }
}

#[test]
fn a_function_that_takes_numbers_alone_is_global() {
    let mut a = Assembler::new();
    let sum = a.function("sum", 2);
    a.mov(R1, 1).mov(R2, 2).call_sub(sum).exit();
    a.place(sum).mov(R0, R1).add(R0, R2).exit();
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    for order in ORDERS {
        let btf = ProgramBtf::new(&image, "sum.pal", order).expect("small");
        let read = Read::new(order, btf.bytes());
        assert_eq!(read.show(btf.functions()[1].of), "global sum: (r1, r2) -> u64");
    }
}

#[test]
fn a_line_begins_where_its_note_does_and_at_every_function() {
    for order in ORDERS {
        let btf = ProgramBtf::new(&image(), "main.pal", order).expect("small");
        let read = Read::new(order, btf.bytes());
        let shown: Vec<(u32, &str, u32)> =
            btf.lines().iter().map(|l| (l.slot, read.string(l.text), l.line >> 10)).collect();
        let rule = "drop src in block";
        assert_eq!(shown, [(0, "start", 0), (3, rule, 7), (9, rule, 7), (12, "back", 0)]);
        assert!(
            btf.lines().iter().all(|l| read.string(l.file) == "main.pal" && l.line & 0x3ff == 0)
        );
    }
}

#[test]
fn records_are_the_words_that_the_kernel_takes_in_the_order_of_the_machine() {
    for order in ORDERS {
        let btf = ProgramBtf::new(&image(), "main.pal", order).expect("small");
        let words = |bytes: &[u8]| -> Vec<u32> {
            bytes.chunks_exact(4).map(|word| order.read32(word.try_into().unwrap())).collect()
        };
        let functions: Vec<u32> = btf.functions().iter().flat_map(|f| [f.slot, f.of]).collect();
        assert_eq!(words(&btf.func_info()), functions);
        let lines = btf.lines().iter().flat_map(|l| [l.slot, l.file, l.text, l.line]);
        assert_eq!(words(&btf.line_info()), lines.collect::<Vec<u32>>());
    }
}

#[test]
fn code_without_notes_has_a_line_for_each_function() {
    let mut a = Assembler::new();
    a.mov(R0, 2).exit();
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    let btf = ProgramBtf::new(&image, "main.pal", ByteOrder::HOST).expect("small");
    let read = Read::new(ByteOrder::HOST, btf.bytes());
    let texts: Vec<&str> = btf.lines().iter().map(|line| read.string(line.text)).collect();
    assert_eq!(texts, ["palisade"]);
}

#[test]
fn a_line_beyond_what_there_is_room_for_is_the_last_one() {
    let mut a = Assembler::new();
    a.note(Note::line(u32::MAX, "far down"));
    a.mov(R0, 2).exit();
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    let btf = ProgramBtf::new(&image, "main.pal", ByteOrder::HOST).expect("small");
    assert_eq!(btf.lines()[0].line, 0xffff_fc00);
}

#[test]
fn texts_of_sixteen_mebibytes_are_refused_and_do_not_panic() {
    let mut a = Assembler::new();
    for line in 0..90_000u32 {
        a.note(Note::line(line, format!("{line:0>200}")));
        a.mov(R0, 2);
    }
    a.exit();
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    let error = ProgramBtf::new(&image, "main.pal", ByteOrder::HOST).expect_err("too much");
    assert!(matches!(error, BtfError::TooLarge { bytes } if bytes > 1 << 24), "{error}");
}

#[test]
fn a_map_is_described_by_name_and_place() {
    let hits = Layout::fields("hits", [("packets", Layout::U64), ("bytes", Layout::U64)]);
    let stamp = Layout::word("stamp", [("added", 55), ("", 1), ("prefixlen", 8)]);
    let key = Layout::fields("key", [("prefixlen", Layout::U32), ("address", Layout::bytes(4))]);
    let value = Layout::fields("entry", [("hits", hits), ("stamp", stamp), ("port", Layout::U16)]);
    let layout = MapLayout { key, value };
    let stamps = BTreeMap::from([
        (false, "u64 added:55 @0; u64 prefixlen:8 @56"),
        (true, "u64 prefixlen:8 @0; u64 added:55 @9"),
    ]);
    for order in ORDERS {
        let btf = MapBtf::new(&layout, order).expect("small");
        let read = Read::new(order, &btf.bytes);
        let key = "struct key {u32 prefixlen @0; u8[4] address @32} 8";
        assert_eq!(read.show(btf.key), key);
        let stamp = stamps[&(order == ByteOrder::Big)];
        assert_eq!(
            read.show(btf.value),
            format!(
                "struct entry {{struct hits {{u64 packets @0; u64 bytes @64}} 16 hits @0; \
                 struct stamp {{{stamp}}} 8 stamp @128; u16 port @192}} 26"
            )
        );
        assert_eq!(read.order, order);
    }
}

#[test]
fn the_same_twice_is_the_same_bytes() {
    let built = || ProgramBtf::new(&image(), "main.pal", ByteOrder::Little).expect("small");
    assert_eq!(built(), built());
}
