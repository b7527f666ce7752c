//! `monitor` on traffic of the lab: what programs on a veth cause there is counted in the row that it
//! belongs to, and however the command ends, nothing of it stays in the kernel.
//!
//! The tracepoints are those of the whole machine, where others may cause the same events at the same
//! time. Numbers are compared exactly where an event bears an action that nobody else returns
//! ([`strange`]), and else from below.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_asm::{
    Assembler, Cond, Helper, Isa, MapDecl, MapFlags, MapId, MapKind, R0, R1, R2, R3, Size,
};
use palisade_loader::xdp::{Expect, Mode, attach};
use palisade_loader::{
    Buffers, Insert, LoadOptions, Map, MapHandle, ObjectId, ObjectKind, Program,
};
use palisade_tests::lab::Lab;
use palisade_tests::nobody;
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::{Reason, leave_out};
use palisade_tests::skip::Release;
use serde_json::Value;

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many frames are sent.
const FRAMES: u64 = 100;
/// Where a frame says which action it is to meet.
const ACTION: i16 = 42;

/// An action that no other program returns: ten thousand numbers from here on are this test's.
fn strange() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id() % 10_000;
    0x1000_0000 + process * 100_000 + NEXT.fetch_add(1, Ordering::Relaxed) * 10_000
}

/// Held to write by the test that fills the rows of every monitor on the machine, and to read by those
/// that look for an action of their own in one.
static ROWS: RwLock<()> = RwLock::new(());

/// A running monitor.
struct Monitor {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Monitor {
    /// Starts one and waits until it counts.
    fn start(lab: &Lab, options: &[&str]) -> Self {
        let args = [&["monitor", "-j", "--interval", "50ms"], options].concat();
        let mut command = lab.command(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut monitor = Self { child, lines };
        monitor.next();
        monitor
    }

    /// The next document.
    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("it goes on").expect("UTF-8");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"))
    }

    /// The first document in which something holds.
    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let document = self.next();
            if holds(&document) {
                return document;
            }
            assert!(Instant::now() < end, "no {what} in {document}");
        }
    }

    /// Waits until a row has at least so many packets.
    #[track_caller]
    fn until_counted(&mut self, row: &Wanted, packets: u64) {
        self.until_row(row, "packets", packets);
    }

    /// Waits until a number of a row is at least so large.
    #[track_caller]
    fn until_row(&mut self, row: &Wanted, what: &str, least: u64) {
        self.until(row.event, |document| {
            rows(document).filter(|found| row.is(found)).any(|found| number(&found, what) >= least)
        });
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process number");
        kill(Pid::from_raw(pid), signal).expect("it is there");
    }

    /// The programs, maps and links that it holds.
    fn objects(&self) -> BTreeSet<ObjectId> {
        let dir = format!("/proc/{}/fdinfo", self.child.id());
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(dir).expect("it lives") {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).unwrap_or_default();
            for line in text.lines() {
                let Some((name, number)) = line.split_once(":\t") else { continue };
                let kind = match name {
                    "prog_id" => ObjectKind::Program,
                    "map_id" => ObjectKind::Map,
                    "link_id" => ObjectKind::Link,
                    _ => continue,
                };
                found.insert(ObjectId { kind, id: number.trim().parse().expect("a number") });
            }
        }
        found
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What tells a row from others.
struct Wanted {
    event: &'static str,
    action: Value,
    error: Value,
    to_cpu: Value,
}

impl Wanted {
    fn new(event: &'static str, action: impl Into<Value>) -> Self {
        Self { event, action: action.into(), error: Value::Null, to_cpu: Value::Null }
    }

    fn is(&self, row: &Value) -> bool {
        row["event"] == self.event
            && row["action"] == self.action
            && row["error"] == self.error
            && row["to_cpu"] == self.to_cpu
    }
}

fn rows(document: &Value) -> impl Iterator<Item = Value> {
    document["rows"].as_array().expect("rows").clone().into_iter()
}

fn number(row: &Value, what: &str) -> u64 {
    row[what].as_u64().unwrap_or_else(|| panic!("no {what} in {row}"))
}

