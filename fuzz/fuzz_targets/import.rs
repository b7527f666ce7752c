//! Files to import, the first byte choosing the format: `RUSTC_BOOTSTRAP=1 cargo fuzz run import`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::import(bytes));
