//! `receive` on real packets: what comes into memory is what was sent, in order; what is sent back,
//! captured, left to the stack or not taken; and nothing stays, however the command ends.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use palisade_filter::capture::{Captured, Reader};
use palisade_loader::netns::VethOptions;
use palisade_loader::xsk::{Binding, FrameSize, Slots, Socket, Transfer, Umem};
use palisade_loader::{ObjectId, ObjectKind, xdp};
use palisade_tests::dir::Dir;
use palisade_tests::lab::{FAR_MAC, Lab, NEAR, NEAR_MAC, Output, Receiving};
use palisade_tests::nobody;
use palisade_tests::packet::{eth, ipv4, udp};
use serde_json::Value;

/// A type of frames that nobody but a test sends.
const OURS: u16 = 0x88b5;
/// How long frames that were sent may take to be where they go.
const SOON: Duration = Duration::from_millis(300);
const TWO_QUEUES: VethOptions = VethOptions { mtu: 1500, tx_queues: 2, rx_queues: 2 };

/// Frames of every length that an interface takes, whose bytes have no order.
fn frames(count: usize) -> Vec<Vec<u8>> {
    let mut word = 0x2545_f491_4f6c_dd1d_u64;
    let mut frame = |number: usize| {
        let len = 60 + number * 37 % (1514 - 60 + 1);
        let mut frame = eth().src(FAR_MAC).dst(NEAR_MAC).ethertype(OURS).build_alone();
        frame.extend(number.to_be_bytes());
        while frame.len() < len {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            frame.push(word.to_le_bytes()[3]);
        }
        frame
    };
    (0..count).map(&mut frame).collect()
}

/// An Ethernet header alone.
trait Alone {
    fn build_alone(self) -> Vec<u8>;
}

impl Alone for palisade_tests::packet::Eth {
    fn build_alone(self) -> Vec<u8> {
        let mut frame = (self / b"").build();
        frame.truncate(14);
        frame
    }
}

/// The test's own frames in a capture.
fn captured(path: &str) -> Vec<Vec<u8>> {
    let file = fs::File::open(path).expect("the capture");
    let mut reader = Reader::new(file).expect("a capture");
    let (mut all, mut last) = (Vec::new(), Duration::ZERO);
    while let Some(read) = reader.next().expect("a sound capture") {
        assert!(!read.is_cut());
        let time = read.time.expect("a time");
        assert!(time >= last && time > Duration::from_secs(1 << 30), "the time of day, in order");
        last = time;
        if read.frame[12..14] == OURS.to_be_bytes() {
            all.push(read.frame.to_vec());
        }
    }
    all
}

fn attached(lab: &Lab) -> Option<xdp::Attached> {
    xdp::query(lab.near_index()).expect("the interface is there")
}

/// One number of a queue.
fn of_queue(totals: &Value, queue: u64, key: &str) -> u64 {
    let queues = totals["queues"].as_array().expect("queues");
    let found = queues.iter().find(|found| found["queue"] == queue);
    found.and_then(|found| found[key].as_u64()).unwrap_or_else(|| panic!("{queue} {key} {totals}"))
}

/// UDP of many flows, which a pair of interfaces spreads over its queues.
fn flows(count: u16) -> Vec<Vec<u8>> {
    (0..count).map(|n| (eth() / ipv4() / udp(10_000 + n, 5000) / b"flow").build()).collect()
}

#[test]
fn bytes_arrive_unchanged_and_in_order_and_the_capture_reads_back_equal() {
    for mode in ["native", "generic"] {
        Lab::run(|lab| {
            let dir = Dir::new(&format!("receive-{mode}"));
            let path = dir.path("all.pcap");
            let at_work = Receiving::begin(lab, &["--mode", mode, "--pcap", &path]);
            assert_eq!(
                (&at_work.begin["interface"], &at_work.begin["mode"]),
                (&NEAR.into(), &mode.into())
            );
            assert_eq!(at_work.begin["queues"][0]["zero_copy"], false);
            assert_eq!(attached(lab).expect("a program").mode.to_string(), mode);
            let (sender, frames) = (lab.sender(), frames(1500));
            frames.iter().for_each(|frame| sender.send(frame));
            std::thread::sleep(SOON);
            let totals = at_work.interrupt();
            assert_eq!(attached(lab), None, "it is taken off");
            let read = captured(&path);
            assert_eq!(read.len(), frames.len(), "{mode}: {totals}");
            for (n, (read, sent)) in read.iter().zip(&frames).enumerate() {
                assert_eq!(read, sent, "{mode}: frame {n}");
            }
            assert!(totals["packets"].as_u64() >= Some(1500), "{totals}");
            for lost in ["rx_dropped", "rx_ring_full", "rx_fill_ring_empty_descs"] {
                assert_eq!(totals["queues"][0]["kernel"][lost], 0, "{totals}");
            }
        });
    }
}

