//! What the kernel complains of in its log while tests run.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// The log behind the last record that was looked at; none where it may not be read.
static LOG: Mutex<Option<File>> = Mutex::new(None);

/// Larger than any record.
const RECORD: usize = 8192;

/// Looks at nothing that was written before.
pub(super) fn begin() {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    if log.is_none() {
        *log = open().and_then(|mut file| file.seek(SeekFrom::End(0)).ok().map(|_| file));
    }
}

fn open() -> Option<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open("/dev/kmsg").ok()
}

/// Complaints since the last call, or since the beginning.
pub(super) fn complaints() -> Vec<String> {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.as_mut().map(read_on).unwrap_or_default()
}

/// Complaints in all of the log.
pub(super) fn all_complaints() -> Vec<String> {
    open().as_mut().map(read_on).unwrap_or_default()
}

/// Reads to the end. A record that was overwritten before it was read is an error that the next
/// read has passed.
fn read_on(log: &mut File) -> Vec<String> {
    let mut found = Vec::new();
    let mut record = [0; RECORD];
    let mut lost = 0;
    while lost < 10 {
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(len) => {
                let text = String::from_utf8_lossy(&record[..len]);
                found.extend(
                    text.lines().next().filter(|line| is_complaint(line)).map(str::to_owned),
                );
            }
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => lost += 1,
            Err(_) => break,
        }
    }
    found
}

/// Whether the kernel says that something is wrong with it. A CPU that stood still is the
/// hypervisor's doing on a shared machine, and is none.
fn is_complaint(line: &str) -> bool {
    let marks = ["BUG:", "WARNING:", "Oops", "general protection fault", "refcount_t:"];
    marks.iter().any(|mark| line.contains(mark)) && !line.contains("soft lockup")
}

#[test]
fn a_complaint_is_told_from_what_the_kernel_says_else() {
    for line in [
        "4,1200,7,-;WARNING: CPU: 1 PID: 7 at net/core/dev.c:1 netif_rx+0x1",
        "1,1201,7,-;BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "4,1202,7,-;Oops: general protection fault, probably for non-canonical address",
        "4,1203,7,-;refcount_t: underflow; use-after-free.",
    ] {
        assert!(is_complaint(line), "{line}");
    }
    for line in [
        "6,1204,7,-;pal0: renamed from veth0",
        "4,1205,7,-;watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
        "6,1206,7,-;TCP: request_sock_TCP: Possible SYN flooding on port [::]:80.",
    ] {
        assert!(!is_complaint(line), "{line}");
    }
}
