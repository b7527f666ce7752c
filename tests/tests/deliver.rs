//! `deliver` on packets: which socket gets them, and what becomes of those whose queue has none.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use palisade_filter::oracle::{Declared, Reading, outlet};
use palisade_filter::policy::Outlet;
use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::{Neighbours, Next, Tenure, Verdict, compile, parse};
use palisade_loader::netns::VethOptions;
use palisade_tests::engine::{Engine, Receiver};
use palisade_tests::examples::text;
use palisade_tests::judges::Judges;
use palisade_tests::lab::{FAR_MAC, Lab, NEAR, NEAR_MAC, Receiving};
use palisade_tests::packet::{ARP_REQUEST, Packet, arp, eth, ipv4, ipv6, udp};
use palisade_tests::privilege::Kernel;
use palisade_tests::random::Made;

const PATIENCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(300);
const TWO_QUEUES: VethOptions = VethOptions { mtu: 1500, tx_queues: 2, rx_queues: 2 };

fn echo(text: &str) -> Packet {
    eth().src(FAR_MAC).dst(NEAR_MAC) / ipv4() / udp(4000, 7) / text.as_bytes()
}

/// UDP of many flows, which a pair of interfaces spreads over its queues.
fn flows(count: u16) -> Vec<Vec<u8>> {
    (0..count).map(|n| (eth() / ipv4() / udp(10_000 + n, 7) / b"flow").build()).collect()
}

#[test]
fn a_frame_is_for_the_socket_of_its_queue_by_every_judge() {
    let kernel = Kernel::or_skip();
    let bench = kernel.as_ref().map(|kernel| (kernel, kernel.targets.as_slice()));
    let cases = [
        ("deliver", Verdict::Redirect),
        ("deliver 0", Verdict::Redirect),
        ("deliver 1", Verdict::Pass),
        ("deliver 0 udp", Verdict::Redirect),
        ("deliver not queue 0", Verdict::Pass),
        ("deliver ( queue 1 or udp )", Verdict::Redirect),
    ];
    for (rule, verdict) in cases {
        let text = format!("{rule}\ndefault pass\n");
        let mut judges = Judges::of(bench, &Made { text, entries: Vec::new() }).expect("judges");
        for frame in [echo("four"), eth() / ipv6() / udp(1, 2)] {
            let frame = frame.build();
            let told = judges.judge(&frame).unwrap_or_else(|how| panic!("{rule}: {how}"));
            assert_eq!((told.decision.verdict, told.out(0)), (verdict, frame.as_slice()), "{rule}");
            judges.in_other_modes(&frame).unwrap_or_else(|how| panic!("{rule}: {how}"));
        }
        judges.settle().unwrap_or_else(|how| panic!("{rule}: {how}"));
    }
}

#[test]
fn each_queue_has_its_socket_in_the_interpreter_and_for_the_oracle() {
    let text = "count queue 2 as two\ndeliver 3 udp\ndeliver 255\ndrop queue 256\ndefault pass\n";
    let policy = parse(text).expect("a policy");
    let artifact = compile(&policy, Rehearsal::TARGET).expect("it compiles");
    let mut rehearsal = Rehearsal::new(&policy, &artifact).expect("ready");
    for frame in [echo("udp").build(), (eth() / arp(ARP_REQUEST)).build()] {
        let is_udp = frame[12..14] == [8, 0];
        for (queue, wanted) in [
            (0, Verdict::Pass),
            (2, Verdict::Pass),
            (3, if is_udp { Verdict::Redirect } else { Verdict::Pass }),
            (255, Verdict::Redirect),
            (256, Verdict::Drop),
            (0x1_0003, Verdict::Pass),
        ] {
            rehearsal.set_queue(queue);
            let reading = Reading::of(&frame).on_queue(queue);
            let decision = reading.decide(&policy, &Declared::of(&policy));
            assert_eq!(decision.verdict, wanted, "queue {queue}");
            assert_eq!(decision.counted.len(), usize::from(queue == 2));
            let to = (wanted == Verdict::Redirect).then_some(Outlet::Socket);
            assert_eq!(outlet(&policy, &decision), to);
            let done = rehearsal.run(&frame).unwrap_or_else(|fault| panic!("{queue}: {fault}"));
            assert!(rehearsal.agrees(&done, &decision), "queue {queue}: {done:?}");
        }
    }
}

