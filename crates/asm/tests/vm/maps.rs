//! Maps: what each kind answers to user space and to programs, as the kernel's do.

use palisade_asm::vm::{Figure, Insert, MapRefusal, MapStore, MapUnfit, Packet, Vm, World};
use palisade_asm::{Cond, FP, Helper, MapDecl, MapFlags, MapKind, R0, R1, R2, R3, R4, R6, Size};

use crate::{decl, machine};

fn key(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}

fn value(number: u64) -> [u8; 8] {
    number.to_ne_bytes()
}

fn store(decl: MapDecl) -> MapStore {
    MapStore::new(&[decl]).unwrap_or_else(|error| panic!("{error}"))
}

fn put(maps: &mut MapStore, at: u32, number: u64, how: Insert) -> Result<(), MapRefusal> {
    maps.put(0, &key(at), &value(number), how)
}

#[test]
fn an_array_has_every_index_and_no_other() {
    let mut maps = store(decl(MapKind::Array, 3));
    assert_eq!(maps.get(0, &key(2)), Some(value(0).to_vec()));
    assert_eq!(maps.get(0, &key(3)), None);
    assert_eq!(put(&mut maps, 1, 7, Insert::Any), Ok(()));
    assert_eq!(put(&mut maps, 1, 8, Insert::Existing), Ok(()));
    assert_eq!(put(&mut maps, 1, 9, Insert::New), Err(MapRefusal::Exists));
    assert_eq!(put(&mut maps, 3, 9, Insert::Any), Err(MapRefusal::TooBig));
    assert_eq!(maps.delete(0, &key(1)), Err(MapRefusal::Invalid));
    let all: Vec<_> =
        [0, 8, 0].into_iter().zip(0..).map(|(v, k)| (key(k).to_vec(), value(v).to_vec())).collect();
    assert_eq!(maps.entries(0), all);
}

#[test]
fn a_hash_takes_keys_until_it_is_full() {
    let mut maps = store(decl(MapKind::Hash, 2));
    assert_eq!(put(&mut maps, 7, 1, Insert::Existing), Err(MapRefusal::Missing));
    assert_eq!(put(&mut maps, 7, 1, Insert::New), Ok(()));
    assert_eq!(put(&mut maps, 7, 2, Insert::New), Err(MapRefusal::Exists));
    assert_eq!(put(&mut maps, 8, 2, Insert::Any), Ok(()));
    assert_eq!(put(&mut maps, 9, 3, Insert::Any), Err(MapRefusal::TooBig));
    assert_eq!(put(&mut maps, 8, 4, Insert::Any), Ok(()), "a key that is there needs no room");
    assert_eq!(maps.delete(0, &key(7)), Ok(()));
    assert_eq!(maps.delete(0, &key(7)), Err(MapRefusal::Missing));
    assert_eq!(put(&mut maps, 9, 3, Insert::Any), Ok(()));
    let entries = [(8, 4), (9, 3)].map(|(k, v)| (key(k).to_vec(), value(v).to_vec()));
    assert_eq!(maps.entries(0), entries);
    assert_eq!(maps.count(0), 2);
}

#[test]
fn keys_and_values_of_other_sizes_are_refused() {
    let mut maps = store(decl(MapKind::Hash, 2));
    assert_eq!(maps.put(0, &[0; 3], &value(1), Insert::Any), Err(MapRefusal::Invalid));
    assert_eq!(maps.put(0, &[0; 4], &[0; 7], Insert::Any), Err(MapRefusal::Invalid));
    assert_eq!(maps.put(1, &[0; 4], &[0; 8], Insert::Any), Err(MapRefusal::Invalid));
    assert_eq!(maps.get(0, &[0; 3]), None);
}

#[test]
fn a_frozen_map_is_edited_by_user_space_no_more() {
    let mut maps = store(decl(MapKind::Array, 1));
    maps.freeze(0);
    assert_eq!(put(&mut maps, 0, 1, Insert::Any), Err(MapRefusal::Frozen));
    assert_eq!(maps.get(0, &key(0)), Some(value(0).to_vec()));
}

#[test]
fn an_lru_hash_forgets_what_was_used_least_lately() {
    // Looks one key up, which is a use of it.
    let mut vm = machine(|a| {
        let map = a.map(decl(MapKind::LruHash, 3));
        a.store(Size::W, FP - 4, 1).load_map(R1, map).mov(R2, FP).add(R2, -4);
        a.call(Helper::MAP_LOOKUP_ELEM).mov(R0, 0).exit();
    });
    for at in 1..=3 {
        put(vm.maps_mut(), at, 0, Insert::New).expect("room");
    }
    vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect("no trap");
    put(vm.maps_mut(), 4, 0, Insert::New).expect("always room");
    put(vm.maps_mut(), 5, 0, Insert::New).expect("always room");
    let keys: Vec<_> = vm.maps().entries(0).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [key(1), key(4), key(5)]);
}

