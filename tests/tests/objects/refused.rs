//! What a kernel refuses: a program, whose log has the policy's line; and type information, without
//! which the program or the map is made all the same. And what has no object file.

use std::collections::BTreeMap;

use palisade_asm::btf::{Layout, MapLayout, ProgramBtf};
use palisade_asm::elf::{ElfError, ObjectOptions, ProgramSection, object};
use palisade_asm::{
    Assembler, ByteOrder, Cond, Image, Imm64, Insn, Isa, MapDecl, MapFlags, MapKind, MapNumber,
    Note, R0, R1, R2, R6, R7, Size,
};
use palisade_loader::{Buffers, LoadError, LoadOptions, MapHandle, Program};
use palisade_tests::privilege::Kernel;

const OPTIONS: LoadOptions<'_> =
    LoadOptions { name: "refused", license: c"GPL", buffers: Buffers::Single };

fn image(build: impl FnOnce(&mut Assembler)) -> Image {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().expect("a program").encode(Isa::V3).expect("an image")
}

/// A rule that reads the packet without a look at its end.
fn careless() -> Image {
    image(|a| {
        let pass = a.label("pass");
        a.note(Note::new("start"));
        a.load(Size::W, R6, R1 + 0).load(Size::W, R7, R1 + 4);
        a.note(Note::line(7, "drop src in block"));
        a.load(Size::W, R2, R6 + 26).jump_if(R2, Cond::Ne, 10, pass).mov(R0, 1).exit();
        a.note(Note::line(8, "default pass"));
        a.place(pass);
        a.mov(R0, 2).exit();
    })
}

fn pass(instructions: usize) -> Image {
    image(|a| {
        for at in 0..instructions {
            a.note(Note::line(9, format!("step {at}")));
            a.mov(R0, 2);
        }
        a.exit();
    })
}

fn btf(image: &Image) -> ProgramBtf {
    ProgramBtf::new(image, "main.pal", ByteOrder::HOST).expect("small")
}

#[test]
fn the_verifiers_log_has_the_line_of_the_policy() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let image = careless();
    let error = Program::load_described(&image, &[], &OPTIONS, &btf(&image)).expect_err("refused");
    let log = error.log().expect("a log").text().to_owned();
    assert!(log.contains("; drop src in block"), "{log}");
    // Kernels from 6.10 on say where that is.
    if log.contains(" @ ") {
        assert!(log.contains("; drop src in block @ main.pal:7"), "{log}");
    }
    let LoadError::Refused { blamed: Some(blamed), .. } = &error else { panic!("{error}") };
    assert_eq!((blamed.slot, blamed.note.as_ref().and_then(|note| note.line)), (2, Some(7)));
    assert!(error.to_string().contains("invalid access to packet"), "{error}");
}

#[test]
fn a_refusal_reads_the_same_with_type_information_and_without() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let image = careless();
    let with = Program::load_described(&image, &[], &OPTIONS, &btf(&image)).expect_err("refused");
    let without = Program::load(&image, &[], &OPTIONS).expect_err("refused");
    assert_eq!(with.to_string(), without.to_string());
}

#[test]
fn type_information_that_the_kernel_refuses_keeps_no_program_from_loading() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let image = pass(1);
    // Lines beyond the end of the program, which the kernel does not take.
    let program = Program::load_described(&image, &[], &OPTIONS, &btf(&pass(100))).expect("loaded");
    let plain = Program::load(&image, &[], &OPTIONS).expect("loaded");
    assert_eq!(program.info().expect("told").tag, plain.info().expect("told").tag);
    // And a program that is refused for itself is refused for that.
    let error = Program::load_described(&careless(), &[], &OPTIONS, &btf(&pass(100)));
    let error = error.expect_err("refused");
    assert!(error.to_string().contains("invalid access to packet"), "{error}");
}

fn decl(name: &str, kind: MapKind, key_size: u32) -> MapDecl {
    let flags = if kind == MapKind::LpmTrie { MapFlags::NO_PREALLOC } else { MapFlags::NONE };
    MapDecl { name: name.into(), kind, key_size, value_size: 8, max_entries: 1, flags }
}

#[test]
fn a_map_whose_description_the_kernel_refuses_is_made_without() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let number = MapLayout::array(Layout::U64);
    let wrong = MapLayout { key: Layout::U64, value: Layout::U16 };
    for (kind, key_size) in [(MapKind::Array, 4), (MapKind::LpmTrie, 8), (MapKind::Hash, 4)] {
        for layout in [&number, &wrong] {
            let decl = decl("described", kind, key_size);
            let map = MapHandle::create_described(&decl, layout).expect("a map");
            map.check_shape(&decl).expect("as declared");
        }
    }
    let programs = MapDecl { value_size: 4, ..decl("programs", MapKind::ProgArray, 4) };
    MapHandle::create_described(&programs, &MapLayout::array(Layout::U32)).expect("a map");
}

fn options(values: &BTreeMap<usize, Vec<u8>>) -> ObjectOptions<'_> {
    ObjectOptions {
        section: ProgramSection::Xdp,
        license: "GPL",
        file: "refused.pal",
        order: ByteOrder::HOST,
        layouts: &[],
        values,
    }
}

/// A program that reaches a map by address, and does more with it.
fn reaching(decl: MapDecl, more: impl FnOnce(&mut Assembler, palisade_asm::MapId)) -> Image {
    image(|a| {
        let map = a.map(decl);
        a.load_map_value(R1, map, 0);
        more(a, map);
        a.mov(R0, 2).exit();
    })
}

#[test]
fn a_map_that_is_no_variable_has_no_object_file() {
    let none = BTreeMap::new();
    let plain = decl("once", MapKind::Array, 4);
    let good = reaching(plain.clone(), |_, _| {});
    assert!(object(&good, &options(&none)).is_ok());
    let both = reaching(plain.clone(), |a, map| {
        a.load_map(R1, map);
    });
    let many = reaching(MapDecl { max_entries: 2, ..plain.clone() }, |_, _| {});
    let read_only = reaching(MapDecl { flags: MapFlags::RDONLY_PROG, ..plain }, |_, _| {});
    for image in [both, many, read_only] {
        let want = ElfError::NoVariable { map: "once".into() };
        assert_eq!(object(&image, &options(&none)), Err(want));
    }
}

#[test]
fn values_and_layouts_of_another_size_are_refused() {
    let image = reaching(decl("once", MapKind::Array, 4), |_, _| {});
    for (map, value) in [(0, vec![1; 7]), (1, vec![1; 8])] {
        let values = BTreeMap::from([(map, value.clone())]);
        let want = ElfError::Value { map, given: value.len() };
        assert_eq!(object(&image, &options(&values)), Err(want));
    }
    let none = BTreeMap::new();
    let layouts = [Some(MapLayout::array(Layout::U32))];
    let wrong = ObjectOptions { layouts: &layouts, ..options(&none) };
    assert_eq!(object(&image, &wrong), Err(ElfError::Layout { map: "once".into() }));
}

#[test]
fn a_map_by_number_alone_has_no_object_file() {
    let image = image(|a| {
        a.push(Insn::LoadImm64 { dst: R1, value: Imm64::MapNumber(MapNumber::Fd(5)) });
        a.mov(R0, 2).exit();
    });
    let none = BTreeMap::new();
    assert_eq!(object(&image, &options(&none)), Err(ElfError::Numbered { slot: 0 }));
}
