//! The colours of graphs: what becomes of a packet, at a glance.
//!
//! Red is drop, green is pass, dark grey is aborted, blue leaves by an interface. Blocks that
//! decide are strong, those that lead to one decision only are tinted, all others are plain. Text
//! is dark on light but for the titles of strong blocks.

use crate::graph::{Fate, XdpAction};

/// The colours of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    /// Behind the title.
    pub(crate) head: &'static str,
    /// The title.
    pub(crate) title: &'static str,
    /// Behind the instructions.
    pub(crate) body: &'static str,
    /// The frame, and edges that lead here.
    pub(crate) line: &'static str,
}

#[rustfmt::skip] // One line for each look.
const PLAIN: Paint =
    Paint { head: "#e4e9ef", title: "#1b2733", body: "#ffffff", line: "#7d8b99" };

/// The colours of a block, by what it means to the packet.
pub(crate) fn of(fate: Fate) -> Paint {
    match fate {
        Fate::Open => PLAIN,
        Fate::LeadsTo(action) => Paint { head: shade(action), title: "#1b2733", ..strong(action) },
        Fate::Decides(action, _) => strong(action),
    }
}

#[rustfmt::skip] // One line for each action.
fn strong(action: XdpAction) -> Paint {
    match action {
        XdpAction::Aborted  => Paint { head: "#37404a", title: "#ffffff", body: "#eceef0", line: "#37404a" },
        XdpAction::Drop     => Paint { head: "#c62828", title: "#ffffff", body: "#fdeeee", line: "#c62828" },
        XdpAction::Pass     => Paint { head: "#2e7d32", title: "#ffffff", body: "#eef7ee", line: "#2e7d32" },
        XdpAction::Tx       => Paint { head: "#1565c0", title: "#ffffff", body: "#edf3fb", line: "#1565c0" },
        XdpAction::Redirect => Paint { head: "#00778a", title: "#ffffff", body: "#eaf6f8", line: "#00778a" },
    }
}

/// Behind the title of a block that leads to an action.
fn shade(action: XdpAction) -> &'static str {
    match action {
        XdpAction::Aborted => "#cfd4d9",
        XdpAction::Drop => "#f6c9c9",
        XdpAction::Pass => "#cde8ce",
        XdpAction::Tx => "#c9ddf4",
        XdpAction::Redirect => "#c3e5ea",
    }
}

/// The colour of an edge that leads back.
pub(crate) const BACK: &str = "#8e24aa";
