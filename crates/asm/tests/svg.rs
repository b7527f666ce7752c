//! The picture of a program: everything is drawn once, nothing on top of anything else, and whatever
//! a program calls its labels and maps, the file stays XML with nothing in it that runs.

mod shapes;

use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::expect;
use palisade_asm::{
    Assembler, Cond, Imm64, Insn, MapDecl, MapFlags, MapKind, Note, Program, R0, R1, R2, R6,
};
use proptest::prelude::*;

fn program(build: impl FnOnce(&mut Assembler)) -> Program {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

fn drawn(program: &Program) -> String {
    program.graph().svg("main").to_string()
}

/// A test, a loop, a function, a callback, and a drop.
fn sampler() -> Program {
    program(|a| {
        let (again, drop) = (a.label("again"), a.label("drop"));
        let (function, callback) = (a.label("function"), a.label("callback"));
        a.note(Note::new("start"));
        a.mov(R6, 0);
        a.push(Insn::LoadImm64 { dst: R2, value: Imm64::Sub(callback) });
        a.place(again);
        a.note(Note::line(3, "each byte"));
        a.call_sub(function).jump_if(R0, Cond::Eq, 9, drop);
        a.add(R6, 1).jump_if(R6, Cond::Lt, 9, again);
        a.mov(R0, 2).exit();
        a.place(drop);
        a.note(Note::line(4, "drop src 10.0.0.0/8"));
        a.mov(R0, 1).exit();
        a.place(function);
        a.note(Note::new("function"));
        a.exit();
        a.place(callback);
        a.exit();
    })
}

/// Rules one after the other, each with a verdict of its own and one end for all of them.
fn rules(count: i32) -> Program {
    program(|a| {
        let (drop, end) = (a.label("drop"), a.label("end"));
        for line in 0..count {
            let past = a.label(format!("past line {line}"));
            a.note(Note::line(u32::try_from(line).unwrap(), format!("drop dport {line}")));
            a.jump_if(R1, Cond::Ne, line, past).mov(R6, line).jump(drop);
            a.place(past);
        }
        a.mov(R0, 2).jump(end);
        a.place(drop);
        a.mov(R0, 1);
        a.place(end);
        a.exit();
    })
}

/// A rectangle: left, top, right, bottom.
type Rect = (i64, i64, i64, i64);

/// The value of an attribute of a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

fn number(tag: &str, name: &str) -> i64 {
    attribute(tag, name).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{tag}"))
}

/// The tags of a text; text between them is passed over.
fn tags(svg: &str) -> impl Iterator<Item = &str> {
    svg.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or(tag))
}

fn rectangles(svg: &str, class: &str) -> Vec<Rect> {
    tags(svg)
        .filter(|tag| tag.starts_with("rect ") && attribute(tag, "class") == Some(class))
        .map(|tag| {
            let (x, y) = (number(tag, "x"), number(tag, "y"));
            (x, y, x + number(tag, "width"), y + number(tag, "height"))
        })
        .collect()
}

fn overlap(a: Rect, b: Rect) -> bool {
    a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
}

/// The edges of the picture, as their classes and what their paths say.
fn lines(svg: &str) -> Vec<(&str, &str)> {
    tags(svg)
        .filter(|tag| tag.starts_with("path "))
        .filter_map(|tag| Some((attribute(tag, "class")?, attribute(tag, "d")?)))
        .filter(|(class, _)| class.starts_with("edge"))
        .collect()
}

