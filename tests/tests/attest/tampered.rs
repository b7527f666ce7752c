//! Whatever is put in the place of what was loaded is caught, and named.

use std::path::Path;

use palisade_asm::{Assembler, Image, Isa, MapDecl, MapFlags, MapKind, R0};
use palisade_filter::plan::{BEFORE, CONTROL};
use palisade_filter::{Artifact, Buffers, compile, parse};
use palisade_loader::xdp::{self, Expect, Mode};
use palisade_loader::{
    Insert, LoadOptions, Map, MapHandle, PinDir, Program, Tag, TagDigest, TestRun,
};
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;

use super::{attach, attest, attest_with, pin, status};

const A: &str = "\
set allow net { max 16 }
set block net { max 16 }
pass src in allow
drop src in block
drop udp dport 1001
default pass
";
const B: &str = "\
set allow net { max 16 }
set block net { max 16 }
pass src in allow
drop src in block
drop udp dport 1002
default pass
";

/// A policy with a constant table.
const LISTED: &str = "\
drop tcp dport { 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41 }
default pass
";

/// The directory of a policy's pins.
fn dir(policy: &str) -> PinDir {
    let home = PinDir::open_root(Path::new(BPFFS)).expect("a bpffs").subdir("palisade");
    home.expect("it opens").expect("it is there").subdir(policy).expect("it opens").expect("there")
}

fn maps(policy: &str) -> PinDir {
    dir(policy).subdir("maps").expect("it opens").expect("it is there")
}

fn program(policy: &str) -> Program {
    Program::open(&dir(policy), "prog").expect("the program is pinned")
}

/// Another program under the pin.
fn put_program(policy: &str, program: &Program) {
    dir(policy).unlink("prog").expect("unlinked");
    program.pin(&dir(policy), "prog").expect("pinned");
}

/// Another map under the pin of one.
fn put_map(policy: &str, name: &str, map: &MapHandle) {
    maps(policy).unlink(name).expect("unlinked");
    map.pin(&maps(policy), name).expect("pinned");
}

/// Another `meta` under the pin.
fn put_meta(policy: &str, map: &MapHandle) {
    dir(policy).unlink("meta").expect("unlinked");
    map.pin(&dir(policy), "meta").expect("pinned");
}

fn put_on_interface(lab: &Lab, program: &Program) {
    xdp::attach(lab.near_index(), program, Mode::Native, Expect::Anything).expect("attached");
}

/// A policy as the tool compiles it here.
fn compiled(kernel: &Kernel, text: &str) -> (Artifact, Image) {
    let (policy, target) = (parse(text).expect("a policy"), kernel.best());
    let artifact = compile(&policy, target).expect("it compiles");
    let image = artifact.program.encode(target.isa).expect("an image");
    (artifact, image)
}

/// Loads an image as the tool does, with the maps that are pinned, but for those given.
fn load(kernel: &Kernel, image: &Image, instead: &[&MapHandle]) -> Program {
    let dir = maps("main");
    let map = |decl: &MapDecl| match instead.iter().find(|map| map.name() == decl.name) {
        Some(map) => map.try_clone().expect("another descriptor"),
        None => MapHandle::open(&dir, &decl.name).expect("it is pinned"),
    };
    let maps: Vec<MapHandle> = image.maps.iter().map(map).collect();
    let buffers = match kernel.best().buffers {
        Buffers::Single => palisade_loader::Buffers::Single,
        Buffers::Multi => palisade_loader::Buffers::Multi,
    };
    let options = LoadOptions { name: "palisade_main", license: c"Dual MIT/GPL", buffers };
    Program::load(image, &maps, &options).expect("the kernel takes it")
}

/// Puts a program under the pin and on the interface, as whoever tampers with care would.
fn put(lab: &Lab, program: &Program) {
    put_program("main", program);
    put_on_interface(lab, program);
}

