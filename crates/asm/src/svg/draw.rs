//! The picture as text: styles, title, legend, then lines below boxes.

use std::fmt;

use crate::graph::Firmness::Final;
use crate::graph::{Fate, Way, XdpAction};
use crate::paint::{self, BACK, Paint};
use crate::svg::card::{Card, CardLine, LINE, PAD, TITLE};
use crate::svg::layers::{Course, Node, Route};
use crate::svg::lines::Line;
use crate::svg::xml::{cut, escaped};
use crate::svg::{MARGIN, Picture, SIGN, Svg, sign};

/// The width of the legend.
pub(crate) const LEGEND: i64 = 830;

/// How many slots are named above a block that signs lead to.
const SOURCES: usize = 5;

/// A first block further to the right than this is out of sight where a reader begins.
const FAR: i64 = 1200;

const STYLE: &str = "\
text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1b2733}\
.h{font-size:17px;font-weight:bold}.s,.from,.way{font-size:11px}.from{fill:#5b6875}.go{fill:#1565c0}\
.t,.l{font-weight:bold}.b,.c{font-style:italic}.c{fill:#4a5a6a}.n{fill:#8a96a3}\
path{fill:none;stroke-width:1.3}.longest{stroke-width:3.2}\
.call,.callback{stroke-dasharray:6 4}.back{stroke-dasharray:9 3}\
.way,.from{paint-order:stroke;stroke:#fbfcfd;stroke-width:3px}";

pub(crate) fn draw(f: &mut fmt::Formatter<'_>, svg: &Svg<'_>, picture: &Picture) -> fmt::Result {
    let (width, height) = (picture.width, picture.height);
    writeln!(
        f,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" xml:space=\"preserve\">"
    )?;
    writeln!(f, "<title>{}</title>", escaped(svg.name))?;
    writeln!(f, "<style>{STYLE}</style>")?;
    arrows(f)?;
    writeln!(f, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fbfcfd\"/>")?;
    let below = heading(f, svg, picture)?;
    legend(f, below)?;
    let edges = || picture.layers.routes.iter().zip(&picture.lines.lines);
    edges().try_for_each(|(route, line)| edge(f, svg, picture, route, line))?;
    for (node, kind) in picture.layers.nodes.iter().enumerate() {
        match *kind {
            Node::Block(at) => block(f, picture, at)?,
            Node::Sign(to) => sign_to(f, picture, node, to)?,
            Node::Bend => {}
        }
    }
    edges().try_for_each(|(route, line)| way(f, svg, route, line))?;
    writeln!(f, "</svg>")
}

/// All looks of a block, with what the legend says of them.
fn looks() -> impl Iterator<Item = (Fate, String)> {
    use XdpAction::{Aborted, Drop, Pass, Redirect, Tx};
    let decides = |action| (Fate::Decides(action, Final), format!("decides {action}"));
    let leads = [(Fate::LeadsTo(Drop), "leads to drop"), (Fate::LeadsTo(Pass), "leads to pass")];
    let leads = leads.map(|(fate, text)| (fate, text.to_owned()));
    let open = [(Fate::Open, "not decided".to_owned())];
    [Drop, Pass, Aborted, Tx, Redirect].map(decides).into_iter().chain(leads).chain(open)
}

/// Heads of arrows in every colour that a line can have.
fn arrows(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut colours: Vec<&str> = looks().map(|(fate, _)| paint::of(fate).line).collect();
    colours.push(BACK);
    colours.sort_unstable();
    colours.dedup();
    write!(f, "<defs>")?;
    for colour in colours {
        write!(
            f,
            "<marker id=\"{}\" markerUnits=\"userSpaceOnUse\" markerWidth=\"10\" markerHeight=\"10\" \
             refX=\"1\" refY=\"5\" orient=\"auto\"><polygon points=\"0,0 9,5 0,10\" fill=\"{colour}\"/></marker>",
            head_of(colour)
        )?;
    }
    writeln!(f, "</defs>")
}

/// The name of the head of an arrow.
fn head_of(colour: &str) -> String {
    format!("a{}", colour.trim_start_matches('#'))
}

