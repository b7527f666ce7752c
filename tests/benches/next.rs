//! What a slot adds to a packet that passes: empty, and with a program in it that does nothing.
//!
//! Programs of one policy are in the kernel at once: without a slot, with an empty one, with a program
//! in it that does nothing, and with a row of programs that do nothing but go on to the next. They are
//! asked in turn about the same frame, two million times each: the kernel tells of a run in whole
//! nanoseconds, so the processor time of this thread is taken. Of each program the fastest round counts, for whatever
//! else the machine does only adds to it.
//!
//! Run as root: `cargo bench -p palisade-tests --bench next`.

use nix::time::{ClockId, clock_gettime};
use palisade_asm::{Assembler, Helper, Isa, MapDecl, MapFlags, MapKind, R0, R2, R3};
use palisade_filter::{Buffers, Neighbours, Next, Tenure};
use palisade_loader::{self as loader, LoadOptions, MapHandle, Program, TestRun};
use palisade_tests::engine::Engine;
use palisade_tests::packet::{eth, ipv4, udp};
use palisade_tests::privilege::Kernel;

const POLICY: &str = "drop udp dport 53\ndefault pass\n";
const REPEAT: u32 = 2_000_000;
const ROUNDS: usize = 15;
/// How many programs stand in a row.
const ROW: usize = 20;

fn main() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let engine = |next| {
        let beside = Neighbours { tenure: Tenure::Standing, next };
        Engine::try_load_beside(&kernel, POLICY, kernel.best(), beside).expect("it loads")
    };
    let [alone, empty, full, row] = [Next::Stack, Next::Slot, Next::Slot, Next::Slot].map(engine);
    empty.slot().clear_program(0).expect("cleared");
    full.slot().set_program(0, &nothing(&kernel)).expect("the two are alike");
    let mut last = nothing(&kernel);
    // The kernel empties an array whose last descriptor goes.
    let mut slots = Vec::new();
    for _ in 1..ROW {
        let (program, slot) = going_on(&kernel, &last);
        last = program;
        slots.push(slot);
    }
    row.slot().set_program(0, &last).expect("the two are alike");

    let frame = (eth() / ipv4() / udp(4000, 9)).build();
    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        for (best, engine) in best.iter_mut().zip([&alone, &empty, &full, &row]) {
            let run = TestRun { packet: &frame, repeat: REPEAT, ingress: None };
            let began = processor_time();
            engine.program().test_run(&run).expect("the kernel runs the program");
            *best = best.min((processor_time() - began) / f64::from(REPEAT));
        }
    }
    let [alone, empty, full, row] = best;
    println!("nanoseconds a packet that passes, the best of {ROUNDS} rounds");
    println!("no slot                       {alone:.1}");
    println!("an empty slot                 {empty:.1} ({:+.1})", empty - alone);
    println!("a program that does nothing   {full:.1} ({:+.1})", full - alone);
    let each = (row - full) / (ROW - 1) as f64;
    println!("{ROW} of them in a row            {row:.1} ({each:+.1} for each further one)");
}

/// What this thread has had of a processor, in nanoseconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of every thread");
    time.tv_sec() as f64 * 1e9 + time.tv_nsec() as f64
}

/// A program that goes on to another one, and its slot.
fn going_on(kernel: &Kernel, next: &Program) -> (Program, MapHandle) {
    let decl = MapDecl {
        name: "next".to_owned(),
        kind: MapKind::ProgArray,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: MapFlags::NONE,
    };
    let slot = MapHandle::create(&decl).expect("an array of programs");
    let program = load(kernel, &[slot.try_clone().expect("a descriptor")], |a| {
        let map = a.map(decl);
        a.load_map(R2, map).mov(R3, 0).call(Helper::TAIL_CALL);
    });
    slot.set_program(0, next).expect("the two are alike");
    (program, slot)
}

/// A program that lets all pass.
fn nothing(kernel: &Kernel) -> Program {
    load(kernel, &[], |_| ())
}

/// A program that passes what is left after `begin`.
fn load(kernel: &Kernel, maps: &[MapHandle], begin: impl FnOnce(&mut Assembler)) -> Program {
    let buffers = match kernel.best().buffers {
        Buffers::Single => loader::Buffers::Single,
        Buffers::Multi => loader::Buffers::Multi,
    };
    let mut a = Assembler::new();
    begin(&mut a);
    a.mov(R0, 2).exit();
    let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
    let options = LoadOptions { name: "nothing", license: c"GPL", buffers };
    Program::load(&image, maps, &options).expect("the kernel takes it")
}
