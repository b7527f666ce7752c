//! The pins: who may use them, what becomes of planted ones, and the lock that editors hold.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use palisade_asm::{MapDecl, MapFlags, MapKind};
use palisade_filter::structure::FILL_WORDS;
use palisade_filter::structure::flat::{HEAD_WORDS, Setting};
use palisade_loader::{Insert, Map, MapHandle, PinDir, xdp};
use palisade_tests::engine::Engine;
use palisade_tests::lab::{BPFFS, Lab, NEAR};
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;

/// A user and a group that own nothing.
const NOBODY: u32 = 65534;

/// The place of a pin of the policy.
fn place(name: &str) -> PathBuf {
    Path::new(BPFFS).join("palisade/main").join(name)
}

fn policy_dir() -> PinDir {
    let root = PinDir::open_root(BPFFS.as_ref()).expect("a bpffs");
    let home = root.subdir("palisade").expect("ours").expect("there");
    home.subdir("main").expect("ours").expect("there")
}

fn maps_dir() -> PinDir {
    policy_dir().subdir("maps").expect("ours").expect("there")
}

/// Every path below a directory, with what it is.
fn below(dir: &Path) -> Vec<(PathBuf, fs::Metadata)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let meta = fs::symlink_metadata(&path).expect("what it is");
        if meta.is_dir() {
            all.extend(below(&path));
        }
        all.push((path, meta));
    }
    all
}

/// The policy's program is still attached and still drops what it dropped.
fn still_in_force(lab: &Lab) {
    let frame = (eth() / ipv4().src("203.0.113.5") / udp(1, 2)).build();
    assert_eq!(lab.through(&[frame]), [false]);
}

fn attach_and_block(lab: &Lab) {
    lab.palisade(&["attach", NEAR]).ok();
    lab.palisade(&["add", "203.0.113.5"]).ok();
    still_in_force(lab);
}

/// Each command fails, with exit code 3 and all of `words` in what it says.
fn refused(lab: &Lab, commands: &[&[&str]], words: &[&str]) {
    for args in commands {
        let error = lab.palisade(args).failed(3);
        for word in words {
            assert!(error.contains(word), "{args:?} without `{word}`:\n{error}");
        }
    }
}

const EDITS: [&[&str]; 6] = [
    &["add", "203.0.113.9"],
    &["del", "203.0.113.5"],
    &["get", "203.0.113.5"],
    &["list", "--set", "block"],
    &["flush", "--set", "block"],
    &["export", "--set", "block"],
];

const READERS: [&[&str]; 2] = [&["status"], &["stats", "--count", "1", "--interval", "10ms"]];

