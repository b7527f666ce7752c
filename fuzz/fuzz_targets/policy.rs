//! Texts as policies: `RUSTC_BOOTSTRAP=1 cargo fuzz run policy -- -dict=policy.dict`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::policy(bytes));
