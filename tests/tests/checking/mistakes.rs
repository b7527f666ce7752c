//! Bad input: each kind is refused with its place, or means what the manual says; nothing of it is
//! ever taken for "pass all".

use std::fs::File;
use std::os::unix::fs::FileTypeExt;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{Dir, check, check_json, exists, ordinary};

#[test]
fn a_text_without_statements_is_no_policy() {
    for text in ["", "\n", " \t\n\n", "# a comment\n", "\u{feff}", "\u{feff}# a comment"] {
        let said = check(text).failed(2);
        assert!(said.contains("standard input:"), "{text:?}: {said}");
        assert!(said.contains("default"), "{text:?}: {said}");
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    let text = "set block net\ndrop src in block \\\n  udp\ndefault pass\n";
    let plain = check(text).ok();
    assert_eq!(check(text.replace('\n', "\r\n")).ok(), plain);
    assert_eq!(check(format!("\u{feff}{text}")).ok(), plain);
    assert_eq!(check(text.trim_end()).ok(), plain);
    // A mistake behind the mark is where an editor shows it.
    let said = check("\u{feff}dorp udp\r\ndefault pass\r\n").failed(2);
    assert!(said.contains("standard input:1:1") && said.contains("`drop`"), "{said}");
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let said = check(b"default pass\ndrop \xff\n").failed(2);
    assert!(said.contains("UTF-8") && said.contains("standard input:2:6"), "{said}");
    let said = check("default\0pass\n").failed(2);
    assert!(said.contains("NUL") && said.contains("standard input:1:8"), "{said}");
    let said = check("drop \u{1b}[31m udp\ndefault pass\n").failed(2);
    assert!(!said.contains('\u{1b}') && said.contains("standard input:1:6"), "{said:?}");
}

#[test]
fn values_that_are_none_are_refused_where_they_stand() {
    for value in [
        "drop src 1.2.3.4/33",
        "drop src 1.2.3.4/-1",
        "drop src 1.2.3",
        "drop src 256.0.0.1",
        "drop src 0/0",
        "drop src ::1/129",
        "drop src 10.0.0.2-10.0.0.1",
        "drop src 10.0.0.1-::1",
        "drop tcp dport 65536",
        "drop tcp dport -1",
        "drop tcp dport 90-80",
        "drop tcp dport http",
        "drop proto 256",
        "drop vlan 4095",
        "drop ethertype 0x8100",
        "drop ethertype 0x5ff",
        "drop flags syn,!syn",
        "drop flags sin",
        "drop ether src 02:00:00:00:00",
        "drop icmp type 256",
        "drop src in nowhere",
        "drop src nowhere",
        "drop nowhere",
        "drop src in ports",
        "drop service in block",
        "drop ether src in block",
        "drop udp tcp",
        "drop arp dport 1",
        "drop (udp",
        "drop udp)",
        "drop udp or tcp",
        "keep",
        "expect drop from 10.0.0.1 to ::1",
    ] {
        let text = format!("set block net\nset ports service\n{value}\ndefault pass\n");
        let output = check(text);
        let said = &output.stderr;
        assert_eq!(output.code, Some(2), "{value}: {said}");
        assert!(said.contains("standard input:3:"), "{value}: {said}");
        assert!(said.contains('^'), "{value}: {said}");
    }
}

#[test]
fn values_at_the_edge_mean_what_the_manual_says() {
    for value in ["drop src 0.0.0.0/0", "drop src ::/0", "drop udp dport 0", "drop dport 0-65535"] {
        check(format!("{value}\ndefault pass\n")).ok();
    }
    check("drop src ::ffff:192.0.2.1\nexpect drop from ::ffff:192.0.2.1\nexpect pass from 192.0.2.1\ndefault pass\n").ok();
}

#[test]
fn all_mistakes_of_a_text_are_told_at_once_with_what_was_meant() {
    let text = "set block nets\nkep arp\ndrop sorce in block\ndefault pass\ndefault drop\n";
    let said = check(text).failed(2);
    for place in ["1:11", "2:1", "3:6", "5:1"] {
        assert!(said.contains(&format!("standard input:{place}")), "{place}: {said}");
    }
    assert!(said.contains("did you mean `keep`?"), "{said}");
    let (code, document) = check_json(text);
    assert_eq!((code, &document["ok"]), (Some(2), &false.into()));
    let errors = document["errors"].as_array().expect("a list");
    let places: Vec<(u64, u64)> = errors
        .iter()
        .map(|error| (error["line"].as_u64().unwrap(), error["column"].as_u64().unwrap()))
        .collect();
    for place in [(1, 11), (2, 1), (3, 6), (5, 1)] {
        assert!(places.contains(&place), "{place:?}: {document}");
    }
}

#[test]
fn what_is_no_file_is_refused_by_what_it_is() {
    let dir = Dir::new("no-file");
    let fifo = dir.path("fifo");
    mkfifo(fifo.as_str(), Mode::from_bits_truncate(0o644)).expect("a pipe");
    let sparse = dir.path("sparse");
    File::create(&sparse).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    let here = dir.path("");
    for (path, wanted) in [
        (fifo.as_str(), "a pipe"),
        (&sparse, "longer than"),
        (&here, "a directory"),
        ("/dev/zero", "a device"),
        ("/nowhere/at/all", "ENOENT"),
    ] {
        for command in [&["check"] as &[&str], &["dump", "-p"], &["diff"]] {
            let args = [command, &[path]].concat();
            let said = ordinary(&args, "").failed(2);
            assert!(said.contains(wanted), "{args:?}: {said}");
        }
    }
    assert!(std::fs::metadata(&fifo).expect("it is there").file_type().is_fifo());
}

#[test]
fn lists_that_cannot_be_read_are_told_where_the_policy_names_them() {
    let dir = Dir::new("lists");
    mkfifo(dir.path("fifo").as_str(), Mode::from_bits_truncate(0o644)).expect("a pipe");
    dir.write("services.txt", "tcp/80\n");
    dir.write("bad.txt", "10.0.0.1\n10.0.0.256\n");
    dir.write("good.txt", "10.0.0.1\n10.0.0.0/8\n");
    for (file, wanted) in [
        ("none.txt", "ENOENT"),
        (".", "a directory"),
        ("fifo", "a pipe"),
        ("/dev/zero", "a device"),
        ("services.txt", "tcp/80"),
    ] {
        let text =
            format!("set block net {{ file \"{file}\" }}\ndrop src in block\ndefault pass\n");
        let path = dir.write("policy.pal", text);
        let said = ordinary(&["check", &path], "").failed(2);
        assert!(said.contains(wanted), "{file}: {said}");
        assert!(said.contains(&format!("{path}:1:22")), "{file}: {said}");
    }
    let text = |file: &str| {
        format!(
            "set block net {{ file \"{file}\" }}\ndrop src in block\nexpect drop from 10.1.1.1\ndefault pass\n"
        )
    };
    let path = dir.write("policy.pal", text("bad.txt"));
    let said = ordinary(&["check", &path], "").failed(2);
    assert!(said.contains("bad.txt:2:1"), "{said}");
    let path = dir.write("policy.pal", text("good.txt"));
    ordinary(&["check", &path], "").ok();
    assert!(exists(&path));
}
