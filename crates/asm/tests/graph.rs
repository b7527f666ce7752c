//! The control-flow graph: blocks, the ways between them, dominators, loops, the longest path, what
//! becomes of a packet, and the text for Graphviz.

mod shapes;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::expect;
use palisade_asm::{
    Assembler, Cond, Edge, FP, Fate, Firmness, Graph, Helper, Imm64, Insn, LoopKind, MapDecl,
    MapFlags, MapKind, Note, OrderError, Program, R0, R1, R2, R6, R8, Size, Way, XdpAction,
};
use proptest::prelude::*;

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

/// Two loops, one in the other.
fn nested() -> Program {
    program(|a| {
        let (outer, inner) = (a.label("outer"), a.label("inner"));
        a.mov(R6, 0);
        a.place(outer);
        a.mov(R2, 0);
        a.place(inner);
        a.add(R2, 1).jump_if(R2, Cond::Lt, 9, inner);
        a.add(R6, 1).jump_if(R6, Cond::Lt, 9, outer);
        a.mov(R0, 2).exit();
    })
}

/// A cycle of two blocks, each of them jumped to from outside.
fn irreducible() -> Program {
    program(|a| {
        let (left, right) = (a.label("left"), a.label("right"));
        a.jump_if(R1, Cond::Eq, 0, right);
        a.place(left);
        a.add(R1, 1);
        a.place(right);
        a.add(R1, 2).jump_if(R1, Cond::Lt, 9, left);
        a.mov(R0, 2).exit();
    })
}

