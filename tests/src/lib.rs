//! The harness of Palisade's tests, and the tests that need more than one of its crates.
//!
//! Frames are data ([`packet`], [`odd`], [`near`]); [`engine`] puts them to compiled policies in the
//! kernel, [`interpreted`] without one; [`lab`] has interfaces to attach to. Whatever needs a
//! privilege is skipped without it, and says so ([`privilege`], [`skip`]); whoever leaves something
//! behind in the kernel fails ([`leak`]). What fuzz targets check is in [`fuzzed`].

#![forbid(unsafe_code)]

pub mod agree;
pub mod becomes;
pub mod border;
pub mod derived;
pub mod dir;
pub mod engine;
pub mod examples;
pub mod filled;
pub mod floor;
pub mod fuzzed;
pub mod hits;
pub mod interpreted;
pub mod judges;
pub mod lab;
pub mod leak;
pub mod limited;
pub mod mixed;
pub mod near;
pub mod nobody;
pub mod odd;
pub mod outcome;
pub mod packet;
pub mod privilege;
pub mod random;
pub mod rehearsed;
pub mod sets;
pub mod skip;
pub mod struck;
pub mod tables;
