//! The commands, one file each.

pub mod apply;
pub mod asm;
pub mod attach;
pub mod attest;
pub mod check;
pub mod confirm;
pub mod detach;
pub mod diff;
pub mod disasm;
pub mod doctor;
pub mod dump;
pub mod edit;
pub mod exec;
pub mod flush;
pub mod get;
pub mod import;
pub mod list;
pub mod load;
pub mod manual;
pub mod mode;
pub mod replay;
pub mod rollback;
pub mod stats;
pub mod status;
pub mod trial;
pub mod verified;
