//! Pins: making, publishing and opening them, and refusing what a hostile neighbour may plant.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use palisade_asm::MapKind;
use palisade_loader::{
    Access, Errno, Gid, Insert, Map, MapError, MapHandle, PinDir, PinError, Pinned, Program,
};

use crate::ground::{BPFFS, decl, kernel, program};
use crate::skip::{Feature, Found, need};

/// Neither root nor anybody this test runs as.
const STRANGER: u32 = 65_534;

fn map() -> MapHandle {
    MapHandle::create(&decl("block", MapKind::Hash, 4, 16)).expect("a map")
}

fn at(rest: &str) -> std::path::PathBuf {
    Path::new(BPFFS).join(rest)
}

fn mode(rest: &str) -> u32 {
    std::fs::symlink_metadata(at(rest)).expect("there").permissions().mode() & 0o7777
}

fn pin_error(result: Result<MapHandle, MapError>) -> PinError {
    match result {
        Err(MapError::Pin(error)) => error,
        other => panic!("not an error of the pin: {other:?}"),
    }
}

#[test]
fn a_map_and_a_program_outlive_their_descriptors_by_their_pins() {
    kernel(|ground| {
        let dir = ground.pins.create_subdir("palisade", Access::Owner).expect("made");
        let typed: Map<u32, u64> = Map::new(map()).expect("typed");
        typed.insert(&1, &7, Insert::New).expect("inserted");
        typed.handle().pin(&dir, "block").expect("pinned");
        let loaded = program("filter");
        let told = loaded.info().expect("told");
        loaded.pin(&dir, "prog").expect("pinned");
        drop((typed, loaded));

        let opened = MapHandle::open(&dir, "block").expect("opened");
        opened.check_shape(&decl("block", MapKind::Hash, 4, 16)).expect("the same");
        assert_eq!(Map::<u32, u64>::new(opened).expect("typed").get(&1).expect("read"), Some(7));
        assert_eq!(Program::open(&dir, "prog").expect("opened").info().expect("told"), told);
        assert_eq!(dir.names().expect("listed"), ["block", "prog"]);
        assert_eq!((mode("palisade"), mode("palisade/block")), (0o700, 0o600));
    });
}

#[test]
fn a_name_is_pinned_once_and_what_is_not_there_is_missing() {
    kernel(|ground| {
        let pins = &ground.pins;
        map().pin(pins, "block").expect("pinned");
        let again = map().pin(pins, "block").expect_err("taken");
        assert!(matches!(again, MapError::Pin(PinError::Exists { .. })), "{again}");
        let missing = pin_error(MapHandle::open(pins, "none"));
        assert!(matches!(missing, PinError::Missing { .. }), "{missing}");
        assert!(matches!(Program::open(pins, "none"), Err(PinError::Missing { .. })));
        assert!(matches!(pins.unlink("none"), Err(PinError::Missing { .. })));
        assert!(matches!(pins.rename("none", pins, "b"), Err(PinError::Missing { .. })));
        assert!(matches!(pins.remove_tree("none"), Err(PinError::Missing { .. })));
        assert!(pins.subdir("none").expect("asked").is_none());
        pins.unlink("block").expect("removed");
        assert_eq!(pins.names().expect("listed"), [""; 0]);
    });
}

#[test]
fn a_pin_of_another_kind_is_refused_before_it_is_read() {
    kernel(|ground| {
        let pins = &ground.pins;
        map().pin(pins, "map").expect("pinned");
        program("filter").pin(pins, "prog").expect("pinned");
        let error = pin_error(MapHandle::open(pins, "prog"));
        assert!(
            matches!(error, PinError::Kind { wanted: Pinned::Map, found: Pinned::XdpProgram, .. }),
            "{error}"
        );
        let error = Program::open(pins, "map").expect_err("a map");
        assert!(matches!(error, PinError::Kind { found: Pinned::Map, .. }), "{error}");
        pins.create_subdir("dir", Access::Owner).expect("made");
        let error = pin_error(MapHandle::open(pins, "dir"));
        assert!(matches!(error, PinError::NotPin { .. }), "{error}");
    });
}

#[test]
fn a_planted_map_with_larger_values_never_reaches_the_readers_buffer() {
    kernel(|ground| {
        let mut large = decl("block", MapKind::Hash, 4, 16);
        large.value_size = 4096;
        MapHandle::create(&large).expect("a map").pin(&ground.pins, "block").expect("pinned");
        let opened = MapHandle::open(&ground.pins, "block").expect("a map it is");
        let shape = opened.check_shape(&decl("block", MapKind::Hash, 4, 16)).expect_err("larger");
        assert!(matches!(shape, MapError::Shape { .. }), "{shape}");
        let typed = Map::<u32, u64>::new(opened).expect_err("larger");
        assert!(matches!(typed, MapError::Sizes { .. }), "{typed}");
    });
}

