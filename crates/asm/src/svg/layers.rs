//! Layers: every block below all those that lead to it, and what fills the layers between.
//!
//! An edge that passes layers has a bend in each; edges to the same block share their bends, so
//! that they join like the streams of a river. Blocks that many edges lead to, as the end of the
//! program, and edges that pass many layers would cover the picture with lines: there a sign below
//! the block names the place instead. So the number of nodes is bounded by that of the edges.

use std::collections::BTreeMap;

use crate::graph::{Graph, Walk};

/// More edges than these to one block become signs, but for those from the layer above.
const CROWD: usize = 6;
/// An edge that goes down more layers than these becomes a sign.
const FAR: usize = 10;

/// What stands in a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    /// A block.
    Block(usize),
    /// The name of the block that an edge leads to.
    Sign(usize),
    /// A place that edges to one block pass.
    Bend,
}

/// How an edge is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Course {
    /// Down through these nodes, the last being the block it leads to.
    Down(Vec<usize>),
    /// Down to a sign.
    Sign(usize),
    /// Back up at the side.
    Back,
}

/// An edge.
pub(crate) struct Route {
    /// The block it comes from.
    pub(crate) from: usize,
    /// Its number among the edges of that block.
    pub(crate) number: usize,
    pub(crate) course: Course,
}

/// All nodes in layers; the first ones are the blocks in their order.
pub(crate) struct Layers {
    pub(crate) nodes: Vec<Node>,
    /// The layer of each node.
    pub(crate) depths: Vec<usize>,
    /// The nodes in each layer.
    pub(crate) rows: Vec<Vec<usize>>,
    /// The nodes that lead to each node from the layer above.
    pub(crate) up: Vec<Vec<usize>>,
    /// The nodes that each node leads to in the layer below.
    pub(crate) down: Vec<Vec<usize>>,
    pub(crate) routes: Vec<Route>,
    /// The node in the next layer by which each block goes on for longest, where one is drawn.
    pub(crate) spine: Vec<Option<usize>>,
}

impl Layers {
    pub(crate) fn of(graph: &Graph<'_>, walk: &Walk) -> Self {
        let (depths, crowds) = measured(graph, walk);
        let count = depths.len();
        let mut layers = Self {
            nodes: (0..count).map(Node::Block).collect(),
            rows: Vec::new(),
            up: vec![Vec::new(); count],
            down: vec![Vec::new(); count],
            routes: Vec::new(),
            spine: vec![None; count],
            depths,
        };
        let mut bends = BTreeMap::new();
        for (from, block) in graph.blocks().iter().enumerate() {
            for (number, edge) in block.edges.iter().enumerate() {
                let course = if walk.is_back(from, number) {
                    Course::Back
                } else {
                    layers.course(&mut bends, from, edge.to, crowds[edge.to])
                };
                layers.routes.push(Route { from, number, course });
            }
        }
        layers.fill_rows(walk);
        layers.find_spine(graph, walk);
        layers
    }

    /// Follows from every block the edge after which most blocks can still come.
    fn find_spine(&mut self, graph: &Graph<'_>, walk: &Walk) {
        let mut lasting = vec![0; graph.blocks().len()];
        for &from in walk.order.iter().rev() {
            for (number, edge) in graph.blocks()[from].edges.iter().enumerate() {
                if !walk.is_back(from, number) {
                    lasting[from] = lasting[from].max(lasting[edge.to] + 1);
                }
            }
        }
        for route in &self.routes {
            let Course::Down(nodes) = &route.course else { continue };
            let to = graph.blocks()[route.from].edges[route.number].to;
            if lasting[to] + 1 == lasting[route.from] {
                self.spine[route.from] = nodes.first().copied();
            }
        }
    }

    /// Whether a node is the one by which a block above it goes on for longest.
    pub(crate) fn is_spine(&self, above: usize, below: usize) -> bool {
        self.spine.get(above).is_some_and(|next| *next == Some(below))
    }

    /// For each block the blocks that lead to it by a sign.
    pub(crate) fn signposted(&self) -> Vec<Vec<usize>> {
        let mut from = vec![Vec::new(); self.nodes.len()];
        for route in &self.routes {
            let Course::Sign(sign) = route.course else { continue };
            if let Node::Sign(to) = self.nodes[sign] {
                from[to].push(route.from);
            }
        }
        from
    }

    fn course(
        &mut self,
        bends: &mut BTreeMap<(usize, usize), usize>,
        from: usize,
        to: usize,
        crowd: usize,
    ) -> Course {
        let (above, below) = (self.depths[from], self.depths[to]);
        let passed = below - above;
        if passed > FAR || (passed > 1 && crowd > CROWD) {
            let sign = self.add(Node::Sign(to), above + 1);
            self.link(from, sign);
            return Course::Sign(sign);
        }
        let mut nodes = Vec::with_capacity(passed);
        let mut last = from;
        for depth in above + 1..below {
            let bend = *bends.entry((to, depth)).or_insert_with(|| self.add(Node::Bend, depth));
            self.link(last, bend);
            nodes.push(bend);
            last = bend;
        }
        self.link(last, to);
        nodes.push(to);
        Course::Down(nodes)
    }

    fn add(&mut self, node: Node, depth: usize) -> usize {
        self.nodes.push(node);
        self.depths.push(depth);
        self.up.push(Vec::new());
        self.down.push(Vec::new());
        self.nodes.len() - 1
    }

    fn link(&mut self, above: usize, below: usize) {
        if !self.down[above].contains(&below) {
            self.down[above].push(below);
            self.up[below].push(above);
        }
    }

    /// Puts the nodes into their layers, those that hang together side by side.
    fn fill_rows(&mut self, walk: &Walk) {
        let depth = self.depths.iter().max().map_or(0, |last| last + 1);
        self.rows = vec![Vec::new(); depth];
        let mut seen = vec![false; self.nodes.len()];
        let mut open: Vec<usize> = walk.order.iter().rev().copied().collect();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node], true) {
                self.rows[self.depths[node]].push(node);
                open.extend(self.down[node].iter().copied());
            }
        }
    }
}

/// The layer of each block, and how many edges lead down to it.
fn measured(graph: &Graph<'_>, walk: &Walk) -> (Vec<usize>, Vec<usize>) {
    let mut depths = vec![0; graph.blocks().len()];
    let mut crowds = vec![0; graph.blocks().len()];
    for &from in &walk.order {
        for (number, edge) in graph.blocks()[from].edges.iter().enumerate() {
            if !walk.is_back(from, number) {
                depths[edge.to] = depths[edge.to].max(depths[from] + 1);
                crowds[edge.to] += 1;
            }
        }
    }
    (depths, crowds)
}
