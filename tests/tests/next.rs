//! What comes behind a policy: another program gets what passes, nothing else, and as it is then; and
//! whatever becomes of the policy, who stands there stays until somebody says otherwise.

use std::fs;
use std::path::Path;

use palisade_asm::{Assembler, Cond, Isa, R0, R1, R2, R3, R6, Size, Swap};
use palisade_filter::{Buffers, Mode, Neighbours, Next, Tenure, Verdict, parse};
use palisade_loader::{self as loader, Insert, LoadOptions, Map, MapHandle, PinDir, Program};
use palisade_tests::agree::Readings;
use palisade_tests::hits;
use palisade_tests::judges::routes;
use palisade_tests::lab::{BPFFS, FENCE, Lab, NEAR, Output};
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::{Chance, frame as frame_by_chance, policy};
use palisade_tests::struck::{KILL, points, strace, struck, tree};
use serde_json::{Value, json};

const PIN: &str = "/sys/fs/bpf/other";
const SLOT: &str = "/sys/fs/bpf/palisade/main/maps/_next";
/// A port that the policies here drop.
const OURS: u16 = 1001;
/// One that everybody lets pass.
const OPEN: u16 = 1002;
/// One that the program behind drops.
const THEIRS: u16 = 5000;
/// Where they come from: no other frames are counted, for interfaces have something to say too.
const SOURCE: u16 = 4000;
const POLICY: &str = "drop ip4 udp dport 1001\ndefault pass\n";

/// A frame to a UDP port.
fn frame(port: u16) -> Vec<u8> {
    (eth() / ipv4().src("203.0.113.5") / udp(SOURCE, port) / b"judge me").build()
}

/// A program of somebody else: it counts the frames that it gets, and drops those to one port.
struct Other {
    program: Program,
    hits: Map<u32, u64>,
}

impl Other {
    fn load(buffers: loader::Buffers) -> Self {
        Self::dropping(THEIRS, buffers)
    }

    fn dropping(port: u16, buffers: loader::Buffers) -> Self {
        let decl = hits::cell();
        let mut a = Assembler::new();
        let map = a.map(decl.clone());
        let [pass, drop] = ["pass", "drop"].map(|name| a.label(name));
        a.load(Size::W, R6, R1 + 0).load(Size::W, R3, R1 + 4);
        a.mov(R1, R6).add(R1, 38).jump_if(R1, Cond::Gt, R3, pass);
        a.load(Size::H, R2, R6 + 34).swap(Swap::Be16, R2);
        a.jump_if(R2, Cond::Ne, i32::from(SOURCE), pass);
        hits::count(&mut a, map);
        a.load(Size::H, R2, R6 + 36).swap(Swap::Be16, R2);
        a.jump_if(R2, Cond::Eq, i32::from(port), drop);
        a.place(pass).mov(R0, 2).exit();
        a.place(drop).mov(R0, 1).exit();
        let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
        let map = MapHandle::create(&decl).expect("a map");
        let options = LoadOptions { name: "other", license: c"GPL", buffers };
        let maps = [map.try_clone().expect("a descriptor")];
        let program = Program::load(&image, &maps, &options).expect("the kernel takes it");
        Self { program, hits: Map::new(map).expect("its shape") }
    }

    /// The same, pinned.
    fn pinned(self, name: &str) -> Self {
        let dir = PinDir::open_root(Path::new(BPFFS)).expect("the lab's bpffs");
        self.program.pin(&dir, name).expect("a free name");
        self
    }

    /// How many packets it has got since it was asked last.
    fn hits(&self) -> u64 {
        let hits = self.hits.get(&0).expect("read").expect("an element");
        self.hits.insert(&0, &0, Insert::Any).expect("written");
        hits
    }

    fn id(&self) -> Value {
        json!(self.program.info().expect("described").id)
    }
}

/// How the tool loads its programs here.
fn as_ours(kernel: &Kernel) -> loader::Buffers {
    match kernel.best().buffers {
        Buffers::Single => loader::Buffers::Single,
        Buffers::Multi => loader::Buffers::Multi,
    }
}