#[test]
fn what_is_sent_back_has_its_addresses_exchanged_and_nothing_else() {
    for mode in ["native", "generic"] {
        Lab::run(|lab| {
            let at_work = Receiving::begin(lab, &["--echo", "--mode", mode]);
            let (tap, sender) = (lab.in_far(|| lab.tap()), lab.sender());
            let frames = frames(300);
            frames.iter().for_each(|frame| sender.send(frame));
            let back = |frame: &[u8]| frame.starts_with(&[FAR_MAC, NEAR_MAC].concat());
            let mut seen = Vec::new();
            while let Some(frame) = tap.next(SOON) {
                if back(&frame) && frame[12..14] == OURS.to_be_bytes() {
                    seen.push(frame);
                }
            }
            let totals = at_work.interrupt();
            let exchanged = |sent: &Vec<u8>| [&FAR_MAC[..], &NEAR_MAC, &sent[12..]].concat();
            let wanted: Vec<Vec<u8>> = frames.iter().map(exchanged).collect();
            assert_eq!(seen.len(), wanted.len(), "{mode}: {totals}");
            assert!(seen == wanted, "{mode}: in order and unchanged");
            assert_eq!(of_queue(&totals, 0, "sent"), of_queue(&totals, 0, "packets"));
            assert_eq!(of_queue(&totals, 0, "unsent"), 0);
        });
    }
}

