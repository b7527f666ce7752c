//! What a slot adds to a packet that passes: empty, and with a program in it that does nothing.
//!
//! Three programs of one policy are in the kernel at once: without a slot, with an empty one, and with
//! a program in it. They are asked in turn about the same frame. The kernel's own clock measures each
//! run; of each program the fastest round counts, for whatever else the machine does only adds to it.
//!
//! Run as root: `cargo bench -p palisade-tests --bench next`.

use palisade_asm::{Assembler, Isa, R0};
use palisade_filter::{Buffers, Neighbours, Next, Tenure};
use palisade_loader::{self as loader, LoadOptions, Program, TestRun};
use palisade_tests::engine::Engine;
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;

const POLICY: &str = "drop udp dport 53\ndefault pass\n";
const REPEAT: u32 = 2_000_000;
const ROUNDS: usize = 15;

fn main() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let load = |next| {
        let beside = Neighbours { tenure: Tenure::Standing, next };
        Engine::try_load_beside(&kernel, POLICY, kernel.best(), beside).expect("it loads")
    };
    let [alone, empty, full] = [Next::Stack, Next::Slot, Next::Slot].map(load);
    empty.slot().clear_program(0).expect("cleared");
    full.slot().set_program(0, &nothing(&kernel)).expect("the two are alike");

    let frame = (eth() / ipv4() / udp(4000, 9)).build();
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for (best, engine) in best.iter_mut().zip([&alone, &empty, &full]) {
            let run = TestRun { packet: &frame, repeat: REPEAT, ingress: None };
            let result = engine.program().test_run(&run).expect("the kernel runs the program");
            *best = best.min(result.duration.as_nanos() as f64);
        }
    }
    let [alone, empty, full] = best;
    println!("nanoseconds a packet that passes, the best of {ROUNDS} rounds");
    println!("no slot                       {alone:.0}");
    println!("an empty slot                 {empty:.0} ({:+.0})", empty - alone);
    println!("a program that does nothing   {full:.0} ({:+.0})", full - alone);
}

/// A program that lets all pass.
fn nothing(kernel: &Kernel) -> Program {
    let buffers = match kernel.best().buffers {
        Buffers::Single => loader::Buffers::Single,
        Buffers::Multi => loader::Buffers::Multi,
    };
    let mut a = Assembler::new();
    a.mov(R0, 2).exit();
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    let options = LoadOptions { name: "nothing", license: c"GPL", buffers };
    Program::load(&image, &[], &options).expect("the kernel takes it")
}