/// Runs a test in a lab, with somebody else's program pinned in it.
fn with_other(test: impl Fn(&Lab, &Other) + Send + Sync) {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        let other = Other::load(as_ours(&kernel)).pinned("other");
        test(lab, &other);
    });
}

fn attach(lab: &Lab, text: &str, args: &[&str]) -> Output {
    lab.palisade_with(&[&["attach", NEAR, "-p", "-"], args].concat(), text)
}

/// What gets through of the three ports, and how much of it the other program got.
fn judged(lab: &Lab, other: &Other) -> ([bool; 3], u64) {
    other.hits();
    let through = lab.through(&[OURS, OPEN, THEIRS].map(frame));
    (through.try_into().expect("three"), other.hits())
}

/// By the policy and the program behind it.
const BY_BOTH: ([bool; 3], u64) = ([false, true, false], 2);
/// By the policy alone.
const BY_OURS: ([bool; 3], u64) = ([false, true, true], 0);

/// The number of the program that comes next, as `next` tells it.
fn next(lab: &Lab) -> Value {
    lab.palisade(&["-j", "next"]).json()["next"].clone()
}

#[test]
fn what_passes_goes_on_to_the_pinned_program_and_is_counted_as_pass() {
    with_other(|lab, other| {
        for mode in ["native", "generic"] {
            let said = attach(lab, POLICY, &["--mode", mode, "--next", PIN]).ok();
            assert!(said.contains("what policy `main` passes goes to program"), "{said}");
            assert_eq!(judged(lab, other), BY_BOTH, "{mode}");
            let status = lab.palisade(&["-j", "status"]).json();
            assert_eq!(status["next"]["program"]["id"], other.id());
            assert_eq!(status["next"]["program"]["name"], "other");
            // What the program behind drops is not for this policy to count.
            assert!(status["verdicts"]["pass"]["packets"].as_u64() >= Some(3), "{status}");
            assert_eq!(status["verdicts"]["drop"]["packets"], 1);
            assert!(lab.palisade(&["status"]).ok().contains("«other»"));
            lab.palisade(&["attest"]).ok();
            lab.palisade(&["detach", "--all"]).ok();
            assert!(!Path::new("/sys/fs/bpf/palisade").exists());
        }
    });
}

#[test]
fn a_policy_without_a_slot_is_the_same_program_as_ever_and_shows_none() {
    with_other(|lab, other| {
        attach(lab, POLICY, &[]).ok();
        assert_eq!(next(lab), Value::Null);
        let maps = lab.palisade(&["-j", "dump"]).json()["maps"].to_string();
        assert!(!maps.contains("_next"), "{maps}");
        assert!(!lab.palisade(&["status"]).ok().contains("next:"));
        assert_eq!(judged(lab, other), BY_OURS);
        let no = lab.palisade(&["next", "clear"]).failed(1);
        assert!(no.contains("palisade next set"), "{no}");
    });
}

#[test]
fn next_sets_and_clears_what_comes_behind_a_policy_in_force() {
    with_other(|lab, other| {
        attach(lab, POLICY, &["--next", "none"]).ok();
        assert_eq!((next(lab), judged(lab, other)), (json!({"program": null}), BY_OURS));
        lab.palisade(&["attest"]).ok();
        let tag = |lab: &Lab| lab.palisade(&["-j", "status"]).json()["program"]["id"].clone();
        let before = tag(lab);
        lab.palisade(&["next", "set", PIN]).ok();
        assert_eq!((next(lab)["program"]["id"].clone(), judged(lab, other)), (other.id(), BY_BOTH));
        let kernel = Kernel::or_skip().expect("it was there");
        let second = Other::dropping(OPEN, as_ours(&kernel)).pinned("second");
        lab.palisade(&["next", "set", "/sys/fs/bpf/second"]).ok();
        assert_eq!(judged(lab, &second), ([false, false, true], 2));
        lab.palisade(&["next", "clear"]).ok();
        assert_eq!((next(lab), judged(lab, other)), (json!({"program": null}), BY_OURS));
        // All of that is done to the slot alone.
        assert_eq!(tag(lab), before);
        lab.palisade(&["next", "clear", "--slot"]).ok();
        assert_eq!((next(lab), judged(lab, other)), (Value::Null, BY_OURS));
        assert!(tag(lab) != before && !Path::new(SLOT).exists());
        lab.palisade(&["attest"]).ok();
    });
}

