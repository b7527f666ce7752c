//! Object files of other compilers: `RUSTC_BOOTSTRAP=1 cargo fuzz run object`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::object(bytes));
