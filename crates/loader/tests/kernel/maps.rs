//! Maps: reading, editing, batches, full ones, frozen ones, prefixes, and values per CPU.

use std::collections::BTreeMap;

use palisade_asm::MapKind;
use palisade_loader::{
    Errno, Frozen, Insert, LpmKey, Map, MapError, MapHandle, MapOp, PerCpu, PerCpuMap,
    possible_cpus,
};

use crate::ground::{decl, kernel};

fn hash(max_entries: u32) -> Map<u32, u64> {
    let decl = decl("hash", MapKind::Hash, 4, max_entries);
    Map::new(MapHandle::create(&decl).expect("a map")).expect("a typed map")
}

#[test]
fn an_entry_is_inserted_read_replaced_and_removed() {
    kernel(|_| {
        let map = hash(4);
        assert_eq!(map.get(&1).expect("read"), None);
        map.insert(&1, &10, Insert::New).expect("inserted");
        map.insert(&1, &11, Insert::Existing).expect("replaced");
        assert_eq!(map.get(&1).expect("read"), Some(11));
        assert!(map.remove(&1).expect("removed"));
        assert!(!map.remove(&1).expect("was not there"));
    });
}

#[test]
fn an_insert_keeps_to_its_condition() {
    kernel(|_| {
        let map = hash(4);
        let absent = map.insert(&1, &1, Insert::Existing).expect_err("not there");
        assert!(matches!(absent, MapError::Absent { .. }), "{absent}");
        map.insert(&1, &1, Insert::Any).expect("inserted");
        let exists = map.insert(&1, &2, Insert::New).expect_err("there");
        assert!(matches!(exists, MapError::Exists { .. }), "{exists}");
        assert_eq!(map.get(&1).expect("read"), Some(1));
    });
}

#[test]
fn a_full_hash_and_a_full_trie_say_how_full_and_stay_as_they_were() {
    kernel(|_| {
        let map = hash(4);
        for key in 0..4 {
            map.insert(&key, &1, Insert::Any).expect("inserted");
        }
        let full = map.insert(&4, &1, Insert::Any).expect_err("full");
        assert!(matches!(full, MapError::Full { max_entries: 4, .. }), "{full}");
        assert_eq!(full.to_string(), "map `hash` is full: it holds 4 entries, all in use");
        assert_eq!(map.iter().count(), 4);

        let trie = MapHandle::create(&decl("trie", MapKind::LpmTrie, 8, 2)).expect("a trie");
        let trie: Map<LpmKey<4>, u64> = Map::new(trie).expect("typed");
        let key = |b| LpmKey::new([10, b, 0, 0], 16).expect("a prefix");
        for b in 0..2 {
            trie.insert(&key(b), &1, Insert::Any).expect("inserted");
        }
        let full = trie.insert(&key(2), &1, Insert::Any).expect_err("full");
        assert!(matches!(full, MapError::Full { max_entries: 2, .. }), "{full}");
    });
}

#[test]
fn an_index_beyond_an_array_is_not_a_full_map() {
    kernel(|_| {
        let array = MapHandle::create(&decl("array", MapKind::Array, 4, 2)).expect("an array");
        let array: Map<u32, u64> = Map::new(array).expect("typed");
        array.insert(&1, &7, Insert::Any).expect("inserted");
        let error = array.insert(&2, &7, Insert::Any).expect_err("beyond");
        assert!(matches!(error, MapError::OutOfRange { max_entries: 2, .. }), "{error}");
        let entries: Vec<(u32, u64)> = array.iter().collect::<Result<_, _>>().expect("read");
        assert_eq!(entries, [(0, 0), (1, 7)]);
    });
}

