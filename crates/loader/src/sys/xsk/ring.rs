//! Rings that are shared with the kernel: one side writes slots and then its counter, the other
//! reads the counter and then the slots.
//!
//! Counters count for ever and wrap at 2^32; a slot's place is its counter modulo the size, a power
//! of two. A counter is stored with release and loaded with acquire, so that whoever sees it sees
//! the slots behind it. Slots are atomic words: even a kernel that writes where it must not is no
//! data race. A counter that says of more slots than there are is refused.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::port::Fault;

/// The words of a ring, wherever they are.
pub(super) trait Memory {
    /// How many slots have been written.
    fn producer(&self) -> &AtomicU32;
    /// How many slots have been read.
    fn consumer(&self) -> &AtomicU32;
    /// What the kernel says of itself, where it does.
    fn flags(&self) -> Option<&AtomicU32>;
    /// The slots, each of the same number of words.
    fn words(&self) -> &[AtomicU64];
}

/// Words of a slot with an address, and of one with a `struct xdp_desc`.
pub(super) const ADDRESS: usize = 1;
pub(super) const DESCRIPTOR: usize = 2;

/// How many slots of so many words there are; a size that is no power of two is none.
fn size<const WORDS: usize>(memory: &impl Memory) -> u32 {
    let slots = memory.words().len().checked_div(WORDS).and_then(|n| u32::try_from(n).ok());
    slots.filter(|slots| slots.is_power_of_two()).unwrap_or(0)
}

/// The words of the slot that a counter stands for.
fn slot<const WORDS: usize>(memory: &impl Memory, size: u32, at: u32) -> Option<&[AtomicU64]> {
    let place = usize::try_from(at & size.checked_sub(1)?).ok()?;
    memory.words().chunks_exact(WORDS).nth(place)
}

/// The side that writes slots.
#[derive(Debug)]
pub(super) struct Producer<M, const WORDS: usize> {
    memory: M,
    size: u32,
    /// What the next slot that is written will count.
    next: u32,
    /// Where the slots end that were free when this was last looked at.
    limit: u32,
}

impl<M: Memory, const WORDS: usize> Producer<M, WORDS> {
    pub(super) fn new(memory: M) -> Self {
        let size = size::<WORDS>(&memory);
        let next = memory.producer().load(Ordering::Relaxed);
        Self { memory, size, next, limit: next }
    }

    /// How many slots are free: asked of the other side only if there are fewer than so many by
    /// what is known.
    pub(super) fn room(&mut self, wanted: u32) -> Result<u32, Fault> {
        let known = self.limit.wrapping_sub(self.next);
        if known >= wanted.min(self.size) {
            return Ok(known);
        }
        let consumer = self.memory.consumer().load(Ordering::Acquire);
        let used = self.next.wrapping_sub(consumer);
        let free = self.size.checked_sub(used).ok_or(Fault::Overrun)?;
        self.limit = self.next.wrapping_add(free);
        Ok(free)
    }

    /// Writes a slot, which the other side does not see yet; whether there was room.
    pub(super) fn push(&mut self, entry: [u64; WORDS]) -> Result<Pushed, Fault> {
        if self.room(1)? == 0 {
            return Ok(Pushed::Full);
        }
        let slot = slot::<WORDS>(&self.memory, self.size, self.next).ok_or(Fault::Overrun)?;
        for (to, word) in slot.iter().zip(entry) {
            to.store(word, Ordering::Relaxed);
        }
        self.next = self.next.wrapping_add(1);
        Ok(Pushed::Yes)
    }

    /// Shows the other side all slots that were written.
    pub(super) fn submit(&self) {
        self.memory.producer().store(self.next, Ordering::Release);
    }

    pub(super) fn memory(&self) -> &M {
        &self.memory
    }
}

/// What became of a slot that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is written.
    Yes,
    /// There is none that is free.
    Full,
}

/// The side that reads slots.
#[derive(Debug)]
pub(super) struct Consumer<M, const WORDS: usize> {
    memory: M,
    size: u32,
    /// What the next slot that is read counts.
    next: u32,
    /// Where the slots end that were written when this was last looked at.
    end: u32,
}

impl<M: Memory, const WORDS: usize> Consumer<M, WORDS> {
    pub(super) fn new(memory: M) -> Self {
        let size = size::<WORDS>(&memory);
        let next = memory.consumer().load(Ordering::Relaxed);
        Self { memory, size, next, end: next }
    }

    /// Reads the next slot, which the other side does not get back yet; `None` where there is none.
    pub(super) fn pop(&mut self) -> Result<Option<[u64; WORDS]>, Fault> {
        if self.next == self.end {
            let end = self.memory.producer().load(Ordering::Acquire);
            if end.wrapping_sub(self.next) > self.size {
                return Err(Fault::Overrun);
            }
            self.end = end;
            if self.next == end {
                return Ok(None);
            }
        }
        let slot = slot::<WORDS>(&self.memory, self.size, self.next).ok_or(Fault::Overrun)?;
        let mut entry = [0; WORDS];
        for (to, word) in entry.iter_mut().zip(slot) {
            *to = word.load(Ordering::Relaxed);
        }
        self.next = self.next.wrapping_add(1);
        Ok(Some(entry))
    }