#[test]
fn more_is_sent_back_than_there_are_frames() {
    Lab::run(|lab| {
        let at_work = Receiving::begin(lab, &["--echo"]);
        let sender = lab.sender();
        let frame = &frames(1)[0];
        for _ in 0..200 {
            (0..64).for_each(|_| sender.send(frame));
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(SOON);
        let totals = at_work.interrupt();
        let [packets, sent] = ["packets", "sent"].map(|key| of_queue(&totals, 0, key));
        assert!(packets >= 200 * 64, "{totals}");
        assert_eq!(sent + of_queue(&totals, 0, "unsent"), packets);
        assert!(sent > 3 * 4096, "frames go round: {totals}");
    });
}

#[test]
fn a_queue_without_a_socket_is_left_to_the_stack() {
    Lab::run_with(TWO_QUEUES, |lab| {
        let at_work = Receiving::begin(lab, &["--queue", "1"]);
        assert_eq!(at_work.begin["queues"].as_array().map(Vec::len), Some(1));
        let (socket, sender, flows) = (lab.udp(5000), lab.sender(), flows(200));
        flows.iter().for_each(|frame| sender.send(frame));
        let passed = socket.count(SOON);
        let totals = at_work.interrupt();
        let taken = of_queue(&totals, 1, "packets");
        assert!(passed > 0 && passed < 200, "{passed} passed, {taken} taken");
        // Those of the interface itself may be among them.
        assert!(taken >= 200 - passed as u64, "{passed} passed, {taken} taken");
        assert!(taken < 220, "{passed} passed, {taken} taken");
    });
}

#[test]
fn every_queue_has_its_socket_unless_some_are_named() {
    Lab::run_with(TWO_QUEUES, |lab| {
        for args in [&[][..], &["--queue", "1", "--queue", "0", "--queue", "1"]] {
            let at_work = Receiving::begin(lab, args);
            let (socket, sender) = (lab.udp(5000), lab.sender());
            flows(200).iter().for_each(|frame| sender.send(frame));
            assert_eq!(socket.count(SOON), 0, "none is left to the stack");
            let totals = at_work.interrupt();
            let counts = [0, 1].map(|queue| of_queue(&totals, queue, "packets"));
            assert!(counts.iter().all(|count| *count > 0), "{totals}");
            assert!(counts.iter().sum::<u64>() >= 200, "{totals}");
        }
    });
}

#[test]
fn it_ends_by_itself_after_so_many_packets() {
    Lab::run(|lab| {
        let dir = Dir::new("receive-count");
        let path = dir.path("some.pcap");
        let tap = lab.in_far(|| lab.tap());
        let at_work = Receiving::begin(lab, &["--count", "100", "--echo", "--pcap", &path]);
        let (sender, frames) = (lab.sender(), frames(300));
        frames.iter().for_each(|frame| sender.send(frame));
        let totals = at_work.totals();
        assert_eq!(totals["packets"], 100);
        let mut reader = Reader::new(fs::File::open(&path).expect("the capture")).expect("one");
        let mut taken = Vec::new();
        while let Some(Captured { frame, .. }) = reader.next().expect("sound") {
            // Among them may be what the far end says of itself to groups.
            taken.push([&frame[6..12], &frame[..6], &frame[12..]].concat());
        }
        assert_eq!(taken.len(), 100);
        let back: Vec<Vec<u8>> = std::iter::from_fn(|| tap.next(SOON)).collect();
        assert!(taken.iter().all(|frame| back.contains(frame)), "all were sent");
    });
}

#[test]
fn packets_longer_than_a_frame_are_counted_by_the_kernel() {
    Lab::run_with(VethOptions { mtu: 9000, ..VethOptions::default() }, |lab| {
        let at_work = Receiving::begin(lab, &[]);
        let sender = lab.sender();
        let mut long = frames(1).remove(0);
        for len in [3840, 3841, 9000] {
            long.resize(len, 7);
            sender.send(&long);
        }
        std::thread::sleep(SOON);
        let totals = at_work.interrupt();
        assert_eq!(totals["queues"][0]["kernel"]["rx_dropped"], 2, "{totals}");
        assert!(totals["bytes"].as_u64() >= Some(3840), "{totals}");
    });
}

#[test]
fn a_line_a_second_tells_what_came() {
    Lab::run(|lab| {
        let mut at_work = Receiving::begin(lab, &[]);
        let sender = lab.sender();
        frames(100).iter().for_each(|frame| sender.send(frame));
        let told = at_work.told();
        let seconds = told["interval"].as_f64().expect("a number");
        assert!((0.9..5.0).contains(&seconds), "{told}");
        let (packets, pps) = (of_queue(&told, 0, "packets"), of_queue(&told, 0, "pps"));
        assert!(packets >= 100, "{told}");
        assert!((pps as f64 * seconds - packets as f64).abs() < 2.0, "{told}");
        assert!(of_queue(&told, 0, "bps") > 8 * 60 * pps / 2, "{told}");
        at_work.interrupt();
    });
}

#[test]
fn a_kill_leaves_nothing_behind() {
    Lab::run(|lab| {
        let at_work = Receiving::begin(lab, &["--echo"]);
        let sender = lab.sender();
        frames(50).iter().for_each(|frame| sender.send(frame));
        let id = attached(lab).expect("a program").program_id;
        at_work.signal(Signal::SIGKILL);
        at_work.end();
        let start = Instant::now();
        let program = ObjectId { kind: ObjectKind::Program, id };
        while attached(lab).is_some() || program.is_alive().expect("asked") {
            assert!(start.elapsed() < Duration::from_secs(10), "it stays");
            std::thread::sleep(Duration::from_millis(10));
        }
        // The queue is free again, too.
        let totals = Receiving::begin(lab, &[]).interrupt();
        assert_eq!(totals["queues"].as_array().map(Vec::len), Some(1));
        let pins = palisade_loader::PinDir::open_root(palisade_tests::lab::BPFFS.as_ref());
        assert_eq!(pins.and_then(|dir| dir.names()).expect("a bpffs"), [""; 0]);
    });
}

#[test]
fn traffic_opens_no_descriptor() {
    Lab::run(|lab| {
        let at_work = Receiving::begin(lab, &["--echo"]);
        let open = || -> BTreeSet<String> {
            let dir = fs::read_dir(format!("/proc/{}/fd", at_work.pid())).expect("it is alive");
            let to = |entry: fs::DirEntry| fs::read_link(entry.path()).expect("open");
            dir.map(|entry| to(entry.expect("an entry")).display().to_string()).collect()
        };
        let (before, sender) = (open(), lab.sender());
        for _ in 0..5 {
            frames(200).iter().for_each(|frame| sender.send(frame));
            std::thread::sleep(SOON);
        }
        assert_eq!(open(), before);
        assert!(before.iter().any(|to| to.contains("bpf_link")), "{before:?}");
        at_work.interrupt();
    });
}

#[test]
fn an_interface_that_goes_ends_it_with_the_reason() {
    Lab::run(|lab| {
        let at_work = Receiving::begin(lab, &[]);
        lab.here().delete(lab.near_index()).expect("removed");
        let (output, _) = at_work.end();
        let rest = &output.stdout;
        assert!(rest.contains("\"kernel\""), "totals come all the same: {rest}");
        let said = output.failed(3);
        assert!(said.contains("is gone"), "{said}");
    });
}

#[test]
fn a_program_that_somebody_takes_off_ends_it() {
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR]).ok();
        let error = lab.palisade(&["receive", NEAR]).failed(3);
        assert!(error.contains("carries the policy `main`, which delivers nothing"), "{error}");
        // Of where its pins are, nobody is told.
        let error = lab.palisade(&["--bpffs", "/proc", "receive", NEAR]).failed(3);
        assert!(error.contains("carries an XDP program already"), "{error}");
        assert!(error.contains("«palisade_main»") && error.contains("palisade detach"), "{error}");
        lab.palisade(&["detach", NEAR]).ok();
        let at_work = Receiving::begin(lab, &[]);
        let error = lab.palisade(&["attach", NEAR]).failed(3);
        assert!(error.contains("palisade_recv"), "a link is not replaced: {error}");
        let error = lab.palisade(&["receive", NEAR]).failed(3);
        assert!(error.contains("palisade_recv"), "{error}");
        at_work.interrupt();
    });
}

