//! Somebody else's object files: compiled by clang, loaded and attached like a policy's program and
//! never taken for one; and files that no compiler wrote, each of which is refused.

mod chosen;
mod hostile;
mod loaded;
mod names;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use palisade_loader::foreign::{self, ForeignError, KERNEL_TYPES, KernelTypes, Object};
use palisade_loader::{MapHandle, PinDir};
use palisade_tests::lab::BPFFS;
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::{self, Reason};

/// An object in a directory of its own, gone with it.
struct Compiled(PathBuf);

impl Compiled {
    fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.0).expect("an object")
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        let dir = self.0.parent().expect("it lies in a directory");
        fs::remove_dir_all(dir).expect("removed");
    }
}

/// A file beside this one, or of an absolute path, compiled; none where the test is to be skipped, for there is no clang.
#[track_caller]
fn compiled(source: &str, more: &[&str]) -> Option<Compiled> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = format!("foreign-{}-{number}", std::process::id());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(dir);
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
    fs::create_dir(&dir).expect("the target directory can be written");
    let name = Path::new(source).file_name().expect("the name of a file");
    let object = dir.join(name).with_extension("o");
    let compiled = Compiled(object.clone());
    let mut clang = Command::new("clang");
    clang.args(["-O2", "-g", "-Wall", "-Werror", "-Wno-unused"]).args(more);
    if !more.contains(&"-target") {
        clang.args(["-target", "bpf", "-mcpu=v3"]);
    }
    clang.arg("-c").arg(here.join(source)).arg("-o").arg(&object);
    match clang.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "clang {source} {more:?}: {said}");
            Some(compiled)
        }
        Err(_) => {
            privilege::skip(&Reason::Tool("clang"));
            None
        }
    }
}

/// Reads an object, by the types of the running kernel.
fn read(bytes: &[u8], section: Option<&str>) -> Result<Object, ForeignError> {
    let ask = || fs::read(KERNEL_TYPES);
    foreign::read(bytes, section, KernelTypes::In(&ask))
}

/// The directory of a loaded object's pins.
fn pins(name: &str) -> PinDir {
    let root = PinDir::open_root(BPFFS.as_ref()).expect("a bpffs");
    let home = root.subdir("palisade").expect("it can be opened").expect("something is loaded");
    home.subdir(name).expect("it can be opened").expect("it is loaded")
}

/// A map of a loaded object.
fn map(name: &str, map: &str) -> MapHandle {
    let maps = pins(name).subdir("maps").expect("it can be opened").expect("it has maps");
    MapHandle::open(&maps, map).expect("it is a map")
}

/// The value of the first key of a map.
fn first(handle: &MapHandle) -> Vec<u8> {
    handle.read(&[0; 4]).expect("it can be read").expect("an array has all its keys")
}

/// A frame to a UDP port.
fn to_port(port: u16) -> Vec<u8> {
    (eth() / ipv4() / udp(4000, port) / b"judge me").build()
}
