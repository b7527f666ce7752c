//! The control-flow graph in the language of Graphviz, for `dot -Tsvg`.
//!
//! A node is a block, named after its first slot, with its labels, notes and instructions as text;
//! nothing in them can end the string that they stand in.

use std::fmt::{self, Write};

use crate::graph::{Graph, Way};
use crate::listing::Line;

impl Graph<'_> {
    /// The graph as a `digraph` of that name.
    pub fn dot<'a>(&'a self, name: &'a str) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| self.write(f, name))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let listing = self.program.listing();
        let lines: Vec<Line<'_>> = listing.lines().collect();
        let node = |block: usize| lines[self.blocks()[block].insns.start].slot;
        writeln!(f, "digraph \"{}\" {{", escaped(name))?;
        // A program of some hundred blocks takes Graphviz minutes with curves and its best layout.
        writeln!(f, "  graph [splines=line, nslimit=1];")?;
        writeln!(f, "  node [shape=box, fontname=\"monospace\"];")?;
        for (at, block) in self.blocks().iter().enumerate() {
            write!(f, "  s{} [label=\"", node(at))?;
            lines[block.insns.clone()].iter().try_for_each(|line| text(f, line))?;
            writeln!(f, "\"];")?;
        }
        for (at, block) in self.blocks().iter().enumerate() {
            for edge in &block.edges {
                writeln!(f, "  s{} -> s{}{};", node(at), node(edge.to), look(edge.way))?;
            }
        }
        writeln!(f, "}}")
    }
}

/// The attributes of an edge.
fn look(way: Way) -> &'static str {
    match way {
        Way::Taken => " [label=\"taken\"]",
        Way::NotTaken => " [label=\"not taken\"]",
        Way::Always => "",
        Way::Call => " [label=\"call\", style=dashed]",
        Way::Callback => " [label=\"callback\", style=dashed]",
    }
}

/// A line of a node, each part ended by the mark that aligns it to the left.
fn text(f: &mut fmt::Formatter<'_>, line: &Line<'_>) -> fmt::Result {
    for label in &line.labels {
        write!(f, "{}:\\l", escaped(label))?;
    }
    if let Some(note) = line.note {
        write!(f, "; {}\\l", escaped(&note.to_string()))?;
    }
    write!(f, "{}: {}\\l", line.slot, escaped(&line.text))
}

/// The text inside a quoted string: marks, escapes and entities of Graphviz lose their meaning.
fn escaped(text: &str) -> impl fmt::Display + '_ {
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
