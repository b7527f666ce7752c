//! The control-flow graph in the language of Graphviz, for `dot -Tsvg`.
//!
//! A node is a block, named after its first slot: its title in bold, then its labels, notes and
//! instructions as text, in the colours of what it does to the packet. The longest path is drawn
//! bolder, edges that lead back are marked. Nothing in a text can end the string that it stands in
//! or be taken for a mark.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::graph::{Caption, CaptionLine, Captions, Fate, Graph, Walk, Way};
use crate::paint::{self, BACK, Paint};

impl Graph<'_> {
    /// The graph as a `digraph` of that name.
    pub fn dot<'a>(&'a self, name: &'a str) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| self.write(f, name))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        writeln!(f, "digraph \"{}\" {{", quoted(name))?;
        // A program of some hundred blocks takes Graphviz minutes with curves and its best layout.
        writeln!(f, "  graph [splines=line, nslimit=1];")?;
        writeln!(f, "  node [shape=box, style=filled, fontname=\"monospace\"];")?;
        writeln!(f, "  edge [fontname=\"monospace\"];")?;
        let (captions, fates) = (Captions::of(self), self.fates());
        self.nodes(f, &captions, &fates)?;
        self.arrows(f, &captions, &fates)?;
        writeln!(f, "}}")
    }

    fn nodes(
        &self,
        f: &mut fmt::Formatter<'_>,
        captions: &Captions,
        fates: &[Fate],
    ) -> fmt::Result {
        let headers: BTreeMap<usize, String> =
            self.loops().iter().map(|of| (of.header, of.kind.to_string())).collect();
        for (block, fate) in fates.iter().enumerate() {
            let caption = captions.at(block);
            let Paint { body, line, .. } = paint::of(*fate);
            write!(f, "  s{} [fillcolor=\"{body}\", color=\"{line}\"", caption.slot)?;
            if matches!(fate, Fate::Decides(..)) {
                write!(f, ", penwidth=3")?;
            }
            write!(f, ", label=<")?;
            text(f, caption, headers.get(&block).map(String::as_str))?;
            writeln!(f, ">];")?;
        }
        Ok(())
    }

    fn arrows(
        &self,
        f: &mut fmt::Formatter<'_>,
        captions: &Captions,
        fates: &[Fate],
    ) -> fmt::Result {
        let (walk, longest) = (Walk::of(self), self.longest_path());
        for (from, block) in self.blocks().iter().enumerate() {
            for (number, edge) in block.edges.iter().enumerate() {
                let slots = (captions.at(from).slot, captions.at(edge.to).slot);
                write!(f, "  s{} -> s{} [", slots.0, slots.1)?;
                let is_back = walk.is_back(from, number);
                let colour = if is_back { BACK } else { paint::of(fates[edge.to]).line };
                write!(f, "color=\"{colour}\"{}", look(edge.way))?;
                if is_back {
                    write!(f, ", style=dashed, penwidth=2")?;
                } else if longest.edges.binary_search(&(from, number)).is_ok() {
                    write!(f, ", penwidth=3")?;
                }
                writeln!(f, "];")?;
            }
        }
        Ok(())
    }
}

/// The attributes of an edge.
fn look(way: Way) -> &'static str {
    match way {
        Way::Taken => ", label=\"taken\"",
        Way::NotTaken => ", label=\"not taken\"",
        Way::Always => "",
        Way::Call => ", label=\"call\", style=dashed",
        Way::Callback => ", label=\"callback\", style=dashed",
    }
}

/// What stands in a node, each line ended by the mark that aligns it to the left.
fn text(f: &mut fmt::Formatter<'_>, caption: &Caption, header: Option<&str>) -> fmt::Result {
    const END: &str = "<br align=\"left\"/>";
    write!(f, "<b>{}</b>{END}", marked(&caption.title))?;
    if let Some(kind) = header {
        write!(f, "<i>{kind}</i>{END}")?;
    }
    caption.lines.iter().try_for_each(|line| match line {
        CaptionLine::Label(label) => write!(f, "{}:{END}", marked(label)),
        CaptionLine::Note(note) => write!(f, "; {}{END}", marked(note)),
        CaptionLine::Insn { slot, text } => write!(f, "{slot}: {}{END}", marked(text)),
    })
}

/// The text inside a quoted string: marks, escapes and entities of Graphviz lose their meaning.
fn quoted(text: &str) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        text.chars().try_for_each(|c| match c {
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            '&' => f.write_str("&amp;"),
            c if c.is_control() => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    })
}

/// The text between the marks of a label.
fn marked(text: &str) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        text.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            // Graphviz hands labels to an XML parser, which has no way to take these.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    })
}