fn prefix(len: u32, bytes: [u8; 4]) -> [u8; 8] {
    let mut prefix = [0; 8];
    prefix[..4].copy_from_slice(&len.to_ne_bytes());
    prefix[4..].copy_from_slice(&bytes);
    prefix
}

fn trie(max_entries: u32) -> MapStore {
    store(MapDecl {
        key_size: 8,
        flags: MapFlags::NO_PREALLOC,
        ..decl(MapKind::LpmTrie, max_entries)
    })
}

#[test]
fn a_trie_finds_the_longest_prefix_that_is_no_longer_than_the_key() {
    let mut maps = trie(8);
    for (at, (len, bytes)) in
        [(8, [10, 0, 0, 0]), (17, [10, 1, 128, 0]), (32, [10, 1, 128, 5]), (0, [0; 4])]
            .into_iter()
            .enumerate()
    {
        let at = u64::try_from(at).expect("small");
        maps.put(0, &prefix(len, bytes), &value(at), Insert::New).expect("room");
    }
    for (len, bytes, expected) in [
        (32, [10, 1, 128, 5], 2),
        (32, [10, 1, 128, 4], 1),
        (32, [10, 1, 127, 5], 0),
        (32, [10, 2, 128, 5], 0),
        (32, [11, 1, 128, 5], 3),
        (31, [10, 1, 128, 5], 1),
        (16, [10, 1, 128, 5], 0),
        (7, [10, 0, 0, 0], 3),
    ] {
        let found = maps.get(0, &prefix(len, bytes));
        assert_eq!(found, Some(value(expected).to_vec()), "{bytes:?}/{len}");
    }
    assert_eq!(maps.get(0, &prefix(33, [0; 4])), None);
    assert_eq!(maps.delete(0, &prefix(17, [10, 1, 255, 255])), Ok(()), "bits beyond do not count");
    assert_eq!(maps.get(0, &prefix(32, [10, 1, 128, 4])), Some(value(0).to_vec()));
}

#[test]
fn a_trie_answers_edits_as_the_kernels_does() {
    let mut maps = trie(1);
    let ten = prefix(8, [10, 0, 0, 0]);
    assert_eq!(maps.put(0, &prefix(33, [0; 4]), &value(0), Insert::Any), Err(MapRefusal::Invalid));
    assert_eq!(maps.put(0, &ten, &value(0), Insert::Existing), Err(MapRefusal::Missing));
    assert_eq!(maps.put(0, &ten, &value(0), Insert::Any), Ok(()));
    assert_eq!(maps.put(0, &ten, &value(0), Insert::New), Err(MapRefusal::Exists));
    assert_eq!(maps.put(0, &ten, &value(5), Insert::Existing), Ok(()));
    let other = prefix(9, [10, 0, 0, 0]);
    assert_eq!(maps.put(0, &other, &value(0), Insert::Any), Err(MapRefusal::NoSpace));
    assert_eq!(maps.delete(0, &other), Err(MapRefusal::Missing));
    assert_eq!(maps.entries(0), [(ten.to_vec(), value(5).to_vec())]);
}