#[test]
fn without_a_socket_the_kernel_does_what_the_default_says() {
    let Some(kernel) = Kernel::or_skip() else { return };
    for (default, fallback) in [("pass", Verdict::Pass), ("drop", Verdict::Drop)] {
        let text = format!("deliver udp as here\ndefault {default}\n");
        for target in kernel.two() {
            let mut engine = Engine::load(&kernel, &text, target);
            let frame = echo("is anybody there?").build();
            for receiver in [Receiver::There, Receiver::Absent].repeat(2) {
                engine.set_receiver(receiver);
                let done = engine.run(&frame).expect("counted in one row");
                let there = receiver == Receiver::There;
                let wanted = if there { Verdict::Redirect } else { fallback };
                assert_eq!((done.verdict, done.row.line), (wanted, Some(1)), "{target:?}");
            }
        }
    }
}

#[test]
fn without_a_socket_what_passes_goes_on_to_the_program_behind() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let neighbours = Neighbours { tenure: Tenure::Standing, next: Next::Slot };
    for (default, fallback) in [("pass", Verdict::Pass), ("drop", Verdict::Drop)] {
        let text = format!("deliver udp as here\ndefault {default}\n");
        for target in kernel.two() {
            let engine = Engine::try_load_beside(&kernel, &text, target, neighbours);
            let mut engine = engine.unwrap_or_else(|error| panic!("{error}"));
            let frame = echo("and behind?").build();
            for receiver in [Receiver::There, Receiver::Absent] {
                engine.set_receiver(receiver);
                // The program behind has to have seen the packet, where it passes.
                let done = engine.run(&frame).unwrap_or_else(|fault| panic!("{fault}"));
                let there = receiver == Receiver::There;
                let wanted = if there { Verdict::Redirect } else { fallback };
                assert_eq!(done.verdict, wanted, "{target:?}");
            }
        }
    }
}

fn redirected(lab: &Lab) -> u64 {
    let status = lab.palisade(&["-j", "status"]).json();
    status["verdicts"]["redirect"]["packets"].as_u64().expect("a number")
}

#[test]
fn what_is_delivered_comes_back_from_whoever_receives_and_the_rest_passes() {
    Lab::run(|lab| {
        lab.attach(text("af-xdp-echo"));
        let (tap, far, frame) = (lab.tap(), lab.far_tap_on("pal1"), echo("hello?").build());
        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE), "nobody receives: the stack does");

        let at_work = Receiving::begin(lab, &["--echo"]);
        assert_eq!(at_work.begin["policy"], "main", "{}", at_work.begin);
        let back = eth().src(NEAR_MAC).dst(FAR_MAC) / ipv4() / udp(4000, 7) / b"hello?";
        lab.send(&frame);
        assert!(far.arrives(&back.build(), PATIENCE), "its addresses exchanged");
        assert!(!tap.arrives(&frame, QUIET), "the stack does not see it");
        let other = (eth() / ipv4() / udp(4000, 53) / b"not for the socket").build();
        lab.send(&other);
        assert!(tap.arrives(&other, PATIENCE), "the rest passes");
        lab.palisade(&["attest"]).ok();
        let totals = at_work.interrupt();
        assert_eq!((&totals["packets"], &totals["queues"][0]["sent"]), (&1.into(), &1.into()));

        lab.send(&frame);
        assert!(tap.arrives(&frame, PATIENCE), "the stack again");
        assert_eq!(redirected(lab), 3, "each in the row of its rule, whoever gets it");
        assert!(lab.palisade(&["status"]).ok().contains("policy `main`"));
    });
}

#[test]
fn when_who_receives_is_killed_packets_meet_the_default() {
    for (default, passes) in [("pass", true), ("drop", false)] {
        Lab::run(|lab| {
            let rule = format!("pass not udp\ndeliver udp dport 7 as echo\ndefault {default}\n");
            lab.attach(&rule);
            let at_work = Receiving::begin(lab, &[]);
            let frame = echo("a last word").build();
            lab.send(&frame);
            let tap = lab.tap();
            assert!(!tap.arrives(&frame, QUIET));
            at_work.signal(Signal::SIGKILL);
            at_work.end();
            lab.send(&frame);
            assert_eq!(tap.arrives(&frame, if passes { PATIENCE } else { QUIET }), passes);
            assert_eq!(redirected(lab), 2);
            // And somebody else can receive.
            let totals = {
                let again = Receiving::begin(lab, &["--count", "1"]);
                lab.send(&frame);
                again.totals()
            };
            assert_eq!(totals["packets"], 1, "{totals}");
        });
    }
}