/// The title and what there is to say of the whole; returns where the next thing can stand.
fn heading(
    f: &mut fmt::Formatter<'_>,
    svg: &Svg<'_>,
    picture: &Picture,
) -> Result<i64, fmt::Error> {
    let x = MARGIN;
    writeln!(f, "<text class=\"h\" x=\"{x}\" y=\"36\">{}</text>", escaped(&cut(svg.name, 70)))?;
    let loops = match picture.loops.as_slice() {
        [] => "no loop".to_owned(),
        [one] => format!("one {} at {}", one.kind, picture.captions.at(one.header).name),
        several => format!("{} loops", several.len()),
    };
    writeln!(
        f,
        "<text class=\"s\" x=\"{x}\" y=\"56\">{} instructions in {} blocks; the longest path, bold, executes {}; {}</text>",
        svg.graph.program.insns().len(),
        picture.cards.len(),
        picture.longest.instructions,
        escaped(&cut(&loops, 60))
    )?;
    // The first block stands over the middle of what it leads to, perhaps far from the title.
    writeln!(
        f,
        "<a href=\"#s0\"><text class=\"s go\" x=\"{x}\" y=\"74\">→ to the first block{}</text></a>",
        if picture.places.left(0) > FAR { ", on the right" } else { "" }
    )?;
    let mut y = 74;
    for remark in &svg.remarks {
        y += 18;
        writeln!(f, "<text class=\"s\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(remark))?;
    }
    Ok(y + 14)
}

fn legend(f: &mut fmt::Formatter<'_>, top: i64) -> fmt::Result {
    writeln!(f, "<g class=\"legend\">")?;
    for (place, (fate, text)) in (0..).zip(looks()) {
        let (x, y) = (MARGIN + place % 5 * 145, top + place / 5 * 20);
        let Paint { head, line, .. } = paint::of(fate);
        writeln!(
            f,
            "<rect x=\"{x}\" y=\"{y}\" width=\"16\" height=\"12\" rx=\"2\" fill=\"{head}\" stroke=\"{line}\"/>\
             <text class=\"s\" x=\"{}\" y=\"{}\">{text}</text>",
            x + 22,
            y + 10
        )?;
    }
    let (x, y) = (MARGIN + 3 * 145, top + 20);
    writeln!(
        f,
        "<path class=\"back\" d=\"M{x} {0}H{1}\" stroke=\"{BACK}\"/>\
         <text class=\"s\" x=\"{2}\" y=\"{3}\">leads back: a loop</text>",
        y + 6,
        x + 16,
        x + 22,
        y + 10
    )?;
    writeln!(
        f,
        "<text class=\"s from\" x=\"{MARGIN}\" y=\"{}\">→ name: an edge to the block of that name, not drawn \
         all the way. Numbers are slots, as the verifier counts them.</text></g>",
        top + 54
    )
}

/// The word beside a line, which is also its class.
fn word(way: Way) -> &'static str {
    match way {
        Way::Taken => "taken",
        Way::NotTaken => "not taken",
        Way::Always => "",
        Way::Call => "call",
        Way::Callback => "callback",
    }
}

fn edge(
    f: &mut fmt::Formatter<'_>,
    svg: &Svg<'_>,
    picture: &Picture,
    route: &Route,
    line: &Line,
) -> fmt::Result {
    let edge = svg.graph.blocks()[route.from].edges[route.number];
    let mut class = String::from("edge");
    if !edge.way.is_inside() {
        class.extend([" ", word(edge.way)]);
    }
    if route.course == Course::Back {
        class.push_str(" back");
    }
    if picture.longest.edges.binary_search(&(route.from, route.number)).is_ok() {
        class.push_str(" longest");
    }
    let colour = match route.course {
        Course::Back => BACK,
        Course::Down(_) | Course::Sign(_) => paint::of(picture.fates[edge.to]).line,
    };
    writeln!(
        f,
        "<path class=\"{class}\" d=\"{}\" stroke=\"{colour}\" marker-end=\"url(#{})\"/>",
        line.path,
        head_of(colour)
    )
}

/// What stands beside the start of a line.
fn way(f: &mut fmt::Formatter<'_>, svg: &Svg<'_>, route: &Route, line: &Line) -> fmt::Result {
    let word = word(svg.graph.blocks()[route.from].edges[route.number].way);
    if word.is_empty() {
        return Ok(());
    }
    let (x, anchor) = if line.is_left {
        (line.start.0 - 5, " text-anchor=\"end\"")
    } else {
        (line.start.0 + 5, "")
    };
    writeln!(f, "<text class=\"way\" x=\"{x}\" y=\"{}\"{anchor}>{word}</text>", line.start.1 + 13)
}

