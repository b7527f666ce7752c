//! Programs that another one goes on with: the slots of an array of programs.
//!
//! The kernel takes a program only if it gets frames in the same way as those that use the array:
//! all of them may lie in several buffers, or none. It empties an array when the last descriptor or
//! pin of it goes, whatever programs still use it: who relies on one has it pinned.

use std::os::fd::{AsFd, AsRawFd};

use crate::map::{MapError, MapHandle};
use crate::program::Program;
use crate::sys::Update;

impl MapHandle {
    /// Puts a program into a slot of this array of programs, where `bpf_tail_call` finds it.
    #[doc(alias = "BPF_MAP_TYPE_PROG_ARRAY")]
    pub fn set_program(&self, slot: u32, program: &Program) -> Result<(), MapError> {
        let (key, value) = (slot.to_ne_bytes(), program.as_fd().as_raw_fd().to_ne_bytes());
        self.map().update(&key, &value, Update::Any).map_err(|errno| self.not_written(errno))
    }
}