/// A program with at most one map, in the kernel.
fn load(
    maps: &[MapHandle],
    decl: Option<MapDecl>,
    build: impl FnOnce(&mut Assembler, Option<MapId>),
) -> Program {
    let mut a = Assembler::new();
    let map = decl.map(|decl| a.map(decl));
    build(&mut a, map);
    let image = a.finish().expect("a program").encode(Isa::V1).expect("an image");
    let options = LoadOptions { name: "monitored", license: c"GPL", buffers: Buffers::Single };
    Program::load(&image, maps, &options).unwrap_or_else(|error| panic!("{error}"))
}

/// Does with each frame of a test what the frame says, and passes other frames.
fn obedient() -> Program {
    load(&[], None, |a, _| {
        let other = a.label("other");
        a.load(Size::W, R2, R1 + 0).load(Size::W, R3, R1 + 4);
        a.mov(R0, R2).add(R0, i32::from(ACTION) + 4).jump_if(R0, Cond::Gt, R3, other);
        a.load(Size::H, R0, R2 + 36).swap(palisade_asm::Swap::Be16, R0);
        a.jump_if(R0, Cond::Ne, i32::from(PORT), other);
        a.load(Size::W, R0, R2 + ACTION).exit();
        a.place(other).mov(R0, 2).exit();
    })
}

/// The port that the frames of these tests go to.
const PORT: u16 = 4242;

/// A frame that says which action it is to meet.
fn frame(action: u32) -> Vec<u8> {
    (eth() / ipv4() / udp(4000, PORT) / &action.to_ne_bytes()).build()
}

/// Attaches a program to the near end, and one that passes everything to the far end, without which
/// a veth takes no redirected frames.
fn set_out(lab: &Lab, program: &Program) {
    attach(lab.near_index(), program, Mode::Native, Expect::Empty).expect("attached");
    let pass = load(&[], None, |a, _| {
        a.mov(R0, 2).exit();
    });
    lab.in_far(|| attach(lab.far_index(), &pass, Mode::Native, Expect::Empty)).expect("attached");
}

fn send(lab: &Lab, action: u32) {
    let (sender, frame) = (lab.sender(), frame(action));
    (0..FRAMES).for_each(|_| sender.send(&frame));
}

/// A program that puts so many bytes before every frame and redirects it to the first entry of a map.
fn redirecting(kind: MapKind, target: u32, longer: i32) -> Program {
    let decl = MapDecl {
        name: "targets".to_owned(),
        kind,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: MapFlags::NONE,
    };
    let map = MapHandle::create(&decl).expect("a map");
    let program = load(&[map.try_clone().expect("cloned")], Some(decl), |a, map| {
        a.mov(R2, -longer).call(Helper::XDP_ADJUST_HEAD);
        a.load_map(R1, map.expect("a map")).mov(R2, 0).mov(R3, 0);
        a.call(Helper::REDIRECT_MAP).exit();
    });
    Map::<u32, u32>::new(map)
        .expect("its shape")
        .insert(&0, &target, Insert::Any)
        .expect("a target");
    program
}

/// Before 5.17 the kernel warns of an action that is none as of a bug of its own.
fn may_be_strange() -> bool {
    let may = Release::running() >= Release(5, 17);
    if !may {
        let said = "before 5.17 the kernel's log would have a warning".to_owned();
        leave_out(&Reason::Machine { name: "strange-actions", said });
    }
    may
}

