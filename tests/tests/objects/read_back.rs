//! Objects, read by libraries that know nothing of us, are the programs that they were made of.

use std::collections::{BTreeMap, BTreeSet};

use aya_obj::{EbpfSectionKind, Map, Object, ProgramSection};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use palisade_asm::elf::{ObjectOptions, ProgramSection as Section, object};
use palisade_asm::{
    Assembler, ByteOrder, Cond, Helper, Image, Imm64, Insn, Isa, Note, R0, R1, R2, R3, R4, R6,
    RelocKind, Size,
};
use palisade_filter::{Buffers, Target};

use super::{Compiled, Dir, is_installed, ok, policies, tables, text};

const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

fn texts() -> Vec<String> {
    let read = |(_, path)| std::fs::read_to_string(path).expect("a policy");
    policies().into_iter().map(read).chain([tables()]).collect()
}

fn target(order: ByteOrder) -> Target {
    Target { order, buffers: Buffers::Multi, ..Target::FLOOR }
}

/// A name as an identifier of C.
fn name(map: &str) -> String {
    map.replace([':', '-'], "_")
}

/// The maps of an image that are reached by address.
fn variables(image: &Image) -> BTreeSet<usize> {
    let by_address = |reloc: &palisade_asm::Reloc| match reloc.kind {
        RelocKind::MapValue(map) => Some(map.index()),
        RelocKind::Map(_) => None,
    };
    image.relocs.iter().filter_map(by_address).collect()
}

#[test]
fn aya_reads_the_maps_as_they_are_declared() {
    for text in texts() {
        let compiled = Compiled::new(&text, target(ByteOrder::Little));
        let read = Object::parse(&compiled.object()).expect("an object");
        let variables = variables(&compiled.image);
        for (number, decl) in compiled.image.maps.iter().enumerate() {
            if variables.contains(&number) {
                continue;
            }
            if let Some(map) = read.maps.get(&name(&decl.name)) {
                let found = [map.map_type(), map.key_size(), map.value_size(), map.max_entries()];
                let sizes = [decl.kind.number(), decl.key_size, decl.value_size, decl.max_entries];
                assert_eq!((found, map.map_flags()), (sizes, decl.flags.bits()), "`{}`", decl.name);
            } else {
                // A fill that no instruction looks at begins with a value all the same.
                assert!(decl.name.ends_with(":fill"), "`{}`", decl.name);
            }
        }
        assert_eq!(read.license.to_str(), Ok("Dual MIT/GPL"));
    }
}

#[test]
fn aya_links_the_instructions_as_we_do() {
    for text in texts() {
        let compiled = Compiled::new(&text, target(ByteOrder::Little));
        let mut read = Object::parse(&compiled.object()).expect("an object");
        let variables = variables(&compiled.image);
        let maps: Vec<(String, i32, Map)> = read
            .maps
            .iter()
            .map(|(name, map)| {
                let fd = match map.section_kind() {
                    EbpfSectionKind::Bss => 1001,
                    EbpfSectionKind::Data => 1002,
                    _ => {
                        let own = |decl: &palisade_asm::MapDecl| self::name(&decl.name) == *name;
                        let at = compiled.image.maps.iter().position(own).expect("a map of ours");
                        i32::try_from(at).expect("few") + 2000
                    }
                };
                (name.clone(), fd, map.clone())
            })
            .collect();
        let code = read.functions.keys().map(|(section, _)| *section).collect();
        let maps = maps.iter().map(|(name, fd, map)| (name.as_str(), *fd, map));
        read.relocate_maps(maps, &code).expect("maps are found");
        read.relocate_calls(&code).expect("functions are found");
        let program = &read.programs["palisade"];
        assert!(matches!(program.section, ProgramSection::Xdp { frags: false, .. }));
        let found = &read.functions[&program.function_key()].instructions;
        let linked = compiled.image.link(|map| i32::try_from(map.index()).expect("few") + 2000);
        assert_eq!(found.len(), linked.len());
        let values: BTreeMap<usize, usize> = compiled
            .image
            .relocs
            .iter()
            .filter(|reloc| variables.contains(&reloc.kind.map().index()))
            .map(|reloc| (reloc.slot, reloc.kind.map().index()))
            .collect();
        // Where each variable is, by what its instructions say.
        let mut places: BTreeMap<usize, BTreeSet<(i32, i32)>> = BTreeMap::new();
        for (slot, (found, want)) in found.iter().zip(&linked).enumerate() {
            let common = (found.code, found.dst_reg(), found.src_reg(), found.off);
            assert_eq!(common, (want.op, want.dst(), want.src(), want.off), "slot {slot}");
            match (values.get(&slot), slot.checked_sub(1).and_then(|slot| values.get(&slot))) {
                (Some(map), _) => {
                    let second = read.functions[&program.function_key()].instructions[slot + 1].imm;
                    let place = (found.imm, second - linked[slot + 1].imm);
                    places.entry(*map).or_default().insert(place);
                }
                (None, Some(_)) => {}
                (None, None) => assert_eq!(found.imm, want.imm, "slot {slot}"),
            }
        }
        assert!(places.values().all(|found| found.len() == 1), "{places:?}");
        let apart: BTreeSet<(i32, i32)> = places.values().flatten().copied().collect();
        assert_eq!(apart.len(), places.len(), "no two variables share a place");
    }
}

