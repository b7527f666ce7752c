//! The running policy: its pins, its sets, and how it is put in place.

pub mod exchange;
pub mod home;
pub mod install;
pub mod meta;
pub mod publish;
pub mod set;
