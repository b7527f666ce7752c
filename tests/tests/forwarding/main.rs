//! Packets that are sent on to others than they came for: what comes out, by all judges, and what
//! stacks make of it.

mod balance;
mod route;
mod tunnel;
mod wire;
