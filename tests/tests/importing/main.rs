//! `import` and `export`: every format goes to the sets it means, all of it or nothing, and what is
//! exported comes back as it was.

mod formats;
mod identity;
mod refused;
mod whole;

use std::fs;
use std::path::PathBuf;

use palisade_tests::lab::Lab;
use palisade_tests::packet::{eth, ipv4, udp};

/// A file for a test to import, written below the target directory.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("importing");
    fs::create_dir_all(&dir).expect("the target directory can be written");
    let path = dir.join(name);
    fs::write(&path, content).expect("the target directory can be written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// All items of both sets of the built-in policy that imports go to, in order.
fn items(lab: &Lab) -> Vec<String> {
    let mut items = [lab.items("block"), lab.items("ports")].concat();
    items.sort();
    items
}

fn sorted<S: AsRef<str>>(items: &[S]) -> Vec<String> {
    let mut items: Vec<String> = items.iter().map(|item| item.as_ref().to_owned()).collect();
    items.sort();
    items
}

fn from4(address: &str, port: u16) -> Vec<u8> {
    (eth() / ipv4().src(address) / udp(4000, port)).build()
}
