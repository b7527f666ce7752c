//! What a rule reports of the packets that it matches: an `event`.

/// Which packets of a rule are reported, and how much of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    one_in: u32,
    snap: u32,
}

impl Report {
    /// Every packet, and none of its bytes.
    pub const PLAIN: Self = Self { one_in: 1, snap: 0 };
    /// The most packets out of which one is reported.
    pub const MOST_ONE_IN: u32 = 1_000_000;
    /// The most bytes of a packet that are reported.
    pub const MOST_SNAP: u32 = 2048;

    /// One of so many packets, with so many of its bytes at most; nothing where that is out of
    /// bounds.
    pub fn new(one_in: u32, snap: u32) -> Option<Self> {
        let fits = (1..=Self::MOST_ONE_IN).contains(&one_in) && snap <= Self::MOST_SNAP;
        fits.then_some(Self { one_in, snap })
    }

    /// One of so many packets is reported, counted by rule and CPU.
    pub const fn one_in(self) -> u32 {
        self.one_in
    }

    /// The most bytes of a packet.
    pub const fn snap(self) -> u32 {
        self.snap
    }
}

/// How many events a policy may report: so many a second on each CPU, and as many at once behind a
/// pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventRate {
    /// A second, on each CPU.
    pub rate: u32,
    /// The line that says so; `None` where the language itself does.
    pub line: Option<u32>,
}

impl EventRate {
    /// What holds where a policy says nothing.
    pub const UNSAID: Self = Self { rate: 1000, line: None };
    /// The greatest rate.
    pub const MOST: u32 = 10_000_000;
}
