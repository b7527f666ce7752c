//! The clock, and the tick counter that stands for it in programs.

use std::time::Duration;

use palisade_asm::{Helper, MapKind, R0, R1, Size};
use palisade_loader::{Buffers, LoadOptions, Map, MapHandle, Program, TestRun, Ticks, clock};

use crate::ground::{built, decl, kernel};

#[test]
fn the_clock_goes_on() {
    let before = clock::monotonic().expect("a clock");
    std::thread::sleep(Duration::from_millis(2));
    assert!(clock::monotonic().expect("a clock") >= before + Duration::from_millis(2));
}

#[test]
fn the_time_by_ticks_is_never_later_than_the_clock_and_hardly_earlier() {
    kernel(|_| {
        let ticks = Ticks::measure().expect("measured");
        assert!((500_000..=10_000_000).contains(&ticks.length), "{ticks:?}");
        let decl = decl("now", MapKind::Array, 4, 1);
        let map = MapHandle::create(&decl).expect("a map");
        let image = built(|a| {
            let now = a.map(decl);
            a.call(Helper::JIFFIES64).load_map_value(R1, now, 0).store(Size::D, R1 + 0, R0);
            a.mov(R0, 2).exit();
        });
        let options = LoadOptions { name: "now", license: c"GPL", buffers: Buffers::Single };
        let handle = map.try_clone().expect("a descriptor");
        let program = Program::load(&image, &[handle], &options).expect("loaded");
        let now: Map<u32, u64> = Map::new(map).expect("typed");
        for _ in 0..200 {
            let before = clock::monotonic().expect("a clock");
            let run = TestRun { packet: &[0; 64], repeat: 1, ingress: None };
            program.test_run(&run).expect("it runs");
            let after = clock::monotonic().expect("a clock");
            let counter = now.get(&0).expect("read").expect("one cell");
            let told = Duration::from_nanos((counter - ticks.first) * ticks.length);
            assert!(told <= after, "{told:?} is later than {after:?}");
            // A machine that is busy may be late with its ticks.
            assert!(told + Duration::from_millis(200) > before, "{told:?}, {before:?}");
            std::thread::sleep(Duration::from_micros(300));
        }
    });
}
