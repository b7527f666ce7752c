//! How fast programs become text and text becomes programs: instructions a second on one core.
//!
//! The program is that of a long policy of rules of every sort, as it would be loaded: labels,
//! notes, maps and the islands of far jumps are those of a real filter. Each way goes from what a
//! file holds to what a file holds: bytes to program to listing, listing to program to bytes.
//!
//! Run as anybody: `cargo bench -p palisade-tests --bench assembler`.

use std::hint::black_box;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use palisade_asm::{ByteOrder, Image, RawInsn, SLOT_BYTES, decode_image, parse};
use palisade_filter::{Target, compile};
use palisade_tests::mixed::mixed;

/// Rules of the policy, nearly as many as one may have: some seventy thousand instructions.
const RULES: usize = 3_800;
const ROUNDS: usize = 9;

fn main() {
    let policy = palisade_filter::parse(&mixed(RULES)).expect("the policy is read");
    let program = compile(&policy, Target::FLOOR).expect("the policy compiles").program;
    let image = program.encode(Target::FLOOR.isa).expect("the program is encoded");
    let bytes = image.to_bytes(ByteOrder::Little);
    let listing = listed(&image, &bytes);
    let count = decode_image(&image).expect("the image is decoded").insns().len();
    let comments = listing.lines().filter(|line| line.starts_with(';')).count();
    let labels = listing.lines().filter(|line| line.ends_with(':')).count();
    println!("{count} instructions under {labels} labels and {comments} notes");

    report("bytes to listing", count, || listed(&image, &bytes).len());
    report("  of it, bytes to program", count, || decoded(&image, &bytes).insns().len());
    report("listing to bytes", count, || assembled(&listing).len());
    report("  of it, listing to program", count, || read(&listing).insns().len());
    assert!(assembled(&listing) == bytes, "the listing says what the bytes say");
}

fn decoded(image: &Image, bytes: &[u8]) -> palisade_asm::Program {
    let slots = bytes.as_chunks::<SLOT_BYTES>().0.iter();
    let code = slots.map(|slot| RawInsn::from_bytes(ByteOrder::Little, *slot)).collect();
    let Image { relocs, maps, notes, labels, takes, .. } = image.clone();
    decode_image(&Image { code, relocs, maps, notes, labels, takes })
        .expect("the bytes are decoded")
}

fn listed(image: &Image, bytes: &[u8]) -> String {
    decoded(image, bytes).listing().to_string()
}

fn read(listing: &str) -> palisade_asm::Program {
    parse(listing).unwrap_or_else(|wrong| panic!("{}", wrong[0].report("the listing")))
}

fn assembled(listing: &str) -> Vec<u8> {
    let image = read(listing).encode(Target::FLOOR.isa).expect("the program is encoded");
    image.to_bytes(ByteOrder::Little)
}

/// The time that this thread has had a core for itself.
fn spent() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("the clock of a thread").into()
}

/// Prints how many instructions a second the work goes through.
fn report<T>(what: &str, count: usize, work: impl Fn() -> T) {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = spent();
            black_box(work());
            spent() - start
        })
        .collect();
    rounds.sort_unstable();
    let median = rounds[ROUNDS / 2];
    let rate = count as f64 / median.as_secs_f64() / 1e6;
    println!("{what}: {rate:.1} million instructions a second (median of {ROUNDS} rounds)");
}