/// The strings of an object's types.
fn strings(object: &[u8]) -> Vec<u8> {
    let file = object::File::parse(object).expect("an object file");
    let btf = file.section_by_name(".BTF").expect("types").data().expect("bytes");
    let word = |at: usize| u32::from_le_bytes(btf[at..at + 4].try_into().expect("four"));
    let start = usize::try_from(word(4) + word(16)).expect("a place");
    btf[start..].to_vec()
}

#[test]
fn aya_reads_a_line_for_every_note() {
    let policy = "set block net\ndrop src in block\npass tcp dport 22\ndefault pass\n";
    let compiled = Compiled::new(policy, target(ByteOrder::Little));
    let bytes = compiled.object();
    let read = Object::parse(&bytes).expect("an object");
    let function = &read.functions[&read.programs["palisade"].function_key()];
    let strings = strings(&bytes);
    let string = |at| {
        let from = &strings[usize::try_from(at).expect("a place")..];
        let end = from.iter().position(|byte| *byte == 0).expect("an end");
        String::from_utf8(from[..end].to_vec()).expect("UTF-8")
    };
    let found: BTreeSet<(u32, String, String)> = function
        .line_info
        .line_info
        .iter()
        .map(|line| (line.line_col >> 10, string(line.line_off), string(line.file_name_off)))
        .collect();
    for (line, text) in [(2, "drop src in block"), (3, "pass tcp dport 22"), (4, "default pass")] {
        assert!(found.contains(&(line, text.into(), "test.pal".into())), "{found:?}");
    }
    let lines = read.functions.values().map(|function| function.line_info.line_info.len());
    assert_eq!(lines.sum::<usize>(), compiled.image.notes.iter().count());
    let functions = read.functions.values().map(|function| function.func_info.func_info.len());
    assert_eq!(functions.collect::<Vec<_>>(), [1, 1], "the program, and the one that looks up");
}

#[test]
fn sections_and_symbols_are_the_same_in_both_orders() {
    for text in texts() {
        let [little, big] = ORDERS.map(|order| Compiled::new(&text, target(order)).object());
        let told = |bytes: &[u8]| {
            let file = object::File::parse(bytes).expect("an object file");
            let sections: Vec<(String, u64)> = file
                .sections()
                .map(|section| (section.name().expect("UTF-8").to_owned(), section.size()))
                .collect();
            let symbols: Vec<(String, u64, u64)> = file
                .symbols()
                .map(|symbol| {
                    let name = symbol.name().expect("UTF-8").to_owned();
                    (name, symbol.address(), symbol.size())
                })
                .collect();
            assert_eq!(file.architecture(), object::Architecture::Bpf);
            (file.is_little_endian(), sections, symbols)
        };
        let ((is_little, sections, symbols), (is_not, sections_too, symbols_too)) =
            (told(&little), told(&big));
        assert!(is_little && !is_not);
        // Instructions may differ in number, for a number may need another way to be made.
        let names =
            |all: &[(String, u64)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&sections), names(&sections_too));
        let names = |all: &[(String, u64, u64)]| {
            all.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&symbols), names(&symbols_too));
    }
}

