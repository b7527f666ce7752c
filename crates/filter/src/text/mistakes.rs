//! The mistakes of a text while it is read: all of them, up to a bound that keeps a file of
//! something else from filling the memory with complaints.

use crate::diag::{Diagnostic, Diagnostics};

/// More mistakes than this are not looked for.
const MOST: usize = 1000;
/// More than are shown.
const FEW: usize = 50;

/// The mistakes so far.
#[derive(Default)]
pub struct Mistakes {
    all: Vec<Diagnostic>,
}

impl Mistakes {
    /// Notes one more; the one too many says that it is the last.
    pub fn add(&mut self, mistake: Diagnostic) {
        if self.all.len() < MOST {
            self.all.push(mistake);
        } else if !self.is_full() {
            let many = format!("more than {MOST} mistakes; others are not looked for");
            self.all.push(Diagnostic::new(mistake.span, many));
        }
    }

    /// Whether one more is likely to be shown, so that it pays to find out what was meant.
    pub fn are_few(&self) -> bool {
        self.all.len() < FEW
    }

    /// Whether there is no use in reading on.
    pub fn is_full(&self) -> bool {
        self.all.len() > MOST
    }

    /// All of them, in the order of their places.
    pub fn report(self) -> Option<Diagnostics> {
        Diagnostics::of(self.all)
    }
}