#[test]
fn another_program_on_the_interface_is_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        let mut a = Assembler::new();
        a.mov(R0, 2).exit();
        let image = a.finish().expect("a program").encode(Isa::V1).expect("an image");
        let buffers = palisade_loader::Buffers::Single;
        let options = LoadOptions { name: "stranger", license: c"GPL", buffers };
        let stranger = Program::load(&image, &[], &options).expect("loaded");
        put_on_interface(lab, &stranger);
        let attested = attest_with(lab, &[NEAR]);
        attested.differs_in(&[&format!("interface {NEAR}")]);
        assert!(attested.stderr.contains("stranger"), "{attested}");
        attest(lab).differs_in(&["interfaces"]);
        // On a second interface the right one does not make up for it.
        lab.palisade(&["attach", "lo"]).ok();
        attest(lab).is_whole();
        attest_with(lab, &[NEAR]).differs_in(&[&format!("interface {NEAR}")]);
    });
}

#[test]
fn an_older_program_of_ours_under_the_pin_is_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        let old = program("main");
        lab.palisade_with(&["apply", "-"], B).ok();
        attest(lab).is_whole();
        put_program("main", &old);
        let attested = attest(lab);
        let named = ["program tag", "instructions", "map _counters", "interfaces"];
        attested.differs_in(&[&named[..], &[&format!("interface {NEAR}")]].concat());
        let tag = attested.check("program tag");
        assert_eq!(tag["detail"], "it is the program of the policy before", "{attested}");
        assert_eq!(tag["expected"], attested.document["program"]["predicted"]);
        // The line that the two differ in, by the instruction.
        let found = attested.check("instructions")["expected"].as_str().expect("text").to_owned();
        assert!(found.contains("5: drop udp dport 1002"), "{attested}");
        // On the interface as well, it is one and still not what the text says.
        put_on_interface(lab, &old);
        attest(lab).differs_in(&["program tag", "instructions", "map _counters"]);
    });
}

#[test]
fn the_program_of_another_policy_under_the_pin_is_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        lab.palisade_with(&["attach", "lo", "-p", "-", "--policy-name", "other"], B).ok();
        put_program("main", &program("other"));
        let attested = attest(lab);
        assert_eq!(attested.code, Some(1));
        let differing = attested.answered(Some(false));
        for what in ["program tag", "program name", "instructions", "map block", "map _control"] {
            assert!(differing.contains(&what.to_owned()), "{what}: {attested}");
        }
        assert!(differing.contains(&format!("interface {NEAR}")), "{attested}");
        lab.palisade(&["attest", "--policy-name", "other"]).ok();
    });
}

#[test]
fn the_text_of_another_policy_under_the_name_is_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        lab.palisade_with(&["attach", "lo", "-p", "-", "--policy-name", "other"], B).ok();
        let other = MapHandle::open(&dir("other"), "meta").expect("it is pinned");
        put_meta("main", &other);
        let attested = attest(lab);
        attested.differs_in(&["program tag", "instructions"]);
        assert_eq!(attested.check("text")["ok"], true, "that text and that digest are a pair");
    });
}

#[test]
fn a_forged_meta_is_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        let told = MapHandle::open(&dir("main"), "meta").expect("it is pinned");
        let told: Map<u32, [u8; 512]> = Map::new(told).expect("chunks");
        let chunk = told.get(&0).expect("read").expect("there is one");
        assert_eq!(told.handle().info().expect("facts").shape.max_entries, 1);
        let forge = |change: &dyn Fn(&mut [u8; 512]), freeze: &dyn Fn(&MapHandle)| {
            let decl = MapDecl {
                name: "meta".into(),
                kind: MapKind::Array,
                key_size: 4,
                value_size: 512,
                max_entries: 1,
                flags: MapFlags::NONE,
            };
            let (map, mut chunk) = (MapHandle::create(&decl).expect("a map"), chunk);
            change(&mut chunk);
            let entry = (0u32.to_ne_bytes().to_vec(), chunk.to_vec());
            map.fill(&[entry]).expect("filled");
            freeze(&map);
            put_meta("main", &map);
            attest(lab)
        };
        let freeze = |map: &MapHandle| map.freeze().expect("frozen");
        let at = chunk.windows(4).position(|bytes| bytes == b"1001").expect("the port");
        // The text alone, with the digest as it was.
        let attested = forge(&|chunk| chunk[at + 3] = b'2', &freeze);
        assert!(attested.answered(Some(false)).contains(&"text".to_owned()), "{attested}");
        assert!(attested.stderr.contains("does not compile to the program recorded"), "{attested}");
        // A text that is none.
        let attested = forge(&|chunk| chunk[at] = b'x', &freeze);
        assert_eq!(attested.answered(Some(false))[0], "text", "{attested}");
        // Something else altogether.
        let attested = forge(&|chunk| chunk.fill(7), &freeze);
        attested.differs_in(&["meta"]);
        // The right one, which can still be changed.
        forge(&|_| {}, &|_| {}).differs_in(&["meta"]);
        // None at all.
        dir("main").unlink("meta").expect("unlinked");
        attest(lab).differs_in(&["meta"]);
    });
}