#[test]
fn directories_and_pins_are_for_their_owner_alone_whatever_the_umask() {
    Lab::run(|lab| {
        let attach = lab.command(&["attach", NEAR, "lo"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(attach.get_program());
        let status = shell.args(attach.get_args()).stdout(Stdio::null()).status();
        assert!(status.expect("a shell").success());
        let all = below(&Path::new(BPFFS).join("palisade"));
        assert!(all.len() > 10, "{all:?}");
        for (path, meta) in all {
            let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(meta.mode() & 0o7777, wanted, "{path:?}");
            assert_eq!((meta.uid(), meta.gid()), (0, 0), "{path:?}");
        }
        let home = fs::metadata(Path::new(BPFFS).join("palisade")).expect("there");
        assert_eq!(home.mode() & 0o7777, 0o700);
    });
}

#[test]
fn a_map_of_another_shape_in_the_place_of_a_set_is_refused_before_it_is_read() {
    Lab::run(|lab| {
        attach_and_block(lab);
        let maps = maps_dir();
        let real = MapHandle::open(&maps, "block").expect("the set");
        let shape = real.info().expect("described").shape;
        let good = MapDecl {
            name: "block".to_owned(),
            kind: MapKind::from_number(shape.kind).expect("a kind"),
            key_size: shape.key_size,
            value_size: shape.value_size,
            max_entries: shape.max_entries,
            flags: MapFlags::MMAPABLE,
        };
        let hash = MapDecl { flags: MapFlags::NONE, max_entries: 8, ..good.clone() };
        let planted = [
            MapDecl { value_size: 4096, max_entries: 8, ..good.clone() },
            MapDecl { value_size: 16, ..good.clone() },
            MapDecl { flags: MapFlags::NONE, ..good.clone() },
            MapDecl { max_entries: 7, ..good.clone() },
            MapDecl { kind: MapKind::Hash, key_size: 16, ..hash.clone() },
            MapDecl { kind: MapKind::PerCpuHash, ..hash.clone() },
        ];
        for decl in planted {
            maps.unlink("block").expect("unlinked");
            MapHandle::create(&decl).expect("a map").pin(&maps, "block").expect("pinned");
            refused(lab, &EDITS, &["block"]);
            refused(lab, &[&["status"]], &["block"]);
            still_in_force(lab);
        }
        maps.unlink("block").expect("unlinked");
        real.pin(&maps, "block").expect("pinned again");
        lab.palisade(&["get", "203.0.113.5"]).ok();
    });
}

#[test]
fn a_counter_or_control_map_of_another_shape_is_refused() {
    Lab::run(|lab| {
        attach_and_block(lab);
        let maps = maps_dir();
        for name in ["_counters", "_control"] {
            let real = MapHandle::open(&maps, name).expect("ours");
            let decl = MapDecl {
                name: "planted".to_owned(),
                kind: MapKind::Array,
                key_size: 4,
                value_size: 4096,
                max_entries: 4096,
                flags: MapFlags::NONE,
            };
            maps.unlink(name).expect("unlinked");
            MapHandle::create(&decl).expect("a map").pin(&maps, name).expect("pinned");
            let readers: &[&[&str]] =
                if name == "_control" { &[&["mode"], &["mode", "off"]] } else { &READERS };
            refused(lab, readers, &[name]);
            still_in_force(lab);
            maps.unlink(name).expect("unlinked");
            real.pin(&maps, name).expect("pinned again");
        }
        lab.palisade(&["status"]).ok();
    });
}

#[test]
fn a_program_in_the_place_of_a_map_and_a_map_in_the_place_of_the_program_are_refused() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        attach_and_block(lab);
        let stranger = Engine::load(&kernel, "default drop\n", kernel.best());
        let maps = maps_dir();
        let dir = policy_dir();
        maps.rename("block", &dir, "aside").expect("moved");
        stranger.program().pin(&maps, "block").expect("pinned");
        refused(lab, &EDITS, &["block", "is an XDP program, not a map"]);
        still_in_force(lab);
        dir.rename("aside", &maps, "block").expect("moved back");

        dir.rename("prog", &dir, "aside").expect("moved");
        let map = MapHandle::open(&maps, "block").expect("the set");
        map.pin(&dir, "prog").expect("pinned");
        let commands: [&[&str]; 4] =
            [&["status"], &["detach", "--all"], &["detach", NEAR], &["attach", NEAR]];
        refused(lab, &commands, &["prog", "is a map, not an XDP program"]);
        still_in_force(lab);
        dir.rename("aside", &dir, "prog").expect("moved back");
        lab.palisade(&["detach", NEAR]).ok();
    });
}

#[test]
fn a_strangers_program_in_the_place_of_ours_does_not_get_our_interfaces() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        attach_and_block(lab);
        let ours = xdp::query(lab.near_index()).expect("asked");
        let stranger = Engine::load(&kernel, "default drop\n", kernel.best());
        let dir = policy_dir();
        dir.rename("prog", &dir, "aside").expect("moved");
        stranger.program().pin(&dir, "prog").expect("pinned");
        let error = lab.palisade(&["detach", NEAR]).failed(3);
        assert!(error.contains("not of this policy"), "{error}");
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), ours);
        still_in_force(lab);
    });
}

/// A `meta` map that says this.
fn plant_meta(value_size: u32, chunks: &[&[u8]]) {
    let decl = MapDecl {
        name: "meta".to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size,
        max_entries: u32::try_from(chunks.len()).expect("few"),
        flags: MapFlags::NONE,
    };
    let handle = MapHandle::create(&decl).expect("a map");
    if value_size == 512 {
        let map: Map<u32, [u8; 512]> = Map::new(handle.try_clone().expect("open")).expect("sizes");
        for (key, bytes) in (0..).zip(chunks) {
            let mut value = [0; 512];
            value[..bytes.len()].copy_from_slice(bytes);
            map.insert(&key, &value, Insert::Any).expect("written");
        }
    }
    let dir = policy_dir();
    // Whatever is there, or was planted before.
    drop(dir.unlink("meta"));
    handle.pin(&dir, "meta").expect("pinned");
}