/// Waits until nothing of these lives.
fn gone(objects: &BTreeSet<ObjectId>) {
    let end = Instant::now() + PATIENCE;
    let alive = |object: &&ObjectId| object.is_alive().expect("root may ask");
    while let Some(object) = objects.iter().find(alive) {
        assert!(Instant::now() < end, "{object} stays");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn exceptions_are_counted_by_the_action_that_the_program_returned() {
    let _rows = ROWS.read().unwrap_or_else(PoisonError::into_inner);
    Lab::run(|lab| {
        set_out(lab, &obedient());
        let mut monitors = [Monitor::start(lab, &[]), Monitor::start(lab, &["--per-cpu"])];
        send(lab, 0);
        for monitor in &mut monitors {
            monitor.until_counted(&Wanted::new("xdp_exception", "aborted"), FRAMES);
        }
        if !may_be_strange() {
            return;
        }
        let action = strange();
        send(lab, action);
        let wanted = Wanted::new("xdp_exception", action);
        for monitor in &mut monitors {
            monitor.until_counted(&wanted, FRAMES);
        }
        let [all, each] = monitors.each_mut().map(|monitor| {
            let document = monitor.next();
            rows(&document).find(|row| wanted.is(row)).expect("the row stays")
        });
        for row in [&all, &each] {
            let counted = ["packets", "events", "drops"].map(|what| number(row, what));
            assert_eq!(counted, [FRAMES, FRAMES, 0], "{row}");
        }
        assert_eq!(all.get("cpus"), None);
        let cpus = each["cpus"].as_array().expect("each CPU");
        assert_eq!(cpus.iter().map(|cpu| number(cpu, "packets")).sum::<u64>(), FRAMES);
        assert!(cpus.iter().all(|cpu| cpu["cpu"].is_u64() && cpu["events"] != 0), "{each}");
    });
}

#[test]
fn rates_are_those_of_the_interval_and_totals_those_since_the_beginning() {
    let _rows = ROWS.read().unwrap_or_else(PoisonError::into_inner);
    Lab::run(|lab| {
        if !may_be_strange() {
            return;
        }
        set_out(lab, &obedient());
        let action = strange();
        let mut monitor = Monitor::start(lab, &[]);
        send(lab, action);
        let wanted = Wanted::new("xdp_exception", action);
        let (mut seen, end) = (0.0, Instant::now() + PATIENCE);
        loop {
            let document = monitor.next();
            let period = document["interval"].as_f64().expect("seconds");
            assert!((0.04..20.0).contains(&period), "{document}");
            let Some(row) = rows(&document).find(|row| wanted.is(row)) else { continue };
            let rate = number(&row, "pps") as f64 * period;
            seen += rate;
            if number(&row, "packets") == FRAMES && rate == 0.0 {
                break;
            }
            assert!(Instant::now() < end, "{document}");
        }
        assert!((seen - FRAMES as f64).abs() < FRAMES as f64 * 0.1, "{seen} by the rates");
    });
}

#[test]
fn actions_without_end_fill_the_rows_and_are_still_counted() {
    let _rows = ROWS.write().unwrap_or_else(PoisonError::into_inner);
    Lab::run(|lab| {
        if !may_be_strange() {
            return;
        }
        set_out(lab, &obedient());
        let (mut monitor, first) = (Monitor::start(lab, &[]), strange());
        let actions = first..first + 700;
        let sender = lab.sender();
        actions.clone().for_each(|action| sender.send(&frame(action)));
        let ours = |document: &Value| -> u64 {
            let ours = rows(document).filter(|row| {
                let action = row["action"].as_u64().and_then(|action| u32::try_from(action).ok());
                row["others"] == true || action.is_some_and(|action| actions.contains(&action))
            });
            ours.filter(|row| row["event"] == "xdp_exception")
                .map(|row| number(&row, "packets"))
                .sum()
        };
        let document = monitor.until("700 packets", |document| ours(document) >= 700);
        assert!(rows(&document).any(|row| row["others"] == true && row["action"].is_null()));
        let exceptions = rows(&document).filter(|row| row["event"] == "xdp_exception").count();
        assert!(exceptions <= 256, "{exceptions} rows");
        // The verdicts that there are have rows whatever comes before them.
        send(lab, 0);
        monitor.until_counted(&Wanted::new("xdp_exception", "aborted"), FRAMES);
    });
}

#[test]
fn a_redirect_to_an_interface_that_is_not_there_is_an_error_with_its_number() {
    Lab::run(|lab| {
        let program = load(&[], None, |a, _| {
            a.mov(R1, 0x7fff_fff0).mov(R2, 0).call(Helper::REDIRECT).exit();
        });
        set_out(lab, &program);
        let mut monitor = Monitor::start(lab, &[]);
        send(lab, 0);
        let error = "EINVAL".into();
        let wanted = Wanted { error, ..Wanted::new("xdp_redirect_err", "redirect") };
        monitor.until_counted(&wanted, FRAMES);
    });
}

#[test]
fn a_redirect_into_a_device_map_is_counted_where_it_is_asked_and_where_it_is_sent() {
    Lab::run(|lab| {
        set_out(lab, &redirecting(MapKind::DevMap, lab.near_index().number(), 0));
        let mut monitor = Monitor::start(lab, &[]);
        send(lab, 0);
        monitor.until_counted(&Wanted::new("xdp_redirect", "redirect"), FRAMES);
        monitor.until_counted(&Wanted::new("xdp_devmap_xmit", "redirect"), FRAMES);
    });
}

#[test]
fn what_the_interface_does_not_take_is_counted_as_dropped() {
    Lab::run(|lab| {
        // The sending interface lets it pass, its peer takes no more than its own MTU.
        lab.far().set_mtu(lab.far_index(), 100).expect("a small MTU");
        set_out(lab, &redirecting(MapKind::DevMap, lab.near_index().number(), 128));
        let mut monitor = Monitor::start(lab, &[]);
        send(lab, 0);
        monitor.until_row(&Wanted::new("xdp_devmap_xmit", "redirect"), "drops", FRAMES);
    });
}

#[test]
fn a_redirect_into_a_cpu_map_is_counted_by_the_cpu_and_where_that_takes_it() {
    Lab::run(|lab| {
        // The value is the length of the queue; the key, the CPU.
        set_out(lab, &redirecting(MapKind::CpuMap, 192, 0));
        let mut monitor = Monitor::start(lab, &[]);
        send(lab, 0);
        let to_cpu = 0.into();
        let queued = Wanted { to_cpu, ..Wanted::new("xdp_cpumap_enqueue", "redirect") };
        monitor.until_counted(&queued, FRAMES);
        monitor.until_counted(&Wanted::new("xdp_cpumap_kthread", "redirect"), 1);
    });
}

#[test]
fn what_a_veth_sends_back_is_counted_in_bulks() {
    Lab::run(|lab| {
        set_out(lab, &obedient());
        let mut monitor = Monitor::start(lab, &[]);
        send(lab, 3);
        monitor.until_counted(&Wanted::new("xdp_bulk_tx", "tx"), FRAMES);
    });
}

#[test]
fn however_it_ends_nothing_of_it_stays_in_the_kernel() {
    Lab::run(|lab| {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
            let mut monitor = Monitor::start(lab, &[]);
            let objects = monitor.objects();
            let of = |kind| objects.iter().filter(|object| object.kind == kind).count();
            assert!(of(ObjectKind::Program) >= 7, "{objects:?}");
            assert_eq!(of(ObjectKind::Program), of(ObjectKind::Link), "{objects:?}");
            assert_eq!(of(ObjectKind::Map), of(ObjectKind::Link), "{objects:?}");
            monitor.signal(signal);
            let status = monitor.child.wait().expect("it ends");
            let code = (signal != Signal::SIGKILL).then_some(0);
            assert_eq!(status.code(), code, "{signal}");
            gone(&objects);
        }
    });
}

#[test]
fn what_is_counted_and_what_the_kernel_lacks_is_said_once() {
    Lab::run(|lab| {
        let args = ["monitor", "--count", "2", "--interval", "20ms"];
        let said = lab.palisade(&args).ok();
        let document =
            lab.palisade(&["monitor", "--count", "1", "--interval", "20ms", "-j"]).json();
        let names = |what: &str| -> Vec<String> {
            let names = document[what].as_array().expect("names").iter();
            names.map(|name| name.as_str().expect("a name").to_owned()).collect()
        };
        assert_eq!(names("counted").len() + names("missing").len(), 9, "{document}");
        let unused = ["xdp_redirect_map", "xdp_redirect_map_err"];
        assert!(names("missing").iter().all(|name| unused.contains(&name.as_str())), "{document}");
        match Release::running() {
            old if old <= Release(6, 12) => assert!(names("missing").is_empty(), "{document}"),
            new if new >= Release(6, 18) => assert_eq!(names("missing"), unused),
            _ => {}
        }
        let heads = said.lines().filter(|line| line.starts_with("event ")).count();
        assert_eq!(heads, 2, "{said}");
        for name in names("counted") {
            assert!(said.contains(&format!("\n{name} ")), "{said}");
        }
        let notes = usize::from(!names("missing").is_empty());
        assert_eq!(said.matches("note: not counted").count(), notes, "{said}");
        for name in names("missing") {
            assert!(said.contains(&format!("`{name}`")), "{said}");
        }
        assert_eq!(lab.palisade(&["monitor", "-q", "--count", "1", "--interval", "20ms"]).ok(), "");
    });
}

#[test]
fn without_the_right_it_says_what_it_takes() {
    let output = nobody::palisade(&["monitor", "--count", "1"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.starts_with("error: cannot count the kernel's XDP events\n"), "{said}");
    assert!(said.contains("takes CAP_BPF and CAP_PERFMON"), "{said}");
}
