//! What rules report, in the interpreter: which packets, what of them, and how many.

use palisade_filter::oracle::frame_of_words;
use palisade_filter::plan::{Carried, EVENTS, Mode, Record, rows_checksum};
use palisade_filter::policy::Protocol;
use palisade_filter::rehearsal::Rehearsal;
use palisade_filter::{
    Access, Buffers, PlanError, Policy, Target, Verdict, capture, compile, parse,
};

fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test.pal", text)))
}

fn rehearsal(text: &str) -> Rehearsal {
    let policy = policy(text);
    let artifact = compile(&policy, Rehearsal::TARGET).expect("a program");
    Rehearsal::new(&policy, &artifact).expect("its maps are simulated")
}

fn frame(words: &str) -> Vec<u8> {
    frame_of_words(&words.split(' ').collect::<Vec<_>>()).expect("a frame")
}

/// The records of a frame that is put to the program so many times.
fn records(rehearsal: &mut Rehearsal, frame: &[u8], times: usize) -> Vec<Record> {
    let run = |_| rehearsal.run(frame).unwrap_or_else(|fault| panic!("{fault}")).told.records;
    (0..times).flat_map(run).collect()
}

#[test]
fn a_policy_without_events_has_no_map_and_no_instruction_for_them() {
    let plain = compile(&policy("count udp dport 9\ndefault pass\n"), Target::FLOOR).expect("one");
    assert!(plain.maps.iter().all(|map| !map.name.starts_with(EVENTS)));
    let text = plain.program.to_string();
    assert!(!text.contains("ringbuf") && !text.contains("ktime"), "{text}");
    let rated = "count udp dport 9\noption events rate 7/s\ndefault pass\n";
    let rated = compile(&policy(rated), Target::FLOOR).expect("a program");
    assert!(rated.program.to_string() == text, "a rate alone changes nothing");
}

#[test]
fn a_record_says_what_the_packet_says() {
    let text = "event snap 16 icmp\ndrop event udp dport 53\npass event ip6\ndefault pass\n";
    let mut rehearsal = rehearsal(text);
    let query = frame("udp from 192.0.2.9:1234 to 192.0.2.1:53");
    let [record] = records(&mut rehearsal, &query, 1).try_into().expect("one record");
    assert_eq!(record.verdict, Some(Verdict::Drop));
    assert_eq!((record.done, record.rows), (Carried::Out, rows_checksum(&policy(text))));
    assert_eq!(record.ports, Some([1234, 53]));
    assert_eq!(record.protocol, Some(Protocol::UDP));
    assert_eq!(
        record.addresses.map(|all| all.map(|a| a.to_string())),
        Some(["192.0.2.9".to_owned(), "192.0.2.1".to_owned()])
    );
    assert_eq!((record.length as usize, record.bytes.len()), (query.len(), 0));
    assert_eq!(rehearsal.row(record_row(&rehearsal, &record)).text, "drop event udp dport 53");
    let ping = frame("icmp from 192.0.2.9 type 8 code 3");
    let [record] = records(&mut rehearsal, &ping, 1).try_into().expect("one record");
    assert_eq!((record.verdict, record.icmp), (None, Some([8, 3])));
    assert_eq!(record.bytes, ping[..16]);
    let later = frame("udp from 2001:db8::7 fragment later");
    let [record] = records(&mut rehearsal, &later, 1).try_into().expect("one record");
    assert_eq!((record.protocol, record.ports), (None, None), "nobody could believe them");
    rehearsal.set_mode(Mode::Shadow).expect("a mode");
    let [record] = records(&mut rehearsal, &query, 1).try_into().expect("one record");
    assert_eq!((record.verdict, record.done), (Some(Verdict::Drop), Carried::Not));
    rehearsal.set_mode(Mode::Off).expect("a mode");
    assert_eq!(records(&mut rehearsal, &query, 1), []);
}

fn record_row(rehearsal: &Rehearsal, record: &Record) -> palisade_filter::plan::RowId {
    let mut again = rehearsal.clone();
    let run = again.run(&frame("udp from 192.0.2.9:1234 to 192.0.2.1:53")).expect("no fault");
    assert_eq!(run.row.index(), record.row as usize);
    run.row
}

#[test]
fn one_of_so_many_is_each_nth_packet_of_its_rule() {
    let mut rehearsal = rehearsal(
        "option events rate 1M/s\nevent 1/3 udp\ndrop event 1/5 udp dport 9\ndefault pass\n",
    );
    let (other, own) =
        (frame("udp from 192.0.2.9 to 192.0.2.1:8"), frame("udp from 192.0.2.9 to 192.0.2.1:9"));
    let seen: Vec<usize> = (0..9).map(|_| records(&mut rehearsal, &other, 1).len()).collect();
    assert_eq!(seen, [0, 0, 1, 0, 0, 1, 0, 0, 1]);
    let all = records(&mut rehearsal, &own, 30);
    let dropped = all.iter().filter(|record| record.verdict == Some(Verdict::Drop)).count();
    assert_eq!((all.len(), dropped), (16, 6));
    rehearsal.set_mode(Mode::Shadow).expect("a mode");
    assert_eq!(records(&mut rehearsal, &own, 15).len(), 8, "shadow mode changes no turns");
}

