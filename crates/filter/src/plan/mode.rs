//! The mode: what the program does with its verdicts, as one word of a map says.

use std::fmt;

/// What the program does with its verdicts, as the control map says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Carries them out.
    Enforce,
    /// Counts what would be dropped, and passes it.
    Shadow,
    /// Passes everything unseen.
    Off,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Shadow, Self::Off];

    /// The value in the control map; the program takes any other for that of shadow.
    pub const fn code(self) -> u32 {
        match self {
            Self::Enforce => 0,
            Self::Shadow => 1,
            Self::Off => 2,
        }
    }

    /// The word on the command line and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