/// The smallest rectangles around each piece of a line; a curve here stays between its ends.
fn pieces(path: &str) -> Vec<Rect> {
    let mut text = path.replace('M', " M ").replace('V', " V ").replace('H', " H ");
    text = text.replace('C', " C ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let value = |at: usize| words[at].parse::<i64>().unwrap_or_else(|_| panic!("{path}"));
    let (mut x, mut y, mut at) = (0, 0, 0);
    let mut pieces = Vec::new();
    while at < words.len() {
        let (from, taken) = ((x, y), words[at]);
        match taken {
            "M" => (x, y, at) = (value(at + 1), value(at + 2), at + 3),
            "V" => (y, at) = (value(at + 1), at + 2),
            "H" => (x, at) = (value(at + 1), at + 2),
            "C" => {
                let (first, second) = (value(at + 1), value(at + 3));
                (x, y) = (value(at + 5), value(at + 6));
                assert_eq!((first, second), (from.0, x), "{path}");
                at += 7;
            }
            other => panic!("{other} in {path}"),
        }
        if taken != "M" {
            pieces.push((from.0.min(x), from.1.min(y), from.0.max(x), from.1.max(y)));
        }
    }
    pieces
}

/// What holds of every picture.
fn check(program: &Program, svg: &str) {
    let graph = program.graph();
    let blocks = svg.matches("<g class=\"block\"").count();
    assert_eq!(blocks, graph.blocks().len());
    let edges: usize = graph.blocks().iter().map(|block| block.edges.len()).sum();
    assert_eq!(lines(svg).len(), edges);
    let mut boxes = rectangles(svg, "box");
    assert_eq!(boxes.len(), blocks);
    boxes.extend(rectangles(svg, "sign"));
    for (at, &one) in boxes.iter().enumerate() {
        for &other in &boxes[at + 1..] {
            assert!(!overlap(one, other), "{one:?} and {other:?}");
        }
    }
    for (_, path) in lines(svg) {
        for piece in pieces(path) {
            // A line without width is given some, to overlap what it goes through.
            let piece = (piece.0 - 1, piece.1, piece.2 + 1, piece.3.max(piece.1 + 1));
            let through = boxes.iter().find(|one| overlap(**one, piece));
            assert!(through.is_none(), "{path} goes through {through:?}");
        }
    }
    // The way up of what leads back is the third piece, and no two of them share a place.
    let back = lines(svg).into_iter().filter(|(class, _)| class.split(' ').any(|c| c == "back"));
    let lanes: Vec<Rect> = back.map(|(_, path)| pieces(path)[2]).collect();
    for (at, one) in lanes.iter().enumerate() {
        let wide = (one.0, one.1, one.2 + 1, one.3);
        assert!(
            !lanes[at + 1..]
                .iter()
                .any(|other| overlap(wide, (other.0, other.1, other.2 + 1, other.3)))
        );
    }
    let root = tags(svg).next().expect("a root");
    let inside = |one: &Rect| one.0 >= 0 && one.2 <= number(root, "width");
    assert!(boxes.iter().all(|one| inside(one) && one.3 <= number(root, "height")));
    well_formed(svg);
}

/// A small reading of XML: every tag is closed in its order, every value is quoted, and there is
/// nothing that XML cannot hold.
fn well_formed(svg: &str) {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start]);
        let end = rest[start..].find('>').expect("the tag ends") + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let name = tag.split([' ', '/']).next().expect("a name");
        assert!(KNOWN.contains(&name), "<{tag}>");
        let quotes: Vec<&str> = tag[name.len()..].trim_end_matches('/').split('"').collect();
        assert_eq!(quotes.len() % 2, 1, "<{tag}>");
        for pair in quotes.chunks(2) {
            assert!(pair.len() == 1 || pair[0].ends_with('='), "<{tag}>");
            assert!(!pair[0].contains(" on"), "<{tag}>");
            pair.get(1).into_iter().for_each(|value| check_text(value));
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    check_text(rest);
    assert!(open.is_empty() && rest.trim().is_empty());
}

/// The tags that a picture is made of; none of them runs or fetches anything.
const KNOWN: [&str; 13] = [
    "svg", "title", "style", "defs", "marker", "polygon", "rect", "g", "path", "text", "tspan",
    "a", "#",
];