#[test]
fn what_cannot_be_is_refused_by_name_and_leaves_nothing() {
    Lab::run(|lab| {
        let error = lab.palisade(&["receive", "nosuch0"]).failed(2);
        assert!(error.contains("there is no interface `nosuch0`"), "{error}");
        let error = lab.palisade(&["receive", NEAR, "--queue", "7"]).failed(2);
        assert!(error.contains("has no queue 7") && error.contains("1 receive queue\n"), "{error}");
        let error = lab.palisade(&["receive", NEAR, "--transfer", "zero-copy"]).failed(3);
        for word in ["queue 0", "without copies", "EOPNOTSUPP", "--transfer auto"] {
            assert!(error.contains(word), "{word}: {error}");
        }
        let error = lab.palisade(&["receive", NEAR, "--pcap", "/nosuch/file"]).failed(2);
        assert!(error.contains("/nosuch/file") && error.contains("ENOENT"), "{error}");
        lab.palisade(&["receive", NEAR, "--mode", "offload"]).failed(3);
        lab.palisade(&["receive", NEAR, "--count", "0"]).failed(2);
        let umem = Umem::new(64, FrameSize::Half).expect("memory");
        let (interface, slots) = (lab.near_index(), Slots::default());
        let binding = Binding { interface, queue: 0, transfer: Transfer::Copy, slots };
        let socket = Socket::bind(&umem, &binding).expect("bound");
        let error = lab.palisade(&["receive", NEAR]).failed(3);
        assert!(error.contains("EBUSY") && error.contains("another socket"), "{error}");
        drop(socket);
        assert_eq!(attached(lab), None);
    });
    let said = Output::of(&mut nobody::palisade(&["receive", "lo"]), b"").failed(3);
    assert!(said.contains("AF_XDP") && said.contains("EPERM"), "{said}");
    assert!(said.contains("CAP_NET_RAW"), "{said}");
}