#[test]
fn pins_of_maps_that_are_not_the_programs_are_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        let block = MapHandle::open(&maps("main"), "block").expect("it is pinned");
        let shape = block.info().expect("facts").shape;
        let decl = MapDecl {
            name: "block".into(),
            kind: MapKind::Array,
            key_size: shape.key_size,
            value_size: shape.value_size,
            max_entries: shape.max_entries,
            flags: MapFlags::MMAPABLE,
        };
        let alike = MapHandle::create(&decl).expect("a map");
        assert_eq!(alike.info().expect("facts").shape, shape);
        put_map("main", "block", &alike);
        let attested = attest(lab);
        attested.differs_in(&["map block"]);
        let told = attested.check("map block");
        assert!(told["detail"].as_str().is_some_and(|why| why.contains("looks alike")), "{told}");
        let larger =
            MapHandle::create(&MapDecl { max_entries: 18, ..decl.clone() }).expect("a map");
        put_map("main", "block", &larger);
        let attested = attest(lab);
        attested.differs_in(&["map block"]);
        assert!(attested.stderr.contains("another shape"), "{attested}");
        put_map("main", "block", &block);
        attest(lab).is_whole();
        alike.pin(&maps("main"), "stray").expect("pinned");
        attest(lab).differs_in(&["pin stray"]);
        maps("main").unlink("stray").expect("unlinked");
        maps("main").unlink("block:nodes").expect("unlinked");
        attest(lab).differs_in(&["map block:nodes"]);
    });
}

#[test]
fn one_changed_instruction_is_caught_and_named_with_its_line() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        attach(lab, A);
        let (_, mut image) = compiled(&kernel, A);
        predicted_here(lab, &image);
        // Port 1001 becomes 1003.
        let port = |imm: i32| imm == 1001 || imm == i32::from(1001u16.swap_bytes());
        let at = image.code.iter().position(|raw| raw.op & 7 >= 5 && port(raw.imm));
        let raw = &mut image.code[at.expect("a comparison with the port")];
        raw.imm = if raw.imm == 1001 { 1003 } else { i32::from(1003u16.swap_bytes()) };
        put(lab, &load(&kernel, &image, &[]));
        let attested = attest(lab);
        attested.differs_in(&["program tag", "instructions"]);
        let wanted = attested.check("instructions")["expected"].as_str().expect("text").to_owned();
        assert!(wanted.contains("(5: drop udp dport 1001)"), "{wanted}");
    });
}

#[test]
fn a_map_named_in_the_place_of_another_is_caught_though_the_tag_is_the_same() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        attach(lab, A);
        let (_, mut image) = compiled(&kernel, A);
        let number = |name: &str| image.maps.iter().position(|map| map.name == name);
        let (allow, block) =
            (number("allow:fill").expect("a map"), number("block:fill").expect("a map"));
        let uses = |image: &Image, map: usize| -> Vec<usize> {
            let relocs = image.relocs.iter().enumerate();
            relocs.filter(|(_, r)| r.kind.map().index() == map).map(|(at, _)| at).collect()
        };
        // The last place that asks for one of them asks for the other.
        let (of_allow, of_block) = (uses(&image, allow), uses(&image, block));
        assert!(of_allow.len() > 1 && of_block.len() > 1, "{of_allow:?} {of_block:?}");
        let last = *of_block.last().expect("a use");
        let slot = image.relocs[last].slot;
        image.relocs[last].kind = image.relocs[of_allow[0]].kind;
        let tampered = load(&kernel, &image, &[]);
        put(lab, &tampered);
        let attested = attest(lab);
        attested.differs_in(&["instructions"]);
        assert_eq!(attested.check("program tag")["ok"], true);
        let told = attested.check("instructions");
        assert!(told["detail"].as_str().is_some_and(|why| why.contains("another map")), "{told}");
        let wanted = told["expected"].as_str().expect("text");
        assert!(
            wanted.contains("block:fill") && wanted.contains(&format!("at {slot} ")),
            "{wanted}"
        );
    });
}

