//! What a kernel shows of our programs: `RUSTC_BOOTSTRAP=1 cargo fuzz run translated`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::translated(bytes));