#[test]
fn the_rate_is_held_to_the_record() {
    for rate in [1, 3, 1000, 7_000_000] {
        let mut rehearsal =
            rehearsal(&format!("option events rate {rate}/s\nevent udp\ndefault pass\n"));
        let packet = frame("udp from 192.0.2.9");
        let second = 1_000_000_000;
        rehearsal.set_now(10 * second);
        let most = rate.min(20_000) as usize;
        assert_eq!(records(&mut rehearsal, &packet, most).len(), most, "as many at once");
        if rate > 20_000 {
            continue;
        }
        let run = rehearsal.run(&packet).expect("no fault");
        assert_eq!((run.told.records.len(), run.told.missing), (0, 1), "and no more");
        // A record's time later there is room for one.
        let step = second.div_ceil(rate);
        let mut now = 10 * second;
        for _ in 0..5 {
            rehearsal.set_now(now + step - 1);
            assert_eq!(records(&mut rehearsal, &packet, 1).len(), 0, "too early");
            now += step;
            rehearsal.set_now(now);
            assert_eq!(records(&mut rehearsal, &packet, 3).len(), 1);
        }
        rehearsal.set_now(100 * second);
        assert_eq!(records(&mut rehearsal, &packet, most + 5).len(), most, "behind a pause");
    }
}

#[test]
fn every_length_of_a_packet_is_reported_up_to_snap() {
    let shapes = [
        (Buffers::Single, Access::Pointers),
        (Buffers::Single, Access::Helpers),
        (Buffers::Multi, Access::Pointers),
    ];
    for snap in [0, 1, 7, 8, 9, 63, 64, 200, 256] {
        let policy = policy(&format!(
            "option events rate 1M/s\nevent snap {snap}\non malformed pass\ndefault pass\n"
        ));
        for (buffers, access) in shapes {
            let target = Target { buffers, access, ..Target::FLOOR };
            let artifact = compile(&policy, target).expect("a program");
            let mut rehearsal = Rehearsal::new(&policy, &artifact).expect("a machine");
            // Shorter ones are no Ethernet, and malformed.
            for length in 14..300 {
                let frame: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                let [record] = records(&mut rehearsal, &frame, 1).try_into().expect("a record");
                assert_eq!(record.length, length);
                assert_eq!(record.bytes, frame[..frame.len().min(snap)], "{target:?}");
            }
        }
    }
}

#[test]
fn what_the_target_cannot_report_is_refused_by_name() {
    let policy = policy("pass tcp\ndrop event snap 257 udp\ndefault pass\n");
    let refused = compile(&policy, Target::FLOOR).expect_err("too many bytes");
    assert!(matches!(refused, PlanError::SnapTooLong { line: 2, snap: 257, .. }), "{refused}");
    assert!(refused.to_string().contains("before Linux 5.18"), "{refused}");
    compile(&policy, Rehearsal::TARGET).expect("later kernels have a helper");
}

#[test]
fn more_sampled_rules_than_there_are_turns_are_refused_by_name() {
    let rules: String = (1..=1025).map(|port| format!("event 1/2 udp dport {port}\n")).collect();
    let refused = compile(&policy(&format!("{rules}default pass\n")), Target::FLOOR);
    let refused = refused.expect_err("too many rules");
    assert!(matches!(refused, PlanError::TooManySampled { line: 1025, .. }), "{refused}");
}

#[test]
fn hostile_records_are_read_or_refused() {
    let mut rehearsal = rehearsal("event snap 64 udp\ndefault pass\n");
    let [record] =
        records(&mut rehearsal, &frame("udp from 192.0.2.9"), 1).try_into().expect("one record");
    assert!(record.bytes.len() > 40);
    for len in 0..Record::HEADER {
        assert_eq!(Record::read(&vec![0xff; len]), None);
    }
    for byte in [0, 1, 0x7f, 0x80, 0xff] {
        // Read or refused, but no more bytes than there are.
        if let Some(read) = Record::read(&[byte; 200]) {
            assert!(read.bytes.len() <= 200 - Record::HEADER);
        }
    }
}

#[test]
fn an_annotated_capture_is_read_back() {
    let mut bytes = Vec::new();
    let mut writer = capture::AnnotatedWriter::new(&mut bytes).expect("memory");
    let frames: Vec<Vec<u8>> = (0..70).map(|length| vec![length; length.into()]).collect();
    for (at, frame) in frames.iter().enumerate() {
        let interface = match at {
            0 | 1 => writer.interface(&format!("eth{at}")).expect("memory"),
            _ => (at % 2) as u32,
        };
        let annotated = capture::Annotated {
            interface,
            time: std::time::Duration::from_nanos(1_700_000_000_123_456_789 + at as u64),
            frame,
            wire: 1500,
            queue: 3,
            verdict: Verdict::ALL.get(at % 6).copied(),
            comment: &"x".repeat(at),
        };
        writer.write(&annotated).expect("memory");
    }
    let mut reader = capture::Reader::new(bytes.as_slice()).expect("a capture");
    for (at, frame) in frames.iter().enumerate() {
        let read = reader.next().expect("sound").expect("one more");
        assert_eq!((read.frame, read.wire), (frame.as_slice(), 1500));
        let time = read.time.expect("a time").as_nanos();
        assert_eq!(time, 1_700_000_000_123_456_789 + at as u128);
    }
    assert!(reader.next().expect("sound").is_none());
}
