//! What the kernel tells of programs and maps that the tool has made: the policy's lines beside the
//! instructions, and names in the maps.

use std::process::Command;

use palisade_asm::ByteOrder;
use palisade_asm::btf::ProgramBtf;
use palisade_loader::{Buffers, LoadOptions, Program};
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::privilege::{self, Kernel, Reason};
use serde_json::Value;

use super::read_back::functions;
use super::{Dir, is_installed, ok, text};

const POLICY: &str = "\
set block net
set ports service
set macs mac
drop src in block
drop service in ports
drop ether src in macs
default pass
";

/// What bpftool says of a pin of the policy, as a document.
fn bpftool(words: &[&str], pin: &str) -> Value {
    let pin = format!("{BPFFS}/palisade/main/{pin}");
    let all = [&["-j"], words, &["pinned", &pin]].concat();
    let text = ok("bpftool", &all);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in:\n{text}"))
}

/// The only entry of a map, in the words of its types.
fn entry(map: &str) -> Value {
    let dumped = bpftool(&["map", "dump"], &format!("maps/{map}"));
    let entries = dumped.as_array().expect("a list");
    assert_eq!(entries.len(), 1, "{map}: {dumped}");
    entries[0]["formatted"].clone()
}

#[test]
fn bpftool_prints_the_rule_beside_its_instructions() {
    if !is_installed("bpftool") {
        return;
    }
    Lab::run(|lab| {
        lab.palisade_with(&["attach", NEAR, "-p", "-"], POLICY).ok();
        let pin = format!("{BPFFS}/palisade/main/prog");
        let listed = ok("bpftool", &["prog", "dump", "xlated", "pinned", &pin, "linum"]);
        for (line, rule) in [(4, "drop src in block"), (5, "drop service in ports")] {
            let want = format!("; {rule} [file:main.pal line_num:{line} line_col:0]");
            assert!(listed.contains(&want), "{want} in:\n{listed}");
        }
        assert!(listed.starts_with("int palisade(struct xdp_md * ctx):"), "{listed}");
    });
}

#[test]
fn a_program_of_the_fewest_capabilities_has_its_lines_too() {
    if !is_installed("bpftool") || !is_installed("setpriv") {
        return;
    }
    Lab::run(|lab| {
        let tool = lab.command(&["attach", NEAR]);
        let mut limited = Command::new("setpriv");
        limited.args(["--bounding-set=-all,+bpf,+net_admin", "--inh-caps=-all,+bpf,+net_admin"]);
        limited.arg(tool.get_program()).args(tool.get_args()).env_remove("PALISADE_BPFFS");
        let output = limited.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pin = format!("{BPFFS}/palisade/main/prog");
        let listed = ok("bpftool", &["prog", "dump", "xlated", "pinned", &pin, "linum"]);
        assert!(
            listed.contains("; drop  src in block") || listed.contains("; drop src in block"),
            "{listed}"
        );
    });
}

