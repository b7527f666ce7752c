//! `events` on traffic of the lab: what is printed is what was sent, what nobody reads is counted as
//! lost, a reader that is killed does no harm, and captures say what became of each frame.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade_filter::capture::Reader;
use palisade_tests::dir::Dir;
use palisade_tests::lab::{Lab, NEAR, Sender};
use palisade_tests::packet::{eth, icmp, ipv4, ipv6, tcp, udp};
use serde_json::{Value, json};

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

fn attach(lab: &Lab, text: &str) {
    lab.palisade_with(&["attach", NEAR, "-p", "/dev/stdin"], text).ok();
}

fn apply(lab: &Lab, text: &str) {
    lab.palisade_with(&["apply", "--force", "-"], text).ok();
}

/// The documents of a run of `events` that ends by itself.
fn events(lab: &Lab, count: usize) -> Vec<Value> {
    let count = count.to_string();
    documents(&lab.palisade(&["-j", "events", "--count", &count]).ok())
}

fn documents(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a document")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A frame of so many bytes of payload.
fn frame(port: u16, payload: usize) -> Vec<u8> {
    (eth() / ipv4() / udp(4000, port) / vec![7; payload]).build()
}

fn send(sender: &Sender, frame: &[u8], times: usize) {
    for at in 1..=times {
        sender.send(frame);
        // A slow machine has to keep up, or the sender is refused.
        if at % 64 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits until so many packets were counted by the rule of a line.
fn until_counted(lab: &Lab, line: u64, packets: u64) {
    let end = Instant::now() + PATIENCE;
    loop {
        let stats = lab.palisade(&["-j", "stats", "--interval", "10ms", "--count", "1"]).json();
        let rules = stats["rules"].as_array().expect("rules").clone();
        let own = rules.iter().find(|rule| rule["line"] == line).expect("the rule");
        if own["packets"].as_u64().is_some_and(|seen| seen >= packets) {
            return;
        }
        assert!(Instant::now() < end, "{own}");
    }
}

/// A reader that runs until it is killed, or told to stop.
struct Running(Child);

impl Running {
    fn start(lab: &Lab, to: &str) -> Self {
        let mut command = lab.command(&["-j", "events"]);
        command.stdout(File::create(to).expect("a file")).stderr(Stdio::piped());
        Self(command.spawn().expect("it runs"))
    }

    /// Waits until so many documents are in a file.
    fn until(to: &str, count: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(to).expect("it is there");
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let all = documents(whole);
            if all.len() >= count {
                return all;
            }
            assert!(Instant::now() < end, "{all:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_reported_is_what_was_sent() {
    Lab::run(|lab| {
        attach(
            lab,
            "option events rate 100k/s\n\
             event snap 20 icmp\n\
             drop event snap 64 udp dport 9 as discard\n\
             pass event tcp\n\
             default pass\n",
        );
        let ping = (eth() / ipv4() / icmp(8, 1) / b"ping").build();
        let dropped = frame(9, 100);
        let web = (eth() / ipv6().src("2001:db8:0:1::2") / tcp(50000, 443)).build();
        let before = std::time::SystemTime::now();
        let sender = lab.sender();
        [&ping, &dropped, &web].into_iter().for_each(|frame| sender.send(frame));
        sender.send(&frame(10, 0));
        let seen = events(lab, 3);
        let of = |line: u64| {
            let found = seen.iter().find(|document| document["line"] == line);
            found.unwrap_or_else(|| panic!("none of line {line} in {seen:?}")).clone()
        };
        let (first, second, third) = (of(2), of(3), of(4));
        assert_eq!(first["verdict"], Value::Null);
        assert_eq!([&first["type"], &first["code"]], [&json!(8), &json!(1)]);
        assert_eq!(first["bytes"], hex(&ping[..20]));
        assert_eq!(first["sport"], Value::Null);
        for (key, want) in [
            ("verdict", json!("drop")),
            ("carried_out", json!(true)),
            ("interface", json!(NEAR)),
            ("name", json!("discard")),
            ("rule", json!("drop event snap 64 udp dport 9 as discard")),
            ("protocol", json!(17)),
            ("sport", json!(4000)),
            ("dport", json!(9)),
            ("length", json!(dropped.len())),
            ("bytes", json!(hex(&dropped[..64]))),
        ] {
            assert_eq!(second[key], want, "{key} in {second}");
        }
        assert_eq!(third["verdict"], "pass");
        assert_eq!([&third["src"], &third["dport"]], [&json!("2001:db8:0:1::2"), &json!(443)]);
        assert_eq!(third["bytes"], "");
        let seconds = |time: std::time::SystemTime| {
            time.duration_since(std::time::UNIX_EPOCH).expect("it is late enough").as_secs_f64()
        };
        let range = seconds(before) - 1.0..seconds(std::time::SystemTime::now()) + 1.0;
        assert!(range.contains(&second["time"].as_f64().expect("a number")), "{second}");
        let text = {
            sender.send(&dropped);
            lab.palisade(&["events", "--count", "1", "--rule", "discard"]).ok()
        };
        let want = format!("{NEAR} drop udp ");
        assert!(text.contains(&want) && text.contains(":9 length "), "{text}");
    });
}

#[test]
fn shadow_mode_reports_the_verdict_that_would_be() {
    Lab::run(|lab| {
        attach(lab, "drop event udp dport 9\ndefault pass\n");
        lab.palisade(&["mode", "shadow"]).ok();
        lab.send(&frame(9, 0));
        let seen = events(lab, 1);
        assert_eq!(seen[0]["verdict"], "drop");
        assert_eq!(seen[0]["carried_out"], false);
    });
}

#[test]
fn what_nobody_reads_is_lost_and_counted_and_packets_fare_the_same() {
    const SENT: usize = 3600;
    Lab::run(|lab| {
        // The ring has 1 MiB; a record of 352 bytes has room in it 2978 times.
        attach(lab, "option events rate 4000/s\ndrop event snap 256 udp\ndefault pass\n");
        let long = frame(9, 300);
        send(&lab.sender(), &long, SENT);
        until_counted(lab, 2, SENT as u64);
        let output = lab.palisade(&["-j", "events", "--count", "2500"]);
        let mut read = documents(&output.ok());
        let told = read.remove(0);
        let lost = told["lost"].as_u64().expect("it is told first");
        let room = SENT - usize::try_from(lost).expect("not more than were sent");
        assert!((2900..2980).contains(&room) && told["over_rate"] == 0, "{told}");
        read.retain(|document| document["line"] == 2);
        assert!(read.len() == 2500 && read.iter().all(|one| one["length"] == long.len()));
        // The next ones find room again.
        std::thread::sleep(Duration::from_millis(1200));
        send(&lab.sender(), &frame(10, 0), 5);
        let rest = (room + 5 - 2500).to_string();
        let rest = documents(&lab.palisade(&["-j", "events", "--count", &rest]).ok());
        assert!(rest.iter().any(|document| document["dport"] == 10), "{:?}", rest.last());
    });
}

#[test]
fn a_flood_is_reported_at_the_rate_and_what_is_over_it_is_told() {
    Lab::run(|lab| {
        let dir = Dir::new("events-rate");
        attach(lab, "option events rate 5/s\ndrop event udp\ndefault pass\n");
        let to = dir.path("seen");
        let reader = Running::start(lab, &to);
        send(&lab.sender(), &frame(9, 0), 1000);
        until_counted(lab, 2, 1000);
        let end = Instant::now() + PATIENCE;
        let mut all = Running::until(&to, 6);
        // Whatever was not reported is told once a second, as long as it grows.
        loop {
            let told = all.iter().rfind(|document| document["over_rate"].is_u64());
            let held = told.and_then(|told| told["over_rate"].as_u64()).unwrap_or(0);
            assert!(told.is_none_or(|told| told["lost"] == 0), "{told:?}");
            let records = all.iter().filter(|document| document["line"] == 2).count() as u64;
            assert!(held + records <= 1000 && Instant::now() < end, "{held}, {records}");
            if held + records == 1000 {
                break;
            }
            all = Running::until(&to, all.len() + 1);
        }
        drop(reader);
    });
}

#[test]
fn a_reader_that_is_killed_does_no_harm_and_there_is_one_at_a_time() {
    Lab::run(|lab| {
        let dir = Dir::new("events-killed");
        attach(lab, "option events rate 1M/s\npass event udp\ndefault pass\n");
        let to = dir.path("first");
        let mut reader = Running::start(lab, &to);
        let sender = lab.sender();
        send(&sender, &frame(9, 0), 10);
        Running::until(&to, 10);
        let refused = lab.palisade(&["events", "--count", "1"]).failed(3);
        assert!(refused.contains("are being read"), "{refused}");
        // In the middle of a flood.
        send(&sender, &frame(9, 0), 500);
        reader.0.kill().expect("it lives");
        reader.0.wait().expect("it ends");
        send(&sender, &frame(10, 0), 500);
        until_counted(lab, 2, 1010);
        // What it had read and not printed is gone with it; all that came later is there.
        let later = |document: &&Value| document["dport"] == 10;
        let mut found = 0;
        while found < 500 {
            let rest = events(lab, 100);
            assert_eq!(rest.len(), 100);
            found += rest.iter().filter(later).count();
            // The last hundred may begin with what came before.
            if found > 400 {
                break;
            }
        }
    });
}

#[test]
fn one_of_so_many_is_exact_on_each_cpu() {
    Lab::run(|lab| {
        let cpus = std::thread::available_parallelism().expect("some").get();
        attach(lab, "option events rate 1M/s\npass event 1/10 udp\npass event tcp\ndefault pass\n");
        let sender = lab.sender();
        send(&sender, &frame(9, 0), 1000);
        until_counted(lab, 2, 1000);
        sender.send(&(eth() / ipv4() / tcp(1, 2)).build());
        until_counted(lab, 3, 1);
        let least = 100 - cpus;
        let seen = events(lab, least + 1);
        let sampled = seen.iter().filter(|document| document["line"] == 2).count();
        assert!((least..=100).contains(&sampled), "{sampled}");
    });
}

#[test]
fn a_reader_goes_on_under_another_policy() {
    Lab::run(|lab| {
        let dir = Dir::new("events-apply");
        attach(lab, "event udp\ndefault pass\n");
        let to = dir.path("seen");
        let _reader = Running::start(lab, &to);
        let sender = lab.sender();
        sender.send(&frame(9, 0));
        Running::until(&to, 1);
        apply(lab, "pass tcp\n\npass event udp dport 9\ndefault pass\n");
        sender.send(&frame(9, 0));
        let end = Instant::now() + PATIENCE;
        // The rows of the new policy are known with the next look at it.
        loop {
            sender.send(&frame(9, 0));
            let seen = Running::until(&to, 2);
            if seen.iter().any(|document| document["line"] == 3 && document["verdict"] == "pass") {
                break;
            }
            assert!(Instant::now() < end, "{seen:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        apply(lab, "default pass\n");
        let refused = lab.palisade(&["--policy-name", "main", "events"]).failed(2);
        assert!(refused.contains("reports nothing"), "{refused}");
    });
}

#[test]
fn a_capture_says_what_became_of_each_frame() {
    Lab::run(|lab| {
        let dir = Dir::new("events-pcap");
        attach(
            lab,
            "option events rate 1M/s\n\
             drop event snap 256 udp dport 9\n\
             pass event snap 30 udp\n\
             default pass\n",
        );
        let (dropped, passed) = (frame(9, 50), frame(10, 60));
        let sender = lab.sender();
        [&dropped, &passed].into_iter().for_each(|frame| sender.send(frame));
        until_counted(lab, 3, 1);
        let to = dir.path("events.pcapng");
        lab.palisade(&["events", "--count", "2", "--pcap", &to]).ok();
        let bytes = std::fs::read(&to).expect("it was written");
        let mut reader = Reader::new(bytes.as_slice()).expect("a capture");
        let mut read = Vec::new();
        while let Some(frame) = reader.next().expect("a sound capture") {
            read.push((frame.frame.to_vec(), frame.wire, frame.time.is_some()));
        }
        let wire = |frame: &[u8]| u32::try_from(frame.len()).expect("short");
        read.sort_by_key(|(_, wire, _)| *wire);
        let want =
            [(dropped.clone(), wire(&dropped), true), (passed[..30].to_vec(), wire(&passed), true)];
        assert_eq!(read, want);
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(holds(b"line 2: drop event snap 256 udp dport 9") && holds(NEAR.as_bytes()));
        // The option of the verdict: nine bytes, of XDP, the action.
        assert!(holds(&[7, 0, 9, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0]), "XDP_DROP");
        assert!(holds(&[7, 0, 9, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0]), "XDP_PASS");
        wireshark(&to);
    });
}

/// Wireshark's own reader, where it is installed, names the verdicts and the rules.
fn wireshark(capture: &str) {
    let mut command = Command::new("tshark");
    command.args(["-r", capture, "-V"]);
    let Ok(output) = command.output() else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("XDP_DROP") || text.contains("eBPF_XDP"), "{text}");
    assert!(text.contains("drop event snap 256 udp dport 9"), "{text}");
}
