//! The tool as somebody without any right runs it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::Uid;

use crate::lab::binary;

/// The user and group `nobody`, by the number that every distribution gives it.
const NOBODY: u32 = 65534;

/// The tool with arguments, run by `nobody`; by the caller, who is an ordinary user already, where
/// only root could change that.
pub fn palisade(args: &[&str]) -> Command {
    let mut command = if Uid::effective().is_root() {
        let mut command = Command::new(format!("/proc/self/fd/{}", tool().as_raw_fd()));
        command.uid(NOBODY).gid(NOBODY);
        command
    } else {
        Command::new(binary())
    };
    command.args(args).env_remove("PALISADE_BPFFS");
    command
}

/// The tool, opened for every child to inherit: its directory may be one that `nobody` cannot
/// enter.
fn tool() -> &'static OwnedFd {
    static TOOL: OnceLock<OwnedFd> = OnceLock::new();
    TOOL.get_or_init(|| open(binary(), OFlag::O_PATH, Mode::empty()).expect("the tool is there"))
}
