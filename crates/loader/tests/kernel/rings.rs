//! Ring buffers, read as programs fill them: every record once and in order, over the end of the ring
//! as well; what was given up is passed over, what had no room is missing, and a place that cannot be
//! is left.

use std::time::{Duration, Instant};

use palisade_asm::{Assembler, Cond, Helper, MapDecl, MapId, MapKind, R0, R1, R2, R3, R6, Size};
use palisade_loader::{MapHandle, Program, Ring, RingError};

use crate::ground::{decl, kernel};
use crate::mapped::{array, created, program, run};

/// Bytes of the ring, a page on most machines, and of a record with its header.
const SIZE: u32 = 1 << 16;
const RECORD: i16 = 20;
const WHOLE: u32 = 32;

fn ring() -> MapDecl {
    MapDecl { value_size: 0, ..decl("ring", MapKind::RingBuf, 0, SIZE) }
}

/// A program that counts its runs and hands the number over; each third one it gives up.
fn counting(a: &mut Assembler, maps: &[MapId]) {
    let [full, hand_over, end] = ["full", "hand over", "end"].map(|name| a.label(name));
    a.load_map(R1, maps[0]).mov(R2, i32::from(RECORD)).mov(R3, 0);
    a.call(Helper::RINGBUF_RESERVE).jump_if(R0, Cond::Eq, 0, full).mov(R6, R0);
    a.load_map_value(R1, maps[1], 0).load(Size::D, R2, R1 + 0);
    a.store(Size::D, R6 + 0, R2).store(Size::D, R6 + 8, -1).store(Size::W, R6 + 16, 7);
    a.add(R2, 1).store(Size::D, R1 + 0, R2);
    a.mov(R1, R6).modulo(R2, 3).jump_if(R2, Cond::Ne, 0, hand_over);
    a.mov(R2, 0).call(Helper::RINGBUF_DISCARD).jump(end);
    a.place(hand_over).mov(R2, 0).call(Helper::RINGBUF_SUBMIT);
    a.place(full).place(end).mov(R0, 2).exit();
}

/// The ring, and the program that fills it.
fn made() -> (MapHandle, Program) {
    let (ring, count) = (ring(), array("count", 1, 1));
    let (map, cell) = (created(&ring), created(&count));
    let program = program(&[(&ring, &map), (&count, &cell)], counting);
    (map, program)
}

fn numbers(ring: &mut Ring, most: usize) -> Vec<u64> {
    let mut all = Vec::new();
    let taken = ring.read(most, |record| {
        assert_eq!(record.len(), 20);
        let (number, rest) = record.split_first_chunk().expect("eight bytes");
        assert_eq!(rest, [&[0xff; 8][..], &7u32.to_ne_bytes()].concat());
        all.push(u64::from_ne_bytes(*number));
    });
    assert_eq!((taken.records, taken.skipped), (all.len(), 0));
    all
}

/// Those that were not given up.
fn kept(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.filter(|number| (number + 1) % 3 != 0).collect()
}

#[test]
fn every_record_is_read_once_and_in_order_also_over_the_end() {
    kernel(|_| {
        let (map, program) = made();
        let mut ring = Ring::open(&map).expect("a ring");
        assert_eq!(numbers(&mut ring, 10), []);
        let mut next = 0;
        for round in 1..=40 {
            run(&program, 123 * round % 1900 + 1);
            let new = u64::from(123 * round % 1900 + 1);
            let mut seen = numbers(&mut ring, 7);
            assert!(seen.len() <= 7);
            seen.extend(numbers(&mut ring, usize::MAX));
            assert_eq!(seen, kept(next..next + new));
            next += new;
        }
    });
}

#[test]
fn a_full_ring_takes_no_more_until_it_is_read() {
    kernel(|_| {
        let (map, program) = made();
        run(&program, 5000);
        let mut ring = Ring::open(&map).expect("a ring");
        let room = u64::from(SIZE / WHOLE) - 1;
        assert_eq!(numbers(&mut ring, usize::MAX), kept(0..room));
        run(&program, 10);
        assert_eq!(numbers(&mut ring, usize::MAX), kept(room..room + 10));
    });
}

#[test]
fn the_next_reader_goes_on_where_one_was() {
    kernel(|_| {
        let (map, program) = made();
        run(&program, 300);
        let mut first = Ring::open(&map).expect("a ring");
        assert_eq!(numbers(&mut first, 100).len(), 100);
        drop(first);
        let mut second = Ring::open(&map).expect("a ring");
        assert_eq!(numbers(&mut second, usize::MAX), kept(150..300));
    });
}

#[test]
fn a_reader_that_was_overtaken_goes_on_at_the_kernels_place() {
    kernel(|_| {
        let (map, program) = made();
        let mut slow = Ring::open(&map).expect("a ring");
        let mut other = Ring::open(&map).expect("a ring");
        for _ in 0..3 {
            run(&program, 2000);
            numbers(&mut other, usize::MAX);
        }
        let taken = slow.read(usize::MAX, |_| panic!("nothing of it can be believed"));
        assert!(taken.records == 0 && taken.skipped > u64::from(SIZE), "{taken:?}");
        run(&program, 2);
        assert_eq!(numbers(&mut slow, usize::MAX).len(), 2 - usize::from(6002 % 3 == 0));
    });
}

#[test]
fn a_reader_is_woken_or_waits_no_longer_than_it_said() {
    kernel(|_| {
        let (map, program) = made();
        let mut ring = Ring::open(&map).expect("a ring");
        let start = Instant::now();
        ring.wait(Duration::from_millis(50)).expect("it waits");
        assert!(start.elapsed() >= Duration::from_millis(40));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                run(&program, 1);
            });
            ring.wait(Duration::from_secs(60)).expect("it waits");
        });
        assert!(start.elapsed() < Duration::from_secs(30), "it was woken");
        assert_eq!(numbers(&mut ring, usize::MAX), [0]);
    });
}

#[test]
fn another_map_is_no_ring() {
    kernel(|_| {
        let refused = Ring::open(&created(&array("array", 1, 1))).expect_err("no ring");
        assert!(matches!(refused, RingError::NotRing { .. }), "{refused}");
        assert!(refused.to_string().contains("map `array` is no ring buffer"), "{refused}");
    });
}
