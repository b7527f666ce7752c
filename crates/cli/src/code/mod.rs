//! Code as files hold it: text, hexadecimal digits, raw bytes, object files; read and printed.
//!
//! Everything is read and understood before a byte is printed, so that what is printed is whole.

mod print;
mod read;

pub use print::{instructions, map_json};
pub use read::{Code, Wanted, assemble, read};
