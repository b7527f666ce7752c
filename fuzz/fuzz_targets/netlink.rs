//! Answers of the routing family: `RUSTC_BOOTSTRAP=1 cargo fuzz run netlink`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::netlink(bytes));