#[test]
fn a_policy_without_a_slot_gets_one_by_an_exchange() {
    with_other(|lab, other| {
        attach(lab, "set s net\ndrop ip4 src in s\ndrop ip4 udp dport 1001\ndefault pass\n", &[])
            .ok();
        lab.palisade(&["add", "--set", "s", "203.0.113.9"]).ok();
        lab.palisade(&["next", "set", PIN]).ok();
        assert_eq!(judged(lab, other), BY_BOTH);
        let listed = lab.palisade(&["list"]).ok();
        assert!(listed.contains("203.0.113.9"), "{listed}");
        lab.palisade(&["attest"]).ok();
    });
}

#[test]
fn what_comes_next_stays_whatever_becomes_of_the_policy() {
    const NEW: &str = "drop ip4 udp dport 1001\ncount ip4\ndefault pass\n";
    with_other(|lab, other| {
        attach(lab, POLICY, &["--next", PIN]).ok();
        let apply = |text: &str, args: &[&str]| {
            lab.palisade_with(&[&["apply", "-"], args].concat(), text).ok()
        };
        apply(NEW, &[]);
        assert_eq!(judged(lab, other), BY_BOTH, "apply");
        lab.palisade(&["attest"]).ok();
        lab.palisade(&["rollback"]).ok();
        assert_eq!(judged(lab, other), BY_BOTH, "rollback");
        apply(NEW, &["--confirm", "60s"]);
        assert_eq!(judged(lab, other), BY_BOTH, "on trial");
        lab.palisade(&["attest"]).ok();
        lab.palisade(&["confirm"]).ok();
        assert_eq!(judged(lab, other), BY_BOTH, "confirmed");
        apply(POLICY, &["--confirm", "1s"]);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(judged(lab, other), BY_BOTH, "handed back by the kernel");
        lab.palisade(&["mode", "enforce"]).ok();
        lab.palisade(&["attach", NEAR]).ok();
        assert_eq!(judged(lab, other), BY_BOTH, "put right");
        assert_eq!(next(lab)["program"]["id"], other.id());
    });
}

#[test]
fn in_shadow_and_off_what_is_let_through_goes_on_as_well() {
    with_other(|lab, other| {
        attach(lab, POLICY, &["--next", PIN]).ok();
        for mode in ["shadow", "off"] {
            lab.palisade(&["mode", mode]).ok();
            assert_eq!(judged(lab, other), ([true, true, false], 3), "{mode}");
        }
        lab.palisade(&["mode", "enforce"]).ok();
        assert_eq!(judged(lab, other), BY_BOTH);
    });
}

#[test]
fn what_is_changed_and_passes_goes_on_as_it_was_changed() {
    with_other(|lab, other| {
        let text = "rewrite dport 5000 ip4 udp dport 1002\ndefault pass\n";
        attach(lab, text, &["--next", PIN]).ok();
        // The port that is rewritten to is the one that the program behind drops.
        assert_eq!(judged(lab, other), ([true, false, false], 3));
    });
}

#[test]
fn a_return_to_a_policy_without_a_slot_says_what_that_means() {
    with_other(|lab, other| {
        attach(lab, "default pass\n", &[]).ok();
        attach(lab, POLICY, &["--next", PIN]).ok();
        assert_eq!(judged(lab, other), BY_BOTH);
        let said = lab.palisade(&["rollback"]).ok();
        assert!(said.contains("the stack"), "{said}");
        assert_eq!(judged(lab, other), ([true, true, true], 0));
    });
}

