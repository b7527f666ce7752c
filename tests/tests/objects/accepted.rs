//! The loaders and readers of object files that people have take ours.

use palisade_tests::lab::{BPFFS, Lab, NEAR};

use super::{Dir, is_installed, ok, policies, tables, text};

/// The objects of all examples, of the built-in policy and of one with tables, each with the name of
/// its program's section.
fn objects(dir: &Dir) -> Vec<(String, String)> {
    let mut all = policies();
    all.push(("tables".to_owned(), dir.write("tables.pal", tables())));
    let made = all.iter().map(|(name, policy)| {
        let object = dir.object(name, policy);
        let sections = ok("llvm-readelf", &["-SW", text(&object)]);
        let section = if sections.contains(" xdp.frags ") { "xdp.frags" } else { "xdp" };
        (text(&object).to_owned(), section.to_owned())
    });
    made.collect()
}

#[test]
fn bpftool_loads_every_object() {
    if !is_installed("bpftool") || !is_installed("llvm-readelf") {
        return;
    }
    Lab::run(|_| {
        let dir = Dir::new("bpftool");
        for (number, (object, _)) in objects(&dir).into_iter().enumerate() {
            let pin = format!("{BPFFS}/loaded{number}");
            ok("bpftool", &["prog", "load", &object, &pin, "type", "xdp"]);
            let listed = ok("bpftool", &["prog", "show", "pinned", &pin]);
            assert!(listed.contains("name palisade") && listed.contains("btf_id"), "{listed}");
        }
    });
}

#[test]
fn ip_link_attaches_every_object() {
    if !is_installed("ip") || !is_installed("llvm-readelf") {
        return;
    }
    Lab::run(|_| {
        let dir = Dir::new("ip-link");
        for (object, section) in objects(&dir) {
            ok("ip", &["link", "set", "dev", NEAR, "xdp", "obj", &object, "sec", &section]);
            let shown = ok("ip", &["-d", "link", "show", NEAR]);
            assert!(shown.contains("prog/xdp") && shown.contains("name palisade"), "{shown}");
            ok("ip", &["link", "set", "dev", NEAR, "xdp", "off"]);
        }
    });
}

#[test]
fn xdp_loader_attaches_every_object() {
    if !is_installed("xdp-loader") || !is_installed("llvm-readelf") {
        return;
    }
    Lab::run(|_| {
        let dir = Dir::new("xdp-loader");
        // It locks a file there, which another one's processes may hold.
        ok("mount", &["-t", "tmpfs", "tmpfs", "/run"]);
        for (object, section) in objects(&dir) {
            ok("xdp-loader", &["load", NEAR, &object, "-s", &section]);
            let status = ok("xdp-loader", &["status", NEAR]);
            assert!(status.contains("palisade"), "{status}");
            ok("xdp-loader", &["unload", NEAR, "--all"]);
        }
    });
}

#[test]
fn llvm_shows_instructions_maps_and_type_information() {
    if !is_installed("llvm-objdump") || !is_installed("llvm-readelf") {
        return;
    }
    let dir = Dir::new("llvm");
    for (object, section) in objects(&dir) {
        let listed = ok("llvm-objdump", &["-dr", &object]);
        for part in ["elf64-bpf", "<palisade>:", "R_BPF_64_64", "_counters", "exit"] {
            assert!(listed.contains(part), "{part} in:\n{listed}");
        }
        let read = ok("llvm-readelf", &["-a", &object]);
        let parts = ["EM_BPF", "REL (Relocatable", ".maps", ".BTF.ext", "license", "_license"];
        for part in parts.into_iter().chain([&section[..], "FUNC    GLOBAL DEFAULT"]) {
            assert!(read.contains(part), "{part} in:\n{read}");
        }
    }
}

#[test]
fn bpftool_reads_the_type_information_from_the_file() {
    if !is_installed("bpftool") {
        return;
    }
    let dir = Dir::new("types");
    for (name, policy) in policies() {
        let types = ok("bpftool", &["btf", "dump", "file", text(&dir.object(&name, &policy))]);
        for part in ["FUNC 'palisade'", "STRUCT 'xdp_md' size=24", "DATASEC '.maps'", "'packets'"] {
            assert!(types.contains(part), "{part} in:\n{types}");
        }
    }
}

#[test]
fn the_same_policy_gives_the_same_object() {
    let dir = Dir::new("same");
    for (name, policy) in policies() {
        let [one, two] = ["one", "two"].map(|time| dir.object(&format!("{name}-{time}"), &policy));
        assert!(std::fs::read(one).expect("read") == std::fs::read(two).expect("read"), "{name}");
    }
}