#[test]
fn a_planted_meta_is_an_error_and_not_a_wrong_answer() {
    Lab::run(|lab| {
        attach_and_block(lab);
        let dir = policy_dir();
        dir.rename("meta", &dir, "aside").expect("moved");
        let head = |schema: u32, build: u32, text: u32| {
            let numbers = [schema, build, text].map(u32::to_le_bytes).concat();
            [b"PALISADE".as_slice(), &numbers, &[7; 32], b"default pass\n"].concat()
        };
        let planted: [&[u8]; 6] = [
            b"",
            b"something else altogether",
            &head(99, 0, 13),
            &head(1, 0, u32::MAX),
            &head(1, u32::MAX, 13),
            &[head(1, 0, 13).as_slice(), b"\xff\xfe"].concat().replace_text(b"\xff"),
        ];
        for bytes in planted {
            plant_meta(512, &[bytes]);
            refused(lab, &READERS, &["meta"]);
            still_in_force(lab);
        }
        // The way out reads no text.
        lab.palisade(&["mode", "off"]).ok();
        lab.palisade(&["mode", "enforce"]).ok();
        lab.palisade(&["mode", "enforce"]).ok();
        plant_meta(8192, &[b""]);
        refused(lab, &READERS, &["meta"]);
        still_in_force(lab);
        dir.unlink("meta").expect("unlinked");
        refused(lab, &READERS, &["meta"]);
        dir.rename("aside", &dir, "meta").expect("moved back");
        lab.palisade(&["status"]).ok();
    });
}

/// Replaces the text at the end of a `meta` by bytes that are not UTF-8.
trait ReplaceText {
    fn replace_text(self, with: &[u8]) -> Vec<u8>;
}

impl ReplaceText for Vec<u8> {
    fn replace_text(mut self, with: &[u8]) -> Vec<u8> {
        let text = 8 + 12 + 32;
        self[text..text + with.len()].copy_from_slice(with);
        self
    }
}

#[test]
fn symbolic_links_are_not_followed() {
    Lab::run(|lab| {
        attach_and_block(lab);
        let all: Vec<&[&str]> = EDITS.iter().chain(&READERS).copied().collect();
        let edits: Vec<&[&str]> = EDITS.to_vec();
        for (name, commands) in [
            ("maps/block", &edits),
            ("maps", &all),
            ("prog", &READERS.to_vec()),
            ("meta", &READERS.to_vec()),
        ] {
            let (real, aside) = (place(name), Path::new(BPFFS).join("aside"));
            fs::rename(&real, &aside).expect("moved");
            symlink(&aside, &real).expect("a link");
            refused(lab, commands, &["symbolic link", name]);
            still_in_force(lab);
            fs::remove_file(&real).expect("removed");
            fs::rename(&aside, &real).expect("moved back");
        }
        for dir in ["palisade/main", "palisade"] {
            let (real, aside) = (Path::new(BPFFS).join(dir), Path::new(BPFFS).join("aside"));
            fs::rename(&real, &aside).expect("moved");
            symlink(&aside, &real).expect("a link");
            refused(lab, &all, &["symbolic link", dir]);
            refused(lab, &[&["attach", NEAR], &["detach", NEAR]], &["symbolic link", dir]);
            still_in_force(lab);
            fs::remove_file(&real).expect("removed");
            fs::rename(&aside, &real).expect("moved back");
        }
        lab.palisade(&["status"]).ok();
    });
}

#[test]
fn what_belongs_to_somebody_else_or_can_be_written_by_all_is_refused() {
    Lab::run(|lab| {
        attach_and_block(lab);
        let all: Vec<&[&str]> = EDITS.iter().chain(&READERS).copied().collect();
        let home = Path::new(BPFFS).join("palisade");
        for (path, commands) in [
            (home.clone(), &all),
            (place(""), &all),
            (place("maps"), &all),
            (place("maps/block"), &EDITS.to_vec()),
            (place("prog"), &READERS.to_vec()),
            (place("meta"), &READERS.to_vec()),
        ] {
            let mode = fs::metadata(&path).expect("there").permissions();
            chown(&path, Some(NOBODY), None).expect("given away");
            refused(lab, commands, &["belongs to uid 65534"]);
            chown(&path, Some(0), None).expect("taken back");
            let open = if path.is_dir() { 0o777 } else { 0o666 };
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).expect("opened");
            refused(lab, commands, &[&format!("has mode {open:04o}")]);
            fs::set_permissions(&path, mode).expect("closed");
            still_in_force(lab);
        }
        lab.palisade(&["status"]).ok();
    });
}

