//! Captures, pcap and pcapng: `RUSTC_BOOTSTRAP=1 cargo fuzz run capture`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzzed::capture(bytes));
