//! The forms of the language, each held against packets, and the two readings of the language held
//! against each other.
//!
//! [`table`] has a row for every form, with the five cases of each; [`shapes`] knows which forms
//! there are. [`alike`] puts policies and frames by chance to the kernel and to the oracle;
//! [`tables`] looks into long lists, [`hits`] at what entries count, [`properties`] at what the
//! planner may not change. [`wire`] is for what no test run shows.

mod alike;
mod hits;
mod properties;
mod shapes;
mod table;
mod tables;
mod wire;