#[test]
fn a_directory_planted_before_the_first_attach_is_refused() {
    Lab::run(|lab| {
        // Everybody may make directories in a bpffs as `mount` makes it.
        fs::set_permissions(BPFFS, fs::Permissions::from_mode(0o1777)).expect("the lab's own");
        let home = Path::new(BPFFS).join("palisade");
        for inner in ["", "main", "main/maps"] {
            fs::create_dir_all(home.join(inner)).expect("made");
            chown(home.join(inner), Some(NOBODY), Some(NOBODY)).expect("given away");
            let error = lab.palisade(&["attach", NEAR]).failed(3);
            assert!(error.contains("belongs to uid 65534"), "{error}");
            assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
            chown(home.join(inner), Some(0), Some(0)).expect("taken back");
            fs::set_permissions(home.join(inner), fs::Permissions::from_mode(0o700)).expect("ours");
        }
        lab.palisade(&["attach", NEAR]).ok();
    });
}

#[test]
fn damaged_pins_do_not_keep_the_program_from_being_detached() {
    for pin in ["meta", "maps/block", "maps/_control"] {
        Lab::run(|lab| {
            attach_and_block(lab);
            fs::remove_file(place(pin)).expect("it is there");
            lab.palisade(&["detach", "--all"]).ok();
            assert_eq!(xdp::query(lab.near_index()).expect("asked"), None, "{pin}");
            assert!(!Path::new(BPFFS).join("palisade").exists(), "{pin}");
        });
    }
}

#[test]
fn an_attached_program_without_pins_is_somebody_elses() {
    Lab::run(|lab| {
        attach_and_block(lab);
        fs::remove_file(place("prog")).expect("it is there");
        lab.palisade(&["status"]).failed(2);
        let error = lab.palisade(&["attach", NEAR]).failed(3);
        assert!(error.contains("palisade_main") && error.contains("--take-over"), "{error}");
        still_in_force(lab);
        lab.palisade(&["attach", NEAR, "--take-over"]).ok();
        lab.palisade(&["status"]).ok();
        lab.palisade(&["detach", NEAR]).ok();
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
    });
}

#[test]
fn a_bpffs_that_is_not_mounted_is_named_with_the_command_that_mounts_it() {
    Lab::run(|lab| {
        let tmp = env!("CARGO_TARGET_TMPDIR");
        for args in [&["attach", NEAR][..], &["status"], &["add", "203.0.113.5"]] {
            let error = lab.palisade(&[&["--bpffs", tmp], args].concat()).failed(3);
            assert!(error.contains(&format!("mount -t bpf bpf {tmp}")), "{error}");
            let none = format!("{tmp}/none");
            let error = lab.palisade(&[&["--bpffs", &none], args].concat()).failed(2);
            assert!(error.contains(&none), "{error}");
        }
        let mut command = lab.command(&["status"]);
        let output = command.env("PALISADE_BPFFS", tmp).output().expect("it starts");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(xdp::query(lab.near_index()).expect("asked"), None);
    });
}

#[test]
fn many_editors_at_once_lose_nothing() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let (editors, each) = (24, 4);
        let items = |editor: u32| (0..each).map(move |i| format!("203.0.{editor}.{i}"));
        let mut children: Vec<_> = (0..editors)
            .map(|editor| {
                let items: Vec<String> = items(editor).collect();
                let service = format!("udp/{}", 1000 + editor);
                let mut args: Vec<&str> = vec!["add", &service];
                args.extend(items.iter().map(String::as_str));
                lab.command(&args).stdout(Stdio::null()).spawn().expect("it starts")
            })
            .collect();
        assert!(children.iter_mut().all(|child| child.wait().expect("it ends").success()));
        let list = lab.palisade(&["-j", "list"]).json();
        let count = |set: &str| list["sets"][set]["entries"].as_array().map(Vec::len);
        assert_eq!(count("block"), Some(24 * 4));
        assert_eq!(count("ports"), Some(24));
        let status = lab.palisade(&["-j", "status"]).json();
        assert_eq!(status["sets"]["block"]["entries"], 24 * 4, "the count agrees with the entries");
        // They take turns in deleting, too.
        let mut children: Vec<_> = (0..editors)
            .map(|editor| {
                let items: Vec<String> = items(editor).collect();
                let mut args = vec!["del"];
                args.extend(items.iter().map(String::as_str));
                lab.command(&args).stdout(Stdio::null()).spawn().expect("it starts")
            })
            .collect();
        assert!(children.iter_mut().all(|child| child.wait().expect("it ends").success()));
        let status = lab.palisade(&["-j", "status"]).json();
        assert_eq!(status["sets"]["block"]["entries"], 0);
    });
}

