//! The offline verifier held against the kernel: what it accepts, the kernel accepts; and as a command.

mod commands;
mod kernel;
mod own;
