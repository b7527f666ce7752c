//! Policies and frames chosen by bytes: `RUSTC_BOOTSTRAP=1 cargo fuzz run verdict`, as root to ask
//! the kernel too.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::verdict(bytes));
