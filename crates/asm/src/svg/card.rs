//! The boxes: what is written on a block and how much room it takes.
//!
//! A block is shown whole up to forty lines; of a longer one, and of lines too long to be drawn,
//! the whole text is in the tooltip.

use crate::graph::{Caption, CaptionLine, Fate, Firmness};
use crate::svg::lines::{EDGE, ENDS};
use crate::svg::xml::{columns, cut, pixels};

/// The size of type on boxes.
pub(crate) const TYPE: i64 = 12;
/// From one line to the next.
pub(crate) const LINE: i64 = 16;
/// The height of the title.
pub(crate) const TITLE: i64 = 24;
/// From the edge of a box to its text.
pub(crate) const PAD: i64 = 10;
/// How many lines are drawn.
const LINES: usize = 40;
/// Of so many edges a box is wide enough that the words beside them stand apart.
const WAYS: usize = 12;
/// How many columns are drawn.
const COLUMNS: i64 = 64;

/// A block as it is drawn.
pub(crate) struct Card {
    pub(crate) title: String,
    /// What stands beside the title: whether the block decides, and of which loop it is the header.
    pub(crate) badge: String,
    pub(crate) lines: Vec<CardLine>,
    pub(crate) width: i64,
    pub(crate) height: i64,
    /// All that is written on the block, where not all is drawn.
    pub(crate) whole: Option<String>,
}

/// A line of a box.
pub(crate) enum CardLine {
    Label(String),
    Note(String),
    Insn {
        slot: String,
        text: String,
    },
    /// How many lines are left out.
    Left(usize),
}

impl Card {
    /// The box of a block with that many edges, which perhaps is the header of a loop.
    pub(crate) fn new(caption: &Caption, fate: Fate, header: Option<&str>, ways: usize) -> Self {
        let title = cut(&caption.title, COLUMNS);
        let badge = badge(fate, header);
        let shown = if caption.lines.len() > LINES { LINES - 1 } else { caption.lines.len() };
        let mut lines: Vec<CardLine> = caption.lines[..shown].iter().map(CardLine::of).collect();
        if shown < caption.lines.len() {
            lines.push(CardLine::Left(caption.lines.len() - shown));
        }
        let gap = if badge.is_empty() { 0 } else { 2 };
        let head = columns(&title) + gap + columns(&badge);
        let widest = lines.iter().map(CardLine::columns).chain([head, 20]).max().unwrap_or(0);
        let rows = i64::try_from(lines.len()).unwrap_or(i64::MAX / LINE / 2);
        Self {
            whole: whole(caption, shown),
            width: (pixels(widest, TYPE) + 2 * PAD).max(room(ways)),
            height: TITLE + rows * LINE + 8,
            title,
            badge,
            lines,
        }
    }
}

impl CardLine {
    fn of(line: &CaptionLine) -> Self {
        match line {
            CaptionLine::Label(label) => Self::Label(cut(&format!("{label}:"), COLUMNS)),
            CaptionLine::Note(note) => Self::Note(cut(&format!("; {note}"), COLUMNS)),
            CaptionLine::Insn { slot, text } => {
                Self::Insn { slot: format!("{slot:>4}  "), text: cut(text, COLUMNS) }
            }
        }
    }

    fn columns(&self) -> i64 {
        match self {
            Self::Label(text) | Self::Note(text) => columns(text),
            Self::Insn { slot, text } => columns(slot) + columns(text),
            Self::Left(_) => 30,
        }
    }
}

/// How wide a box must be for the words beside its edges.
fn room(ways: usize) -> i64 {
    let between = i64::try_from(ways.min(WAYS).saturating_sub(1)).unwrap_or(0);
    if between == 0 { 0 } else { between * ENDS + 2 * EDGE }
}

fn badge(fate: Fate, header: Option<&str>) -> String {
    let decision = match fate {
        Fate::Decides(action, Firmness::Final) => Some(format!("→ {action}")),
        Fate::Decides(action, Firmness::UnlessChanged) => {
            Some(format!("→ {action}, unless changed below"))
        }
        Fate::LeadsTo(_) | Fate::Open => None,
    };
    let header = header.map(|kind| format!("↻ {kind}"));
    let parts: Vec<String> = header.into_iter().chain(decision).collect();
    parts.join(" · ")
}

/// The whole text, where lines or parts of them are not drawn.
fn whole(caption: &Caption, shown: usize) -> Option<String> {
    let too_long = |line: &CaptionLine| columns(line.text()) >= COLUMNS;
    let drawn = shown == caption.lines.len()
        && columns(&caption.title) <= COLUMNS
        && !caption.lines.iter().any(too_long);
    if drawn {
        return None;
    }
    let lines = caption.lines.iter().map(|line| match line {
        CaptionLine::Label(label) => format!("{label}:"),
        CaptionLine::Note(note) => format!("; {note}"),
        CaptionLine::Insn { slot, text } => format!("{slot:>4}  {text}"),
    });
    let all: Vec<String> = [caption.title.clone()].into_iter().chain(lines).collect();
    Some(all.join("\n"))
}
