//! What this machine offers to a program, found out by trying.

use std::sync::OnceLock;

use palisade_filter::plan::Control;
use palisade_filter::{Access, Buffers, ByteOrder, Mode, Target};
use palisade_loader::{self as loader, Features, Support, Ticks};

use crate::failure::{Failure, Outcome};

/// The features of this machine, probed once.
pub fn features() -> &'static Features {
    static FEATURES: OnceLock<Features> = OnceLock::new();
    FEATURES.get_or_init(Features::probe)
}

/// The target where no machine is asked: what Linux 5.18 and later offer to root. `check` goes by
/// it, so that its figures are the same everywhere.
pub const ASSUMED: Target = Target { buffers: Buffers::Multi, ..Target::FLOOR };

/// The target that policies are compiled for here.
pub fn target() -> Outcome<Target> {
    let features = features();
    if let Support::Unknown(errno) = features.packet_access {
        return Err(Failure::refused(format!("the kernel does not let this process load programs: {errno}"))
            .note("help", "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; `palisade doctor` tells which are missing"));
    }
    let access = match (features.pointer_subtraction, features.buff_len) {
        (Support::Yes, _) => Access::Pointers,
        (_, Support::Yes) => Access::Helpers,
        _ => {
            return Err(Failure::refused("the program cannot get at the headers of packets here")
                .note("help", "before Linux 5.18 that takes CAP_PERFMON"));
        }
    };
    Ok(Target { isa: features.isa, order: ByteOrder::HOST, buffers: multi(features), access })
}

/// What a policy is compiled for, in words.
pub fn target_text(target: Target) -> String {
    let buffers = match target.buffers {
        Buffers::Single => "one buffer",
        Buffers::Multi => "one or several buffers",
    };
    let access = match target.access {
        Access::Pointers => "by pointers",
        Access::Helpers => "by helpers",
    };
    format!("{}, frames in {buffers}, packets read {access}", target.isa)
}

fn multi(features: &Features) -> Buffers {
    match (features.multi_buffer, features.buff_len) {
        (Support::Yes, Support::Yes) => Buffers::Multi,
        _ => Buffers::Single,
    }
}

/// How the program has to be loaded for [`target`].
pub fn buffers() -> loader::Buffers {
    loaded_for(multi(features()))
}

/// How a program has to be loaded that is compiled for such frames.
pub fn loaded_for(buffers: Buffers) -> loader::Buffers {
    match buffers {
        Buffers::Single => loader::Buffers::Single,
        Buffers::Multi => loader::Buffers::Multi,
    }
}

/// What a program is told here: a mode, and how ticks become a time.
pub fn control(mode: Mode) -> Outcome<Control> {
    let Ticks { first, length } = Ticks::measure()?;
    Ok(Control { mode: mode.code().into(), first_tick: first, tick: length })
}