#[test]
fn an_editor_that_finds_the_lock_held_waits_and_then_says_so() {
    Lab::run(|lab| {
        attach_and_block(lab);
        let held = policy_dir().lock().expect("free");
        let start = Instant::now();
        std::thread::scope(|scope| {
            for args in [&["add", "203.0.113.9"][..], &["detach", NEAR]] {
                let mut command = lab.command(args);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                let child = command.spawn().expect("it starts");
                scope.spawn(move || {
                    let output = child.wait_with_output().expect("it ends");
                    let error = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert_eq!(output.status.code(), Some(3), "{args:?}: {error}");
                    assert!(error.contains("another process has been editing"), "{error}");
                    assert!(error.contains("palisade/main"), "{error}");
                });
            }
        });
        let waited = start.elapsed();
        assert!(waited > Duration::from_secs(1), "{waited:?}");
        assert!(waited < Duration::from_secs(10), "{waited:?}");
        // The way out needs no lock, and neither do readers.
        lab.palisade(&["mode", "off"]).ok();
        lab.palisade(&["mode", "enforce"]).ok();
        lab.palisade(&["status"]).ok();
        lab.palisade(&["get", "203.0.113.9"]).failed(1);
        still_in_force(lab);
        // One that waits goes on as soon as the lock is free.
        let mut waiting = lab.command(&["add", "203.0.113.9"]).stdout(Stdio::null()).spawn();
        drop(held);
        let waiting = waiting.as_mut().expect("it starts");
        assert!(waiting.wait().expect("it ends").success());
        lab.palisade(&["get", "203.0.113.9"]).ok();
    });
}

#[test]
fn planted_counts_of_entries_neither_stop_the_tool_nor_hide_an_entry() {
    Lab::run(|lab| {
        attach_and_block(lab);
        let maps = policy_dir().subdir("maps").expect("opened").expect("there");
        let fill: Map<u32, [u64; HEAD_WORDS]> =
            Map::new(MapHandle::open(&maps, "block:fill").expect("a pin")).expect("of that shape");
        let right = fill.get(&0).expect("read").expect("there");
        // The key of the hash is nobody's to restore.
        let mut planted = [u64::MAX; HEAD_WORDS];
        planted[Setting::Seed as usize] = right[Setting::Seed as usize];
        planted[Setting::Max as usize] = right[Setting::Max as usize];
        fill.insert(&0, &planted, Insert::Any).expect("written");
        assert_eq!(lab.items("block"), ["203.0.113.5"]);
        lab.palisade(&["status"]).ok();
        lab.palisade(&["add", "203.0.113.77"]).ok();
        let now = fill.get(&0).expect("read").expect("there");
        assert!(now[..FILL_WORDS].iter().sum::<u64>() < 10, "counted anew: {now:?}");
        let settings = Setting::Max as usize..=Setting::Shared as usize;
        assert_eq!(now[settings.clone()], right[settings], "put right");
        assert_eq!(lab.items("block"), ["203.0.113.5", "203.0.113.77"]);
    });
}

#[test]
fn a_policy_is_not_taken_away_from_another_network_namespace() {
    Lab::run(|lab| {
        attach_and_block(lab);
        for args in [&["detach", "--all"][..], &["attach", "lo"]] {
            let error = lab.in_far(|| lab.palisade(args).failed(3));
            assert!(error.contains("another network namespace"), "{error}");
        }
        // Sets and mode belong to no namespace.
        lab.in_far(|| lab.palisade(&["add", "203.0.113.77"]).ok());
        lab.palisade(&["detach", "--all"]).ok();
    });
}