#[test]
fn links_are_followed_neither_as_pins_nor_as_directories() {
    kernel(|ground| {
        let pins = &ground.pins;
        pins.create_subdir("real", Access::Owner).expect("made");
        map().pin(pins, "map").expect("pinned");
        symlink(at("real"), at("palisade")).expect("planted");
        symlink(at("map"), at("block")).expect("planted");
        let error = pins.subdir("palisade").expect_err("a link");
        assert!(matches!(error, PinError::Link { .. }), "{error}");
        let error = pins.ensure_subdir("palisade", Access::Owner).expect_err("a link");
        assert!(matches!(error, PinError::Link { .. }), "{error}");
        let error = pin_error(MapHandle::open(pins, "block"));
        assert!(matches!(error, PinError::Link { .. }), "{error}");
        let error = pins.set_access("block", Access::Owner).expect_err("a link");
        assert!(matches!(error, PinError::Link { .. }), "{error}");
        let error = pins.subdir("map").expect_err("a pin");
        assert!(matches!(error, PinError::NotDirectory { .. }), "{error}");
    });
}

#[test]
fn what_a_stranger_owns_or_may_write_is_refused() {
    kernel(|ground| {
        let pins = &ground.pins;
        pins.create_subdir("palisade", Access::Owner).expect("made");
        map().pin(pins, "block").expect("pinned");
        chown(at("palisade"), Some(STRANGER), None).expect("given away");
        chown(at("block"), Some(STRANGER), None).expect("given away");
        let error = pins.subdir("palisade").expect_err("a stranger's");
        assert!(matches!(error, PinError::Owner { owner: STRANGER, user: 0, .. }), "{error}");
        let error = pin_error(MapHandle::open(pins, "block"));
        assert!(matches!(error, PinError::Owner { owner: STRANGER, .. }), "{error}");

        let loose = |path, mode| {
            chown(at(path), Some(0), None).expect("taken back");
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(at(path), mode).expect("loosened");
        };
        loose("palisade", 0o770);
        let error = pins.subdir("palisade").expect_err("a group writes");
        assert!(matches!(error, PinError::Writable { mode: 0o770, .. }), "{error}");
        loose("block", 0o666);
        let error = pin_error(MapHandle::open(pins, "block"));
        assert!(matches!(error, PinError::Writable { mode: 0o666, .. }), "{error}");
    });
}

#[test]
fn a_group_is_given_exactly_the_pins_it_is_to_edit() {
    kernel(|ground| {
        let group = Access::Group(Gid(STRANGER));
        let dir = ground.pins.create_subdir("palisade", group).expect("made");
        map().pin(&dir, "block").expect("pinned");
        map().pin(&dir, "control").expect("pinned");
        dir.set_access("block", group).expect("widened");
        assert_eq!(mode("palisade"), 0o750);
        assert_eq!(
            (dir.access().expect("told"), ground.pins.access().expect("told")),
            (group, Access::Owner)
        );
        assert_eq!((mode("palisade/block"), mode("palisade/control")), (0o660, 0o600));
        let owner = std::os::unix::fs::MetadataExt::gid;
        let gid = |rest| owner(&std::fs::metadata(at(rest)).expect("there"));
        assert_eq!((gid("palisade"), gid("palisade/block")), (STRANGER, STRANGER));
        assert_eq!(gid("palisade/control"), 0);
        MapHandle::open(&dir, "block").expect("a group's pin of root is trusted");
        dir.set_access("block", Access::Owner).expect("narrowed");
        assert_eq!(mode("palisade/block"), 0o600);
        assert_eq!(Gid::by_name("root").expect("asked"), Some(Gid(0)));
        assert_eq!(Gid::by_name("no such group").expect("asked"), None);
    });
}

/// Set for the child of the test below, which runs as a member of the group.
const AS_MEMBER: &str = "PALISADE_TEST_AS_MEMBER";

#[test]
fn a_member_of_the_group_edits_its_pins_and_no_others_without_privilege() {
    if std::env::var_os(AS_MEMBER).is_some() {
        return member_edits();
    }
    kernel(|ground| {
        // Whoever mounts the bpffs lets others look for what is theirs in it.
        let passable = std::fs::Permissions::from_mode(0o711);
        std::fs::set_permissions(BPFFS, passable).expect("opened up");
        let group = Access::Group(Gid(STRANGER));
        let dir = ground.pins.create_subdir("palisade", group).expect("made");
        let block = map();
        block.pin(&dir, "block").expect("pinned");
        map().pin(&dir, "control").expect("pinned");
        dir.set_access("block", group).expect("widened");
        let output = Command::new("/proc/self/exe")
            .args([
                "--exact",
                "pins::a_member_of_the_group_edits_its_pins_and_no_others_without_privilege",
            ])
            .env(AS_MEMBER, "1")
            .uid(STRANGER)
            .gid(STRANGER)
            .output()
            .expect("ran");
        let text = String::from_utf8_lossy(&output.stdout);
        let refused = text.contains("Open") && text.contains("errno: EPERM");
        if !need(Feature::EDIT_BY_MODE, Found::from(!refused)) {
            return;
        }
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        let block: Map<u32, u64> = Map::new(block).expect("typed");
        assert_eq!(block.get(&5).expect("read"), Some(50));
    });
}

