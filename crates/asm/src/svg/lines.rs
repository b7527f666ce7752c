//! The lines: from the lower edge of a box to the upper edge of another.
//!
//! Lines go aside only between layers, so that none of them passes behind a box: inside a layer
//! they are straight, and those that lead back go up beside everything that stands in the way.

use std::fmt::Write;

use crate::graph::Graph;
use crate::svg::layers::{Course, Layers, Route};
use crate::svg::place::Places;
use crate::svg::pools::{Wish, settled};

/// How far apart the ends of two lines are at most: a word has room between them.
pub(crate) const ENDS: i64 = 72;
/// How near to the corner of a box a line leaves it that has no other beside it.
const CORNER: i64 = 24;
/// How near to the corner of a box other lines leave it: a word has room beside them.
pub(crate) const EDGE: i64 = 68;
/// How long the head of an arrow is.
const HEAD: i64 = 7;
/// How far beside a box a line goes back up, and how far from the next such line.
const BESIDE: i64 = 16;

/// An edge as it is drawn.
pub(crate) struct Line {
    /// What the `d` of a path says.
    pub(crate) path: String,
    /// Where it starts.
    pub(crate) start: (i64, i64),
    /// Whether its label stands to its left.
    pub(crate) is_left: bool,
}

/// All edges as they are drawn, in the order of the routes.
pub(crate) struct Lines {
    pub(crate) lines: Vec<Line>,
    /// How far to the right they reach.
    pub(crate) right: i64,
}

impl Lines {
    pub(crate) fn of(graph: &Graph<'_>, layers: &Layers, places: &Places) -> Self {
        let mut rights: Vec<i64> = layers.rows.iter().map(|row| far_right(places, row)).collect();
        let mut entered: Vec<i64> = vec![0; graph.blocks().len()];
        let mut lines = Vec::with_capacity(layers.routes.len());
        for routes in layers.routes.chunk_by(|a, b| a.from == b.from) {
            let starts = departures(layers, places, routes);
            let leftmost = starts.iter().min().copied();
            let y = places.borders[layers.depths[routes[0].from]].0
                + places.extents[routes[0].from].height;
            for (route, x) in routes.iter().zip(starts) {
                let start = (x, y);
                let path = match &route.course {
                    Course::Down(nodes) => down(layers, places, route.from, start, nodes),
                    Course::Sign(sign) => down(layers, places, route.from, start, &[*sign]),
                    Course::Back => {
                        let to = graph.blocks()[route.from].edges[route.number].to;
                        entered[to] += 1;
                        back(layers, places, &mut rights, (route.from, start, to, entered[to]))
                    }
                };
                let is_left = routes.len() > 1 && Some(x) == leftmost;
                lines.push(Line { path, start, is_left });
            }
        }
        Self { lines, right: rights.into_iter().max().unwrap_or(0) }
    }
}

/// How far to the right a layer reaches.
fn far_right(places: &Places, row: &[usize]) -> i64 {
    row.iter().map(|node| places.right(*node)).max().unwrap_or(0)
}

/// Where the routes from a block leave it: right above where they are heading, as far as the box
/// reaches and their labels leave room.
fn departures(layers: &Layers, places: &Places, routes: &[Route]) -> Vec<i64> {
    let Some(from) = routes.first().map(|route| route.from) else { return Vec::new() };
    let mut sorted: Vec<(i64, usize)> =
        routes.iter().enumerate().map(|(at, route)| (heading(layers, places, route), at)).collect();
    sorted.sort_unstable();
    let edge = if routes.len() == 1 { CORNER } else { EDGE };
    let (left, right) = (places.left(from) + edge, places.right(from) - edge);
    let gaps = i64::try_from(routes.len()).unwrap_or(i64::MAX) - 1;
    let apart = if gaps == 0 { 0 } else { ((right - left) / gaps).min(ENDS) };
    let wish = |(place, (heading, _)): (i64, &(i64, usize))| Wish {
        // Room is left for those before and after it.
        sum: (*heading).min(right - (gaps - place) * apart).max(left + place * apart),
        weight: 1,
        apart: if place == 0 { 0 } else { apart },
    };
    let wishes: Vec<Wish> = (0..).zip(&sorted).map(wish).collect();
    let mut starts = vec![0; routes.len()];
    for ((_, at), x) in sorted.iter().zip(settled(&wishes)) {
        starts[*at] = x;
    }
    starts
}

/// Where a route is heading in the next layer.
fn heading(layers: &Layers, places: &Places, route: &Route) -> i64 {
    match &route.course {
        Course::Down(nodes) => {
            nodes.first().map_or(0, |node| arrival(layers, places, route.from, *node))
        }
        Course::Sign(sign) => places.middles[*sign],
        // Lines that lead back are at the side, to the right of everything.
        Course::Back => far_right(places, &layers.rows[layers.depths[route.from]]),
    }
}

/// The place of one of `count` ends about a middle, in a box of that width.
fn end(middle: i64, width: i64, rank: usize, count: usize) -> i64 {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::from(u32::MAX));
    let (rank, count) = (number(rank), number(count));
    let apart = (width / (count + 1)).min(ENDS);
    middle + (2 * rank - (count - 1)) * apart / 2
}

/// Where a line from `above` comes to `node` at its upper edge.
fn arrival(layers: &Layers, places: &Places, above: usize, node: usize) -> i64 {
    let mut ups = layers.up[node].clone();
    ups.sort_by_key(|up| (places.middles[*up], *up));
    let rank = ups.iter().position(|up| *up == above).unwrap_or(0);
    // Less than between departures: arrows that come together may touch.
    let width = places.extents[node].width.min(ENDS * 2);
    end(places.middles[node], width, rank, ups.len())
}

fn down(
    layers: &Layers,
    places: &Places,
    from: usize,
    start: (i64, i64),
    nodes: &[usize],
) -> String {
    let mut path = format!("M{} {}", start.0, start.1);
    let (mut last, mut x, mut y) = (from, start.0, start.1);
    for (place, &node) in nodes.iter().enumerate() {
        let border = places.borders[layers.depths[last]].1;
        let top = places.borders[layers.depths[node]].0;
        let to_x = arrival(layers, places, last, node);
        let to_y = if place + 1 == nodes.len() { top - HEAD } else { top };
        if y != border {
            push(&mut path, format_args!("V{border}"));
        }
        if to_x == x {
            push(&mut path, format_args!("V{to_y}"));
        } else {
            let half = (border + to_y) / 2;
            push(&mut path, format_args!("C{x} {half} {to_x} {half} {to_x} {to_y}"));
        }
        (last, x, y) = (node, to_x, to_y);
    }
    path
}

/// Down into the space below the layer, aside, up, and in from above.
fn back(
    layers: &Layers,
    places: &Places,
    rights: &mut [i64],
    (from, start, to, nth): (usize, (i64, i64), usize, i64),
) -> String {
    let rows = layers.depths[to]..=layers.depths[from];
    let lane = rights[rows.clone()].iter().max().map_or(0, |right| right + BESIDE);
    rights[rows].fill(lane);
    let below = places.borders[layers.depths[from]].1 + 14;
    let top = places.borders[layers.depths[to]].0;
    let above = top - 20;
    // Each line that leads back to a block comes to it a little further to the left.
    let aside = (nth * 9).min(places.extents[to].width / 2);
    let x = places.right(to) - aside;
    format!("M{} {}V{below}H{lane}V{above}H{x}V{}", start.0, start.1, top - HEAD)
}

fn push(path: &mut String, text: std::fmt::Arguments<'_>) {
    path.write_fmt(text).unwrap_or_default();
}
