//! Prefixes inside each other, edited by the tool: each matches as long as one around it lives.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use palisade_filter::structure::Stamp;
use palisade_filter::value::Prefix;
use palisade_loader::{Map, MapHandle, PinDir};
use palisade_tests::lab::{BPFFS, Lab};

use super::{SHORT, dropped, from, wait};

#[test]
fn a_timed_prefix_inside_a_lasting_one_opens_no_hole_when_it_ends() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.1.0.0/16"]).ok();
        lab.palisade(&["add", "10.1.1.0/24", "10.1.1.16/28", "10.2.2.0/24", "--timeout", SHORT])
            .ok();
        // What comes later around a timed one covers it too, and what goes uncovers it.
        lab.palisade(&["add", "10.3.3.0/24", "10.4.4.0/24", "--timeout", SHORT]).ok();
        lab.palisade(&["add", "10.3.0.0/16", "10.4.0.0/16"]).ok();
        lab.palisade(&["del", "10.4.0.0/16"]).ok();
        let frames = ["10.1.1.17", "10.1.1.1", "10.1.2.1", "10.2.2.2", "10.3.3.3", "10.4.4.4"];
        let frames = frames.map(from);
        assert_eq!(dropped(lab, &frames), [true; 6]);
        wait();
        assert_eq!(dropped(lab, &frames), [true, true, true, false, true, false]);
        assert_eq!(lab.items("block"), ["10.1.0.0/16", "10.3.0.0/16"]);
        let found = lab.palisade(&["get", "-j", "10.1.1.17"]).json();
        assert_eq!(found["matches"][0]["entry"], "10.1.0.0/16", "{found}");
        lab.palisade(&["get", "10.2.2.2"]).failed(1);
    });
}

#[test]
fn a_lasting_prefix_inside_a_timed_one_stays_when_that_ends() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.0.0.0/8", "--timeout", SHORT]).ok();
        lab.palisade(&["add", "10.1.0.0/16"]).ok();
        lab.palisade(&["add", "10.1.1.0/24", "--timeout", SHORT]).ok();
        lab.palisade(&["add", "10.2.2.2", "--timeout", "1h"]).ok();
        let frames = ["10.1.1.1", "10.1.2.1", "10.2.0.1", "10.2.2.2"].map(from);
        assert_eq!(dropped(lab, &frames), [true; 4]);
        wait();
        assert_eq!(dropped(lab, &frames), [true, true, false, true]);
    });
}

#[test]
fn a_timed_host_inside_a_lasting_prefix_and_the_other_way_round() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "10.1.0.0/16", "10.2.2.2"]).ok();
        lab.palisade(&["add", "10.1.1.1", "10.2.0.0/16", "10.3.3.3", "--timeout", SHORT]).ok();
        let frames = ["10.1.1.1", "10.2.2.2", "10.2.2.3", "10.3.3.3"].map(from);
        assert_eq!(dropped(lab, &frames), [true; 4]);
        wait();
        assert_eq!(dropped(lab, &frames), [true, true, false, false]);
    });
}

/// An entry's prefix, until when it matches, and when it ends.
type Trie = BTreeMap<Prefix, (u64, u64)>;

fn trie() -> Trie {
    let mut dir = PinDir::open_root(Path::new(BPFFS)).expect("a bpffs");
    for name in ["palisade", "main", "maps"] {
        dir = dir.subdir(name).expect("it can be opened").expect("it is there");
    }
    let handle = MapHandle::open(&dir, "block").expect("the entries");
    let map: Map<u32, [u64; 6]> = Map::new(handle).expect("of entries");
    let entry = |[address, _, until, ends, stamp, place]: [u64; 6]| {
        let addr = Ipv4Addr::from_bits(u32::try_from(address).expect("of IPv4"));
        let prefix = Prefix::new(addr.into(), Stamp::of(stamp).len).expect("a prefix");
        (place >> 40 & 0xff == 4).then_some((prefix, (until, ends)))
    };
    map.iter().filter_map(|pair| entry(pair.expect("it can be read").1)).collect()
}

#[track_caller]
fn check(trie: &Trie, step: &str) {
    for (inner, (until, own)) in trie {
        let around =
            trie.iter().filter(|(p, _)| p.len() <= inner.len() && p.contains(inner.addr()));
        let ends: Vec<u64> = around.map(|(_, (_, ends))| *ends).collect();
        assert!(ends.contains(own));
        let want = if ends.contains(&0) { 0 } else { ends.into_iter().max().unwrap_or(0) };
        assert_eq!(*until, want, "{inner} behind {step}\n{trie:?}");
    }
}

/// Edits drawn from few prefixes, so that they lie inside each other and come again.
#[test]
fn whatever_is_edited_each_prefix_matches_as_long_as_what_is_around_it() {
    Lab::run(|lab| {
        lab.filter();
        let prefixes = [
            "10.0.0.0/8",
            "10.0.0.0/9",
            "10.0.0.0/16",
            "10.0.0.0/24",
            "10.0.0.64/26",
            "10.0.1.0/24",
            "10.1.0.0/16",
            "10.1.1.0/24",
            "10.128.0.0/9",
            "0.0.0.0/0",
            "192.0.2.0/24",
        ];
        let times = [None, None, Some("1h"), Some("2h"), Some("30m"), Some("1d")];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = |n: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % n as u64).expect("a small number")
        };
        let mut timed = 0;
        for round in 0..60 {
            let some: Vec<&str> =
                (0..1 + draw(3)).map(|_| prefixes[draw(prefixes.len())]).collect();
            let mut args = match draw(3) {
                0 => [&["-q", "del"], some.as_slice()].concat(),
                _ => [&["-q", "add"], some.as_slice()].concat(),
            };
            if args[1] == "add"
                && let Some(time) = times[draw(times.len())]
            {
                args.extend(["--timeout", time]);
            }
            lab.palisade(&args);
            let trie = trie();
            check(&trie, &format!("round {round}: {args:?}"));
            timed += trie.values().filter(|(until, ends)| until != ends).count();
        }
        assert!(timed > 50, "the case is met: {timed}");
        let list: String = prefixes.iter().map(|prefix| format!("{prefix}\n")).collect();
        lab.palisade_with(&["import", "--timeout", "3h", "-"], &list).ok();
        check(&trie(), "an import");
        lab.palisade(&["del", "10.0.0.0/8", "0.0.0.0/0"]).ok();
        check(&trie(), "a deletion");
    });
}
