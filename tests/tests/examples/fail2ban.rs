//! fail2ban.conf bans and takes bans back as fail2ban would have it, however often it asks.

use std::fs;
use std::process::Command;

use palisade_tests::lab::{Lab, NEAR, Output, binary};
use palisade_tests::packet::{eth, udp};

use crate::{folder, from4, from6};

/// The commands of the action.
struct Action(String);

impl Action {
    fn read() -> Self {
        Self(fs::read_to_string(folder().join("fail2ban.conf")).expect("an example can be read"))
    }

    /// The value of a key with its further lines, which begin with a blank. What follows a blank and a
    /// semicolon is a comment there, on every line.
    fn value(&self, key: &str) -> String {
        let mut lines = self.0.lines().skip_while(|line| line.split(" =").next() != Some(key));
        let first = lines.next().and_then(|line| line.split_once('=')).expect("the key is there").1;
        let more = lines.take_while(|line| line.starts_with(' '));
        let lines = [first].into_iter().chain(more);
        let plain = lines.map(|line| line.split(" ;").next().unwrap_or_default());
        plain.collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// Runs what a key says, as fail2ban does: tags are replaced, then the shell is asked.
    fn run(&self, key: &str, ip: &str, bantime: &str) -> Output {
        let tags =
            [("<set>", self.value("set")), ("<ip>", ip.into()), ("<bantime>", bantime.into())];
        let text = tags.iter().fold(self.value(key), |text, (tag, value)| text.replace(tag, value));
        let tool = binary().parent().expect("it lies in a directory").display().to_string();
        let path = std::env::var("PATH").expect("there is one");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &text])
            .env("PATH", format!("{tool}:{path}"))
            .env_remove("PALISADE_BPFFS");
        Output::of(&mut shell, b"")
    }
}

#[test]
fn fail2ban_bans_for_a_time_or_for_good_and_asks_as_often_as_it_likes() {
    let action = Action::read();
    let says = [
        (eth() / from4("198.51.100.77") / udp(4000, 22) / b"let me in").build(),
        (eth() / from6("2001:db8:bad::7") / udp(4000, 22) / b"let me in").build(),
    ];
    Lab::run(|lab| {
        action.run("actioncheck", "", "").failed(2);
        lab.palisade(&["attach", NEAR]).ok();
        action.run("actionstart", "", "").ok();
        action.run("actioncheck", "", "").ok();
        assert_eq!(lab.through(&says), [true, true]);
        for _ in 0..2 {
            action.run("actionban", "198.51.100.77", "600").ok();
            action.run("actionban", "2001:db8:bad::7", "-1").ok();
            assert_eq!(lab.through(&says), [false, false]);
        }
        let listed = lab.palisade(&["list", "-j"]).json().to_string();
        assert!(listed.contains("198.51.100.77") && listed.contains("2001:db8:bad::7"), "{listed}");
        for _ in 0..2 {
            action.run("actionunban", "198.51.100.77", "600").ok();
            assert_eq!(lab.through(&says), [true, false]);
        }
        action.run("actionban", "no address", "600").failed(2);
        action.run("actionunban", "no address", "600").failed(1);
    });
}