#[test]
fn a_constant_table_that_was_edited_is_caught() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        attach(lab, LISTED);
        attest(lab).is_whole();
        let (artifact, image) = compiled(&kernel, LISTED);
        predicted_here(lab, &image);
        let filling = artifact.fillings.first().expect("a table");
        let decl = &artifact.maps[filling.map];
        let pinned = MapHandle::open(&maps("main"), &decl.name).expect("it is pinned");
        pinned.fill(&filling.entries).expect_err("it is frozen");
        // The very program, with a table of its own under it.
        let mut entries = filling.entries.clone();
        entries[0].1[3] ^= 1;
        let replace = |entries: &[(Vec<u8>, Vec<u8>)], freeze: &dyn Fn(&MapHandle)| {
            let table = MapHandle::create(decl).expect("a map");
            table.fill(entries).expect("filled");
            freeze(&table);
            let program = load(&kernel, &image, &[&table]);
            put_map("main", &decl.name, &table);
            put(lab, &program);
            attest(lab)
        };
        let what = format!("contents of {}", decl.name);
        let attested = replace(&entries, &|table| table.freeze().expect("frozen"));
        attested.differs_in(&[&what]);
        assert!(attested.stderr.contains("byte 3 "), "{attested}");
        replace(&filling.entries, &|_| {}).differs_in(&[&what]);
        replace(&filling.entries, &|table| table.freeze().expect("frozen")).is_whole();
    });
}

#[test]
fn a_word_that_is_no_mode_is_told_as_what_the_program_takes_it_for() {
    Lab::run(|lab| {
        attach(lab, A);
        let packet = (eth() / ipv4() / udp(4000, 1001) / b"to be dropped").build();
        let run = TestRun { packet: &packet, repeat: 1, ingress: None };
        let verdict = || program("main").test_run(&run).expect("it runs").retval;
        let control = MapHandle::open(&maps("main"), CONTROL).expect("it is pinned");
        let control: Map<u32, [u64; 3]> = Map::new(control).expect("three words");
        let [_, first, tick] = control.get(&0).expect("read").expect("an array has all its keys");
        assert_eq!((verdict(), &attest(lab).document["mode"]), (1, &"enforce".into()));
        control.insert(&0, &[7, first, tick], Insert::Any).expect("written");
        assert_eq!((verdict(), &attest(lab).document["mode"]), (2, &"shadow".into()));
        assert!(lab.palisade(&["status"]).ok().contains("NOTHING IS DROPPED"));
    });
}

#[test]
fn a_trial_that_would_return_elsewhere_is_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        lab.palisade_with(&["attach", "lo", "-p", "-", "--policy-name", "other"], B).ok();
        lab.palisade_with(&["apply", "-", "--confirm", "60s"], B).ok();
        attest(lab).is_whole();
        let before = MapHandle::open(&maps("main"), BEFORE).expect("it is pinned");
        before.set_program(0, &program("other")).expect("set");
        attest(lab).differs_in(&["way back from the trial"]);
    });
}

#[test]
fn a_program_that_is_gone_is_caught() {
    Lab::run(|lab| {
        attach(lab, A);
        dir("main").unlink("prog").expect("unlinked");
        attest(lab).differs_in(&["program"]);
        let block = MapHandle::open(&maps("main"), "block").expect("it is pinned");
        block.pin(&dir("main"), "prog").expect("pinned");
        attest(lab).differs_in(&["program"]);
        assert!(pin("main/prog").exists());
    });
}

/// What is compiled here is what the tool has loaded.
#[track_caller]
fn predicted_here(lab: &Lab, image: &Image) {
    let digest = TagDigest::probe().expect("it may be asked").expect("one of the two");
    let tag = Tag::predict(image, palisade_filter::ByteOrder::HOST, digest).to_string();
    assert_eq!(status(lab)["program"]["tag"], tag.as_str());
}
