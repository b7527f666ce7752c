//! One policy and its frames before the judges, and what is shown when they do not agree.

use palisade_filter::{Item, Policy, parse};
use palisade_tests::agree::{Entry, Life};
use palisade_tests::derived;
use palisade_tests::engine::hex;
use palisade_tests::judges::{Bench, Case, Judges, NoJudges, bisect, shrink};
use palisade_tests::random::{Chance, Made, policy};

use crate::tally::Tally;

/// How many frames are put to a policy.
pub const FRAMES: usize = 1250;

/// A policy by chance and frames made for it.
pub fn by_chance(seed: u64) -> (Made, Vec<Vec<u8>>) {
    let mut chance = Chance::new(seed);
    let mut made = policy(&mut chance);
    let policy = parse(&made.text).expect("a policy");
    if !chance.once_in(4) {
        people(&mut made, &policy);
    }
    let frames = derived::frames(&policy, &made.entries, &mut chance, FRAMES);
    (made, frames)
}

/// Entries of every sort for the sets that policies by chance may have.
#[rustfmt::skip] // One line per sort.
const SOME: [(&str, &str, Life); 24] = [
    ("nets", "10.0.0.6", Life::Timed), ("nets", "10.0.0.5", Life::Over),
    ("nets", "10.0.0.64/26", Life::Timed), ("nets", "10.0.1.0/28", Life::Over),
    ("nets", "2001:db8::6", Life::Timed), ("nets", "2001:db8::5", Life::Over),
    ("nets", "2001:db8:0:2::/64", Life::Timed), ("nets", "2001:db8:0:1::/65", Life::Over),
    ("uncounted", "10.0.0.7", Life::Timed), ("uncounted", "10.0.0.3", Life::Over),
    ("uncounted", "10.0.0.128/26", Life::Timed), ("uncounted", "10.0.1.8/29", Life::Over),
    ("uncounted", "2001:db8::4", Life::Timed), ("uncounted", "2001:db8::3", Life::Over),
    ("uncounted", "2001:db8:0:3::/64", Life::Timed), ("uncounted", "2001:db8:0:1::/66", Life::Over),
    ("ports", "tcp/80", Life::Timed), ("ports", "udp/53", Life::Lasting),
    ("ports", "sctp/22-443", Life::Timed), ("ports", "any/8080", Life::Over),
    ("macs", "02:00:5e:10:00:02", Life::Lasting), ("macs", "06:00:5e:10:00:01", Life::Timed),
    ("macs", "02:00:5e:11:00:01", Life::Timed), ("macs", "02:00:5e:10:00:01", Life::Over),
];

/// Puts an entry of every sort into each set, so that every part of a look-up is needed.
fn people(made: &mut Made, policy: &Policy) {
    for (set, item, life) in SOME.into_iter().filter(|(set, ..)| policy.set(set).is_some()) {
        let parsed: Item = item.parse().expect("an item");
        let own = |entry: &Entry| entry.set == set && entry.item.parse() == Ok(parsed);
        if !made.entries.iter().any(own) {
            made.entries.push(Entry { set: set.to_owned(), item: item.to_owned(), life });
        }
    }
}

/// Has the judges look at each frame and compares what they have counted; the error is a report.
pub fn round(
    bench: Bench<'_>,
    name: &str,
    made: &Made,
    frames: &[Vec<u8>],
    tally: &mut Tally,
) -> Result<(), String> {
    let mut judges = match Judges::of(bench, made) {
        Ok(judges) => judges,
        Err(NoJudges::TooManySets) => {
            tally.leave_out();
            return Ok(());
        }
        Err(NoJudges::Refused(why)) => return Err(refused(bench, name, made, &why)),
    };
    for frame in frames {
        match judges.judge(frame) {
            Ok(expected) => tally.add(&expected, judges.count(frame)),
            Err(_) => return Err(report(bench, name, made, frame)),
        }
    }
    if let Err(how) = judges.settle() {
        let agree = |some: &[Vec<u8>]| !differ(bench, made, some);
        let Some(at) = bisect(frames, agree) else {
            return Err(format!("{name}, not seen again: {how}\n{}", made.text));
        };
        return Err(report(bench, name, made, &frames[at]));
    }
    for frame in [&frames[0], &frames[frames.len() / 2]] {
        let other = judges.in_other_modes(frame);
        other.map_err(|how| format!("{name}: {how}\n{}\nof:\n{}", hex(frame), made.text))?;
    }
    judges.executed(&mut tally.executed);
    tally.policies += 1;
    Ok(())
}

/// Whether the judges do not agree on frames, each time asked anew.
pub fn differ(bench: Bench<'_>, made: &Made, frames: &[Vec<u8>]) -> bool {
    Judges::of(bench, made).is_ok_and(|mut judges| {
        frames.iter().any(|frame| judges.judge(frame).is_err()) || judges.settle().is_err()
    })
}

/// What they say of a frame alone.
fn report(bench: Bench<'_>, name: &str, made: &Made, frame: &[u8]) -> String {
    let doubt = |made: &Made, frame: &[u8]| differ(bench, made, &[frame.to_vec()]);
    let (made, frame) = shrink(made.clone(), frame, doubt);
    let Ok(mut judges) = Judges::of(bench, &made) else {
        return format!("{name}: not seen again");
    };
    let verdict = judges.oracle(&frame).verdict;
    let how = match judges.judge(&frame).and_then(|_| judges.settle()) {
        Err(how) => how.to_string(),
        Ok(()) => format!("only together with other frames: {}", hex(&frame)),
    };
    let why = format!("# {name}; the verdict is the oracle's.\n");
    let case = Case { why, made, frames: vec![(verdict, frame)] };
    format!("{name}: {how}\nas a file of tests/corpus/:\n{case}")
}

/// What the verifier, or the compiler, does not take.
fn refused(bench: Bench<'_>, name: &str, made: &Made, why: &str) -> String {
    let doubt =
        |made: &Made, _: &[u8]| matches!(Judges::of(bench, made), Err(NoJudges::Refused(_)));
    let (made, _) = shrink(made.clone(), &[0; 14], doubt);
    let why = match Judges::of(bench, &made) {
        Err(NoJudges::Refused(why)) => why,
        _ => why.to_owned(),
    };
    format!("{name}: {why}\nof:\n{}", made.text)
}
