//! Pairs by chance, by the million.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use palisade_tests::privilege::Kernel;

use crate::round::{FRAMES, by_chance, round};
use crate::tally::Tally;
use crate::{canary, number};

/// A minute on two CPUs; `PALISADE_PAIRS` says otherwise.
const PAIRS: u64 = 1_000_000;
/// More disagreements are not shown.
const MOST_SHOWN: usize = 8;

/// Which policies are tried.
#[derive(Clone, Copy)]
enum Until {
    /// Those of so many seeds.
    Seeds(u64),
    /// As many as can be before then.
    Time(Instant),
}

/// What a run has shown, and the reports of disagreements.
type Ran = (Tally, Vec<String>);

/// Judges policies on all CPUs.
fn run(kernel: Option<&Kernel>, first: u64, until: Until) -> Ran {
    canary::a_wrong_expectation_is_found();
    let (next, all, wrong) =
        (AtomicU64::new(first), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let goes_on = |seed: u64| {
        let few = wrong.lock().expect("a thread that ended well").len() < MOST_SHOWN;
        few && match until {
            Until::Seeds(count) => seed < first + count,
            Until::Time(end) => Instant::now() < end,
        }
    };
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(seed) {
                break;
            }
            let (made, frames) = by_chance(seed);
            // What tells the targets apart is not the rules: the others need to be seen less often.
            let targets =
                kernel.map(|own| if seed % 8 == 0 { own.targets.clone() } else { own.two() });
            let bench = kernel.zip(targets.as_deref());
            if let Err(report) = round(bench, &format!("seed {seed}"), &made, &frames, &mut tally) {
                eprintln!("{report}");
                wrong.lock().expect("a thread that ended well").push(report);
            }
        }
        all.lock().expect("a thread that ended well").merge(tally);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let tally = all.into_inner().expect("all threads ended well");
    (tally, wrong.into_inner().expect("all threads ended well"))
}

fn conclude(kernel: Option<&Kernel>, (tally, wrong): &Ran, first: u64, began: Instant) {
    eprintln!("from seed {first}, in {:.1?}:\n{tally}", began.elapsed());
    for (note, count) in tally.executed.missed_by_note() {
        eprintln!(
            "  not executed of `{note}`: {} of {}",
            count.missed,
            count.missed + count.executed
        );
    }
    for (kind, count) in tally.executed.never() {
        eprintln!("  never executed: {kind} ({count})");
    }
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
    tally.assert_not_void(kernel);
}

#[test]
fn by_chance_all_judges_agree() {
    let (kernel, began) = (Kernel::or_skip(), Instant::now());
    let first = number("PALISADE_SEED").unwrap_or(1);
    let until = match number::<u64>("PALISADE_MINUTES") {
        Some(minutes) => Until::Time(began + Duration::from_secs(60 * minutes)),
        None => {
            let pairs: u64 = number("PALISADE_PAIRS").unwrap_or(PAIRS);
            Until::Seeds(pairs.div_ceil(FRAMES as u64))
        }
    };
    let ran = run(kernel.as_ref(), first, until);
    conclude(kernel.as_ref(), &ran, first, began);
}
