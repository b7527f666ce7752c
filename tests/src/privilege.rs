//! What a test needs of the machine, and what becomes of it where that is missing.
//!
//! A skipped test says so on stderr, with the reason. With `PALISADE_KERNEL=require` in the
//! environment nothing is skipped: what is missing is a failure then.

use std::fmt::Display;
use std::io::Write;
use std::panic::Location;
use std::sync::OnceLock;

use palisade_asm::Isa;
use palisade_filter::{Access, Buffers, ByteOrder, Target};
use palisade_loader::{Features, Support};

/// Proof that this process may load programs, and what the kernel takes.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Every target whose programs it loads: frames in one buffer before those in several, the
    /// length from pointers before the length from the helper.
    pub targets: Vec<Target>,
}

impl Kernel {
    /// The running kernel; `None` when the test is to be skipped.
    #[track_caller]
    pub fn or_skip() -> Option<Self> {
        static FOUND: OnceLock<Result<Kernel, String>> = OnceLock::new();
        match FOUND.get_or_init(Self::find) {
            Ok(kernel) => Some(kernel.clone()),
            Err(reason) => {
                skip(reason);
                None
            }
        }
    }

    fn find() -> Result<Self, String> {
        let features = Features::probe();
        if features.packet_access != Support::Yes {
            return Err(format!("programs cannot be loaded: {}", features.packet_access));
        }
        let has = |support: Support| support == Support::Yes;
        let mut targets = Vec::new();
        for buffers in [Buffers::Single, Buffers::Multi] {
            for access in [Access::Pointers, Access::Helpers] {
                let asks = access == Access::Helpers || buffers == Buffers::Multi;
                if (buffers == Buffers::Multi && !has(features.multi_buffer))
                    || (access == Access::Pointers && !has(features.pointer_subtraction))
                    || (asks && !has(features.buff_len))
                {
                    continue;
                }
                // The oldest set on the oldest shape, so that both ends are loaded.
                let oldest = (buffers, access) == (Buffers::Single, Access::Pointers);
                let isa = if oldest { Isa::V3.min(features.isa) } else { features.isa };
                targets.push(Target { isa, order: ByteOrder::HOST, buffers, access });
            }
        }
        if targets.is_empty() {
            Err("no target can be loaded".to_owned())
        } else {
            Ok(Self { targets })
        }
    }

    /// The target nearest to what the tool uses here.
    pub fn best(&self) -> Target {
        let rank = |t: &&Target| (t.buffers == Buffers::Multi, t.access == Access::Pointers);
        *self.targets.iter().max_by_key(rank).expect("there is one")
    }

    /// The least and the best target: what most tests are run on, as verifying is what costs time.
    pub fn two(&self) -> Vec<Target> {
        let (least, best) = (self.targets[0], self.best());
        if least == best { vec![best] } else { vec![least, best] }
    }

    /// The targets that take frames in several buffers.
    pub fn multi(&self) -> impl Iterator<Item = Target> {
        self.targets.iter().copied().filter(|target| target.buffers == Buffers::Multi)
    }
}

/// Whether a tool of others is installed; says that the calling test is skipped where it is not.
#[track_caller]
pub fn is_installed(tool: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|dirs| std::env::split_paths(&dirs).any(|dir| dir.join(tool).exists()));
    if !found {
        skip(&format!("{tool} is not installed"));
    }
    found
}

/// Says on stderr that the calling test is skipped, or fails where nothing may be.
#[track_caller]
pub fn skip(reason: &dyn Display) {
    let thread = std::thread::current();
    // Run one at a time, tests have no thread of their own: their place must do.
    let test = match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => Location::caller().to_string(),
    };
    if std::env::var_os("PALISADE_KERNEL").is_some_and(|value| value == "require") {
        panic!("{test} may not be skipped: {reason}");
    }
    // Not `eprintln!`, which the test harness keeps to itself when a test passes.
    writeln!(std::io::stderr(), "skipped: {test}: {reason}").expect("stderr takes it");
}
