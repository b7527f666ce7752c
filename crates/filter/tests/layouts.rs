//! What maps are said to hold is what they are declared to hold, byte for byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use palisade_asm::MapKind;
use palisade_asm::btf::{Layout, MapLayout};
use palisade_filter::structure::flat::Part;
use palisade_filter::structure::{self, FILL_SIZE, Fill, NetPart};
use palisade_filter::{
    Access, Artifact, BUILTIN, Buffers, ByteOrder, Neighbours, SetKind, Target, Tenure, compile_as,
    parse,
};

/// One of everything that a policy can declare maps for, a list so long that it becomes a table
/// among it.
fn everything() -> String {
    let mut text = String::from(
        "set net4 net\nset ports service\nset macs mac { timeout 1h }\n\
         drop src in net4\ndrop service in ports\ndrop ether src in macs\n",
    );
    for address in 0..200 {
        text += &format!("drop src 10.0.{address}.1\n");
    }
    text + "default pass\n"
}

fn texts() -> Vec<String> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let files =
        fs::read_dir(&examples).expect("the examples").map(|file| file.expect("one").path());
    let policies = files.filter(|path| path.extension().is_some_and(|name| name == "pal"));
    let read = |path| fs::read_to_string(path).expect("a policy");
    policies.map(read).chain([BUILTIN.to_owned(), everything()]).collect()
}

fn targets() -> Vec<Target> {
    let mut targets = Vec::new();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for buffers in [Buffers::Single, Buffers::Multi] {
            for access in [Access::Pointers, Access::Helpers] {
                targets.push(Target { order, buffers, access, ..Target::FLOOR });
            }
        }
    }
    targets
}

/// Every policy for every target, with every neighbours.
fn each(mut look: impl FnMut(&Artifact)) {
    for text in texts() {
        let policy = parse(&text).expect("a policy");
        for target in targets() {
            for beside in Neighbours::ALL {
                look(&compile_as(&policy, target, beside).expect("it compiles"));
            }
        }
    }
}

#[test]
fn every_map_of_every_policy_is_described_in_its_own_size() {
    let mut kinds = BTreeSet::new();
    each(|artifact| {
        assert_eq!(artifact.layouts.len(), artifact.maps.len());
        for (map, layout) in artifact.maps.iter().zip(&artifact.layouts) {
            kinds.insert(map.kind);
            let Some(MapLayout { key, value }) = layout else {
                // The kernel takes no description of those, and of records there is none.
                let bare = [MapKind::ProgArray, MapKind::RingBuf, MapKind::DevMap, MapKind::XskMap];
                assert!(bare.contains(&map.kind), "`{}` is not described", map.name);
                continue;
            };
            let sizes = (key.size(), value.size());
            assert_eq!(sizes, (map.key_size, map.value_size), "`{}`", map.name);
        }
    });
    let all = [MapKind::Hash, MapKind::Array, MapKind::ProgArray];
    let others = [MapKind::PerCpuArray, MapKind::RingBuf, MapKind::DevMap, MapKind::XskMap];
    let all = [&all[..], &others].concat();
    assert_eq!(kinds, all.into_iter().collect());
}

#[test]
fn the_kernel_takes_the_keys_of_arrays() {
    each(|artifact| {
        for (map, layout) in artifact.maps.iter().zip(&artifact.layouts) {
            let Some(MapLayout { key, .. }) = layout else { continue };
            match map.kind {
                MapKind::Array | MapKind::PerCpuArray => assert_eq!(*key, Layout::U32),
                kind => assert_eq!(kind, MapKind::Hash, "`{}`", map.name),
            }
        }
    });
}

#[test]
fn an_artifact_begins_with_its_tables_and_takes_no_set_for_empty() {
    let policy = parse(&everything()).expect("a policy");
    let artifact = compile_as(&policy, Target::FLOOR, Tenure::Standing).expect("it compiles");
    let values = artifact.values(&policy, ByteOrder::HOST);
    let named = |name: &str| {
        let found = values.iter().find(|(map, _)| artifact.maps[*map].name == name);
        &found.unwrap_or_else(|| panic!("`{name}` has a value")).1
    };
    assert_eq!(*named("_tables"), artifact.fillings[0].entries[0].1);
    for set in ["net4:fill", "macs:fill"] {
        let words: Vec<u64> =
            named(set).chunks_exact(8).map(|w| u64::from_ne_bytes(w.try_into().unwrap())).collect();
        let fill = Fill::of(*words.first_chunk().expect("nine words"));
        assert!(NetPart::ALL.iter().all(|part| fill.entries[part.index()] > 0));
    }
    assert!(
        values.iter().all(|(map, value)| {
            u32::try_from(value.len()) == Ok(artifact.maps[*map].value_size)
        })
    );
    let net = &policy.sets()[0];
    let head = structure::layouts(net)[Part::Head.index()].value.size();
    assert_eq!((net.kind, head), (SetKind::Net, FILL_SIZE));
}
