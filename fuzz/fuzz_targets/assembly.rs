//! Texts of programs: `RUSTC_BOOTSTRAP=1 cargo fuzz run assembly -- -dict=assembly.dict`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::assembly(bytes));
