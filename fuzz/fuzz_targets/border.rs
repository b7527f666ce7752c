//! Programs near the border of what a verifier accepts, chosen by bytes:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run border`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::border(bytes));
