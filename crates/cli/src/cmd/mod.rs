//! The commands, one file each.

pub mod attach;
pub mod detach;
pub mod doctor;
pub mod edit;
pub mod flush;
pub mod get;
pub mod import;
pub mod list;
pub mod manual;
pub mod mode;
pub mod stats;
pub mod status;
pub mod trial;
