//! Raw tracepoints: which there are, what a program may read there, and that nothing of it stays.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use palisade_asm::{R0, R1, R2, Size};
use palisade_loader::{Errno, ObjectId, ObjectKind, TraceError, TraceProgram};

use crate::ground::{built, kernel};

/// How long the kernel may take to free what nobody holds any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that reads one argument.
fn reading(argument: i16) -> TraceProgram {
    let image = built(|a| {
        a.load(Size::D, R2, R1 + 8 * argument).mov(R0, 0).exit();
    });
    TraceProgram::load(&image, &[], "reading", c"GPL").expect("loaded")
}

/// The number of a kind that a descriptor has, as `/proc` tells it.
fn object(fd: &impl AsFd, kind: ObjectKind, name: &str) -> ObjectId {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path).expect("it is open");
    let number = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    ObjectId { kind, id: number.expect("a number") }
}

#[test]
fn a_tracepoint_that_the_kernel_lacks_is_told_from_one_that_it_refuses() {
    kernel(|_| {
        let missing = reading(0).attach("xdp_no_such_event").expect_err("no such event");
        let tracepoint = "xdp_no_such_event".to_owned();
        assert_eq!(missing, TraceError::Missing { tracepoint });
        assert!(matches!(
            reading(0).attach("xdp\0").expect_err("no name"),
            TraceError::Missing { .. }
        ));
        // The event has three arguments.
        reading(2).attach("xdp_exception").expect("it runs");
        let refused = reading(3).attach("xdp_exception").expect_err("no such argument");
        let (tracepoint, errno) = ("xdp_exception".to_owned(), Errno::EINVAL);
        assert_eq!(refused, TraceError::Refused { tracepoint, errno });
    });
}

#[test]
fn a_program_runs_as_long_as_its_tracing_is_held_and_no_longer() {
    kernel(|_| {
        let program = reading(0);
        let tracing = program.attach("xdp_exception").expect("it runs");
        let objects = [
            object(&program, ObjectKind::Program, "prog_id:"),
            object(&tracing, ObjectKind::Link, "link_id:"),
        ];
        drop(program);
        let alive = |object: &ObjectId| object.is_alive().expect("root may ask");
        assert!(objects.iter().all(alive));
        drop(tracing);
        let end = Instant::now() + PATIENCE;
        while objects.iter().any(alive) {
            assert!(Instant::now() < end, "{objects:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}
