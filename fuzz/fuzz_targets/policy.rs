//! Texts as policies: `cargo fuzz run policy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::policy(bytes));
