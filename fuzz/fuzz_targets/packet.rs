//! Frames of any bytes under fixed policies: `RUSTC_BOOTSTRAP=1 cargo fuzz run packet`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::packet(bytes));
