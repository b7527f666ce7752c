//! The order inside the layers: nodes near to what they hang together with, so that few edges cross.
//!
//! A fixed number of sweeps, down and up in turn, sorts each layer by the mean place of its
//! neighbours in the layer before; the order with the fewest crossings stays.

use crate::svg::layers::Layers;

/// How many sweeps are made.
const SWEEPS: usize = 16;
/// What a mean is multiplied by before it is rounded.
const FINE: usize = 1 << 10;

/// Sorts the layers.
pub(crate) fn reduce(layers: &mut Layers) {
    let mut best = (crossings(layers), layers.rows.clone());
    for sweep in 0..SWEEPS {
        if sweep % 2 == 0 {
            (1..layers.rows.len()).for_each(|row| sort(layers, row, Side::Up));
        } else {
            (0..layers.rows.len().saturating_sub(1)).rev().for_each(|row| {
                sort(layers, row, Side::Down);
            });
        }
        let found = crossings(layers);
        if found < best.0 {
            best = (found, layers.rows.clone());
        }
    }
    layers.rows = best.1;
}

/// Which neighbours are looked at.
#[derive(Clone, Copy)]
enum Side {
    Up,
    Down,
}

fn sort(layers: &mut Layers, row: usize, side: Side) {
    let (near, neighbours) = match side {
        Side::Up => (&layers.rows[row - 1], &layers.up),
        Side::Down => (&layers.rows[row + 1], &layers.down),
    };
    let places = places(near);
    let mut keyed: Vec<(usize, usize)> = layers.rows[row]
        .iter()
        .enumerate()
        .map(|(place, &node)| {
            let around = neighbours[node].iter().filter_map(|other| place_in(&places, *other));
            let (sum, count) = around.fold((0, 0), |(sum, count), at| (sum + at, count + 1));
            // A node with no neighbour there stays about where it is.
            ((sum * FINE).checked_div(count).unwrap_or(place * FINE), node)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    layers.rows[row] = keyed.into_iter().map(|(_, node)| node).collect();
}

/// The nodes of a layer with their places, by node.
fn places(row: &[usize]) -> Vec<(usize, usize)> {
    let mut places: Vec<(usize, usize)> =
        row.iter().enumerate().map(|(place, node)| (*node, place)).collect();
    places.sort_unstable();
    places
}

fn place_in(places: &[(usize, usize)], node: usize) -> Option<usize> {
    let found = places.binary_search_by_key(&node, |(node, _)| *node).ok()?;
    Some(places[found].1)
}

/// How many pairs of edges cross between all layers.
pub(crate) fn crossings(layers: &Layers) -> usize {
    layers.rows.windows(2).map(|rows| between(layers, &rows[0], &rows[1])).sum()
}

/// Counts, for each edge in the order of its upper end, the ones before it that end further right.
fn between(layers: &Layers, above: &[usize], below: &[usize]) -> usize {
    let places = places(below);
    let mut tree = vec![0; below.len() + 1];
    let (mut crossed, mut seen) = (0, 0);
    for &node in above {
        let ends = || layers.down[node].iter().filter_map(|other| place_in(&places, *other));
        for end in ends() {
            crossed += seen - up_to(&tree, end + 1);
        }
        for end in ends() {
            insert(&mut tree, end + 1);
            seen += 1;
        }
    }
    crossed
}

/// How many of what was inserted lies at `at` or before, in a Fenwick tree.
fn up_to(tree: &[usize], mut at: usize) -> usize {
    let mut sum = 0;
    while at > 0 {
        sum += tree[at];
        at &= at - 1;
    }
    sum
}

fn insert(tree: &mut [usize], mut at: usize) {
    while at < tree.len() {
        tree[at] += 1;
        at += at & at.wrapping_neg();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::layers::Node;

    /// Two layers of three nodes and these edges between them.
    fn layers(edges: &[(usize, usize)]) -> Layers {
        let mut layers = Layers {
            nodes: (0..6).map(Node::Block).collect(),
            depths: vec![0, 0, 0, 1, 1, 1],
            rows: vec![vec![0, 1, 2], vec![3, 4, 5]],
            up: vec![Vec::new(); 6],
            down: vec![Vec::new(); 6],
            routes: Vec::new(),
            spine: vec![None; 6],
        };
        for &(above, below) in edges {
            layers.down[above].push(below);
            layers.up[below].push(above);
        }
        layers
    }

    #[test]
    fn crossings_are_counted_and_edges_from_one_node_do_not_cross() {
        assert_eq!(crossings(&layers(&[(0, 3), (1, 4), (2, 5)])), 0);
        assert_eq!(crossings(&layers(&[(0, 5), (1, 4), (2, 3)])), 3);
        assert_eq!(crossings(&layers(&[(0, 5), (0, 3), (1, 3)])), 1);
    }

    #[test]
    fn what_can_be_untangled_is() {
        let mut tangled = layers(&[(0, 5), (1, 4), (2, 3)]);
        reduce(&mut tangled);
        assert_eq!(crossings(&tangled), 0);
    }
}