#[test]
fn packets_of_one_queue_are_delivered_and_those_of_the_other_are_not() {
    Lab::run_with(TWO_QUEUES, |lab| {
        lab.attach("deliver 1 udp dport 7 as second\ndrop udp dport 7 as first\ndefault pass\n");
        let both = Receiving::begin(lab, &[]);
        let queues: BTreeSet<u64> = both.begin["queues"]
            .as_array()
            .expect("queues")
            .iter()
            .filter_map(|queue| queue["queue"].as_u64())
            .collect();
        assert_eq!(queues, BTreeSet::from([0, 1]));
        let sender = lab.sender();
        flows(200).iter().for_each(|frame| sender.send(frame));
        let end = Instant::now() + PATIENCE;
        let stats = || {
            let status = lab.palisade(&["-j", "status"]).json();
            let of = |verdict: &str| status["verdicts"][verdict]["packets"].as_u64().expect("one");
            (of("redirect"), of("drop"))
        };
        while stats().0 + stats().1 < 200 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let (delivered, dropped) = stats();
        assert_eq!(delivered + dropped, 200);
        assert!(
            delivered > 0 && dropped > 0,
            "{delivered} and {dropped}: flows go to either queue"
        );
        let totals = both.interrupt();
        assert_eq!(totals["packets"], delivered, "{totals}");
        assert_eq!(totals["queues"][0]["packets"], 0, "{totals}");
    });
}

#[test]
fn who_receives_goes_on_from_policy_to_policy_as_long_as_it_delivers() {
    Lab::run(|lab| {
        lab.attach("deliver udp dport 7\ndefault pass\n");
        let at_work = Receiving::begin(lab, &[]);
        let busy = lab.palisade(&["receive", NEAR]).failed(3);
        assert!(busy.contains("EBUSY"), "{busy}");
        lab.send(&echo("one").build());
        lab.palisade_with(&["apply", "-"], "drop udp dport 9\ndeliver udp dport 7\ndefault drop\n")
            .ok();
        lab.send(&echo("two").build());
        lab.palisade_with(&["apply", "--confirm", "60s", "-"], "deliver udp\ndefault pass\n").ok();
        lab.send(&echo("three").build());
        lab.palisade(&["rollback"]).ok();
        lab.send(&echo("four").build());
        lab.palisade(&["attest"]).ok();
        lab.palisade_with(&["apply", "-"], "default pass\n").ok();
        let (output, totals) = at_work.end();
        let totals = totals.expect("totals");
        assert_eq!(output.code, Some(3), "{}", output.stderr);
        assert!(output.stderr.contains("delivers to this command no more"), "{}", output.stderr);
        assert_eq!(totals["packets"], 4, "{totals}");
        let told = lab.palisade(&["receive", NEAR]).failed(3);
        assert!(told.contains("carries the policy `main`, which delivers nothing"), "{told}");
    });
}

#[test]
fn who_receives_gets_what_a_policy_behind_another_delivers() {
    Lab::run(|lab| {
        let of = |policy: &str, args: &[&str], text: &str| {
            lab.palisade_with(&[&["--policy-name", policy][..], args].concat(), text).ok()
        };
        let edge = "drop udp dport 9\ndefault pass\n";
        of("edge", &["attach", NEAR, "-p", "-"], edge);
        let none = "default pass\n";
        of("echo", &["attach", "-p", "-", "--behind", "edge"], none);
        let told = lab.palisade(&["receive", NEAR]).failed(3);
        assert!(told.contains("`edge`, `echo`, none of which delivers"), "{told}");
        of("echo", &["apply", "-"], "deliver udp\ndefault pass\n");
        let at_work = Receiving::begin(lab, &[]);
        assert_eq!(at_work.begin["policy"], "echo", "{}", at_work.begin);
        lab.send(&echo("one").build());
        lab.send(&(eth() / ipv4() / udp(4000, 9) / b"not past the edge").build());
        of("edge", &["apply", "-"], "# another\ndrop udp dport 9\ndefault pass\n");
        // It looks once a second whether packets still come from there.
        std::thread::sleep(Duration::from_millis(1500));
        lab.send(&echo("two").build());
        of("edge", &["next", "clear"], "");
        let (output, totals) = at_work.end();
        let totals = totals.expect("totals");
        assert_eq!(output.code, Some(3), "{}", output.stderr);
        assert!(output.stderr.contains("delivers to this command no more"), "{}", output.stderr);
        assert_eq!(totals["packets"], 2, "{totals}");
    });
}