fn block(f: &mut fmt::Formatter<'_>, picture: &Picture, at: usize) -> fmt::Result {
    let (card, caption) = (&picture.cards[at], picture.captions.at(at));
    let Paint { head, title, body, line } = paint::of(picture.fates[at]);
    let (x, y) = (picture.places.left(at), picture.places.borders[picture.layers.depths[at]].0);
    let (width, height) = (card.width, card.height);
    writeln!(f, "<g class=\"block\" id=\"s{}\"><title>{}</title>", caption.slot, tip(picture, at))?;
    let heavy = if picture.on_longest[at] { "2.4" } else { "1.2" };
    writeln!(
        f,
        "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\" fill=\"{body}\"/>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{TITLE}\" rx=\"5\" fill=\"{head}\"/>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\" fill=\"none\" stroke=\"{line}\" stroke-width=\"{heavy}\"/>"
    )?;
    let base = y + 16;
    write!(
        f,
        "<text class=\"t\" x=\"{}\" y=\"{base}\" style=\"fill:{title}\">{}</text>",
        x + PAD,
        escaped(&card.title)
    )?;
    if !card.badge.is_empty() {
        let right = x + width - PAD;
        write!(
            f,
            "<text class=\"b\" x=\"{right}\" y=\"{base}\" text-anchor=\"end\" style=\"fill:{title}\">{}</text>",
            escaped(&card.badge)
        )?;
    }
    text(f, card, x + PAD, y + TITLE)?;
    let from = &picture.signposted[at];
    if !from.is_empty() {
        write!(
            f,
            "<text class=\"from\" x=\"{x}\" y=\"{}\">{}</text>",
            y - 5,
            sources(picture, from)
        )?;
    }
    writeln!(f, "</g>")
}

/// Where the edges come from whose signs name a block.
fn sources(picture: &Picture, from: &[usize]) -> String {
    let named = from.iter().take(SOURCES).map(|block| picture.captions.at(*block).last.to_string());
    let named = named.collect::<Vec<_>>().join(", ");
    match from.len().saturating_sub(SOURCES) {
        0 => format!("from {named}"),
        more => format!("from {named} and {more} more"),
    }
}

fn text(f: &mut fmt::Formatter<'_>, card: &Card, x: i64, top: i64) -> fmt::Result {
    write!(f, "<text>")?;
    for (line, y) in card.lines.iter().zip((top + LINE..).step_by(16)) {
        let at = format_args!("x=\"{x}\" y=\"{y}\"");
        match line {
            CardLine::Label(text) => {
                write!(f, "<tspan {at} class=\"l\">{}</tspan>", escaped(text))
            }
            CardLine::Note(text) => write!(f, "<tspan {at} class=\"c\">{}</tspan>", escaped(text)),
            CardLine::Insn { slot, text } => {
                write!(f, "<tspan {at} class=\"n\">{slot}</tspan><tspan>{}</tspan>", escaped(text))
            }
            CardLine::Left(count) => {
                write!(f, "<tspan {at} class=\"c\">… {count} more lines</tspan>")
            }
        }?;
    }
    write!(f, "</text>")
}

/// What a pointer on a box shows.
fn tip(picture: &Picture, at: usize) -> String {
    let caption = picture.captions.at(at);
    let dominator = match picture.immediate[at] {
        Some(by) => format!("; every path here comes through {}", picture.captions.at(by).name),
        None => String::new(),
    };
    let summary = format!("slots {} to {}{dominator}", caption.slot, caption.last);
    let lines = picture.cards[at].whole.iter().flat_map(|whole| whole.split('\n'));
    let lines = [summary.as_str()].into_iter().chain(lines);
    lines.map(|line| escaped(line).to_string()).collect::<Vec<_>>().join("\n")
}

fn sign_to(f: &mut fmt::Formatter<'_>, picture: &Picture, node: usize, to: usize) -> fmt::Result {
    let Paint { head, title, line, .. } = paint::of(picture.fates[to]);
    let (x, y) = (picture.places.left(node), picture.places.borders[picture.layers.depths[node]].0);
    let width = picture.places.extents[node].width;
    writeln!(
        f,
        "<a href=\"#s{}\"><rect class=\"sign\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{SIGN}\" rx=\"10\" \
         fill=\"{head}\" stroke=\"{line}\"/><text class=\"s\" x=\"{}\" y=\"{}\" text-anchor=\"middle\" \
         style=\"fill:{title}\">{}</text></a>",
        picture.captions.at(to).slot,
        picture.places.middles[node],
        y + 14,
        escaped(&sign(&picture.captions, to))
    )
}
