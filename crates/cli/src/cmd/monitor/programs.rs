//! The program for each tracepoint: it adds what the event tells to a row of the counters.
//!
//! Each event has a map of its own, whose rows are named by subject and error ([`Key`]) and made when
//! they are first met. It has room for [`ROOM`] of them, so that a program which returns whatever it
//! finds in its packets fills no memory; what finds no room is counted in a row that is there from the
//! start ([`Key::OTHERS`]), as are the verdicts that there are ([`first`]).
//! Counters are per CPU and belong to one program, which the kernel does not run twice at once on a CPU.

use palisade_asm::{
    Assembler, Cond, FP, Helper, Image, Isa, MapDecl, MapFlags, MapId, MapKind, Mem, Note, R0, R1,
    R2, R3, R4, R6, Reg, Size,
};
use palisade_loader::Wire;

use super::events::{Event, Number, VERDICTS};
use crate::failure::{Failure, Outcome};

/// How many rows an event can have.
pub const ROOM: u32 = 256;

/// What is counted in each row: packets, drops, and how often the event was met.
pub type Counts = [u64; 3];

/// The name of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What the event was about.
    pub subject: u32,
    /// The error, as the kernel has it.
    pub error: u32,
}

impl Key {
    /// The row of all that finds no room; no event has such an error.
    pub const OTHERS: Self = Self { subject: u32::MAX, error: i32::MIN.cast_unsigned() };
}

impl Wire for Key {
    const SIZE: usize = 8;

    fn put(&self, out: &mut [u8]) {
        for (to, number) in out.chunks_exact_mut(4).zip([self.subject, self.error]) {
            number.put(to);
        }
    }

    fn get(bytes: &[u8]) -> Self {
        let mut numbers = bytes.chunks_exact(4).map(u32::get);
        let mut next = || numbers.next().unwrap_or_default();
        Self { subject: next(), error: next() }
    }
}

/// The map of an event's rows.
pub fn rows(event: Event) -> MapDecl {
    MapDecl {
        name: event.name().to_owned(),
        kind: MapKind::PerCpuHash,
        key_size: 8,
        value_size: 24,
        max_entries: ROOM,
        flags: MapFlags::NONE,
    }
}

/// The rows that are there from the start, so that nothing takes their room.
pub fn first(event: Event) -> Vec<Key> {
    let verdicts = if event == Event::Exception { 0..VERDICTS } else { 0..0 };
    let rows = verdicts.map(|subject| Key { subject, error: 0 });
    rows.chain([Key::OTHERS]).collect()
}

/// Where the key stands on the stack, and below it what a new row begins with.
const KEY: i16 = 8;
const FRESH: i16 = 32;
/// `BPF_NOEXIST`: what another CPU has made meanwhile stays as it is.
const ONLY_NEW: i32 = 1;

/// The program for an event; it runs on any kernel that has raw tracepoints.
pub fn program(event: Event) -> Outcome<Image> {
    let mut a = Assembler::new();
    let rows = a.map(rows(event));
    let (count, out) = (a.label("count"), a.label("out"));
    let meaning = event.meaning();
    a.note(Note::new("key")).mov(R6, R1);
    store(&mut a, FP - KEY, meaning.subject);
    store(&mut a, FP - (KEY - 4), meaning.error);
    a.note(Note::new("row"));
    look_up(&mut a, rows);
    a.jump_if(R0, Cond::Ne, 0, count);
    a.note(Note::new("new row"));
    make(&mut a, rows);
    look_up(&mut a, rows);
    a.jump_if(R0, Cond::Ne, 0, count);
    a.note(Note::new("no room"));
    let Key { subject, error } = Key::OTHERS;
    store(&mut a, FP - KEY, Number::Always(subject.cast_signed()));
    store(&mut a, FP - (KEY - 4), Number::Always(error.cast_signed()));
    look_up(&mut a, rows);
    a.jump_if(R0, Cond::Eq, 0, out);
    a.place(count).note(Note::new("count"));
    for (place, number) in [(0, meaning.packets), (8, meaning.drops), (16, Number::Always(1))] {
        add(&mut a, R0 + place, number);
    }
    a.place(out).note(Note::new("end")).mov(R0, 0).exit();
    let program = a.finish().map_err(|error| Failure::bug(error.to_string()))?;
    program.encode(Isa::V1).map_err(|error| Failure::bug(error.to_string()))
}

