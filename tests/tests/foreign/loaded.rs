//! Objects of clang's on an interface: what they count and drop, how they are pinned, listed and
//! taken off.

use palisade_loader::foreign::{self, Contents, KernelTypes};
use palisade_loader::{Map, PerCpuMap, Wire, xdp};
use palisade_tests::lab::{Lab, NEAR};
use serde_json::json;

use super::{compiled, first, map, pins, read, to_port};

/// The number at a place of a value.
fn number(value: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(value[at..at + 4].try_into().expect("four bytes"))
}

fn value<V: Wire>(name: &str, of: &str, key: u32) -> V {
    let map: Map<u32, V> = Map::new(map(name, of)).expect("it has that type");
    map.get(&key).expect("it can be read").expect("an array has all its keys")
}

#[test]
fn an_object_filters_with_its_maps_variables_functions_and_the_kernels_types() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        let said = lab.palisade(&["load", object.path(), NEAR]).ok();
        assert_eq!(
            said,
            format!(
                "object `whole`, `filter` in section `xdp`, attached to {NEAR} in native mode\n"
            )
        );
        let seen = [to_port(7777), to_port(80), to_port(7777)];
        assert_eq!(lab.through(&seen), [false, true, false]);
        // The three, the frame that tells that they were judged, and what the kernel sends besides.
        let all = value::<u64>("whole", "hits", 0);
        assert!(all >= 4, "{all}");
        assert_eq!(value::<u64>("whole", "hits", 1), 2);
        assert_eq!(first(&map("whole", "rodata"))[..2], 7777u16.to_ne_bytes());

        let variables = first(&map("whole", "bss"));
        let words: Vec<u32> =
            (0..variables.len() / 4).map(|at| number(&variables, 4 * at)).collect();
        // The place of a field that stands behind a pointer, and that it is there while another one
        // is not; before them the count of packets, of 64 bits.
        assert_eq!(words[2..], [8, 1]);
        assert_ne!(words[..2], [0, 0]);

        // A variable is the program's to obey: 2 is to pass.
        let verdict = map("whole", "data");
        let verdict: Map<u32, u32> = Map::new(verdict).expect("it has that type");
        verdict.insert(&0, &2, palisade_loader::Insert::Any).expect("it is written");
        assert_eq!(lab.through(&seen), [true, true, true]);
        let constant: Map<u32, [u8; 2]> = Map::new(map("whole", "rodata")).expect("two bytes");
        constant.insert(&0, &[0, 0], palisade_loader::Insert::Any).expect_err("it is a constant");
    });
}

#[test]
fn its_image_is_the_same_each_time_and_its_places_are_those_it_was_compiled_for_where_no_kernel_is_asked()
 {
    let Some(object) = compiled("whole.c", &[]) else { return };
    let bytes = object.bytes();
    let left = foreign::read(&bytes, None, KernelTypes::AsCompiled).expect("an object");
    assert_eq!(left.as_compiled, 3, "one place, and whether two fields are there");
    let again = foreign::read(&bytes, None, KernelTypes::AsCompiled).expect("an object");
    assert_eq!((&left.image, &left.maps), (&again.image, &again.maps));
    let mut names: Vec<&str> = left.image.maps.iter().map(|map| map.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["bss", "data", "hits", "rodata"]);
    let constant = left.maps.iter().find(|map| map.decl.name == "rodata").expect("a constant");
    assert_eq!(constant.contents, Contents::Constants(7777u16.to_ne_bytes().into()));
    let note = left.image.note_at(0).expect("the first line");
    assert!(note.step.contains("ctx->data"), "{note}");
    assert!(left.image.labels.values().any(|label| label == "count"), "{:?}", left.image.labels);
    if let Ok(found) = read(&bytes, None) {
        assert_eq!(found.as_compiled, 0);
        assert_ne!(found.image.code, left.image.code);
    }
}

#[test]
fn the_tutorials_counters_count_on_every_cpu() {
    let Some(object) = compiled("stats.c", &[]) else { return };
    Lab::run(|lab| {
        let load = ["load", object.path(), NEAR, "--section", "xdp_pass_func", "--name", "stats"];
        lab.palisade(&load).ok();
        let frame = to_port(80);
        assert_eq!(lab.through(&[frame.clone(), frame.clone()]), [true, true]);
        let counted: PerCpuMap<u32, [u64; 2]> =
            PerCpuMap::new(map("stats", "xdp_stats_map")).expect("packets and bytes");
        let [packets, bytes] = counted.get(&2).expect("it can be read").expect("a row").sum();
        assert!(packets >= 3, "{packets}, others may have come besides");
        assert!(bytes > 2 * frame.len() as u64, "{bytes}");
    });
}