#[test]
fn a_trie_answers_with_the_longest_prefix() {
    kernel(|_| {
        let trie = MapHandle::create(&decl("trie", MapKind::LpmTrie, 8, 8)).expect("a trie");
        let trie: Map<LpmKey<4>, u64> = Map::new(trie).expect("typed");
        let key = |addr, len| LpmKey::new(addr, len).expect("a prefix");
        trie.insert(&key([10, 0, 0, 0], 8), &8, Insert::New).expect("inserted");
        trie.insert(&key([10, 1, 0, 0], 16), &16, Insert::New).expect("inserted");
        assert_eq!(trie.get(&key([10, 1, 2, 3], 32)).expect("read"), Some(16));
        assert_eq!(trie.get(&key([10, 2, 2, 3], 32)).expect("read"), Some(8));
        assert_eq!(trie.get(&key([11, 0, 0, 0], 32)).expect("read"), None);
        let mut keys: Vec<_> = trie.iter().map(|entry| entry.expect("read").0).collect();
        keys.sort();
        assert_eq!(keys, [key([10, 0, 0, 0], 8), key([10, 1, 0, 0], 16)]);
    });
}

#[test]
fn batches_write_read_and_remove_more_than_one_chunk() {
    kernel(|_| {
        let count = 40_000;
        let map = hash(count);
        let keys: Vec<u32> = (0..count).collect();
        let values: Vec<u64> = keys.iter().map(|key| u64::from(*key) * 3).collect();
        map.insert_batch(&keys, &values).expect("written");
        let read: BTreeMap<u32, u64> = map.iter().collect::<Result<_, _>>().expect("read");
        assert!(read.into_iter().eq(keys.iter().copied().zip(values.iter().copied())));
        let every_third: Vec<u32> = (0..count + 30).step_by(3).collect();
        assert_eq!(map.remove_batch(&every_third).expect("removed"), 13_334);
        assert_eq!(map.remove_batch(&every_third).expect("nothing left"), 0);
        assert_eq!(map.iter().count(), 40_000 - 13_334);
    });
}

#[test]
fn a_batch_into_a_map_too_small_tells_how_far_it_came() {
    kernel(|_| {
        let map = hash(4);
        let keys: Vec<u32> = (0..10).collect();
        let error = map.insert_batch(&keys, &[1; 10]).expect_err("too many");
        assert!(matches!(error.error, MapError::Full { max_entries: 4, .. }), "{error}");
        assert_eq!(error.done, 4);
        let error = map.insert_batch(&keys, &[1; 9]).expect_err("uneven");
        assert!(matches!(error.error, MapError::Uneven { keys: 10, values: 9, .. }), "{error}");
    });
}

#[test]
fn reading_a_trie_and_a_tiny_hash_ends_and_misses_nothing() {
    kernel(|_| {
        let trie = MapHandle::create(&decl("trie", MapKind::LpmTrie, 8, 1000)).expect("a trie");
        let trie: Map<LpmKey<4>, u64> = Map::new(trie).expect("typed");
        let keys: Vec<LpmKey<4>> =
            (0..=255).filter_map(|b| LpmKey::new([192, 0, b, 0], 24)).collect();
        trie.insert_batch(&keys, &[1; 256]).expect("written");
        let mut read: Vec<LpmKey<4>> = trie.iter().map(|entry| entry.expect("read").0).collect();
        read.sort();
        assert_eq!(read, keys);
        assert_eq!(hash(1).iter().count(), 0);
    });
}