#[test]
fn the_entries_of_sets_have_names() {
    if !is_installed("bpftool") {
        return;
    }
    Lab::run(|lab| {
        lab.palisade_with(&["attach", NEAR, "-p", "-"], POLICY).ok();
        lab.palisade(&["add", "10.1.2.3", "10.9.0.0/16", "2001:db8::1", "2001:db8:9::/48"]).ok();
        lab.palisade(&["add", "udp/53-54"]).ok();
        lab.palisade(&["add", "02:00:00:00:00:09"]).ok();

        let cell = |map: &str, key: usize| {
            let dumped = bpftool(&["map", "dump"], &format!("maps/{map}"));
            dumped[key]["formatted"]["value"].clone()
        };
        let (host, net) = (cell("block", 1), cell("block", 3));
        assert_eq!(host["address"], serde_json::json!([0x0a01_0203, 0]), "{host}");
        assert_eq!((&host["until"], &host["ends"]), (&0.into(), &0.into()), "{host}");
        assert_eq!(host["stamp"]["prefixlen"], "0x20", "{host}");
        assert_eq!(net["stamp"]["prefixlen"], "0x10", "{net}");
        assert_eq!(
            (&net["place"]["open"], &net["place"]["family"]),
            (&"0x10".into(), &"0x4".into())
        );
        let hits = cell("block:hits", 1);
        assert_eq!((&hits["packets"], &hits["bytes"]), (&0.into(), &0.into()), "{hits}");
        let mac = entry("macs");
        assert_eq!(mac["key"]["address"], serde_json::json!([2, 0, 0, 0, 0, 9]));
        let fill = entry("block:fill");
        assert_eq!(fill["value"]["entries"]["host4"], 1, "{fill}");
        assert_eq!(entry("_control")["value"]["mode"], 0);

        let ports = cell("ports", 53);
        assert_eq!((&ports["tcp"], &ports["udp"]), (&"0x0".into(), &"0x1".into()), "{ports}");
        let item = cell("ports:items", 1);
        assert_eq!(item["service"]["first"], "0x35", "{item}");
        assert_eq!(item["service"]["last"], "0x36", "{item}");
    });
}

#[test]
fn the_counters_have_names_on_every_cpu() {
    if !is_installed("bpftool") {
        return;
    }
    Lab::run(|lab| {
        lab.palisade_with(&["attach", NEAR, "-p", "-"], POLICY).ok();
        let dumped = bpftool(&["map", "dump"], "maps/_counters");
        let first = &dumped[0]["formatted"]["values"][0]["value"];
        assert!(first["packets"].is_u64() && first["bytes"].is_u64(), "{first}");
    });
}

#[test]
fn a_program_on_trial_is_described_as_well() {
    if !is_installed("bpftool") {
        return;
    }
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let dir = Dir::new("trial");
        let policy = dir.write("next.pal", POLICY);
        lab.palisade(&["apply", "--confirm", "10m", text(&policy)]).ok();
        assert!(entry("_deadline")["value"]["deadline"].as_u64().is_some_and(|time| time > 0));
        let pin = format!("{BPFFS}/palisade/main/prog");
        let listed = ok("bpftool", &["prog", "dump", "xlated", "pinned", &pin, "linum"]);
        assert!(listed.contains("; drop src in block"), "{listed}");
    });
}

#[test]
fn a_program_that_is_called_back_loads_because_its_functions_are_described() {
    if Kernel::or_skip().is_none() {
        return;
    }
    let image = functions();
    let options = LoadOptions { name: "back", license: c"GPL", buffers: Buffers::Single };
    let btf = ProgramBtf::new(&image, "back.pal", ByteOrder::HOST).expect("small");
    Program::load_described(&image, &[], &options, &btf).expect("loaded");
    let error = Program::load(&image, &[], &options).expect_err("without them it is refused");
    assert!(error.to_string().contains("btf"), "{error}");
}

#[test]
fn nothing_is_printed_to_a_terminal_and_what_an_object_lacks_is_said() {
    if !is_installed("script") {
        return;
    }
    let dir = Dir::new("said");
    let policy =
        "set block net { timeout 1h; elements { 10.0.0.1 } }\ndrop src in block\ndefault pass\n";
    let policy =
        policy.replace("; ", "\n").replace("{ timeout", "{\ntimeout").replace("} }", "}\n}");
    let file = dir.write("said.pal", &policy);
    let tool = text(palisade_tests::lab::binary());
    let mut dump = Command::new(tool);
    let output = dump.args(["dump", "--format", "elf", "-p", text(&file)]).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stdout.starts_with(b"\x7fELF"), "{said}");
    assert!(said.contains("entries of set `block`") && said.contains("do not end"), "{said}");
    let line = format!("{tool} dump --format elf -p {}", text(&file));
    let output = Command::new("script").args(["-qec", &line, "/dev/null"]).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() && !said.contains("terminal") {
        privilege::skip(&Reason::Machine { name: "terminal", said: said.into_owned() });
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains("ELF") && said.contains("> FILE.o"), "{said}");
}
