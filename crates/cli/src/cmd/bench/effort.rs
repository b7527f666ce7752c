//! How much is spent on a run.

/// Whether figures are wanted, or whether it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    Full,
    Quick,
}

impl Effort {
    /// The first of two for figures, the second for a quick look.
    pub fn of<T>(self, (full, quick): (T, T)) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}
