//! The examples in the hands of the tool: an ordinary user checks them, lists go in from files, and
//! a web server talks through its policy with the stacks of two hosts.

use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use palisade_tests::examples::names;
use palisade_tests::lab::{FAR_ADDRESSES, Lab, NEAR};
use palisade_tests::nobody;
use palisade_tests::packet::{eth, udp};
use serde_json::{Value, json};

use crate::{Example, folder, from4, from6};

/// A copy of the examples where everybody can read them, gone with the value.
struct Copy(PathBuf);

impl Copy {
    fn new(what: &str) -> Self {
        let name = format!("palisade-examples-{what}-{}", std::process::id());
        let copy = Self(std::env::temp_dir().join(name));
        for sub in ["", "lists"] {
            let dir = copy.0.join(sub);
            fs::create_dir(&dir).expect("a directory can be made");
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("it is ours");
            for entry in fs::read_dir(folder().join(sub)).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_file() {
                    let bytes = fs::read(&path).expect("an example can be read");
                    let copy = dir.join(path.file_name().expect("a name"));
                    fs::write(&copy, bytes).expect("written");
                    let readable = fs::Permissions::from_mode(0o644);
                    fs::set_permissions(&copy, readable).expect("it is ours");
                }
            }
        }
        copy
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // A directory that stays is no failure of the test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_ordinary_user_checks_every_example_without_a_warning() {
    let copy = Copy::new("checked");
    for name in names() {
        let path = copy.path(&format!("{name}.pal"));
        let output = nobody::palisade(&["check", "-j", &path]).output().expect("the tool runs");
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{name}: {error}: {output:?}"));
        assert_eq!(output.status.code(), Some(0), "{name}: {document:#}");
        assert_eq!(document["ok"], json!(true), "{name}");
        assert_eq!(document["dead"], json!([]), "{name}");
        assert_eq!(document["warnings"], json!([]), "{name}");
        let Example { policy, .. } = Example::read(name);
        let all = |key: &str, count: usize| {
            let answers = document[key].as_array().expect("a list");
            assert_eq!(answers.len(), count, "{name}: {key}");
            assert!(answers.iter().all(|answer| answer["ok"] == json!(true)), "{answers:#?}");
        };
        all("expects", policy.expects().len());
        all("keeps", policy.keeps().len());
    }
}

#[test]
fn lists_go_in_from_their_files_and_go_on_as_these_do() {
    let says = |src: &str| (eth() / from4(src) / udp(4000, 9) / b"who am I?").build();
    let says6 = |src: &str| (eth() / from6(src) / udp(4000, 9) / b"who am I?").build();
    let frames = [
        says("198.51.100.71"),
        says6("2001:db8:bad::7"),
        says("203.0.113.77"),
        says("198.51.100.130"),
        says("203.0.113.1"),
        says("203.0.113.9"),
    ];
    let copy = Copy::new("applied");
    let policy = copy.path("feeds.pal");
    Lab::run(|lab| {
        lab.palisade(&["attach", NEAR, "-p", &policy]).ok();
        lab.palisade(&["add", "--set", "drop", "203.0.113.9"]).ok();
        assert_eq!(lab.through(&frames), [false, false, false, true, true, false]);

        let drop = copy.path("lists/drop.txt");
        fs::write(&drop, "198.51.100.128/25 ; SBL000002\n203.0.113.1 ; SBL000005\n")
            .expect("written");
        lab.palisade(&["apply", &policy]).ok();
        assert_eq!(lab.through(&frames), [true, false, false, true, false, false]);

        fs::write(&drop, "203.0.113.0/33 ; SBL000006\n").expect("written");
        let wrong = lab.palisade(&["apply", &policy]).failed(2);
        assert!(wrong.contains("drop.txt:1:"), "{wrong}");
        assert_eq!(lab.through(&frames), [true, false, false, true, false, false]);
    });
}

#[test]
fn a_web_server_serves_everybody_and_its_administrators() {
    let policy = folder().join("web-server.pal").display().to_string();
    Lab::run(|lab| {
        let listen = |port| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).expect("it is free");
        let _servers = [22, 80, 443, 8080].map(listen);
        lab.palisade(&["attach", NEAR, "-p", &policy]).ok();
        let guests = ["192.0.2.99", "2001:db8:0:1::99"].map(|address| lab.host(address));
        for guest in &guests {
            assert!(guest.connects(80));
            assert!(guest.connects(443));
            assert!(!guest.connects(22));
            assert!(!guest.connects(8080));
        }
        let admin = lab.host("192.0.2.10");
        assert!(admin.connects(22));
        lab.palisade(&["add", "192.0.2.99", "192.0.2.10", "--timeout", "1h"]).ok();
        assert!(!guests[0].connects(80), "blocked");
        assert!(guests[1].connects(80));
        assert!(admin.connects(22), "kept, whoever is blocked");

        // The server's own connections get their answers.
        let _mail = lab.in_far(|| listen(25));
        // The first two are in networks of the near end.
        for (address, _) in FAR_ADDRESSES.iter().take(2) {
            let mail = SocketAddr::new(*address, 25);
            TcpStream::connect_timeout(&mail, Duration::from_secs(5)).expect("an answer");
        }
    });
}