#[test]
fn the_program_lives_on_in_the_slot_when_its_own_pin_goes() {
    with_other(|lab, other| {
        attach(lab, POLICY, &["--next", PIN]).ok();
        fs::remove_file(PIN).expect("unpinned");
        lab.palisade_with(&["apply", "-"], "# again\ndrop ip4 udp dport 1001\ndefault pass\n").ok();
        assert_eq!(judged(lab, other), BY_BOTH);
    });
}

#[test]
fn a_program_that_takes_frames_otherwise_is_refused_and_all_stays_as_it_was() {
    let Some(kernel) = Kernel::or_skip() else { return };
    // Before Linux 5.18 there is one way to take frames, and all programs are alike.
    if kernel.best().buffers == Buffers::Single {
        return;
    }
    Lab::run(|lab| {
        let other = Other::load(as_ours(&kernel)).pinned("other");
        Other::load(loader::Buffers::Single).pinned("single");
        let single = "/sys/fs/bpf/single";
        let refused = |args: &[&str]| {
            let (before, said) = (tree(), lab.palisade_with(args, POLICY).failed(3));
            assert!(said.contains("BPF_F_XDP_HAS_FRAGS"), "{said}");
            assert!(said.contains("xdp.frags") && said.contains("EINVAL"), "{said}");
            assert_eq!(tree(), before);
        };
        refused(&["attach", NEAR, "-p", "-", "--next", single]);
        attach(lab, POLICY, &["--next", PIN]).ok();
        refused(&["next", "set", single]);
        refused(&["attach", NEAR, "-p", "-", "--next", single]);
        refused(&["attach", NEAR, "--next", single]);
        assert_eq!(judged(lab, &other), BY_BOTH);
        lab.palisade(&["next", "clear", "--slot"]).ok();
        refused(&["next", "set", single]);
        assert_eq!(judged(lab, &other), BY_OURS);
    });
}

#[test]
fn a_policy_is_loaded_for_frames_in_one_buffer_where_that_is_asked_for() {
    let Some(kernel) = Kernel::or_skip() else { return };
    if kernel.best().buffers == Buffers::Single {
        return;
    }
    Lab::run(|lab| {
        let other = Other::load(as_ours(&kernel)).pinned("other");
        let single = Other::load(loader::Buffers::Single).pinned("single");
        let pin = "/sys/fs/bpf/single";
        attach(lab, POLICY, &["--next", pin, "--one-buffer"]).ok();
        assert_eq!(judged(lab, &single), BY_BOTH);
        lab.palisade(&["attest"]).ok();
        lab.palisade_with(&["apply", "-"], "# again\ndrop ip4 udp dport 1001\ndefault pass\n").ok();
        assert_eq!(judged(lab, &single), BY_BOTH, "apply");
        lab.palisade_with(&["apply", "-", "--confirm", "60s"], POLICY).ok();
        assert_eq!(judged(lab, &single), BY_BOTH, "on trial");
        lab.palisade(&["confirm"]).ok();
        lab.palisade(&["attest"]).ok();
        let said = lab.palisade(&["next", "set", PIN]).failed(3);
        assert!(said.contains("policy's program without it"), "{said}");
        assert_eq!(judged(lab, &single), BY_BOTH, "refused");
        // Without a slot it is loaded as ever, and so it is with a new one.
        lab.palisade(&["next", "clear", "--slot"]).ok();
        lab.palisade(&["next", "set", PIN]).ok();
        assert_eq!(judged(lab, &other), BY_BOTH);
        lab.palisade(&["next", "set", pin, "--one-buffer"]).ok();
        assert_eq!(judged(lab, &single), BY_BOTH, "exchanged");
        lab.palisade(&["next", "clear"]).ok();
        lab.palisade(&["next", "set", pin]).ok();
        assert_eq!(judged(lab, &single), BY_BOTH, "by one store");
        lab.palisade(&["attest"]).ok();
        attach(lab, POLICY, &["--one-buffer"]).failed(2);
    });
}

