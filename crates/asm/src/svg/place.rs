//! Where everything stands, in whole pixels, so that the picture is the same on every machine.
//!
//! Each layer in turn is moved towards its neighbours above, below, and in the end both. What goes
//! on from block to block pulls harder than what leaves for a sign, and a line that passes layers
//! hardest, so that it is straight. Invariant: nodes of one layer never overlap.

use crate::svg::layers::{Layers, Node};
use crate::svg::pools::{Wish, settled};

/// How much room there is between two boxes.
const BESIDE: i64 = 28;
/// How much room there is beside a line.
const BESIDE_LINE: i64 = 14;
/// How often the layers are moved, down and up.
const ROUNDS: usize = 12;
/// The room between two layers, at least and at most.
const BETWEEN: (i64, i64) = (52, 150);

/// How large a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) width: i64,
    pub(crate) height: i64,
}

/// Where everything stands.
pub(crate) struct Places {
    /// The middle of each node.
    pub(crate) middles: Vec<i64>,
    pub(crate) extents: Vec<Extent>,
    /// The upper and the lower border of each layer.
    pub(crate) borders: Vec<(i64, i64)>,
}

impl Places {
    /// Places nodes of these extents, the first layer `top` below the edge.
    pub(crate) fn of(layers: &Layers, extents: Vec<Extent>, top: i64) -> Self {
        let mut places = Self { middles: vec![0; extents.len()], extents, borders: Vec::new() };
        layers.rows.iter().for_each(|row| places.start(layers, row));
        for _ in 0..ROUNDS {
            for row in layers.rows.iter().skip(1) {
                places.settle(row, &layers.nodes, |node| pull(layers, node, &layers.up));
            }
            for row in layers.rows.iter().rev().skip(1) {
                places.settle(row, &layers.nodes, |node| pull(layers, node, &layers.down));
            }
        }
        for row in layers.rows.iter().chain(layers.rows.iter().rev()) {
            places.settle(row, &layers.nodes, |node| {
                let mut all = pull(layers, node, &layers.up);
                all.extend(pull(layers, node, &layers.down));
                all
            });
        }
        places.turn(layers);
        places.stack(layers, top);
        places
    }

    /// Swaps left and right where the first block would stand far from where a reader begins.
    fn turn(&mut self, layers: &Layers) {
        let Some(first) = layers.rows.first().and_then(|row| row.first()) else { return };
        let middles = || self.middles.iter().copied();
        let (left, right) = (middles().min().unwrap_or(0), middles().max().unwrap_or(0));
        if self.middles[*first] > (left + right) / 2 {
            self.middles.iter_mut().for_each(|middle| *middle = -*middle);
        }
    }

    pub(crate) fn left(&self, node: usize) -> i64 {
        self.middles[node] - self.extents[node].width / 2
    }

    pub(crate) fn right(&self, node: usize) -> i64 {
        self.left(node) + self.extents[node].width
    }

    /// Moves everything to the right.
    pub(crate) fn shift(&mut self, by: i64) {
        self.middles.iter_mut().for_each(|middle| *middle += by);
    }

    /// Side by side, about the middle.
    fn start(&mut self, layers: &Layers, row: &[usize]) {
        let mut at = 0;
        for pair in row.windows(2) {
            at += self.apart(&layers.nodes, pair[0], pair[1]);
            self.middles[pair[1]] = at;
        }
        row.iter().for_each(|node| self.middles[*node] -= at / 2);
    }

    /// How far apart the middles of two neighbours are at least.
    fn apart(&self, nodes: &[Node], a: usize, b: usize) -> i64 {
        let line = nodes[a] == Node::Bend || nodes[b] == Node::Bend;
        let room = if line { BESIDE_LINE } else { BESIDE };
        // Half of an odd width is rounded up, so that the boxes keep their distance.
        (self.extents[a].width + 1) / 2 + (self.extents[b].width + 1) / 2 + room
    }

    /// Moves a layer to where its neighbours, with their weights, want it.
    fn settle(&mut self, row: &[usize], nodes: &[Node], pull: impl Fn(usize) -> Vec<(usize, i64)>) {
        let wish = |(place, &node): (usize, &usize)| {
            let before = place.checked_sub(1).map(|before| row[before]);
            let apart = before.map_or(0, |before| self.apart(nodes, before, node));
            let pulls = pull(node);
            let weight: i64 = pulls.iter().map(|(_, weight)| weight).sum();
            if weight == 0 {
                return Wish { sum: self.middles[node], weight: 1, apart };
            }
            let sum = pulls.iter().map(|(other, weight)| self.middles[*other] * weight).sum();
            Wish { sum, weight, apart }
        };
        let wishes: Vec<Wish> = row.iter().enumerate().map(wish).collect();
        for (node, middle) in row.iter().zip(settled(&wishes)) {
            self.middles[*node] = middle;
        }
    }

    /// The layers from top to bottom, further apart where lines go far aside.
    fn stack(&mut self, layers: &Layers, top: i64) {
        let mut at = top;
        for row in &layers.rows {
            let height = row.iter().map(|node| self.extents[*node].height).max().unwrap_or(0);
            self.borders.push((at, at + height));
            let aside = row.iter().flat_map(|node| {
                let aside = |below: &usize| (self.middles[*node] - self.middles[*below]).abs();
                layers.down[*node].iter().map(aside)
            });
            let farthest = aside.max().unwrap_or(0);
            at += height + (BETWEEN.0 + farthest / 12).min(BETWEEN.1);
        }
    }
}

/// Who pulls at a node, and how hard.
fn pull(layers: &Layers, node: usize, towards: &[Vec<usize>]) -> Vec<(usize, i64)> {
    let weight = |other: usize| match (layers.nodes[node], layers.nodes[other]) {
        (Node::Sign(_), _) | (_, Node::Sign(_)) => 1,
        (Node::Bend, Node::Bend) => 60,
        _ if layers.is_spine(node, other) || layers.is_spine(other, node) => 60,
        (Node::Bend | Node::Block(_), Node::Block(_)) | (Node::Block(_), Node::Bend) => 4,
    };
    towards[node].iter().map(|other| (*other, weight(*other))).collect()
}
