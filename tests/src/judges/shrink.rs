//! A disagreement made smaller: the lines, words and entries of the policy that it does not need go,
//! then what the frame does not need.

use palisade_filter::parse;

use crate::derived::SHORTEST;
use crate::random::Made;

/// Whether a policy and a frame are still in doubt: the judges do not agree on it.
pub trait Doubt: FnMut(&Made, &[u8]) -> bool {}
impl<F: FnMut(&Made, &[u8]) -> bool> Doubt for F {}

/// The first of so many frames with which the judges do not agree; each stretch that is tried begins
/// with the first frame.
pub fn bisect(frames: &[Vec<u8>], mut agree: impl FnMut(&[Vec<u8>]) -> bool) -> Option<usize> {
    let (mut good, mut bad) = (0, frames.len());
    if agree(&frames[..bad]) {
        return None;
    }
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if agree(&frames[..middle]) { good = middle } else { bad = middle }
    }
    Some(bad - 1)
}

/// The smallest policy and frame that are still in doubt, as far as leaving out leads.
pub fn shrink(mut made: Made, frame: &[u8], mut doubt: impl Doubt) -> (Made, Vec<u8>) {
    let mut frame = frame.to_vec();
    if !doubt(&made, &frame) {
        return (made, frame);
    }
    without_lines(&mut made, &mut |made| doubt(made, &frame));
    without_entries(&mut made, &mut |made| doubt(made, &frame));
    without_words(&mut made, &mut |made| doubt(made, &frame));
    shorter(&mut frame, &mut |frame| doubt(&made, frame));
    plainer(&mut frame, &mut |frame| doubt(&made, frame));
    (made, frame)
}

/// Leaves out statements, the last one first; declarations that are still used cannot go, as the
/// text is no policy without them.
fn without_lines(made: &mut Made, doubt: &mut impl FnMut(&Made) -> bool) {
    for at in (0..made.text.lines().count()).rev() {
        let lines = made.text.lines().enumerate().filter(|(own, _)| *own != at);
        let text: String = lines.map(|(_, line)| format!("{line}\n")).collect();
        let Ok(policy) = parse(&text) else { continue };
        let mut entries = made.entries.clone();
        entries.retain(|entry| policy.set(&entry.set).is_some());
        keep(made, Made { text, entries }, doubt);
    }
}

fn without_entries(made: &mut Made, doubt: &mut impl FnMut(&Made) -> bool) {
    for at in (0..made.entries.len()).rev() {
        let mut without = made.clone();
        without.entries.remove(at);
        keep(made, without, doubt);
    }
}

/// Leaves out words, two at a time and then one.
fn without_words(made: &mut Made, doubt: &mut impl FnMut(&Made) -> bool) {
    for line in 0..made.text.lines().count() {
        for many in [3, 2, 1] {
            let mut at = 1;
            while let Some(text) = without_word(&made.text, line, at, many) {
                if parse(&text).is_err() || !keep(made, Made { text, ..made.clone() }, doubt) {
                    at += 1;
                }
            }
        }
    }
}

/// The text without `many` words of a line from the one at `at` on, if there are so many.
fn without_word(text: &str, line: usize, at: usize, many: usize) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut words: Vec<&str> = lines[line].split(' ').collect();
    if at + many > words.len() {
        return None;
    }
    words.drain(at..at + many);
    lines[line] = words.join(" ");
    Some(lines.iter().map(|line| format!("{line}\n")).collect())
}

fn keep(made: &mut Made, without: Made, doubt: &mut impl FnMut(&Made) -> bool) -> bool {
    let kept = doubt(&without);
    if kept {
        *made = without;
    }
    kept
}

fn shorter(frame: &mut Vec<u8>, doubt: &mut impl FnMut(&[u8]) -> bool) {
    let mut step = frame.len() / 2;
    while step > 0 {
        let shorter = frame.len().saturating_sub(step).max(SHORTEST);
        if shorter < frame.len() && doubt(&frame[..shorter]) {
            frame.truncate(shorter);
        } else {
            step /= 2;
        }
    }
}

/// Zeros instead of bytes that do not matter.
fn plainer(frame: &mut [u8], doubt: &mut impl FnMut(&[u8]) -> bool) {
    for at in (0..frame.len()).rev() {
        let old = std::mem::replace(&mut frame[at], 0);
        if old != 0 && !doubt(frame) {
            frame[at] = old;
        }
    }
}