fn check_text(text: &str) {
    assert!(text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{fffe}')), "{text}");
    for entity in text.split('&').skip(1) {
        let name = entity.split(';').next().unwrap_or_default();
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{text}");
    }
}

#[test]
fn a_small_picture_is_what_it_is() {
    let program = program(|a| {
        a.note(Note::line(1, "default pass"));
        a.mov(R0, 2).exit();
    });
    let svg = drawn(&program);
    let blocks = svg.find("<g class=\"block\"").expect("a block");
    expect![[r##"
        <g class="block" id="s0"><title>slots 0 to 1</title>
        <rect class="box" x="28" y="170" width="189" height="64" rx="5" fill="#eef7ee"/><rect x="28" y="170" width="189" height="24" rx="5" fill="#2e7d32"/><rect x="28" y="170" width="189" height="64" rx="5" fill="none" stroke="#2e7d32" stroke-width="2.4"/>
        <text class="t" x="38" y="186" style="fill:#ffffff">1: default pass</text><text class="b" x="207" y="186" text-anchor="end" style="fill:#ffffff">→ pass</text><text><tspan x="38" y="210" class="n">   0  </tspan><tspan>r0 = 2</tspan><tspan x="38" y="226" class="n">   1  </tspan><tspan>exit</tspan></text></g>
        </svg>
    "##]].assert_eq(&svg[blocks..]);
}

#[test]
fn blocks_are_titled_by_their_policy_line_and_drop_paths_are_red() {
    let svg = drawn(&rules(3));
    assert_eq!(svg.matches(">2: drop dport 2</text>").count(), 5);
    let red = tags(&svg).filter(|tag| tag.starts_with("rect") && tag.contains("#fdeeee"));
    assert_eq!(red.count(), 4);
    assert!(svg.contains(">→ drop</text>") && svg.contains(">→ pass</text>"));
}

#[test]
fn edges_bear_their_way_loops_lead_back_and_the_longest_path_is_bold() {
    let svg = drawn(&sampler());
    check(&sampler(), &svg);
    let lines = lines(&svg);
    let of = |class: &str| lines.iter().filter(|(c, _)| c.split(' ').any(|c| c == class)).count();
    assert_eq!([of("call"), of("callback"), of("back"), of("longest")], [1, 1, 1, 4]);
    assert_eq!(svg.matches(">taken</text>").count(), 2);
    assert_eq!(svg.matches(">not taken</text>").count(), 2);
    assert!(svg.contains("; one loop at again</text>"));
    assert_eq!(svg.matches(">↻ loop</text>").count(), 1);
}

#[test]
fn an_edge_to_a_place_that_many_lead_to_ends_at_a_sign() {
    let program = rules(20);
    let svg = drawn(&program);
    check(&program, &svg);
    assert_eq!(svg.matches("<a href=\"#s62\">").count(), 19);
    assert!(svg.contains(" more</text>"));
}

#[test]
fn an_edge_that_passes_many_layers_ends_at_a_sign() {
    let program = program(|a| {
        let far = a.label("far");
        a.jump_if(R1, Cond::Eq, 0, far);
        for value in 1..20 {
            let next = a.label("next");
            a.jump_if(R1, Cond::Eq, value, next).mov(R2, value);
            a.place(next);
        }
        a.place(far);
        a.exit();
    });
    let svg = drawn(&program);
    assert_eq!(svg.matches(">→ far</text>").count(), 1);
    assert!(svg.contains(">from 0</text>"));
    check(&program, &svg);
}

#[test]
fn a_long_block_is_cut_with_a_count_and_whole_in_its_tooltip() {
    let program = program(|a| {
        (0..100).for_each(|value| {
            a.mov(R0, value);
        });
        a.exit();
    });
    let svg = drawn(&program);
    assert!(svg.contains(">… 62 more lines</tspan>"));
    assert!(!svg.contains("<tspan>r0 = 99</tspan>"));
    assert!(svg.contains("  99  r0 = 99\n"));
    check(&program, &svg);
}

#[test]
fn hostile_names_stay_text() {
    let markup =
        "\"/></g></svg><script>alert(1)</script><!-- ]]> \u{0}\u{1b}[31m\u{202e}\u{fffe}&x;";
    let program = program(|a| {
        let label = a.label(markup);
        let map = a.map(MapDecl {
            name: format!("{markup}{}", "long".repeat(10_000)),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            flags: MapFlags::NONE,
        });
        a.note(Note::line(1, markup));
        a.load_map(R2, map).jump_if(R1, Cond::Eq, 0, label).mov(R0, 1);
        a.place(label);
        a.note(Note::new(markup));
        a.mov(R0, 2).exit();
    });
    let graph = program.graph();
    let svg = graph.svg(markup).remarked(markup).to_string();
    assert!(!svg.contains("<script"));
    check(&program, &svg);
    judged(&svg);
}

#[test]
fn xmllint_takes_the_pictures() {
    for program in [sampler(), rules(20)] {
        judged(&drawn(&program));
    }
}

/// Has `xmllint` read the picture, where it is installed.
fn judged(svg: &str) {
    let spawned = Command::new("xmllint")
        .args(["--noout", "--nonet", "--huge", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut judge) = spawned else {
        // Not `eprintln!`, which the test harness keeps to itself when a test passes.
        writeln!(std::io::stderr(), "skipped: xmllint is not installed").expect("stderr takes it");
        return;
    };
    judge.stdin.take().unwrap().write_all(svg.as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_program_of_ten_thousand_instructions_is_drawn_whole() {
    let program = rules(3_300);
    let svg = drawn(&program);
    assert_eq!(svg.matches("<g class=\"block\"").count(), program.graph().blocks().len());
    assert!(svg.len() < 10_000_000, "{}", svg.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_is_drawn_once_and_nothing_on_anything_else(program in shapes::programs(24)) {
        let svg = drawn(&program);
        check(&program, &svg);
        prop_assert_eq!(svg, drawn(&program));
    }
}