fn member_edits() {
    let pins = PinDir::open_root(Path::new(BPFFS)).expect("passed");
    assert!(pins.names().is_err(), "others may pass through the root, and not list it");
    let dir = pins.subdir("palisade").expect("asked").expect("there");
    let block = MapHandle::open(&dir, "block").expect("opened");
    let block: Map<u32, u64> = Map::new(block).expect("typed");
    block.insert(&5, &50, Insert::New).expect("inserted");
    assert_eq!(block.iter().count(), 1);
    let error = pin_error(MapHandle::open(&dir, "control"));
    assert!(matches!(error, PinError::Refused { errno: Errno::EACCES, .. }), "{error}");
    let _lock = dir.lock().expect("a member may lock");
}

#[test]
fn a_pin_is_published_by_a_rename_over_the_old_one() {
    kernel(|ground| {
        let pins = &ground.pins;
        let next = pins.create_subdir("next", Access::Owner).expect("made");
        let (old, new) = (program("old"), program("new"));
        old.pin(pins, "prog").expect("pinned");
        new.pin(&next, "prog").expect("pinned");
        next.rename("prog", pins, "prog").expect("published");
        let published = Program::open(pins, "prog").expect("opened").info().expect("told");
        assert_eq!(published.id, new.info().expect("told").id);
        pins.remove_subdir("next").expect("empty, and removed");
        assert!(
            matches!(next.lock(), Err(PinError::Missing { .. })),
            "the lock of a directory that is gone protects nothing"
        );
    });
}

#[test]
fn a_tree_is_removed_as_a_whole_and_only_below_its_root() {
    kernel(|ground| {
        let pins = &ground.pins;
        let policy = pins.ensure_subdir("main", Access::Owner).expect("made");
        let again = pins.ensure_subdir("main", Access::Owner).expect("opened");
        let maps = again.create_subdir("maps", Access::Owner).expect("made");
        let taken = pins.create_subdir("main", Access::Owner).expect_err("taken");
        assert!(matches!(taken, PinError::Exists { .. }), "{taken}");
        program("filter").pin(&policy, "prog").expect("pinned");
        map().pin(&maps, "block").expect("pinned");
        map().pin(pins, "beside").expect("pinned");
        symlink(at("beside"), at("main/maps/link")).expect("a link");
        assert!(pins.remove_subdir("main").is_err(), "not empty");
        pins.remove_tree("main").expect("removed");
        assert_eq!(pins.names().expect("listed"), ["beside"]);
    });
}

#[test]
fn names_that_could_not_be_ours_are_not_listed() {
    kernel(|ground| {
        std::fs::create_dir(at("a\n\u{1b}[31mb")).expect("planted");
        map().pin(&ground.pins, "block").expect("pinned");
        assert_eq!(ground.pins.names().expect("listed"), ["block"]);
        let error = pin_error(MapHandle::open(&ground.pins, "../x"));
        assert!(matches!(error, PinError::Name { .. }), "{error}");
    });
}

#[test]
fn a_second_writer_waits_for_the_lock_and_gives_up_after_a_while() {
    kernel(|ground| {
        let dir = ground.pins.create_subdir("main", Access::Owner).expect("made");
        let other = ground.pins.subdir("main").expect("asked").expect("there");
        let first = dir.lock().expect("locked");
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| other.lock().map(|_| begun.elapsed()));
            std::thread::sleep(Duration::from_millis(200));
            drop(first);
            let waited = waiting.join().expect("ran").expect("locked in the end");
            assert!(waited >= Duration::from_millis(150), "{waited:?}");
        });
        let _held = dir.lock().expect("locked");
        let busy = other.lock().expect_err("held");
        assert!(matches!(busy, PinError::Busy { .. }), "{busy}");
    });
}

#[test]
fn a_bpffs_is_told_from_an_empty_mount_point() {
    kernel(|ground| {
        drop(ground.pins);
        nix::mount::umount(BPFFS).expect("unmounted");
        let error = PinDir::open_root(Path::new(BPFFS)).expect_err("a bare directory");
        let text = error.to_string();
        assert!(matches!(error, PinError::NotBpffs { .. }), "{text}");
        assert!(text.contains("mount -t bpf bpf /sys/fs/bpf"), "{text}");
    });
}

#[test]
fn what_has_a_name_keeps_its_number_when_it_moves_and_another_one_has_another() {
    kernel(|ground| {
        let dir = &ground.pins;
        map().pin(dir, "one").expect("pinned");
        let one = dir.number("one").expect("asked");
        assert!(one.is_some());
        dir.rename("one", dir, "two").expect("moved");
        assert_eq!(dir.number("two").expect("asked"), one);
        assert_eq!(dir.number("one").expect("asked"), None);
        map().pin(dir, "three").expect("pinned");
        dir.rename("three", dir, "two").expect("moved over it");
        assert_ne!(dir.number("two").expect("asked"), one);
    });
}
