//! The program for each tracepoint: it adds what the event tells to a row of the counters.
//!
//! A row is named by event, subject and error ([`Key`]) and made when it is first met. The map has
//! room for [`ROOM`] of them, so that a program which returns whatever it finds in its packets
//! fills no memory; what finds no room is counted in a row of its own for each event ([`OTHERS`]).
//! Counters are per CPU, and added to atomically, as a newer kernel may interrupt the program.

use palisade_asm::{
    Assembler, AtomicOp, Cond, FP, Helper, Image, Isa, MapDecl, MapFlags, MapId, MapKind, Mem,
    Note, R0, R1, R2, R3, R4, R6, Reg, Size,
};
use palisade_loader::Wire;

use super::events::{Event, Meaning, Number};
use crate::failure::{Failure, Outcome};

/// The map of the rows, and the map of what found no room in it; the programs declare them in this
/// order.
pub const ROWS: &str = "monitor_rows";
pub const OTHERS: &str = "monitor_others";
/// How many rows there can be.
pub const ROOM: u32 = 512;

/// What is counted in each row: packets, drops, and how often the event was met.
pub type Counts = [u64; 3];

/// The name of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The event's number.
    pub event: u32,
    /// What it was about.
    pub subject: u32,
    /// The error, as the kernel has it.
    pub error: u32,
}

impl Wire for Key {
    const SIZE: usize = 12;

    fn put(&self, out: &mut [u8]) {
        for (to, number) in out.chunks_exact_mut(4).zip([self.event, self.subject, self.error]) {
            number.put(to);
        }
    }

    fn get(bytes: &[u8]) -> Self {
        let mut numbers = bytes.chunks_exact(4).map(u32::get);
        let mut next = || numbers.next().unwrap_or_default();
        Self { event: next(), subject: next(), error: next() }
    }
}

/// The maps that all programs share, as each declares them.
pub fn maps() -> [MapDecl; 2] {
    let decl = |name: &str, kind, key_size, max_entries| MapDecl {
        name: name.to_owned(),
        kind,
        key_size,
        value_size: 24,
        max_entries,
        flags: MapFlags::NONE,
    };
    [
        decl(ROWS, MapKind::PerCpuHash, 12, ROOM),
        decl(OTHERS, MapKind::PerCpuArray, 4, Event::ALL.len().try_into().unwrap_or(u32::MAX)),
    ]
}

/// Where the key stands on the stack, and below it what a new row begins with.
const KEY: i16 = 16;
const FRESH: i16 = 40;
/// `BPF_NOEXIST`: what another CPU has made meanwhile stays as it is.
const ONLY_NEW: i32 = 1;

/// The program for an event; it runs on any kernel that has raw tracepoints.
pub fn program(event: Event) -> Outcome<Image> {
    let mut a = Assembler::new();
    let [rows, others] = maps().map(|decl| a.map(decl));
    let (count, out) = (a.label("count"), a.label("out"));
    let meaning = event.meaning();
    a.note(Note::new("key")).mov(R6, R1);
    key(&mut a, event, meaning);
    a.note(Note::new("row"));
    look_up(&mut a, rows);
    a.jump_if(R0, Cond::Ne, 0, count);
    a.note(Note::new("new row"));
    make(&mut a, rows);
    look_up(&mut a, rows);
    a.jump_if(R0, Cond::Ne, 0, count);
    a.note(Note::new("no room"));
    // The key begins with the number of the event, which is the index here.
    look_up(&mut a, others);
    a.jump_if(R0, Cond::Eq, 0, out);
    a.place(count).note(Note::new("count"));
    for (place, number) in [(0, meaning.packets), (8, meaning.drops), (16, Number::Always(1))] {
        add(&mut a, R0 + place, number);
    }
    a.place(out).note(Note::new("end")).mov(R0, 0).exit();
    let program = a.finish().map_err(|error| Failure::bug(error.to_string()))?;
    program.encode(Isa::V1).map_err(|error| Failure::bug(error.to_string()))
}

/// Writes the key.
fn key(a: &mut Assembler, event: Event, meaning: Meaning) {
    a.store(Size::W, FP - KEY, i32::from(event.number()));
    for (place, number) in [(4, meaning.subject), (8, meaning.error)] {
        let to = FP - (KEY - place);
        match number {
            Number::Always(value) => a.store(Size::W, to, value),
            Number::Argument(at) => argument(a, R2, at).store(Size::W, to, R2),
        };
    }
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
        Number::Always(value) => a.mov(R1, value),
        Number::Argument(at) => argument(a, R1, at),
    };
    a.atomic(AtomicOp::Add, Size::D, to, R1);
}

#[cfg(test)]
mod tests {
    use palisade_asm::decode_image;

    use super::*;

    const REDIRECT_ERR: &str = "\
.map monitor_rows percpu_hash key 12 value 24 max 512
.map monitor_others percpu_array key 4 value 24 max 9
; key
  r6 = r1
  *(u32 *)(r10 -16) = 2
  *(u32 *)(r10 -12) = 4
  r2 = *(u64 *)(r6 +24)
  *(u32 *)(r10 -8) = r2
; row
  r1 = map[monitor_rows]
  r2 = r10
  r2 += -16
  call bpf_map_lookup_elem#1
  if r0 != 0x0 goto count
; new row
  *(u64 *)(r10 -40) = 0
  *(u64 *)(r10 -32) = 0
  *(u64 *)(r10 -24) = 0
  r1 = map[monitor_rows]
  r2 = r10
  r2 += -16
  r3 = r10
  r3 += -40
  r4 = 1
  call bpf_map_update_elem#2
  r1 = map[monitor_rows]
  r2 = r10
  r2 += -16
  call bpf_map_lookup_elem#1
  if r0 != 0x0 goto count
; no room
  r1 = map[monitor_others]
  r2 = r10
  r2 += -16
  call bpf_map_lookup_elem#1
  if r0 == 0x0 goto out
count:
; count
  r1 = 1
  lock *(u64 *)(r0 +0) += r1
  r1 = 1
  lock *(u64 *)(r0 +16) += r1
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
            assert!(text.contains(&format!("*(u32 *)(r10 -16) = {}", event.number())), "{text}");
        }
    }

    #[test]
    fn a_key_comes_back_from_its_bytes() {
        let key = Key { event: 1, subject: 42, error: 22u32.wrapping_neg() };
        let mut bytes = [0; Key::SIZE];
        key.put(&mut bytes);
        assert_eq!(Key::get(&bytes), key);
        assert_eq!(bytes[4..8], 42u32.to_ne_bytes());
    }
}
