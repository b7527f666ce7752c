//! Texts of programs and code of any origin: `RUSTC_BOOTSTRAP=1 cargo fuzz run assembly`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::assembly(bytes));