#[test]
fn its_pins_are_a_policys_and_its_status_is_its_own() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        lab.palisade(&["load", object.path(), NEAR, "--name", "lb", "--mode", "generic"]).ok();
        assert_eq!(pins("lb").names().expect("names"), ["maps", "meta", "prog"]);
        let maps = pins("lb").subdir("maps").expect("opened").expect("maps");
        assert_eq!(maps.names().expect("names"), ["bss", "data", "hits", "rodata"]);

        let status = lab.palisade(&["-j", "--policy-name", "lb", "status"]).json();
        assert_eq!(status["policy"], "lb");
        assert_eq!(status["object"]["file"], "whole.o");
        assert_eq!(status["object"]["section"], "xdp");
        assert_eq!(status["object"]["function"], "filter");
        assert_eq!(status["object"]["digest"].as_str().map(str::len), Some(64));
        assert_eq!((&status["sets"], &status["verdicts"]), (&json!({}), &json!({})));
        assert_eq!(status["maps"]["hits"]["max"], 4);
        let interface =
            json!({"name": NEAR, "ifindex": lab.near_index().number(), "mode": "generic"});
        assert_eq!(status["interfaces"], json!([interface]));
        let on = xdp::query(lab.near_index()).expect("asked").expect("a program");
        assert_eq!(status["program"]["id"], on.program_id);
        assert_eq!(status["program"]["name"], "filter");
        assert_eq!(status["program"]["tag"].as_str().map(str::len), Some(16));
        // By its interface, and beside the policy that is not there.
        assert_eq!(lab.palisade(&["-j", "status", NEAR]).json(), status);
        let all = lab.palisade(&["-j", "status"]).json();
        assert_eq!(all, json!({"objects": [status]}));
        let text = lab.palisade(&["status"]).ok();
        assert!(text.contains("object `lb`, `filter` in section `xdp`"), "{text}");

        let shown = lab.palisade(&["status", "lo"]).failed(2);
        assert!(shown.contains("no policy `main`"), "{shown}");
        let shown = lab.palisade(&["--policy-name", "lb", "status", "lo"]).failed(1);
        assert!(shown.contains("lo does not carry the object `lb`"), "{shown}");
    });
}

#[test]
fn it_is_taken_off_by_interface_or_by_name_and_its_pins_go_with_the_last() {
    let Some(object) = compiled("whole.c", &[]) else { return };
    Lab::run(|lab| {
        lab.palisade(&["load", object.path(), NEAR]).ok();
        let said = lab.palisade(&["load", object.path(), NEAR]).ok();
        assert!(said.contains("carries object `whole` already"), "{said}");
        let id = lab.palisade(&["-j", "status", NEAR]).json()["program"]["id"].clone();
        lab.palisade(&["load", object.path(), "lo"]).ok();
        assert_eq!(
            lab.palisade(&["-j", "status", "lo"]).json()["program"]["id"],
            id,
            "one program"
        );

        let said = lab.palisade(&["-j", "detach", "lo"]).json();
        let want =
            json!({"object": "whole", "detached": ["lo"], "remaining": [NEAR], "kept": true});
        assert_eq!(said, want);
        lab.palisade(&["--policy-name", "whole", "detach", "lo"]).failed(1);
        let said = lab.palisade(&["detach", NEAR, "--keep"]).ok();
        assert!(said.contains("is attached nowhere; its maps are kept"), "{said}");
        let text = lab.palisade(&["--policy-name", "whole", "status"]).ok();
        assert!(text.contains("attached nowhere"), "{text}");
        lab.palisade(&["--policy-name", "whole", "detach", "--all"]).ok();
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
        let root = palisade_loader::PinDir::open_root(palisade_tests::lab::BPFFS.as_ref());
        assert_eq!(root.expect("a bpffs").names().expect("names"), [""; 0]);
    });
}

#[test]
fn old_declarations_of_maps_load_whatever_they_say_of_pins() {
    for pinning in ["-DOLD=0", "-DOLD=2", "-DOLD=77"] {
        let Some(object) = compiled("maps.c", &[pinning, "-DKIND=ARRAY"]) else { return };
        Lab::run(|lab| {
            lab.palisade(&["load", object.path(), NEAR]).ok();
            let status = lab.palisade(&["-j", "status", NEAR]).json();
            let one = &status["maps"]["one"];
            assert_eq!((&one["value"], &one["max"]), (&json!(8), &json!(2)));
        });
    }
}

#[test]
fn a_map_of_perf_events_has_room_for_every_cpu() {
    let Some(object) = compiled("maps.c", &["-DKIND=PERF_EVENT_ARRAY", "-DMOST=0"]) else { return };
    Lab::run(|lab| {
        // XDP may not look such a map up, so the kernel says no; the map was made all the same.
        let error = lab.palisade(&["load", object.path(), NEAR]).failed(3);
        assert!(error.contains("cannot pass map_type 4"), "{error}");
    });
}
