//! Another policy in the place of the one in force: at once or on trial, with its lists, unless it
//! would cut its author off, and back again.

mod beside;
mod contents;
mod guard;
mod killed;
mod refused;
mod shown;
mod traffic;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use palisade_tests::lab::{Lab, NEAR, Output};
use palisade_tests::packet::{eth, ipv4, udp};
use serde_json::Value;

/// A frame from an address to a UDP port.
fn frame(src: &str, port: u16) -> Vec<u8> {
    (eth() / ipv4().src(src) / udp(4000, port) / b"judge me").build()
}

/// A directory of its own for the files of a test, gone with it.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("apply-{}-{number}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&dir).expect("the target directory can be written");
        Self(dir)
    }

    /// The path of a file, which is written.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), text).expect("written");
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().expect("a path in UTF-8")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("removed");
    }
}

fn attach(lab: &Lab, text: &str) {
    lab.palisade_with(&["attach", NEAR, "-p", "-"], text).ok();
}

fn apply(lab: &Lab, text: &str) -> Output {
    lab.palisade_with(&["apply", "-"], text)
}

fn apply_on_trial(lab: &Lab, time: &str, text: &str) -> Output {
    lab.palisade_with(&["apply", "-", "--confirm", time], text)
}

fn status(lab: &Lab) -> Value {
    lab.palisade(&["-j", "status"]).json()
}

/// Whether frames from the far end get through, to each of the ports.
fn passes<const N: usize>(lab: &Lab, ports: [u16; N]) -> [bool; N] {
    let frames = ports.map(|port| frame("203.0.113.8", port));
    lab.through(&frames).try_into().expect("an answer for each")
}

/// Every pin of the lab's policies.
fn pins() -> Vec<String> {
    fn walk(dir: &Path, all: &mut Vec<String>) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            all.push(path.display().to_string());
            if path.is_dir() {
                walk(&path, all);
            }
        }
    }
    let mut all = Vec::new();
    walk(Path::new(palisade_tests::lab::BPFFS), &mut all);
    // The directory of all policies may stay, empty, for the next policy.
    all.retain(|path| path.contains("/palisade/"));
    all.sort();
    all
}