#[test]
fn reading_ends_while_others_remove_and_insert() {
    kernel(|_| {
        let map = hash(2000);
        let keys: Vec<u32> = (0..1000).collect();
        map.insert_batch(&keys, &[0; 1000]).expect("written");
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    for key in 500..1000 {
                        let _ = map.remove(&key);
                        let _ = map.insert(&key, &1, Insert::Any);
                    }
                }
            });
            for _ in 0..20 {
                let seen: std::collections::BTreeSet<u32> =
                    map.iter().filter_map(|entry| entry.ok()).map(|(key, _)| key).collect();
                assert!((0..500).all(|key| seen.contains(&key)), "an entry that stayed was missed");
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

#[test]
fn a_map_of_another_shape_or_type_is_refused_with_both_named() {
    kernel(|_| {
        let declared = decl("block", MapKind::Hash, 4, 16);
        let map = MapHandle::create(&declared).expect("a map");
        map.check_shape(&declared).expect("the same");
        let other = decl("block", MapKind::Hash, 8, 16);
        let error = map.check_shape(&other).expect_err("another");
        assert!(
            error.to_string().contains("4-byte keys") && error.to_string().contains("8-byte keys")
        );
        let error = Map::<[u8; 16], u64>::new(map.try_clone().expect("a clone"));
        assert!(matches!(error, Err(MapError::Sizes { want_key: 16, .. })));
        let error = PerCpuMap::<u32, u64>::new(map);
        assert!(matches!(error, Err(MapError::Sizes { .. })));
        let per_cpu = decl("counts", MapKind::PerCpuArray, 4, 1);
        let error = Map::<u32, u64>::new(MapHandle::create(&per_cpu).expect("a map"));
        assert!(matches!(error, Err(MapError::Sizes { .. })));
    });
}

#[test]
fn the_kernel_tells_the_name_the_shape_and_the_memory() {
    kernel(|_| {
        let declared = decl("block-list.ipv4-addresses", MapKind::Hash, 4, 16);
        let map = MapHandle::create(&declared).expect("a map");
        let info = map.info().expect("told");
        assert_eq!(info.name, "block_list_ipv4");
        assert_eq!(info.shape.kind_name(), Some(MapKind::Hash));
        assert_eq!(info.frozen, Frozen::No);
        assert!(info.memory.is_some_and(|bytes| bytes > 0));
        assert!(info.id > 0);
    });
}

#[test]
fn a_frozen_map_is_read_and_not_written() {
    kernel(|_| {
        let map = hash(4);
        map.insert(&1, &1, Insert::Any).expect("inserted");
        map.handle().freeze().expect("frozen");
        assert_eq!(map.handle().info().expect("told").frozen, Frozen::Yes);
        assert_eq!(map.get(&1).expect("read"), Some(1));
        let error = map.insert(&2, &2, Insert::Any).expect_err("frozen");
        assert!(
            matches!(error, MapError::Refused { op: MapOp::Insert, errno: Errno::EPERM, .. }),
            "{error}"
        );
    });
}

#[test]
fn a_per_cpu_array_holds_a_value_for_every_possible_cpu() {
    kernel(|_| {
        let counts = MapHandle::create(&decl("counts", MapKind::PerCpuArray, 4, 600));
        let counts: PerCpuMap<u32, u64> = PerCpuMap::new(counts.expect("a map")).expect("typed");
        let cpus = possible_cpus().expect("a number");
        counts.set(&2, &PerCpu::of(5).expect("values"), Insert::Any).expect("written");
        let values = counts.get(&2).expect("read").expect("there");
        assert_eq!(values.iter().count(), cpus);
        assert_eq!(values.sum(), 5 * u64::try_from(cpus).expect("few"));
        let all = counts.get_all().expect("read");
        assert_eq!(all.len(), 600);
        assert_eq!(all.get(2), Some(&values));
        assert_eq!(all.get(3).map(PerCpu::<u64>::sum), Some(0));
    });
}

#[test]
fn a_per_cpu_hash_with_small_values_is_edited_and_read() {
    kernel(|_| {
        let mut declared = decl("hits", MapKind::PerCpuHash, 4, 8);
        declared.value_size = 4;
        let hits = MapHandle::create(&declared).expect("a map");
        let hits: PerCpuMap<[u8; 4], u32> = PerCpuMap::new(hits).expect("typed");
        let key = [192, 0, 2, 1];
        assert_eq!(hits.get(&key).expect("read"), None);
        hits.set(&key, &PerCpu::of(9).expect("values"), Insert::New).expect("written");
        let entries: Vec<_> = hits.iter().collect::<Result<_, _>>().expect("read");
        assert_eq!(entries, [(key, PerCpu::of(9).expect("values"))]);
        assert!(hits.remove(&key).expect("removed"));
        assert_eq!(hits.iter().count(), 0);
    });
}

/// A kind of map that the kernel reads key by key: names of interfaces by a number.
fn devices(max_entries: u32) -> Map<u32, u32> {
    let mut declared = decl("devices", MapKind::DevMapHash, 4, max_entries);
    declared.value_size = 4;
    Map::new(MapHandle::create(&declared).expect("a map")).expect("typed")
}

const LOOPBACK: u32 = 1;

#[test]
fn a_map_without_batches_is_read_and_edited_one_by_one() {
    kernel(|_| {
        let map = devices(64);
        let keys: Vec<u32> = (0..50).collect();
        map.insert_batch(&keys, &[LOOPBACK; 50]).expect("written");
        let mut read: Vec<u32> = map.iter().map(|entry| entry.expect("read").0).collect();
        read.sort_unstable();
        assert_eq!(read, keys);
        assert_eq!(map.remove_batch(&[7, 8, 99]).expect("removed"), 2);
        assert_eq!(map.iter().count(), 48);
        let error = map.insert_batch(&[100, 101], &[LOOPBACK, 0xffff]).expect_err("no interface");
        assert_eq!(error.done, 1, "{error}");
    });
}

#[test]
fn a_reading_that_is_sent_back_to_the_start_for_ever_ends_with_an_error() {
    kernel(|_| {
        let map = devices(8);
        map.insert(&0, &LOOPBACK, Insert::New).expect("inserted");
        let (mut next, mut last) = (1, None);
        for entry in map.iter() {
            match entry {
                // The key just read is gone, so the kernel begins anew, and finds another.
                Ok((key, _)) => {
                    map.remove(&key).expect("removed");
                    map.insert(&next, &LOOPBACK, Insert::New).expect("inserted");
                    next += 1;
                }
                Err(error) => last = Some(error),
            }
            assert!(next < 1000, "the reading does not end");
        }
        assert!(matches!(last, Some(MapError::Unsettled { .. })), "{last:?}");
    });
}

#[test]
fn bytes_fill_a_map_of_any_kind_and_only_of_its_sizes() {
    kernel(|_| {
        let bytes =
            |key: u32, value: u64| (key.to_ne_bytes().to_vec(), value.to_ne_bytes().to_vec());
        for (kind, most) in [(MapKind::Hash, 4), (MapKind::Array, 4)] {
            let handle = MapHandle::create(&decl("filled", kind, 4, most)).expect("a map");
            handle.fill(&[bytes(0, 5), bytes(3, 7)]).expect("filled");
            let map: Map<u32, u64> = Map::new(handle).expect("typed");
            assert_eq!(map.get(&0).expect("read"), Some(5));
            assert_eq!(map.get(&3).expect("read"), Some(7));

            let short = (vec![1; 4], vec![1; 7]);
            let refused = map.handle().fill(&[bytes(1, 1), short]).expect_err("a short value");
            assert!(matches!(refused, MapError::Sizes { want_value: 7, .. }), "{refused}");
            assert_ne!(map.get(&1).expect("read"), Some(1), "nothing was written");
        }
        let trie = MapHandle::create(&decl("trie", MapKind::LpmTrie, 8, 2)).expect("a trie");
        let prefix = |b: u8| ([&16u32.to_ne_bytes()[..], &[10, b, 0, 0]].concat(), vec![b; 8]);
        trie.fill(&[prefix(1), prefix(2)]).expect("filled");
        let full = trie.fill(&[prefix(3)]).expect_err("full");
        assert!(matches!(full, MapError::Full { max_entries: 2, .. }), "{full}");

        let cells = MapHandle::create(&decl("cells", MapKind::PerCpuArray, 4, 2)).expect("a map");
        let refused = cells.fill(&[bytes(0, 1)]).expect_err("a value for every CPU");
        assert!(matches!(refused, MapError::Sizes { .. }), "{refused}");
    });
}
