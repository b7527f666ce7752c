//! The running policy: its pins, its sets, and how it is put in place.

pub mod before;
pub mod chain;
pub mod compiled;
pub mod contents;
pub mod delivery;
pub mod events;
pub mod exchange;
pub mod forwarding;
pub mod fronts;
pub mod grow;
pub mod guard;
pub mod home;
pub mod install;
pub mod look;
mod maps;
pub mod meta;
pub mod next;
pub mod object;
pub mod outlets;
pub mod pins;
pub mod publish;
pub mod reach;
pub mod recompiled;
pub mod repro;
pub mod set;
pub mod trial;
pub mod typed;
