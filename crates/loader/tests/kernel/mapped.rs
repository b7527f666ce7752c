//! Arrays in this process's memory: what is stored on one side is read on the other, whole; what
//! cannot be mapped is refused; a view holds the map exactly as long as it lives.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use palisade_asm::{
    Assembler, AtomicOp, Cond, FP, Helper, MapDecl, MapFlags, MapId, MapKind, R0, R1, R2, R6, R7,
    R8, Size,
};
use palisade_loader::{
    Buffers, Errno, Insert, LoadOptions, Map, MapError, MapHandle, MapOp, Mapped, ObjectId,
    ObjectKind, Pieces, Program, TestRun, Unmappable, View,
};

use crate::ground::{built, decl, kernel};

/// An array that can be mapped, of values of that many words.
pub fn array(name: &str, words: u32, max_entries: u32) -> MapDecl {
    let value_size = words * 8;
    MapDecl { value_size, flags: MapFlags::MMAPABLE, ..decl(name, MapKind::Array, 4, max_entries) }
}

pub fn created(decl: &MapDecl) -> MapHandle {
    MapHandle::create(decl).unwrap_or_else(|error| panic!("{error}"))
}

/// A program over some maps.
pub fn program(
    maps: &[(&MapDecl, &MapHandle)],
    build: impl Fn(&mut Assembler, &[MapId]),
) -> Program {
    let image = built(|a| {
        let ids: Vec<MapId> = maps.iter().map(|(decl, _)| a.map((*decl).clone())).collect();
        build(a, &ids);
    });
    let handles: Vec<MapHandle> =
        maps.iter().map(|(_, map)| map.try_clone().expect("a clone")).collect();
    let options = LoadOptions { name: "mapped", license: c"GPL", buffers: Buffers::Single };
    Program::load(&image, &handles, &options).unwrap_or_else(|error| panic!("{error}"))
}

pub fn run(program: &Program, repeat: u32) {
    program.test_run(&TestRun { packet: &[0; 64], repeat, ingress: None }).expect("run");
}

#[test]
fn what_is_stored_through_a_view_is_read_by_the_kernel_and_by_programs_and_the_other_way_round() {
    kernel(|_| {
        let declared = array("pairs", 2, 4);
        let map: Map<u32, [u64; 2]> = Map::new(created(&declared)).expect("typed");
        let (view, watch) = (
            Mapped::edit(map.handle()).expect("a view to edit"),
            Mapped::read(map.handle()).expect("a view to read"),
        );
        assert_eq!((view.len(), watch.len()), (8, 8));
        for (at, word) in (100..).zip(view.words()) {
            word.store(at);
        }
        assert_eq!(map.get(&3).expect("read"), Some([106, 107]));
        map.insert(&0, &[7, u64::MAX], Insert::Any).expect("written");
        assert_eq!((view.words()[0].load(), watch.words()[1].load()), (7, u64::MAX));

        // Element 1: the first word becomes one more than the second.
        let program = program(&[(&declared, map.handle())], |a, maps| {
            let miss = a.label("miss");
            a.store(Size::W, FP - 4, 1).load_map(R1, maps[0]).mov(R2, FP).add(R2, -4);
            a.call(Helper::MAP_LOOKUP_ELEM).jump_if(R0, Cond::Eq, 0, miss);
            a.load(Size::D, R1, R0 + 8).add(R1, 1).store(Size::D, R0 + 0, R1);
            a.place(miss);
            a.mov(R0, 1).exit();
        });
        view.words()[3].store(0x1234_5678_9abc_def0);
        run(&program, 1);
        assert_eq!(view.words()[2].load(), 0x1234_5678_9abc_def1);
        assert_eq!(watch.words()[2].load(), 0x1234_5678_9abc_def1);
    });
}

#[test]
fn a_view_begins_with_the_first_element_and_ends_with_the_last() {
    kernel(|_| {
        // One word, one page, a word more, and elements that lie across pages.
        for (words, elements) in [(1, 1), (1, 512), (1, 513), (3, 1000), (8193, 2)] {
            let map = created(&array("sized", words, elements));
            let view = Mapped::edit(&map).expect("a view");
            let len = usize::try_from(words * elements).expect("few");
            assert_eq!(view.words().len(), len);
            view.words()[0].store(1);
            view.words()[len - 1].store(2);
            let bytes = |key: u32| map.read(&key.to_ne_bytes()).expect("read").expect("there");
            assert!(bytes(elements - 1).ends_with(&2u64.to_ne_bytes()), "{words} x {elements}");
            if len > 1 {
                assert!(bytes(0).starts_with(&1u64.to_ne_bytes()), "{words} x {elements}");
            }
        }
    });
}

