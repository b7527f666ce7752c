//! The kernel's XDP tracepoints, and where the arguments of each stand.
//!
//! Places are those of `TP_PROTO` in the kernel's `include/trace/events/xdp.h`, from Linux 5.10 to
//! 7.2. Arguments that some of these kernels have otherwise are not read: what a redirect tells
//! behind its error (a map and an index until 5.12; a type, a number and an index since), and
//! where pointers lead.

use std::fmt;

/// A tracepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A program returned what the driver could not do, or `XDP_ABORTED`.
    Exception,
    /// A packet was redirected.
    Redirect,
    /// A packet was to be redirected and was not.
    RedirectErr,
    /// The same as `Redirect` by a map; no kernel since 5.6 says it, those before 6.18 have it.
    RedirectMap,
    /// The same as `RedirectErr` by a map, likewise.
    RedirectMapErr,
    /// A bulk was put into the queue of another CPU.
    CpumapEnqueue,
    /// That CPU took packets out of its queue.
    CpumapKthread,
    /// A bulk was handed to the device that it was redirected to.
    DevmapXmit,
    /// A veth sent a bulk back by `XDP_TX`.
    BulkTx,
}

/// A number that a program is to know of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The argument at that place, counted from zero.
    Argument(i16),
    /// Always this.
    Always(i32),
}

/// What the arguments of an event say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What it was about: see [`Event::subject`].
    pub subject: Number,
    /// The error, negative as the kernel has it.
    pub error: Number,
    /// How many packets.
    pub packets: Number,
    /// How many of them, or besides them, were dropped.
    pub drops: Number,
}

/// What the subject of an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The verdict of the program.
    Action,
    /// The CPU that it goes to.
    Cpu,
}

/// `XDP_TX` and `XDP_REDIRECT`.
const TX: i32 = 3;
const REDIRECT: i32 = 4;

impl Event {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Event; 9] = [
        Self::Exception,
        Self::Redirect,
        Self::RedirectErr,
        Self::RedirectMap,
        Self::RedirectMapErr,
        Self::CpumapEnqueue,
        Self::CpumapKthread,
        Self::DevmapXmit,
        Self::BulkTx,
    ];

    /// The kernel's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exception => "xdp_exception",
            Self::Redirect => "xdp_redirect",
            Self::RedirectErr => "xdp_redirect_err",
            Self::RedirectMap => "xdp_redirect_map",
            Self::RedirectMapErr => "xdp_redirect_map_err",
            Self::CpumapEnqueue => "xdp_cpumap_enqueue",
            Self::CpumapKthread => "xdp_cpumap_kthread",
            Self::DevmapXmit => "xdp_devmap_xmit",
            Self::BulkTx => "xdp_bulk_tx",
        }
    }

    /// What its arguments say.
    #[rustfmt::skip] // One line per row of the table.
    pub fn meaning(self) -> Meaning {
        use Number::{Always, Argument};
        let row = |subject, error, packets, drops| Meaning { subject, error, packets, drops };
        match self {
            // (dev, prog, action)
            Self::Exception => row(Argument(2), Always(0), Always(1), Always(0)),
            // (dev, prog, target, error, …)
            Self::Redirect | Self::RedirectErr | Self::RedirectMap | Self::RedirectMapErr =>
                row(Always(REDIRECT), Argument(3), Always(1), Always(0)),
            // (map, processed, drops, to)
            Self::CpumapEnqueue => row(Argument(3), Always(0), Argument(1), Argument(2)),
            // (map, processed, drops, sched, …)
            Self::CpumapKthread => row(Always(REDIRECT), Always(0), Argument(1), Argument(2)),
            // (from, to, sent, drops, error)
            Self::DevmapXmit => row(Always(REDIRECT), Argument(4), Argument(2), Argument(3)),
            // (dev, sent, drops, error)
            Self::BulkTx => row(Always(TX), Argument(3), Argument(1), Argument(2)),
        }
    }

    /// What the number is that [`Meaning::subject`] gives.
    pub fn subject(self) -> Subject {
        match self {
            Self::CpumapEnqueue => Subject::Cpu,
            Self::Exception
            | Self::Redirect
            | Self::RedirectErr
            | Self::RedirectMap
            | Self::RedirectMapErr
            | Self::CpumapKthread
            | Self::DevmapXmit
            | Self::BulkTx => Subject::Action,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many verdicts there are.
pub const VERDICTS: u32 = 5;

/// The word for a verdict; `None` for a number that is none.
pub fn action_word(number: u32) -> Option<&'static str> {
    ["aborted", "drop", "pass", "tx", "redirect"].get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_have_the_words_of_the_language_and_other_numbers_none() {
        assert_eq!(action_word(0), Some("aborted"));
        assert_eq!(action_word(4), Some("redirect"));
        assert_eq!([action_word(VERDICTS), action_word(u32::MAX)], [None, None]);
    }
}
