//! Logs of the verifier: `RUSTC_BOOTSTRAP=1 cargo fuzz run log -- -dict=log.dict`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::log(bytes));