#[test]
fn a_map_that_cannot_be_mapped_is_refused_with_what_it_lacks() {
    kernel(|_| {
        let refused = |decl: &MapDecl| {
            let map = created(decl);
            let errors = [Mapped::read(&map).err(), Mapped::edit(&map).err()].map(Option::unwrap);
            assert_eq!(errors[0].to_string(), errors[1].to_string());
            let [MapError::Unmappable { why, .. }, text] = &errors else { panic!("{errors:?}") };
            (*why, text.to_string())
        };
        let (why, text) = refused(&decl("plain", MapKind::Array, 4, 2));
        assert_eq!(why, Unmappable::Flag);
        assert_eq!(
            text,
            "map `plain` cannot be mapped into memory: it was made without the flag \
             BPF_F_MMAPABLE; found array, 4-byte keys, 8-byte values, 2 entries, flags 0x0"
        );
        for kind in [MapKind::Hash, MapKind::PerCpuArray, MapKind::LpmTrie] {
            let (why, text) =
                refused(&decl("other", kind, 4 + 4 * u32::from(kind == MapKind::LpmTrie), 2));
            assert_eq!(why, Unmappable::Kind);
            assert!(text.contains("only an array with one value for all CPUs can"), "{text}");
        }
        let (why, text) = refused(&MapDecl { value_size: 12, ..array("odd", 1, 2) });
        assert_eq!(why, Unmappable::Words);
        assert!(text.contains("`odd`") && text.contains("whole words of 8 bytes"), "{text}");

        let hash = MapDecl { flags: MapFlags::MMAPABLE, ..decl("hash", MapKind::Hash, 4, 2) };
        let error = MapHandle::create(&hash).expect_err("no such hash");
        assert!(error.to_string().contains("BPF_F_MMAPABLE takes an array"), "{error}");
    });
}

#[test]
fn a_frozen_map_is_viewed_and_not_edited() {
    kernel(|_| {
        let map = created(&array("frozen", 1, 2));
        let view = Mapped::edit(&map).expect("a view");
        let busy = map.freeze().expect_err("somebody may store to it");
        assert!(
            matches!(busy, MapError::Refused { op: MapOp::Freeze, errno: Errno::EBUSY, .. }),
            "{busy}"
        );
        view.words()[1].store(9);
        drop(view);
        map.freeze().expect("frozen");
        assert_eq!(Mapped::read(&map).expect("a view").words()[1].load(), 9);
        let error = Mapped::edit(&map).expect_err("frozen");
        assert!(matches!(error, MapError::NotMapped { view: View::Edit, .. }), "{error}");
        assert_eq!(
            error.to_string(),
            "cannot map `frozen` into memory to edit it: EPERM (operation not permitted); \
             a frozen map can only be read"
        );
    });
}

#[test]
fn a_map_made_to_be_read_only_or_written_only_is_refused_and_so_is_the_edit_of_a_constant() {
    kernel(|_| {
        let made =
            |way| created(&MapDecl { flags: MapFlags::MMAPABLE | way, ..array("way", 1, 1) });
        for way in [MapFlags::RDONLY, MapFlags::WRONLY] {
            let map = made(way);
            for error in [Mapped::read(&map).map(drop), Mapped::edit(&map).map(drop)] {
                let error = error.expect_err("one direction").to_string();
                assert!(error.contains("opened to be read and written"), "{error}");
            }
        }
        let constant = made(MapFlags::RDONLY_PROG);
        assert_eq!(Mapped::read(&constant).expect("a view").words()[0].load(), 0);
        let error = Mapped::edit(&constant).expect_err("a constant").to_string();
        assert!(error.contains("edit it: EACCES"), "{error}");
    });
}

#[test]
fn a_view_outlives_the_descriptor_and_nothing_outlives_the_view() {
    kernel(|_| {
        let declared = array("kept", 1, 1000);
        let map = created(&declared);
        let object = ObjectId { kind: ObjectKind::Map, id: map.info().expect("told").id };
        let (view, watch) =
            (Mapped::edit(&map).expect("a view"), Mapped::read(&map).expect("a view"));
        drop(map);
        assert_eq!(object.is_alive(), Ok(true));
        view.words()[999].store(5);
        drop(view);
        assert_eq!(object.is_alive(), Ok(true));
        assert_eq!(watch.words()[999].load(), 5);
        drop(watch);
        assert!(gone(object), "{object} is held by somebody");
    });
}

