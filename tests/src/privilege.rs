//! What a test needs of the machine, and what becomes of it where that is missing.
//!
//! With `PALISADE_TARGETS=best` in the environment the target nearest to what the tool uses stands for
//! all, where a machine is too slow for more. How a skip is said, and when it is a failure, is told by [`crate::skip`].

use std::sync::OnceLock;

use palisade_asm::Isa;
use palisade_filter::{Access, Buffers, ByteOrder, Target};
use palisade_loader::{Capabilities, Capability, Features, Support};

use crate::skip::must;
pub use crate::skip::{Feature, Found, Reason, leave_out, need, skip};

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
        static FOUND: OnceLock<Result<Kernel, Reason>> = OnceLock::new();
        match FOUND.get_or_init(Self::find) {
            Ok(kernel) => Some(kernel.clone()),
            Err(reason) => {
                skip(reason);
                None
            }
        }
    }

    fn find() -> Result<Self, Reason> {
        let features = Features::probe();
        let lacks = |name: &str, said: String| Reason::Right { name: name.to_owned(), said };
        let has = |support: Support| support == Support::Yes;
        if !has(features.packet_access) {
            let said = format!("programs cannot be loaded: {}", features.packet_access);
            return Err(lacks("CAP_BPF", said));
        }
        // Targets are left out because of a kernel's age alone.
        must(Feature::MULTI_BUFFER, Found::from(has(features.multi_buffer)));
        must(Feature::BUFF_LEN, Found::from(has(features.buff_len)));
        must(Feature::ISA_V4, Found::from(features.isa == Isa::V4));
        let trusted = Capabilities::current().is_ok_and(|held| held.has(Capability::Perfmon));
        assert!(!trusted || has(features.pointer_subtraction), "every kernel lets root subtract");
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
        if std::env::var_os("PALISADE_TARGETS").is_some_and(|value| value == "best") {
            let best = Self { targets: targets.clone() }.best();
            targets.retain(|target| *target == best);
        }
        if targets.is_empty() {
            Err(lacks("CAP_PERFMON", "no target can be loaded".to_owned()))
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
pub fn is_installed(tool: &'static str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|dirs| std::env::split_paths(&dirs).any(|dir| dir.join(tool).exists()));
    if !found {
        skip(&Reason::Tool(tool));
    }
    found
}
