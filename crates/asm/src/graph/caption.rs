//! What is written on a block: the line of the policy that asked for it, its labels, its
//! instructions with their slots.

use crate::graph::{Block, Graph};

/// What is written on one block.
pub(crate) struct Caption {
    /// The note that says what the block is for; its first label or its slot where there is none.
    pub(crate) title: String,
    /// What others call it: its first label or its slot.
    pub(crate) name: String,
    /// Its first slot.
    pub(crate) slot: usize,
    /// The first slot of its last instruction.
    pub(crate) last: usize,
    /// The lines below the title.
    pub(crate) lines: Vec<CaptionLine>,
}

/// A line below the title.
pub(crate) enum CaptionLine {
    /// A label.
    Label(String),
    /// A note that begins to hold inside the block.
    Note(String),
    /// An instruction.
    Insn { slot: usize, text: String },
}

impl CaptionLine {
    /// The text without its slot or mark.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Label(text) | Self::Note(text) | Self::Insn { text, .. } => text,
        }
    }
}

/// What is written on all blocks.
pub(crate) struct Captions(Vec<Caption>);

impl Captions {
    pub(crate) fn of(graph: &Graph<'_>) -> Self {
        let listing = graph.program.listing();
        let mut lines = listing.lines();
        let captions = graph.blocks().iter().map(|block| {
            let mut caption = Caption {
                title: String::new(),
                name: String::new(),
                slot: 0,
                last: 0,
                lines: Vec::new(),
            };
            let title = title(graph, block);
            for line in lines.by_ref().take(block.insns.len()) {
                if line.at == block.insns.start {
                    caption.slot = line.slot;
                    caption.name = match line.labels.first() {
                        Some(label) if !label.is_empty() => (*label).to_owned(),
                        Some(_) | None => format!("slot {}", line.slot),
                    };
                }
                if let Some(note) =
                    line.note.filter(|_| title.as_ref().is_none_or(|(at, _)| *at != line.at))
                {
                    caption.lines.push(CaptionLine::Note(note.to_string()));
                }
                let labels = line.labels.iter().map(|label| CaptionLine::Label((*label).into()));
                caption.lines.extend(labels);
                caption.lines.push(CaptionLine::Insn { slot: line.slot, text: line.text });
                caption.last = line.slot;
            }
            caption.title = title.map_or_else(|| caption.name.clone(), |(_, title)| title);
            caption
        });
        Self(captions.collect())
    }

    /// What is written on a block.
    pub(crate) fn at(&self, block: usize) -> &Caption {
        &self.0[block]
    }
}

/// The first note in a block that names a line of the policy, or the note that holds where the block
/// starts; with the instruction from which it holds in the block.
fn title(graph: &Graph<'_>, block: &Block) -> Option<(usize, String)> {
    let program = graph.program;
    let insns = block.insns.clone();
    let start = program.note_at(insns.start).map(|note| (insns.start, note));
    let inside = insns.skip(1).filter_map(|at| Some((at, program.notes().starting(at)?)));
    let lines = start.into_iter().chain(inside).filter(|(_, note)| note.line.is_some());
    let (at, note) = lines.min_by_key(|(at, _)| *at).or(start)?;
    let text = note.to_string();
    (!text.trim().is_empty()).then_some((at, text))
}