/// Whether the kernel gives an object up, which it does at once or a little later.
fn gone(object: ObjectId) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while object.is_alive() != Ok(false) {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

const OLD: u64 = 0x1111_2222_3333_4444;
const NEW: u64 = 0xeeee_dddd_cccc_bbbb;

/// Counts in the second map: the packets that met `OLD` in the first, those that met `NEW`, and
/// those that met anything else.
fn judge(a: &mut Assembler, maps: &[MapId]) {
    let (new, other, count) = (a.label("new"), a.label("other"), a.label("count"));
    a.load_map_value(R1, maps[0], 0).load(Size::D, R6, R1 + 0).load_map_value(R7, maps[1], 0);
    a.load_imm64(R8, OLD).jump_if(R6, Cond::Ne, R8, new).jump(count);
    a.place(new);
    a.add(R7, 8).load_imm64(R8, NEW).jump_if(R6, Cond::Ne, R8, other).jump(count);
    a.place(other);
    a.add(R7, 8);
    a.place(count);
    a.mov(R8, 1).atomic(AtomicOp::Add, Size::D, R7 + 0, R8);
    a.mov(R0, 1).exit();
}

#[test]
fn a_program_that_reads_while_others_store_reads_one_of_the_two_values() {
    kernel(|_| {
        let (value, seen) = (array("value", 1, 1), array("seen", 3, 1));
        let (value_map, seen_map) = (created(&value), created(&seen));
        let program = program(&[(&value, &value_map), (&seen, &seen_map)], judge);
        let view = Mapped::edit(&value_map).expect("a view");
        let seen = Mapped::read(&seen_map).expect("a view");
        let [old, new, other] = seen.words() else { panic!("{} words", seen.len()) };
        view.words()[0].store(OLD);

        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    view.words()[0].store(NEW);
                    view.words()[0].store(OLD);
                }
            });
            let end = Instant::now() + Duration::from_secs(2);
            while (old.load() < 100_000 || new.load() < 100_000) && Instant::now() < end {
                run(&program, 1000);
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(other.load(), 0, "of {} and {}", old.load(), new.load());
        assert!(old.load() + new.load() > 0);
    });
}

#[test]
fn no_addition_of_a_program_or_a_view_is_lost() {
    kernel(|_| {
        let (declared, rounds) = (array("sum", 1, 1), 20_000);
        let map = created(&declared);
        let program = program(&[(&declared, &map)], |a, maps| {
            a.load_map_value(R7, maps[0], 0).mov(R8, 1);
            a.atomic(AtomicOp::Add, Size::D, R7 + 0, R8).mov(R0, 1).exit();
        });
        let view = Mapped::edit(&map).expect("a view");
        let sum = &view.words()[0];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    sum.fetch_add(1 << 32);
                }
            });
            (0..20).for_each(|_| run(&program, 1000));
        });
        assert_eq!(sum.fetch_add(1), (rounds << 32) + 20_000);
        assert_eq!(sum.load(), (rounds << 32) + 20_001);
    });
}

#[test]
fn pieces_show_the_words_of_the_whole_view_and_no_more() {
    kernel(|_| {
        // The last piece is not full, nor is its last page.
        let map = created(&array("pieces", 3, 40_003));
        let (pieces, view) =
            (Pieces::edit(&map).expect("pieces"), Mapped::edit(&map).expect("a view"));
        let words = view.len();
        assert_eq!((pieces.len(), words), (120_009, 120_009));
        for at in [0, 1, 32_767, 32_768, 65_535, 98_304, words - 1] {
            let word = pieces.word(at).expect("it is mapped").expect("it is there");
            word.store(at as u64 + 7);
            assert_eq!(view.words()[at].load(), at as u64 + 7);
            view.words()[at].store(at as u64 + 9);
            assert_eq!(word.load(), at as u64 + 9);
        }
        for at in [words, words + 1, usize::MAX] {
            assert!(pieces.word(at).expect("nothing is to be mapped").is_none(), "{at}");
        }
        assert_eq!(view.words().iter().filter(|word| word.load() != 0).count(), 7);
    });
}

#[test]
fn a_frozen_map_has_pieces_that_are_refused_when_they_are_asked_for() {
    kernel(|_| {
        let map = created(&array("frozen", 1, 4));
        map.freeze().expect("frozen");
        let pieces = Pieces::edit(&map).expect("nothing is mapped yet");
        let error = pieces.word(0).expect_err("frozen");
        assert!(matches!(error, MapError::NotMapped { view: View::Edit, .. }), "{error}");
    });
}