#[test]
fn llvm_reads_objects_for_big_endian_machines() {
    if !is_installed("llvm-readelf") || !is_installed("llvm-objdump") {
        return;
    }
    let dir = Dir::new("big");
    for (number, policy) in texts().into_iter().enumerate() {
        let object = Compiled::new(&policy, target(ByteOrder::Big)).object();
        let path = dir.write(&format!("{number}.o"), object);
        let read = ok("llvm-readelf", &["-a", text(&path)]);
        for part in ["big endian", "EM_BPF", ".maps", ".BTF.ext", "R_BPF_64_64"] {
            assert!(read.contains(part), "{part} in:\n{read}");
        }
        let listed = ok("llvm-objdump", &["-dr", text(&path)]);
        assert!(listed.contains("*(u64 *)(r10 - 8) = r1"), "{listed}");
        assert!(listed.contains("exit"), "{listed}");
    }
}

/// A program with a function, and with one that is called back.
pub fn functions() -> Image {
    let mut a = Assembler::new();
    let (length, back, short) = (a.label("length"), a.label("back"), a.label("short"));
    a.note(Note::line(1, "drop length < 100"));
    a.call_sub(length).mov(R6, R0);
    a.note(Note::line(2, "loop"));
    a.mov(R1, 3).push(Insn::LoadImm64 { dst: R2, value: Imm64::Sub(back) });
    a.mov(R3, 0).mov(R4, 0).call(Helper::LOOP);
    a.jump_if(R6, Cond::Lt, 100, short).mov(R0, 2).exit();
    a.place(short);
    a.mov(R0, 1).exit();
    a.place(length);
    a.load(Size::W, R0, R1 + 4).load(Size::W, R1, R1 + 0).sub(R0, R1).exit();
    a.place(back);
    a.mov(R0, 0).exit();
    a.finish().expect("a program").encode(Isa::V3).expect("an image")
}

fn of_functions(order: ByteOrder) -> Vec<u8> {
    let options = ObjectOptions {
        section: Section::XdpFrags,
        license: "GPL",
        file: "functions.pal",
        order,
        layouts: &[],
        values: &BTreeMap::new(),
    };
    object(&functions(), &options).expect("an object")
}

#[test]
fn functions_are_apart_and_found_again() {
    let mut read = Object::parse(&of_functions(ByteOrder::Little)).expect("an object");
    let names: BTreeSet<&str> = read.functions.values().map(|f| f.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["palisade", "length", "back"]));
    let code = read.functions.keys().map(|(section, _)| *section).collect();
    read.relocate_calls(&code).expect("calls are found");
    let program = &read.programs["palisade"];
    assert!(matches!(program.section, ProgramSection::Xdp { frags: true, .. }));
    let found = &read.functions[&program.function_key()].instructions;
    let image = functions();
    // The linker puts functions behind each other in the order in which they are called.
    assert_eq!(found.len(), image.code.len());
    for (slot, (found, want)) in found.iter().zip(&image.code).enumerate() {
        let all = (found.code, found.src_reg(), found.off, found.imm);
        assert_eq!(all, (want.op, want.src(), want.off, want.imm), "slot {slot}");
    }
}

#[test]
fn llvm_shows_what_calls_what() {
    if !is_installed("llvm-objdump") {
        return;
    }
    let dir = Dir::new("functions");
    for (name, order) in [("little.o", ByteOrder::Little), ("big.o", ByteOrder::Big)] {
        let path = dir.write(name, of_functions(order));
        let listed = ok("llvm-objdump", &["-dr", text(&path)]);
        let parts = ["<palisade>:", "R_BPF_64_32\tlength", "R_BPF_64_64\tback", "<length>:"];
        for part in parts.into_iter().chain(["section xdp.frags", "section .text"]) {
            assert!(listed.contains(part), "{part} in:\n{listed}");
        }
    }
}

#[test]
fn bpftool_loads_a_program_of_several_functions() {
    if !is_installed("bpftool") {
        return;
    }
    palisade_tests::lab::Lab::run(|_| {
        let dir = Dir::new("several");
        let path = dir.write("several.o", of_functions(ByteOrder::HOST));
        let pin = format!("{}/several", palisade_tests::lab::BPFFS);
        ok("bpftool", &["prog", "load", text(&path), &pin, "type", "xdp"]);
        let listed = ok("bpftool", &["prog", "dump", "xlated", "pinned", &pin, "linum"]);
        for part in
            ["int palisade(struct xdp_md * ctx):", "u64 length()", "functions.pal line_num:1 "]
        {
            assert!(listed.contains(part), "{part} in:\n{listed}");
        }
    });
}
