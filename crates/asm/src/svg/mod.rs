//! The control-flow graph as a picture, drawn here: one SVG file with nothing outside it and
//! nothing in it that runs.
//!
//! Blocks stand in layers, each below all that lead to it, under the line of the policy that asked
//! for them, in the colour of what they do to the packet; the longest path is bold, loops go back up
//! at the side. Every block and every edge is drawn exactly once. The picture depends on the program
//! alone: it is laid out in whole numbers, and the same bytes come out on every machine.

mod card;
mod crossings;
mod draw;
mod layers;
mod lines;
mod place;
mod pools;
mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::graph::{Captions, Fate, Graph, LongestPath, Loop, Walk};
use card::{Card, TYPE};
use layers::{Layers, Node};
use lines::Lines;
use place::{Extent, Places};
use xml::{columns, cut, pixels};

/// The graph of a program as a picture.
#[derive(Clone, Debug)]
pub struct Svg<'a> {
    graph: &'a Graph<'a>,
    name: &'a str,
    remarks: Vec<&'a str>,
}

impl Graph<'_> {
    /// The graph as a picture with that title.
    pub fn svg<'a>(&'a self, name: &'a str) -> Svg<'a> {
        Svg { graph: self, name, remarks: Vec::new() }
    }
}

impl<'a> Svg<'a> {
    /// The same with one more line under the title.
    #[must_use]
    pub fn remarked(mut self, remark: &'a str) -> Self {
        self.remarks.push(remark);
        self
    }
}

impl fmt::Display for Svg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        draw::draw(f, self, &Picture::of(self))
    }
}

/// The size of type on signs and beside lines.
const SMALL: i64 = 11;
/// How high a sign is.
const SIGN: i64 = 20;
/// The room around everything.
const MARGIN: i64 = 28;
/// The height of the title, the legend and what stands with them, without remarks.
const HEADING: i64 = 142;

/// Everything with its place.
struct Picture {
    captions: Captions,
    cards: Vec<Card>,
    fates: Vec<Fate>,
    loops: Vec<Loop>,
    longest: LongestPath,
    /// Whether each block is on the longest path.
    on_longest: Vec<bool>,
    /// For each block the blocks that lead to it by a sign.
    signposted: Vec<Vec<usize>>,
    immediate: Vec<Option<usize>>,
    layers: Layers,
    places: Places,
    lines: Lines,
    width: i64,
    height: i64,
}

impl Picture {
    fn of(svg: &Svg<'_>) -> Self {
        let graph = svg.graph;
        let captions = Captions::of(graph);
        let (fates, loops) = (graph.fates(), graph.loops());
        let headers: BTreeMap<usize, String> =
            loops.iter().map(|of| (of.header, of.kind.to_string())).collect();
        let blocks = 0..graph.blocks().len();
        let cards: Vec<Card> = blocks
            .clone()
            .map(|block| {
                let header = headers.get(&block).map(String::as_str);
                Card::new(
                    captions.at(block),
                    fates[block],
                    header,
                    graph.blocks()[block].edges.len(),
                )
            })
            .collect();
        let mut layers = Layers::of(graph, &Walk::of(graph));
        crossings::reduce(&mut layers);
        let extents = layers.nodes.iter().map(|node| extent(node, &cards, &captions)).collect();
        let remarks = i64::try_from(svg.remarks.len()).unwrap_or(0);
        let mut places = Places::of(&layers, extents, HEADING + remarks * 18 + MARGIN);
        let nodes = 0..layers.nodes.len();
        let left = nodes.map(|node| places.left(node)).min().unwrap_or(0);
        places.shift(MARGIN - left);
        let lines = Lines::of(graph, &layers, &places);
        let (dominators, longest) = (graph.dominators(), graph.longest_path());
        let on_longest: BTreeSet<usize> = longest.blocks.iter().copied().collect();
        Self {
            width: (lines.right + MARGIN).max(draw::LEGEND),
            height: places.borders.last().map_or(0, |border| border.1) + 2 * MARGIN,
            on_longest: blocks.clone().map(|block| on_longest.contains(&block)).collect(),
            signposted: layers.signposted(),
            longest,
            immediate: blocks.map(|block| dominators.immediate(block)).collect(),
            captions,
            cards,
            fates,
            loops,
            layers,
            places,
            lines,
        }
    }
}

fn extent(node: &Node, cards: &[Card], captions: &Captions) -> Extent {
    match *node {
        Node::Block(block) => Extent { width: cards[block].width, height: cards[block].height },
        Node::Sign(to) => {
            let width = pixels(columns(&sign(captions, to)), SMALL) + TYPE;
            Extent { width, height: SIGN }
        }
        Node::Bend => Extent { width: 2, height: 0 },
    }
}

/// What a sign to a block says.
fn sign(captions: &Captions, to: usize) -> String {
    format!("→ {}", cut(&captions.at(to).name, 32))
}