fn recursion() -> Program {
    program(|a| {
        let (function, end) = (a.label("function"), a.label("end"));
        a.call_sub(function).exit();
        a.place(function);
        a.jump_if(R1, Cond::Eq, 0, end).call_sub(function);
        a.place(end);
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
    assert_eq!(graph.functions(), [0, 4, 5]);
    assert_eq!([0, 2, 4, 8].map(|at| graph.block_of(at)), [0, 1, 2, 5]);
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
fn the_dominator_of_a_meeting_is_where_the_ways_parted_and_functions_have_none() {
    let program = diamond();
    let dominators = program.graph().dominators();
    let immediate: Vec<Option<usize>> = (0..6).map(|block| dominators.immediate(block)).collect();
    assert_eq!(immediate, [None, Some(0), Some(0), Some(0), None, None]);
    assert!(dominators.dominates(0, 3) && dominators.dominates(3, 3));
    assert!(!dominators.dominates(2, 3) && !dominators.dominates(2, 4));
}

#[test]
fn nested_loops_have_headers_ways_back_and_bodies() {
    let program = nested();
    let graph = program.graph();
    let loops = graph.loops();
    let found: Vec<(usize, LoopKind, &[usize])> =
        loops.iter().map(|of| (of.header, of.kind, of.back.as_slice())).collect();
    assert_eq!(found, [(1, LoopKind::Natural, &[3][..]), (2, LoopKind::Natural, &[2][..])]);
    let bodies: Vec<Vec<usize>> = loops.iter().map(|of| graph.body(of)).collect();
    assert_eq!(bodies, [vec![1, 2, 3], vec![2]]);
}

#[test]
fn a_cycle_with_two_ways_in_is_irreducible_and_a_function_that_calls_itself_a_recursion() {
    let cycle = irreducible();
    let graph = cycle.graph();
    let loops = graph.loops();
    assert_eq!(loops.iter().map(|of| of.kind).collect::<Vec<_>>(), [LoopKind::Irreducible]);
    assert_eq!(graph.body(&loops[0]), [1, 2]);
    let recursive = recursion();
    let loops = recursive.graph().loops();
    assert_eq!(loops.iter().map(|of| of.kind).collect::<Vec<_>>(), [LoopKind::Recursion]);
}

#[test]
fn a_program_with_a_loop_has_no_order_and_the_error_names_the_instruction() {
    assert_eq!(diamond().graph().order().map(|order| order.len()), Ok(6));
    let error = |program: &Program| program.graph().order().unwrap_err();
    let first = OrderError::Loop { at: 3, to: 2, kind: LoopKind::Natural };
    assert_eq!(error(&nested()), first);
    assert_eq!(
        first.to_string(),
        "instruction 3 leads back to instruction 2: the program has a loop"
    );
    let cycle = OrderError::Loop { at: 3, to: 1, kind: LoopKind::Irreducible };
    assert_eq!(error(&irreducible()), cycle);
    assert_eq!(error(&recursion()), OrderError::Loop { at: 3, to: 2, kind: LoopKind::Recursion });
}

#[test]
fn the_longest_path_is_a_list_of_blocks_with_those_of_called_functions() {
    let program = diamond();
    let path = program.graph().longest_path();
    assert_eq!(path.blocks, [0, 2, 4, 3]);
    assert_eq!((path.instructions, program.longest_path()), (6, 6));
}

#[test]
fn the_longest_path_of_functions_that_call_each_other_a_hundred_times_is_found() {
    let program = program(|a| {
        let labels: Vec<_> = (0..40).map(|_| a.label("function")).collect();
        for label in &labels {
            (0..100).for_each(|_| {
                a.call_sub(*label);
            });
            a.exit();
            a.place(*label);
        }
        a.exit();
    });
    let path = program.graph().longest_path();
    assert_eq!(path.instructions, usize::MAX);
    assert_eq!(path.blocks.len(), 41);
}

fn fates(program: &Program) -> Vec<Fate> {
    program.graph().fates()
}

const DROPS: Fate = Fate::Decides(XdpAction::Drop, Firmness::Final);
const PASSES: Fate = Fate::Decides(XdpAction::Pass, Firmness::Final);

#[test]
fn who_puts_the_verdict_where_it_is_returned_from_decides() {
    let program = program(|a| {
        let (drop, end) = (a.label("drop"), a.label("end"));
        a.jump_if(R1, Cond::Eq, 0, drop);
        // Another register and another slot mean nothing.
        a.mov(R6, 1).store(Size::D, FP - 16, 1).mov(R8, 2).jump(end);
        a.place(drop);
        a.mov(R8, 1);
        a.place(end);
        a.store(Size::D, FP - 8, R8).mov(R8, 0).load(Size::D, R2, FP - 8).mov(R0, R2).exit();
    });
    assert_eq!(fates(&program), [Fate::Open, PASSES, DROPS, Fate::Open]);
}

#[test]
fn a_block_leads_to_drop_when_the_next_decision_on_every_path_is_drop() {
    let program = program(|a| {
        let (a1, a2, drop, pass, shadow, done) = (
            a.label("a1"),
            a.label("a2"),
            a.label("drop"),
            a.label("pass"),
            a.label("shadow"),
            a.label("done"),
        );
        a.jump_if(R1, Cond::Eq, 0, a1).jump(pass);
        a.place(a1);
        a.jump_if(R1, Cond::Eq, 1, a2).mov(R2, 7).jump(drop);
        a.place(a2);
        a.mov(R2, 8).jump(drop);
        a.place(drop);
        a.mov(R8, 1).jump_if(R6, Cond::Ne, 0, shadow);
        a.place(done);
        a.mov(R0, R8).exit();
        a.place(shadow);
        a.add(R2, 9);
        a.place(pass);
        a.mov(R8, 2).jump(done);
    });
    let leads = Fate::LeadsTo;
    assert_eq!(
        fates(&program),
        [
            Fate::Open,
            leads(XdpAction::Pass),
            leads(XdpAction::Drop),
            leads(XdpAction::Drop),
            leads(XdpAction::Drop),
            Fate::Decides(XdpAction::Drop, Firmness::UnlessChanged),
            Fate::Open,
            leads(XdpAction::Pass),
            PASSES,
        ]
    );
}

#[test]
fn helpers_that_redirect_decide_and_computed_verdicts_do_not() {
    let redirect = program(|a| {
        a.call(Helper::REDIRECT).exit();
    });
    assert_eq!(fates(&redirect), [Fate::Decides(XdpAction::Redirect, Firmness::Final)]);
    let computed = program(|a| {
        a.mov(R0, 1).add(R0, 1).exit();
    });
    assert_eq!(fates(&computed), [Fate::Open]);
    let looked_up = program(|a| {
        a.mov(R0, 1).call(Helper::JIFFIES64).exit();
    });
    assert_eq!(fates(&looked_up), [Fate::Open]);
    let one_of_two = program(|a| {
        let drop = a.label("drop");
        a.jump_if(R1, Cond::Eq, 0, drop).mov(R0, R6).exit();
        a.place(drop);
        a.mov(R0, 1).exit();
    });
    assert_eq!(fates(&one_of_two), [Fate::Open, Fate::Open, DROPS]);
}

#[test]
fn a_function_decides_when_its_caller_returns_what_it_says_and_not_otherwise() {
    let returned = program(|a| {
        let function = a.label("function");
        a.call_sub(function).exit();
        a.place(function);
        a.mov(R0, 1).exit();
    });
    assert_eq!(fates(&returned)[1], DROPS);
    let ignored = program(|a| {
        let function = a.label("function");
        a.call_sub(function).mov(R0, 2).exit();
        a.place(function);
        a.mov(R0, 1).exit();
    });
    assert_eq!(fates(&ignored), [PASSES, Fate::Open]);
}

#[test]
fn nodes_bear_titles_colours_and_text_and_nothing_ends_their_strings() {
    expect![[r##"
        digraph "main" {
          graph [splines=line, nslimit=1];
          node [shape=box, style=filled, fontname="monospace"];
          edge [fontname="monospace"];
          s0 [fillcolor="#fdeeee", color="#c62828", label=<<b>3: drop &quot;a\b&quot; &amp; &lt;c&gt;�</b><br align="left"/>0: if r1 &amp; 0x2 goto left<br align="left"/>>];
          s1 [fillcolor="#fdeeee", color="#c62828", label=<<b>3: drop &quot;a\b&quot; &amp; &lt;c&gt;�</b><br align="left"/>1: r2 = 0x1 ll<br align="left"/>3: goto meet<br align="left"/>>];
          s4 [fillcolor="#fdeeee", color="#c62828", label=<<b>3: drop &quot;a\b&quot; &amp; &lt;c&gt;�</b><br align="left"/>left:<br align="left"/>4: r2 = subprog[callback]<br align="left"/>6: call function<br align="left"/>>];
          s7 [fillcolor="#fdeeee", color="#c62828", penwidth=3, label=<<b>3: drop &quot;a\b&quot; &amp; &lt;c&gt;�</b><br align="left"/>meet:<br align="left"/>7: r0 = 1<br align="left"/>8: exit<br align="left"/>>];
          s9 [fillcolor="#ffffff", color="#7d8b99", label=<<b>3: drop &quot;a\b&quot; &amp; &lt;c&gt;�</b><br align="left"/>function:<br align="left"/>9: exit<br align="left"/>>];
          s10 [fillcolor="#ffffff", color="#7d8b99", label=<<b>3: drop &quot;a\b&quot; &amp; &lt;c&gt;�</b><br align="left"/>callback:<br align="left"/>10: exit<br align="left"/>>];
          s0 -> s4 [color="#c62828", label="taken", penwidth=3];
          s0 -> s1 [color="#c62828", label="not taken"];
          s1 -> s7 [color="#c62828"];
          s4 -> s10 [color="#7d8b99", label="callback", style=dashed];
          s4 -> s9 [color="#7d8b99", label="call", style=dashed, penwidth=3];
          s4 -> s7 [color="#c62828", penwidth=3];
        }
    "##]].assert_eq(&diamond().graph().dot("main").to_string());
}

#[test]
fn ways_back_and_headers_are_marked_for_graphviz() {
    let text = nested().graph().dot("loops").to_string();
    let marked = text.lines().filter(|line| line.contains("color=\"#8e24aa\"")).count();
    assert_eq!((marked, text.matches("<i>loop</i>").count()), (2, 2), "{text}");
}

#[test]
fn graphviz_draws_every_block_and_every_edge() {
    for program in [diamond(), nested(), irreducible(), recursion(), hostile()] {
        let graph = program.graph();
        let Some(drawn) = graphviz(&graph) else { return };
        let of = |kind: &str| drawn.lines().filter(|line| line.starts_with(kind)).count();
        let edges: usize = graph.blocks().iter().map(|block| block.edges.len()).sum();
        assert_eq!((of("node "), of("edge ")), (graph.blocks().len(), edges), "{drawn}");
    }
}

/// A program whose names are markup, marks of Graphviz, and what XML cannot hold.
fn hostile() -> Program {
    program(|a| {
        let label = a.label("</b>>]; s99 [label=\"\\N &lt; \u{0}\u{fffe}");
        a.note(Note::new("<b>\"\\l\u{1b}[31m"));
        a.jump_if(R1, Cond::Eq, 0, label);
        a.note(Note::new(" "));
        a.place(label);
        a.note(Note::line(1, "]>"));
        a.mov(R0, 2).exit();
    })
}

fn graphviz(graph: &Graph<'_>) -> Option<String> {
    let spawned =
        Command::new("dot").arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut dot) = spawned else {
        // Not `eprintln!`, which the test harness keeps to itself when a test passes.
        writeln!(std::io::stderr(), "skipped: Graphviz is not installed").expect("stderr takes it");
        return None;
    };
    let text = graph.dot("a \"name\"").to_string();
    dot.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = dot.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    Some(String::from_utf8(output.stdout).unwrap())
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
    assert_eq!(graph.dominators().immediate(50_000), Some(49_999));
    assert!(graph.dot("long").to_string().contains("s150000 "));
}

/// The blocks that paths from `start` reach, inside a function, without passing `without`.
fn reached(graph: &Graph<'_>, start: usize, without: Option<usize>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(block) = open.pop() {
        if Some(block) != without && reached.insert(block) {
            let inside = graph.blocks()[block].edges.iter().filter(|edge| edge.way.is_inside());
            open.extend(inside.map(|edge| edge.to));
        }
    }
    reached
}

/// Whether the edges have a cycle: whether taking away what nothing leads to leaves something.
fn is_cyclic(count: usize, edges: &[(usize, usize)]) -> bool {
    let mut left: BTreeSet<usize> = (0..count).collect();
    loop {
        let entered: BTreeSet<usize> =
            edges.iter().filter(|(from, _)| left.contains(from)).map(|(_, to)| *to).collect();
        let before = left.len();
        left = left.intersection(&entered).copied().collect();
        if left.len() == before {
            return !left.is_empty();
        }
    }
}

/// The edges for which `keep` holds, as pairs of blocks.
fn pairs(graph: &Graph<'_>, keep: impl Fn(usize, &Edge) -> bool) -> Vec<(usize, usize)> {
    let blocks = graph.blocks().iter().enumerate();
    let edges = blocks.flat_map(|(from, block)| block.edges.iter().map(move |edge| (from, edge)));
    edges.filter(|(from, edge)| keep(*from, edge)).map(|(from, edge)| (from, edge.to)).collect()
}

/// The longest way from an instruction to the end of its function, by trying all of them.
fn longest(program: &Program, at: usize) -> usize {
    let insn = &program.insns()[at];
    let next = insn.falls_through().then_some(at + 1);
    let jump = insn.jump().map(|label| program.target(label));
    let called = insn.label().filter(|_| insn.jump().is_none());
    let inside = called.map_or(0, |label| longest(program, program.target(label)));
    let ways = next.into_iter().chain(jump).map(|to| longest(program, to));
    1 + inside + ways.max().unwrap_or(0)
}

proptest! {
    #[test]
    fn dominators_are_what_no_path_avoids(program in shapes::programs(12)) {
        let graph = program.graph();
        let dominators = graph.dominators();
        for function in graph.functions() {
            let all = reached(&graph, function, None);
            for &by in &all {
                let avoiding = reached(&graph, function, Some(by));
                for &block in &all {
                    prop_assert_eq!(dominators.dominates(by, block), !avoiding.contains(&block));
                }
            }
            for &block in &all {
                // The immediate one dominates the block and is dominated by all others that do.
                let strict: Vec<usize> = all
                    .iter()
                    .copied()
                    .filter(|by| *by != block && dominators.dominates(*by, block))
                    .collect();
                let nearest = strict
                    .iter()
                    .copied()
                    .find(|near| strict.iter().all(|by| dominators.dominates(*by, *near)));
                prop_assert_eq!(dominators.immediate(block), nearest);
            }
        }
    }

    #[test]
    fn loops_are_all_edges_to_a_dominator_and_every_other_cycle_is_named(
        program in shapes::programs(12)
    ) {
        let graph = program.graph();
        let (dominators, loops) = (graph.dominators(), graph.loops());
        let natural = |from: usize, edge: &Edge| {
            edge.way.is_inside() && dominators.dominates(edge.to, from)
        };
        let of = |kind| loops.iter().filter(move |of| of.kind == kind);
        let found: BTreeSet<(usize, usize)> = of(LoopKind::Natural)
            .flat_map(|of| of.back.iter().map(|from| (*from, of.header)))
            .collect();
        prop_assert_eq!(found, pairs(&graph, natural).into_iter().collect());
        let count = graph.blocks().len();
        let rest = pairs(&graph, |from, edge| edge.way.is_inside() && !natural(from, edge));
        prop_assert_eq!(of(LoopKind::Irreducible).count() > 0, is_cyclic(count, &rest));
        for of in &loops {
            let body = graph.body(of);
            prop_assert!(body.contains(&of.header));
            if of.kind == LoopKind::Natural {
                prop_assert!(of.back.iter().all(|back| body.contains(back)));
                prop_assert!(body.iter().all(|block| dominators.dominates(of.header, *block)));
            }
        }
        let all = pairs(&graph, |_, _| true);
        prop_assert_eq!(!loops.is_empty(), is_cyclic(count, &all));
    }

    #[test]
    fn an_order_is_given_exactly_to_programs_without_a_cycle(program in shapes::programs(6)) {
        let graph = program.graph();
        let all = pairs(&graph, |_, _| true);
        prop_assert_eq!(graph.order().is_err(), is_cyclic(graph.blocks().len(), &all));
        match graph.order() {
            Ok(order) => {
                let place = |block: usize| order.iter().position(|at| *at == block).unwrap();
                prop_assert_eq!(order.len(), graph.blocks().len());
                prop_assert!(all.iter().all(|(from, to)| place(*from) < place(*to)));
                prop_assert_eq!(program.longest_path(), longest(&program, 0));
            }
            Err(OrderError::Loop { at, to, .. }) => {
                let target = program.insns()[at].label().map(|label| program.target(label));
                prop_assert!(target == Some(to) || at + 1 == to, "{} {}", at, to);
            }
        }
    }

    #[test]
    fn the_longest_path_is_a_path_and_executes_what_it_says(program in shapes::programs(10)) {
        let graph = program.graph();
        let path = graph.longest_path();
        prop_assert_eq!(path.instructions, program.longest_path());
        prop_assert_eq!(path.blocks[0], 0);
        let distinct: BTreeSet<usize> = path.blocks.iter().copied().collect();
        prop_assert_eq!(distinct.len(), path.blocks.len());
        let has_calls = graph.functions().len() > 1;
        if !has_calls && !path.blocks.is_empty() {
            let executed: usize = path.blocks.iter().map(|at| graph.blocks()[*at].insns.len()).sum();
            prop_assert_eq!(path.instructions, executed);
            let edges = pairs(&graph, |_, _| true);
            for pair in path.blocks.windows(2) {
                prop_assert!(edges.contains(&(pair[0], pair[1])));
            }
        }
    }
}
