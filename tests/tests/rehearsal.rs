//! Policies in the interpreter, with no kernel: entries count and end, modes and lengths of frames are
//! kept apart, and a program that is wrong is found out. That policies by chance decide there as the
//! oracle says is a claim of `differential`.

use palisade_asm::{Program, parse as assemble};
use palisade_filter::plan::Decider as Counted;
use palisade_filter::rehearsal::{Fault, Half, Rehearsal, Unready};
use palisade_filter::{Artifact, Item, Mode, Policy, Verdict, compile, parse};
use palisade_tests::packet::{eth, filler, ipv4, udp};

fn artifact(policy: &Policy) -> Artifact {
    compile(policy, Rehearsal::TARGET).expect("a small policy")
}

fn rehearsal(text: &str) -> (Policy, Rehearsal) {
    let policy = parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("policy", text)));
    let mut ready = Rehearsal::new(&policy, &artifact(&policy)).expect("its maps are simulated");
    ready.insert_declared(&policy).expect("the elements fit");
    (policy, ready)
}

fn item(text: &str) -> Item {
    text.parse().expect(text)
}

#[test]
fn an_entry_counts_what_it_decides_and_ends_on_time() {
    let (policy, mut ready) = rehearsal(
        "set block net\nset ports service\nset boxes mac\n\
         drop src in block\ndrop service in ports\ndrop ether src in boxes\ndefault pass\n",
    );
    let set = |name| policy.set_id(name).expect("a set");
    let frame = (eth() / ipv4().src("10.1.2.3") / udp(7, 53)).build();
    let len = frame.len() as u64;
    assert_eq!(ready.run(&frame).map(|done| done.verdict).ok(), Some(Verdict::Pass));
    for (name, text) in
        [("boxes", "00:00:5e:00:53:07"), ("ports", "udp/50-60"), ("block", "10.1.2.0/24")]
    {
        ready.insert(set(name), [(item(text), 500)]).expect("there is room");
    }
    ready.insert(set("block"), [(item("10.0.0.0/8"), 900)]).expect("there is room");
    let verdict = |ready: &mut Rehearsal| ready.run(&frame).expect("no fault").verdict;
    assert_eq!(verdict(&mut ready), Verdict::Drop);
    // The longest prefix of a trie is hit for as long as anything around it matches.
    assert_eq!(ready.hits(set("block"), &item("10.1.2.0/24")), Some([1, len]));
    assert_eq!(ready.hits(set("block"), &item("10.0.0.0/8")), Some([0, 0]));
    assert_eq!(ready.hits(set("block"), &item("10.0.0.0/9")), None);
    ready.set_now(899);
    assert_eq!(verdict(&mut ready), Verdict::Drop);
    ready.set_now(900);
    assert_eq!(verdict(&mut ready), Verdict::Pass);
    ready.insert(set("ports"), [(item("any/53"), 0)]).expect("there is room");
    assert_eq!(verdict(&mut ready), Verdict::Drop);
    assert_eq!(ready.hits(set("ports"), &item("any/53")), Some([1, len]));
    assert_eq!(ready.hits(set("ports"), &item("udp/50-60")), Some([0, 0]));
}

#[test]
fn a_set_takes_no_more_than_it_may_and_nothing_of_another_kind() {
    let (policy, mut ready) = rehearsal("set few net { max 2 }\ndrop src in few\ndefault pass\n");
    let few = policy.set_id("few").expect("a set");
    let addresses = |from: u8, to: u8| (from..=to).map(|n| (item(&format!("192.0.2.{n}")), 0));
    ready.insert(few, addresses(1, 2)).expect("there is room");
    ready.insert(few, addresses(2, 2)).expect("it is there");
    let full = ready.insert(few, addresses(2, 4)).map_err(|why| why.to_string());
    assert_eq!(full, Err("set `few` takes 2 entries, and there would be 4".to_owned()));
    let other = ready.insert(few, [(item("tcp/80"), 0)]).map_err(|why| why.to_string());
    assert_eq!(other, Err("`tcp/80` is no item of a net set".to_owned()));
    let from =
        |last: u8| (eth() / ipv4().src(format!("192.0.2.{last}").as_str()) / udp(1, 2)).build();
    assert_eq!(ready.run(&from(2)).map(|done| done.verdict).ok(), Some(Verdict::Drop));
    assert_eq!(ready.run(&from(3)).map(|done| done.verdict).ok(), Some(Verdict::Pass));
}

#[test]
fn shadow_counts_what_would_be_dropped_and_off_passes_unseen() {
    let (_, mut ready) = rehearsal("drop udp\ndefault pass\n");
    let frame = udp_frame();
    ready.set_mode(Mode::Shadow).expect("a map");
    let done = ready.run(&frame).expect("no fault");
    assert_eq!((done.verdict, done.half), (Verdict::Pass, Half::Shadow));
    assert_eq!(ready.row(done.row).line, Some(1));
    ready.set_mode(Mode::Off).expect("a map");
    let done = ready.run(&frame).expect("no fault");
    assert_eq!((done.verdict, ready.row(done.row).decider), (Verdict::Pass, Counted::Off));
}

#[test]
fn frames_of_any_length_are_judged() {
    let (_, mut ready) = rehearsal("drop udp dport 9\ndefault pass\n");
    for len in [0, 1, 13, 14] {
        let done = ready.run(&vec![0; len]).expect("no fault");
        assert_eq!(done.bytes, len as u64);
    }
    for payload in [100, 3478, 3479, 9000, 60000] {
        let frame = (eth() / ipv4() / udp(1, 9) / filler(payload)).build();
        let done = ready.run(&frame).expect("no fault");
        assert_eq!((done.verdict, done.bytes), (Verdict::Drop, frame.len() as u64), "{payload}");
    }
}

fn udp_frame() -> Vec<u8> {
    (eth() / ipv4() / udp(1, 2)).build()
}

/// The program of a policy with the last such line of its listing replaced.
fn mutant(artifact: &Artifact, line: &str, by: &str) -> Program {
    let listing = artifact.program.to_string();
    let (before, behind) = listing.rsplit_once(line).expect("the listing has the line");
    let mutated = [before, by, behind].concat();
    assemble(&mutated).unwrap_or_else(|wrong| panic!("{}", wrong[0]))
}

#[test]
fn a_program_that_is_wrong_is_found_out() {
    let text = "drop udp\ndefault pass\n";
    let policy = parse(text).expect("a policy");
    let artifact = artifact(&policy);
    let fault = |line: &str, by: &str| {
        let program = mutant(&artifact, line, by);
        let mut wrong = Rehearsal::of_program(&policy, &artifact, &program).expect("the same maps");
        wrong.run(&udp_frame()).expect_err("it is wrong")
    };
    assert!(matches!(fault("r0 = r8\n", "r0 = 77\n"), Fault::Result(77)));
    assert!(matches!(fault("r1 += 1\n", "r1 += 2\n"), Fault::Counted(rows) if rows.len() == 1));
    assert!(matches!(fault("r1 += r9\n", "r1 += 1\n"), Fault::Counted(rows) if rows.len() == 1));
    assert!(
        matches!(fault("if r0 == 0x0 goto done", "if r0 != 0x0 goto done"), Fault::Counted(rows) if rows.is_empty())
    );
    assert!(matches!(fault("r0 = r8\n", "r0 = r5\n"), Fault::Trap(_)));
    let other = assemble("r0 = 2\nexit\n").expect("a program");
    let unready = Rehearsal::of_program(&policy, &artifact, &other).map(|_| ());
    assert_eq!(unready, Err(Unready::OtherMaps));
}