#[test]
fn each_cpu_has_its_own_value_and_user_space_sees_all() {
    for kind in [MapKind::PerCpuArray, MapKind::PerCpuHash, MapKind::LruPerCpuHash] {
        let program = crate::built(|a| {
            let map = a.map(decl(kind, 4));
            let miss = a.label("miss");
            a.store(Size::W, FP - 4, 2).load_map(R1, map).mov(R2, FP).add(R2, -4);
            a.call(Helper::MAP_LOOKUP_ELEM).mov(R6, R0).mov(R0, 0);
            a.jump_if(R6, Cond::Eq, 0, miss);
            a.load(Size::D, R1, R6 + 0).add(R1, 1).store(Size::D, R6 + 0, R1).mov(R0, 1);
            a.place(miss);
            a.exit();
        });
        let maps = MapStore::for_cpus(program.maps(), 3).expect("a machine of three CPUs");
        let mut vm = Vm::with_maps(&program, maps).expect("its maps");
        let all = [value(10), value(20), value(30)].concat();
        assert_eq!(vm.maps_mut().put(0, &key(2), &value(1), Insert::Any), Err(MapRefusal::Invalid));
        vm.maps_mut().put(0, &key(2), &all, Insert::Any).expect("room");
        for cpu in [0, 2, 2] {
            let world = World { cpu, ..World::default() };
            assert_eq!(vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap").value, 1);
        }
        let after = [value(11), value(20), value(32)].concat();
        assert_eq!(vm.maps().get(0, &key(2)), Some(after), "{kind:?}");
    }
}

#[test]
fn a_value_of_another_cpu_is_found_by_its_number() {
    let program = crate::built(|a| {
        let map = a.map(decl(MapKind::PerCpuArray, 4));
        let miss = a.label("miss");
        a.load(Size::W, R3, R1 + 16).store(Size::W, FP - 4, 2);
        a.load_map(R1, map).mov(R2, FP).add(R2, -4).call(Helper::MAP_LOOKUP_PERCPU_ELEM);
        a.jump_if(R0, Cond::Eq, 0, miss).load(Size::D, R0, R0 + 0);
        a.place(miss);
        a.exit();
    });
    let maps = MapStore::for_cpus(program.maps(), 2).expect("a machine of two CPUs");
    let mut vm = Vm::with_maps(&program, maps).expect("its maps");
    let all = [value(10), value(20)].concat();
    vm.maps_mut().put(0, &key(2), &all, Insert::Any).expect("an index");
    for (queue, expected) in [(0, 10), (1, 20), (2, 0)] {
        let world = World { queue, ..World::default() };
        let outcome = vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap");
        assert_eq!(outcome.value, expected);
    }
}

/// What a program gets that calls a helper with key 1 and value 77.
fn edited(vm: &mut Vm) -> i32 {
    let outcome = vm.run(&mut Packet::new(&[0; 14]), &World::default()).expect("no trap");
    outcome.value.cast_signed()
}

fn editor(map: MapDecl, helper: Helper, flags: i32) -> Vm {
    machine(|a| {
        let map = a.map(map);
        a.store(Size::W, FP - 4, 1).store(Size::D, FP - 16, 77);
        a.load_map(R1, map).mov(R2, FP).add(R2, -4).mov(R3, FP).add(R3, -16).mov(R4, flags);
        a.call(helper).exit();
    })
}

#[test]
fn programs_edit_maps_and_get_error_numbers() {
    const EINVAL: i32 = -22;
    const EEXIST: i32 = -17;
    const ENOENT: i32 = -2;
    const E2BIG: i32 = -7;
    let hash = || decl(MapKind::Hash, 1);
    let mut vm = editor(hash(), Helper::MAP_UPDATE_ELEM, 0);
    assert_eq!(edited(&mut vm), 0);
    assert_eq!(vm.maps().get(0, &key(1)), Some(value(77).to_vec()));
    let mut vm = editor(hash(), Helper::MAP_UPDATE_ELEM, 1);
    assert_eq!((edited(&mut vm), edited(&mut vm)), (0, EEXIST));
    let mut vm = editor(hash(), Helper::MAP_UPDATE_ELEM, 2);
    assert_eq!(edited(&mut vm), ENOENT);
    assert_eq!(edited(&mut editor(hash(), Helper::MAP_UPDATE_ELEM, 3)), EINVAL);
    assert_eq!(edited(&mut editor(hash(), Helper::MAP_UPDATE_ELEM, 4)), EINVAL);
    let mut vm = editor(hash(), Helper::MAP_UPDATE_ELEM, 0);
    put(vm.maps_mut(), 9, 9, Insert::Any).expect("room");
    assert_eq!(edited(&mut vm), E2BIG);
    let mut vm = editor(hash(), Helper::MAP_DELETE_ELEM, 0);
    assert_eq!(edited(&mut vm), ENOENT);
    put(vm.maps_mut(), 1, 9, Insert::Any).expect("room");
    assert_eq!((edited(&mut vm), vm.maps().count(0)), (0, 0));
    assert_eq!(edited(&mut editor(decl(MapKind::Array, 2), Helper::MAP_DELETE_ELEM, 0)), EINVAL);
    assert_eq!(edited(&mut editor(decl(MapKind::Array, 1), Helper::MAP_UPDATE_ELEM, 0)), E2BIG);
    // A frozen map is closed to user space alone.
    let mut vm = editor(decl(MapKind::Array, 2), Helper::MAP_UPDATE_ELEM, 0);
    vm.maps_mut().freeze(0);
    assert_eq!(edited(&mut vm), 0);
    assert_eq!(vm.maps().get(0, &key(1)), Some(value(77).to_vec()));
}

#[test]
fn a_program_writes_the_value_of_its_cpu_alone() {
    let of = editor(decl(MapKind::PerCpuHash, 1), Helper::MAP_UPDATE_ELEM, 0);
    let program = of.program(palisade_asm::vm::ProgramId::FIRST).expect("the first one").clone();
    let maps = MapStore::for_cpus(program.maps(), 2).expect("a machine of two CPUs");
    let mut vm = Vm::with_maps(&program, maps).expect("its maps");
    // What was there before and is deleted leaves nothing.
    vm.maps_mut().put(0, &key(1), &[9; 16], Insert::New).expect("room");
    vm.maps_mut().delete(0, &key(1)).expect("it is there");
    let world = World { cpu: 1, ..World::default() };
    vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap");
    assert_eq!(vm.maps().get(0, &key(1)), Some([value(0), value(77)].concat()));
}

#[test]
fn the_values_that_a_program_finds_are_noted_where_somebody_asks() {
    // Finds what the queue's number says, adds one to it, and looks it up once more.
    let mut vm = machine(|a| {
        let map = a.map(decl(MapKind::PerCpuArray, 4));
        let miss = a.label("miss");
        a.load(Size::W, R3, R1 + 16).store(Size::W, FP - 4, R3);
        a.load_map(R1, map).mov(R2, FP).add(R2, -4).call(Helper::MAP_LOOKUP_ELEM);
        a.jump_if(R0, Cond::Eq, 0, miss);
        a.load(Size::D, R1, R0 + 0).add(R1, 1).store(Size::D, R0 + 0, R1);
        a.load_map(R1, map).mov(R2, FP).add(R2, -4).call(Helper::MAP_LOOKUP_ELEM);
        a.place(miss);
        a.mov(R0, 0).exit();
    });
    let mut found = Vec::new();
    let look_up = |vm: &mut Vm, queue| {
        let world = World { queue, ..World::default() };
        vm.run(&mut Packet::new(&[0; 14]), &world).expect("no trap");
    };
    look_up(&mut vm, 3);
    vm.maps_mut().take_found(0, &mut found);
    assert_eq!(found, [], "nobody asked");
    vm.maps_mut().note_found(0);
    for queue in [2, 9, 1] {
        look_up(&mut vm, queue);
    }
    vm.maps_mut().take_found(0, &mut found);
    assert_eq!(found, [2, 2, 1, 1], "each as often as it was found, and none that is not there");
    vm.maps_mut().take_found(0, &mut found);
    assert_eq!(found.len(), 4, "they are told once");
    let values: Vec<_> = (0..5).map(|index| vm.maps().at(0, index).map(<[u8]>::to_vec)).collect();
    let value = |number| Some(value(number).to_vec());
    assert_eq!(values, [value(0), value(1), value(1), value(1), None]);
}

#[test]
fn shapes_that_the_kernel_does_not_take_are_refused() {
    let refused = |decl: MapDecl| MapStore::new(&[decl]).expect_err("refused");
    let figure = |decl: MapDecl| match refused(decl) {
        MapUnfit::Shape { figure, .. } => figure,
        other => panic!("{other}"),
    };
    assert_eq!(figure(decl(MapKind::Hash, 0)), Figure::MaxEntries);
    assert_eq!(figure(MapDecl { key_size: 8, ..decl(MapKind::Array, 1) }), Figure::KeySize);
    assert_eq!(figure(MapDecl { value_size: 0, ..decl(MapKind::Hash, 1) }), Figure::ValueSize);
    assert_eq!(figure(decl(MapKind::LpmTrie, 1)), Figure::KeySize);
    assert_eq!(figure(MapDecl { key_size: 8, ..decl(MapKind::LpmTrie, 1) }), Figure::Flags);
    assert_eq!(figure(MapDecl { value_size: 4, ..decl(MapKind::RingBuf, 4096) }), Figure::KeySize);
    assert_eq!(figure(decl(MapKind::ProgArray, 1)), Figure::ValueSize);
    let message = refused(MapDecl { value_size: 1 << 20, ..decl(MapKind::Array, 1 << 20) });
    assert!(matches!(message, MapUnfit::TooLarge { .. }), "{message}");
    assert!(matches!(refused(decl(MapKind::ArrayOfMaps, 1)), MapUnfit::Kind { .. }));
    let cpus = MapStore::for_cpus(&[], 0).expect_err("a machine without a CPU");
    assert_eq!(cpus.to_string(), "0 CPUs, and 1 to 8192 are allowed");
}