    /// Gives the other side back all slots that were read.
    pub(super) fn release(&self) {
        self.memory.consumer().store(self.next, Ordering::Release);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use super::*;

    /// A ring on the heap, for both sides to hold.
    #[derive(Debug)]
    pub struct Heap {
        pub producer: AtomicU32,
        pub consumer: AtomicU32,
        pub flags: AtomicU32,
        pub words: Vec<AtomicU64>,
    }

    impl Heap {
        /// A ring of so many words whose counters begin at a number.
        pub fn new(words: usize, from: u32) -> Arc<Self> {
            Arc::new(Self {
                producer: from.into(),
                consumer: from.into(),
                flags: 0.into(),
                words: (0..words).map(|_| AtomicU64::new(u64::MAX)).collect(),
            })
        }
    }

    impl Memory for Arc<Heap> {
        fn producer(&self) -> &AtomicU32 {
            &self.producer
        }

        fn consumer(&self) -> &AtomicU32 {
            &self.consumer
        }

        fn flags(&self) -> Option<&AtomicU32> {
            Some(&self.flags)
        }

        fn words(&self) -> &[AtomicU64] {
            &self.words
        }
    }

    /// Numbers without a visible order (splitmix64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) % n
        }
    }

    fn sides<const WORDS: usize>(
        slots: usize,
        from: u32,
    ) -> (Producer<Arc<Heap>, WORDS>, Consumer<Arc<Heap>, WORDS>) {
        let heap = Heap::new(slots * WORDS, from);
        (Producer::new(Arc::clone(&heap)), Consumer::new(heap))
    }

    #[test]
    fn a_ring_is_empty_at_first_full_after_its_size_and_empty_again() {
        for from in [0, 1, u32::MAX, u32::MAX - 2, 1 << 31] {
            let (mut to, mut out) = sides::<1>(4, from);
            assert_eq!(out.pop(), Ok(None));
            for n in 0..4 {
                assert_eq!(to.push([n]), Ok(Pushed::Yes), "from {from}");
            }
            assert_eq!((to.push([4]), out.pop()), (Ok(Pushed::Full), Ok(None)), "not shown yet");
            to.submit();
            for n in 0..4 {
                assert_eq!((out.pop(), to.room(1)), (Ok(Some([n])), Ok(0)), "from {from}");
            }
            assert_eq!(out.pop(), Ok(None));
            out.release();
            assert_eq!(to.room(4), Ok(4));
        }
    }

    #[test]
    fn a_ring_does_as_a_queue_does_whatever_is_asked_of_it_and_across_the_wrap() {
        let mut random = Random(7);
        for round in 0..200 {
            let slots = 1 << random.below(6);
            let from = 0u32.wrapping_sub(u32::try_from(random.below(400)).expect("few"));
            let (mut to, mut out) = sides::<2>(slots, from);
            // Written and not shown, shown, and read but not given back.
            let (mut hidden, mut shown, mut read) = (VecDeque::new(), VecDeque::new(), 0);
            for step in 0..2000u64 {
                match random.below(6) {
                    0 | 1 => {
                        let full = hidden.len() + shown.len() + read == slots;
                        let said = to.push([step, !step]).expect("a sound ring");
                        assert_eq!(said == Pushed::Full, full, "round {round} step {step}");
                        hidden.extend((!full).then_some([step, !step]));
                    }
                    2 => {
                        to.submit();
                        shown.append(&mut hidden);
                    }
                    3 | 4 => {
                        let next = shown.pop_front();
                        read += usize::from(next.is_some());
                        assert_eq!(out.pop(), Ok(next), "round {round} step {step}");
                    }
                    _ => {
                        out.release();
                        read = 0;
                    }
                }
            }
        }
    }

    #[test]
    fn two_threads_hand_over_everything_in_order_and_nothing_half_written() {
        const COUNT: u64 = 300_000;
        let (mut to, mut out) = sides::<2>(64, u32::MAX - 1000);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut next = 0;
                while next < COUNT {
                    match to.push([next, !next]).expect("a sound ring") {
                        Pushed::Yes => next += 1,
                        Pushed::Full => std::thread::yield_now(),
                    }
                    if next % 7 == 0 || next == COUNT || to.room(1) == Ok(0) {
                        to.submit();
                    }
                }
            });
            scope.spawn(move || {
                let mut next = 0;
                while next < COUNT {
                    match out.pop().expect("a sound ring") {
                        Some(entry) => {
                            assert_eq!(entry, [next, !next]);
                            next += 1;
                        }
                        None => std::thread::yield_now(),
                    }
                    out.release();
                }
            });
        });
    }

    #[test]
    fn a_counter_that_says_of_more_slots_than_there_are_is_refused() {
        let heap = Heap::new(4, 10);
        let mut out = Consumer::<_, 1>::new(Arc::clone(&heap));
        for said in [15, 9, 10u32.wrapping_add(1 << 31)] {
            heap.producer.store(said, Ordering::Release);
            assert_eq!(out.pop(), Err(Fault::Overrun), "{said}");
        }
        let heap = Heap::new(4, 10);
        let mut to = Producer::<_, 1>::new(Arc::clone(&heap));
        for said in [11, 5, 10u32.wrapping_add(1 << 31)] {
            heap.consumer.store(said, Ordering::Release);
            assert_eq!(to.room(4), Err(Fault::Overrun), "{said}");
        }
    }

    #[test]
    fn a_ring_of_a_size_that_is_no_power_of_two_holds_nothing() {
        let (mut to, mut out) = sides::<1>(3, 0);
        assert_eq!((to.push([1]), out.pop()), (Ok(Pushed::Full), Ok(None)));
    }
}