#[test]
fn what_is_no_program_to_go_on_to_is_refused_by_what_it_is() {
    with_other(|lab, other| {
        attach(lab, POLICY, &["--next", PIN]).ok();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (pin, code, word) in [
            ("/sys/fs/bpf/none", 2, "none"),
            ("/sys/fs/bpf/none/at-all", 2, "none"),
            ("/sys/fs/bpf/palisade", 2, "palisade"),
            ("/sys/fs/bpf/palisade/main/maps/_counters", 2, "map"),
            ("/sys/fs/bpf/palisade/main/prog", 2, "round"),
            (file, 2, "bpf"),
            ("/", 2, "pin"),
            ("..", 2, "pin"),
        ] {
            for args in [&["next", "set", pin][..], &["attach", NEAR, "--next", pin]] {
                let said = lab.palisade(args).failed(code);
                assert!(said.contains(word) && said.contains("help:"), "{pin}: {said}");
                assert!(!said.contains("detach --all"), "{pin}: {said}");
            }
        }
        lab.palisade(&["next", "set", ""]).failed(2);
        lab.palisade(&["attach", NEAR, "--next", ""]).failed(2);
        assert_eq!(judged(lab, other), BY_BOTH);
        lab.palisade(&["detach", "--all"]).ok();
        for args in [&["next", "set", PIN][..], &["next", "clear"], &["next"]] {
            let said = lab.palisade(args).failed(2);
            assert!(said.contains("palisade attach"), "{said}");
        }
    });
}

#[test]
fn a_kill_while_what_comes_next_is_set_leaves_the_old_or_the_new_and_is_put_right() {
    let Some(kernel) = Kernel::or_skip() else { return };
    Lab::run(|lab| {
        if strace(lab, &[]).is_none() {
            return;
        }
        let other = Other::load(as_ours(&kernel)).pinned("other");
        let set = ["next", "set", PIN];
        let fresh = || {
            lab.palisade(&["detach", "--all"]);
            attach(lab, POLICY, &[]).ok();
        };
        fresh();
        let points = points(lab, &set);
        let good = tree();
        let (mut olds, mut news) = (0, 0);
        for at in &points {
            fresh();
            struck(lab, &set, KILL, at);
            match judged(lab, &other) {
                BY_OURS => olds += 1,
                BY_BOTH => news += 1,
                by => panic!("at {at:?}: judged by neither: {by:?}"),
            }
            lab.palisade(&set).ok();
            assert_eq!((judged(lab, &other), tree()), (BY_BOTH, good.clone()), "{at:?}");
            lab.palisade(&["attest"]).ok();
        }
        assert!(olds > 0 && news > 0, "{olds} times before the exchange, {news} after it");
    });
}

#[test]
fn the_fence_is_none_of_the_ports() {
    assert!(![OURS, OPEN, THEIRS].contains(&FENCE));
}

#[test]
fn the_kernel_hands_on_what_passes_by_the_oracle_and_nothing_else() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let beside = Neighbours { tenure: Tenure::Standing, next: Next::Slot };
    let mut passed = 0;
    for (seed, target) in (1..=24).zip(kernel.targets.iter().cycle()) {
        let mut chance = Chance::new(seed);
        let made = policy(&mut chance);
        // What the kernel's routes say, the oracle is not told here.
        if routes(&parse(&made.text).expect("a policy")) {
            continue;
        }
        let readings = Readings::beside(&kernel, &made.text, &made.entries, (*target, beside));
        let mut readings = readings.unwrap_or_else(|refusal| panic!("{refusal}"));
        for mode in [Mode::Enforce, Mode::Shadow, Mode::Off] {
            readings.switch(mode);
            for _ in 0..100 {
                // No kernel's test run takes a shorter one.
                let frame = frame_by_chance(&mut chance);
                if frame.len() < 14 {
                    continue;
                }
                match readings.decide(&frame) {
                    Ok(decision) => passed += u32::from(decision.verdict == Verdict::Pass),
                    Err(difference) => panic!("seed {seed}: {difference}\nof:\n{}", made.text),
                }
            }
        }
    }
    assert!(passed > 300, "{passed}");
}
