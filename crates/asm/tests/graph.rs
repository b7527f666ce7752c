//! The control-flow graph: blocks, the ways between them, and their text for Graphviz.

use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::expect;
use palisade_asm::{
    Assembler, Cond, Edge, Imm64, Insn, MapDecl, MapFlags, MapKind, Note, Program, R0, R1, R2, Way,
};

fn program(build: impl FnOnce(&mut Assembler)) -> Program {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}

/// A test, two ways that meet again, a call and a callback.
fn diamond() -> Program {
    program(|a| {
        let (left, meet) = (a.label("left"), a.label("meet"));
        let (function, callback) = (a.label("function"), a.label("callback"));
        a.note(Note::line(3, "drop \"a\\b\" & <c>\n"));
        a.jump_if(R1, Cond::Set, 2, left);
        a.load_imm64(R2, 1).jump(meet);
        a.place(left);
        a.push(Insn::LoadImm64 { dst: R2, value: Imm64::Sub(callback) }).call_sub(function);
        a.place(meet);
        a.mov(R0, 1).exit();
        a.place(function);
        a.exit();
        a.place(callback);
        a.exit();
    })
}

#[test]
fn blocks_are_cut_where_control_parts_and_where_it_meets() {
    let program = diamond();
    let graph = program.graph();
    let blocks: Vec<_> = graph.blocks().iter().map(|block| block.insns.clone()).collect();
    assert_eq!(blocks, [0..1, 1..3, 3..5, 5..7, 7..8, 8..9]);
    let edges: Vec<Vec<(Way, usize)>> = graph
        .blocks()
        .iter()
        .map(|block| block.edges.iter().map(|Edge { way, to }| (*way, *to)).collect())
        .collect();
    assert_eq!(edges[0], [(Way::Taken, 2), (Way::NotTaken, 1)]);
    assert_eq!(edges[1], [(Way::Always, 3)]);
    assert_eq!(edges[2], [(Way::Callback, 5), (Way::Call, 4), (Way::Always, 3)]);
    assert_eq!(edges[3..], [vec![], vec![], vec![]]);
}

#[test]
fn a_loop_leads_back_to_its_own_block() {
    let program = program(|a| {
        let again = a.label("again");
        a.place(again);
        a.add(R1, 1).jump_if(R1, Cond::Lt, 9, again).exit();
    });
    let graph = program.graph();
    let edges = &graph.blocks()[0].edges;
    assert_eq!(*edges, [Edge { way: Way::Taken, to: 0 }, Edge { way: Way::NotTaken, to: 1 }]);
}

#[test]
fn nodes_bear_slots_and_text_and_nothing_ends_their_strings() {
    expect![[r#"
        digraph "main" {
          graph [splines=line, nslimit=1];
          node [shape=box, fontname="monospace"];
          s0 [label="; 3: drop \"a\\b\" &amp; <c>�\l0: if r1 &amp; 0x2 goto left\l"];
          s1 [label="1: r2 = 0x1 ll\l3: goto meet\l"];
          s4 [label="left:\l4: r2 = subprog[callback]\l6: call function\l"];
          s7 [label="meet:\l7: r0 = 1\l8: exit\l"];
          s9 [label="function:\l9: exit\l"];
          s10 [label="callback:\l10: exit\l"];
          s0 -> s4 [label="taken"];
          s0 -> s1 [label="not taken"];
          s1 -> s7;
          s4 -> s10 [label="callback", style=dashed];
          s4 -> s9 [label="call", style=dashed];
          s4 -> s7;
        }
    "#]]
    .assert_eq(&diamond().graph().dot("main").to_string());
}

#[test]
fn graphviz_draws_every_block_and_every_edge() {
    let Ok(mut dot) =
        Command::new("dot").arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        // Not `eprintln!`, which the test harness keeps to itself when a test passes.
        writeln!(std::io::stderr(), "skipped: Graphviz is not installed").expect("stderr takes it");
        return;
    };
    let program = diamond();
    let text = program.graph().dot("a \"name\"").to_string();
    dot.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = dot.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    let drawn = String::from_utf8(output.stdout).unwrap();
    let of = |kind: &str| drawn.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((of("node "), of("edge ")), (6, 6), "{drawn}");
}

#[test]
fn a_long_program_becomes_a_graph_in_no_time() {
    let program = program(|a| {
        let map = a.map(MapDecl {
            name: "m".into(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            flags: MapFlags::NONE,
        });
        for value in 0..50_000 {
            let next = a.label("next");
            a.load_map(R2, map).jump_if(R1, Cond::Eq, value, next);
            a.place(next);
        }
        a.exit();
    });
    let graph = program.graph();
    assert_eq!(graph.blocks().len(), 50_001);
    assert!(graph.dot("long").to_string().contains("s150000 "));
}
