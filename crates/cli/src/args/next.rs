//! What can be typed after `next`.

use clap::{Args, Subcommand};

use crate::running::next::Named;

/// `next`.
#[derive(Args, Debug)]
pub struct Next {
    /// What to do; without it, what comes behind the policy is shown
    #[command(subcommand)]
    pub action: Option<NextAction>,
}

/// What to do about the program behind the policy.
#[derive(Subcommand, Debug)]
pub enum NextAction {
    /// Hand what passes on to that XDP program, in the place of the one that gets it now
    ///
    /// A policy that has a slot gets it by one store. One that has none is compiled again with a slot
    /// and exchanged, without a gap, as `apply` does it.
    Set {
        /// The pin of the program, such as /sys/fs/bpf/lb; `none` is what `clear` does, but makes a slot where there is none
        #[arg(value_name = "PIN")]
        pin: Named,
        /// Load the policy for frames in one buffer, as programs without `xdp.frags` are; drivers refuse that on interfaces with a large MTU
        #[arg(long)]
        one_buffer: bool,
    },
    /// Hand what passes to the stack; the slot stays, empty, unless it is to go
    Clear {
        /// Take the slot out of the program as well, by an exchange of programs
        #[arg(long)]
        slot: bool,
    },
}