/// Writes a half of the key.
fn store(a: &mut Assembler, to: Mem, number: Number) {
    match number {
        Number::Always(value) => a.store(Size::W, to, value),
        Number::Argument(at) => argument(a, R2, at).store(Size::W, to, R2),
    };
}

/// Reads an argument: the kernel passes all of them as 64 bits, numbers of 32 bits with zeros above.
fn argument(a: &mut Assembler, into: Reg, at: i16) -> &mut Assembler {
    a.load(Size::D, into, R6 + 8 * at)
}

fn look_up(a: &mut Assembler, map: MapId) {
    a.load_map(R1, map).mov(R2, FP).add(R2, -i32::from(KEY)).call(Helper::MAP_LOOKUP_ELEM);
}

/// Makes the row of the key.
fn make(a: &mut Assembler, rows: MapId) {
    for place in [0, 8, 16] {
        a.store(Size::D, FP - (FRESH - place), 0);
    }
    a.load_map(R1, rows).mov(R2, FP).add(R2, -i32::from(KEY));
    a.mov(R3, FP).add(R3, -i32::from(FRESH)).mov(R4, ONLY_NEW).call(Helper::MAP_UPDATE_ELEM);
}

fn add(a: &mut Assembler, to: Mem, number: Number) {
    match number {
        Number::Always(0) => return,
        Number::Always(value) => a.load(Size::D, R1, to).add(R1, value),
        Number::Argument(at) => argument(a, R2, at).load(Size::D, R1, to).add(R1, R2),
    };
    a.store(Size::D, to, R1);
}

#[cfg(test)]
mod tests {
    use palisade_asm::decode_image;

    use super::*;

    const REDIRECT_ERR: &str = "\
.map xdp_redirect_err percpu_hash key 8 value 24 max 256
; key
  r6 = r1
  *(u32 *)(r10 -8) = 4
  r2 = *(u64 *)(r6 +24)
  *(u32 *)(r10 -4) = r2
; row
  r1 = map[xdp_redirect_err]
  r2 = r10
  r2 += -8
  call bpf_map_lookup_elem#1
  if r0 != 0x0 goto count
; new row
  *(u64 *)(r10 -32) = 0
  *(u64 *)(r10 -24) = 0
  *(u64 *)(r10 -16) = 0
  r1 = map[xdp_redirect_err]
  r2 = r10
  r2 += -8
  r3 = r10
  r3 += -32
  r4 = 1
  call bpf_map_update_elem#2
  r1 = map[xdp_redirect_err]
  r2 = r10
  r2 += -8
  call bpf_map_lookup_elem#1
  if r0 != 0x0 goto count
; no room
  *(u32 *)(r10 -8) = -1
  *(u32 *)(r10 -4) = -2147483648
  r1 = map[xdp_redirect_err]
  r2 = r10
  r2 += -8
  call bpf_map_lookup_elem#1
  if r0 == 0x0 goto out
count:
; count
  r1 = *(u64 *)(r0 +0)
  r1 += 1
  *(u64 *)(r0 +0) = r1
  r1 = *(u64 *)(r0 +16)
  r1 += 1
  *(u64 *)(r0 +16) = r1
out:
; end
  r0 = 0
  exit
";

    fn listing(event: Event) -> String {
        let image = program(event).expect("a program");
        decode_image(&image).expect("it decodes").listing().to_string()
    }

    #[test]
    fn the_program_of_an_error_reads_its_number_and_counts_one_packet() {
        assert_eq!(listing(Event::RedirectErr), REDIRECT_ERR);
    }

    #[test]
    fn every_program_reads_the_arguments_that_its_event_has_and_no_more() {
        // How many arguments the event has on the kernel that has fewest.
        let arguments = [3, 6, 6, 6, 6, 4, 5, 5, 4];
        for (event, count) in Event::ALL.into_iter().zip(arguments) {
            let text = listing(event);
            for at in 0..12 {
                let read = text.contains(&format!("*(u64 *)(r6 +{})", at * 8));
                assert!(!read || at < count, "{event} reads argument {at}:\n{text}");
            }
        }
    }

    #[test]
    fn a_key_comes_back_from_its_bytes() {
        let key = Key { subject: 42, error: 22u32.wrapping_neg() };
        let mut bytes = [0; Key::SIZE];
        key.put(&mut bytes);
        assert_eq!(Key::get(&bytes), key);
        assert_eq!(bytes[..4], 42u32.to_ne_bytes());
    }
}
