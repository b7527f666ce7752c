//! Code of any origin: `RUSTC_BOOTSTRAP=1 cargo fuzz run code`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::code(bytes));
