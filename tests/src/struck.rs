//! What befalls the tool at a system call: a kill, or an error in the call's place.
//!
//! The tool is run once to learn by which calls it changes anything outside itself; then again and
//! again, struck at one of them after the other. Both take `strace`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::lab::{BPFFS, Lab};
use crate::privilege::{self, Reason};

/// The tool dies at the entry of the call.
pub const KILL: &str = "signal=SIGKILL";
/// The call is not made, and answers with an error.
pub const FAIL: &str = "error=ENOMEM";

/// The calls by which the tool may change anything outside itself.
const CHANGES: &str =
    "bpf,sendto,sendmsg,renameat,renameat2,unlinkat,mkdirat,fchmod,fchmodat,fchownat";

/// A call of the tool: its name, and which of its calls by that name it is, from 1.
pub type Point = (String, usize);

/// A way to run the tool under strace; says that the test is skipped where there is none.
#[track_caller]
pub fn strace<'a>(
    lab: &'a Lab,
    args: &'a [&'a str],
) -> Option<impl FnMut(&[&str]) -> Command + use<'a>> {
    let there = Command::new("strace").arg("-V").output().is_ok_and(|o| o.status.success());
    if !there {
        privilege::skip(&Reason::Tool("strace"));
        return None;
    }
    Some(move |options: &[&str]| {
        let tool = lab.command(args);
        let mut command = Command::new("strace");
        command.args(["-qq", "-e", "signal=none", "-o", "/dev/null"]).args(options);
        command.arg(tool.get_program()).args(tool.get_args());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    })
}

/// Runs the tool once and tells which of its calls change something outside: a kill at any other
/// call leaves what a kill at the next of these does.
pub fn points(lab: &Lab, args: &[&str]) -> Vec<Point> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("{}-{number}.trace", std::process::id()));
    let Some(mut command) = strace(lab, args) else { return Vec::new() };
    let trace = path.to_str().expect("a path in UTF-8");
    let status = command(&["-e", &format!("trace={CHANGES}"), "-o", trace]).status();
    assert!(status.expect("strace starts").success(), "{args:?}");
    let text = fs::read_to_string(&path).expect("a trace");
    fs::remove_file(&path).expect("removed");
    let mut counts = BTreeMap::new();
    let mut points = Vec::new();
    for line in text.lines() {
        let (name, rest) = line.split_once('(').expect("a call");
        let count = counts.entry(name).or_insert(0);
        *count += 1;
        let inside = name == "bpf" && !rest.starts_with("BPF_OBJ_PIN");
        if !inside && !rest.contains("RTM_GETLINK") {
            points.push((name.to_owned(), *count));
        }
    }
    points
}

/// Runs the tool, and something befalls it at a call; the exit code, unless a signal ended it.
pub fn struck(lab: &Lab, args: &[&str], fault: &str, at: &Point) -> Option<i32> {
    let mut command = strace(lab, args)?;
    let (name, count) = at;
    let inject = format!("inject={name}:{fault}:when={count}");
    let status = command(&["-e", &format!("trace={name}"), "-e", &inject]).status();
    let status = status.expect("strace starts");
    assert!(fault != KILL || !status.success(), "{at:?} is made");
    status.code()
}

/// Everything in the lab's bpffs: path, permissions, owner.
pub fn tree() -> BTreeSet<String> {
    fn walk(dir: &Path, all: &mut Vec<String>) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("what it is");
            let (mode, uid, gid) = (meta.mode(), meta.uid(), meta.gid());
            all.push(format!("{} {mode:o} {uid}:{gid}", path.display()));
            if meta.is_dir() {
                walk(&path, all);
            }
        }
    }
    let mut all = Vec::new();
    walk(Path::new(BPFFS), &mut all);
    // The directory of all policies may stay, empty, for the next policy.
    all.retain(|line| line.contains("/palisade/"));
    all.into_iter().collect()
}
